"""Searching people, companies and deals, with the input that real clients send."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.storage import plans
from switchhook.storage import search as storage_search
from switchhook.storage.people import SEARCHED, contains, fold, search_text
from tests.api.world import World

PEOPLE = (
    ("Élodie", "Dupont", "CEO", "elodie@acme.example", "acme", "+33600000001"),
    ("Marie", "Dupond", "Head of Sales", "marie@acme.example", "acme", "+33600000002"),
    ("Jean-Marc", "Le Goff", None, "jm@other.example", None, "+33600000003"),
    ("Zoé", None, "100% fun", None, "zeta", "+33600000004"),
)


async def settle_in(world: World, key: str) -> None:
    ids = {}
    for name in ("acme", "zeta"):
        answer = await world.call(
            "POST", "/v2/api/crm/companies", key=key, json={"name": f"{name.title()} Corp"}
        )
        ids[name] = answer.data["id"]
    deal = {"name": "Big plan", "status": "qualified", "company_id": ids["zeta"]}
    assert (await world.call("POST", "/v2/api/crm/deals", key=key, json=deal)).status == 201
    for first, last, job, email, company, number in PEOPLE:
        await world.clock.advance(60)
        body = {
            "name": first,
            "last_name": last,
            "job_title": job,
            "emails": [email] if email else [],
            "company_id": ids.get(company or ""),
            "numbers": [number],
        }
        answer = await world.call("POST", "/v2/api/crm/people", key=key, json=body)
        assert answer.status == 200, answer.body


async def search(world: World, key: str, what: str = "people", **body: Any) -> list[str]:
    answer = await world.call("POST", f"/v2/api/crm/{what}/search", key=key, json=body)
    assert answer.status == 200, answer.body
    assert answer.json()["pagination"]["total_count"] == len(answer.data)
    return [one["name"] for one in answer.data]


async def test_people_are_found_by_parts_of_what_is_shown_of_them(world: World, key: str) -> None:
    await settle_in(world, key)
    everybody = ["Zoé", "Jean-Marc", "Marie", "Élodie"]
    for body, names in (
        ({}, everybody),
        ({"filters": {"last_name": "dupon"}}, ["Marie", "Élodie"]),
        ({"filters": {"name": "elo"}}, ["Élodie"]),
        ({"filters": {"name": "mar"}}, ["Jean-Marc", "Marie"]),
        ({"filters": {"name": "e"}}, everybody),
        ({"filters": {"name": "zo"}}, ["Zoé"]),
        ({"filters": {"last_name": "zo"}}, []),
        ({"filters": {"job_title": "SALES"}}, ["Marie"]),
        ({"filters": {"job_title": "100%"}}, ["Zoé"]),
        ({"filters": {"company": "acme", "name": "marie"}}, ["Marie"]),
        ({"filters": {"email": "@acme."}}, ["Marie", "Élodie"]),
        ({"filters": {"phone_number": "06 00 00 00 03"}}, ["Jean-Marc"]),
        ({"filters": {"phone_number": "06 00 00 00 03", "name": "Zoé"}}, []),
        ({"filters": {"deal_status": "qualified"}}, ["Zoé"]),
        ({"filters": {"deal_status": "qualif"}}, []),
        ({"search": "dupont ACME"}, ["Élodie"]),
        ({"search": "33600000004"}, ["Zoé"]),
        ({"search": "le goff"}, ["Jean-Marc"]),
        ({"search": "nobody"}, []),
        ({"sort": "NAME_ASC"}, ["Élodie", "Jean-Marc", "Marie", "Zoé"]),
        ({"sort": "NAME_DESC", "filters": {"company": "corp"}}, ["Zoé", "Marie", "Élodie"]),
        ({"sort": "CREATED_ASC"}, everybody[::-1]),
        ({"sort": "CREATED_DESC", "search": "acme"}, ["Marie", "Élodie"]),
        ({"sort": "DATE_ASC", "search": "acme"}, ["Élodie", "Marie"]),
        # What real clients send beside it.
        ({"sort": "RECENT", "filters": {"colour": "red", "name": 7}, "limit": 5}, everybody),
        ({"filters": None, "search": None}, everybody),
    ):
        assert await search(world, key, **body) == names, body


async def test_a_company_with_another_name_is_found_by_that_one(world: World, key: str) -> None:
    await settle_in(world, key)
    (acme,) = (
        await world.call("POST", "/v2/api/crm/companies/search", key=key, json={"search": "acme"})
    ).data
    await world.call("PUT", f"/v2/api/crm/companies/{acme['id']}", key=key, json={"name": "Apex"})
    assert await search(world, key, filters={"company": "apex"}) == ["Marie", "Élodie"]
    assert await search(world, key, filters={"company": "acme"}) == []
    assert await search(world, key, "companies", sort="NAME_ASC") == ["Apex", "Zeta Corp"]


async def test_companies_and_deals_are_found(world: World, key: str) -> None:
    await settle_in(world, key)
    assert await search(world, key, "companies", filters={"name": "zet"}) == ["Zeta Corp"]
    assert await search(world, key, "companies", filters={"website": "zet"}) == []
    assert await search(world, key, "deals", filters={"stage": "qualified"}) == ["Big plan"]
    assert await search(world, key, "deals", filters={"stage": "won"}) == []
    assert await search(world, key, "deals", search="big") == ["Big plan"]
    empty = await world.call("POST", "/v2/api/crm/deals/search", key=key)
    assert [one["name"] for one in empty.data] == ["Big plan"]


async def test_pages(world: World, key: str) -> None:
    await settle_in(world, key)
    body: dict[str, Any]
    for body, names, more in (
        ({"size": 3}, ["Zoé", "Jean-Marc", "Marie"], True),
        ({"size": "3", "page": "2"}, ["Élodie"], False),
        ({"size": 3, "page": 9}, [], False),
    ):
        answer = await world.call("POST", "/v2/api/crm/people/search", key=key, json=body)
        assert [one["name"] for one in answer.data] == names
        assert answer.json()["pagination"]["total_count"] == 4
        assert answer.json()["pagination"]["has_more"] is more
    for body, code in (
        ({"size": 0}, "INVALID_PAGE_SIZE"),
        ({"size": 101}, "INVALID_PAGE_SIZE"),
        ({"size": True}, "INVALID_PAGE_SIZE"),
        ({"page": 0}, "INVALID_PARAMETER"),
    ):
        answer = await world.call("POST", "/v2/api/crm/people/search", key=key, json=body)
        assert (answer.status, answer.code) == (400, code)
    other = await world.key(workspace="wsp_b")
    assert await search(world, other) == []
    assert await search(world, other, search="dupont") == []


async def test_contacts_are_the_same_people_under_v1(world: World, key: str) -> None:
    asked = {
        "numbers": ["06 12 34 56 78"],
        "name": "Marie",
        "company": "Acme Corp",
        "emails": ["m@x.example"],
    }
    answer = await world.call("POST", "/v1/api/contacts", key=key, json=asked)
    assert answer.status == 200
    made = answer.data
    assert made["id"].startswith("con-")
    assert (made["numbers"], made["company"]["name"]) == (["+33612345678"], "Acme Corp")
    person = (await world.call("GET", f"/v2/api/crm/people/{made['id']}", key=key)).data
    assert (person["id"][4:], person["emails"]) == (made["id"][4:], ["m@x.example"])
    again = {"numbers": ["+33600000009"], "last_name": "Paul", "company": "ACME corp"}
    paul = (await world.call("POST", "/v1/api/contacts", key=key, json=again)).data
    assert paul["company"] == made["company"]  # the company is known by now
    path = f"/v1/api/contacts/{made['id']}"
    changed = await world.call("PUT", path, key=key, json={"numbers": ["+33698765432"], "company": None})
    assert (changed.data["numbers"], changed.data["company"]) == (["+33698765432"], None)
    found = await world.call("GET", f"/v1/api/contact/{made['id']}?extend=engagement,activity", key=key)
    assert found.data == {**changed.data, "activity": []}
    assert (await world.call("GET", f"/v1/api/contact/{made['id']}", key=key)).data == changed.data
    listed = await world.call("GET", "/v1/api/contacts?size=1&page=1", key=key)
    assert [one["name"] for one in listed.data["results"]] == ["Marie"]
    assert "emails" not in listed.data["results"][0]
    assert listed.data["metadata"] == {
        "total_pages": 2,
        "current_page": 1,
        "pagination": {"total_pages": 2, "current_page": 1},
    }
    for method, where, body, status, code in (
        ("GET", "contact/con-nobody", None, 400, "CONTACT_NOT_FOUND"),
        ("PUT", "contacts/con-nobody", {"name": "x"}, 400, "CONTACT_NOT_FOUND"),
        ("POST", "contacts", {"name": "x"}, 400, "MISSING_FIELD"),
        ("POST", "contacts", {"numbers": ["12"]}, 400, "INVALID_PHONE_NUMBER"),
        ("POST", "contacts", {"numbers": ["+33698765432"]}, 409, "NUMBER_ALREADY_ASSIGNED"),
        ("GET", "contacts?size=0", None, 400, "INVALID_PAGE_SIZE"),
        ("GET", "contacts?page=-1", None, 400, "INVALID_PARAMETER"),
    ):
        answer = await world.call(method, f"/v1/api/{where}", key=key, json=body)
        assert (answer.status, answer.code) == (status, code), where


async def test_a_text_may_not_hold_a_nul(world: World, key: str) -> None:
    body = b'{"numbers":["+33612345678"],"name":"a\\u0000b"}'
    answer = await world.call("POST", "/v2/api/crm/people", key=key, body=body)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST_BODY")
    body = b'{"numbers":["+33612345678"],"name":"a\\\\u0000b"}'
    assert (await world.call("POST", "/v2/api/crm/people", key=key, body=body)).data["name"] == "a\\u0000b"


@pytest.mark.parametrize(
    ("text", "folded"),
    [("  Élodie\t LE  Goff ", "elodie le goff"), ("Straße", "strasse"), ("a\x01b\u200b", "ab"), ("", "")],
)
def test_names_are_compared_without_case_accents_and_double_blanks(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_pattern_of_one_text_does_not_reach_into_the_next() -> None:
    assert search_text(["Ab", None, "C\x03d"]) == "\x01ab\x02\x03cd\x04"
    assert contains("B", 0) == "%\x01%b%\x02%"
    assert contains("100%_\\") == "%100___%"
    assert len(SEARCHED) == 7


async def test_what_very_many_have_is_estimated_and_its_late_pages_are_refused(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        body = {"name": "Anna", "numbers": [f"+3360000000{n}"]}
        assert (await world.call("POST", "/v2/api/crm/people", key=key, json=body)).status == 200
    for module in (plans, storage_search):
        monkeypatch.setattr(module, "COUNTED", 4)

    async def page(number: int, **body: Any) -> Any:
        body |= {"page": number, "size": 2}
        return await world.call("POST", "/v2/api/crm/people/search", key=key, json=body)

    answer = await page(2, search="anna")
    assert answer.json()["pagination"] == {
        **{"page": 2, "size": 2, "total_count": 6, "total_pages": 3, "has_more": True},
        "total_count_exact": False,
    }
    answer = await page(3, search="anna")
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "INVALID_PARAMETER"
    assert "Narrow the search" in str(answer.json())
    answer = await page(3)  # everybody is counted all the time
    assert answer.json()["pagination"] == {
        **{"page": 3, "size": 2, "total_count": 6, "total_pages": 3, "has_more": False}
    }
