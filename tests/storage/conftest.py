"""A store of its own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.storage import sqlite
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "switchhook.db"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that takes a store runs on both, unless it is about the embedded one."""
    if "kind" in metafunc.fixturenames:
        embedded = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("kind", ["sqlite"] if embedded else ["sqlite", "postgresql"])


@pytest.fixture
async def store(kind: str, path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    url = request.getfixturevalue("database") if kind == "postgresql" else ""
    opened = await PostgresStore.open(url) if url else SqliteStore(path)
    yield opened
    await opened.close()


@pytest.fixture(params=["in the loop", "aside"])
def commits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the embedded store commits: for small groups in the loop, for large ones in a thread."""
    where: str = request.param
    monkeypatch.setattr(sqlite, "ASIDE", 0 if where == "aside" else 1 << 30)
    return where
