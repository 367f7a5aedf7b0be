"""Takes texts from the queue to the carrier, each at most once.

    WAITING ─claim, committed─▶ submit ─▶ what the carrier said, committed
                                   └─ nobody can say, or this process is gone ─▶ asked about, never sent again

In a shared store one process at a time sends, as long as it is in force: it has the line `texts` (see `line.py`), and a
claim is refused in its own transaction when another one has. What a process that is gone had claimed is asked about.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from switchhook.clock import Clock, Deadline
from switchhook.delivery.allowance import BURST_SECONDS, Allowance
from switchhook.storage import processes, text_parts, texts
from switchhook.storage.conversations import FOREVER
from switchhook.storage.processes import LineLost
from switchhook.storage.store import StorageError, Store, Transaction
from switchhook.storage.texts import Sending, State
from switchhook.workspace.messaging import Texts
from switchhook.workspace.segments import split
from switchhook.workspace.texts import (
    ASK_FIRST,
    ASK_NO_MORE,
    GIVE_UP,
    UNKNOWN,
    Carrier,
    CarrierUnreachable,
    Doubtful,
    Later,
    Outcome,
    Outgoing,
    Progress,
    Refused,
    Status,
    Taken,
    ask_in,
    resolve,
    retry_in,
)

log = logging.getLogger(__name__)

LINE = "texts"
PARALLEL = 16  # texts under way
WINDOW = 256  # texts at the head of the queue that are looked at
LOOK = 1.0  # seconds between two looks at the queue
AFTER_ERROR = 2.0
ATTEND = 2.0  # seconds between two looks at who has the texts
STALE = 30.0  # seconds after which a claim is too old to be acted on: it is about to be asked about
ASKED = 20  # texts asked about in one look
STOP_GRACE = 3.0  # seconds that texts under way get when we stop


class Sender:
    """Sends the texts of one workspace through its carrier."""

    def __init__(self, store: Store, clock: Clock, messages: Texts, carrier: Carrier) -> None:
        self._store = store
        self._clock = clock
        self._texts = messages
        self._workspace = messages.workspace
        self._carrier = carrier
        self._allowance = Allowance(carrier.rate)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._busy: set[str] = set()  # numbers that a text is under way to: they get theirs in order
        self._loops: list[asyncio.Task[None]] = []
        self._awake = asyncio.Event()
        self._ours = False
        self._submitted = 0
        self._refused = 0
        messages.on_accepted(self._awake.set)

    def start(self) -> None:
        """Begin to send."""
        loop = asyncio.get_running_loop()
        for work in (self._send_now, self._ask_now, self._attend_now):
            self._loops.append(loop.create_task(self._keep_on(work)))

    async def stop(self) -> None:
        """Let what is under way end, for a moment; what does not is asked about later."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                async with Deadline(self._clock, STOP_GRACE):
                    await self._settled()
            for task in list(self._under_way.values()):
                task.cancel()
            await self._settled()
        if self._ours and self._store.shared:
            with contextlib.suppress(StorageError):
                await self._store.run(lambda tx: processes.leave_line(tx, LINE))
        await self._carrier.close()

    def snapshot(self) -> dict[str, float]:
        """Counters and gauges for the metrics page."""
        return {
            "texts_submitted_total": self._submitted,
            "texts_refused_total": self._refused,
            "texts_under_way": len(self._under_way),
        }

    async def send(self) -> int:
        """Send all that is due now, and wait for what comes of it; how many texts that were. 0 when others send.

        Raises:
            StorageError: the store cannot be reached.
        """
        count = 0
        while True:
            claimed = await self._send_some()
            count += claimed
            if not claimed:
                if not self._under_way:
                    return count
                await asyncio.wait(list(self._under_way.values()), return_when=asyncio.FIRST_COMPLETED)

    async def ask(self) -> int:
        """Ask about what is in doubt, and about what nobody reported of; how many texts that were.

        Raises:
            StorageError: the store cannot be reached.
        """
        count = 0
        states: tuple[State, ...] = ("CLAIMED", "ACCEPTED")
        for state in states:
            due = [text for text in await self._due(state, ASKED) if text.id not in self._under_way]
            if due and await self._take():
                for text in due:
                    await self._ask(text, state)
                count += len(due)
        return count

    async def _due(self, state: State, limit: int) -> list[Sending]:
        now = self._clock.now()
        return await self._store.read(lambda reader: texts.due(reader, self._workspace, state, now, limit))

    async def _keep_on(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except StorageError as error:
                log.warning("texts must wait for the store: %s", error)
                await self._clock.sleep(AFTER_ERROR)
            except Exception:
                log.exception("sending texts failed; it is tried again")
                await self._clock.sleep(AFTER_ERROR)

    async def _send_now(self) -> None:
        self._awake.clear()
        while await self._send_some():
            pass
        pause = asyncio.ensure_future(self._clock.sleep(LOOK))
        awake = asyncio.ensure_future(self._awake.wait())
        try:
            await asyncio.wait([pause, awake], return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            awake.cancel()

    async def _ask_now(self) -> None:
        await self._clock.sleep(LOOK)
        await self.ask()

    async def _attend_now(self) -> None:
        await self._carrier.attend(await self._take())
        await self._clock.sleep(ATTEND)

    async def _take(self) -> bool:
        """Whether it is this process that sends."""
        if not self._store.shared:
            return True
        other = await self._store.run(lambda tx: processes.take_line(tx, LINE))
        self._ours = other is None
        return self._ours

    async def _send_some(self) -> int:
        """Claim what may go out at this moment, and begin to submit it; how many texts that were."""
        room = PARALLEL - len(self._under_way)
        if room <= 0 or not await self._due("WAITING", 1) or not await self._take():
            return 0
        wait = self._allowance.wait(self._clock.monotonic())
        if wait > 0:
            await self._clock.sleep(wait)
        most = min(room, max(1, int(self._carrier.rate * BURST_SECONDS)))
        try:
            claimed = await self._store.run(lambda tx: self._claim(tx, most))
        except LineLost:
            return 0
        began = self._clock.monotonic()
        for text in claimed:
            for _ in split(text.content or "").parts:
                self._allowance.take(began)
            self._busy.add(text.contact_number)
            task = asyncio.get_running_loop().create_task(self._submit(text, began))
            self._under_way[text.id] = task
            task.add_done_callback(lambda _, done=text: self._over(done))  # type: ignore[misc]
        return len(claimed)

    def _over(self, text: Sending) -> None:
        del self._under_way[text.id]
        self._busy.discard(text.contact_number)
        self._awake.set()

    async def _settled(self) -> None:
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    async def _claim(self, tx: Transaction, most: int) -> list[Sending]:
        if tx.shared:
            await processes.need_line(tx, LINE)
        now = self._clock.now()
        claimed: list[Sending] = []
        # What is equal to a text in doubt could not be told from it: what comes after it to the same number waits.
        doubtful = await texts.due(tx, self._workspace, "CLAIMED", FOREVER, WINDOW)
        busy = self._busy.union(text.contact_number for text in doubtful)
        for text in await texts.due(tx, self._workspace, "WAITING", now, WINDOW):
            if len(claimed) < most and text.contact_number not in busy:
                await texts.claim(tx, self._workspace, text.id, now, now + ASK_FIRST * 1000)
                busy.add(text.contact_number)
                claimed.append(text)
        return claimed

    async def _submit(self, text: Sending, claimed: float) -> None:
        """Hand over a text that is claimed, and write down what the carrier said."""
        if self._clock.monotonic() - claimed > STALE:
            return
        outcome: Outcome
        if text.content is None:
            outcome = Refused("its content was removed before it was sent")
        elif text.carrier != self._carrier.name:
            outcome = Refused(f"it was taken for the carrier {text.carrier}, which is not there any more")
        else:
            try:
                outcome = await self._carrier.submit(_outgoing(text))
            except Exception:
                log.exception("submitting the text %s failed unexpectedly", text.id)
                outcome = Doubtful("a fault of ours")
        while True:
            try:
                await self._store.run(lambda tx: self._record(tx, text, outcome))
                return
            except StorageError as error:  # as long as this process lives it knows what the carrier said
                log.warning("what the carrier said of text %s is written down later: %s", text.id, error)
                await self._clock.sleep(AFTER_ERROR)

    async def _record(self, tx: Transaction, text: Sending, outcome: Outcome) -> None:
        now = self._clock.now()
        match outcome:
            case Taken(carrier_id=carrier_id, progress=progress):
                self._submitted += 1
                await self._texts.apply(tx, text.id, progress, carrier_id)
            case Refused(reason=reason):
                self._refused += 1
                log.warning("the text %s is not sent: %s", text.id, reason)
                await self._texts.apply(tx, text.id, Progress(Status.FAILED, reason))
            case Later(why=why, seconds=seconds):
                due = now + round(retry_in(text.attempts, seconds) * 1000)
                if due > text.at + GIVE_UP * 1000:
                    await self._texts.apply(tx, text.id, Progress(Status.FAILED, why))
                else:
                    await texts.put_back(tx, self._workspace, text.id, due, text.attempts + 1)
            case Doubtful(why=why):
                log.warning("the text %s may have been sent or not, the carrier is asked: %s", text.id, why)

    async def _ask(self, text: Sending, state: State) -> None:
        now = self._clock.now()
        begun = text.claimed_at if state == "CLAIMED" and text.claimed_at is not None else text.at
        over = now > begun + ASK_NO_MORE * 1000
        found: list[Taken] | None = None
        if text.carrier == self._carrier.name:
            try:
                found = list(await self._carrier.ask(_outgoing(text), begun, text.carrier_id))
            except CarrierUnreachable as error:
                log.warning("the carrier cannot say what became of the text %s: %s", text.id, error)
            except Exception:
                log.exception("asking about the text %s failed unexpectedly", text.id)

        async def work(tx: Transaction) -> None:
            if state == "CLAIMED" and found is not None:
                others = [
                    one.carrier_id
                    for one in found
                    if await texts.by_carrier(tx, self._workspace, text.carrier, one.carrier_id)
                    not in (None, text.id)
                ]
                only = resolve(found, others)
                if only is not None:
                    await self._texts.apply(tx, text.id, only.progress, only.carrier_id)
                    return
                await self._texts.apply(tx, text.id, Progress(Status.FAILED, UNKNOWN))
                return
            for one in found or ():
                await self._texts.apply(tx, text.id, one.progress)
            if not over:
                await texts.ask_again(
                    tx, self._workspace, text, state, now + round(ask_in(text.attempts) * 1000)
                )
            elif state == "CLAIMED":
                await self._texts.apply(tx, text.id, Progress(Status.FAILED, UNKNOWN))
            else:
                await texts.forget(tx, self._workspace, text.id)
                await text_parts.drop_parts(tx, self._workspace, text.id)

        await self._store.run(work)


def _outgoing(text: Sending) -> Outgoing:
    return Outgoing(text.id, text.own_number, text.contact_number, text.content or "")
