"""Idempotency-Key: one execution, however often, however concurrently, across restarts."""

import asyncio
import uuid
from typing import Any

import pytest

from switchhook.storage.answers import Answer, keep_answer
from switchhook.storage.store import Conflict, Lane, Store
from tests.api.world import TAG, World

HOOKS = "/v2/api/webhooks"
HOOK = {"url": "https://hooks.example/in", "topics": ["tag.added"]}
EVENT = {"topic": "tag.added", "data": TAG}


def keyed(key: str) -> dict[str, str]:
    return {"idempotency-key": key}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (HOOKS, HOOK, 201),
        ("/v2/api/events", EVENT, 202),
        ("/v2/api/events/batch", {"events": [EVENT, EVENT]}, 202),
    ],
)
async def test_the_second_request_gets_the_first_answer_and_nothing_is_done(
    world: World, key: str, path: str, body: Any, status: int
) -> None:
    first = await world.call("POST", path, key=key, json=body, headers=keyed("k1"))
    assert (first.status, first.headers["idempotency-key"]) == (status, "k1")
    assert "idempotency-replayed" not in first.headers
    stored = (await world.events(), len(await world.rows("endpoints", "wsp_a")))
    # In a later process, and even with a body that would be refused.
    again = await world.call("POST", path, key=key, json={"x": 1}, headers=keyed("k1"), app=world.build())
    assert (again.status, again.body) == (first.status, first.body)
    assert (again.headers["idempotency-replayed"], again.headers["idempotency-key"]) == ("true", "k1")
    assert (await world.events(), len(await world.rows("endpoints", "wsp_a"))) == stored
    fresh = await world.call("POST", path, key=key, json=body, headers=keyed("k2"))
    assert fresh.body != first.body


async def test_put_and_delete_are_replayed_too(world: World, key: str) -> None:
    made = await world.create(key)
    path = f"{HOOKS}/{made['id']}"
    gone = [await world.call("DELETE", path, key=key, headers=keyed("d")) for _ in range(2)]
    assert [answer.status for answer in gone] == [204, 204]
    assert gone[1].headers["idempotency-replayed"] == "true"
    assert (await world.call("DELETE", path, key=key)).status == 404


@pytest.mark.parametrize("path", [HOOKS, "/v2/api/events"])
async def test_thirty_at_once_execute_once(world: World, key: str, path: str) -> None:
    body = HOOK if path == HOOKS else EVENT
    answers = await asyncio.gather(
        *[world.call("POST", path, key=key, json=body, headers=keyed("same")) for _ in range(30)]
    )
    assert len({answer.body for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 29
    assert len(await world.rows("endpoints", "wsp_a")) + await world.events() == 1


async def test_another_process_being_faster_is_answered_with_its_answer(world: World, key: str) -> None:
    """As it is on PostgreSQL: both look, both find nothing, and one of the two inserts fails."""
    theirs = Answer("POST /v2/api/events", 202, b'{"data":{"id":"msg_theirs"}}')

    class Racing:
        """A store on which somebody else commits between our look and our write, once."""

        lost = False

        def __getattr__(self, name: str) -> Any:
            return getattr(world.store, name)

        async def run(self, work: Any, *, lane: Lane = Lane.RULES) -> Any:
            if not self.lost:
                self.lost = True
                await world.store.run(lambda tx: keep_answer(tx, "wsp_a", "race", theirs, world.clock.now()))
                raise Conflict("answers")
            return await world.store.run(work)

    store: Store = Racing()
    answer = await world.call(
        "POST", "/v2/api/events", key=key, json=EVENT, headers=keyed("race"), app=world.build(store=store)
    )
    assert (answer.status, answer.body) == (202, theirs.body)
    assert answer.headers["idempotency-replayed"] == "true"
    assert await world.events() == 0


async def test_the_key_of_another_route_is_409(world: World, key: str) -> None:
    made = await world.create(key)
    await world.call("POST", HOOKS, key=key, json=HOOK, headers=keyed("k"))
    for method, path, body in (
        ("POST", "/v2/api/events", EVENT),
        ("PUT", f"{HOOKS}/{made['id']}", {}),
        ("DELETE", f"{HOOKS}/{made['id']}", None),
    ):
        answer = await world.call(method, path, key=key, json=body, headers=keyed("k"))
        assert (answer.status, answer.code, answer.error["type"]) == (
            409,
            "IDEMPOTENCY_KEY_REUSE",
            "conflict_error",
        )
    assert await world.events() == 0
    alias = await world.call("POST", "/v2/webhooks", key=key, json=HOOK, headers=keyed("k"))
    assert alias.headers["idempotency-replayed"] == "true"


async def test_a_refusal_does_not_consume_the_key(world: World, key: str) -> None:
    bad = await world.call("POST", "/v2/api/events", key=key, json={"topic": "x"}, headers=keyed("k"))
    assert bad.status == 400
    good = await world.call("POST", "/v2/api/events", key=key, json=EVENT, headers=keyed("k"))
    assert good.status == 202
    missing = await world.call("DELETE", f"{HOOKS}/ep_x", key=key, headers=keyed("d"))
    assert missing.status == 404
    assert (await world.call("POST", HOOKS, key=key, json=HOOK, headers=keyed("d"))).status == 201


async def test_after_an_hour_the_key_is_new_and_the_answer_forgotten(world: World, key: str) -> None:
    first = await world.call("POST", "/v2/api/events", key=key, json=EVENT, headers=keyed("k"))
    await world.clock.advance(3599)
    same = await world.call("POST", "/v2/api/events", key=key, json=EVENT, headers=keyed("k"))
    assert same.body == first.body
    await world.clock.advance(2)
    other = await world.call("POST", "/v2/api/events", key=key, json=EVENT, headers=keyed("k"))
    assert other.body != first.body
    assert "idempotency-replayed" not in other.headers


async def test_keys_are_the_workspaces_own(world: World, key: str) -> None:
    other = await world.key(workspace="wsp_b")
    name = str(uuid.uuid4())
    one = await world.call("POST", HOOKS, key=key, json=HOOK, headers=keyed(name))
    two = await world.call("POST", HOOKS, key=other, json=HOOK, headers=keyed(name))
    assert one.data["id"] != two.data["id"]
    assert one.data["signing_secret"] != two.data["signing_secret"]


async def test_a_replay_needs_the_scope_of_the_route(world: World, key: str) -> None:
    await world.call("POST", HOOKS, key=key, json=HOOK, headers=keyed("k"))
    weak = await world.key("EVENTS_WRITE")
    answer = await world.call("POST", HOOKS, key=weak, json=HOOK, headers=keyed("k"))
    assert answer.status == 403


@pytest.mark.parametrize("name", ["", "a b", "x" * 256, "ü"])
async def test_a_key_that_is_none_is_refused(world: World, key: str, name: str) -> None:
    for path, body in ((HOOKS, HOOK), ("/v2/api/events", EVENT)):
        answer = await world.call("POST", path, key=key, json=body, headers=keyed(name))
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
