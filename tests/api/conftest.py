from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.sqlite.close()


@pytest.fixture
async def key(world: World) -> str:
    return await world.key()
