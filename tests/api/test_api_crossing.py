"""Two workspaces know nothing of each other: every route of the table is tried with the key of the other one.

What belongs to the other workspace is answered like what there is not, word for word, and stays as it was. A route that
is new in the table fails here until it is said how it is tried.
"""

import json
import re
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from switchhook.api.route import Route
from switchhook.api.routes import ROUTES
from switchhook.events.ids import delivery_id
from switchhook.storage import text_files
from switchhook.storage.store import Transaction
from switchhook.storage.text_files import TextFile
from switchhook.workspace.call_state import CallState
from switchhook.workspace.facts import Direction
from switchhook.workspace.items import record
from tests.api.test_api_conversations import MARIE, OURS, a_call, a_text, settle_in
from tests.api.test_api_deliveries import attempt
from tests.api.test_api_recordings import record as keep_recording
from tests.api.world import TAG, Answer, World

NOBODY = "+33611111111"
SECRET = "Dupont"
CALLER = "anna@harbour.example"
CALL, TEXT, TAGS, PLAN = "cll_harbour", "msg_harbour", "harbour_vip", "harbour_plan"
DATE = "2025-01-01T00:00:00Z"

BODIES: dict[str, Any] = {
    "act_on_conversation": {"action": "ARCHIVE"},
    "add_tags": {"tags": [TAGS]},
    "batch_items": {"ids": ["{item_id}"]},
    "change_summary": {"content": "Ours now"},
    "collect_data": {"account": "12345"},
    "create_call": {"to": MARIE, "user_email": CALLER},
    "record_call": {"state": "paused"},
    "create_company": {"name": SECRET},
    "create_contact_v1": {"numbers": [MARIE], "name": "Ben"},
    "create_deal": {"name": "Plan"},
    "create_key": {"scopes": ["ALL"]},
    "create_number": {"number": OURS, "users": []},
    "create_user": {"email": CALLER},
    "create_person": {"numbers": [MARIE], "name": "Ben"},
    "create_property": {"key": PLAN},
    "create_tag": {"name": "Harbour VIP"},
    "create_webhook": {"url": "https://hooks.example/in", "topics": ["tag.added"]},
    "create_webhook_v1": {
        "allo_number": OURS,
        "url": "https://hooks.example/in",
        "topics": ["CALL_RECEIVED"],
    },
    "expunge_event": {},
    "merge_person": {"person_id": "{other_person}"},
    "pin_conversation": {"allo_number": OURS},
    "publish_event": {"topic": "tag.added", "data": TAG},
    "publish_events": {"events": [{"topic": "tag.added", "data": TAG}]},
    "recover_webhook": {"since": DATE},
    "retry_webhook": {},
    "rotate_secret": {},
    "send_sms_v1": {"from": OURS, "to": MARIE, "message": "Hello"},
    "search_companies": {},
    "search_deals": {},
    "search_items": {},
    "search_people": {"filters": {"phone_number": MARIE}},
    "test_webhook": {"topic": "tag.added"},
    "update_company": {"name": "Ours now"},
    "update_contact_v1": {"name": "Ours now"},
    "update_deal": {"name": "Ours now"},
    "update_person": {"name": "Ours now"},
    "update_number": {"name": "Ours now"},
    "update_user": {"name": "Ours now"},
    "update_webhook": {"enabled": False},
}
"""What is sent to the routes that take a body."""

QUERIES = {
    "list_calls_v1": f"?allo_number={quote(OURS)}",
    "list_conversations": f"?allo_number={quote(OURS)}",
    "stream_events": "?follow=false&recent=100",
    "unpin_conversation": f"?allo_number={quote(OURS)}",
}

OF_THE_PROCESS = ("get_system",)
"""These also tell what the process counts for everybody, as `/metrics` does."""

AS_GOOD_AS_NEW = {"act_on_conversation": 200, "pin_conversation": 204, "unpin_conversation": 204}
"""These take a number that nobody has: each workspace has its own conversations with every number."""

ONE_S_OWN = ("create_contact_v1", "send_sms_v1", "create_call")
"""These take a number that belongs to one workspace only."""

ANSWERED = tuple(route for route in ROUTES if route.access != "public")
WITH_PLACE = tuple(route for route in ANSWERED if "{" in route.path)


