"""The objects that requests and responses carry. The same types validate, render and describe (`/openapi.json`)."""

from typing import Annotated, Any, Literal

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


class AcceptedId(Struct, frozen=True):
    """The id under which a fact is known: it is the `webhook-id` of its deliveries."""

    id: str


class BatchAccepted(Struct, frozen=True):
    """One event of a batch. `duplicate`: the fact was known before, and `id` is the first one's."""

    id: str
    duplicate: bool


class Pagination(Struct, frozen=True):
    """Where a page stands."""

    page: int
    size: int
    total_count: int
    total_pages: int
    has_more: bool


DeliveryStatus = Literal["pending", "succeeded", "failed"]


class Delivery(Struct, frozen=True, kw_only=True):
    """An event on its way to one endpoint.

    `attempts` counts those made, `next_attempt_at` is null when it is over, `last_response_status` is null when the
    last attempt got no answer.
    """

    id: str
    webhook_id: str
    event_id: str
    topic: str
    status: DeliveryStatus
    attempts: int
    created_at: str
    last_attempt_at: str | None
    next_attempt_at: str | None
    last_response_status: int | None


class AttemptError(Struct, frozen=True):
    """Why an attempt failed and who has to act: a sentence for the receiver's owner and one for the operator."""

    fault: str | None
    message: str | None
    operator_message: str | None


class ReceivedHeader(Struct, frozen=True):
    """A line of the receiver's answer."""

    name: str
    value: str


class ReceivedAnswer(Struct, frozen=True):
    """What the receiver answered: its headers and the first 16 KiB of its body, as text."""

    headers: list[ReceivedHeader]
    body: str
    truncated: bool


class Attempt(Struct, frozen=True, kw_only=True):
    """One attempt. `result` is its kind (`delivered`, `timeout`, …)."""

    number: int
    status_code: int | None
    result: str
    started_at: str
    duration_ms: int
    error: AttemptError | None
    response: ReceivedAnswer | None


class DeliveryDetail(Struct, frozen=True, kw_only=True):
    """A delivery with what was sent and every attempt. `payload` is the body of the webhook."""

    id: str
    webhook_id: str
    event_id: str
    topic: str
    status: DeliveryStatus
    created_at: str
    last_attempt_at: str | None
    next_attempt_at: str | None
    last_response_status: int | None
    payload: dict[str, Any]
    attempts: list[Attempt]


class RecoveryAsked(Struct, frozen=True, kw_only=True):
    """From when on an endpoint is to get what it missed."""

    since: Annotated[str, Meta(description="ISO 8601 date-time; without a zone it is UTC.")]


RecoveryStatus = Literal["running", "completed"]


class Recovery(Struct, frozen=True, kw_only=True):
    """A recovery. `queued` is how many deliveries have been put back so far; they are sent beside the new ones, as fast
    as the endpoint takes them."""

    id: str
    webhook_id: str
    since: str
    status: RecoveryStatus
    queued: int
    created_at: str
    finished_at: str | None


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


class AllowedRoute(Struct, frozen=True):
    """A route that the key may use."""

    method: str
    path: str
    description: str
    scope: str


class Team(Struct, frozen=True):
    """The workspace of the key."""

    id: str
    name: str


class RateLimits(Struct, frozen=True):
    """Requests per second; null where there is no limit."""

    read_per_second: float | None
    write_per_second: float | None


class Me(Struct, frozen=True):
    """What a key is and may do."""

    api_key_id: str
    scopes: list[str]
    endpoints: list[AllowedRoute]
    team: Team | None
    rate_limits: RateLimits


class Health(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Struct, frozen=True):
    """Whether events can be taken and delivered; `problems` names what is wrong."""

    status: Literal["ready", "not ready"]
    problems: list[str]
    telephony: dict[str, Any]
    version: str
