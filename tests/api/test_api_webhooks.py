"""/v2/api/webhooks: shapes and codes as the phone API documents them, and secrets only where they belong."""

import asyncio
import base64
import logging
from typing import Any

import pytest

from switchhook.api.services import Limits
from switchhook.events.catalogue import CATALOGUE
from switchhook.storage import endpoints
from switchhook.storage.vault import Vault
from tests.api.world import World

HOOKS = "/v2/api/webhooks"
SHAPE = ["id", "url", "topics", "description", "enabled", "signing_secret", "created_at"]


async def test_creating_answers_201_with_the_secret(world: World, key: str) -> None:
    asked = {
        "url": "https://hooks.example/in",
        "topics": ["sms.sent", "call.received"],
        "description": "Desk",
    }
    answer = await world.call("POST", HOOKS, key=key, json=asked)
    assert answer.status == 201
    assert list(answer.data) == SHAPE
    made = answer.data
    assert made["id"].startswith("ep_")
    assert made["url"] == asked["url"]
    assert sorted(made["topics"]) == ["call.received", "sms.sent"]
    assert (made["description"], made["enabled"]) == ("Desk", True)
    assert made["created_at"] == "2025-03-15T14:30:00Z"
    assert len(base64.b64decode(made["signing_secret"].removeprefix("whsec_"), validate=True)) == 24


async def test_the_secret_is_in_create_and_get_but_not_in_list_and_update(world: World, key: str) -> None:
    made = await world.create(key)
    got = await world.call("GET", f"{HOOKS}/{made['id']}", key=key)
    assert (got.status, got.data) == (200, made)
    listed = await world.call("GET", HOOKS, key=key)
    without = {name: value for name, value in made.items() if name != "signing_secret"}
    assert (listed.status, listed.json()) == (200, {"data": [without]})
    put = await world.call("PUT", f"{HOOKS}/{made['id']}", key=key, json={})
    assert (put.status, put.data) == (200, without)
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("value", [True, False, None])
async def test_enabled_is_no_input_of_creation_but_does_not_break_those_who_send_it(
    world: World, key: str, value: Any
) -> None:
    assert (await world.create(key, enabled=value))["enabled"] is True


async def test_an_update_changes_only_what_it_names(world: World, key: str) -> None:
    made = await world.create(key, description="old")
    path = f"{HOOKS}/{made['id']}"

    async def put(**change: Any) -> Any:
        answer = await world.call("PUT", path, key=key, json=change)
        assert answer.status == 200, answer.body
        return (await world.call("GET", path, key=key)).data

    assert await put(url="https://other.example/") == {**made, "url": "https://other.example/"}
    assert (await put(topics=["sms.sent", "sms.sent"]))["topics"] == ["sms.sent"]
    assert (await put(description=None))["description"] is None
    last = await put(enabled=False)
    assert last["enabled"] is False
    assert last["signing_secret"] == made["signing_secret"]


async def test_enabling_again_clears_the_reason_it_was_disabled_for(world: World, key: str) -> None:
    made = await world.create(key)
    path = f"{HOOKS}/{made['id']}"
    await world.store.run(lambda tx: endpoints.disable_endpoint(tx, "wsp_a", made["id"], "410 Gone", 5))
    assert (await world.call("GET", path, key=key)).data["disabled_reason"] == "410 Gone"
    await world.call("PUT", path, key=key, json={"enabled": True})
    back = (await world.call("GET", path, key=key)).data
    assert back["enabled"] is True
    assert "disabled_reason" not in back


async def test_whoever_sends_is_told_of_every_change(world: World, key: str) -> None:
    made = await world.create(key)
    for method in ("PUT", "DELETE"):
        world.committed.clear()
        await world.call(method, f"{HOOKS}/{made['id']}", key=key, json={} if method == "PUT" else None)
        assert [committed.endpoints for committed in world.committed] == [{("wsp_a", made["id"])}]


async def test_deleting_is_204_and_final(world: World, key: str) -> None:
    made = await world.create(key)
    path = f"{HOOKS}/{made['id']}"
    gone = await world.call("DELETE", path, key=key)
    assert (gone.status, gone.body) == (204, b"")
    assert "content-length" not in gone.headers
    for method in ("GET", "PUT", "DELETE"):
        answer = await world.call(method, path, key=key, json={} if method == "PUT" else None)
        assert (answer.status, answer.code, answer.error["type"]) == (
            404,
            "WEBHOOK_NOT_FOUND",
            "not_found_error",
        )
    assert (await world.call("GET", HOOKS, key=key)).data == []


async def test_dash_and_underscore_mean_the_same_id(world: World, key: str) -> None:
    made = await world.create(key)
    for id_ in (made["id"], made["id"].replace("_", "-")):
        assert (await world.call("GET", f"{HOOKS}/{id_}", key=key)).data["id"] == made["id"]


