"""Conversations, their items, tags, users and numbers over the API; and the same under /v1."""

import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from switchhook.events.catalogue import CATALOGUE
from switchhook.events.payloads import CallCompleted, SmsReceived, SmsSent, TransferParty
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.workspace.directory import configure
from switchhook.workspace.items import record
from tests.api.world import World

MARIE = "+33612345678"
OURS = "+33112345678"
PAUL = "+33698765432"
ANNA = "anna@harbour.example"
ITEMS = "/v2/api/conversations/items"


def a_call(id_: str = "cll_1", **more: Any) -> CallCompleted:
    made = msgspec.json.decode(CATALOGUE["call.completed"].example, type=CallCompleted)
    return msgspec.structs.replace(made, **{"id": id_, "user_email": ANNA, **more})


def a_text(id_: str, content: str = "Hello", **more: Any) -> SmsReceived:
    made = msgspec.json.decode(CATALOGUE["sms.received"].example, type=SmsReceived)
    return msgspec.structs.replace(made, id=id_, content=content, **more)


def an_answer(id_: str, **more: Any) -> SmsSent:
    made = msgspec.json.decode(CATALOGUE["sms.sent"].example, type=SmsSent)
    return msgspec.structs.replace(made, id=id_, **more)


async def keep(world: World, *data: Any) -> None:
    for one in data:
        assert await world.store.run(lambda tx, one=one: record(tx, "wsp_a", one, 0))  # type: ignore[misc]


async def settle_in(world: World) -> None:
    users = (UserConfig(ANNA, "Anna", ()), UserConfig("ben@harbour.example", "Ben", ()))
    numbers = (NumberConfig(OURS, "Front desk", (ANNA, "ben@harbour.example")),)
    await world.store.run(lambda tx: configure(tx, "wsp_a", users, numbers, "FR"))


@pytest.mark.parametrize("written", ["%2B442071838750", "+442071838750", "+44%2020%207183%208750"])
async def test_a_plus_in_a_url_is_meant_as_one(world: World, key: str, written: str) -> None:
    await keep(world, a_text("msg_1", to_number="+442071838750"))
    found = await world.call("GET", f"/v2/api/conversations?allo_number={written}", key=key)
    assert [one["last_item"]["id"] for one in found.data] == ["msg-1"]
    for path in ("/v2/api/conversations?allo_number=+", "/v1/api/calls?allo_number=%20"):
        assert (await world.call("GET", path, key=key)).status == 400


async def test_a_call_is_shown_with_everybody_who_belongs_to_it(world: World, key: str) -> None:
    await settle_in(world)
    acme = (await world.call("POST", "/v2/api/crm/companies", key=key, json={"name": "Acme"})).data
    deal = {"name": "Plan", "status": "open", "company_id": acme["id"]}
    deal = (await world.call("POST", "/v2/api/crm/deals", key=key, json=deal)).data
    body = {"numbers": [MARIE], "name": "Marie", "last_name": "Dupont", "company_id": acme["id"]}
    marie = (await world.call("POST", "/v2/api/crm/people", key=key, json=body)).data
    await keep(world, a_call())
    anna = (await world.call("GET", "/v2/api/users", key=key)).data[0]
    shown = {
        "id": "cll-1",
        "type": "CALL",
        "direction": "INBOUND",
        "allo_number": OURS,
        "contact_number": MARIE,
        "contacts": [
            {
                "id": f"con-{marie['id'][4:]}",
                "name": "Marie Dupont",
                "company": {"id": acme["id"], "name": "Acme"},
                "deals": [{"id": deal["id"], "name": "Plan", "status": "open"}],
            }
        ],
        "user": {"id": anna["id"], "name": "Anna", "email": ANNA},
        "date": "2025-03-15T14:30:00Z",
        "duration": 330,
        "result": "ANSWERED",
        "recording_url": "https://storage.withallo.com/recordings/abc123.mp3",
        "summary": a_call().summary,
        "tags": [],
        "content": None,
        "status": None,
        "message_type": None,
        "data_collected": {"account_number": "12345"},
    }
    for spelling in ("cll-1", "cll_1"):
        assert (await world.call("GET", f"{ITEMS}/{spelling}", key=key)).data == shown
    extended = (await world.call("GET", f"{ITEMS}/cll-1?extend=transcript", key=key)).data
    assert extended == {
        **shown,
        "transcript": [
            {
                "source": "EXTERNAL",
                "time": "2025-03-15T14:30:05.000Z",
                "text": "Hi, I have a question about my last invoice.",
            },
            {
                "source": "USER",
                "time": "2025-03-15T14:30:12.000Z",
                "text": "Of course, let me pull up your account.",
            },
        ],
    }
    routed = {**shown, "ivr_result": [{"dtmf_key": "2", "text_key": "Support"}]}
    assert (await world.call("GET", f"{ITEMS}/cll-1?extend=routing", key=key)).data == routed
    both = (await world.call("GET", f"{ITEMS}/cll-1?extend=transcript,routing", key=key)).data
    assert both == {**routed, **extended}
    batch = await world.call("POST", f"{ITEMS}/batch", key=key, json={"ids": ["cll-1", "cll-none", "msg_1"]})
    assert batch.data == [shown]
    person = (await world.call("GET", f"/v2/api/crm/people/{marie['id']}", key=key)).data
    assert (person["interactions"], person["last_activity_at"]) == (1, "2025-03-15T14:30:00")


