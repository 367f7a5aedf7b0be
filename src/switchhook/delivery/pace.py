"""How fast the backlog may come into memory while new events come in. Pure: numbers in, numbers out.

A large backlog keeps the loop busy without a pause, and what is new then waits behind it at every step of its way.
So while there is something new the backlog gets a share: small pieces, at about a fifth of what a process can send.
When nothing new has come for a moment it gets everything; when more is new than can be sent it keeps its share.
"""

import math

WHOLE = 128  # rows read at once
PIECE = 8  # the same while new events come in
RATE = 1_500  # rows a second of all lanes together, while new events come in
LATELY = 0.25  # seconds that an event is new for


class Pace:
    """What may be read now. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._new_at = -math.inf
        self._free_at = -math.inf

    def new(self, now: float) -> None:
        """There are new events."""
        self._new_at = now

    def wait(self, now: float) -> float:
        """Seconds until something may be read; 0 when it may be now."""
        return max(0.0, self._free_at - now) if now - self._new_at < LATELY else 0.0

    def take(self, now: float) -> int:
        """How many rows may be read now. They count as read; tell `unused` when there were fewer."""
        if now - self._new_at >= LATELY:
            return WHOLE
        self._free_at = max(now, self._free_at) + PIECE / RATE
        return PIECE

    def unused(self, taken: int, read: int) -> None:
        """Of the rows that were taken only so many were there. Looking costs as much as a row."""
        if taken == PIECE:
            self._free_at -= (PIECE - max(1, read)) / RATE