async def live_in(world: World, key: str) -> dict[str, str]:
    """Something of everything in `wsp_a`; the values of the places in paths, by their names."""
    await settle_in(world)
    post = "POST"
    hook = (await world.create(key))["id"]
    first = await world.call(post, "/v1/api/webhooks", key=key, json=BODIES["create_webhook_v1"])
    event = (await world.publish(key)).data["id"]
    await attempt(world, hook, event, 1, "failed")
    recovery = await world.call(post, f"/v2/api/webhooks/{hook}/recover", key=key, json={"since": DATE})
    crm = "/v2/api/crm"
    company = (await world.call(post, f"{crm}/companies", key=key, json={"name": SECRET})).data["id"]
    deal = {"name": SECRET, "company_id": company}
    deal_id = (await world.call(post, f"{crm}/deals", key=key, json=deal)).data["id"]
    marie = {"numbers": [MARIE], "name": "Marie", "last_name": SECRET, "company_id": company}
    person = (await world.call(post, f"{crm}/people", key=key, json=marie)).data["id"]
    assert (await world.call(post, f"{crm}/properties", key=key, json={"key": PLAN})).status == 201
    assert (await world.call(post, "/v2/api/tags", key=key, json={"name": "Harbour VIP"})).status == 201
    for data in (a_call(CALL), a_text(TEXT, SECRET)):
        assert await world.store.run(lambda tx, data=data: record(tx, "wsp_a", data, 0))  # type: ignore[misc]
    tagged = await world.call(
        post, "/v2/api/conversations/items/cll-harbour/tags", key=key, json={"tags": [TAGS]}
    )
    assert tagged.status == 200
    pin = f"/v2/api/conversations/{quote(MARIE)}/pin"
    assert (await world.call("PUT", pin, key=key, json={"allo_number": OURS})).status == 204
    sound = world.folder / "recordings" / "one.mp3"
    sound.parent.mkdir()
    sound.write_bytes(b"sound")
    sound.with_suffix(".peaks").write_bytes(b"pq")
    await keep_recording(world, "rec_harbour", "recordings/one.mp3")
    (sound.parent / "fil_harbour.txt").write_text(SECRET)
    await keep_file(world, "fil_harbour", "recordings/fil_harbour.txt")
    user = (await world.call("GET", "/v2/api/users", key=key)).data[0]["id"]
    open_call = CallState(
        id="cll_open", source="sip", source_call="c1", direction=Direction.INBOUND, started_at=0
    )
    saved = msgspec.json.encode(open_call).decode()
    await world.store.run(lambda tx: tx.execute("add_call", "wsp_a", "cll_open", "sip", "c1", 0, None, saved))
    return {
        "webhook_id": hook,
        "webhook_v1_id": first.data["id"],
        "event_id": event,
        "delivery_id": delivery_id(event, hook),
        "recovery_id": recovery.data["id"],
        "company_id": company,
        "deal_id": deal_id,
        "person_id": person,
        "contact_id": person,
        "key": PLAN,
        "tag": TAGS,
        "item_id": "cll-harbour",
        "call_id": "cll-open",
        "contact_number": MARIE,
        "recording_id": "rec_harbour",
        "file_id": "fil_harbour",
        "user_id": user,
        "number": OURS,
        "key_id": (await world.call("GET", "/v2/api/keys", key=key)).data[0]["id"],
    }


async def keep_file(world: World, id_: str, path: str) -> None:
    """A file of a text in `wsp_a`."""

    async def work(tx: Transaction) -> None:
        file = TextFile(id_, TEXT, "Messages/MM1/Media/ME1", "text/plain", None, None, 0)
        await text_files.add(tx, "wsp_a", file, position=0, now=0)
        await text_files.kept(tx, "wsp_a", id_, path, 1)

    await world.store.run(work)


def nothing(places: dict[str, str]) -> dict[str, str]:
    """Values of the same form that stand for nothing in any workspace."""
    ghosts = {name: re.sub(r"\w{1,4}$", "zzzz", value) for name, value in places.items()}
    return {**ghosts, "contact_number": NOBODY, "key": "no_plan"}


async def ask(world: World, route: Route, key: str, places: dict[str, str]) -> Answer:
    path = re.sub(r"\{(\w+)\}", lambda place: quote(places[place[1]]), route.path)
    if route.takes == "text/csv":
        rows = f"name,number\nBen,{MARIE}\n".encode()
        kind = {"content-type": "text/csv"}
        return await world.call(route.method, f"{path}?dry_run=true", key=key, body=rows, headers=kind)
    if route.takes == "text/vcard":
        card = f"BEGIN:VCARD\nVERSION:3.0\nFN:Ben\nTEL:{MARIE}\nEND:VCARD\n".encode()
        kind = {"content-type": "text/vcard"}
        return await world.call(route.method, f"{path}?dry_run=true", key=key, body=card, headers=kind)
    body = BODIES[route.name] if route.body or route.name in BODIES else None
    if body is not None:
        body = json.loads(re.sub(r"\{(\w+)\}", lambda place: places[place[1]], json.dumps(body)))
    return await world.call(route.method, path + QUERIES.get(route.name, ""), key=key, json=body)


