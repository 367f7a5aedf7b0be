from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from switchhook.events import ids
from switchhook.storage.postgres import PostgresStore
from tests.api.world import World
from tests.postgres import Cluster

KEPT = ("meta", "processes", "leases")  # what a migrated database has before anybody uses it


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that takes a world runs on both stores, unless it is about the embedded one or about neither."""
    if "stored_in" in metafunc.fixturenames:
        embedded = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("stored_in", ["sqlite"] if embedded else ["sqlite", "postgresql"])


@pytest.fixture(scope="session")
def api_database(cluster: Cluster) -> str:
    """One database for all these tests, emptied before each: a new one would take longer than most of them."""
    return cluster.database()


@pytest.fixture
async def world(
    stored_in: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    # Ids never go back in a process, and other tests' clocks may have been days ahead of this one's.
    monkeypatch.setattr(ids, "_source", ids.IdSource())
    store = None
    if stored_in == "postgresql":
        url = request.getfixturevalue("api_database")
        await empty(url)
        store = await PostgresStore.open(url)
    made = World(tmp_path, store=store)
    await made.start()
    yield made
    await made.close()


async def empty(url: str) -> None:
    """Delete every row of the database that somebody put there."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        deletes = [f'DELETE FROM "{name}"' for (name,) in tables if name not in KEPT]
        # Without the checks of foreign keys, so in any order.
        await connection.execute("; ".join(["SET session_replication_role = replica", *deletes]))
    finally:
        await connection.close()


@pytest.fixture
async def key(world: World) -> str:
    return await world.key()
