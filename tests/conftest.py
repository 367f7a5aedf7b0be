"""Fixtures that several packages of tests share."""

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Store
from switchhook.storage.vault import Vault
from tests import postgres

# Servers that tests start would transcribe what they record; the tests that want that say so.
os.environ.setdefault("SWITCHHOOK_TRANSCRIPTS_ENGINE", "off")


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL of our own, for the whole run."""
    with postgres.cluster() as running:
        yield running


@pytest.fixture
def database(cluster: postgres.Cluster) -> str:
    """The address of a fresh, migrated database."""
    return cluster.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Awaitable[Store]]:
    """Opens the store of a test, again and again the same database; each test runs on both kinds."""
    if request.param == "sqlite":

        async def embedded(vault: Vault | None = None) -> Store:
            return SqliteStore(tmp_path / "x.db", vault)

        return embedded
    url: str = request.getfixturevalue("database")

    async def shared(vault: Vault | None = None) -> Store:
        return await PostgresStore.open(url, vault)

    return shared
