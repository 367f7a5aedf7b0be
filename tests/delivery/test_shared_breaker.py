"""The breaker among several processes: what each of them saw counts for all, and what follows happens once."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from switchhook.delivery.breaker import Seen as Noticed
from switchhook.delivery.health import record
from switchhook.delivery.sending import Settings
from switchhook.storage import endpoints
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Lane, Store
from tests.delivery.dispatching import WORKSPACE, Answer, PatientClock, Rig, Seen, make
from tests.delivery.test_membership import membership_of

HOUR = 3_600
ONCE = Settings(schedule=(0,), jitter=lambda: 0.5)
Start = Callable[[], Awaitable[Rig]]


def bad(seen: Seen) -> Answer:
    return 500 if seen.key == "ep_a" else 204


def good(_: Seen) -> Answer:
    return 204


@pytest.fixture
async def rigs(database: str) -> AsyncIterator[Start]:
    made: list[Rig] = []

    async def open_() -> Store:
        return await PostgresStore.open(database)

    async def start() -> Rig:
        made.append(await make(open_, PatientClock(), bad, ONCE))
        return made[-1]

    yield start
    for rig in made:
        rig.receiver.script = good
        await rig.dispatcher.stop()
        await rig.store.close()


async def two(rigs: Start) -> tuple[Rig, Rig]:
    first, second = await rigs(), await rigs()
    await first.endpoint("ep_a")
    await first.endpoint("ep_ops", topics=("endpoint.disabled", "endpoint.recovered"))
    for rig in (first, second):
        await look(rig)
    return first, second


async def row(rig: Rig) -> endpoints.Endpoint:
    found = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert found is not None
    return found


async def send(rig: Rig, script: Callable[[Seen], Answer]) -> None:
    """One event through this process, its outcome recorded."""
    rig.receiver.script = script
    await rig.accept()
    await rig.clock.advance(1)


async def later(hours: float, *rigs: Rig) -> None:
    for rig in rigs:
        rig.clock.step_wall(hours * HOUR)


async def look(rig: Rig) -> None:
    """What a notification would bring, if there was one: a look at all endpoints that changed."""
    for _ in range(6):
        await membership_of(rig).tick()
    await rig.turns()


def told(*rigs: Rig) -> list[tuple[str, str]]:
    bodies = [json.loads(s.body) for rig in rigs for s in rig.receiver.seen if s.key == "ep_ops"]
    return [(body["topic"], body["data"]["reason"]) for body in bodies if "topic" in body]


async def test_the_failures_of_two_processes_start_one_clock(rigs: Start) -> None:
    first, second = await two(rigs)
    began = first.clock.now()
    await send(first, bad)
    await later(13, first, second)
    await send(second, bad)  # its only failure: the other one is in the database
    found = await row(first)
    assert found.failing_first is not None
    assert found.failing_clock is not None
    assert found.failing_first - began < 1000
    assert found.failing_clock - began >= 13 * HOUR * 1000
    clock = found.failing_clock
    await later(5, first, second)
    await send(first, bad)
    await send(second, bad)
    assert (await row(first)).failing_clock == clock


async def test_a_success_that_one_process_saw_clears_the_clock_for_all(rigs: Start) -> None:
    first, second = await two(rigs)
    await send(first, bad)
    await later(13, first, second)
    await send(first, bad)
    await look(second)
    await send(second, good)
    found = await row(first)
    assert (found.failing_first, found.failing_last, found.failing_clock) == (None, None, None)
    await look(first)
    await later(1, first, second)
    before = first.clock.now()
    await send(first, bad)
    found = await row(second)
    assert found.failing_first is not None  # it begins anew, from this failure
    assert found.failing_first >= before
    assert told(first, second) == [("endpoint.recovered", "success")]


async def test_a_success_counts_also_when_its_process_did_not_know_of_the_failure(rigs: Start) -> None:
    first, second = await two(rigs)
    await send(first, bad)
    await later(1, second)
    await send(second, good)  # a moment later, and nobody had told this process
    assert (await row(first)).failing_first is not None
    await look(second)
    await second.clock.advance(1)
    assert (await row(first)).failing_first is None


async def test_an_older_success_does_not_clear_a_newer_failure(rigs: Start) -> None:
    first, second = await two(rigs)
    await send(second, good)
    await later(1, first, second)
    await send(first, bad)
    await look(second)
    await second.clock.advance(1)
    assert (await row(first)).failing_first is not None


async def test_processes_that_follow_at_the_same_moment_do_so_one_after_the_other(rigs: Start) -> None:
    first, second = await two(rigs)
    assert isinstance(second.store, PostgresStore)
    other = await asyncpg.connect(second.store._url)
    watching = await asyncpg.connect(second.store._url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("UPDATE endpoints SET failing_first = 0, failing_last = 0 WHERE id = 'ep_a'")
        seen = {(WORKSPACE, "ep_a"): [Noticed(False, 13 * HOUR * 1000)]}
        follows = asyncio.ensure_future(
            second.store.run(lambda tx: record(tx, [], [], None, seen=seen, now=1), lane=Lane.OUTCOMES)
        )
        while not await watching.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0)
        await transaction.commit()
        await follows
    finally:
        await other.close()
        await watching.close()
    found = await row(first)
    assert (found.failing_first, found.failing_clock) == (0, 13 * HOUR * 1000)


async def test_two_processes_disable_an_endpoint_once(rigs: Start) -> None:
    first, second = await two(rigs)
    for _ in range(3):
        await send(first, bad)
        await send(second, bad)
        await later(13, first, second)
    await later(5 * 24, first, second)
    for rig in (first, second):  # both see the clock run out at the same moment
        rig.receiver.script = bad
        await rig.accept(5)
    for rig in (first, second):
        await rig.clock.advance(1)
    found = await row(first)
    assert not found.enabled
    assert found.disabled_why == "every delivery failed for five days"
    for rig in (first, second):
        await rig.clock.advance(1)
    assert told(first, second) == [("endpoint.disabled", "failing")]