@pytest.mark.parametrize(
    ("method", "path", "body", "answered"),
    [
        ("GET", f"{ITEMS}/per-1", None, (400, "INVALID_ITEM_ID")),
        ("GET", f"{ITEMS}/cll-none", None, (404, "CONVERSATION_ITEM_NOT_FOUND")),
        ("GET", f"{ITEMS}/cll-none?extend=colour", None, (400, "UNSUPPORTED_EXTEND_VALUE")),
        ("POST", f"{ITEMS}/batch", {"ids": ["cll-1"] * 101}, (400, "BATCH_TOO_LARGE")),
        ("POST", f"{ITEMS}/batch", {"ids": ["usr-1"]}, (400, "INVALID_ITEM_ID")),
        ("POST", f"{ITEMS}/batch", {}, (400, "MISSING_FIELD")),
        ("POST", f"{ITEMS}/search", {"size": 0}, (400, "INVALID_PAGE_SIZE")),
        ("POST", f"{ITEMS}/search", {"search": "!?"}, (400, "INVALID_SEARCH_QUERY")),
        ("POST", f"{ITEMS}/search", {"date": {"from": "soon"}}, (400, "INVALID_DATE_RANGE")),
        (
            "POST",
            f"{ITEMS}/search",
            {"date": {"from": "2026-02-01", "to": "2026-01-01"}},
            (400, "INVALID_DATE_RANGE"),
        ),
        ("POST", f"{ITEMS}/cll-1/tags", {"tags": []}, (400, "TAGS_REQUIRED")),
        ("POST", f"{ITEMS}/msg-1/tags", {"tags": ["vip"]}, (400, "INVALID_ITEM_ID")),
        ("POST", f"{ITEMS}/cll-none/tags", {"tags": ["vip"]}, (404, "CONVERSATION_ITEM_NOT_FOUND")),
        ("DELETE", f"{ITEMS}/cll-none/tags/vip", None, (404, "CONVERSATION_ITEM_NOT_FOUND")),
        ("PATCH", f"{ITEMS}/msg-1/summary", {"content": "x"}, (400, "INVALID_ITEM_ID")),
        ("PATCH", f"{ITEMS}/cll-none/summary", {"content": "x"}, (404, "CONVERSATION_ITEM_NOT_FOUND")),
        ("PATCH", f"{ITEMS}/cll-1/summary", {"content": "x" * 100_001}, (400, "INVALID_REQUEST_BODY")),
        ("GET", "/v2/api/conversations", None, (400, "MISSING_ALLO_NUMBER")),
        (
            "GET",
            "/v2/api/conversations?allo_number=x&last_activity_since=soon",
            None,
            (400, "INVALID_PARAMETER"),
        ),
        ("GET", "/v2/api/conversations?allo_number=%00", None, (400, "INVALID_PARAMETER")),
        ("PUT", "/v2/api/conversations/x/action", {"action": "EAT"}, (400, "INVALID_ACTION")),
        ("DELETE", "/v2/api/conversations/x/pin", None, (400, "MISSING_PARAMETER")),
        ("DELETE", "/v2/api/tags/none", None, (404, "TAG_NOT_FOUND")),
        ("POST", "/v2/api/tags", {"name": "Voicemail"}, (400, "TAG_NAME_IS_CALL_OUTCOME")),
        ("POST", "/v2/api/tags", {"name": "!"}, (400, "INVALID_FIELD")),
        ("POST", "/v2/api/tags", {"name": "x", "color": "red"}, (400, "INVALID_REQUEST_BODY")),
        ("POST", "/v2/api/tags", {"name": "x", "color": "#fff\n"}, (400, "INVALID_REQUEST_BODY")),
        ("GET", "/v2/api/users?role=king", None, (400, "INVALID_PARAMETER")),
        ("GET", "/v2/api/users/usr-none", None, (404, "MEMBER_NOT_FOUND")),
        ("GET", "/v1/api/calls", None, (400, "MISSING_ALLO_NUMBER")),
        ("GET", "/v1/api/contact/con-none/conversation", None, (400, "CONTACT_NOT_FOUND")),
        ("GET", f"{ITEMS}/cll-\0", None, (404, "ENDPOINT_NOT_FOUND")),
    ],
)
async def test_what_cannot_be_has_its_code(
    world: World, key: str, method: str, path: str, *, body: Any, answered: tuple[int, str]
) -> None:
    answer = await world.call(method, path, key=key, json=body)
    assert (answer.status, answer.code) == answered


