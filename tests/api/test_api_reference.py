"""The phone API as its clients know it: what each documented route answers to what they send, field for field.

A field that clients do not know may stand beside the documented ones only where the table names it as ours.
"""

import re
from typing import Any
from urllib.parse import quote

import pytest

from switchhook.api.services import Limits
from tests.api.test_api_conversations import MARIE, OURS
from tests.api.test_api_crossing import live_in
from tests.api.world import World

ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
BARE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")

PERSON = "id name last_name job_title website address numbers emails company interactions last_activity_at"
PERSON += " created_at updated_at"
COMPANY = "id name website industry person_count interactions last_activity_at created_at updated_at"
DEAL = "id name status amount currency closed_at company created_at updated_at"
CONTACT = "id name last_name company job_title website status is_archived created_at updated_at numbers"
CONTACT += " is_whitelisted last_activity_date engagement"
ITEM = "id type direction allo_number contact_number contacts user date duration result recording_url summary tags"
ITEM += " content status message_type"
CALL_V1 = (
    "id from_number to_number length_in_minutes type result summary tag recording_url start_date transcript"
)
WEBHOOK_V1 = {
    "allo_number": OURS,
    "url": "https://hooks.example/allo",
    "topics": ["CALL_RECEIVED", "SMS_RECEIVED"],
}

FIELDS: list[tuple[str, str, Any, int, str]] = [
    # method, path, body, status, fields of `data`, of the first of it, or of the first of its `results`
    ("GET", "/v2/api/me", None, 200, "api_key_id scopes endpoints team rate_limits"),
    ("GET", "/v2/api/webhooks/event_types", None, 200, "name description"),
    ("GET", "/v2/api/tags", None, 200, "id name color"),
    ("POST", "/v2/api/tags", {"name": "Call back", "color": "#ff0000"}, 201, "id name color"),
    ("GET", "/v2/api/users", None, 200, "id name email role status image_url"),
    ("GET", "/v2/api/users/{user_id}", None, 200, "id name email role status image_url"),
    ("GET", "/v2/api/numbers", None, 200, "number name country type capabilities users"),
    ("POST", "/v2/api/crm/people", {"numbers": ["+33612345670"], "name": "Ada"}, 200, PERSON),
    ("GET", "/v2/api/crm/people/{person_id}", None, 200, PERSON),
    ("PUT", "/v2/api/crm/people/{person_id}", {"job_title": "Baker"}, 200, PERSON),
    ("POST", "/v2/api/crm/people/search", {}, 200, PERSON),
    ("POST", "/v2/api/crm/companies", {"name": "Quay"}, 201, COMPANY),
    ("GET", "/v2/api/crm/companies/{company_id}", None, 200, COMPANY),
    ("PUT", "/v2/api/crm/companies/{company_id}", {"industry": "x"}, 200, COMPANY),
    ("POST", "/v2/api/crm/companies/search", {}, 200, COMPANY),
    ("POST", "/v2/api/crm/deals", {"name": "Plan", "amount": 10}, 201, DEAL),
    ("GET", "/v2/api/crm/deals/{deal_id}", None, 200, DEAL),
    ("PATCH", "/v2/api/crm/deals/{deal_id}", {"status": "WON"}, 200, DEAL),
    ("POST", "/v2/api/crm/deals/search", {}, 200, DEAL),
    (
        "GET",
        "/v2/api/conversations?allo_number={ours}",
        None,
        200,
        "contact_number contacts last_activity last_item",
    ),
    ("POST", "/v2/api/conversations/items/search", {}, 200, ITEM),
    ("GET", "/v2/api/conversations/items/{item_id}", None, 200, ITEM),
    ("GET", "/v2/api/conversations/items/{item_id}?extend=transcript", None, 200, f"{ITEM} transcript"),
    ("POST", "/v2/api/conversations/items/batch", {"ids": ["cll-harbour"]}, 200, ITEM),
    (
        "PATCH",
        "/v2/api/conversations/items/{item_id}/summary",
        {"content": "Called."},
        200,
        "id content version updated_at updated_by",
    ),
    ("GET", "/v1/api/contacts", None, 200, CONTACT),
    ("POST", "/v1/api/contacts", {"numbers": ["+33612345671"], "name": "Bo", "company": "Q"}, 200, CONTACT),
    ("PUT", "/v1/api/contacts/{contact_id}", {"name": "Bo"}, 200, CONTACT),
    ("GET", "/v1/api/contact/{contact_id}/conversation", None, 200, "type call message"),
    ("GET", "/v1/api/calls?allo_number={ours}", None, 200, CALL_V1),
    ("GET", "/v1/api/webhooks", None, 200, "allo_number enabled url topics"),
    ("POST", "/v1/api/webhooks", WEBHOOK_V1, 200, "id alloNumber allo_number enabled url topics"),
    ("GET", "/v1/api/numbers", None, 200, "number name country is_shared_number"),
]

