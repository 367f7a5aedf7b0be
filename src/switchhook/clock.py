"""The one clock. Every schedule, time-out and timestamp of Switchhook is read from it.

Two faces: `SystemClock` runs on the machine's time and the running event loop; `ManualClock` stands still until a
test moves it, so that hours of retries pass in milliseconds.

Wall time is an integer of milliseconds since the Unix epoch (UTC). Durations are seconds.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Timer(Protocol):
    """A call that has been scheduled and can be taken back."""

    def cancel(self) -> None:
        """Take the call back. Does nothing when it has already been made."""


class Clock(Protocol):
    """What time it is, and something to be done later."""

    def now(self) -> int:
        """Wall time in milliseconds since the Unix epoch. May jump when somebody sets the machine's clock."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; for durations."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `seconds` from now (at once when that is not positive)."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class Deadline:
    """Bounds a block by `seconds` on the clock; raises TimeoutError from within it when they have passed."""

    __slots__ = ("_clock", "_expired", "_seconds", "_task", "_timer")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._expired = False
        self._timer: Timer | None = None
        self._task: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = self._clock.call_later(self._seconds, self._expire)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._timer is not None
        assert self._task is not None
        self._timer.cancel()
        # Somebody else may have cancelled the task at the same moment; then that one wins.
        if self._expired and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError

    def _expire(self) -> None:
        self._expired = True
        assert self._task is not None
        self._task.cancel()


class SystemClock:
    """The machine's time, and the running asyncio loop's timers."""

    def now(self) -> int:
        """See `Clock.now`."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """See `Clock.call_later`."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(max(0.0, seconds))


class _ManualTimer:
    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """A clock that stands still until `advance` moves it; for tests."""

    def __init__(self, now: int = 1_742_049_000_000) -> None:
        self._now = float(now)
        self._monotonic = 1_000.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def now(self) -> int:
        """See `Clock.now`."""
        return int(self._now)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._monotonic

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """See `Clock.call_later`."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (self._monotonic + max(0.0, seconds), next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        await woken

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator would; durations do not notice."""
        self._now += seconds * 1000

    def next_timer(self) -> float | None:
        """Seconds until the earliest timer, or None when nothing is scheduled."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] - self._monotonic if self._timers else None

    async def advance(self, seconds: float, *, settle: int = 50) -> None:
        """Move time on, making each due call at its own moment and letting the loop work between them.

        `settle` is how many turns of the loop each moment gets.
        """
        end = self._monotonic + seconds
        while True:
            await self._turns(settle)
            wait = self.next_timer()
            if wait is None or self._monotonic + wait > end:
                break
            self._move(max(0.0, wait))
            heapq.heappop(self._timers)[2].callback()
        self._move(end - self._monotonic)
        await self._turns(settle)

    def _move(self, seconds: float) -> None:
        self._monotonic += seconds
        self._now += seconds * 1000

    async def _turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)


def iso_millis(wall_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, as the events carry it: `2025-03-15T14:30:00.000Z`."""
    seconds, millis = divmod(wall_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def iso_seconds(wall_ms: int) -> str:
    """ISO 8601 in UTC without a fraction, as the webhook objects carry it: `2025-03-15T14:30:00Z`."""
    return f"{datetime.fromtimestamp(wall_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}Z"


def iso_bare(wall_ms: int) -> str:
    """ISO 8601 in UTC without a fraction and without a zone, as the CRM objects carry it: `2025-03-15T14:30:00`."""
    return f"{datetime.fromtimestamp(wall_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}"


def parse_iso(text: str) -> int:
    """Wall time in milliseconds of an ISO 8601 date-time; one without a zone is UTC.

    Raises:
        ValueError: `text` is not an ISO 8601 date-time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND  # whole numbers all the way: a float would now and then lose one
