from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.events import ids
from tests.api.world import World


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    # Ids never go back in a process, and other tests' clocks may have been days ahead of this one's.
    monkeypatch.setattr(ids, "_source", ids.IdSource())
    made = World(tmp_path)
    await made.start()
    yield made
    await made.sqlite.close()


@pytest.fixture
async def key(world: World) -> str:
    return await world.key()
