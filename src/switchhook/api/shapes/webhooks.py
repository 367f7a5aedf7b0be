"""Endpoints, their secrets, tests and figures."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Url = Annotated[str, Meta(min_length=1, max_length=2048, description="A public https:// URL.")]
Topics = Annotated[
    list[str], Meta(min_length=1, max_length=100, description="Topics of the catalogue; at least one.")
]
Description = Annotated[str, Meta(max_length=1000)]
Headers = Annotated[
    dict[str, str],
    Meta(
        description="Sent with every request, at most 20; what says how the request is to be read, and everything that "
        "begins with webhook-, cannot be asked for. Values are visible ASCII. Replaces the whole set."
    ),
]
SignatureVersion = Literal["v1", "v1a"]
RateLimit = Annotated[
    float, Meta(ge=0.1, le=10_000, description="Attempts a second, at most; null: no limit.")
]
InFlight = Annotated[
    int, Meta(ge=1, le=64, description="Attempts under way at a time, at most; null: the installation's own.")
]
Timeout = Annotated[
    float,
    Meta(ge=1, le=30, description="Seconds for a complete answer; null: the installation's own."),
]


AdditiveFields = Annotated[
    bool,
    Meta(description="Whether events may have fields beside the catalogue's: `call_id` where that has none."),
]


class NewWebhook(Struct, frozen=True, kw_only=True):
    """An endpoint to be created. It starts enabled; `enabled` is taken from clients that send it, and not looked at."""

    url: Url
    topics: Topics
    description: Description | None = None
    enabled: bool | None = None
    headers: Headers | UnsetType | None = UNSET
    signature: SignatureVersion = "v1"
    rate_limit: RateLimit | UnsetType | None = UNSET
    max_in_flight: InFlight | UnsetType | None = UNSET
    timeout_seconds: Timeout | UnsetType | None = UNSET
    ordered: bool | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    additive_fields: AdditiveFields | UnsetType = UNSET


class WebhookChange(Struct, frozen=True, kw_only=True):
    """What is to change of an endpoint; what is absent stays. `topics` and `headers` replace the whole set.

    Another `signature` makes a new key of that kind; the former one signs beside it for a day.
    """

    url: Url | UnsetType = UNSET
    topics: Topics | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    headers: Headers | UnsetType | None = UNSET
    signature: SignatureVersion | UnsetType = UNSET
    rate_limit: RateLimit | UnsetType | None = UNSET
    max_in_flight: InFlight | UnsetType | None = UNSET
    timeout_seconds: Timeout | UnsetType | None = UNSET
    ordered: bool | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    additive_fields: AdditiveFields | UnsetType = UNSET


class Webhook(Struct, frozen=True, kw_only=True):
    """An endpoint. `signing_secret` is only there on creation and when one endpoint is asked for by id.

    `disabled_reason` is there when the server disabled it, `locked_reason` while the server cannot open its sealed
    secrets: then nothing is sent, what comes waits, and `signing_secret` is null.

    Options are there when they are in use; `headers` only where `signing_secret` is. With `signature` v1a there is no
    secret to share: `signing_secret` is null, and `public_key` is what to verify with.
    `allo_number` is there when it is a webhook of version 1, bound to that number: it is not signed, and its topics are
    those of version 1.
    """

    id: str
    url: str
    topics: list[str]
    description: str | None
    enabled: bool
    signing_secret: str | UnsetType | None = UNSET
    created_at: str | None
    disabled_reason: str | UnsetType = UNSET
    locked_reason: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    signature: SignatureVersion | UnsetType = UNSET
    public_key: str | UnsetType = UNSET
    rate_limit: float | UnsetType = UNSET
    max_in_flight: int | UnsetType = UNSET
    timeout_seconds: float | UnsetType = UNSET
    ordered: bool | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    additive_fields: AdditiveFields | UnsetType = UNSET
    allo_number: str | UnsetType = UNSET


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
    disabled unless one succeeds. `locked_reason`: why nothing is sent although it is enabled."""

    pending: int
    succeeded: int
    failed: int
    last_24_hours: RecentFigures
    failing_since: str | None
    disabled_at: str | None
    disabled_reason: str | None
    locked_reason: str | None