async def test_the_old_path_of_the_guide_works(world: World, key: str) -> None:
    made = (
        await world.call(
            "POST", "/v2/webhooks", key=key, json={"url": "https://a.example", "topics": ["sms.sent"]}
        )
    ).data
    assert (await world.call("GET", f"/v2/webhooks/{made['id']}", key=key)).data == made
    assert len((await world.call("GET", "/v2/webhooks", key=key)).data) == 1
    assert (await world.call("GET", "/v2/webhooksx", key=key)).code == "ENDPOINT_NOT_FOUND"


async def test_event_types_is_the_catalogue(world: World, key: str) -> None:
    answer = await world.call("GET", f"{HOOKS}/event_types", key=key)
    assert [one["name"] for one in answer.data] == list(CATALOGUE)
    assert answer.data[0] == {"name": "call.received", "description": "Inbound call received"}


async def test_another_workspace_sees_and_touches_nothing(world: World, key: str) -> None:
    made = await world.create(key)
    other = await world.key(workspace="wsp_b")
    assert (await world.call("GET", HOOKS, key=other)).data == []
    for method in ("GET", "PUT", "DELETE"):
        answer = await world.call(
            method, f"{HOOKS}/{made['id']}", key=other, json={"enabled": False} if method == "PUT" else None
        )
        assert answer.code == "WEBHOOK_NOT_FOUND"
    assert (
        await world.call("GET", f"{HOOKS}/{made['id']}/deliveries", key=other)
    ).code == "WEBHOOK_NOT_FOUND"
    assert (await world.call("GET", f"{HOOKS}/{made['id']}", key=key)).data == made


GOOD = {"url": "https://hooks.example/in", "topics": ["sms.sent"]}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"url": None}, "INVALID_REQUEST_BODY", "url"),
        ({"url": ""}, "INVALID_REQUEST_BODY", "url"),
        ({"url": 5}, "INVALID_REQUEST_BODY", "url"),
        ({"url": "x" * 3000}, "INVALID_REQUEST_BODY", "url"),
        ({"url": "http://hooks.example/in"}, "INVALID_URL", "url"),
        ({"url": "https://127.0.0.1/"}, "INVALID_URL", "url"),
        ({"url": "https://169.254.169.254/latest"}, "INVALID_URL", "url"),
        ({"url": "https://[::1]/"}, "INVALID_URL", "url"),
        ({"url": "https://localhost/"}, "INVALID_URL", "url"),
        ({"url": "https://user:pw@hooks.example/"}, "INVALID_URL", "url"),
        ({"url": "not a url"}, "INVALID_URL", "url"),
        ({"topics": []}, "INVALID_REQUEST_BODY", "topics"),
        ({"topics": "sms.sent"}, "INVALID_REQUEST_BODY", "topics"),
        ({"topics": ["sms.sent", 5]}, "INVALID_REQUEST_BODY", "topics[1]"),
        ({"topics": ["sms.sent", "sms.snt"]}, "INVALID_EVENT_TYPE", "topics[1]"),
        ({"description": 7}, "INVALID_REQUEST_BODY", "description"),
        ({"description": "x" * 1001}, "INVALID_REQUEST_BODY", "description"),
        ({"topcis": ["sms.sent"]}, "UNKNOWN_FIELD", "topcis"),
    ],
)
async def test_what_cannot_be_is_refused_on_create_and_update(
    world: World, key: str, change: Any, code: str, param: str
) -> None:
    made = await world.create(key)
    for method, path, body in (
        ("POST", HOOKS, {**GOOD, **change}),
        ("PUT", f"{HOOKS}/{made['id']}", change),
    ):
        answer = await world.call(method, path, key=key, json=body)
        assert (answer.status, answer.code, answer.error["param"]) == (400, code, param), answer.body
        assert answer.error["retryable"] is False
        assert answer.error["errors"][0]["field"] == param
        assert answer.error["errors"][0]["code"] == code
    assert len((await world.call("GET", HOOKS, key=key)).data) == 1
    assert (await world.call("GET", f"{HOOKS}/{made['id']}", key=key)).data == made


async def test_missing_fields_are_named_together(world: World, key: str) -> None:
    answer = await world.call("POST", HOOKS, key=key, json={"urll": "x"})
    assert [(fault["field"], fault["code"]) for fault in answer.error["errors"]] == [
        ("url", "MISSING_FIELD"),
        ("topics", "MISSING_FIELD"),
        ("urll", "UNKNOWN_FIELD"),
    ]
    assert "Did you mean url?" in answer.error["errors"][2]["message"]


async def test_a_refused_url_says_why_and_how_to_mend_it(world: World, key: str) -> None:
    answer = await world.call("POST", HOOKS, key=key, json={**GOOD, "url": "https://192.168.1.1/"})
    assert "192.168.1.1" in answer.error["message"]
    assert "SWITCHHOOK_ALLOW_NETWORKS" in answer.error["suggestion"]


