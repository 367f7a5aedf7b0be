"""Fixtures that several packages of tests share."""

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Store
from switchhook.storage.vault import Vault
from tests import postgres

# Servers that tests start would transcribe what they record; the tests that want that say so.
os.environ.setdefault("SWITCHHOOK_TRANSCRIPTS_ENGINE", "off")

# Laws are tried on the same examples in every run, so that none fails by bad luck, and judged by results, not speed.
# `EXPLORE=20 python -m pytest tests/x` tries others, twenty times as many; what that finds is mended and kept.
EXPLORE = int(os.environ.get("EXPLORE", "0"))
settings.register_profile(
    "steady",
    settings(),
    derandomize=not EXPLORE,
    database=None,
    deadline=None,
    max_examples=100 * (EXPLORE or 1),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


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
