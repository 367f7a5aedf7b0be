"""The backlog: deliveries that wait in the schedule come back into their lane when they are due.

Each lane knows when its first row is due; one timer stands at the earliest. Rows are read lane by lane, a few more than
the lane can send, so that millions that wait for one endpoint cost the others nothing and memory little. While new
events come in, all lanes together are held to a pace, and take turns.

In a shared store they are claimed as they are read, and claims on what is not sent are given up again.

An ordered lane gets the front of its line: in the order of acceptance, up to what is not due yet, and only while
nothing of it is in anybody's memory, nor on its way into the store. So whoever sends has what comes next, and nobody
else has anything.
"""

import asyncio
import heapq
import itertools
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence

from switchhook.clock import Clock, Timer
from switchhook.delivery.lane import Lane, LaneState
from switchhook.delivery.pace import Pace
from switchhook.delivery.refusals import Refusals
from switchhook.storage import outbox
from switchhook.storage.outbox import Due
from switchhook.storage.store import Lane as Writes
from switchhook.storage.store import ProcessLost, Reader, StorageError, Store, Transaction

log = logging.getLogger(__name__)

LOOK_AGAIN = 60.0  # seconds: the wall clock may have been set meanwhile
AFTER_ERROR = 1.0
LOCKED_MS = 10  # somebody else looks at the same line at this moment


