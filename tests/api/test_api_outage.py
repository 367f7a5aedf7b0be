"""A store that refuses, in the log: one line when it begins and one when it is over, however many ask meanwhile."""

import logging
from typing import Any

import pytest

from switchhook.storage.store import StorageError
from tests.api.world import World, example


class Refusing:
    """The store of a world, which refuses writes while it is told to."""

    def __init__(self, world: World) -> None:
        self._real = world.store
        self.refuses = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def run(self, work: Any, **lane: Any) -> Any:
        if self.refuses:
            raise StorageError("the disk is full")
        return await self._real.run(work, **lane)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage().partition("the store ")[2]
        for record in caplog.records
        if record.name == "switchhook.api.outage" and record.levelno >= logging.WARNING
    ]


async def ask(world: World, app: Any, key: str, times: int = 1) -> set[int]:
    """Writes of two routes, the fast one and one of the others."""
    found = set()
    for _ in range(times):
        event = {"topic": "tag.added", "data": example("tag.added")}
        published = await world.call("POST", "/v2/api/events", key=key, json=event, app=app)
        asked = {"url": "https://hooks.example/in", "topics": ["tag.added"]}
        made = await world.call("POST", "/v2/api/webhooks", key=key, json=asked, app=app)
        found |= {published.status, made.status}
    return found


async def test_an_outage_is_two_lines_however_many_ask(
    world: World, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Refusing(world)
    app = world.build(store=store)
    await ask(world, app, key)
    assert told(caplog) == []
    store.refuses = True
    assert await ask(world, app, key, 20) == {503}
    await world.clock.advance(90)
    assert await ask(world, app, key, 20) == {503}
    assert told(caplog) == ["refused: the disk is full; what else it refuses is counted"]
    store.refuses = False
    await ask(world, app, key, 3)
    assert told(caplog)[1:] == ["works again after 90 s: it refused 80 requests"]


async def test_a_store_that_comes_and_goes_is_told_of_once_a_minute(
    world: World, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Refusing(world)
    app = world.build(store=store)
    for _ in range(20):
        store.refuses = True
        await ask(world, app, key)
        store.refuses = False
        await ask(world, app, key)
    assert len(told(caplog)) == 2
    await world.clock.advance(60)
    store.refuses = True
    await ask(world, app, key)
    store.refuses = False
    await ask(world, app, key)
    assert told(caplog)[-1] == "works again after 0 s: it refused 40 requests"  # 38 of which nothing was said
