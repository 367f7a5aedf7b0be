"""How an endpoint does over time, and the calls that go on."""

from typing import Literal

from msgspec import Struct


class HealthBucket(Struct, frozen=True):
    """Attempts of a piece of time. `p50` and `p95` are milliseconds of those that succeeded."""

    begins_at: str
    attempts: int
    succeeded: int
    p50: float | None
    p95: float | None


class WebhookHealth(Struct, frozen=True, kw_only=True):
    """How an endpoint does. `buckets` divide the time asked for equally, the oldest first. When not `complete`, only
    the newest 10,000 attempts are counted. `failing_since` and `disabled_at` are as in the stats."""

    pending: int
    attempts: int
    succeeded: int
    success_rate: float | None
    complete: bool
    failing_since: str | None
    disabled_at: str | None
    disabled_reason: str | None
    buckets: list[HealthBucket]


class ActiveCall(Struct, frozen=True, kw_only=True):
    """A call that goes on."""

    id: str
    direction: Literal["INBOUND", "OUTBOUND"] | None
    from_number: str
    to_number: str
    state: Literal["RINGING", "ANSWERED"]
    started_at: str