WHOLE = {"emails", "integration_data", "custom_properties", "conversation_url"}  # of one contact
ADDITIVE = {
    "/v2/api/crm/people": {"custom_properties"},
    "/v2/api/conversations/items": {"data_collected"},
    "/v2/api/conversations?": {"unread", "pinned"},
    "/v1/api/contacts": WHOLE,
    "/v1/api/webhooks": {"id", "alloNumber"},  # documented on creation
}
"""What stands beside the documented fields, by the beginning of the path."""

EMPTY: list[tuple[str, str, Any, int]] = [
    ("DELETE", "/v2/api/crm/deals/{deal_id}", None, 204),
    ("DELETE", "/v2/api/tags/{tag}", None, 204),
    ("DELETE", "/v1/api/webhooks/{webhook_v1_id}", None, 204),
    ("PUT", "/v2/api/conversations/{contact_number}/pin", {"allo_number": OURS}, 204),
    ("DELETE", "/v2/api/conversations/{contact_number}/pin?allo_number={ours}", None, 204),
]

REFUSED: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/v2/api/nowhere", None, 404, "ENDPOINT_NOT_FOUND"),
    ("DELETE", "/v2/api/me", None, 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/v2/webhooks/ep_nobody", None, 404, "WEBHOOK_NOT_FOUND"),
    ("POST", "/v2/api/webhooks", {"url": "https://a.example", "topics": ["x.y"]}, 400, "INVALID_EVENT_TYPE"),
    ("GET", "/v2/api/conversations", None, 400, "MISSING_ALLO_NUMBER"),
    ("GET", "/v2/api/conversations?allo_number={ours}&size=500", None, 400, "INVALID_PAGE_SIZE"),
    ("GET", "/v2/api/conversations/items/per-1", None, 400, "INVALID_ITEM_ID"),
    ("GET", "/v2/api/conversations/items/cll-nobody", None, 404, "CONVERSATION_ITEM_NOT_FOUND"),
    ("PATCH", "/v2/api/conversations/items/msg-1/summary", {"content": "x"}, 400, "INVALID_ITEM_ID"),
    ("POST", "/v2/api/conversations/items/batch", {"ids": ["cll-1"] * 101}, 400, "BATCH_TOO_LARGE"),
    ("POST", "/v2/api/conversations/items/{item_id}/tags", {"tags": []}, 400, "TAGS_REQUIRED"),
    ("DELETE", "/v2/api/conversations/items/{item_id}/tags/nobody", None, 404, "TAG_NOT_FOUND"),
    ("PUT", "/v2/api/conversations/{contact_number}/action", {"action": "X"}, 400, "INVALID_ACTION"),
    ("DELETE", "/v2/api/conversations/{contact_number}/pin", None, 400, "MISSING_PARAMETER"),
    ("POST", "/v2/api/conversations/items/search", {"search": "?!"}, 400, "INVALID_SEARCH_QUERY"),
    ("POST", "/v2/api/tags", {"name": "HARBOUR VIP"}, 409, "TAG_ALREADY_EXISTS"),
    ("POST", "/v2/api/tags", {"name": "voicemail"}, 400, "TAG_NAME_IS_CALL_OUTCOME"),
    ("DELETE", "/v2/api/tags/nobody", None, 404, "TAG_NOT_FOUND"),
    ("GET", "/v2/api/users/usr-nobody", None, 404, "MEMBER_NOT_FOUND"),
    ("POST", "/v2/api/crm/people", {"numbers": [MARIE], "name": "B"}, 409, "NUMBER_ALREADY_ASSIGNED"),
    ("GET", "/v2/api/crm/people/per-nobody", None, 404, "PERSON_NOT_FOUND"),
    ("PUT", "/v1/api/contacts/con-nobody", {"name": "B"}, 400, "CONTACT_NOT_FOUND"),
    ("DELETE", "/v1/api/webhooks/web-nobody", None, 404, "WEBHOOK_NOT_FOUND"),
    ("POST", "/v1/api/webhooks", {**WEBHOOK_V1, "topics": ["CALL"]}, 400, "INVALID_EVENT_TYPE"),
]


