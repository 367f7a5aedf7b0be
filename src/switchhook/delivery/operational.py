"""What is told about deliveries and endpoints: made with what it reports, in one transaction, and logged after it.

    settle, an endpoint changed ──▶ tell ──▶ an event for whoever asked for it     (dedupe key: one fact, one event)
                                     └─────▶ Committed.happened ──▶ one line in the log, also when nobody asked

An endpoint is not told that it was disabled, nor of its own deliveries that failed: it is the one that cannot be
reached. The delivery of such an event that fails makes no other one, so nothing can go round.
"""

import hashlib
import logging
from collections.abc import Sequence

import msgspec

from switchhook.clock import iso_millis
from switchhook.events.catalogue import OPERATIONAL, dedupe_key, topic_of
from switchhook.events.envelope import render
from switchhook.events.ids import MESSAGE, new_id, unchecked_delivery_id
from switchhook.events.operational import (
    DeliveryExhausted,
    Disabled,
    EndpointDisabled,
    EndpointRecovered,
    OperationalData,
    Recovered,
)
from switchhook.events.strict import encode
from switchhook.storage import endpoints, outbox
from switchhook.storage.endpoints import Endpoint
from switchhook.storage.outbox import NewEvent, Settlement
from switchhook.storage.store import Committed, Transaction

log = logging.getLogger(__name__)


async def tell(
    tx: Transaction, workspace: str, facts: Sequence[OperationalData], now: int, key: str | None = None
) -> None:
    """Make events of `facts` (wall ms `now`), to be committed with what they report.

    `key` is what one fact is known by when that is not what its topic says.
    """
    events = []
    for fact in facts:
        topic = topic_of(fact)
        body = render(topic, encode(fact), now)
        event = NewEvent(workspace, new_id(MESSAGE, now), topic, body, now, key or dedupe_key(topic, fact))
        events.append((event, "" if isinstance(fact, EndpointRecovered) else fact.webhook_id))
    await outbox.accept_wanted(tx, events)
    tx.committed.happened.extend(facts)


async def disable(tx: Transaction, workspace: str, id: str, *, reason: Disabled, why: str, now: int) -> bool:
    """Disable an endpoint and tell; False when it was not enabled. `why` is for people."""
    found = await endpoints.find_endpoint(tx, workspace, id)
    if found is None or not await endpoints.disable_endpoint(tx, workspace, id, why, now):
        return False
    await tell(tx, workspace, [disabled(found, reason, why, now)], now)
    return True


async def locked(tx: Transaction, endpoint: Endpoint, now: int) -> None:
    """Tell that nothing is sent to an endpoint because its secrets do not open: once, whoever finds it and how often.

    Raises:
        StorageError: the store could not do it.
    """
    why = endpoint.locked or ""
    fact = disabled(endpoint, Disabled.LOCKED, why, now)
    state = hashlib.sha256(f"{endpoint.updated_at} {why}".encode()).hexdigest()[:16]
    await tell(tx, endpoint.workspace, [fact], now, key=f"endpoint.disabled {endpoint.id} locked {state}")


async def switched(tx: Transaction, before: Endpoint, after: Endpoint, now: int) -> None:
    """Tell that somebody enabled or disabled an endpoint, if that is what the change from `before` to `after` does."""
    if before.enabled and not after.enabled:
        await tell(tx, after.workspace, [disabled(before, Disabled.MANUAL, "somebody disabled it", now)], now)
    elif after.enabled and not before.enabled:
        await tell(tx, after.workspace, [recovered(after, Recovered.ENABLED, None, now)], now)


async def exhausted(tx: Transaction, failed: Sequence[Settlement], now: int) -> None:
    """Tell of deliveries that have failed for good."""
    rows = await tx.fetch_each("failed_deliveries", [(s.workspace, s.event, s.endpoint) for s in failed])
    facts: dict[str, list[OperationalData]] = {}
    for settled, found in zip(failed, rows, strict=True):
        for topic, url in found:
            if topic not in OPERATIONAL:
                facts.setdefault(settled.workspace, []).append(failure(settled, topic, url, now))
    for workspace, told in facts.items():
        await tell(tx, workspace, told, now)


def disabled(endpoint: Endpoint, reason: Disabled, why: str, now: int) -> EndpointDisabled:
    """That `endpoint`, as it was before, was disabled."""
    since = endpoint.failing_first
    return EndpointDisabled(
        webhook_id=endpoint.id,
        url=endpoint.url,
        reason=reason,
        message=why,
        failing_since=None if since is None else iso_millis(since),
        disabled_at=iso_millis(now),
    )


def recovered(endpoint: Endpoint, reason: Recovered, since: int | None, now: int) -> EndpointRecovered:
    """That `endpoint`, failing since then (wall ms), takes deliveries again."""
    return EndpointRecovered(
        webhook_id=endpoint.id,
        url=endpoint.url,
        reason=reason,
        failing_since=None if since is None else iso_millis(since),
        recovered_at=iso_millis(now),
    )


def failure(settled: Settlement, topic: str, url: str, now: int) -> DeliveryExhausted:
    """That a delivery failed for good with the attempt `settled`."""
    return DeliveryExhausted(
        # Not checked: what is told must not stand in the way of what it reports.
        delivery_id=unchecked_delivery_id(settled.event, settled.endpoint),
        webhook_id=settled.endpoint,
        url=url,
        event_id=settled.event,
        topic=topic,
        attempts=settled.number,
        status_code=settled.status,
        result=settled.kind,
        fault=settled.fault,
        message=settled.message_customer,
        operator_message=settled.message_operator,
        failed_at=iso_millis(now),
    )


def log_happened(committed: Committed) -> None:
    """Write what was committed to the log, one line each. A URL may hold a token, so it stays out of there."""
    for fact in committed.happened:
        shown = {name: value for name, value in msgspec.structs.asdict(fact).items() if name != "url"}
        log.warning("%s %s", topic_of(fact), msgspec.json.encode(shown).decode())
