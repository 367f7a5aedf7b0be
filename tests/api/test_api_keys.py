"""Who may ask, for what, and how often; and the frame every answer has."""

import re
from typing import Any

import pytest

from switchhook.api.ratelimit import Bucket
from switchhook.api.routes import ROUTES
from switchhook.api.scopes import SCOPES, parse_scopes
from switchhook.api.services import Limits
from switchhook.storage import keys
from tests.api.world import TAG, World

ME = "/v2/api/me"
KEYED = [route for route in ROUTES if route.access == "key"]


ENDING = {"stream_events": "?follow=false"}  # what it takes for an answer to come to an end


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "ep_x", path)


@pytest.mark.parametrize(
    "spelling", ["Api-Key {}", "{}", "Bearer {}", "api-key {}", "  {}  ", "Api-Key   {}"]
)
async def test_every_spelling_of_the_header_that_clients_use_is_taken(
    world: World, key: str, spelling: str
) -> None:
    answer = await world.call("GET", ME, headers={"authorization": spelling.format(key)})
    assert answer.status == 200


@pytest.mark.parametrize("route", KEYED, ids=lambda route: route.name)
async def test_no_route_answers_without_a_key(world: World, route: Any) -> None:
    answer = await world.call(route.method, filled(route.path))
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    if not route.path.startswith("/v1/"):
        assert answer.error["type"] == "authentication_error"
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize(
    "wrong", ["Api-Key ak_live_no", "x", "Api-Key", "Basic a b", "Api-Key ü", "k" * 9000]
)
async def test_a_key_never_issued_is_invalid(world: World, wrong: str) -> None:
    answer = await world.call("GET", ME, headers={"authorization": wrong})
    assert (answer.status, answer.code) == (401, "API_KEY_INVALID")


@pytest.mark.parametrize("path", [ME, "/v2/api/events"])
async def test_a_key_revoked_by_another_process_stops_working_within_a_second(
    world: World, key: str, path: str
) -> None:
    async def ask() -> str | int:
        method = "GET" if path == ME else "POST"
        answer = await world.call(
            method, path, key=key, json=None if path == ME else {"topic": "tag.added", "data": TAG}
        )
        return answer.code if answer.status >= 400 else answer.status

    assert isinstance(await ask(), int)
    me = (await world.call("GET", ME, key=key)).data["api_key_id"]
    await world.store.run(lambda tx: keys.revoke_key(tx, me, world.clock.now()))
    await world.clock.advance(1)
    assert await ask() == "API_KEY_REVOKED"


@pytest.mark.parametrize("route", [route for route in KEYED if route.scopes], ids=lambda route: route.name)
async def test_a_route_wants_its_scope_and_no_other(world: World, route: Any) -> None:
    every_other = [scope for scope in SCOPES if scope not in (*route.scopes, "ALL")]
    key = await world.key(*every_other)
    answer = await world.call(route.method, filled(route.path), key=key)
    assert (answer.status, answer.code) == (403, "API_KEY_INSUFFICIENT_SCOPE")
    if route.path.startswith("/v1/"):
        (detail,) = answer.json()["details"]
        assert detail["field"] == "scope"
        assert detail["message"].startswith(f"required={route.scopes[0]}")
    else:
        assert answer.error["type"] == "permission_error"
        assert f"required={route.scopes[0]}" in answer.error["message"]
    enough = await world.key(route.scopes[0])
    path = filled(route.path) + ENDING.get(route.name, "")
    assert (await world.call(route.method, path, key=enough)).status not in (401, 403)


async def test_under_v1_the_error_has_the_shape_of_v1(world: World) -> None:
    path = "/v1/assets/recordings/rec_1.mp3"
    assert (await world.call("GET", path)).json() == {"code": "UNAUTHORIZED", "details": None}
    answer = await world.call("GET", path, key=await world.key("SMS_SEND"))
    assert answer.status == 403
    assert answer.json() == {
        "code": "API_KEY_INSUFFICIENT_SCOPE",
        "details": [{"message": "required=CONVERSATIONS_READ", "field": "scope"}],
    }
    assert (await world.call("GET", "/v1/api/nothing")).json() == {
        "code": "ENDPOINT_NOT_FOUND",
        "details": None,
    }


async def test_me_tells_what_the_key_is_and_may_do(world: World) -> None:
    key = await world.key("WEBHOOKS_READ_WRITE", "TAGS_READ")
    answer = await world.call("GET", ME, key=key, app=world.build(Limits()))
    me = answer.data
    assert list(me) == ["api_key_id", "scopes", "endpoints", "team", "rate_limits"]
    assert me["scopes"] == ["TAGS_READ", "WEBHOOKS_READ_WRITE"]
    assert me["team"] == {"id": "wsp_a", "name": "Harbour Dental"}
    assert me["rate_limits"] == {"read_per_second": 20, "write_per_second": 5}
    assert {one["scope"] for one in me["endpoints"]} == {"WEBHOOKS_READ_WRITE", "TAGS_READ"}
    assert {"method", "path", "description", "scope"} == set(me["endpoints"][0])
    assert ("PUT", "/v2/api/webhooks/{webhook_id}") in {
        (one["method"], one["path"]) for one in me["endpoints"]
    }
    everything = (await world.call("GET", ME, key=await world.key("ALL"))).data
    assert len(everything["endpoints"]) == len([route for route in ROUTES if route.scopes])