def filled(path: str, places: dict[str, str]) -> str:
    values = {**places, "ours": OURS}
    return re.sub(r"\{(\w+)\}", lambda place: quote(values[place[1]], safe=""), path)  # `+` is %2B in a path


def first(data: Any) -> Any:
    found = data.get("results", data) if isinstance(data, dict) else data
    return found[0] if isinstance(found, list) else found


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: f"{case[0]} {case[1]}")
async def test_a_route_answers_with_the_documented_fields(world: World, key: str, case: Any) -> None:
    method, path, body, status, fields = case
    places = await live_in(world, key)
    answer = await world.call(method, filled(path, places), key=key, json=body)
    assert answer.status == status, answer.body
    told = first(answer.data)
    additive = [names for start, names in ADDITIVE.items() if path.startswith(start)]
    assert set(told).difference(*additive) == set(fields.split()).difference(*additive)
    style = BARE if path.startswith("/v1/") or "/crm/" in path else ZONED
    for name in ("created_at", "updated_at", "start_date", "date", "last_activity"):
        assert told.get(name) is None or style.fullmatch(told[name]), (name, told[name])


@pytest.mark.parametrize("case", EMPTY, ids=lambda case: f"{case[0]} {case[1]}")
async def test_a_route_answers_with_nothing(world: World, key: str, case: Any) -> None:
    method, path, body, status = case
    places = await live_in(world, key)
    answer = await world.call(method, filled(path, places), key=key, json=body)
    assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]} {case[1]}")
async def test_a_mistake_has_the_documented_code(world: World, key: str, case: Any) -> None:
    method, path, body, status, code = case
    places = await live_in(world, key)
    answer = await world.call(method, filled(path, places), key=key, json=body)
    assert (answer.status, answer.code) == (status, code), answer.body
    if path.startswith("/v1/"):
        assert set(answer.json()) == {"code", "details"}
    else:
        assert {"type", "code", "message", "retryable", "request_id"} <= set(answer.error)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"sort": "DATE"},
        {"sort": "RECENT"},
        {"sort": "OLDEST"},
        {"type": "TEXT_MESSAGE"},
        {"result": "MISSED"},
        {"result": "TRANSFERRED"},
        {"has_recording": True},
        {"date_from": "2026-01-01", "date_to": "2026-02-01"},
        {"nobody_knows": 1},
    ],
)
async def test_what_old_clients_send_to_the_search_is_never_refused(
    world: World, key: str, body: Any
) -> None:
    answer = await world.call("POST", "/v2/api/conversations/items/search", key=key, json=body)
    assert answer.status == 200, answer.body


async def test_pages_stand_where_clients_of_either_version_look(world: World, key: str) -> None:
    places = await live_in(world, key)
    found = await world.call("POST", "/v2/api/crm/people/search", key=key, json={"page": 1, "size": 1})
    assert set(found.json()["pagination"]) == {"page", "size", "total_count", "total_pages", "has_more"}
    for path in (
        "contacts?size=1",
        "calls?allo_number={ours}&size=1",
        "contact/{contact_id}/conversation?size=1",
    ):
        old = await world.call("GET", filled(f"/v1/api/{path}", places), key=key)
        where = dict(old.data["metadata"])
        assert where.pop("pagination") == where
        assert where["current_page"] == 0 < where["total_pages"]


