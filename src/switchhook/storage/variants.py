"""An event with a field more than the catalogue has, for the endpoints that asked for that (`additive_fields`).

The row of the event keeps the value and for whom it is, both as they were at acceptance. The bytes follow from that
alone, so they are the same on every attempt, whatever becomes of the endpoint.
"""

from collections.abc import Iterable

FIELD = b',"call_id":"%b"}}'


def mark(call: str, endpoints: Iterable[str]) -> str:
    """What a row keeps: the id of the call, and the endpoints that get it."""
    return " ".join((call, *endpoints))


def body_for(body: bytes, variant: str | None, endpoint: str) -> bytes:
    """The body that an endpoint gets. `variant` is what `mark` made, None when nobody gets more. Pure."""
    if variant is None:
        return body
    call, *endpoints = variant.split(" ")
    if endpoint not in endpoints or not body.endswith(b"}}"):
        return body  # what was taken out of the database leaves nothing to add to
    return body[:-2] + FIELD % call.encode()
