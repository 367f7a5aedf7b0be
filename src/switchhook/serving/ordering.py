"""Orders for the line, as they are given and as they are carried out.

Any process takes orders and writes them down; the one that has the line looks for them, at once when they were given in
the same process and otherwise within a second.
"""

import asyncio
import logging

from switchhook.clock import Clock
from switchhook.serving.line import SIP, Line
from switchhook.storage.store import Reader, StorageError, Store, Transaction
from switchhook.telephony.sip.supervisor import LineState, SipLine
from switchhook.workspace import orders
from switchhook.workspace.orders import Begin, HangUp, Order, OrderFault, Record
from switchhook.workspace.switchboard import Switchboard

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks


class Taken(Exception):
    """Somebody else has taken the order."""


class Ordering:
    """Takes orders of one workspace, and carries them out where the line is open."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        switchboard: Switchboard,
        line: Line,
        *,
        trunk: bool,
    ) -> None:
        """`trunk` says whether a line that is open here has one."""
        self._store = store
        self._clock = clock
        self._switchboard = switchboard
        self._workspace = switchboard.workspace
        self._line = line
        self._trunk = trunk
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ taking them

    async def check(self, reader: Reader, workspace: str) -> None:
        """See that somebody can carry out an order.

        Raises:
            OrderFault: nobody can.
        """
        if workspace != self._workspace:
            raise OrderFault(
                "LINE_NOT_OPEN", "", "This workspace has no line; the first one of the server has it."
            )
        here = self._line.telephones is not None
        if not here and not (self._store.shared and await reader.fetch("line_is_taken", SIP)):
            raise OrderFault(
                "LINE_NOT_OPEN",
                "",
                "No process has a SIP line open; start one with --sip-listen and --sip-trunk.",
            )
        if here and not self._trunk:
            raise OrderFault("LINE_NOT_OPEN", "", "Calls cannot go outside; name the trunk with --sip-trunk.")

    async def give(self, tx: Transaction, call: str, what: orders.What) -> None:
        """Write an order down. It is carried out once `tx` is committed."""
        await orders.give(tx, self._workspace, call, what, self._clock.now())
        asyncio.get_running_loop().call_soon(self._awake.set)

    # ------------------------------------------------------------ carrying them out

    def start(self) -> None:
        """Begin to look for orders."""
        self._task = asyncio.get_running_loop().create_task(self._keep_on())

    async def stop(self) -> None:
        """Carry out no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_on(self) -> None:
        given = False
        while True:
            try:
                await self.look(given=given)
            except StorageError as error:
                log.warning("orders for the SIP line have to wait: %s", error)
            except Exception:
                log.exception("an order for the SIP line could not be carried out")
            pause = asyncio.ensure_future(self._clock.sleep(LOOK))
            awake = asyncio.ensure_future(self._awake.wait())
            try:
                await asyncio.wait([pause, awake], return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                awake.cancel()
            given = self._awake.is_set()
            self._awake.clear()

    async def look(self, *, given: bool = False) -> int:
        """Carry out what is ordered, when the line is open here; how many orders that were.

        `given` says that something was ordered here just now, and may not be committed yet.

        Raises:
            StorageError: the store cannot be reached.
        """
        line = self._line.telephones
        if not isinstance(line, SipLine) or line.state is not LineState.UP:
            return 0
        done = 0
        asked = self._store.run if given else self._store.read
        for order in await asked(lambda reader: orders.waiting(reader, self._workspace)):
            try:
                await self._carry_out(line, order)
            except Taken:
                continue
            done += 1
        return done

    async def _carry_out(self, line: SipLine, order: Order) -> None:
        async def taken(tx: Transaction) -> None:
            if not await orders.take(tx, self._workspace, order):
                raise Taken

        match order.what:
            case Begin() as what:
                offered, *ended = orders.offer(order, what, self._switchboard.directory, self._clock.now())
                await self._line.report(offered, taken)
                for fact in ended:
                    await self._line.report(fact)
                if not ended:
                    line.originate(offered)  # type: ignore[arg-type]
            case HangUp() | Record() as what:
                state = await self._store.run(lambda tx: self._state(tx, order))
                if state is not None and isinstance(what, Record):
                    line.set_recording(state, what.state)
                elif state is not None:
                    line.hang_up(state)

    async def _state(self, tx: Transaction, order: Order) -> str | None:
        """The line's own id of the call that an order is about, once the order is ours."""
        await self._line.need(tx)
        if not await orders.take(tx, self._workspace, order):
            raise Taken
        state = await orders.standing(tx, self._workspace, order.call)
        return state.source_call if state is not None and state.source == SIP else None
