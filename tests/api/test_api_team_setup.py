"""Users and numbers set up over the API, and what of them stands in the settings."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from switchhook.api.app import build
from switchhook.api.services import Written
from switchhook.api.team_setup import plan_of
from switchhook.settings.members import NumberConfig, UserConfig
from switchhook.settings.opening import HoursConfig
from switchhook.workspace.directory import Number, NumberSettings, configure
from tests.api.world import World

ANNA = "anna@harbour.example"
OURS = "+33123456789"


async def add(world: World, key: str, path: str, body: Any) -> Any:
    made = await world.call("POST", f"/v2/api/{path}", key=key, json=body)
    assert made.status == 201, made.body
    return made.data


async def test_a_user_is_added_and_changed(world: World, key: str) -> None:
    made = await add(world, key, "users", {"email": ANNA, "name": "Anna", "role": "ADMIN"})
    wanted = {"email": ANNA, "name": "Anna", "role": "ADMIN", "status": "ACTIVE", "image_url": None}
    assert made == {"id": made["id"], **wanted}
    path = f"/v2/api/users/{made['id']}"
    back = await world.call("PUT", path, key=key, json={**made, "status": "BLOCKED"})  # the whole of it
    assert back.data == {**made, "status": "BLOCKED"}
    assert (await world.call("PUT", path, key=key, json={"name": ""})).data["name"] == ""
    assert (await world.call("GET", path, key=key)).data == {**made, "name": "", "status": "BLOCKED"}


async def test_a_number_and_a_sender_id_are_added_changed_and_let_go(world: World, key: str) -> None:
    anna = await add(world, key, "users", {"email": ANNA, "name": "Anna"})
    made = await add(
        world,
        key,
        "numbers",
        {"number": "01 23 45 67 89", "name": "Desk", "capabilities": ["VOICE", "SMS"], "users": [ANNA]},
    )
    who = [{"id": anna["id"], "name": "Anna", "email": ANNA}]
    plan = {"voicemail": True, "ring_seconds": 25, "record": True}
    assert made == {
        "number": OURS,
        "name": "Desk",
        "country": "FR",
        "type": "NUMBER",
        "capabilities": ["VOICE", "SMS"],
        "users": who,
        "plan": plan,
    }
    path = f"/v2/api/numbers/{quote(OURS)}"
    assert (await world.call("GET", path, key=key)).data == made
    changed = await world.call("PUT", path, key=key, json={**made, "name": "Front", "users": []})
    assert changed.data == {**made, "name": "Front", "users": []}
    by_id = await world.call("PUT", path, key=key, json={"users": [anna["id"]], "country": "be"})
    assert by_id.data == {**made, "name": "Front", "country": "BE"}
    named = await add(world, key, "numbers", {"number": "HARBOUR", "type": "SENDER_ID", "name": "Reminders"})
    assert (named["number"], named["sender_id"], named["plan"]) == (None, "HARBOUR", {})
    assert (await world.call("DELETE", "/v2/api/numbers/HARBOUR", key=key)).status == 204
    assert (await world.call("DELETE", path, key=key)).status == 204
    assert (await world.call("GET", "/v2/api/numbers", key=key)).data == []


@pytest.mark.parametrize(
    ("request_line", "body", "answer"),
    [
        ("POST users", {"email": "anna"}, (400, "INVALID_FIELD", "no e-mail address")),
        ("POST users", {"email": ANNA.upper()}, (409, "USER_ALREADY_EXISTS", "a user already")),
        ("POST users", {"email": "b@x.example", "role": "KING"}, (400, "INVALID_REQUEST_BODY", "KING")),
        ("POST users", {"name": "B"}, (400, "MISSING_FIELD", "required")),
        ("PUT users/usr-none", {"name": "B"}, (404, "MEMBER_NOT_FOUND", "no user")),
        (f"PUT users/{ANNA}", {"name": "B"}, (404, "MEMBER_NOT_FOUND", "no user")),
        ("POST numbers", {"number": "12"}, (400, "INVALID_PHONE_NUMBER", "no telephone number")),
        ("POST numbers", {"number": "0123456789"}, (409, "NUMBER_ALREADY_EXISTS", "there already")),
        ("POST numbers", {"number": "+33123456780", "users": ["b@x"]}, (400, "INVALID_FIELD", "no user")),
        ("POST numbers", {"number": "++", "type": "SENDER_ID"}, (400, "INVALID_FIELD", "sender id")),
        ("POST numbers", {"number": "+33123456780", "country": "FRA"}, (400, "INVALID_REQUEST_BODY", "")),
        ("POST numbers", {"number": "+33123456780", "country": "FR\n"}, (400, "INVALID_REQUEST_BODY", "")),
        ("PUT numbers/+33199999999", {"name": "B"}, (404, "NUMBER_NOT_FOUND", "no number")),
        ("PUT numbers/0123456789", {"users": ["b@x"]}, (400, "INVALID_FIELD", "no user")),
        ("PUT numbers/0123456789", {"capabilities": []}, (400, "INVALID_REQUEST_BODY", "")),
        ("DELETE numbers/+33199999999", None, (404, "NUMBER_NOT_FOUND", "no number")),
        ("GET numbers/nothing", None, (404, "NUMBER_NOT_FOUND", "no number")),
    ],
)
async def test_what_cannot_be_is_said_and_changes_nothing(
    world: World, key: str, request_line: str, body: Any, answer: tuple[int, str, str]
) -> None:
    await add(world, key, "users", {"email": ANNA})
    await add(world, key, "numbers", {"number": OURS})
    method, path = request_line.split()
    lists = ("/v2/api/users", "/v2/api/numbers")
    before = [(await world.call("GET", one, key=key)).body for one in lists]
    refused = await world.call(method, f"/v2/api/{quote(path)}", key=key, json=body)
    assert (refused.status, refused.code) == answer[:2]
    assert answer[2] in refused.error["message"]
    assert "switchhook users" not in refused.body.decode()
    assert "switchhook numbers" not in refused.body.decode()
    assert [(await world.call("GET", one, key=key)).body for one in lists] == before


async def test_what_the_settings_name_is_said_of_their_workspace_alone(world: World, key: str) -> None:
    entry = NumberConfig(OURS, "Desk", (ANNA,), hours=HoursConfig("Europe/Paris", ("mon-fri 09:00-18:00",)))
    for workspace in ("wsp_a", "wsp_b"):
        await world.store.run(
            lambda tx, workspace=workspace: configure(tx, workspace, [UserConfig(ANNA)], [entry], "FR")  # type: ignore[misc]
        )
    written = Written("wsp_a", frozenset((ANNA,)), {OURS: entry})
    app = build(replace(world.services(), written=written))
    theirs = await world.key(workspace="wsp_b")
    for who, said in ((key, True), (theirs, None)):
        for path in ("/v2/api/users", "/v2/api/numbers"):
            (found,) = (await world.call("GET", path, key=who, app=app)).data
            assert found.get("in_settings") is said
        number = (await world.call("GET", f"/v2/api/numbers/{quote(OURS)}", key=who, app=app)).data
        assert number.get("in_settings") is said
        assert ("hours" in number["plan"]) is bool(said)


def test_the_plan_is_what_is_stored_and_what_the_settings_add() -> None:
    number = Number(OURS, "Desk", "FR", (), NumberSettings(ring_seconds=10))
    stored = {"voicemail": True, "ring_seconds": 10, "record": True}
    assert plan_of(number, None) == stored
    entry = NumberConfig(
        OURS, answer="menu desk", hours=HoursConfig("Europe/Paris", ("mon-fri 09:00-18:00",)), block=("+44*",)
    )
    assert plan_of(number, entry) == {
        **stored,
        "ring": "all",
        "hours": {"zone": "Europe/Paris", "open": ("mon-fri 09:00-18:00",), "holidays": ()},
        "answer": "menu desk",
        "block": ("+44*",),
    }
    assert plan_of(Number("HD", "", "FR", (), NumberSettings(), "SENDER_ID"), None) == {}