class Backlog:
    """Wakes lanes for their due rows. `loaded` is given the rows of a lane, none of which is in memory already."""

    def __init__(self, store: Store, clock: Clock, loaded: Callable[[Lane, list[Due]], None]) -> None:
        self._store = store
        self._clock = clock
        self._loaded = loaded
        self._heap: list[tuple[int, int, Lane]] = []
        self._order = itertools.count()
        self._timer: Timer | None = None
        self._timer_at = 0.0  # monotonic
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._generation = 0
        # Lanes whose last claim may have been made without our hearing of it.
        self._doubtful: set[Lane] = set()
        self._refusals = Refusals("what is due")
        self._pace = Pace()
        self._held: deque[Lane] = deque()  # lanes whose turn has not come; they count as loading
        self._held_timer: Timer | None = None

    def make_way(self) -> None:
        """There is something new, which must not wait behind what has waited already."""
        self._pace.new(self._clock.monotonic())

    def watch(self, lane: Lane, at: int) -> None:
        """There is, or may be, a row of `lane` that is due at `at` (wall ms)."""
        if self._stopped:
            return
        if lane.backlog_at is None or lane.backlog_at > at:
            lane.backlog_at = at
            heapq.heappush(self._heap, (at, next(self._order), lane))
        self._arm()  # also if it is known: the wall clock may have been set since

    def reopen(self, lane: Lane) -> None:
        """`lane` sends (again): look at its rows now."""
        lane.backlog_at = None
        self.watch(lane, self._clock.now())

    def drained(self, lane: Lane) -> None:
        """`lane` has sent some of what it had: it may take more."""
        if lane.backlog_at is not None:
            self._load_if_due(lane, self._clock.now())

    def moved_on(self, lane: Lane) -> None:
        """An outcome of an ordered `lane` is recorded: what comes next in line?"""
        lane.backlog_at = now = self._clock.now()
        self._load_if_due(lane, now)

    def release(self, lane: Lane) -> None:
        """Give back what waits in the lane's backlog: whoever may can have it."""
        events = [delivery.event for delivery in lane.backlog]
        lane.backlog.clear()
        lane.claimed.difference_update(events)
        self._give_back(lane, events)

    def recall(self, lane: Lane) -> None:
        """Something that waits in the lane may not be sent any more: read anew what does."""
        self.release(lane)
        if lane.state is LaneState.OPEN:
            self.reopen(lane)

    def _give_back(self, lane: Lane, events: Sequence[str]) -> None:
        if self._store.shared and events and not self._stopped:
            self._spawn(self._release(lane, list(events), self._generation))

    def look(self, lanes: Iterable[Lane]) -> None:
        """Any of `lanes` may have something due: look at those that send."""
        for lane in lanes:
            if lane.state is LaneState.OPEN:
                self.watch(lane, self._clock.now())

    def forget(self, lanes: Iterable[Lane]) -> None:
        """Nothing that was read, or waits in `lanes`, is ours any more; begin anew."""
        self._generation += 1
        for lane in lanes:
            lane.forget()
            if lane.state is LaneState.OPEN:
                self.reopen(lane)

    def stop(self) -> None:
        """Wake nobody any more."""
        self._stopped = True
        for timer in (self._timer, self._held_timer):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _arm(self) -> None:
        if not self._heap or self._stopped:
            return
        wait = min(max(0.0, (self._heap[0][0] - self._clock.now()) / 1000), LOOK_AGAIN)
        at = self._clock.monotonic() + wait
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._clock.call_later(wait, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            _, _, lane = heapq.heappop(self._heap)
            self._load_if_due(lane, now)
        self._arm()

    def _load_if_due(self, lane: Lane, now: int) -> None:
        if not self._may_load(lane, now):
            return
        lane.loading = True
        if self._held or self._wait() > 0:
            self._held.append(lane)
            self._hold()
        else:
            self._begin(lane, now)

    def _may_load(self, lane: Lane, now: int) -> bool:
        # A lane that is full or being loaded asks again when it has drained; a closed one when it reopens.
        return (
            lane.backlog_at is not None
            and lane.backlog_at <= now
            and not lane.loading
            and lane.state is LaneState.OPEN
            and len(lane.backlog) * 2 < lane.load
            and not (lane.ordered and (lane.claimed or lane.in_flight or lane.unrecorded))
            and not self._stopped
        )

    def _begin(self, lane: Lane, now: int) -> None:
        lane.backlog_at = None
        self._spawn(self._load(lane, now, self._pace.take(self._clock.monotonic())))

    def _wait(self) -> float:
        return self._pace.wait(self._clock.monotonic())

    def _hold(self) -> None:
        if self._held_timer is None:
            self._held_timer = self._clock.call_later(self._wait(), self._let_go)

    def _let_go(self) -> None:
        """Let those whose turn has come load."""
        self._held_timer = None
        now = self._clock.now()
        while self._held and self._wait() <= 0:
            lane = self._held.popleft()
            lane.loading = False
            if self._may_load(lane, now):
                lane.loading = True
                self._begin(lane, now)
        if self._held:
            self._hold()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, lane: Lane, now: int, room: int) -> None:
        try:
            self._pace.unused(room, await self._load_rows(lane, now, room))
        finally:
            lane.loading = False
        # Whoever said meanwhile that there is something found the lane loading.
        self._load_if_due(lane, self._clock.now())

    async def _load_rows(self, lane: Lane, now: int, room: int) -> int:
        """Read at most `room` of what is due; how many there were."""
        generation, ordered = self._generation, lane.ordered
        room = min(room, lane.load)
        try:
            rows, again = await (self._read_in_turn if ordered else self._read)(lane, now, room)
        except ProcessLost:
            return 0  # this process joins again, and then every lane is looked at
        except Exception as error:
            # Whatever it was: what is due must not be forgotten.
            if isinstance(error, StorageError):
                self._refusals.refused(error)
            else:
                log.exception("cannot read what is due for endpoint %s", lane.endpoint)
            self._doubtful.add(lane)
            self._clock.call_later(AFTER_ERROR, lambda: self.watch(lane, now))
            return 0
        self._refusals.worked()
        if generation != self._generation:
            self.watch(lane, now)
            return 0
        if again is not None:
            self.watch(lane, again)
        fresh = [row for row in rows if row.event not in lane.claimed]
        if lane.state is not LaneState.OPEN or lane.ordered is not ordered:
            self._give_back(lane, [row.event for row in fresh])
            if lane.state is LaneState.OPEN:
                self.watch(lane, now)
        elif fresh:
            self._loaded(lane, fresh[:room])
            if (
                len(fresh) > room
            ):  # what is in memory has left the schedule: the room kept for it was taken by others
                self.watch(lane, now)
        return len(fresh)

    async def _read(self, lane: Lane, now: int, room: int) -> tuple[list[Due], int | None]:
        """What is due, and when to look again."""
        if self._store.shared:
            doubtful = lane in self._doubtful

            async def claim(tx: Transaction) -> tuple[list[Due], int | None]:
                if doubtful:
                    known = sorted(lane.claimed)
                    await outbox.release_other_claims(tx, lane.workspace, lane.endpoint, known)
                rows = await outbox.claim_due(tx, lane.workspace, lane.endpoint, now, room)
                return rows, await self._again(tx, lane, rows, now, room)

            claimed = await self._store.run(claim, lane=Writes.OUTCOMES)
            self._doubtful.discard(lane)
            return claimed
        limit = room + len(lane.claimed)

        async def read(reader: Reader) -> tuple[list[Due], int | None]:
            rows = await outbox.due(reader, lane.workspace, lane.endpoint, now, limit)
            return rows, await self._again(reader, lane, rows, now, limit)

        return await self._store.read(read)

    async def _read_in_turn(self, lane: Lane, now: int, room: int) -> tuple[list[Due], int | None]:
        """The same for an ordered lane. After something was read, it is looked at when all of it is recorded."""
        workspace, endpoint = lane.workspace, lane.endpoint

        async def read(reader: Reader) -> tuple[list[Due], int | None]:
            first = await outbox.first_in_turn(reader, workspace, endpoint)
            if first is None or first > now:
                return [], first
            return await outbox.in_turn(reader, workspace, endpoint, now, room), None

        doubtful = lane in self._doubtful

        async def claim(tx: Transaction) -> tuple[list[Due], int | None]:
            if doubtful:  # nothing of the line is in memory while it is looked at
                await outbox.release_other_claims(tx, workspace, endpoint, ())
            if not await outbox.lock_turns(tx, workspace, endpoint):
                return [], now + LOCKED_MS
            first = await outbox.first_in_turn(tx, workspace, endpoint)
            if first is None or first > now:
                return [], first
            return await outbox.claim_in_turn(tx, workspace, endpoint, now, room), None

        if self._store.shared:
            claimed = await self._store.run(claim, lane=Writes.OUTCOMES)
            self._doubtful.discard(lane)
            return claimed
        return await self._store.read(read)

    @staticmethod
    async def _again(reader: Reader, lane: Lane, rows: list[Due], now: int, limit: int) -> int | None:
        if len(rows) == limit:
            return now
        return await outbox.next_due(reader, lane.workspace, lane.endpoint, now)

    async def _release(self, lane: Lane, events: list[str], generation: int) -> None:
        while generation == self._generation:
            try:
                await self._store.run(
                    lambda tx: outbox.release_claims(tx, lane.workspace, lane.endpoint, events),
                    lane=Writes.OUTCOMES,
                )
            except Exception as error:
                log.error("cannot give up what is not sent to endpoint %s: %s", lane.endpoint, error)
                await self._clock.sleep(AFTER_ERROR)
            else:
                if lane.ordered:
                    self.moved_on(lane)
                return
