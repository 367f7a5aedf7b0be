"""People, companies, deals and properties over the API. Every answer is held against the document by the client."""

from typing import Any

import pytest

from tests.api.world import World

MARIE = "+33612345678"
ACME = {"name": "Acme Corp", "website": "https://acme.example", "industry": "Rockets"}


async def person(world: World, key: str, *numbers: str, **more: Any) -> Any:
    body = {"numbers": list(numbers or (MARIE,)), "name": "Marie", **more}
    answer = await world.call("POST", "/v2/api/crm/people", key=key, json=body)
    assert answer.status == 200, answer.body
    return answer.data


async def company(world: World, key: str, **more: Any) -> Any:
    answer = await world.call("POST", "/v2/api/crm/companies", key=key, json={**ACME, **more})
    assert answer.status == 201, answer.body
    return answer.data


async def topics(world: World) -> list[str]:
    return [event.topic for committed in world.committed for event in committed.events]


async def test_a_person_is_created_read_and_changed(world: World, key: str) -> None:
    acme = await company(world, key)
    made = await person(
        world,
        key,
        "06 12 34 56 78",
        last_name="Dupont",
        job_title="Head of Sales",
        emails=["marie@acme.example"],
        company_id=acme["id"],
    )
    assert made == {
        "id": made["id"],
        "name": "Marie",
        "last_name": "Dupont",
        "job_title": "Head of Sales",
        "website": None,
        "address": None,
        "numbers": [MARIE],
        "emails": ["marie@acme.example"],
        "company": {"id": acme["id"], "name": "Acme Corp"},
        "interactions": 0,
        "last_activity_at": None,
        "created_at": "2025-03-15T14:30:00",
        "updated_at": "2025-03-15T14:30:00",
        "custom_properties": {},
    }
    assert made["id"].startswith("per-")
    tail = made["id"][4:]
    for spelling in (made["id"], f"per_{tail}", f"con_{tail}", f"con-{tail}", f"cnt-{tail}"):
        found = await world.call("GET", f"/v2/api/crm/people/{spelling}", key=key)
        assert (found.status, found.data) == (200, made)
    change = {"last_name": None, "numbers": [MARIE, "+33698765432"]}
    changed = await world.call("PUT", f"/v2/api/crm/people/{made['id']}", key=key, json=change)
    assert changed.data == {**made, "last_name": None, "numbers": [MARIE, "+33698765432"]}
    assert await topics(world) == ["contact.created", "contact.updated"]


async def test_the_fields_that_old_clients_send_are_passed_over(world: World, key: str) -> None:
    made = await person(world, key, first_name="Maria", title="CEO")
    assert (made["name"], made["job_title"]) == ("Marie", None)
    answer = await world.call("PUT", f"/v2/api/crm/people/{made['id']}", key=key, json={"first_name": "x"})
    assert answer.data == made
    assert await topics(world) == ["contact.created"]


async def test_a_number_that_belongs_to_somebody(world: World, key: str) -> None:
    made = await person(world, key)
    body: Any = {"numbers": [MARIE], "name": "Paul"}
    refused = await world.call("POST", "/v2/api/crm/people", key=key, json=body)
    assert (refused.status, refused.code) == (409, "NUMBER_ALREADY_ASSIGNED")
    assert made["id"] in refused.error["message"]  # clients take it out of there
    body = {**body, "allow_duplicate_number": True}
    assert (await world.call("POST", "/v2/api/crm/people", key=key, json=body)).status == 200
    other = await person(world, key, "+33600000001")
    change = {"numbers": [MARIE]}
    refused = await world.call("PUT", f"/v2/api/crm/people/{other['id']}", key=key, json=change)
    assert (refused.status, refused.code) == (409, "NUMBER_ALREADY_ASSIGNED")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"name": "Marie"}, "MISSING_FIELD", "numbers"),
        ({"numbers": [MARIE]}, "MISSING_FIELD", "name"),
        ({"numbers": [MARIE], "name": " "}, "MISSING_FIELD", "name"),
        ({"numbers": [], "name": "x"}, "INVALID_REQUEST_BODY", "numbers"),
        ({"numbers": [7], "name": "x"}, "INVALID_REQUEST_BODY", "numbers[0]"),
        ({"numbers": ["anonymous"], "name": "x"}, "INVALID_PHONE_NUMBER", "numbers[0]"),
        ({"numbers": [MARIE], "name": "x", "emails": [""]}, "INVALID_FIELD", "emails[0]"),
        ({"numbers": [MARIE], "name": "x", "company_id": "com_1"}, "INVALID_FIELD", "company_id"),
        (
            {"numbers": [MARIE], "name": "x", "custom_properties": {"vip": 1}},
            "INVALID_FIELD",
            "custom_properties.vip",
        ),
    ],
)
async def test_a_person_that_cannot_be_stored(
    world: World, key: str, body: Any, code: str, field: str
) -> None:
    answer = await world.call("POST", "/v2/api/crm/people", key=key, json=body)
    assert (answer.status, answer.code, answer.error["param"]) == (422, code, field)
    assert await topics(world) == []


