"""`/v1/api/webhooks`, field for field, and what the rest of the API makes of such a webhook."""

import json
from typing import Any

import pytest

from switchhook.storage import endpoints, history
from tests.api.test_api_deliveries import attempt
from tests.api.world import Answer, World, example

FIRST, HOOKS = "/v1/api/webhooks", "/v2/api/webhooks"
ONE, TWO = "+33123456789", "+33198765432"
ASKED: dict[str, Any] = {
    "allo_number": ONE,
    "url": "https://hooks.example/allo",
    "topics": ["PING", "CALL_RECEIVED", "SMS_RECEIVED", "SMS_SENT", "CONTACT_CREATED", "CONTACT_UPDATED"],
}


async def post(world: World, key: str, headers: dict[str, str] | None = None, **changes: Any) -> Answer:
    return await world.call("POST", FIRST, key=key, json={**ASKED, **changes}, headers=headers)


async def made(world: World, key: str, **changes: Any) -> str:
    answer = await post(world, key, **changes)
    assert answer.status == 200, answer.body
    found: str = answer.data["id"]
    return found


async def got(world: World, key: str, webhook: str) -> list[Any]:
    """The payloads of what a webhook gets, oldest first."""
    id_ = webhook.replace("web-", "web_")
    found, _ = await world.store.read(
        lambda r: history.list_deliveries(r, "wsp_a", id_, None, page=1, size=100)
    )
    return [json.loads(row.body) for row in reversed(found)]


async def test_an_old_client_creates_lists_and_deletes(world: World, key: str) -> None:
    answer = await world.call(
        "POST", FIRST, json=ASKED, headers={"authorization": key}
    )  # the raw key, as it sends it
    assert answer.status == 200, answer.body
    assert answer.json() == {
        "data": {
            "id": answer.data["id"],
            "alloNumber": ONE,
            "allo_number": ONE,
            "enabled": True,
            "url": ASKED["url"],
            "topics": ASKED["topics"],
        }
    }
    assert answer.data["id"].startswith("web-")
    off = await made(world, key, enabled=False, allo_number="01 98 76 54 32", topics=["PING", "PING"])
    listed = (await world.call("GET", FIRST, key=key)).data
    assert listed[0] == answer.data
    assert (listed[1]["id"], listed[1]["allo_number"], listed[1]["enabled"]) == (off, TWO, False)
    assert listed[1]["topics"] == ["PING"]
    gone = await world.call("DELETE", f"{FIRST}/{off}", key=key)
    assert (gone.status, gone.body) == (204, b"")
    again = await world.call("DELETE", f"{FIRST}/{off}", key=key)
    assert (again.status, again.json()["code"]) == (404, "WEBHOOK_NOT_FOUND")
    assert set(again.json()) == {"code", "details"}
    assert (await world.call("GET", FIRST, key=key)).data == [answer.data]


async def test_it_has_thirty_seconds_and_no_key(world: World, key: str) -> None:
    id_ = (await made(world, key)).replace("web-", "web_")
    found = await world.store.read(lambda r: endpoints.find_endpoint(r, "wsp_a", id_))
    assert found is not None
    assert (found.timeout_seconds, found.secrets, found.own_number) == (30.0, (), ONE)


async def test_an_idempotency_key_makes_one(world: World, key: str) -> None:
    answers = [await post(world, key, {"idempotency-key": "once"}) for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert len((await world.call("GET", FIRST, key=key)).data) == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"topics": ["call.completed"]}, "INVALID_EVENT_TYPE", "topics[0]"),
        ({"topics": ["PING", "CALL"]}, "INVALID_EVENT_TYPE", "topics[1]"),
        ({"topics": []}, "INVALID_REQUEST_BODY", "topics"),
        ({"allo_number": "front desk"}, "INVALID_PHONE_NUMBER", "allo_number"),
        ({"allo_number": ""}, "INVALID_PHONE_NUMBER", "allo_number"),
        ({"allo_number": 33}, "INVALID_REQUEST_BODY", "allo_number"),
        ({"url": "http://hooks.example/in"}, "INVALID_URL", "url"),
        ({"url": "https://127.0.0.1/in"}, "INVALID_URL", "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "INVALID_URL", "url"),
        ({"enabled": "yes"}, "INVALID_REQUEST_BODY", "enabled"),
    ],
)
async def test_a_mistake_is_told_in_the_envelope_of_the_version(
    world: World, key: str, change: Any, code: str, field: str
) -> None:
    answer = await post(world, key, **change)
    assert (answer.status, answer.json()["code"]) == (400, code), answer.body
    assert [detail["field"] for detail in answer.json()["details"]] == [field]
    assert (await world.call("GET", FIRST, key=key)).data == []


