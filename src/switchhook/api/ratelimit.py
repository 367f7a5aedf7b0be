"""How often a key may ask: one token bucket for reading, one for writing, one for events."""

import math

from switchhook.api.errors import ApiError
from switchhook.api.messages import Headers
from switchhook.api.services import Limits
from switchhook.clock import Clock


class Bucket:
    """Holds one second's worth of tokens (at least one) and fills at `rate` a second."""

    __slots__ = ("_at", "_tokens", "capacity", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.capacity = max(1.0, rate)
        self._tokens = self.capacity
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        self._tokens = min(self.capacity, self._tokens + (now - self._at) * self.rate)
        self._at = now
        # Refilling in steps leaves crumbs of rounding; without this, "one token" would at times be 0.999….
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens = max(0.0, self._tokens - 1)
        return True

    @property
    def remaining(self) -> int:
        """Whole tokens left."""
        return int(self._tokens + 1e-9)

    @property
    def wait(self) -> float:
        """Seconds until there is a token."""
        return max(0.0, (1 - self._tokens) / self.rate)

    @property
    def refill(self) -> float:
        """Seconds until the bucket is full."""
        return (self.capacity - self._tokens) / self.rate


class RateLimiter:
    """The buckets of one key."""

    __slots__ = ("_clock", "ingest", "read", "write")

    def __init__(self, limits: Limits, clock: Clock) -> None:
        now = clock.monotonic()
        self._clock = clock
        self.read = _bucket(limits.read_per_second, now)
        self.write = _bucket(limits.write_per_second, now)
        self.ingest = _bucket(limits.ingest_per_second, now)

    def take(self, bucket: Bucket | None) -> Headers:
        """Count one request; the headers that tell the client where it stands (none without a limit).

        Raises:
            ApiError: 429, with when to come back.
        """
        if bucket is None:
            return ()
        granted = bucket.take(self._clock.monotonic())
        headers = [
            (b"x-ratelimit-limit", b"%g" % bucket.rate),
            (b"x-ratelimit-remaining", b"%d" % bucket.remaining),
            (b"x-ratelimit-reset", b"%d" % math.ceil(self._clock.now() / 1000 + bucket.refill)),
        ]
        if granted:
            return headers
        wait = max(1, math.ceil(bucket.wait))
        raise ApiError(
            "RATE_LIMIT_EXCEEDED",
            f"Rate limit exceeded: {bucket.rate:g} requests per second.",
            suggestion="Wait for as long as Retry-After says.",
            retry_after=wait,
            headers=[*headers, (b"retry-after", b"%d" % wait)],
        )


def _bucket(rate: float | None, now: float) -> Bucket | None:
    return None if rate is None else Bucket(rate, now)
