"""Thousands of time-outs on one timer.

Deadlines fall into buckets a tick wide; the clock has one timer, for the earliest bucket. Adding and removing is a set
operation, which is what each request pays.
"""

from collections.abc import Callable, Iterator
from math import ceil

from switchhook.clock import Clock, Timer
from switchhook.delivery.http.call import Call


class Deadlines:
    """Every call under way, by when it has to be over. `expire` is called for each that is not; at most a tick late."""

    __slots__ = ("_armed", "_buckets", "_clock", "_expire", "_monotonic", "_tick", "_timer")

    def __init__(self, clock: Clock, tick: float, expire: Callable[[Call], None]) -> None:
        self._clock = clock
        self._monotonic = clock.monotonic
        self._tick = tick
        self._expire = expire
        self._buckets: dict[int, set[Call]] = {}
        self._timer: Timer | None = None
        self._armed = 0  # the bucket that the timer is for

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def __iter__(self) -> Iterator[Call]:
        return iter([call for bucket in self._buckets.values() for call in bucket])

    def add(self, call: Call, now: float, seconds: float) -> None:
        """Watch over `call` from `now` (monotonic seconds) on. It takes itself out of `call.bucket` when it is over."""
        slot = ceil((now + seconds) / self._tick)
        bucket = self._buckets.get(slot)
        if bucket is None:
            bucket = self._buckets[slot] = set()
            if self._timer is None or slot < self._armed:
                self._arm(slot)
        bucket.add(call)
        call.bucket = bucket

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = slot
        self._timer = self._clock.call_later(slot * self._tick - self._monotonic(), self._ring)

    def _ring(self) -> None:
        self._timer = None
        # A hair of tolerance: the loop's timers may ring a clock resolution early.
        due = int(self._monotonic() / self._tick + 1e-3)
        for slot in [slot for slot in self._buckets if slot <= due]:
            for call in list(self._buckets.pop(slot)):
                self._expire(call)
        # Expiring a call may have made a new one and armed the timer for it.
        if self._timer is None and self._buckets:
            self._arm(min(self._buckets))