async def test_who_has_a_webhook_sees_its_secret_where_it_is_documented(world: World, key: str) -> None:
    made = await world.create(key)
    known = {"id", "url", "topics", "description", "enabled", "created_at"}
    assert known | {"signing_secret"} <= set(made)
    path = f"/v2/webhooks/{made['id']}"
    assert (await world.call("GET", path, key=key)).data["signing_secret"] == made["signing_secret"]
    for answer in (
        await world.call("PUT", path, key=key, json={"description": "x"}),
        await world.call("GET", "/v2/webhooks", key=key),
    ):
        assert known <= set(first(answer.data))
        assert "signing_secret" not in first(answer.data)


async def test_every_answer_tells_its_id_and_what_is_left_of_the_rate(world: World, key: str) -> None:
    app = world.build(Limits(20, 5))
    answer = await world.call("GET", "/v2/api/tags", key=key, app=app)
    assert answer.headers["x-ratelimit-limit"] == "20"
    assert answer.headers["x-ratelimit-remaining"] == "19"
    assert answer.headers["x-ratelimit-reset"].isdigit()
    assert re.fullmatch(r"req_[A-Za-z0-9]{12}", answer.headers["x-request-id"])


async def test_keys_that_open_nothing_are_told_apart_by_nothing_that_is_anothers(
    world: World, key: str
) -> None:
    """A foreign key opens its own workspace; there, what is ours answers like what there is not, to the letter."""
    places = await live_in(world, key)
    foreign = await world.key(workspace="wsp_b")
    said = []
    for person in (places["person_id"], "per-" + "0" * (len(places["person_id"]) - 4)):
        answer = await world.call(
            "GET", f"/v2/api/crm/people/{person}", key=foreign, headers={"x-request-id": "same"}
        )
        said.append((answer.status, answer.body.replace(person.encode(), b"ID"), sorted(answer.headers)))
    assert said[0] == said[1]
    wrong = [
        await world.call("GET", "/v2/api/me", headers={"authorization": text, "x-request-id": "same"})
        for text in ("Api-Key nobody", key[:-1], "Bearer x y", "k" * 600)
    ]
    assert len({(answer.status, answer.body) for answer in wrong}) == 1


SCOPED: list[tuple[str, str, set[str]]] = [
    # method, path, the scopes of which each is enough
    ("GET", "/v2/api/conversations", {"CONVERSATIONS_READ"}),
    ("POST", "/v2/api/conversations/items/search", {"CONVERSATIONS_READ"}),
    ("GET", "/v2/api/conversations/items/{item_id}", {"CONVERSATIONS_READ"}),
    ("POST", "/v2/api/conversations/items/batch", {"CONVERSATIONS_READ"}),
    (
        "PUT",
        "/v2/api/conversations/{contact_number}/action",
        {"CONVERSATIONS_READ", "CONVERSATIONS_WRITE"},
    ),
    ("PUT", "/v2/api/conversations/{contact_number}/pin", {"CONVERSATIONS_WRITE"}),
    ("DELETE", "/v2/api/conversations/{contact_number}/pin", {"CONVERSATIONS_WRITE"}),
    ("PATCH", "/v2/api/conversations/items/{item_id}/summary", {"CONVERSATIONS_WRITE"}),
    ("POST", "/v2/api/conversations/items/{item_id}/tags", {"TAGS_WRITE"}),
    ("DELETE", "/v2/api/conversations/items/{item_id}/tags/{tag}", {"TAGS_WRITE"}),
    ("GET", "/v2/api/tags", {"TAGS_READ"}),
    ("POST", "/v2/api/tags", {"TAGS_WRITE"}),
    ("DELETE", "/v2/api/tags/{tag}", {"TAGS_WRITE"}),
    ("GET", "/v2/api/users", {"USERS_READ"}),
    ("GET", "/v2/api/users/{user_id}", {"USERS_READ"}),
    ("GET", "/v2/api/numbers", {"PHONE_NUMBERS_READ"}),
    ("GET", "/v2/api/webhooks", {"WEBHOOKS_READ_WRITE"}),
    ("POST", "/v2/api/webhooks", {"WEBHOOKS_READ_WRITE"}),
    ("GET", "/v1/api/calls", {"CONVERSATIONS_READ"}),
    ("GET", "/v1/api/numbers", {"CONVERSATIONS_READ"}),
    ("GET", "/v1/api/contact/{contact_id}/conversation", {"CONVERSATIONS_READ"}),
    ("GET", "/v1/api/contacts", {"CONTACTS_READ"}),
    ("GET", "/v1/api/contact/{contact_id}", {"CONTACTS_READ"}),
    ("POST", "/v1/api/contacts", {"CONTACTS_READ_WRITE"}),
    ("PUT", "/v1/api/contacts/{contact_id}", {"CONTACTS_READ_WRITE"}),
    ("POST", "/v1/api/sms", {"SMS_SEND"}),
]


