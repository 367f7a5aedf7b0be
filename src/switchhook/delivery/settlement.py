"""What an outcome means for its delivery: over, or tried again and when. Pure."""

from switchhook.delivery.exchange import Kind
from switchhook.delivery.lane import Delivery, Lane
from switchhook.delivery.outcome import Outcome
from switchhook.delivery.schedule import Schedule, honour_retry_after, next_delay
from switchhook.storage.outbox import Settlement, StoredResponse, encode_response

SLOW = frozenset(
    {Kind.RESPONSE_TIMEOUT, Kind.CONNECT_TIMEOUT, Kind.TLS_TIMEOUT, Kind.DNS_TIMEOUT, Kind.PROXY_TIMEOUT}
)
"""Outcomes of an endpoint that did not answer in time."""


def settlement(
    lane: Lane, delivery: Delivery, outcome: Outcome, *, now: int, schedule: Schedule, jitter: float
) -> Settlement:
    """The row to record for an attempt that ended at `now` (wall ms). `jitter` is a random number in [0, 1)."""
    number = delivery.attempts + 1
    next_at = None
    if outcome.ok:
        state = "succeeded"
    else:
        delay = None if outcome.abort else next_delay(schedule, number - delivery.base, jitter)
        delay = honour_retry_after(delay, outcome.retry_after)
        state = "failed" if delay is None else "retrying"
        if delay is not None:
            next_at = now + int(delay * 1000)
    answer = None
    if outcome.status is not None:
        answer = encode_response(StoredResponse(outcome.headers, outcome.body, outcome.truncated))
    return Settlement(
        lane.workspace,
        lane.endpoint,
        delivery.event,
        number,
        state,
        delivery.started_at,
        outcome.latency_ms,
        outcome.kind.value,
        outcome.status,
        None if outcome.fault is None else outcome.fault.value,
        outcome.message_customer or None,
        outcome.message_operator or None,
        next_at,
        answer,
        delivery.scheduled,
        delivery.base,
        delivery.due_at,
    )
