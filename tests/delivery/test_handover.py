"""One process accepts and delivers nothing, another delivers: all of it, once, as soon as it hears of it."""

from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest

from switchhook.clock import ManualClock
from switchhook.delivery.handover import Handover
from switchhook.events.ids import new_id
from switchhook.storage import outbox, processes
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Lane
from switchhook.tracing.context import SpanContext, span_of
from switchhook.tracing.tracer import CAUSE, Cause, Tracer
from tests.delivery.dispatching import LEASE, WORKSPACE, PatientClock, Rig, make
from tests.tracing.judging import exported

CALLER = SpanContext(b"c" * 16, b"p" * 8, sampled=True)


class Front:
    """A process with the role api."""

    def __init__(self, store: PostgresStore, handover: Handover) -> None:
        self.store = store
        self.handover = handover

    async def accept(self, count: int = 1, at: int | None = None) -> list[str]:
        ids = []
        for _ in range(count):
            id_ = new_id("msg")
            event = outbox.NewEvent(WORKSPACE, id_, "tag.added", b"{}", CLOCK.now() if at is None else at)
            await self.store.run(lambda tx, event=event: outbox.accept(tx, event), lane=Lane.ACCEPTS)  # type: ignore[misc]
            ids.append(id_)
        return ids


CLOCK = ManualClock()


@pytest.fixture
async def back(database: str) -> AsyncIterator[Rig]:
    async def open_() -> PostgresStore:
        return await PostgresStore.open(database)

    rig = await make(open_, PatientClock(), lambda _: 204)
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_b")
    yield rig
    rig.receiver.release()
    await rig.dispatcher.stop()
    await rig.store.close()


@pytest.fixture
async def front(database: str, back: Rig) -> AsyncIterator[Front]:
    store = await PostgresStore.open(database, for_others=True)
    handover = Handover(store, CLOCK, LEASE)
    await handover.start()
    yield Front(store, handover)
    await handover.stop()
    await store.close()


async def waiting(front: Front) -> Counter[str]:
    rows = await front.store.read(processes.waiting_lanes)
    return Counter(endpoint for _, endpoint, _ in rows)


async def until_sent(back: Rig, count: int) -> None:
    for _ in range(2_000):
        await back.turns(5)
        await back.clock.advance(0.01)
        if len(back.receiver.seen) >= count:
            return
    raise AssertionError(f"{len(back.receiver.seen)} of {count} were sent")


async def test_what_one_accepts_another_hears_of_and_sends_once(front: Front, back: Rig) -> None:
    ids = await front.accept(60)
    await until_sent(back, 120)
    await back.settle()
    assert Counter((seen.key, seen.message) for seen in back.receiver.seen) == {
        (endpoint, id_): 1 for endpoint in ("ep_a", "ep_b") for id_ in ids
    }
    for id_ in ids:
        assert (await back.delivery("ep_a", id_)).status == "succeeded"
    assert await waiting(front) == Counter()


async def test_whoever_sends_what_another_accepted_knows_its_trace(front: Front, database: str) -> None:
    front.store.traces = Tracer(CLOCK, 1.0)
    CAUSE.set(Cause(CALLER))
    (id_,) = await front.accept(1)
    (created,) = exported(front.store.traces.queue)
    assert (created.trace, created.attributes["switchhook.event.endpoints"]) == (CALLER.trace.hex(), 2)
    connection = await asyncpg.connect(database)
    kept = await connection.fetchval("SELECT trace FROM events WHERE id = $1", id_)
    await connection.close()
    assert kept == str(SpanContext(CALLER.trace, span_of(id_), sampled=True))


async def test_a_test_event_goes_to_its_endpoint_alone(front: Front, back: Rig) -> None:
    event = outbox.NewEvent(WORKSPACE, new_id("msg"), "tag.added", b"{}", CLOCK.now())
    await front.store.run(lambda tx: outbox.accept_for(tx, event, "ep_b"), lane=Lane.ACCEPTS)
    await until_sent(back, 1)
    await back.clock.advance(1)
    assert [seen.key for seen in back.receiver.seen] == ["ep_b"]


async def test_nothing_of_it_is_in_memory(front: Front, database: str) -> None:
    """Killed straight after a commit, the process that accepted leaves nothing to be found: it is in the schedule."""
    ids = await front.accept(5)
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("SELECT event_id FROM schedule WHERE endpoint_id = 'ep_a'")
    traced = await connection.fetch("SELECT event_id FROM attempts WHERE endpoint_id = 'ep_a'")
    await connection.close()
    assert {row["event_id"] for row in [*rows, *traced]} == set(ids)


async def test_a_clock_that_is_ahead_makes_nobody_wait(front: Front, database: str) -> None:
    hour = 3_600_000
    connection = await asyncpg.connect(database)
    now = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    (id_,) = await front.accept(at=now + hour)
    rows = await connection.fetch("SELECT next_at FROM schedule WHERE event_id = $1", id_)
    await connection.close()
    assert len(rows) == 2
    assert all(row["next_at"] <= now + hour / 2 for row in rows)


async def test_its_mark_goes_on_while_nothing_is_delivered(front: Front, back: Rig) -> None:
    back.receiver.script = lambda _: None
    await front.accept(10)
    number = await front.store.read(processes.last_number)
    await front.handover._membership.tick()  # type: ignore[attr-defined]
    rows = await front.store.read(lambda r: r.fetch("low_water"))
    assert rows[0][0] <= number
    connection = await asyncpg.connect(front.store._url)
    mark = await connection.fetchval("SELECT low_water FROM leases WHERE process = $1", front.store.process)
    await connection.close()
    assert mark >= number


async def test_who_has_ended_for_certain_is_taken_over_at_once(front: Front, back: Rig) -> None:
    assert isinstance(back.store, PostgresStore)
    back.receiver.script = lambda _: None
    ids = await back.accept(20)
    await back.turns()
    held = back.store.process
    await front.handover.bury(held)
    assert front.handover.snapshot()["deliveries_recovered_total"] == 40
    assert (await waiting(front)).keys() == {"ep_a", "ep_b"}
    rows = await front.store.run(
        lambda tx: outbox.claim_due(tx, WORKSPACE, "ep_a", back.clock.now() + 10**12, 100), lane=Lane.OUTCOMES
    )
    assert sorted(row.event for row in rows) == sorted(ids)


async def test_a_long_backlog_does_not_stand_before_what_is_new(front: Front, back: Rig) -> None:
    """As after a recovery: hundreds that failed before are due earlier than what was accepted now."""
    back.receiver.script = lambda _: None
    await back.dispatcher.stop(grace=0.0)
    old = await front.accept(200)
    connection = await asyncpg.connect(front.store._url)
    await connection.execute("UPDATE schedule SET attempts = 3, next_at = 1")
    await connection.close()
    new = await front.accept(20)

    async def claim(limit: int) -> list[str]:
        far = CLOCK.now() + 10**12
        rows = await front.store.run(
            lambda tx: outbox.claim_due(tx, WORKSPACE, "ep_a", far, limit), lane=Lane.OUTCOMES
        )
        return [row.event for row in rows]

    first = await claim(100)
    assert len(first) == 100
    assert set(new) < set(first)
    assert len(set(old) & set(first)) == 80
    assert sorted([*first, *await claim(150)]) == sorted([*old, *new])