async def seen(world: World, key: str, places: dict[str, str]) -> dict[str, Any]:
    """What every route that changes nothing answers."""
    routes = [route for route in ANSWERED if route.searches or not route.writes]
    found = {}
    for route in routes:
        answer = await ask(world, route, key, places)
        assert answer.status == 200, (route.name, answer.body)
        if route.name not in OF_THE_PROCESS:
            found[route.name] = answer.body
    return found


def bare(answer: Answer, places: dict[str, str]) -> tuple[int, str]:
    """An answer without what was asked for and without the id of the request."""
    text = answer.body.decode(errors="replace")
    for value in sorted({*places.values(), *(v.replace("-", "_") for v in places.values())}, key=len)[::-1]:
        text = text.replace(value, "…")
    return answer.status, re.sub(r"req_\w+", "…", text)


@pytest.fixture
async def ours(world: World, key: str) -> dict[str, str]:
    places = await live_in(world, key)
    theirs = await world.key(workspace="wsp_b")
    person = {"numbers": ["+33622222222"], "name": "Ours"}
    made = await world.call("POST", "/v2/api/crm/people", key=theirs, json=person)
    return {**places, "other_person": made.data["id"]}


async def test_what_belongs_to_another_workspace_is_as_if_it_were_not(
    world: World, key: str, ours: dict[str, str]
) -> None:
    theirs = await world.key(workspace="wsp_b")
    # A recovery goes on by itself and is shown as far as it has come: let it end.
    await world.recoveries.stop()
    before = await seen(world, key, ours)
    ghosts = {**nothing(ours), "other_person": ours["other_person"]}
    wrong = {}
    for route in WITH_PLACE:
        one, other = await ask(world, route, theirs, ours), await ask(world, route, theirs, ghosts)
        expected = AS_GOOD_AS_NEW.get(route.name)
        right = one.status == expected if expected else 400 <= one.status <= 404
        if not right or bare(one, ours) != bare(other, ghosts):
            wrong[route.name] = (bare(one, ours), bare(other, ghosts))
        if route.writes:
            assert await seen(world, key, ours) == before, f"{route.name} changed what is another workspace's"
    assert wrong == {}


async def test_no_list_and_no_search_shows_anything_of_another_workspace(
    world: World, key: str, ours: dict[str, str]
) -> None:
    theirs = await world.key(workspace="wsp_b")
    others = {name: value for name, value in ours.items() if name != "other_person"}
    told = [value.partition("-")[2] or value for value in others.values()]
    for route in ANSWERED:
        if (route.writes and not route.searches) or route in WITH_PLACE:
            continue
        answer = await ask(world, route, theirs, ours)
        assert answer.status == 200, (route.name, answer.body)
        shown = answer.body.decode()
        ids = [value for value in told if value in shown]
        assert (ids, SECRET in shown) == ([], False), (route.name, shown)


async def test_another_workspace_can_make_the_same_names_and_take_the_same_numbers(
    world: World, key: str, ours: dict[str, str]
) -> None:
    theirs = await world.key(workspace="wsp_b")
    await world.recoveries.stop()
    before = await seen(world, key, ours)
    for route in ANSWERED:
        if route in WITH_PLACE or not route.writes or route.searches or route.name in ONE_S_OWN:
            continue
        answer = await ask(world, route, theirs, ours)
        assert answer.status == route.status, (route.name, answer.body)
    assert await seen(world, key, ours) == before


@pytest.mark.parametrize(
    ("request_line", "body", "status"),
    [
        ("POST /v2/api/crm/people", {"numbers": [NOBODY], "name": "B", "company_id": "{company_id}"}, 422),
        ("PUT /v2/api/crm/people/{other_person}", {"company_id": "{company_id}"}, 422),
        ("POST /v2/api/crm/people/{other_person}/merge", {"person_id": "{person_id}"}, 404),
        ("POST /v2/api/crm/deals", {"name": "Plan", "company_id": "{company_id}"}, 422),
        (
            "POST /v2/api/crm/people",
            {"numbers": [NOBODY], "name": "B", "custom_properties": {PLAN: "x"}},
            422,
        ),
    ],
)
async def test_a_body_cannot_lead_into_another_workspace(
    world: World, ours: dict[str, str], request_line: str, body: Any, status: int
) -> None:
    theirs = await world.key(workspace="wsp_b")

    def filled(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda place: ours[place[1]], text)

    method, path = filled(request_line).split()
    answer = await world.call(method, path, key=theirs, json=json.loads(filled(json.dumps(body))))
    assert answer.status == status, answer.body
    assert SECRET not in answer.body.decode()
