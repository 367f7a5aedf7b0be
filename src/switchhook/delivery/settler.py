"""Records outcomes in groups, and how far every accepted event has left a trace.

    outcome ─┐
    outcome ─┼─▶ buffer ── a few milliseconds, or 256 of them ──▶ one transaction: attempts, schedule, low-water mark
    parked  ─┘                                                        └──▶ on_recorded, and only then is it forgotten

Nobody waits for an outcome to be recorded, so it lingers for company: the fewer commits, the less the loop stands
still. What a crash takes from the buffer is delivered once more; it is never more than what was under way.

When the store refuses (disk full), nothing is dropped: the buffer is kept and tried again, and `stalled` asks the
dispatcher to send nothing meanwhile whose outcome could not be recorded. Only when another process has taken over from
this one, its outcomes are dropped: they are no longer ours to record.
"""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from switchhook.clock import Clock
from switchhook.delivery.breaker import Seen
from switchhook.delivery.health import Key, record
from switchhook.storage import outbox
from switchhook.storage.outbox import Settlement, Waiting
from switchhook.storage.store import Conflict, Lane, ProcessLost, StorageError, Store, Transaction
from switchhook.storage.vault import SealBroken

log = logging.getLogger(__name__)

LINGER = 0.005  # seconds
GROUP = 256
RETRY = 1.0  # seconds until a refused commit is tried again
KEEP = 60.0  # seconds until a delivery whose outcome could not be recorded is made once more


class Tracked(Protocol):
    """What the settler needs of a delivery: the event's place above the low-water mark, None when it has a trace."""

    seq: int | None


D = TypeVar("D", bound=Tracked)


class LowWater:
    """The `seq` up to which every event has left a trace for each of its targets. Pure."""

    def __init__(self, mark: int) -> None:
        self._done = mark
        self._order: list[
            int
        ] = []  # a heap: in a shared store events are not committed in the order of their numbers
        self._left: dict[int, int] = {}

    def track(self, seq: int, targets: int) -> None:
        """An event was accepted for so many targets."""
        heapq.heappush(self._order, seq)
        self._left[seq] = targets
        if targets == 0:
            self._advance()

    def trace(self, seq: int) -> None:
        """One of its deliveries has left a trace."""
        self._left[seq] -= 1
        if self._left[seq] == 0 and self._order[0] == seq:
            self._advance()

    def _advance(self) -> None:
        while self._order and self._left[self._order[0]] <= 0:
            seq = heapq.heappop(self._order)
            del self._left[seq]
            self._done = max(self._done, seq)

    @property
    def mark(self) -> int:
        """The mark now. It may go back when an event with a lower number is told of late; see `Store.horizon`."""
        return self._order[0] - 1 if self._order else self._done

    @property
    def open(self) -> int:
        """How many events are above the mark."""
        return len(self._order)