@pytest.mark.parametrize("name", ["allo_number", "url", "topics"])
async def test_what_is_required_is_asked_for(world: World, key: str, name: str) -> None:
    body = {field: value for field, value in ASKED.items() if field != name}
    answer = await world.call("POST", FIRST, key=key, json=body)
    assert (answer.status, answer.json()["code"]) == (400, "MISSING_FIELD")
    assert answer.json()["details"][0]["field"] == name


async def test_it_takes_the_scope_of_webhooks(world: World, key: str) -> None:
    id_ = await made(world, key)
    other = await world.key("CONTACTS_READ")
    for method, path in (("GET", FIRST), ("POST", FIRST), ("DELETE", f"{FIRST}/{id_}")):
        answer = await world.call(method, path, key=other, json=ASKED if method == "POST" else None)
        assert (answer.status, answer.json()["code"]) == (403, "API_KEY_INSUFFICIENT_SCOPE")
        assert answer.json()["details"] == [{"message": "required=WEBHOOKS_READ_WRITE", "field": "scope"}]


async def test_events_of_its_number_and_contacts_come_as_its_clients_know_them(
    world: World, key: str
) -> None:
    hook = await made(world, key)
    second = await made(world, key, allo_number=TWO, topics=["SMS_SENT", "CONTACT_CREATED"])
    current = await world.create(key, topics=["call.completed"])
    call = example("call.completed")
    inbound = {**call, "id": "cll_in", "type": "INBOUND", "from_number": TWO, "to": ONE}
    outbound = {**call, "id": "cll_out", "type": "OUTBOUND", "from_number": ONE, "to": TWO}
    others = {**call, "id": "cll_not", "type": "OUTBOUND", "from_number": TWO, "to": ONE}
    received = {**example("sms.received"), "from_number": TWO, "to_number": ONE}
    sent = {**example("sms.sent"), "from_number": TWO, "to_number": ONE}
    contact = example("contact.created")
    events = [{"topic": "call.completed", "data": data} for data in (inbound, others, outbound)]
    events += [{"topic": "call.received", "data": {**example("call.received"), "to_number": ONE}}]
    batch = await world.call("POST", "/v2/api/events/batch", key=key, json={"events": events})
    assert batch.status == 202
    for topic, data in (("sms.received", received), ("sms.sent", sent), ("contact.created", contact)):
        assert (await world.publish(key, topic, data)).status == 202

    def first(data: dict[str, Any]) -> dict[str, Any]:
        told = {name: value for name, value in data.items() if name != "tags"}
        return {**told, "one_sentence_summary": data["summary"].split(". ")[0].rstrip(".") + "."}

    assert await got(world, key, hook) == [
        {"topic": "CALL_RECEIVED", "data": first(inbound)},
        {"topic": "CALL_RECEIVED", "data": first(outbound)},
        {"topic": "SMS_RECEIVED", "data": received},
        {"topic": "CONTACT_CREATED", "data": contact},
    ]
    assert await got(world, key, second) == [
        {"topic": "SMS_SENT", "data": sent},
        {"topic": "CONTACT_CREATED", "data": contact},
    ]
    ids = [body["data"]["id"] for body in await got(world, key, current["id"])]
    assert ids == ["cll_in", "cll_not", "cll_out"]


