"""How fast an endpoint may be sent to: a token bucket, kept as the one moment at which it would be full. Pure.

    burst ┤■■■■            ■■          every attempt takes one
          │   ■■■■      ■■■            `rate` come back each second, up to `burst`
        0 ┼──────■■■■■■■────▶ t

In any window of t seconds at most `rate` x t + `burst` attempts begin.
"""

BURST_SECONDS = 0.1  # of the rate may begin at once, and always one


class Allowance:
    """The allowance of one endpoint, or of one process's share in it. Times are monotonic seconds."""

    __slots__ = ("_full_at", "_spacing", "_tolerance", "rate")

    def __init__(self, rate: float) -> None:
        """`rate` is in attempts a second, more than 0. The bucket begins full."""
        self.rate = rate
        self._spacing = 1 / rate
        self._tolerance = (max(1.0, rate * BURST_SECONDS) - 1) * self._spacing
        self._full_at = float("-inf")

    def at(self, rate: float, now: float) -> "Allowance":
        """The same bucket at another rate: as many attempts are missing in it."""
        other = Allowance(rate)
        other._full_at = now + max(0.0, self._full_at - now) * self.rate / rate
        return other

    @property
    def burst(self) -> float:
        """How many attempts may begin at once."""
        return 1 + self._tolerance / self._spacing

    def wait(self, now: float) -> float:
        """Seconds until the next attempt may begin; not positive when it may now."""
        return self._full_at - self._tolerance - now

    def take(self, now: float) -> None:
        """An attempt begins."""
        self._full_at = max(self._full_at, now) + self._spacing