async def test_one_becomes_part_of_another(world: World, key: str) -> None:
    keep, gone = await person(world, key), await person(world, key, "+33600000001", last_name="Dupont")
    merge = f"/v2/api/crm/people/{keep['id']}/merge"
    answer = await world.call("POST", merge, key=key, json={"person_id": gone["id"]})
    assert (answer.data["numbers"], answer.data["last_name"]) == ([MARIE, "+33600000001"], "Dupont")
    found = await world.call("GET", f"/v2/api/crm/people/{gone['id']}", key=key)
    assert found.data == answer.data
    answer = await world.call("POST", merge, key=key, json={"person_id": "per-nobody"})
    assert (answer.status, answer.code) == (404, "PERSON_NOT_FOUND")
    assert await topics(world) == ["contact.created", "contact.created", "contact.updated"]


async def test_properties_are_defined_typed_and_shown_when_they_have_a_value(world: World, key: str) -> None:
    definitions: list[tuple[Any, Any, Any]] = [
        ({"key": "lead_source"}, "Inbound", 5),
        ({"key": "seats", "type": "number"}, 12.5, "12"),
        ({"key": "vip", "type": "boolean", "label": "VIP"}, True, 1),
        ({"key": "since", "type": "date"}, "2020-01-31", "31/01/2020"),
        ({"key": "linkedin_url", "type": "url"}, "https://linkedin.example/in/marie", "linkedin"),
        ({"key": "size", "type": "choice", "choices": ["small", "large"]}, "large", "huge"),
    ]
    for definition, _, _ in definitions:
        answer = await world.call("POST", "/v2/api/crm/properties", key=key, json=definition)
        assert answer.status == 201, answer.body
    listed = (await world.call("GET", "/v2/api/crm/properties", key=key)).data
    assert [(one["key"], one["label"], one["type"]) for one in listed][:3] == [
        ("lead_source", "Lead source", "text"),
        ("linkedin_url", "Linkedin url", "url"),
        ("seats", "Seats", "number"),
    ]
    made = await person(world, key)
    path = f"/v2/api/crm/people/{made['id']}"
    for definition, right, wrong in definitions:
        name = definition["key"]
        refused = await world.call("PUT", path, key=key, json={"custom_properties": {name: wrong}})
        assert (refused.status, refused.error["param"]) == (422, f"custom_properties.{name}"), name
        taken = await world.call("PUT", path, key=key, json={"custom_properties": {name: right}})
        assert taken.data["custom_properties"][name] == right
    answer = await world.call("PUT", path, key=key, json={"custom_properties": {"vip": None}})
    assert "vip" not in answer.data["custom_properties"]
    assert len(answer.data["custom_properties"]) == 5
    again = await world.call("POST", "/v2/api/crm/properties", key=key, json={"key": "vip"})
    assert (again.status, again.code) == (409, "PROPERTY_ALREADY_EXISTS")
    assert (await world.call("DELETE", "/v2/api/crm/properties/vip", key=key)).status == 204
    assert (await world.call("DELETE", "/v2/api/crm/properties/vip", key=key)).code == "PROPERTY_NOT_FOUND"


@pytest.mark.parametrize(
    "body",
    [
        {"key": "Name"},
        {"key": "numbers"},
        {"key": "email"},
        {"key": "1st"},
        {"key": "note\n"},
        {"key": "size", "type": "choice"},
        {"key": "size", "choices": ["a"]},
        {"key": "size", "type": "colour"},
        {},
    ],
)
async def test_a_property_that_cannot_be_defined(world: World, key: str, body: Any) -> None:
    assert (await world.call("POST", "/v2/api/crm/properties", key=key, json=body)).status == 422


