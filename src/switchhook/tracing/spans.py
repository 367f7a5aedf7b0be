"""What spans say, after OpenTelemetry's semantic conventions for messaging and HTTP. Pure.

`switchhook.…` names what those do not have. Values are ids, numbers, and words of closed lists. What may hold a
person's number, name or words, or a secret, has no place in one: neither paths nor URLs, hosts nor error messages.
"""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from switchhook.tracing.context import SpanContext

Value = str | int | bool


class SpanKind(IntEnum):
    """OpenTelemetry's kinds, by its numbers."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span that is over. `start` and `end` are nanoseconds since the Unix epoch.

    `error` is a word that says what went wrong, None when nothing did.
    """

    context: SpanContext
    name: str
    kind: SpanKind
    start: int
    end: int
    parent: bytes | None = None
    attributes: Mapping[str, Value] = {}
    links: tuple[SpanContext, ...] = ()
    error: str | None = None


def request_attributes(method: str, route: str, status: int | None, request_id: str) -> dict[str, Value]:
    """Those of a request to the API. `route` is the template of its path: the path itself may hold anything."""
    found: dict[str, Value] = {"http.request.method": method, "http.route": route}
    if status is not None:
        found["http.response.status_code"] = status
    if request_id:
        found["switchhook.request.id"] = request_id
    if status is not None and status >= 500:
        found["error.type"] = str(status)
    return found


def event_attributes(workspace: str, id_: str, topic: str, size: int, endpoints: int) -> dict[str, Value]:
    """Those of an accepted event; `size` is its body's in bytes, `endpoints` how many it goes to."""
    return {
        "messaging.system": "switchhook",
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.destination.name": topic,
        "messaging.message.id": id_,
        "messaging.message.body.size": size,
        "switchhook.workspace.id": workspace,
        "switchhook.event.endpoints": endpoints,
    }


def attempt_attributes(
    *,
    workspace: str,
    endpoint: str,
    event: str,
    topic: str,
    delivery: str,
    number: int,
    state: str,
    kind: str,
    status: int | None,
    fault: str | None,
    next_at: str | None,
) -> dict[str, Value]:
    """Those of an attempt at a delivery. `next_at` is when the next one is made, None when it is over."""
    found: dict[str, Value] = {
        "messaging.system": "switchhook",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.destination.subscription.name": endpoint,
        "messaging.message.id": event,
        "http.request.method": "POST",
        "switchhook.workspace.id": workspace,
        "switchhook.delivery.id": delivery,
        "switchhook.delivery.attempt": number,
        "switchhook.delivery.state": state,
        "switchhook.delivery.outcome": kind,
    }
    if number > 1:
        found["http.request.resend_count"] = number - 1
    if status is not None:
        found["http.response.status_code"] = status
    if state != "succeeded":
        found["error.type"] = str(status) if status is not None and status >= 400 else kind
    if fault is not None:
        found["switchhook.delivery.fault"] = fault
    if next_at is not None:
        found["switchhook.delivery.next_at"] = next_at
    return found
