"""Options of a webhook: taken, shown and changed as documented, and nothing of them shows where it should not."""

import logging
from typing import Any

import pytest

from switchhook.storage import endpoints
from switchhook.webhooks import PrivateKey, PublicKey
from tests.api.world import World

HOOKS = "/v2/api/webhooks"
OPTIONS: dict[str, Any] = {
    "headers": {"Authorization": "Bearer sesame", "X-Clinic": "harbour"},
    "rate_limit": 2.5,
    "max_in_flight": 3,
    "timeout_seconds": 7.5,
    "paused": True,
    "additive_fields": True,
}


async def stored(world: World, id_: str) -> endpoints.Endpoint:
    found = await world.store.read(lambda reader: endpoints.find_endpoint(reader, "wsp_a", id_))
    assert found is not None
    return found


async def test_options_are_taken_and_shown_when_they_are_in_use(world: World, key: str) -> None:
    plain = await world.create(key)
    assert not set(plain) & {*OPTIONS, "signature", "public_key", "ordered"}
    made = await world.create(key, **OPTIONS)
    assert {name: made[name] for name in OPTIONS} == OPTIONS
    got = await world.call("GET", f"{HOOKS}/{made['id']}", key=key)
    assert got.data == made
    row = await stored(world, made["id"])
    assert (row.rate_limit, row.max_in_flight, row.timeout_seconds, row.paused) == (2.5, 3, 7.5, True)
    assert row.additive_fields
    assert [(header.name, header.value) for header in row.headers] == list(OPTIONS["headers"].items())


async def test_headers_are_shown_where_the_secret_is_and_nowhere_else(world: World, key: str) -> None:
    made = await world.create(key, **OPTIONS)
    path = f"{HOOKS}/{made['id']}"
    for answer in (
        await world.call("GET", HOOKS, key=key),
        await world.call("PUT", path, key=key, json={"description": "x"}),
        await world.call("POST", f"{path}/pause", key=key),
    ):
        assert answer.status == 200
        assert b"sesame" not in answer.body
        assert b"headers" not in answer.body
    assert (await world.call("GET", path, key=key)).data["headers"] == OPTIONS["headers"]


async def test_an_update_changes_the_options_it_names_and_null_takes_one_away(world: World, key: str) -> None:
    made = await world.create(key, **OPTIONS)
    path = f"{HOOKS}/{made['id']}"

    async def put(**change: Any) -> Any:
        answer = await world.call("PUT", path, key=key, json=change)
        assert answer.status == 200, answer.body
        return (await world.call("GET", path, key=key)).data

    assert await put() == made
    assert await put(rate_limit=10) == {**made, "rate_limit": 10.0}
    assert "rate_limit" not in await put(rate_limit=None)
    assert (await put(headers={"x-new": "1"}))["headers"] == {"x-new": "1"}
    assert "headers" not in await put(headers=None)
    last = await put(max_in_flight=None, timeout_seconds=None, paused=False, additive_fields=False)
    assert last == {name: value for name, value in made.items() if name not in OPTIONS}
    assert (await put(ordered=True))["ordered"] is True
    assert "ordered" not in await put(ordered=False)


async def test_an_object_with_options_that_was_read_can_be_sent_back_whole(world: World, key: str) -> None:
    for more in (OPTIONS, {"signature": "v1a", "ordered": True}):
        made = await world.create(key, **more)
        path = f"{HOOKS}/{made['id']}"
        answer = await world.call("PUT", path, key=key, json={**made, "description": "new"})
        assert answer.status == 200, answer.body
        assert (await world.call("GET", path, key=key)).data == {**made, "description": "new"}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"headers": {"Host": "evil"}}, "INVALID_HEADERS", "headers"),
        ({"headers": {"webhook-signature": "v1,x"}}, "INVALID_HEADERS", "headers"),
        ({"headers": {"x-a": "secret\r\nhost: evil"}}, "INVALID_HEADERS", "headers"),
        ({"headers": {"x-a": "1", "X-A": "2"}}, "INVALID_HEADERS", "headers"),
        ({"headers": {f"x-{n}": "1" for n in range(21)}}, "INVALID_HEADERS", "headers"),
        ({"headers": ["x-a"]}, "INVALID_REQUEST_BODY", "headers"),
        ({"headers": {"x-a": 5}}, "INVALID_REQUEST_BODY", "headers[...]"),
        ({"signature": "v2"}, "INVALID_REQUEST_BODY", "signature"),
        ({"signature": None}, "INVALID_REQUEST_BODY", "signature"),
        ({"rate_limit": 0}, "INVALID_REQUEST_BODY", "rate_limit"),
        ({"rate_limit": 10_001}, "INVALID_REQUEST_BODY", "rate_limit"),
        ({"rate_limit": "fast"}, "INVALID_REQUEST_BODY", "rate_limit"),
        ({"max_in_flight": 0}, "INVALID_REQUEST_BODY", "max_in_flight"),
        ({"max_in_flight": 65}, "INVALID_REQUEST_BODY", "max_in_flight"),
        ({"max_in_flight": 1.5}, "INVALID_REQUEST_BODY", "max_in_flight"),
        ({"timeout_seconds": 0.5}, "INVALID_REQUEST_BODY", "timeout_seconds"),
        ({"timeout_seconds": 31}, "INVALID_REQUEST_BODY", "timeout_seconds"),
        ({"ordered": None}, "INVALID_REQUEST_BODY", "ordered"),
        ({"paused": "yes"}, "INVALID_REQUEST_BODY", "paused"),
        ({"ordered": True, "max_in_flight": 2}, "INVALID_REQUEST_BODY", "max_in_flight"),
        ({"rate_limits": 5}, "UNKNOWN_FIELD", "rate_limits"),
    ],
)
async def test_an_option_that_cannot_be_is_refused_on_create_and_update(
    world: World, key: str, change: Any, code: str, param: str
) -> None:
    made = await world.create(key)
    path = f"{HOOKS}/{made['id']}"
    good = {"url": "https://hooks.example/in", "topics": ["sms.sent"]}
    for method, where, body in (("POST", HOOKS, {**good, **change}), ("PUT", path, change)):
        answer = await world.call(method, where, key=key, json=body)
        assert (answer.status, answer.code, answer.error["param"]) == (400, code, param), answer.body
        assert b"secret" not in answer.body
    assert (await world.call("GET", path, key=key)).data == made