async def test_companies_and_deals(world: World, key: str) -> None:
    acme = await company(world, key)
    await person(world, key, company_id=acme["id"])
    found = (await world.call("GET", f"/v2/api/crm/companies/{acme['id']}", key=key)).data
    assert found == {**acme, "person_count": 1}
    renamed = await world.call("PUT", f"/v2/api/crm/companies/{acme['id']}", key=key, json={"name": "Apex"})
    assert (renamed.data["name"], renamed.data["industry"]) == ("Apex", "Rockets")
    asked = {
        "name": "Enterprise Plan",
        "status": "qualified",
        "amount": 25000.5,
        "currency": "eur",
        "closed_at": "2025-06-15T00:00:00",
        "company_id": acme["id"],
    }
    answer = await world.call("POST", "/v2/api/crm/deals", key=key, json=asked)
    assert answer.status == 201
    deal = answer.data
    assert b'"amount":25000.5,' in answer.body
    assert deal == {
        "id": deal["id"],
        "name": "Enterprise Plan",
        "status": "qualified",
        "amount": 25000.5,
        "currency": "EUR",
        "closed_at": "2025-06-15T00:00:00",
        "company": {"id": acme["id"], "name": "Apex"},
        "created_at": "2025-03-15T14:30:00",
        "updated_at": "2025-03-15T14:30:00",
    }
    path = f"/v2/api/crm/deals/{deal['id']}"
    changed = await world.call(
        "PATCH", path, key=key, json={"status": "won", "amount": 30000, "company_id": None}
    )
    assert changed.data == {**deal, "status": "won", "amount": 30000, "company": None}
    assert b'"amount":30000,' in changed.body
    assert (await world.call("GET", path, key=key)).data == changed.data
    assert (await world.call("DELETE", path, key=key)).status == 204
    for method in ("GET", "DELETE"):
        answer = await world.call(method, path, key=key)
        assert (answer.status, answer.code) == (404, "DEAL_NOT_FOUND")
    assert await topics(world) == ["contact.created", "contact.updated"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("companies", {}, "name"),
        ("companies", {"name": " "}, "name"),
        ("deals", {"name": "x", "closed_at": "soon"}, "closed_at"),
        ("deals", {"name": "x", "currency": "euro"}, "currency"),
        ("deals", {"name": "x", "currency": "EUR\n"}, "currency"),
        ("deals", {"name": "x", "amount": "5"}, "amount"),
        ("deals", {"name": "x", "amount": 1e16}, "amount"),
        ("deals", {"name": "x", "company_id": "com_1"}, "company_id"),
    ],
)
async def test_a_company_or_deal_that_cannot_be_stored(
    world: World, key: str, path: str, body: Any, field: str
) -> None:
    answer = await world.call("POST", f"/v2/api/crm/{path}", key=key, json=body)
    assert (answer.status, answer.error["param"]) == (422, field)


async def test_another_workspace_sees_nothing_of_it(world: World, key: str) -> None:
    theirs = await world.key(workspace="wsp_b")
    acme = await company(world, key)
    made = await person(world, key)
    deal = (await world.call("POST", "/v2/api/crm/deals", key=key, json={"name": "x"})).data
    for method, path, body in (
        ("GET", f"people/{made['id']}", None),
        ("PUT", f"people/{made['id']}", {"name": "x"}),
        ("GET", f"companies/{acme['id']}", None),
        ("PUT", f"companies/{acme['id']}", {"name": "x"}),
        ("GET", f"deals/{deal['id']}", None),
        ("PATCH", f"deals/{deal['id']}", {"name": "x"}),
        ("DELETE", f"deals/{deal['id']}", None),
    ):
        answer = await world.call(method, f"/v2/api/crm/{path}", key=theirs, json=body)
        assert answer.status == 404, (method, path)
    their_own = await person(world, theirs)  # the same number, and nobody is in the way
    refused = await world.call(
        "POST", f"/v2/api/crm/people/{their_own['id']}/merge", key=theirs, json={"person_id": made["id"]}
    )
    assert refused.status == 404
    refused = await world.call(
        "PUT", f"/v2/api/crm/people/{their_own['id']}", key=theirs, json={"company_id": acme["id"]}
    )
    assert refused.status == 422
