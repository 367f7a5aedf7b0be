"""Deliveries, their attempts, and sending again."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

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
