"""`POST /v1/api/sms`: both forms, what is refused, and that yes means stored."""

from typing import Any

import pytest

from switchhook.storage import texts
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import Incoming
from tests.api.world import World
from tests.workspace.carrying import MARIE, OURS, PAUL, items, settle_in

SMS = "/v1/api/sms"
HELLO: dict[str, Any] = {"from": OURS, "to": MARIE, "message": "Hello €"}


@pytest.fixture
async def office(world: World) -> World:
    await settle_in(world.store)
    return world


async def test_a_text_is_taken_and_shown_before_it_is_sent(office: World, key: str) -> None:
    answer = await office.call("POST", SMS, key=key, json=HELLO)
    assert (answer.status, answer.json()) == (
        200,
        {
            "data": {
                "from_number": OURS,
                "sender_id": None,
                "to_number": MARIE,
                "type": "OUTBOUND",
                "content": "Hello €",
                "start_date": "2025-03-15T14:30:00",
            }
        },
    )
    (item,) = await items(office.store)
    shown = await office.call("GET", f"/v2/api/conversations/items/{item.id.replace('_', '-', 1)}", key=key)
    assert (shown.data["status"], shown.data["content"]) == ("PENDING", "Hello €")
    assert await office.store.read(lambda reader: texts.count(reader, "wsp_a", "WAITING")) == 1


async def test_under_a_sender_id_a_text_goes_to_france(office: World, key: str) -> None:
    body = {"sender_id": "Harbour", "to": "06 98 76 54 32", "message": "x" * 1000}
    answer = await office.call("POST", SMS, key=key, json=body)
    assert answer.status == 200
    assert {name: answer.data[name] for name in ("from_number", "sender_id", "to_number")} == {
        "from_number": None,
        "sender_id": "Harbour",
        "to_number": PAUL,
    }


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"from": None}, "MISSING_FIELD", "from"),
        ({"sender_id": "Harbour"}, "INVALID_FIELD", "sender_id"),
        ({"from": "+33199999999"}, "FROM_NUMBER_NOT_FOUND", "from"),
        ({"from": "+33112345670"}, "NUMBER_NOT_SMS_ENABLED", "from"),
        ({"from": None, "sender_id": "Nobody"}, "INVALID_SENDER_ID", "sender_id"),
        ({"from": None, "sender_id": "Harbour", "to": "+14155550100"}, "TO_NUMBER_COUNTRY_MISMATCH", "to"),
        ({"to": "Marie"}, "INVALID_PHONE_NUMBER", "to"),
        ({"to": "+14155550100"}, "TO_NUMBER_COUNTRY_MISMATCH", "to"),
        ({"message": ""}, "INVALID_LENGTH", "message"),
        ({"message": "x" * 1001}, "INVALID_LENGTH", "message"),
        ({"message": 7}, "INVALID_REQUEST_BODY", "message"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_its_code(
    office: World, key: str, change: dict[str, Any], code: str, field: str
) -> None:
    answer = await office.call("POST", SMS, key=key, json={**HELLO, **change})
    assert (answer.status, answer.code, answer.json()["details"][0]["field"]) == (400, code, field)
    assert await items(office.store) == []


async def test_what_is_missing_is_named(office: World, key: str) -> None:
    answer = await office.call("POST", SMS, key=key, json={"from": OURS})
    assert [(one["field"]) for one in answer.json()["details"]] == ["to", "message"]


async def test_it_takes_the_scope_of_sending(office: World) -> None:
    wrong = await office.call("POST", SMS, key=await office.key("CONVERSATIONS_WRITE"), json=HELLO)
    assert (wrong.status, wrong.json()) == (
        403,
        {
            "code": "API_KEY_INSUFFICIENT_SCOPE",
            "details": [{"message": "required=SMS_SEND", "field": "scope"}],
        },
    )
    assert (await office.call("POST", SMS, key=await office.key("SMS_SEND"), json=HELLO)).status == 200


async def test_without_a_carrier_it_says_what_to_set(office: World, key: str) -> None:
    office.carrier = None
    answer = await office.call("POST", SMS, key=key, json=HELLO, app=office.build())
    assert (answer.status, answer.code) == (400, "PROVIDER_NOT_SUPPORTED")
    assert "[texts]" in answer.json()["details"][0]["message"]


async def test_who_said_stop_is_named(office: World, key: str) -> None:
    messages = Texts(office.store, office.clock, "wsp_a", "FR")
    await messages.receive(Incoming("twilio", "SM1", MARIE, OURS, "STOP"))
    answer = await office.call("POST", SMS, key=key, json=HELLO)
    assert (answer.status, answer.code) == (400, "MESSAGE_NOT_COMPLIANT")
    message = answer.json()["details"][0]["message"]
    assert MARIE in message
    assert "STOP" in message


async def test_the_number_of_another_workspace_is_no_number_to_send_from(office: World) -> None:
    theirs = await office.key(workspace="wsp_b")
    answer = await office.call("POST", SMS, key=theirs, json=HELLO)
    assert (answer.status, answer.code) == (400, "PROVIDER_NOT_SUPPORTED")
    assert await items(office.store) == []


async def test_with_an_idempotency_key_a_text_is_taken_once(office: World, key: str) -> None:
    headers = {"Idempotency-Key": "one"}
    for replayed in (None, "true"):
        answer = await office.call("POST", SMS, key=key, json=HELLO, headers=headers)
        assert (answer.status, answer.headers.get("idempotency-replayed")) == (200, replayed)
    assert len(await items(office.store)) == 1
