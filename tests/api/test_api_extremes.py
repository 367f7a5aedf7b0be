"""What nobody sends by accident: the longest, the deepest, the strangest. Each gets a documented answer."""

import json
import random
import re
import string
from typing import Any

import pytest

from switchhook.api.route import Route
from switchhook.api.routes import ROUTES
from switchhook.workspace.items import record
from tests.api.test_api_conversations import MARIE, OURS, a_text, keep
from tests.api.world import Answer, World

LETTERS = random.Random(3)
CRM = "/v2/api/crm"
ITEMS = "/v2/api/conversations/items"


def letters(count: int, alphabet: str = string.ascii_letters) -> str:
    """Letters that no compression makes shorter."""
    return "".join(LETTERS.choices(alphabet, k=count))


def wide(count: int) -> str:
    """Letters of four bytes each."""
    return "".join(chr(0x20000 + LETTERS.randrange(40_000)) for _ in range(count))


def deep(levels: int, inner: str = '"\\u0000"') -> bytes:
    return b'{"x":' + b"[" * levels + inner.encode() + b"]" * levels + b"}"


async def ask(world: World, key: str, method: str, path: str, json: Any) -> Answer:
    answer = await world.call(method, path, key=key, json=json)
    assert answer.status < 500, answer.body
    return answer


@pytest.mark.parametrize("levels", [100, 300, 450, 600, 800, 900])
@pytest.mark.parametrize("path", [f"{CRM}/people", f"{CRM}/people/search", f"{ITEMS}/search"])
async def test_a_body_that_is_nested_deeply_is_refused(
    world: World, key: str, path: str, levels: int
) -> None:
    answer = await world.call("POST", path, key=key, body=deep(levels))
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST_BODY")
    for field in ("sort", "extend", "search", "date", "tags", "filters", "page"):
        body = deep(levels, "1").replace(b'"x"', json.dumps(field).encode())
        answer = await world.call("POST", path, key=key, body=body)
        assert answer.status < 500, (field, answer.body)


async def test_the_longest_names_are_stored_sorted_and_found(world: World, key: str) -> None:
    one, other = wide(500), wide(500)
    person = {
        "numbers": [MARIE],
        "name": one,
        "last_name": other,
        "website": letters(2048),
        "job_title": "\ufdfa" * 500,
    }
    made = await ask(world, key, "POST", f"{CRM}/people", person)
    assert (made.status, made.data["name"]) == (200, one)
    company = await ask(
        world, key, "POST", f"{CRM}/companies", {"name": "\ufdfa" * 500, "industry": wide(500)}
    )
    assert company.status == 201
    deal = {"name": wide(500), "status": wide(500), "company_id": company.data["id"]}
    assert (await ask(world, key, "POST", f"{CRM}/deals", deal)).status == 201
    found = await ask(
        world, key, "POST", f"{CRM}/people/search", {"filters": {"name": one}, "sort": "NAME_ASC"}
    )
    assert [one["id"] for one in found.data] == [made.data["id"]]
    found = await ask(world, key, "POST", f"{CRM}/deals/search", {"search": deal["name"]})
    assert len(found.data) == 1
    contact = {"numbers": ["+33612345679"], "name": "Ben", "company": "\ufdfa" * 500}
    again = await ask(world, key, "POST", "/v1/api/contacts", contact)
    assert again.data["company"]["id"] == company.data["id"]


@pytest.mark.parametrize("length", [3_000, 15_000])
async def test_searching_for_something_long_finds_nothing(world: World, key: str, length: int) -> None:
    await ask(world, key, "POST", f"{CRM}/people", {"numbers": [MARIE], "name": "Marie"})
    for text in (letters(length), wide(length), " ".join(letters(length, "ab% ").split())):
        for where in ("people", "companies", "deals"):
            asked = {"search": text, "filters": {"name": text, "stage": text, "phone_number": text}}
            assert (await ask(world, key, "POST", f"{CRM}/{where}/search", asked)).data == []
        answer = await ask(world, key, "POST", f"{ITEMS}/search", {"search": text, "result": text})
        assert answer.status == 400 or answer.data == []


async def test_a_text_of_endless_words_is_kept_and_found(world: World, key: str) -> None:
    long = letters(5_000).lower()
    many = " ".join(letters(12).lower() for _ in range(9_000))
    await keep(world, a_text("msg_1", long), a_text("msg_2", many), a_text("msg_3", f"{wide(3000)} hello"))
    for words, id_ in ((long, "msg-1"), (" ".join(many.split()[:5]), "msg-2"), ("hello", "msg-3")):
        found = await ask(world, key, "POST", f"{ITEMS}/search", {"search": words})
        assert [one["id"] for one in found.data] == [id_]


