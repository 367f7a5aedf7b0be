"""A store of its own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.storage.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "switchhook.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    await opened.close()
