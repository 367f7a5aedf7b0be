"""The breaker, carried out: what an outcome may change about its endpoint's health, and what is made of that.

    outcome ──▶ notice ── seldom: nothing changes ──▶ settler ──▶ record, with the outcome: the stored health, the rule,
                                                                  the verdict, and the event about it

The database decides. What a lane remembers only tells whether it is worth asking: an endpoint that does well, and one
that has been failing for a while, cost nothing. Where others deliver to the same endpoint, the memory is read anew when
its row has changed (`adopt`).
"""

from collections.abc import Iterable

from switchhook.delivery import operational
from switchhook.delivery.breaker import HEALTHY, Health, Seen, Verdict, after_failure, follow, worth_saving
from switchhook.delivery.lane import Lane
from switchhook.delivery.outcome import Fault, Outcome
from switchhook.events.operational import Disabled, Recovered
from switchhook.storage import endpoints, outbox
from switchhook.storage.endpoints import Endpoint
from switchhook.storage.outbox import Settlement, Waiting
from switchhook.storage.store import Transaction

WHY = "every delivery failed for five days"

Key = tuple[str, str]
"""An endpoint's workspace and id."""


def notice(lane: Lane, outcome: Outcome, now: int) -> Seen | None:
    """Take an outcome of `now` (wall ms) into what the lane remembers; what to record of it, None when nothing."""
    if outcome.ok:
        lane.succeeded_at = now
        if lane.health is HEALTHY:
            return None
        lane.health = lane.health_saved = HEALTHY
        return Seen(True, now)
    if outcome.fault is Fault.SENDER:  # our own failure says nothing about the endpoint
        return None
    lane.health, verdict = after_failure(lane.health, now)
    if verdict is Verdict.NOTHING and not worth_saving(lane.health_saved, lane.health):
        return None
    lane.health_saved = lane.health
    return Seen(False, now)


def adopt(lane: Lane, endpoint: Endpoint, *, shared: bool) -> Seen | None:
    """Remember the health that is stored. Returns a success that it lacks, seen here before its failures were read."""
    stored = Health(endpoint.failing_first, endpoint.failing_last, endpoint.failing_clock)
    at = lane.succeeded_at
    missed = shared and at is not None and stored.first is not None and stored.first <= at
    lane.health = lane.health_saved = HEALTHY if missed or stored == HEALTHY else stored
    return Seen(True, at) if missed and at is not None else None


async def record(
    tx: Transaction,
    settled: list[Settlement],
    waiting: Iterable[Waiting],
    low_water: int | None,
    *,
    seen: dict[Key, list[Seen]],
    now: int,
) -> None:
    """Record outcomes, what they mean for the breaker, and what is to be told about both (wall ms `now`)."""
    counting = await outbox.settle(tx, settled, waiting, low_water)
    failed = [row for row in counting if row.state == "failed"]
    if failed:
        await operational.exhausted(tx, failed, now)
    for key in sorted(seen):  # in one order, so that processes wait for each other in one direction only
        await _follow(tx, *key, seen[key], now)


async def _follow(tx: Transaction, workspace: str, id: str, seen: list[Seen], now: int) -> None:
    rows = await tx.fetch("health", workspace, id)
    if not rows:
        return
    before = Health(*rows[0])
    health, verdict, recovered = follow(before, seen)
    if recovered is not None:
        found = await endpoints.find_endpoint(tx, workspace, id)
        assert found is not None
        fact = operational.recovered(found, Recovered.SUCCESS, recovered.first, now)
        await operational.tell(tx, workspace, [fact], now)
    if verdict is Verdict.DISABLE:
        await operational.disable(tx, workspace, id, reason=Disabled.FAILING, why=WHY, now=now)
        return
    if health == before:
        return
    await tx.execute("save_health", workspace, id, health.first, health.last, health.clock)
    if tx.shared and health.clock != before.clock:
        # What is rare is told to the other processes at once; the rest they see when they look at what changed.
        tx.committed.endpoints.add((workspace, id))
