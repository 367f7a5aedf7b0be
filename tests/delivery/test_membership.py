"""Two dispatchers on one database: who is taken over records nothing more, joins again, and goes on."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from switchhook.delivery import membership
from switchhook.delivery.membership import Shared
from switchhook.delivery.recovery import LOOK_AGAIN, Recoveries
from switchhook.storage import processes, replay
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Lane, StorageError, Store, Transaction
from tests.delivery.dispatching import WORKSPACE, Answer, PatientClock, Rig, Seen, make
from tests.postgres import expire

Start = Callable[[Callable[[Seen], Answer]], Awaitable[Rig]]


@pytest.fixture
async def rigs(database: str) -> AsyncIterator[Start]:
    made: list[Rig] = []

    async def open_() -> Store:
        return await PostgresStore.open(database)

    async def start(script: Callable[[Seen], Answer]) -> Rig:
        made.append(await make(open_, PatientClock(), script))
        return made[-1]

    yield start
    for rig in made:
        rig.receiver.script = lambda _: 204
        rig.receiver.release()
        await rig.dispatcher.stop()
        await rig.store.close()


def store_of(rig: Rig) -> PostgresStore:
    assert isinstance(rig.store, PostgresStore)
    return rig.store


def membership_of(rig: Rig) -> Shared:
    assert isinstance(rig.dispatcher._membership, Shared)
    return rig.dispatcher._membership


async def end_lease(rig: Rig) -> None:
    connection = await asyncpg.connect(store_of(rig)._url)
    await expire(connection, store_of(rig).process)
    await connection.close()


async def attempts(rig: Rig, event: str) -> list[tuple[int, str]]:
    return [(a.number, a.state) for a in (await rig.delivery("ep_a", event)).attempts]


async def test_what_a_process_that_stands_still_had_is_sent_by_another(rigs: Start) -> None:
    still = await rigs(lambda _: None)
    other = await rigs(lambda _: 204)
    await still.endpoint("ep_a")
    ids = await still.accept(100)
    await still.turns()
    await end_lease(still)
    await membership_of(other).tick()
    await other.clock.advance(1)
    assert Counter(seen.message for seen in other.receiver.seen) == dict.fromkeys(ids, 1)
    assert other.dispatcher.snapshot()["deliveries_recovered_total"] == 100
    for event in ids:
        assert await attempts(other, event) == [(1, "succeeded")]


async def test_outcomes_of_a_process_that_was_taken_over_are_not_recorded_and_it_goes_on(
    rigs: Start, caplog: pytest.LogCaptureFixture
) -> None:
    still = await rigs(lambda _: None)
    other = await rigs(lambda _: 204)
    await still.endpoint("ep_a")
    ids = await still.accept(40)
    await still.turns()
    old = store_of(still).process
    await end_lease(still)
    await membership_of(other).tick()
    await other.clock.advance(1)
    still.receiver.release(500)  # what was under way comes back now, with another outcome
    await still.clock.advance(1)
    still.receiver.release(500)  # and what it had sent before it knew
    await still.clock.advance(1)
    assert store_of(still).process not in (0, old)
    for event in ids:
        assert await attempts(other, event) == [(1, "succeeded")]
    still.receiver.script = lambda _: 204
    (fresh,) = await still.accept()
    await still.clock.advance(1)
    assert await attempts(other, fresh) == [(1, "succeeded")]
    assert still.dispatcher.alive
    assert still.receiver.under_way["ep_a"] == 0
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_process_in_force_is_not_taken_over(rigs: Start) -> None:
    busy = await rigs(lambda _: None)
    other = await rigs(lambda _: 204)
    await busy.endpoint("ep_a")
    await busy.accept(10)
    await busy.turns()
    for _ in range(3):
        await membership_of(other).tick()
        await membership_of(busy).tick()
    await other.clock.advance(60)
    assert other.receiver.seen == []
    assert len(busy.receiver.seen) == 10


async def test_what_failed_is_tried_again_by_one_of_them(rigs: Start) -> None:
    first = await rigs(lambda _: 500)
    second = await rigs(lambda _: 500)
    await first.endpoint("ep_a")
    ids = await first.accept(20)
    await first.clock.advance(0.1)
    for rig in (first, second):
        rig.receiver.script = lambda _: 204
        rig.clock.step_wall(10)
    for rig in (second, first):
        await membership_of(rig).tick()
        await rig.clock.advance(10)
    for event in ids:
        assert await attempts(first, event) == [(1, "retrying"), (2, "succeeded")]
    assert len(first.receiver.seen) + len(second.receiver.seen) == 40


async def test_a_process_leaves_in_time_while_its_database_stands_still(
    rigs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "LEAVE", 0.1)
    rig = await rigs(lambda _: 204)
    with monkeypatch.context() as patch:
        patch.setattr(store_of(rig), "run", lambda *_, **__: asyncio.Event().wait())
        async with asyncio.timeout(30):
            await membership_of(rig).leave()


async def test_a_recovery_whose_process_is_gone_is_carried_on_by_another(rigs: Start) -> None:
    first = await rigs(lambda _: 410)
    second = await rigs(lambda _: 204)
    recoveries = Recoveries(store_of(second), second.clock)
    await first.endpoint("ep_a")
    begun = first.clock.now()
    await first.store.run(  # by a process that died before it did any of it, and told nobody
        lambda tx: replay.begin(tx, workspace=WORKSPACE, id="job_1", endpoint="ep_a", since=begun, now=begun)
    )
    await second.clock.advance(2 * LOOK_AGAIN + 1)
    found = await second.store.read(lambda reader: replay.find(reader, WORKSPACE, "job_1"))
    await recoveries.stop()
    assert found is not None
    assert found.finished_at is not None


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_claim_whose_answer_was_lost_is_given_up_and_made_again(
    rigs: Start, monkeypatch: pytest.MonkeyPatch, ordered: bool
) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a", ordered=ordered)
    (event,) = await rig.accept()
    await rig.clock.advance(0.1)
    rig.receiver.script = lambda _: 204
    real = store_of(rig).run
    lost = 0

    async def run(work: Callable[[Transaction], Awaitable[object]], *, lane: Lane = Lane.RULES) -> object:
        nonlocal lost
        result = await real(work, lane=lane)
        if work.__name__ == "claim" and not lost:
            lost += 1
            raise StorageError("the database went away in the middle of a commit")
        return result

    monkeypatch.setattr(store_of(rig), "run", run)
    await rig.clock.advance(20)
    assert lost == 1
    assert await attempts(rig, event) == [(1, "retrying"), (2, "succeeded")]


async def test_an_endpoint_disabled_by_one_is_closed_for_the_other(rigs: Start) -> None:
    first = await rigs(lambda _: 410)
    second = await rigs(lambda _: 204)
    await first.endpoint("ep_a")
    await membership_of(second).tick()
    await first.accept()
    await first.settle()
    await membership_of(second).tick()  # what a notification brings at once, a tick brings for certain
    for _ in range(5):
        await membership_of(second).tick()
    await second.turns()
    (waiting,) = await second.accept()
    await second.clock.advance(100)
    assert second.receiver.seen == []
    first.receiver.script = lambda _: 204
    await second.change("ep_a", enabled=True, disabled_why=None)
    for rig in (second, first):
        await rig.clock.advance(1)
    assert (await second.delivery("ep_a", waiting)).status == "succeeded"


async def test_who_stops_leaves_its_deliveries_and_no_trace_of_itself(rigs: Start) -> None:
    first = await rigs(lambda _: None)
    second = await rigs(lambda _: 204)
    await first.endpoint("ep_a")
    ids = await first.accept(50)
    await first.turns()
    first.receiver.release(204)
    await first.dispatcher.stop(grace=0.0)
    await membership_of(second).tick()
    await second.clock.advance(1)
    for event in ids:
        assert (await second.delivery("ep_a", event)).status == "succeeded"
    assert await second.store.run(processes.expired, lane=Lane.OUTCOMES) == [0]
