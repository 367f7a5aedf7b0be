"""Several processes on one database: who lost its lease writes nothing more, and what it had is taken over once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from switchhook.storage import endpoints, keys, outbox, processes
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Committed, Lane, ProcessLost, Store
from tests.postgres import expire
from tests.storage.shared_rows import NOW, WORKSPACE, endpoint, event, settlement

Opener = Callable[[], Awaitable[PostgresStore]]


@pytest.fixture
async def processes_of(database: str) -> AsyncIterator[Opener]:
    """Opens stores on one database, each as a process of its own, with an endpoint `ep_a` that wants everything."""
    opened: list[PostgresStore] = []

    async def start() -> PostgresStore:
        store = await PostgresStore.open(database)
        opened.append(store)
        await store.join("a test", 3600.0)
        if len(opened) == 1:
            await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", NOW))
            await store.run(lambda tx: endpoints.add_endpoint(tx, endpoint("ep_a")))
        return store

    yield start
    for store in opened:
        await store.close()


async def accept(store: Store) -> str:
    return (await store.run(lambda tx: outbox.accept(tx, event()), lane=Lane.ACCEPTS)).id


async def settle(store: Store, row: outbox.Settlement) -> None:
    await store.run(lambda tx: outbox.settle(tx, [row], [], None), lane=Lane.OUTCOMES)


async def claim(store: Store, now: int = NOW) -> list[str]:
    due = await store.run(lambda tx: outbox.claim_due(tx, WORKSPACE, "ep_a", now, 100), lane=Lane.OUTCOMES)
    return [row.event for row in due]


async def take_over(store: Store, process: int, limit: int = 500) -> int:
    total, more = 0, True
    while more:
        found, more = await store.run(
            lambda tx: processes.take_over_step(tx, process, NOW, limit), lane=Lane.OUTCOMES
        )
        total += found
    return total


async def waiting(store: PostgresStore) -> set[str]:
    connection = await asyncpg.connect(store._url)
    try:
        return {id_ for (id_,) in await connection.fetch("SELECT event_id FROM schedule")}
    finally:
        await connection.close()


async def end_lease(store: PostgresStore, process: int) -> None:
    connection = await asyncpg.connect(store._url)
    try:
        await expire(connection, process)
    finally:
        await connection.close()


async def test_what_a_lost_process_had_is_taken_over_once(processes_of: Opener) -> None:
    lost, first, second = await processes_of(), await processes_of(), await processes_of()
    ids = {await accept(lost) for _ in range(25)}
    sent = {await accept(lost) for _ in range(3)}
    for id_ in sent:
        await settle(lost, settlement(id_))
    mine = await accept(first)
    assert await take_over(first, lost.process) == 0  # its lease runs
    await end_lease(lost, lost.process)
    found = await asyncio.gather(*[take_over(store, lost.process, 7) for store in (first, second) * 3])
    assert sum(found) == 25
    assert await waiting(first) == ids
    assert mine not in ids
    assert sorted(await claim(first) + await claim(second)) == sorted(ids)


async def test_a_process_that_was_taken_over_can_write_nothing_at_all(processes_of: Opener) -> None:
    lost, other = await processes_of(), await processes_of()
    noticed: list[bool] = []
    lost.on_lost(lambda: noticed.append(True))
    id_ = await accept(lost)
    await end_lease(lost, lost.process)
    assert await take_over(other, lost.process) == 1
    with pytest.raises(ProcessLost):
        await accept(lost)
    with pytest.raises(ProcessLost):
        await settle(lost, settlement(id_))
    with pytest.raises(ProcessLost):
        await lost.run(lambda tx: endpoints.delete_endpoint(tx, WORKSPACE, "ep_a", NOW))
    assert noticed
    assert await other.read(lambda r: r.fetch("attempts_of", WORKSPACE, "ep_a", id_)) == []
    await lost.join("again", 3600.0)
    assert await accept(lost)


async def test_what_was_asked_for_before_joining_again_does_not_slip_through_after(
    processes_of: Opener,
) -> None:
    """An outcome of the old number that waits in the queue must not be written under the new one."""
    lost, other = await processes_of(), await processes_of()
    id_ = await accept(lost)
    await end_lease(lost, lost.process)
    await take_over(other, lost.process)
    asked = asyncio.ensure_future(settle(lost, settlement(id_)))
    lane = lost._lanes[Lane.OUTCOMES]
    reached, go_on = asyncio.Event(), asyncio.Event()
    connect = lane._connect

    async def connect_slowly() -> object:
        reached.set()
        await go_on.wait()
        return await connect()

    lane._connect, lane._connection = connect_slowly, None
    async with asyncio.timeout(30):
        await reached.wait()  # the lane has the outcome in hand
        later = asyncio.ensure_future(settle(lost, settlement(id_)))  # and this one waits behind it
        await asyncio.sleep(0)
        await lost.join("again", 3600.0)
        go_on.set()
        for task in (asked, later):
            with pytest.raises(ProcessLost):
                await task
        await lost.check()  # the lane has done with both
    assert await other.read(lambda r: r.fetch("attempts_of", WORKSPACE, "ep_a", id_)) == []


async def test_a_takeover_waits_for_a_commit_under_way_and_misses_nothing(processes_of: Opener) -> None:
    lost, other = await processes_of(), await processes_of()
    connection = await asyncpg.connect(lost._url)
    await connection.execute("BEGIN")
    await connection.execute("SELECT FROM processes WHERE id = $1 FOR KEY SHARE", lost.process)
    await connection.execute(
        "INSERT INTO events (workspace_id, id, topic, targets, accepted_at, body, owner) "
        "VALUES ($1, 'msg_slow', 'tag.added', 'ep_a', $2, '', $3)",
        WORKSPACE,
        NOW,
        lost.process,
    )
    await end_lease(lost, lost.process)
    assert await take_over(other, lost.process) == 0  # held: asked again at the next tick
    await connection.execute("COMMIT")
    await connection.close()
    assert await take_over(other, lost.process) == 1
    assert await waiting(other) == {"msg_slow"}


async def test_a_takeover_that_is_lost_itself_is_finished_by_the_next(processes_of: Opener) -> None:
    lost, first, second = await processes_of(), await processes_of(), await processes_of()
    ids = {await accept(lost) for _ in range(10)}
    await end_lease(lost, lost.process)
    found, more = await first.run(
        lambda tx: processes.take_over_step(tx, lost.process, NOW, 4), lane=Lane.OUTCOMES
    )
    assert (found, more) == (4, True)
    with pytest.raises(ProcessLost):
        await accept(lost)
    assert await take_over(second, lost.process) == 6
    assert await waiting(second) == ids


async def test_a_due_delivery_is_claimed_by_one(processes_of: Opener) -> None:
    first, second = await processes_of(), await processes_of()
    ids = [await accept(first) for _ in range(60)]
    for id_ in ids:
        await settle(first, settlement(id_, state="retrying", next_at=NOW))
    claimed = await asyncio.gather(*[claim(store) for store in (first, second) * 4])
    assert sorted(id_ for part in claimed for id_ in part) == sorted(ids)


async def test_the_outcome_of_a_claim_that_was_lost_changes_nothing(processes_of: Opener) -> None:
    first, second = await processes_of(), await processes_of()
    id_ = await accept(first)
    await settle(first, settlement(id_, state="retrying", next_at=NOW))
    assert await claim(first) == [id_]
    assert await claim(second) == []
    await first.run(lambda tx: outbox.release_claims(tx, WORKSPACE, "ep_a", [id_]), lane=Lane.OUTCOMES)
    assert await claim(second) == [id_]
    await settle(first, settlement(id_, number=2, state="succeeded", scheduled=True))
    await settle(first, settlement(id_, number=2, state="retrying", next_at=NOW + 5, scheduled=True))
    rows = await second.read(lambda r: r.fetch("attempts_of", WORKSPACE, "ep_a", id_))
    assert [row[0] for row in rows] == [1]
    assert await waiting(second) == {id_}
    await settle(second, settlement(id_, number=2, scheduled=True))
    assert await waiting(second) == set()


async def test_claims_of_a_lost_process_are_free_again(processes_of: Opener) -> None:
    lost, other = await processes_of(), await processes_of()
    id_ = await accept(lost)
    await settle(lost, settlement(id_, state="retrying", next_at=NOW))
    assert await claim(lost) == [id_]
    await end_lease(lost, lost.process)
    await take_over(other, lost.process)
    assert await claim(other) == [id_]


async def test_an_event_on_its_way_in_holds_the_horizon(processes_of: Opener) -> None:
    """A mark above an event that is not committed yet would lose it in a crash."""
    store = await processes_of()
    await accept(store)
    connection = await asyncpg.connect(store._url)
    await connection.execute("BEGIN; LOCK TABLE endpoint_topics IN ACCESS EXCLUSIVE MODE")
    asked = asyncio.ensure_future(accept(store))  # waits for the lock, in the middle of its statement
    while store.horizon() is None:
        await asyncio.sleep(0.001)
    assert store.horizon() == 1
    await connection.execute("COMMIT")
    await connection.close()
    await asked
    assert store.horizon() is None


async def test_processes_hear_of_each_others_changes(processes_of: Opener) -> None:
    first, second = await processes_of(), await processes_of()
    heard: asyncio.Queue[Committed] = asyncio.Queue()
    second.on_committed(heard.put_nowait)
    await first.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_a", "why", NOW))
    async with asyncio.timeout(30):
        assert (await heard.get()).endpoints == {(WORKSPACE, "ep_a")}


async def test_what_nobody_accepted_is_taken_over_too(processes_of: Opener) -> None:
    store = await processes_of()
    own = store.process
    store.leave()
    id_ = await accept(store)
    assert store.process == 0 != own
    await store.join("again", 3600.0)
    assert await take_over(store, 0) == 1
    assert await take_over(store, 0) == 0
    assert await waiting(store) == {id_}
