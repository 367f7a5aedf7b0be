"""What goes wrong with a database: nothing confirmed is lost, nothing durable goes unheard, and errors name the fix."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from switchhook.storage import keys, outbox, pg_connection, pg_writer
from switchhook.storage.pg_connection import shown
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Committed, Lane, Reader, StorageError, Transaction
from tests.postgres import PASSWORD, Cluster, name_of
from tests.postgres import cluster as cluster_of_its_own
from tests.storage.between import Between, Cut
from tests.storage.shared_rows import NOW, WORKSPACE, event


class Heard:
    """A store, and the ids of the events it told of."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.ids: list[str] = []
        store.on_committed(self._hear)

    def _hear(self, committed: Committed) -> None:
        self.ids += [new.id for new in committed.events]

    async def accept(self, key: str | None = None) -> str:
        new = event(key)
        return (await self.store.run(lambda tx: outbox.accept(tx, new), lane=Lane.ACCEPTS)).id


async def durable(cluster: Cluster, database: str) -> list[str]:
    rows = cluster.execute("SELECT id FROM events ORDER BY id", database=name_of(database))
    return [str(id_) for (id_,) in rows]


async def end_sessions(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()


@pytest.fixture
async def heard(database: str) -> AsyncIterator[Heard]:
    store = await PostgresStore.open(database)
    await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", NOW))
    await store.join("a test", 3600.0)
    yield Heard(store)
    await store.close()


@pytest.fixture
async def between(cluster: Cluster, database: str) -> AsyncIterator[tuple[Between, Heard]]:
    line = Between(cluster.port)
    await line.start()
    store = await PostgresStore.open(cluster.tcp_url(name_of(database), port=line.port))
    await store.join("a test", 3600.0)
    yield line, Heard(store)
    await store.close()
    await line.stop()


async def test_a_connection_that_broke_while_idle_is_made_anew(heard: Heard, database: str) -> None:
    await heard.accept()
    await heard.store.read(keys.workspaces)
    await end_sessions(database)
    await heard.accept()
    assert len(await heard.store.read(keys.workspaces)) == 1


async def test_the_listener_comes_back(heard: Heard, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchhook.storage.postgres.LISTEN_AGAIN", 0.01)
    told = asyncio.Event()
    heard.store.on_committed(lambda committed: told.set() if committed.schedule else None)
    async with asyncio.timeout(30):
        while (
            not told.is_set()
        ):  # what was said while nobody listened is made up for by a look at the schedule
            await end_sessions(database)
            await asyncio.sleep(0.05)


async def test_sessions_that_end_under_load_lose_nothing(
    heard: Heard, cluster: Cluster, database: str
) -> None:
    confirmed: list[str] = []

    async def keep_accepting(worker: int) -> None:
        for n in range(60):
            for _ in range(20):
                try:
                    confirmed.append(await heard.accept(f"{worker}-{n}"))
                    break
                except StorageError:
                    continue

    crowd = asyncio.gather(*[keep_accepting(worker) for worker in range(16)])
    for _ in range(8):
        await end_sessions(database)
        await asyncio.sleep(0.02)
    await crowd
    assert len(confirmed) == 16 * 60
    assert sorted(confirmed) == await durable(cluster, database) == sorted(heard.ids)
    assert heard.store.horizon() is None


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
@pytest.mark.parametrize("lane", [Lane.ACCEPTS, Lane.RULES])
async def test_a_commit_whose_answer_is_lost_is_asked_about(
    between: tuple[Between, Heard], cluster: Cluster, database: str, cut: Cut, lane: Lane
) -> None:
    line, heard = between
    await heard.accept()
    line.cut = cut
    new = event("fact")
    accepted = await heard.store.run(lambda tx: outbox.accept(tx, new), lane=lane)
    assert line.cuts == 1
    assert accepted == outbox.Accepted(new.id, duplicate=False)
    assert heard.ids == [*heard.ids[:1], new.id]
    assert sorted(heard.ids) == await durable(cluster, database)
    assert heard.store.horizon() is None


async def test_events_of_a_commit_in_doubt_are_told_of_when_it_is_known(
    between: tuple[Between, Heard], cluster: Cluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are durable although the answer was an error: somebody must send them, and the mark must not pass them."""
    monkeypatch.setattr(pg_writer, "DOUBT_SECONDS", 0.2)
    line, heard = between
    first = await heard.accept()
    line.cut, line.close_after_cut = Cut.AFTER, True
    with pytest.raises(StorageError, match="in the middle of a commit"):
        await heard.accept("fact")
    assert heard.ids == [first]
    assert heard.store.horizon() == 1
    line.open = True
    async with asyncio.timeout(30):
        while heard.store.horizon() is not None:
            await asyncio.sleep(0.01)
    assert sorted(heard.ids) == await durable(cluster, database)
    assert len(heard.ids) == 2
    assert (await heard.accept("fact")) == heard.ids[1]


async def test_a_store_closes_in_time_while_its_database_stands_still(
    between: tuple[Between, Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pg_writer, "CLOSE_SECONDS", 0.1)
    line, heard = between
    stuck = asyncio.Event()

    async def work(tx: Transaction) -> None:
        line.flows.clear()
        stuck.set()
        await outbox.accept(tx, event())

    asked = asyncio.create_task(heard.store.run(work, lane=Lane.ACCEPTS))
    await stuck.wait()
    async with asyncio.timeout(20):
        await heard.store.close()
        with pytest.raises(StorageError, match="ends"):
            await asked


@pytest.mark.parametrize("broken", [False, True], ids=["frozen", "and then broken"])
async def test_a_read_that_is_given_up_ends_also_while_the_database_stands_still(
    between: tuple[Between, Heard], broken: bool
) -> None:
    line, heard = between
    await heard.store.read(keys.workspaces)

    async def work(reader: Reader) -> None:
        line.flows.clear()
        await keys.workspaces(reader)

    reading = asyncio.create_task(heard.store.read(work))
    while line.flows.is_set():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.sleep(0)
    if broken:
        line.hang_up()
    done, _ = await asyncio.wait([reading], timeout=20)
    assert done
    assert reading.cancelled()
    line.flows.set()
    assert heard.store.pending == 0


async def test_a_commit_in_doubt_is_not_forgotten_when_asking_about_it_fails_in_an_unforeseen_way(
    between: tuple[Between, Heard], cluster: Cluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, heard = between
    first = await heard.accept()
    errors: list[Exception] = [asyncpg.InternalClientError("what no answer should hold")]
    real = asyncpg.Connection.fetchval

    async def fetchval(self: asyncpg.Connection, query: str, *args: object, **more: object) -> object:
        if query == pg_writer._FATE and errors:
            raise errors.pop()
        return await real(self, query, *args, **more)

    line.cut = Cut.AFTER
    monkeypatch.setattr(asyncpg.Connection, "fetchval", fetchval)
    with contextlib.suppress(StorageError):
        await heard.accept("fact")
    async with asyncio.timeout(30):
        while heard.store.horizon() is not None:
            await asyncio.sleep(0.01)
    assert not errors
    assert sorted(heard.ids) == await durable(cluster, database)
    assert len(heard.ids) == 2
    assert heard.ids[0] == first


async def test_who_asks_while_a_commit_is_in_doubt_gets_an_answer_when_the_store_closes(
    between: tuple[Between, Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pg_writer, "DOUBT_SECONDS", 0.1)
    monkeypatch.setattr(pg_writer, "CLOSE_SECONDS", 0.1)
    line, heard = between
    await heard.accept()
    line.cut, line.close_after_cut = Cut.AFTER, True
    with pytest.raises(StorageError, match="in the middle of a commit"):
        await heard.accept("fact")
    line.flows.clear()
    line.open, taken = True, line.taken  # it may connect now, and hears nothing
    while line.taken == taken:
        await asyncio.sleep(0.001)
    asked = asyncio.create_task(heard.accept())
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await heard.store.close()
        with pytest.raises(StorageError):
            await asked
    line.flows.set()


async def test_works_that_wait_for_each_other_crosswise_both_succeed(heard: Heard, database: str) -> None:
    other = await PostgresStore.open(database)
    gate = asyncio.Barrier(2)

    async def both(tx: Transaction, first: str, second: str) -> list[str]:
        return [(await outbox.accept(tx, event(key))).id for key in (first, second)]

    async def side(store: PostgresStore, n: int, *order: str) -> list[str]:
        await gate.wait()
        return await store.run(lambda tx: both(tx, f"{order[0]}{n}", f"{order[1]}{n}"), lane=Lane.ACCEPTS)

    for n in range(6):
        there, back = await asyncio.gather(side(heard.store, n, "a", "b"), side(other, n, "b", "a"))
        assert there == back[::-1]
    await other.close()


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster for one test: after a crash a server syncs every file it has, and the common one has many."""
    with cluster_of_its_own() as running:
        yield running


async def test_a_server_that_crashes_and_comes_back_under_load_loses_nothing(own_cluster: Cluster) -> None:
    database = own_cluster.database()
    heard = Heard(await PostgresStore.open(database))
    await heard.store.join("a test", 3600.0)
    confirmed: list[str] = []
    stop = asyncio.Event()

    async def keep_accepting(worker: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            while True:
                try:
                    confirmed.append(await heard.accept(f"{worker}-{n}"))
                    break
                except StorageError:
                    await asyncio.sleep(0.01)

    crowd = asyncio.gather(*[keep_accepting(worker) for worker in range(8)])
    while len(confirmed) < 200:
        await asyncio.sleep(0.001)
    await asyncio.to_thread(own_cluster.stop, signal.SIGQUIT)
    await asyncio.to_thread(own_cluster.start)
    again = len(confirmed) + 200
    while len(confirmed) < again:
        await asyncio.sleep(0.001)
    stop.set()
    await crowd
    await heard.store.close()
    assert sorted(confirmed) == await durable(own_cluster, database) == sorted(heard.ids)


async def test_a_commit_that_a_crash_swallowed_is_not_taken_for_somebody_elses(own_cluster: Cluster) -> None:
    """After a crash the server gives the number of a transaction that it never wrote down to another one."""
    own_cluster.stop()
    own_cluster.settings = {"wal_writer_delay": "10s"}  # so that nothing of the transaction is written down
    own_cluster.start()
    database = own_cluster.database()
    line = Between(own_cluster.port)
    await line.start()
    store = await PostgresStore.open(own_cluster.tcp_url(name_of(database), port=line.port))
    await store.join("a test", 3600.0)
    heard = Heard(store)
    await heard.accept()
    line.cut, line.close_after_cut = Cut.BEFORE, True
    asked = asyncio.create_task(heard.accept("fact"))
    while not line.cuts:
        await asyncio.sleep(0.001)
    await asyncio.to_thread(own_cluster.stop, signal.SIGQUIT)
    await asyncio.to_thread(own_cluster.start)
    for n in range(10):  # others, who get its number
        own_cluster.execute(f"INSERT INTO meta (key, value) VALUES ('{n}', '')", database=name_of(database))
    line.open = True
    said = await asked
    await store.close()
    await line.stop()
    assert said in await durable(own_cluster, database)
    assert sorted(heard.ids) == await durable(own_cluster, database)


async def test_several_may_migrate_an_empty_database_at_once(cluster: Cluster) -> None:
    url = cluster.database(empty=True)
    stores = await asyncio.gather(*[PostgresStore.open(url) for _ in range(4)])
    for store in stores:
        await store.check()
        await store.close()


async def test_a_database_of_a_newer_version_is_refused(cluster: Cluster, database: str) -> None:
    cluster.execute("UPDATE meta SET value = '999' WHERE key = 'schema'", database=name_of(database))
    with pytest.raises(StorageError, match="newer Switchhook"):
        await PostgresStore.open(database)


async def test_commits_are_durable_even_where_the_database_says_otherwise(
    cluster: Cluster, database: str
) -> None:
    cluster.execute(f"ALTER DATABASE {name_of(database)} SET synchronous_commit = off", database="postgres")
    connection = await pg_connection.connect(database)
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    await connection.close()


async def test_an_old_server_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg_connection, "OLDEST", 99)
    with pytest.raises(StorageError, match="needs 99 or newer"):
        await PostgresStore.open(database)


async def test_errors_name_the_fix_and_never_the_password(
    cluster: Cluster, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "tell-nobody"
    refused = {
        cluster.tcp_url(name_of(database), password=secret): "refused the user or the password",
        cluster.url("nothing_here"): 'createdb "nothing_here"',
        f"postgresql://u:{secret}@127.0.0.1:1/x": "cannot reach PostgreSQL at 127.0.0.1:1/x",
        f"postgresql://u:{secret}@127.0.0.1:notaport/x": "cannot use the database",
        f"postgresql://u:{secret}@127.0.0.1:{cluster.port}/x?sslmode=never": "cannot use the database",
    }
    for url, told in refused.items():
        with pytest.raises(StorageError) as caught:
            await PostgresStore.open(url)
        assert told in str(caught.value)
        assert secret not in str(caught.value) + repr(caught.value.__cause__)
    assert secret not in caplog.text
    assert PASSWORD not in caplog.text
    store = await PostgresStore.open(cluster.tcp_url(name_of(database)))
    await store.close()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://u:p@db.example:5433/name?sslmode=require&password=p2", "db.example:5433/name"),
        ("postgresql://u:p@/name?host=/run/x", "the local socket/name"),
        ("postgresql://[::1/name", "the database"),
    ],
)
def test_an_address_is_shown_without_secrets(url: str, text: str) -> None:
    assert shown(url) == text
