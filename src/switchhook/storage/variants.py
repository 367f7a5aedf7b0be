"""What of a stored event goes to which endpoint.

Those that asked for more (`additive_fields`) get a field more than the catalogue has. The row of the event keeps the
value and for whom it is, both as they were at acceptance. Those of the first version of the API, which their ids tell,
get its envelope. The bytes follow from the row and the id alone, so they are the same on every attempt, whatever
becomes of the endpoint.
"""

from collections.abc import Iterable

from switchhook.events.first_version import body_of
from switchhook.events.ids import first_version

FIELD = b',"%b":"%b"}}'
CALL = "call_id"


def mark(name: str, text: str, endpoints: Iterable[str]) -> str:
    """What a row keeps: the field, whose text needs no escape in JSON, and the endpoints that get it."""
    return " ".join((text if name == CALL else f"{name}={text}", *endpoints))


def body_for(body: bytes, variant: str | None, endpoint: str) -> bytes:
    """The body that an endpoint gets. `variant` is what `mark` made, None when nobody gets more. Pure."""
    if first_version(endpoint):
        return body_of(body)
    if variant is None:
        return body
    first, *endpoints = variant.split(" ")
    if endpoint not in endpoints or not body.endswith(b"}}"):
        return body  # what was taken out of the database leaves nothing to add to
    name, named, text = first.partition("=")
    field = (name, text) if named else (CALL, first)
    return body[:-2] + FIELD % tuple(part.encode() for part in field)