async def test_order_and_a_cap_are_refused_together_whichever_comes_second(world: World, key: str) -> None:
    made = await world.create(key, max_in_flight=4)
    answer = await world.call("PUT", f"{HOOKS}/{made['id']}", key=key, json={"ordered": True})
    assert (answer.code, answer.error["param"]) == ("INVALID_REQUEST_BODY", "max_in_flight")
    both = {"ordered": True, "max_in_flight": None}
    assert (await world.call("PUT", f"{HOOKS}/{made['id']}", key=key, json=both)).status == 200


async def test_pausing_and_resuming_is_done_once_and_said_as_often_as_asked(world: World, key: str) -> None:
    made = await world.create(key)
    path = f"{HOOKS}/{made['id']}"
    world.committed.clear()
    for _ in range(2):
        answer = await world.call("POST", f"{path}/pause", key=key)
        assert (answer.status, answer.data["paused"], answer.data["enabled"]) == (200, True, True)
        assert "signing_secret" not in answer.data
    assert [committed.endpoints for committed in world.committed] == [{("wsp_a", made["id"])}]
    for _ in range(2):
        answer = await world.call("POST", f"{path}/resume", key=key)
        assert answer.status == 200
        assert "paused" not in answer.data
    assert len(world.committed) == 2
    other = await world.key(workspace="wsp_b")
    for verb in ("pause", "resume"):
        assert (await world.call("POST", f"{path}/{verb}", key=other)).code == "WEBHOOK_NOT_FOUND"


async def test_a_webhook_that_signs_with_v1a_shows_its_public_key_and_no_secret(
    world: World, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await world.create(key, signature="v1a")
    assert (made["signature"], made["signing_secret"]) == ("v1a", None)
    row = await stored(world, made["id"])
    private = PrivateKey.parse(row.secrets[0].secret)
    assert made["public_key"] == str(private.public)
    PublicKey.parse(made["public_key"])
    path = f"{HOOKS}/{made['id']}"
    shown = [await world.call("GET", path, key=key), await world.call("GET", HOOKS, key=key)]
    shown.append(await world.call("PUT", path, key=key, json={"signature": "v1a"}))
    for answer in shown:
        assert made["public_key"].encode() in answer.body
        assert b"whsk_" not in answer.body
        assert private.reveal()[5:].encode() not in answer.body
    assert private.reveal()[5:] not in caplog.text
    assert (await stored(world, made["id"])).secrets == row.secrets  # the same kind again is no change


async def test_another_kind_of_signature_is_a_rotation_with_both_in_force(world: World, key: str) -> None:
    made = await world.create(key)
    path = f"{HOOKS}/{made['id']}"
    now = world.clock.now()
    answer = await world.call("PUT", path, key=key, json={"signature": "v1a"})
    assert answer.data["signature"] == "v1a"
    first, second = (await stored(world, made["id"])).secrets
    assert str(PrivateKey.parse(first.secret).public) == answer.data["public_key"]
    assert (second.secret, second.until) == (made["signing_secret"], now + 86_400_000)
    back = await world.call("PUT", path, key=key, json={"signature": "v1"})
    assert "signature" not in back.data
    kinds = [one.secret[:6] for one in (await stored(world, made["id"])).secrets]
    assert kinds[0] == "whsec_"
    assert kinds[1].startswith("whsk_")


async def test_rotating_keeps_the_kind_of_key(world: World, key: str) -> None:
    made = await world.create(key, signature="v1a")
    answer = await world.call(
        "POST", f"{HOOKS}/{made['id']}/rotate-secret", key=key, json={"overlap_seconds": 60}
    )
    assert answer.status == 200
    assert answer.data["signature"] == "v1a"
    assert answer.data["public_key"] != made["public_key"]
    first, second = (await stored(world, made["id"])).secrets
    assert str(PrivateKey.parse(first.secret).public) == answer.data["public_key"]
    assert str(PrivateKey.parse(second.secret).public) == made["public_key"]
    assert second.until == world.clock.now() + 60_000