async def test_it_is_looked_after_like_any_other_by_its_id(world: World, key: str) -> None:
    hook = await made(world, key)
    path = f"{HOOKS}/{hook}"
    shown = (await world.call("GET", path, key=key)).data
    assert (shown["id"], shown["allo_number"]) == (hook.replace("web-", "web_"), ONE)
    assert (shown["topics"], shown["signing_secret"]) == (ASKED["topics"], None)
    assert (await world.call("GET", HOOKS, key=key)).data == []
    back = await world.call("PUT", path, key=key, json={**shown, "topics": ["SMS_SENT"], "enabled": False})
    assert (back.status, back.data["topics"], back.data["enabled"]) == (200, ["SMS_SENT"], False), back.body
    listed = (await world.call("GET", FIRST, key=key)).data
    assert (listed[0]["topics"], listed[0]["enabled"], listed[0]["allo_number"]) == (["SMS_SENT"], False, ONE)
    assert (
        await world.call("PUT", path, key=key, json={"enabled": True, "topics": ASKED["topics"]})
    ).status == 200
    data = {**example("sms.received"), "to_number": ONE}
    event = (await world.publish(key, "sms.received", data)).data["id"]
    await attempt(world, hook.replace("web-", "web_"), event, 1, "failed")
    (row,) = (await world.call("GET", f"{path}/deliveries?status=failed", key=key)).data
    detail = await world.call("GET", f"/v2/api/deliveries/{row['id']}", key=key)
    assert detail.data["payload"] == {"topic": "SMS_RECEIVED", "data": data}
    assert (await world.call("POST", f"/v2/api/deliveries/{row['id']}/retry", key=key)).status == 202
    assert (await world.call("GET", f"{path}/stats", key=key)).data["pending"] == 1
    recovery = await world.call("POST", f"{path}/recover", key=key, json={"since": "2025-01-01T00:00:00Z"})
    assert recovery.status == 202
    assert (await world.call("POST", f"{path}/pause", key=key)).data["paused"] is True


@pytest.mark.parametrize(
    ("request_line", "body", "refusal"),
    [
        ("PUT", {"topics": ["call.completed"]}, (400, "INVALID_EVENT_TYPE")),
        ("PUT", {"additive_fields": True}, (400, "INVALID_REQUEST_BODY")),
        ("PUT", {"signature": "v1"}, (409, "WEBHOOK_NOT_SIGNED")),
        ("PUT", {"signature": "v1a"}, (409, "WEBHOOK_NOT_SIGNED")),
        ("POST /rotate-secret", {}, (409, "WEBHOOK_NOT_SIGNED")),
        ("POST /test", {"topic": "call.completed"}, (400, "INVALID_EVENT_TYPE")),
    ],
)
async def test_what_such_a_webhook_does_not_have_cannot_be_asked_for(
    world: World, key: str, request_line: str, body: Any, refusal: tuple[int, str]
) -> None:
    path = f"{HOOKS}/{await made(world, key)}"
    before = (await world.call("GET", path, key=key)).data
    method, _, way = request_line.partition(" ")
    answer = await world.call(method, path + way, key=key, json=body)
    assert (answer.status, answer.code) == refusal, answer.body
    assert (await world.call("GET", path, key=key)).data == before


async def test_each_topic_can_be_tried_whatever_the_number_and_the_topics(world: World, key: str) -> None:
    hook = await made(world, key, topics=["SMS_SENT"])
    for topic in ASKED["topics"]:
        answer = await world.call("POST", f"{HOOKS}/{hook}/test", key=key, json={"topic": topic})
        assert (answer.status, answer.data["topic"]) == (202, topic), answer.body
        detail = await world.call("GET", f"/v2/api/deliveries/{answer.data['delivery_id']}", key=key)
        assert detail.data["payload"]["topic"] == topic
    assert [body["topic"] for body in await got(world, key, hook)] == ASKED["topics"]
    assert (await got(world, key, hook))[0] == {"topic": "PING", "data": {}}
    # What happened is told in the event's own words, and a test can be taken out like any other.
    event = await world.call("GET", f"/v2/api/events/{answer.data['id']}", key=key)
    assert event.data["topic"] == "contact.updated"
    current = await world.create(key)
    wrong = await world.call("POST", f"{HOOKS}/{current['id']}/test", key=key, json={"topic": "PING"})
    assert (wrong.status, wrong.code) == (400, "INVALID_EVENT_TYPE")


async def test_neither_version_takes_the_others_webhooks_away(world: World, key: str) -> None:
    current = (await world.create(key))["id"]
    hook = await made(world, key)
    assert (await world.call("DELETE", f"{FIRST}/{current}", key=key)).status == 404
    assert (await world.call("GET", f"{HOOKS}/{current}", key=key)).status == 200
    theirs = await world.key(workspace="wsp_b")
    assert (await world.call("DELETE", f"{FIRST}/{hook}", key=theirs)).status == 404
    assert (await world.call("GET", FIRST, key=theirs)).data == []
    assert (await world.call("DELETE", f"{HOOKS}/{hook}", key=key)).status == 204
    assert (await world.call("GET", FIRST, key=key)).data == []