async def test_items_are_searched_as_clients_do_it(world: World, key: str) -> None:
    await settle_in(world)
    await keep(
        world,
        a_call("cll_1"),
        a_text("msg_1", "Rendez-vous à 14h", sent_at="2025-03-16T10:00:00Z"),
        an_answer("msg_2", to_number=PAUL, sent_at="2025-03-17T23:30:00Z"),
    )
    everything = ["msg-2", "msg-1", "cll-1"]
    anna = (await world.call("GET", "/v2/api/users", key=key)).data[0]["id"]
    for body, ids in (
        (None, everything),
        ({}, everything),
        ({"type": "ALL", "sort": "OLDEST"}, everything[::-1]),
        ({"type": "TEXT_MESSAGE"}, ["msg-2", "msg-1"]),
        ({"type": "CALL", "result": "answered"}, ["cll-1"]),
        ({"result": "MISSED"}, []),
        ({"search": "INVOI quest"}, ["cll-1"]),
        ({"search": "rendez", "sort": "RELEVANCE"}, ["msg-1"]),
        ({"contact_number": "06 98 76 54 32"}, ["msg-2"]),
        ({"allo_number": OURS, "direction": "INBOUND"}, ["msg-1", "cll-1"]),
        ({"user_id": anna}, ["cll-1"]),
        ({"user_id": "usr-nobody"}, []),
        ({"date": {"from": "2025-03-16", "to": "2025-03-17"}}, ["msg-2", "msg-1"]),
        ({"date": {"to": "2025-03-15"}}, ["cll-1"]),
        ({"has_recording": True}, ["cll-1"]),
        ({"unresponded": True}, ["msg-1", "cll-1"]),
        # What clients send and the original passes over.
        ({"date_from": "2030-01-01", "sort": "RECENT", "tags": None, "type": 7, "unread": "yes"}, everything),
    ):
        answer = await world.call("POST", f"{ITEMS}/search", key=key, json=body)
        assert [item["id"] for item in answer.data] == ids, body
        assert answer.json()["pagination"]["total_count"] == len(ids)
    other = await world.key(workspace="wsp_b")
    assert (await world.call("POST", f"{ITEMS}/search", key=other, json={"search": "invoice"})).data == []
    assert (await world.call("GET", f"{ITEMS}/cll-1", key=other)).status == 404


