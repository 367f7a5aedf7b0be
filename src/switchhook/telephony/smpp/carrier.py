"""The carrier of texts that SMPP reaches: one process of a store is connected, keeps the connection, and sends.

A text goes out in as many messages as it has segments, in order; each gets an id, and its receipts say what became of
it. The ids are durable before anything that comes after them is acted on, receipts before they are answered.

SMPP cannot be asked for a text whose id is not known: one whose answer was lost stays in doubt.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from switchhook.clock import Clock
from switchhook.storage import text_parts
from switchhook.storage.store import StorageError, Store, Transaction
from switchhook.telephony.smpp.arrivals import Arrivals
from switchhook.telephony.smpp.letters import Wire, is_receipt, outgoing, progress_of, receipt
from switchhook.telephony.smpp.pdu import (
    Address,
    Command,
    Message,
    PduError,
    Status,
    message_body,
    query_body,
    read_id,
    read_queried,
)
from switchhook.telephony.smpp.session import Access, Binding, LoginRefused, Lost, Session, status_name
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import (
    CarrierUnreachable,
    Doubtful,
    Later,
    Outcome,
    Outgoing,
    Progress,
    Refused,
    Taken,
    together,
)
from switchhook.workspace.texts import Status as Stage

log = logging.getLogger(__name__)

NAME = "smpp"
FIRST_PAUSE, LONGEST_PAUSE, REFUSED_PAUSE = 1.0, 60.0, 60.0  # seconds before the next connection
SWEEP = 60.0
PART_TRIES, PART_PAUSE = 10, 2.0  # of a later part that the carrier will not take at the moment
AFTER_ERROR = 1.0

# The carrier did not take it, and may take it later.
_NOT_NOW = frozenset({Status.SYSTEM_ERROR, Status.QUEUE_FULL, Status.THROTTLED, Status.WRONG_STATE})


class Settings(msgspec.Struct, frozen=True):
    """How texts go to a carrier. `numbers` are those that they go out from, all when there are none."""

    access: Access
    wire: Wire = Wire()
    rate: float = 1.0
    numbers: tuple[str, ...] = ()
    separate: bool = False  # a connection to send and one to receive, instead of one for both
    query: bool = False  # whether the carrier can be asked about a message
    decimal_receipts: bool = (
        False  # whether receipts spell in decimal the ids that answers spell in hexadecimal
    )


class Smpp:
    """A `Carrier`."""

    name = NAME

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self.rate = settings.rate
        self._settings = settings
        self._store = store
        self._clock = clock
        self._texts: Texts | None = None
        self._arrivals: Arrivals | None = None
        self._sender: Session | None = None  # what texts go out by
        self._keeper: asyncio.Task[None] | None = None
        self._reference = 0
        self._storing: set[asyncio.Task[None]] = set()
        self.state = "standing by"

    def serve(self, texts: Texts) -> None:
        """Give what comes in to these texts."""
        self._texts = texts
        self._arrivals = Arrivals(self._store, self._clock, texts, NAME, self._settings.wire)

    def sends_from(self, sender: str) -> bool:
        """See `Carrier`."""
        numbers = self._settings.numbers
        return not numbers or not sender.startswith("+") or sender in numbers

    async def attend(self, ours: bool) -> None:
        """See `Carrier`."""
        if ours and self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())
        elif not ours:
            await self._stand_by()

    async def close(self) -> None:
        """See `Carrier`."""
        await self._stand_by()
        if self._storing:
            await asyncio.wait(self._storing)

    async def submit(self, text: Outgoing) -> Outcome:
        """See `Carrier`."""
        session = self._sender
        if session is None:
            return Later(f"the carrier is not connected: {self.state}")
        self._reference = (self._reference + 1) % 256
        try:
            messages = outgoing(text, self._settings.wire, self._reference)
            bodies = [message_body(message) for message in messages]
        except ValueError as error:
            return Refused(str(error))
        ids: list[str] = []
        for number, body in enumerate(bodies, 1):
            outcome = await self._submit_part(session, body, first=number == 1)
            if not isinstance(outcome, str):
                return outcome if number == 1 else _partly(outcome, number, len(bodies))
            await self._keep_id(text, outcome, len(bodies))
            ids.append(outcome)
        named = " ".join(id_ for id_ in ids if id_)
        return Taken(named or f"- {text.id}", Progress(Stage.SENT))

    async def _submit_part(self, session: Session, body: bytes, *, first: bool) -> Outcome | str:
        """Hand one message over: its id, or why it has none. A later part is tried again for a while."""
        for left in reversed(range(PART_TRIES)):
            try:
                header, answer = await session.ask(Command.SUBMIT_SM, body)
            except Lost as error:
                return Doubtful(str(error)) if error.sent else Later(str(error))
            if header.status == Status.OK:
                return _id_of(answer)
            why = f"the carrier answers {status_name(header.status)}"
            if header.status not in _NOT_NOW:
                return Refused(why)
            if first or not left:
                return Later(why)
            await self._clock.sleep(PART_PAUSE)
        raise AssertionError

    async def _keep_id(self, text: Outgoing, part_id: str, total: int) -> None:
        """Make the id of a message durable: receipts may follow at once, and wait for it."""
        if part_id:
            part = text_parts.Part(part_id, total, Stage.SENT.value, None)
            workspace = self._to().workspace
            task = asyncio.get_running_loop().create_task(
                self._insist(lambda tx: text_parts.add_part(tx, workspace, NAME, text.id, part))
            )
            self._storing.add(task)
            task.add_done_callback(self._storing.discard)
            await asyncio.shield(task)

    async def _insist(self, work: Callable[[Transaction], Awaitable[None]]) -> None:
        """Store something, however long the store is away: as long as this process lives, it knows."""
        while True:
            try:
                await self._store.run(work)
                return
            except StorageError as error:
                log.warning("what the carrier said is written down later: %s", error)
                await self._clock.sleep(AFTER_ERROR)

    async def ask(self, text: Outgoing, since: int, carrier_id: str | None) -> Sequence[Taken]:
        """See `Carrier`."""
        if carrier_id is None or carrier_id.startswith("-") or not self._settings.query:
            return ()
        session = self._sender
        if session is None:
            raise CarrierUnreachable(f"it is not connected: {self.state}")
        stages: list[Progress] = []
        for part_id in carrier_id.split(" "):
            source = (
                Address(text.sender.lstrip("+"), 1, 1)
                if text.sender.startswith("+")
                else Address(text.sender, 5)
            )
            try:
                header, answer = await session.ask(Command.QUERY_SM, query_body(part_id, source))
                if header.status != Status.OK:
                    raise CarrierUnreachable(f"it answers {status_name(header.status)}")
                state = read_queried(answer)
            except (Lost, PduError, ValueError) as error:
                raise CarrierUnreachable(str(error)) from None
            found = progress_of(state.state, str(state.error))
            if found is None:
                return ()
            stages.append(found)
        return [Taken(carrier_id, together(stages))]

    async def take(self, message: Message) -> Status:
        """Something came in. Returns what the carrier is told, once it is durable, however long that takes: not every
        carrier brings again what it could not get rid of."""
        while True:
            try:
                return await self._take(message)
            except StorageError as error:
                log.warning("what the carrier brings waits for the store: %s", error)
                await self._clock.sleep(AFTER_ERROR)

    async def _take(self, message: Message) -> Status:
        if not is_receipt(message):
            assert self._arrivals is not None
            return await self._arrivals.take(message)
        said = receipt(message)
        if said is None or said.progress is None:
            return Status.OK
        progress, part_id = said.progress, self._submitted_id(said.message_id)
        if not await self._report(part_id, progress) and self._storing:
            await asyncio.wait(set(self._storing))
            await self._report(part_id, progress)
        return Status.OK

    def _submitted_id(self, receipted: str) -> str:
        """The id of a receipt as the answer to the submit spelled it."""
        if self._settings.decimal_receipts and receipted.isdigit() and len(receipted) <= 20:
            return f"{int(receipted):x}"
        return receipted

    async def _report(self, part_id: str, progress: Progress) -> bool:
        texts = self._to()

        async def work(tx: Transaction) -> bool:
            workspace = texts.workspace
            spellings = [part_id, part_id.upper()] if self._settings.decimal_receipts else [part_id]
            for spelling in spellings:
                text_id = await text_parts.text_of(tx, workspace, NAME, spelling)
                if text_id is not None:
                    await texts.apply_part(tx, text_id, NAME, spelling, progress)
                    return True
            return False

        return await self._store.run(work)

    def _to(self) -> Texts:
        assert self._texts is not None, "serve() comes first"
        return self._texts

    async def _stand_by(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        self.state = "standing by"

    async def _keep(self) -> None:
        """Stay connected, whatever happens."""
        pause = FIRST_PAUSE
        while True:
            since = self._clock.monotonic()
            try:
                await self._connected()
                why, wait = "the connection ended", pause
            except Lost as error:
                why, wait = str(error), pause
            except LoginRefused as error:
                why, wait = str(error), REFUSED_PAUSE
            if self._clock.monotonic() - since > LONGEST_PAUSE:
                wait = pause = FIRST_PAUSE
            self.state = why
            log.warning("texts: %s; connecting again in %g s", why, wait)
            await self._clock.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _connected(self) -> None:
        """Connect, and come back when the connection is over.

        Raises:
            Lost, LoginRefused: see there.
        """
        assert self._arrivals is not None
        self._arrivals.connected()
        access, clock = self._settings.access, self._clock
        bindings: tuple[Binding, ...] = (
            ("transmitter", "receiver") if self._settings.separate else ("transceiver",)
        )
        sessions = [Session(access, binding, clock, self.take) for binding in bindings]
        try:
            for session in sessions:
                await session.open()
            self._sender = sessions[0]
            self.state = "up"
            log.info("texts: connected to %s:%d", access.host, access.port)
            await self._until_over(sessions)
            raise Lost(next(session.why for session in sessions if session.over.is_set()))
        finally:
            self._sender = None
            await asyncio.gather(*(session.close() for session in sessions))

    async def _until_over(self, sessions: Sequence[Session]) -> None:
        loop = asyncio.get_running_loop()
        ends = [loop.create_task(session.over.wait()) for session in sessions]
        sweeper = loop.create_task(self._sweep())
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*ends, sweeper):
                task.cancel()
            await asyncio.gather(*ends, sweeper, return_exceptions=True)

    async def _sweep(self) -> None:
        assert self._arrivals is not None
        while True:
            try:
                await self._arrivals.sweep()
            except StorageError as error:
                log.warning("texts that wait for their parts must wait for the store: %s", error)
            await self._clock.sleep(SWEEP)


def _id_of(answer: bytes) -> str:
    """The id of a message that was taken; empty when there is none, or it cannot be read. Pure."""
    try:
        return read_id(answer)
    except PduError:
        return ""


def _partly(outcome: Outcome, number: int, total: int) -> Outcome:
    """What becomes of a text whose first parts are gone: it cannot be sent again, and nobody can read it. Pure."""
    where = f"part {number} of {total}"
    match outcome:
        case Doubtful(why=why):
            return Doubtful(f"{where}: {why}")
        case Later(why=why):
            return Refused(f"{where}: {why}")
        case Refused(reason=reason):
            return Refused(f"{where}: {reason}")
        case _:
            return outcome