@pytest.mark.parametrize("case", SCOPED, ids=lambda case: f"{case[0]} {case[1]}")
async def test_the_documented_scope_opens_a_route(world: World, key: str, case: Any) -> None:
    method, path, scopes = case
    places = await live_in(world, key)
    where = filled(path, places)
    for scope in scopes:
        answer = await world.call(method, where, key=await world.key(scope))
        assert answer.status not in (401, 403), answer.body
    answer = await world.call(method, where, key=await world.key("BILLING"))
    assert (answer.status, answer.code) == (403, "API_KEY_INSUFFICIENT_SCOPE")


async def test_tags_and_actions_answer_200_to_what_clients_send_also_again(world: World, key: str) -> None:
    places = await live_in(world, key)
    item = filled("/v2/api/conversations/items/{item_id}", places)
    for _ in range(2):
        again = await world.call("POST", f"{item}/tags", key=key, json={"tags": [places["tag"]]})
        assert again.status == 200
    assert (await world.call("GET", item, key=key)).data["tags"]
    removed = await world.call("DELETE", f"{item}/tags/{places['tag']}", key=key)
    assert removed.status == 200
    assert (await world.call("GET", item, key=key)).data["tags"] == []
    act = filled("/v2/api/conversations/{contact_number}/action", places)
    for action in ("READ", "UNREAD", "ARCHIVE", "UNARCHIVE"):
        for body in ({"action": action}, {"action": action, "allo_number": OURS}):
            assert (await world.call("PUT", act, key=key, json=body)).status == 200


@pytest.mark.parametrize(
    "extend", ["", "?extend=engagement", "?extend=activity", "?extend=engagement,activity"]
)
async def test_a_contact_has_what_is_asked_for(world: World, key: str, extend: str) -> None:
    places = await live_in(world, key)
    answer = await world.call("GET", filled("/v1/api/contact/{contact_id}", places) + extend, key=key)
    assert answer.status == 200, answer.body
    assert set(CONTACT.split()) | WHOLE <= set(answer.data) | {"engagement"}
    assert "activity" not in extend or answer.data["activity"]


@pytest.mark.parametrize("version", ["/v1/api/contacts", "/v2/api/crm/people"])
async def test_bodies_that_cannot_be_read_are_told_apart(world: World, key: str, version: str) -> None:
    for body, kind, expected in (
        (b"{}", "text/plain", (415, "UNSUPPORTED_MEDIA_TYPE")),
        (b"{", "application/json", (400, "INVALID_REQUEST_BODY")),
        (b" " * (Limits().body_bytes + 1), "application/json", (413, "PAYLOAD_TOO_LARGE")),
    ):
        answer = await world.call("POST", version, key=key, body=body, headers={"content-type": kind})
        assert (answer.status, answer.code) == expected
    wrong = await world.call("PATCH", version, key=key, json={})
    assert (wrong.status, wrong.code) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in wrong.headers["allow"]


async def test_an_idempotency_key_is_kept_echoed_and_refused_elsewhere(world: World, key: str) -> None:
    once = {"idempotency-key": "one"}
    bad = await world.call("POST", "/v2/api/tags", key=key, json={}, headers=once)
    assert bad.status == 400  # which does not use the key up
    first = await world.call("POST", "/v2/api/tags", key=key, json={"name": "Late"}, headers=once)
    assert (first.status, first.headers["idempotency-key"]) == (201, "one")
    assert "idempotency-replayed" not in first.headers
    again = await world.call("POST", "/v2/api/tags", key=key, json={"name": "Late"}, headers=once)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    other = await world.call("POST", "/v2/api/crm/companies", key=key, json={"name": "Q"}, headers=once)
    assert (other.status, other.code) == (409, "IDEMPOTENCY_KEY_REUSE")
