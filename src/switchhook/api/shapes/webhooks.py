"""Endpoints, their secrets, tests and figures."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

Url = Annotated[str, Meta(min_length=1, max_length=2048, description="A public https:// URL.")]
Topics = Annotated[
    list[str], Meta(min_length=1, max_length=100, description="Topics of the catalogue; at least one.")
]
Description = Annotated[str, Meta(max_length=1000)]


class NewWebhook(Struct, frozen=True, kw_only=True):
    """An endpoint to be created. It starts enabled; `enabled` is taken from clients that send it, and not looked at."""

    url: Url
    topics: Topics
    description: Description | None = None
    enabled: bool | None = None


class WebhookChange(Struct, frozen=True, kw_only=True):
    """What is to change of an endpoint; what is absent stays. `topics` replaces the whole set."""

    url: Url | UnsetType = UNSET
    topics: Topics | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class Webhook(Struct, frozen=True, kw_only=True):
    """An endpoint. `signing_secret` is only there on creation and when one endpoint is asked for by id.

    `disabled_reason` is there when the server disabled it.
    """

    id: str
    url: str
    topics: list[str]
    description: str | None
    enabled: bool
    signing_secret: str | UnsetType | None = UNSET
    created_at: str | None
    disabled_reason: str | UnsetType = UNSET


class EventType(Struct, frozen=True):
    """A topic of the catalogue."""

    name: str
    description: str


class RotationAsked(Struct, frozen=True, kw_only=True):
    """How long the former secret signs beside the new one; a day when left out."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 86_400)] | UnsetType = UNSET


class TestAsked(Struct, frozen=True, kw_only=True):
    """The topic of the event to send."""

    __test__ = False  # nothing for pytest to collect

    topic: str


class TestSent(Struct, frozen=True):
    """A test event on its way: the catalogue's example of its topic."""

    __test__ = False

    id: str
    delivery_id: str
    topic: str


class LatencyFigures(Struct, frozen=True):
    """Milliseconds that successful attempts took."""

    p50: float
    p95: float
    p99: float


class RecentFigures(Struct, frozen=True, kw_only=True):
    """Attempts for events of the last day, the newest 10,000 at most."""

    attempts: int
    succeeded: int
    success_rate: float | None
    latency_ms: LatencyFigures | None


class Stats(Struct, frozen=True, kw_only=True):
    """How an endpoint does. `failing_since`: every attempt since then has failed. `disabled_at`: when it will be
    disabled unless one succeeds."""

    pending: int
    succeeded: int
    failed: int
    last_24_hours: RecentFigures
    failing_since: str | None
    disabled_at: str | None
    disabled_reason: str | None
