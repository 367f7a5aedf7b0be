"""Nothing is told by time: what must not be told apart asks the store the same questions in the same order."""

import ast
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from switchhook.api.app import Api
from switchhook.storage import keys
from switchhook.storage.store import Reader, Row, Store
from tests.api.test_api_crossing import WITH_PLACE, ask, live_in, nothing
from tests.api.world import World

READING = [route for route in WITH_PLACE if route.method == "GET" and route.access == "key"]
SOURCES = Path(__file__).parents[2] / "src"
COMPARED = re.compile(r"\b(?:signature|secret|digest|mac)\b")


class Counting:
    """A store that keeps the names of the queries that reads ask."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read(self, work: Callable[[Reader], Awaitable[Any]], **options: Any) -> Any:
        return await self._store.read(
            lambda reader: work(cast(Reader, _Heard(reader, self.asked))), **options
        )


class _Heard:
    def __init__(self, reader: Reader, asked: list[str]) -> None:
        self._reader = reader
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def fetch(self, query: str, *args: object) -> list[Row]:
        self._asked.append(query)
        return await self._reader.fetch(query, *args)


@pytest.fixture
def counting(world: World) -> Counting:
    return Counting(world.store)


@pytest.fixture
def app(world: World, counting: Counting) -> Api:
    return world.build(store=cast(Store, counting))


async def test_a_key_of_nobody_and_a_revoked_one_are_looked_for_alike(
    world: World, key: str, counting: Counting, app: Api
) -> None:
    me = (await world.call("GET", "/v2/api/me", key=key)).data["api_key_id"]
    await world.store.run(lambda tx: keys.revoke_key(tx, me, world.clock.now()))
    for wrong in (key, keys.new_secret_key(), "x", key[:-1]):
        counting.asked.clear()
        assert (await world.call("GET", "/v2/api/me", key=wrong, app=app)).status == 401
        assert counting.asked == ["key_by_digest"]


@pytest.mark.parametrize("route", READING, ids=lambda route: route.name)
async def test_what_is_another_workspaces_is_looked_for_like_what_there_is_not(
    world: World, key: str, counting: Counting, app: Api, route: Any
) -> None:
    places = await live_in(world, key)
    foreign = await world.key(workspace="wsp_b")
    world.app = app
    asked = []
    for values in (places, nothing(places)):
        await world.clock.advance(2)  # the key is looked up again
        counting.asked.clear()
        await ask(world, route, foreign, values)
        asked.append(list(counting.asked))
    assert asked[0] == asked[1]
    assert asked[0][0] == "key_by_digest"


def test_signatures_and_digests_are_never_compared_with_the_sign_of_equality() -> None:
    """`==` stops at the first difference; `hmac.compare_digest` does not."""
    found = []
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In):
                sides = (node.left, *node.comparators)
                names = [ast.unparse(side) for side in sides if isinstance(side, ast.Name)]
                found += [f"{path.name}:{node.lineno}" for name in names if COMPARED.fullmatch(name)]
    assert not found