async def test_a_network_opened_on_purpose_may_use_http(world: World, key: str) -> None:
    asked = {**GOOD, "url": "http://10.9.1.2:8000/in"}
    assert (await world.call("POST", HOOKS, key=key, json=asked)).status == 400
    app = world.build(allow_networks="10.9.0.0/16")
    assert (await world.call("POST", HOOKS, key=key, json=asked, app=app)).data["url"] == asked["url"]


async def test_no_secret_and_no_key_reaches_the_log(
    world: World, key: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await world.create(key)
    await world.call("GET", f"{HOOKS}/{made['id']}", key=key)

    async def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("switchhook.api.webhooks.endpoints.find_endpoint", broken)
    answer = await world.call("GET", f"{HOOKS}/{made['id']}?signature=abcdef", key=key)
    assert answer.status == 500
    assert (answer.code, answer.error["retryable"]) == ("INTERNAL_SERVER_ERROR", True)
    assert b"boom" not in answer.body
    assert answer.error["request_id"] in caplog.text
    for secret in (made["signing_secret"], key, "abcdef"):
        assert secret not in caplog.text


async def test_updates_at_once_lose_nothing(world: World, key: str) -> None:
    made = await world.create(key)
    changes: list[Any] = [{"description": "new"}, {"enabled": False}, {"url": "https://new.example/"}]
    path = f"{HOOKS}/{made['id']}"
    await asyncio.gather(*[world.call("PUT", path, key=key, json=change) for change in changes])
    got = (await world.call("GET", path, key=key)).data
    assert (got["description"], got["enabled"], got["url"]) == ("new", False, "https://new.example/")


async def test_a_large_body_is_413_here_too(world: World, key: str) -> None:
    app = world.build(Limits(None, None, body_bytes=100))
    answer = await world.call("POST", HOOKS, key=key, json={**GOOD, "description": "x" * 200}, app=app)
    assert answer.code == "PAYLOAD_TOO_LARGE"


async def test_topics_come_back_in_the_order_given_and_each_once(world: World, key: str) -> None:
    wanted = ["sms.sent", "call.received", "sms.sent", "contact.created"]
    made = await world.create(key, topics=wanted)
    assert made["topics"] == ["sms.sent", "call.received", "contact.created"]
    for path in (f"/v2/api/webhooks/{made['id']}", "/v2/api/webhooks"):
        shown = (await world.call("GET", path, key=key)).data
        shown = shown if isinstance(shown, dict) else shown[0]
        assert shown["topics"] == made["topics"]


async def test_an_object_that_was_read_can_be_sent_back_whole(world: World, key: str) -> None:
    made = await world.create(key)
    answer = await world.call(
        "PUT", f"/v2/api/webhooks/{made['id']}", key=key, json={**made, "description": "changed"}
    )
    assert answer.status == 200
    assert answer.data["description"] == "changed"
    again = await world.call("GET", f"/v2/api/webhooks/{made['id']}", key=key)
    assert again.data["signing_secret"] == made["signing_secret"]


async def test_one_whose_secrets_do_not_open_says_so_and_is_not_written_over(world: World, key: str) -> None:
    hook, other = (await world.create(key))["id"], (await world.create(key))["id"]
    (row,) = await world.rows("endpoint", "wsp_a", hook)
    sealed = Vault([b"o" * 32]).seal(row[5], "wsp_a", hook, "secrets")
    await world.store.run(
        lambda tx: tx.execute("seal_endpoint", "wsp_a", hook, sealed, row[12], row[5], row[12])
    )
    path = f"{HOOKS}/{hook}"
    shown = (await world.call("GET", path, key=key)).data
    assert "SWITCHHOOK_SECRETS_KEY" in shown["locked_reason"]
    assert (shown["enabled"], shown["signing_secret"]) == (True, None)
    listed = (await world.call("GET", HOOKS, key=key)).data
    assert {one["id"]: "locked_reason" in one for one in listed} == {hook: True, other: False}
    stats = (await world.call("GET", f"{path}/stats", key=key)).data
    assert stats["locked_reason"] == shown["locked_reason"]
    for answer in (
        await world.call("PUT", path, key=key, json={"description": "x"}),
        await world.call("POST", f"{path}/rotate-secret", key=key, json={}),
        await world.call("POST", f"{path}/pause", key=key),
    ):
        assert (answer.status, answer.code) == (503, "STORE_UNAVAILABLE")
        assert "SWITCHHOOK_SECRETS_KEY" in answer.error["message"]
    assert (await world.rows("endpoint", "wsp_a", hook))[0][5] == sealed
    assert (await world.call("DELETE", path, key=key)).status == 204
