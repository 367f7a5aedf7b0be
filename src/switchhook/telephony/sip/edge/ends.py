"""Calls that are up end one after the other.

The stack stands still for some 40 ms while it takes a call apart, and then reads one packet of each telephone. When
many calls end at once, the sound of those that are still to be ended piles up before it, and is gone with them. So an
end waits for its turn, and what was said until then is heard first.
"""

from collections import deque
from collections.abc import Callable, Hashable

from switchhook.clock import Clock, Timer

SETTLE_SECONDS = 0.1
"""How long an end waits at least: what was sent before it may have to be put in order, and is read every 20 ms."""

BREATH_SECONDS = 0.02
"""What the stack gets between two ends, to read what has come meanwhile."""

PATIENCE_SECONDS = 0.5
"""How long the stack may take for one before the next one comes all the same."""

MOST = 50
"""How many may wait for as long as that; a line that closes has no time."""

_GRAIN = 0.001  # seconds that nobody waits for once more


class Ends:
    """The ends that wait. `key` says whose each is; one of the same key is not waited for twice."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[tuple[Hashable, float, Callable[[], bool]]] = deque()
        self._taking: Hashable = None
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, key: Hashable, act: Callable[[], bool]) -> None:
        """Have `act` done in turn; it returns whether `over` will follow."""
        if any(key == other for other, _, _ in self._waiting):
            return
        self._waiting.append((key, self._clock.monotonic() + SETTLE_SECONDS, act))
        if self._timer is None or (self._taking is None and len(self._waiting) > MOST):
            self._wait(SETTLE_SECONDS)

    def over(self, key: Hashable) -> None:
        """The stack has ended that one."""
        if self._taking is not None and key == self._taking:
            self._taking = None
            self._wait(BREATH_SECONDS)

    def close(self) -> None:
        """Nothing is done any more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(0 if len(self._waiting) > MOST else seconds, self._next)

    def _next(self) -> None:
        self._timer = self._taking = None
        while self._waiting:
            rest = self._waiting[0][1] - self._clock.monotonic()
            if rest > _GRAIN and len(self._waiting) <= MOST:
                self._wait(rest)
                return
            key, _, act = self._waiting.popleft()
            if act():
                self._taking = key
                self._wait(PATIENCE_SECONDS)
                return