async def test_conversations_are_listed_marked_and_pinned(world: World, key: str) -> None:
    await keep(world, a_call(), a_text("msg_1", from_number=PAUL, sent_at="2025-03-16T10:00:00Z"))
    ours = quote(OURS)

    async def listed(**query: str) -> list[tuple[str, bool, bool]]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        answer = await world.call("GET", f"/v2/api/conversations?allo_number={ours}&{text}", key=key)
        return [(one["contact_number"], one["unread"], one["pinned"]) for one in answer.data]

    assert await listed() == [(PAUL, True, False), (MARIE, False, False)]
    assert await listed(unread="true") == [(PAUL, True, False)]
    assert await listed(last_activity_since="2025-03-16T00:00:00Z") == [(PAUL, True, False)]
    assert await listed(size="1", page="2") == [(MARIE, False, False)]
    answer = await world.call("GET", f"/v2/api/conversations?allo_number={ours}", key=key)
    assert answer.data[0]["last_item"]["content"] == "Hello"
    assert answer.data[0]["last_activity"] == "2025-03-16T10:00:00Z"

    async def act(number: str, action: str, **more: str) -> None:
        path = f"/v2/api/conversations/{number}/action"
        assert (await world.call("PUT", path, key=key, json={"action": action, **more})).status == 200

    await act(PAUL, "READ")
    await act(MARIE, "UNREAD", allo_number=OURS)
    assert await listed() == [(PAUL, False, False), (MARIE, True, False)]
    await act(MARIE, "ARCHIVE", allo_number="+33100000000")  # not there
    await act(PAUL, "ARCHIVE")
    assert await listed() == [(MARIE, True, False)]
    await act(PAUL, "UNARCHIVE")
    pin = f"/v2/api/conversations/{PAUL}/pin"
    for _ in range(2):
        assert (await world.call("PUT", pin, key=key, json={"allo_number": OURS})).status == 204
    assert await listed(pinned="true") == [(PAUL, False, True)]
    for n in range(9):
        path = f"/v2/api/conversations/+3360000000{n}/pin"
        assert (await world.call("PUT", path, key=key, json={"allo_number": OURS})).status == 204
    answer = await world.call(
        "PUT", f"/v2/api/conversations/{MARIE}/pin", key=key, json={"allo_number": OURS}
    )
    assert (answer.status, answer.code) == (409, "PIN_LIMIT_REACHED")
    assert (await world.call("DELETE", f"{pin}?allo_number={ours}", key=key)).status == 204
    assert (PAUL, False, False) in await listed()


async def test_tags_are_made_and_put_on_calls(world: World, key: str) -> None:
    await keep(world, a_call())
    made = await world.call(
        "POST", "/v2/api/tags", key=key, json={"name": "Meeting booked", "color": "#00ff00"}
    )
    assert (made.status, made.data) == (
        201,
        {"id": "meeting_booked", "name": "Meeting booked", "color": "#00ff00"},
    )
    again = await world.call("POST", "/v2/api/tags", key=key, json={"name": "MEETING booked"})
    assert (again.status, again.code) == (409, "TAG_ALREADY_EXISTS")
    await world.call("POST", "/v2/api/tags", key=key, json={"name": "VIP"})
    assert [tag["id"] for tag in (await world.call("GET", "/v2/api/tags", key=key)).data] == [
        "meeting_booked",
        "vip",
    ]
    for _ in range(2):  # put on again: no error, and nothing more
        answer = await world.call(
            "POST", f"{ITEMS}/cll-1/tags", key=key, json={"tags": ["vip", "meeting_booked"]}
        )
        assert (answer.status, answer.data["tags"]) == (200, ["vip", "meeting_booked"])
    refused = await world.call("POST", f"{ITEMS}/cll-1/tags", key=key, json={"tags": ["vip", "none"]})
    assert (refused.status, refused.code) == (404, "TAG_NOT_FOUND")
    answer = await world.call("DELETE", f"{ITEMS}/cll-1/tags/vip", key=key)
    assert answer.data["tags"] == ["meeting_booked"]
    assert (await world.call("DELETE", "/v2/api/tags/vip", key=key)).status == 204
    events = [json.loads(event.body) for committed in world.committed for event in committed.events]
    assert [(event["topic"], event["data"]["call_id"], event["data"]["tag_key"]) for event in events] == [
        ("tag.added", "cll_1", "vip"),
        ("tag.added", "cll_1", "meeting_booked"),
        ("tag.removed", "cll_1", "vip"),
    ]
    assert events[0]["data"]["user_email"] is None  # a key is no user


