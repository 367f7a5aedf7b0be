"""Keys made and revoked over the API: nobody gives more than they have, and somebody can always make another one."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.api.keys import is_last_admin, lacking
from switchhook.api.scopes import SCOPES
from switchhook.storage.keys import ApiKey
from tests.api.test_api_sessions import PAGE, cookie
from tests.api.world import World

KEYS = "/v2/api/keys"
ME = "/v2/api/me"


def a_key(id: str, *scopes: str, revoked: bool = False) -> ApiKey:
    return ApiKey("wsp_a", "", id, "", frozenset(scopes), 1, 2 if revoked else None)


async def id_of(world: World, key: str) -> str:
    found: str = (await world.call("GET", ME, key=key)).data["api_key_id"]
    return found


@given(st.sets(st.sampled_from(SCOPES), min_size=1), st.sets(st.sampled_from(SCOPES), min_size=1))
def test_whoever_lacks_nothing_may_already_do_what_they_give(held: set[str], wanted: set[str]) -> None:
    holder = a_key("api_1", *held)
    missing = lacking(holder, wanted)
    assert set(missing) <= wanted
    if not missing:
        assert all(holder.may(scope) for scope in wanted)
    else:
        assert "ALL" not in held


@pytest.mark.parametrize(
    ("known", "last"),
    [
        ([a_key("api_1", "ALL")], True),
        ([a_key("api_1", "ALL"), a_key("api_2", "ALL")], False),
        ([a_key("api_1", "ALL"), a_key("api_2", "ALL", revoked=True)], True),
        ([a_key("api_1", "ALL"), a_key("api_2", "KEYS_READ_WRITE")], True),
        ([a_key("api_1", "TAGS_READ"), a_key("api_2", "ALL")], False),
        ([], False),
    ],
)
def test_the_last_admin_is(known: list[ApiKey], last: bool) -> None:
    assert is_last_admin(known, "api_1") is last


async def test_a_key_is_made_told_once_and_works_until_it_is_revoked(world: World, key: str) -> None:
    await world.clock.advance(1)
    asked = {"name": " CRM ", "scopes": ["tags_read", "WEBHOOKS_READ_WRITE"]}
    made = await world.call("POST", KEYS, key=key, json=asked)
    assert made.status == 201
    secret = made.data["key"]
    assert (await world.call("GET", ME, key=secret)).data["scopes"] == ["TAGS_READ", "WEBHOOKS_READ_WRITE"]
    listed = await world.call("GET", KEYS, key=key)
    assert secret.encode() not in listed.body
    assert [(one["name"], one["revoked_at"]) for one in listed.data] == [("test", None), ("CRM", None)]
    gone = await world.call("DELETE", f"{KEYS}/{made.data['id']}", key=key)
    assert gone.status == 204
    await world.clock.advance(1)
    assert (await world.call("GET", ME, key=secret)).code == "API_KEY_REVOKED"
    again = await world.call("DELETE", f"{KEYS}/{made.data['id']}", key=key)
    assert (again.status, again.code) == (404, "KEY_NOT_FOUND")


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        (["TAGS_READ", "ALL"], "ALL"),
        (["CRM_READ"], "CRM_READ"),
        (["KEYS_READ_WRITE", "CRM_READ,CRM_WRITE"], "CRM_READ, CRM_WRITE"),
    ],
)
async def test_nobody_gives_more_than_they_have(world: World, scopes: list[str], said: str) -> None:
    small = await world.key("KEYS_READ_WRITE", "TAGS_READ")
    for headers in ({"authorization": small}, {**await cookie(world, small), **PAGE}):
        refused = await world.call("POST", KEYS, json={"scopes": scopes}, headers=headers)
        assert (refused.status, refused.code) == (403, "API_KEY_INSUFFICIENT_SCOPE")
        assert said in refused.error["message"]
    own = await world.call("POST", KEYS, key=small, json={"scopes": ["TAGS_READ"]})
    assert own.status == 201
    assert len(await world.rows("keys_of", "wsp_a")) == 2


async def test_nobody_takes_from_who_has_more(world: World, key: str) -> None:
    small = await world.key("KEYS_READ_WRITE")
    refused = await world.call("DELETE", f"{KEYS}/{await id_of(world, key)}", key=small)
    assert (refused.status, refused.code) == (403, "API_KEY_INSUFFICIENT_SCOPE")
    assert (await world.call("GET", ME, key=key)).status == 200


async def test_the_last_admin_key_stays_however_many_try(world: World, key: str) -> None:
    other = await world.key()
    first, second = await id_of(world, key), await id_of(world, other)
    answers = await asyncio.gather(
        world.call("DELETE", f"{KEYS}/{first}", key=other),
        world.call("DELETE", f"{KEYS}/{second}", key=key),
    )
    assert sorted(answer.status for answer in answers) == [204, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"LAST_ADMIN_KEY"}


async def test_a_session_ends_with_the_key_it_was_opened_with(world: World, key: str) -> None:
    other = await world.key()
    held = await cookie(world, other)
    assert (await world.call("GET", ME, headers=held)).status == 200
    assert (await world.call("DELETE", f"{KEYS}/{await id_of(world, other)}", key=key)).status == 204
    await world.clock.advance(1)
    assert (await world.call("GET", ME, headers=held)).status == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["TAG_READ"]}, "scopes"),
        ({"scopes": [" "]}, "scopes"),
        ({}, "scopes"),
        ({"scopes": ["ALL"], "name": "x" * 201}, "name"),
    ],
)
async def test_what_is_wrong_with_a_new_key_is_said(world: World, key: str, body: Any, param: str) -> None:
    refused = await world.call("POST", KEYS, key=key, json=body)
    assert (refused.status, refused.error["param"]) == (400, param)
    if body.get("scopes") == ["TAG_READ"]:
        assert "did you mean TAGS_READ?" in refused.error["message"]


async def test_no_answer_with_a_key_is_kept(world: World, key: str) -> None:
    refused = await world.call(
        "POST", KEYS, key=key, json={"scopes": ["ALL"]}, headers={"idempotency-key": "k"}
    )
    assert (refused.status, refused.error["param"]) == (400, "Idempotency-Key")
    assert len(await world.rows("keys_of", "wsp_a")) == 1


async def test_keys_of_another_workspace_are_not_there(world: World, key: str) -> None:
    theirs = await world.key(workspace="wsp_b")
    assert len((await world.call("GET", KEYS, key=theirs)).data) == 1
    assert (await world.call("DELETE", f"{KEYS}/{await id_of(world, key)}", key=theirs)).status == 404
