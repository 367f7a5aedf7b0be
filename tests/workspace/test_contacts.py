"""People as they change, on both stores, and the events that a change makes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchhook import events
from switchhook.events.ids import new_id
from switchhook.events.payloads import ContactCreated, ContactUpdated
from switchhook.storage import people
from switchhook.storage.people import Company, Contact
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Store, Transaction
from switchhook.workspace import contacts
from switchhook.workspace.contacts import Change, ContactFault, ContactNotFound, NumberTaken

WORKSPACE = "wsp_a"
OTHER = "wsp_b"
NOW = 1_742_049_000_000
MARIE = "+33612345678"
SECOND = "+33698765432"

Open = Callable[[], Awaitable[Store]]


async def create(
    store: Store, *numbers: str, workspace: str = WORKSPACE, duplicate: bool = False, **more: Any
) -> Contact:
    change = Change(numbers=numbers, **more)
    return await store.run(
        lambda tx: contacts.create(tx, workspace, change, now=NOW, region="FR", allow_duplicate=duplicate)
    )


async def update(store: Store, id_: str, later: int = 1, duplicate: bool = False, **what: Any) -> Contact:
    return await store.run(
        lambda tx: contacts.update(
            tx, WORKSPACE, id_, Change(**what), now=NOW + later, region="FR", allow_duplicate=duplicate
        )
    )


async def merge(store: Store, keep: str, gone: str) -> Contact:
    return await store.run(lambda tx: contacts.merge(tx, WORKSPACE, keep, gone, NOW + 5))


async def find(store: Store, id_: str) -> Contact | None:
    return await store.read(lambda reader: people.find_contact(reader, WORKSPACE, id_))


async def whose(store: Store, number: str) -> str | None:
    found = await store.read(lambda reader: people.contact_of_number(reader, WORKSPACE, number))
    return found.id if found else None


async def a_company(store: Store, name: str) -> Company:
    made = Company(workspace=WORKSPACE, id=new_id("com", NOW), name=name, created_at=NOW, updated_at=NOW)
    await store.run(lambda tx: people.add_company(tx, made))
    return made


async def told(store: Store, workspace: str = WORKSPACE) -> list[events.Event]:
    """The events of a workspace, in the order of their acceptance."""
    found = await store.read(lambda reader: reader.fetch("unsettled", 0, 10_000))
    rows = [await store.read(lambda r, id_=row[2]: r.fetch("event", workspace, id_)) for row in found]  # type: ignore[misc]
    return [events.parse(row[0][4]) for row in rows if row]


async def topics(store: Store) -> list[str]:
    return [event.topic for event in await told(store)]


async def test_a_new_contact_is_stored_and_told(open_store: Open) -> None:
    store = await open_store()
    acme = await a_company(store, "Acme Corp")
    made = await create(
        store,
        "06 12 34 56 78",
        "0033 6 98 76 54 32",
        name=" Marie ",
        last_name="Dupont",
        company=acme.id,
        emails=["marie@acme.example", "MARIE@acme.example"],
        properties={"lead_source": "Inbound", "empty": None},
    )
    assert made.numbers == (MARIE, SECOND)
    assert made.emails == ("marie@acme.example",)
    assert made.properties == {"lead_source": "Inbound"}
    assert await find(store, made.id) == made
    assert await whose(store, SECOND) == made.id
    (event,) = await told(store)
    assert event.data == ContactCreated(
        id=made.id,
        name="Marie",
        last_name="Dupont",
        company="Acme Corp",
        emails=["marie@acme.example"],
        numbers=[MARIE, SECOND],
    )
    await store.close()


async def test_a_change_tells_the_full_new_state_and_no_change_tells_nothing(open_store: Open) -> None:
    store = await open_store()
    made = await create(store, MARIE, name="Marie", job_title="Head of Sales")
    for nothing in (
        {},
        {"name": "Marie"},
        {"numbers": ["06 12 34 56 78"]},
        {"properties": {"x": None}},
        {"address": " "},
    ):
        assert await update(store, made.id, **nothing) == made
    assert await topics(store) == ["contact.created"]
    after = await update(store, made.id, numbers=[SECOND, MARIE])
    assert (after.numbers, after.updated_at) == ((SECOND, MARIE), NOW + 1)
    await update(store, made.id, job_title=None)
    await update(store, made.id, properties={"vip": True})
    last = await update(store, made.id, properties={"vip": None, "since": 2020})
    assert last.properties == {"since": 2020}
    found = await told(store)
    assert [event.topic for event in found] == ["contact.created", *["contact.updated"] * 4]
    assert found[1].data == ContactUpdated(
        id=made.id, name="Marie", last_name="", company=None, emails=None, numbers=[SECOND, MARIE]
    )
    await store.close()


async def test_a_number_has_one_owner(open_store: Open) -> None:
    store = await open_store()
    made = await create(store, MARIE, name="Marie")
    with pytest.raises(NumberTaken) as taken:
        await create(store, SECOND, "0612345678", name="Paul")
    assert (taken.value.number, taken.value.owner) == (MARIE, made.id)
    assert await whose(store, SECOND) is None  # nothing of Paul was stored
    paul = await create(store, SECOND, name="Paul")
    with pytest.raises(NumberTaken):
        await update(store, paul.id, numbers=[SECOND, MARIE])
    assert (await create(store, MARIE, workspace=OTHER)).id != made.id  # another workspace, another world
    assert await topics(store) == ["contact.created"] * 2
    await store.close()


async def test_fifty_who_want_one_number_at_once_make_one_contact(open_store: Open) -> None:
    store = await open_store()
    results = await asyncio.gather(*(create(store, MARIE) for _ in range(50)), return_exceptions=True)
    made = [one for one in results if isinstance(one, Contact)]
    assert len(made) == 1
    assert all(
        isinstance(one, NumberTaken) and one.owner == made[0].id for one in results if one is not made[0]
    )
    assert await topics(store) == ["contact.created"]
    await store.close()


async def test_a_number_that_two_have_on_purpose_goes_to_the_other_one(open_store: Open) -> None:
    store = await open_store()
    first = await create(store, MARIE)
    second = await create(store, MARIE, duplicate=True)
    assert await whose(store, MARIE) == first.id
    await update(store, first.id, numbers=[SECOND])
    assert await whose(store, MARIE) == second.id
    with pytest.raises(NumberTaken) as taken:
        await create(store, MARIE)
    assert taken.value.owner == second.id
    await store.close()


async def test_merging_makes_one_of_two_and_one_event(open_store: Open) -> None:
    store = await open_store()
    keep = await create(
        store, MARIE, name="Marie", emails=["a@x.example"], properties={"vip": True, "size": 1}
    )
    gone = await create(
        store,
        SECOND,
        name="M.",
        last_name="Dupont",
        emails=["A@X.example", "b@x.example"],
        properties={"size": 2, "city": "Lyon"},
    )
    after = await merge(store, keep.id, gone.id)
    assert (after.name, after.last_name) == ("Marie", "Dupont")
    assert after.numbers == (MARIE, SECOND)
    assert after.emails == ("a@x.example", "b@x.example")
    assert after.properties == {"vip": True, "size": 1, "city": "Lyon"}
    assert await whose(store, SECOND) == keep.id
    assert await find(store, gone.id) == after  # the old id still leads somewhere
    assert await merge(store, keep.id, gone.id) == after  # again: nothing more
    assert await topics(store) == ["contact.created", "contact.created", "contact.updated"]
    third = await create(store, "+33600000003")
    await merge(store, third.id, keep.id)
    assert (await find(store, gone.id)) == await find(store, third.id)
    with pytest.raises(ContactNotFound):
        await merge(store, third.id, "con_nobody")
    await store.close()


async def test_a_company_with_a_new_name_is_told_of_everybody_who_belongs_to_it(open_store: Open) -> None:
    store = await open_store()
    acme = await a_company(store, "Acme")
    inside = [await create(store, f"+3361234000{n}", company=acme.id) for n in range(3)]
    await create(store, MARIE)
    before = len(await told(store))
    renamed = msgspec.structs.replace(acme, name="Apex")
    for new in (acme, msgspec.structs.replace(acme, industry="rockets"), renamed):
        current = await store.read(lambda reader: people.find_company(reader, WORKSPACE, acme.id))
        assert current is not None
        await store.run(lambda tx, old=current, new=new: contacts.change_company(tx, old, new, NOW + 9))  # type: ignore[misc]
    news = (await told(store))[before:]
    assert [(event.data.id, event.data.company) for event in news] == [(one.id, "Apex") for one in inside]  # type: ignore[union-attr]
    await store.close()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"numbers": ["anonymous"]}, "numbers[0]"),
        ({"numbers": [MARIE, "12"]}, "numbers[1]"),
        ({"numbers": [f"+336123400{n:02}" for n in range(51)]}, "numbers"),
        ({"emails": [" "]}, "emails[0]"),
        ({"emails": ["a@x.example", "a\n@x.example"]}, "emails[1]"),
        ({"emails": ["a" * 321]}, "emails[0]"),
    ],
)
def test_what_is_no_number_or_address_is_refused(change: dict[str, Any], field: str) -> None:
    bare = Contact(workspace=WORKSPACE, id="con_1", created_at=NOW, updated_at=NOW)
    with pytest.raises(ContactFault) as fault:
        contacts.changed(bare, Change(**change), "FR")
    assert fault.value.field == field


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("06 12 34 56 78", MARIE),
        ("0033612345678", MARIE),
        ("+33 (0)6 12 34 56 78", MARIE),
        ("+33 6 12 34 56 78 ext. 12", MARIE),
        ("tel:+33-6-12-34-56-78", MARIE),
    ],
)
def test_spellings_of_a_number(raw: str, number: str) -> None:
    assert contacts.clean_numbers([raw], "FR") == (number,)


# -- the law: who replays the events has the same people

NUMBERS = st.lists(st.sampled_from([f"+3361234000{n}" for n in range(6)]), max_size=3, unique=True)
NAMES = st.sampled_from([None, "Marie", "Paul", " Zoé "])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "last_name": NAMES,
        "job_title": NAMES,
        "numbers": NUMBERS,
        "emails": st.lists(st.sampled_from(["a@x.example", "A@x.example", "b@x.example"]), max_size=2),
        "company": st.sampled_from([None, "com_1", "com_2"]),
        "properties": st.dictionaries(
            st.sampled_from(["vip", "size"]), st.sampled_from([None, 1, 2]), max_size=2
        ),
    },
)
STEP = st.one_of(
    st.tuples(st.just("create"), FIELDS),
    st.tuples(st.just("update"), st.integers(0, 4), FIELDS),
    st.tuples(st.just("merge"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.just("rename"), st.sampled_from(["com_1", "com_2"]), st.sampled_from(["Acme", "Apex"])),
)


async def take(tx: Transaction, step: Any, ids: list[str], now: int) -> None:
    match step:
        case ("create", fields):
            ids.append((await contacts.create(tx, WORKSPACE, Change(**fields), now=now, region="FR")).id)
        case ("update", which, fields) if ids:
            await contacts.update(
                tx, WORKSPACE, ids[which % len(ids)], Change(**fields), now=now, region="FR"
            )
        case ("merge", keep, gone) if ids:
            await contacts.merge(tx, WORKSPACE, ids[keep % len(ids)], ids[gone % len(ids)], now)
        case ("rename", company, name):
            old = await people.find_company(tx, WORKSPACE, company)
            assert old is not None
            await contacts.change_company(tx, old, msgspec.structs.replace(old, name=name), now)


async def play(store: Store, steps: list[Any]) -> None:
    for id_ in ("com_1", "com_2"):
        made = Company(workspace=WORKSPACE, id=id_, name=id_, created_at=NOW, updated_at=NOW)
        await store.run(lambda tx, made=made: people.add_company(tx, made))  # type: ignore[misc]
    ids: list[str] = []
    for n, step in enumerate(steps):
        try:
            await store.run(lambda tx, step=step, n=n: take(tx, step, ids, NOW + n))  # type: ignore[misc]
        except NumberTaken:
            pass
    replayed: dict[str, Any] = {}
    seen: list[Any] = []
    for event in await told(store):
        data = event.data
        assert isinstance(data, ContactCreated | ContactUpdated)
        assert (event.topic == "contact.created") == (data.id not in replayed)
        replayed[data.id] = msgspec.to_builtins(data)
        seen.append(data)
    for id_ in dict.fromkeys(ids):
        contact = await find(store, id_)
        assert contact is not None
        if contact.id != id_:
            continue  # merged: there is no event for those who are gone
        company = await store.read(lambda r, c=contact: people.find_company(r, WORKSPACE, c.company or ""))  # type: ignore[misc]
        assert replayed[id_] == {
            "id": id_,
            "name": contact.name or "",
            "last_name": contact.last_name or "",
            "company": company.name if company else None,
            "emails": list(contact.emails) or None,
            "numbers": list(contact.numbers),
        }
        for number in contact.numbers:
            assert await whose(store, number) == id_  # nobody else has it: duplicates were never allowed


@given(steps=st.lists(STEP, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_who_replays_the_events_has_the_same_people(
    steps: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path_factory.mktemp("law") / "x.db")
        try:
            await play(store, steps)
        finally:
            await store.close()

    asyncio.run(run())
