"""What Switchhook says about its own deliveries: the data of the operational events, and an example of each.

They are signed and sent like any other event, to the endpoints that name them in their topics. They are not part of the
catalogue of nine, and nobody can publish them.
"""

from enum import StrEnum

import msgspec
from msgspec import Struct

from switchhook.events.payloads import Timestamp


class Disabled(StrEnum):
    """Why nothing is sent to an endpoint: every delivery failed for five days, it answered 410 Gone, somebody disabled
    it, or its sealed secrets do not open, which ends by itself when they do."""

    FAILING = "failing"
    GONE = "gone"
    MANUAL = "manual"
    LOCKED = "locked"


class Recovered(StrEnum):
    """What brought an endpoint back: a delivery that succeeded, or somebody who enabled it."""

    SUCCESS = "success"
    ENABLED = "enabled"


class EndpointDisabled(Struct, frozen=True, kw_only=True):
    """An endpoint was disabled; what comes for it is recorded and waits. `failing_since` is null when it was well."""

    webhook_id: str
    url: str
    reason: Disabled
    message: str
    failing_since: Timestamp | None
    disabled_at: Timestamp


class EndpointRecovered(Struct, frozen=True, kw_only=True):
    """An endpoint takes deliveries again. `failing_since` is null when somebody enabled it."""

    webhook_id: str
    url: str
    reason: Recovered
    failing_since: Timestamp | None
    recovered_at: Timestamp


class DeliveryExhausted(Struct, frozen=True, kw_only=True):
    """A delivery has failed for good. `status_code`, `result`, `fault` and the messages are those of its last attempt;
    `status_code` is null when nothing was answered."""

    delivery_id: str
    webhook_id: str
    url: str
    event_id: str
    topic: str
    attempts: int
    status_code: int | None
    result: str
    fault: str | None
    message: str | None
    operator_message: str | None
    failed_at: Timestamp


OperationalData = EndpointDisabled | EndpointRecovered | DeliveryExhausted
"""The data of any operational event."""

_DISABLED = EndpointDisabled(
    webhook_id="ep_02sTkH8wTq1bLr5cXn0VdA",
    url="https://hooks.example.com/in",
    reason=Disabled.FAILING,
    message="every delivery failed for five days",
    failing_since="2025-03-10T02:30:00.000Z",
    disabled_at="2025-03-15T14:30:00.000Z",
)
_RECOVERED = EndpointRecovered(
    webhook_id="ep_02sTkH8wTq1bLr5cXn0VdA",
    url="https://hooks.example.com/in",
    reason=Recovered.SUCCESS,
    failing_since="2025-03-14T23:10:00.000Z",
    recovered_at="2025-03-15T14:30:00.000Z",
)
_EXHAUSTED = DeliveryExhausted(
    delivery_id="dlv_02sTn4pXc7ZkQy1mJe8RwG02sTkH8wTq1bLr5cXn0VdA",
    webhook_id="ep_02sTkH8wTq1bLr5cXn0VdA",
    url="https://hooks.example.com/in",
    event_id="msg_02sTn4pXc7ZkQy1mJe8RwG",
    topic="call.completed",
    attempts=8,
    status_code=500,
    result="server_error",
    fault="receiver",
    message="Your endpoint answered 500. Its own log says why.",
    operator_message="hooks.example.com:443 answered 500.",
    failed_at="2025-03-15T14:30:00.000Z",
)

EXAMPLES: dict[str, bytes] = {
    "endpoint.disabled": msgspec.json.encode(_DISABLED),
    "endpoint.recovered": msgspec.json.encode(_RECOVERED),
    "delivery.exhausted": msgspec.json.encode(_EXHAUSTED),
}
"""Each topic's example data as compact JSON."""
