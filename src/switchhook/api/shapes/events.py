"""What the event routes answer."""

from msgspec import Struct


class AcceptedId(Struct, frozen=True):
    """The id under which a fact is known: it is the `webhook-id` of its deliveries."""

    id: str


class BatchAccepted(Struct, frozen=True):
    """One event of a batch. `duplicate`: the fact was known before, and `id` is the first one's."""

    id: str
    duplicate: bool
