"""Deliveries, their attempts, and sending again."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

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
    """A delivery with what was sent and every attempt. `payload` is the body of the webhook; null once the content of
    its event was removed."""

    id: str
    webhook_id: str
    event_id: str
    topic: str
    status: DeliveryStatus
    created_at: str
    last_attempt_at: str | None
    next_attempt_at: str | None
    last_response_status: int | None
    payload: dict[str, Any] | None
    attempts: list[Attempt]


class RecoveryAsked(Struct, frozen=True, kw_only=True):
    """From when on an endpoint is to get what it missed."""

    since: Annotated[str, Meta(description="ISO 8601 date-time; without a zone it is UTC.")]


AnswerClass = Annotated[
    # Nothing may follow, not even the newline that `$` would let through.
    str, Meta(pattern=r"^[1-5]([0-9][0-9]|xx)(?![\s\S])", description="A status code, or a class: `5xx`.")
]


class RetryAsked(Struct, frozen=True, kw_only=True):
    """Which deliveries are to be sent again: all that fit every field given; those that failed, without any.

    `results` and `response_status` are of the last attempt. One that was never attempted is on its way and never meant.
    """

    status: Literal["failed", "succeeded", "pending", "any"] = "failed"
    topics: Annotated[list[str], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    since: Annotated[str, Meta(description="Events accepted from then on; ISO 8601.")] | UnsetType = UNSET
    until: Annotated[str, Meta(description="Events accepted before it; ISO 8601.")] | UnsetType = UNSET
    results: Annotated[list[str], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    response_status: Annotated[list[AnswerClass], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    dry_run: bool = False


class RetryPreview(Struct, frozen=True):
    """How many deliveries would be sent again. When not `complete`, these are only what the first `looked_at` give."""

    matching: int
    looked_at: int
    complete: bool


class RetryFilter(Struct, frozen=True, kw_only=True):
    """What was asked for; null where anything fits."""

    status: str
    topics: list[str] | None
    until: str | None
    results: list[str] | None
    response_status: list[str] | None


RecoveryStatus = Literal["running", "completed", "cancelled"]


class Recovery(Struct, frozen=True, kw_only=True):
    """A job that sends again. `queued` is how many deliveries have been put back so far; they are sent beside the new
    ones, as fast as the endpoint takes them.

    `looked_at` is how many deliveries it has seen, `progress` how far it has come, estimated by time, from 0 to 1.
    `filter` is null for a recovery.
    """

    id: str
    webhook_id: str
    since: str
    status: RecoveryStatus
    queued: int
    created_at: str
    finished_at: str | None
    kind: Literal["recover", "retry"]
    looked_at: int
    progress: float
    filter: RetryFilter | None