def test_scopes_are_read_with_the_nearest_name_for_a_mistake() -> None:
    assert parse_scopes("ALL") == {"ALL"}
    assert parse_scopes(" events_write, TAGS_READ ") == {"EVENTS_WRITE", "TAGS_READ"}
    with pytest.raises(ValueError, match="did you mean WEBHOOKS_READ_WRITE"):
        parse_scopes("WEBHOOK_READ_WRITE")
    with pytest.raises(ValueError, match="at least one"):
        parse_scopes(" , ")


# -- rates ------------------------------------------------------------------------------------------------------------


async def test_twenty_reads_a_second_and_then_429_with_when_to_come_back(world: World, key: str) -> None:
    app = world.build(Limits())
    left = []
    for _ in range(20):
        answer = await world.call("GET", ME, key=key, app=app)
        assert answer.status == 200
        assert answer.headers["x-ratelimit-limit"] == "20"
        left.append(int(answer.headers["x-ratelimit-remaining"]))
        assert int(answer.headers["x-ratelimit-reset"]) >= world.clock.now() // 1000
    assert left == list(range(19, -1, -1))
    answer = await world.call("GET", ME, key=key, app=app)
    assert answer.status == 429
    assert answer.error["type"] == "rate_limit_error"
    assert answer.code == "RATE_LIMIT_EXCEEDED"
    assert answer.error["message"] == "Rate limit exceeded: 20 requests per second."
    assert (answer.error["retryable"], answer.error["retry_after_seconds"]) == (True, 1)
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    await world.clock.advance(1)
    assert (await world.call("GET", ME, key=key, app=app)).status == 200


async def test_five_writes_a_second_counted_apart_from_reads_and_other_keys(world: World, key: str) -> None:
    app = world.build(Limits())
    other = await world.key()

    async def delete(key: str) -> int:
        return (await world.call("DELETE", "/v2/api/webhooks/ep_x", key=key, app=app)).status

    assert [await delete(key) for _ in range(6)] == [404] * 5 + [429]
    assert (await world.call("GET", ME, key=key, app=app)).status == 200
    assert await delete(other) == 404


async def test_being_looked_up_again_fills_no_bucket(world: World, key: str) -> None:
    app = world.build(Limits(read_per_second=0.5))
    assert (await world.call("GET", ME, key=key, app=app)).status == 200
    await world.clock.advance(1.5)
    answer = await world.call("GET", ME, key=key, app=app)
    assert (answer.status, answer.error["retry_after_seconds"]) == (429, 1)
    assert (await world.call("GET", ME, headers={"authorization": key}, app=app)).status == 429


async def test_events_are_not_counted_as_writes_but_may_have_a_limit_of_their_own(
    world: World, key: str
) -> None:
    app = world.build(Limits())
    body = {"topic": "tag.added", "data": TAG}
    for _ in range(30):
        assert (await world.call("POST", "/v2/api/events", key=key, json=body, app=app)).status == 202
    app = world.build(Limits(ingest_per_second=2))
    statuses = [(await world.call("POST", "/v2/api/events", key=key, json=body, app=app)) for _ in range(3)]
    assert [answer.status for answer in statuses] == [202, 202, 429]
    assert statuses[0].headers["x-ratelimit-limit"] == "2"
    assert await world.events() == 32


async def test_refusals_for_scope_count_too_and_carry_the_headers(world: World) -> None:
    key = await world.key("TAGS_READ")
    app = world.build(Limits(read_per_second=1))
    first = await world.call("GET", "/v2/api/webhooks", key=key, app=app)
    assert (first.status, first.headers["x-ratelimit-remaining"]) == (403, "0")
    assert (await world.call("GET", "/v2/api/webhooks", key=key, app=app)).status == 429


def test_a_bucket_holds_its_rate_over_time() -> None:
    bucket = Bucket(5, 0.0)
    granted = sum(bucket.take(moment / 100) for moment in range(1000))
    assert granted == 5 + 5 * 10 - 1


def test_a_slow_bucket_holds_at_least_one() -> None:
    bucket = Bucket(0.1, 0.0)
    assert bucket.take(0.0)
    assert not bucket.take(9.9)
    assert bucket.take(10.0)


# -- request ids ------------------------------------------------------------------------------------------------------


async def test_every_answer_has_a_request_id_that_the_error_repeats(world: World, key: str) -> None:
    good = await world.call("GET", ME, key=key)
    assert re.fullmatch(r"req_[0-9A-Za-z]{12}", good.headers["x-request-id"])
    bad = await world.call("GET", "/nothing")
    assert bad.error["request_id"] == bad.headers["x-request-id"]
    assert bad.headers["x-request-id"] != good.headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("my-trace.42", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("", False),
        ("a b", False),
        ("<x>", False),
    ],
)
async def test_a_sane_request_id_of_the_client_replaces_ours(world: World, given: str, kept: bool) -> None:
    answer = await world.call("GET", "/nothing", headers={"x-request-id": given})
    assert (answer.error["request_id"] == given) is kept