async def test_the_summary_of_a_call_can_be_changed(world: World, key: str) -> None:
    await keep(world, a_call())
    path = f"{ITEMS}/cll-1/summary"
    first = await world.call(
        "PATCH", path, key=key, json={"content": "Paid in full.", "template_key": "MARKDOWN_CLASSIC"}
    )
    assert first.data == {
        "id": "cll-1",
        "content": "Paid in full.",
        "version": 1,
        "updated_at": "2025-03-15T14:30:00Z",
        "updated_by": None,
    }
    assert (await world.call("PATCH", path, key=key, json={"content": "Paid in full."})).data == first.data
    assert (await world.call("GET", f"{ITEMS}/cll-1", key=key)).data["summary"] == "Paid in full."
    for words, count in (("paid", 1), ("billing", 0), ("invoice", 1)):  # the transcript is still found
        answer = await world.call("POST", f"{ITEMS}/search", key=key, json={"search": words})
        assert len(answer.data) == count, words


async def test_users_and_numbers(world: World, key: str) -> None:
    await settle_in(world)
    users = (await world.call("GET", "/v2/api/users?status=active", key=key)).data
    assert [(user["name"], user["role"], user["status"], user["image_url"]) for user in users] == [
        ("Anna", "MEMBER", "ACTIVE", None),
        ("Ben", "MEMBER", "ACTIVE", None),
    ]
    assert users[0]["id"].startswith("usr-")
    assert (await world.call("GET", f"/v2/api/users/{users[0]['id']}", key=key)).data == users[0]
    assert (await world.call("GET", "/v2/api/users?role=ADMIN", key=key)).data == []
    assert (await world.call("GET", "/v2/api/users?status=BLOCKED", key=key)).data == []
    (number,) = (await world.call("GET", "/v2/api/numbers", key=key)).data
    assert number == {
        "number": OURS,
        "name": "Front desk",
        "country": "FR",
        "type": "NUMBER",
        "capabilities": ["VOICE"],
        "users": [{"id": one["id"], "name": one["name"], "email": one["email"]} for one in users],
    }
    assert (await world.call("GET", "/v1/api/numbers", key=key)).data == [
        {"number": OURS, "name": "Front desk", "country": "FR", "is_shared_number": True}
    ]


async def test_a_call_that_was_passed_on_says_by_whom_and_to_whom(world: World, key: str) -> None:
    nobody = TransferParty(number=None, user_email=None, user_name=None)
    ben = TransferParty(number="1002", user_email="ben@harbour.example", user_name="Ben")
    await keep(
        world,
        a_call("cll_1", transfer_to=ben, transfer_original_call_id="cll_0", ivr_result=[]),
        a_call("cll_2", transfer_from=nobody, ivr_result=[]),
    )
    asked = [f"{ITEMS}/{id_}?extend=routing" for id_ in ("cll-1", "cll-2")]
    one, other = [(await world.call("GET", path, key=key)).data for path in asked]
    assert one["transfer_to"] == {"number": "1002", "user_email": "ben@harbour.example", "user_name": "Ben"}
    assert one["transfer_original_call_id"] == "cll-0"
    assert "transfer_from" not in one
    assert [name for name in other if name.startswith(("transfer", "ivr"))] == []


