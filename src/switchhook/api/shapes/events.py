"""What the event routes take and answer."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from switchhook.api.shapes.deliveries import Delivery


class AcceptedId(Struct, frozen=True):
    """The id under which a fact is known: it is the `webhook-id` of its deliveries."""

    id: str


class BatchAccepted(Struct, frozen=True):
    """One event of a batch. `duplicate`: the fact was known before, and `id` is the first one's."""

    id: str
    duplicate: bool


class Event(Struct, frozen=True, kw_only=True):
    """An event with its deliveries. `payload` is the body of the webhook; null once the content was removed."""

    id: str
    topic: str
    created_at: str
    expunged_at: str | None
    payload: dict[str, Any] | None
    deliveries: list[Delivery]


class ExpungeAsked(Struct, frozen=True, kw_only=True):
    """Whether deliveries that wait are given up; when left out, an event that has any is refused."""

    cancel_pending: bool | UnsetType = UNSET