async def test_numbers_that_are_none_pin_nothing_endless(world: World, key: str) -> None:
    for path in ("pin", "action"):
        body = {"allo_number": letters(5_000), "action": "READ"}
        answer = await ask(world, key, "PUT", f"/v2/api/conversations/{MARIE}/{path}", body)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST_BODY")


async def test_two_people_with_all_the_numbers_one_can_have_become_one(world: World, key: str) -> None:
    ids = []
    for first in (10, 60):
        numbers = [f"+336123456{n:02}" for n in range(first, min(first + 50, 100))]
        numbers += [f"+336123457{n:02}" for n in range(50 - len(numbers))]
        emails = [f"a{first}{n}@harbour.example" for n in range(50)]
        made = await ask(
            world, key, "POST", f"{CRM}/people", {"numbers": numbers, "emails": emails, "name": "A"}
        )
        ids.append(made.data["id"])
    merged = await ask(world, key, "POST", f"{CRM}/people/{ids[0]}/merge", {"person_id": ids[1]})
    assert (merged.status, len(merged.data["numbers"])) == (200, 100)
    changed = await ask(world, key, "PUT", f"{CRM}/people/{ids[0]}", {"name": "B"})
    assert changed.data["name"] == "B"


@pytest.mark.parametrize(
    "text", ["\ud800", "a\ud800b", "\u202e", "\ufeff", " ", "\u200b", "%", "_", "\\", "'", '"', "\x7f"]
)
async def test_odd_letters_are_taken_or_refused(world: World, key: str, text: str) -> None:
    for body in ({"numbers": [MARIE], "name": text}, {"numbers": [text], "name": "A"}):
        await ask(world, key, "POST", f"{CRM}/people", {**body, "emails": [text]})
        await ask(world, key, "POST", f"{CRM}/people", body)
    for path in (f"{CRM}/people/search", f"{ITEMS}/search", f"{CRM}/deals/search", f"{CRM}/companies/search"):
        await ask(world, key, "POST", path, {"search": text, "filters": {"name": text}})
    await ask(world, key, "POST", "/v2/api/tags", {"name": text})
    await ask(world, key, "POST", f"{CRM}/properties", {"key": "a", "type": "choice", "choices": [text]})


@pytest.mark.parametrize(
    "number", [2**63, -(2**63) - 1, 10**40, 1e308, -1, 0, 1.5, True, "9" * 30, None, [], {}]
)
async def test_numbers_beyond_every_bound_are_refused_or_passed_over(
    world: World, key: str, number: Any
) -> None:
    for path in (f"{CRM}/people/search", f"{ITEMS}/search"):
        await ask(world, key, "POST", path, {"page": number})
        await ask(world, key, "POST", path, {"size": number, "date": {"from": number, "to": number}})
    await ask(world, key, "POST", f"{CRM}/deals", {"name": "A", "amount": number})
    await ask(world, key, "POST", f"{CRM}/properties", {"key": "a", "type": "number"})
    person = {"numbers": [MARIE], "name": "A", "custom_properties": {"a": number}}
    await ask(world, key, "POST", f"{CRM}/people", person)
    for query in ("page", "size"):
        for path in (
            "/v1/api/contacts?",
            f"/v1/api/calls?allo_number={OURS}&",
            f"/v2/api/conversations?allo_number={OURS}&",
        ):
            await ask(world, key, "GET", f"{path}{query}={number}", None)


@pytest.mark.parametrize(
    "day",
    [
        "0001-01-01",
        "9999-12-31",
        "0000-01-01",
        "2026-W01-1",
        "2026-02-30",
        "x",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
async def test_days_at_the_end_of_time(world: World, key: str, day: str) -> None:
    await ask(world, key, "POST", f"{ITEMS}/search", {"date": {"from": day}})
    await ask(world, key, "POST", f"{ITEMS}/search", {"date": {"to": day}})
    await ask(world, key, "POST", f"{CRM}/deals", {"name": "A", "closed_at": day})
    await ask(world, key, "GET", f"/v2/api/conversations?allo_number=1&last_activity_since={day}", None)
    assert await world.store.run(lambda tx: record(tx, "wsp_a", a_text("msg_1", "hi", sent_at=day), 0))
    found = await ask(world, key, "POST", f"{ITEMS}/search", {})
    assert len(found.data) == 1


@pytest.mark.sqlite
@pytest.mark.parametrize("route", [route for route in ROUTES if route.writes], ids=lambda route: route.name)
async def test_an_idempotency_key_that_is_none_is_refused_as_documented(
    world: World, key: str, route: Route
) -> None:
    path = re.sub(r"\{\w+\}", "x", route.path)
    answer = await world.call(route.method, path, key=key, json={}, headers={"idempotency-key": "a b"})
    assert 400 <= answer.status < 500 or route.searches
