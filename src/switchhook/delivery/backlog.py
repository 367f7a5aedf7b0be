"""The backlog: deliveries that wait in the schedule come back into their lane when they are due.

Each lane knows when its first row is due; one timer stands at the earliest. Rows are read lane by lane, a few more than
the lane can send, so that millions that wait for one endpoint cost the others nothing and memory little.
"""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable

from switchhook.clock import Clock, Timer
from switchhook.delivery.lane import Lane, LaneState
from switchhook.storage import outbox
from switchhook.storage.outbox import Due
from switchhook.storage.store import Reader, StorageError, Store

log = logging.getLogger(__name__)

LOAD = 128  # rows of one lane read at once
LOOK_AGAIN = 60.0  # seconds: the wall clock may have been set meanwhile
AFTER_ERROR = 1.0


class Backlog:
    """Wakes lanes for their due rows. `loaded` is given the rows of a lane, none of which is in memory already."""

    def __init__(self, store: Store, clock: Clock, loaded: Callable[[Lane, list[Due]], None]) -> None:
        self._store = store
        self._clock = clock
        self._loaded = loaded
        self._heap: list[tuple[int, int, Lane]] = []
        self._order = itertools.count()
        self._timer: Timer | None = None
        self._timer_at = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def watch(self, lane: Lane, at: int) -> None:
        """There is, or may be, a row of `lane` that is due at `at` (wall ms)."""
        if self._stopped or (lane.backlog_at is not None and lane.backlog_at <= at):
            return
        lane.backlog_at = at
        heapq.heappush(self._heap, (at, next(self._order), lane))
        self._arm()

    def reopen(self, lane: Lane) -> None:
        """`lane` sends (again): look at its rows now."""
        lane.backlog_at = None
        self.watch(lane, self._clock.now())

    def drained(self, lane: Lane) -> None:
        """`lane` has sent some of what it had: it may take more."""
        if lane.backlog_at is not None:
            self._load_if_due(lane, self._clock.now())

    def stop(self) -> None:
        """Wake nobody any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _arm(self) -> None:
        if not self._heap or self._stopped:
            return
        at = self._heap[0][0]
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._clock.call_later(
            min(max(0.0, (at - self._clock.now()) / 1000), LOOK_AGAIN), self._wake
        )

    def _wake(self) -> None:
        self._timer = None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            _, _, lane = heapq.heappop(self._heap)
            self._load_if_due(lane, now)
        self._arm()

    def _load_if_due(self, lane: Lane, now: int) -> None:
        # A lane that is full or being loaded asks again when it has drained; a closed one when it reopens.
        if (
            lane.backlog_at is None
            or lane.backlog_at > now
            or lane.loading
            or lane.state is not LaneState.OPEN
            or len(lane.backlog) >= LOAD // 2
            or self._stopped
        ):
            return
        lane.loading = True
        lane.backlog_at = None
        task = asyncio.get_running_loop().create_task(self._load(lane, now))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, lane: Lane, now: int) -> None:
        limit = LOAD + len(lane.claimed)

        async def read(reader: Reader) -> tuple[list[Due], int | None]:
            rows = await outbox.due(reader, lane.workspace, lane.endpoint, now, limit)
            if len(rows) == limit:
                return rows, now
            return rows, await outbox.next_due(reader, lane.workspace, lane.endpoint, now)

        try:
            rows, again = await self._store.read(read)
        except StorageError as error:
            log.error("cannot read what is due for endpoint %s: %s", lane.endpoint, error)
            self._clock.call_later(AFTER_ERROR, lambda: self.watch(lane, now))
            return
        finally:
            lane.loading = False
        if again is not None:
            self.watch(lane, again)
        fresh = [row for row in rows if row.event not in lane.claimed]
        if lane.state is LaneState.OPEN and fresh:
            self._loaded(lane, fresh[:LOAD])