class Settler(Generic[D]):
    """Collects what is to be recorded and records it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        mark: int,
        on_recorded: Callable[[list[tuple[D, Settlement | Waiting]]], None],
        on_stall: Callable[[bool], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_recorded = on_recorded
        self._on_stall = on_stall
        self._buffer: list[tuple[D, Settlement | Waiting]] = []
        self._seen: dict[Key, list[Seen]] = {}
        self._task: asyncio.Task[None] | None = None
        self._timer_set = False
        self._draining = False
        self._abandoned = False
        self.stored_mark = mark
        self.low_water = LowWater(mark)
        self.pending = 0
        self.stalled = False

    @property
    def idle(self) -> bool:
        """Whether no event waits for anything, and nothing waits to be recorded."""
        return not self._buffer and not self._seen and self._task is None and self.low_water.open == 0

    def put(self, delivery: D, row: Settlement | Waiting) -> None:
        """Have an outcome, or a delivery that is to wait in the store, recorded soon."""
        if self._abandoned:
            return
        self._buffer.append((delivery, row))
        if isinstance(row, Settlement):
            self.pending += 1  # answers only: what is parked was never sent, and must not hold others up
        self._wake()

    def put_seen(self, endpoint: Key, seen: Seen) -> None:
        """Have what was seen of an endpoint's health recorded, together with the outcomes that are put now."""
        if self._abandoned:
            return
        self._seen.setdefault(endpoint, []).append(seen)
        self._wake()

    def _wake(self) -> None:
        if self._task is not None:
            return
        if len(self._buffer) >= GROUP:
            self._begin()
        elif not self._timer_set:
            self._timer_set = True
            self._clock.call_later(LINGER, self._linger_over)

    def _linger_over(self) -> None:
        self._timer_set = False
        if self._task is None and (self._buffer or self._seen):
            self._begin()

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._record())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is not None:
            log.error("recording outcomes failed unexpectedly", exc_info=task.exception())
        if self._buffer or self._seen:
            self._wake()  # whoever put that found the task still there

    async def _record(self) -> None:
        while self._buffer or self._seen:
            # What comes in a burst is recorded in pieces: others must get a turn of the loop between them.
            group, self._buffer = self._buffer[:GROUP], self._buffer[GROUP:]
            for delivery, _ in group:
                if delivery.seq is not None:
                    self.low_water.trace(delivery.seq)
                    delivery.seq = None  # once is enough, also when the commit must be tried again
            seen, self._seen = self._seen, {}
            await self._commit(group, seen)
            if len(self._buffer) < GROUP and not self._draining:
                await self._clock.sleep(LINGER)

    async def _commit(
        self,
        group: list[tuple[D, Settlement | Waiting]],
        seen: dict[Key, list[Seen]],
        *,
        mark_it: bool = True,
    ) -> None:
        """Record a group. `mark_it`: nothing else that has left its trace waits, so the mark may be stored with it."""
        settled = [row for _, row in group if isinstance(row, Settlement)]
        waiting = [row for _, row in group if isinstance(row, Waiting)]
        told = False

        def tell(mark: int) -> None:
            nonlocal told
            if told:
                return  # a commit that was in doubt was made again
            told = True
            if mark_it:
                self.stored_mark = max(self.stored_mark, mark)
            self._stall(False)
            self.pending -= len(settled)
            self._on_recorded(group)

        while True:
            mark = self.low_water.mark
            horizon = self._store.horizon()
            if horizon is not None:
                mark = min(mark, horizon)  # an event that is still on its way in may have any number above it
            changed = mark if mark_it and mark > self.stored_mark else None
            now = self._clock.now()
            try:
                await self._run(
                    lambda tx: record(tx, settled, waiting, changed, seen=seen, now=now),  # noqa: B023
                    partial(tell, mark),
                )
            except ProcessLost:
                log.warning(
                    "%d outcomes are not recorded: another process has these deliveries now", len(group)
                )
                self.pending -= len(settled)
                return
            except Exception as error:
                if _away(error):
                    await self._wait_for_it(error)
                    continue
                # Not the store but one of the rows, or one endpoint: the others must not suffer for it.
                if len(group) > 1 or (group and seen):
                    for item in group:
                        await self._commit([item], {}, mark_it=False)
                    await self._commit([], seen)  # the mark last: it passes them all
                elif not group:
                    log.exception("what was seen of %d endpoints cannot be recorded", len(seen))
                else:
                    self.pending -= len(settled)  # it must not hold the others up for ever
                    log.exception("an outcome cannot be recorded; the history does not show this attempt")
                    await self._keep(group[0])
            return

    async def _run(self, work: Callable[[Transaction], Awaitable[None]], then: Callable[[], None]) -> None:
        """Commit `work`. `then` is called before anybody on the loop can read what it wrote.

        Later would not do: a row of the schedule that is read meanwhile would be sent, and once more when it is told.
        """

        async def telling(tx: Transaction) -> None:
            await work(tx)
            tx.committed.told.append(lambda _: None if self._abandoned else then())

        await self._store.run(telling, lane=Lane.OUTCOMES)

    async def _keep(self, item: tuple[D, Settlement | Waiting]) -> None:
        """A delivery whose outcome cannot be recorded must go on all the same: it is made once more."""
        delivery, row = item
        if isinstance(row, Waiting):
            self._on_recorded([item])
            return
        later = self._clock.now() + int(KEEP * 1000)
        waiting = Waiting(row.workspace, row.endpoint, row.event, row.number, later)

        def tell() -> None:
            self._stall(False)
            self._on_recorded([(delivery, waiting)])

        while True:
            try:
                await self._run(lambda tx: outbox.put_off(tx, row, later), tell)
            except ProcessLost:
                log.warning("delivery of %s to %s is another process's now", row.event, row.endpoint)
            except Exception as error:
                if _away(error):
                    await self._wait_for_it(error)
                    continue
                log.exception("delivery of %s to %s cannot be kept either", row.event, row.endpoint)
                self._on_recorded([(delivery, waiting)])  # a lane must not wait for it for ever
            return

    async def _wait_for_it(self, error: Exception) -> None:
        """The store is away: have nothing sent whose outcome could not be recorded, and try again soon."""
        self._stall(True, error)
        await self._clock.sleep(RETRY)

    def _stall(self, stalled: bool, error: Exception | None = None) -> None:
        if stalled is self.stalled:
            return
        self.stalled = stalled
        if stalled:
            log.error("cannot record outcomes, deliveries are held until it works again: %s", error)
        else:
            log.warning("outcomes are recorded again")
        self._on_stall(stalled)

    async def drain(self) -> None:
        """Record everything that is in the buffer now, without lingering."""
        self._draining = True
        while self._buffer or self._seen or self._task is not None:
            if self._task is None:
                self._begin()
            task = self._task
            if task is not None:
                await asyncio.wait([task])
                await asyncio.sleep(0)

    async def close(self, grace: float) -> None:
        """Drain for at most `grace` seconds; what could not be recorded by then is delivered once more."""
        try:
            async with asyncio.timeout(grace):
                await self.drain()
        except TimeoutError:
            log.error("not every outcome could be recorded; those deliveries are repeated at the next start")
            self.abandon()

    def abandon(self) -> None:
        """Record nothing more; the rest is delivered once more, after the next start or by another process."""
        self._abandoned = True
        self._buffer.clear()
        self._seen.clear()
        if self._task is not None:
            self._task.cancel()


def _away(error: Exception) -> bool:
    """Whether it is the store that refuses, and not one of the rows."""
    return isinstance(error, StorageError) and not isinstance(error, Conflict | SealBroken)