async def test_users_are_found_by_role_and_status_and_a_sender_id_has_no_number(
    world: World, key: str
) -> None:
    users = (
        UserConfig(ANNA, "Anna", role="ADMIN"),
        UserConfig("ben@harbour.example", "Ben", status="BLOCKED"),
        UserConfig("cleo@harbour.example", "Cleo", role="MANAGER", status="BLOCKED"),
    )
    numbers = (
        NumberConfig(OURS, "Front desk", (ANNA,), capabilities=("VOICE", "SMS")),
        NumberConfig("HARBOUR", "Reminders", (ANNA,), type="SENDER_ID"),
        NumberConfig("HD", type="SENDER_ID", country="BE"),
    )
    await world.store.run(lambda tx: configure(tx, "wsp_a", users, numbers, "FR"))
    for asked, names in (
        ("", ["Anna"]),
        ("role=admin", ["Anna"]),
        ("role=MEMBER", []),
        ("status=BLOCKED", ["Ben", "Cleo"]),
        ("status=blocked&role=MANAGER", ["Cleo"]),
    ):
        found = (await world.call("GET", f"/v2/api/users?{asked}", key=key)).data
        assert [one["name"] for one in found] == names, asked
    shown = (await world.call("GET", "/v2/api/numbers", key=key)).data
    assert [
        (one["number"], one["name"], one["country"], one["type"], one["capabilities"], len(one["users"]))
        for one in shown
    ] == [
        (OURS, "Front desk", "FR", "NUMBER", ["VOICE", "SMS"], 1),
        (None, "Reminders", "FR", "SENDER_ID", ["SMS"], 1),
        (None, "HD", "BE", "SENDER_ID", ["SMS"], 0),
    ]
    assert [one.get("sender_id") for one in shown] == [None, "HARBOUR", "HD"]
    assert [one["number"] for one in (await world.call("GET", "/v1/api/numbers", key=key)).data] == [OURS]


async def test_calls_and_what_was_said_with_a_contact_under_v1(world: World, key: str) -> None:
    body = {"numbers": [MARIE, PAUL], "name": "Marie"}
    marie = (await world.call("POST", "/v1/api/contacts", key=key, json=body)).data
    await keep(
        world,
        a_call("cll_1"),
        a_call("cll_2", start_date="2025-03-16T10:00:00Z"),
        a_text("msg_1", from_number=PAUL, sent_at="2025-03-15T16:00:00Z"),
    )
    answer = await world.call("GET", f"/v1/api/calls?allo_number={quote(OURS)}&size=1&page=1", key=key)
    (call,) = answer.data["results"]
    assert call["transcript"][1] == {
        "source": "USER",
        "text": "Of course, let me pull up your account.",
        "time": "2025-03-15T14:30:12.000Z",
        "start_seconds": 12.0,
        "end_seconds": 330.0,
    }
    del call["transcript"]
    assert call == {
        "id": "cll-1",
        "from_number": MARIE,
        "to_number": OURS,
        "length_in_minutes": 5.5,
        "type": "INBOUND",
        "result": "ANSWERED",
        "summary": a_call().summary,
        "tag": None,
        "recording_url": "https://storage.withallo.com/recordings/abc123.mp3",
        "start_date": "2025-03-15T14:30:00",
    }
    assert answer.data["metadata"]["pagination"] == {"total_pages": 2, "current_page": 1}
    path = f"/v1/api/contact/{marie['id']}/conversation"
    seen = []
    for page in range(2):
        results = (await world.call("GET", f"{path}?size=2&page={page}", key=key)).data["results"]
        seen += [(one["type"], (one["call"] or one["message"])["id"]) for one in results]
    assert seen == [("CALL", "cll-2"), ("TEXT_MESSAGE", "msg-1"), ("CALL", "cll-1")]
    assert (await world.call("GET", f"{path}?allo_number=%2B33100000000", key=key)).data["results"] == []
