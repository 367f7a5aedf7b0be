"""People out of a file and into one: what a row says, who is meant, and what is told; on both stores."""

import asyncio
import csv
import io
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchhook.clock import ManualClock
from switchhook.storage import people
from switchhook.storage.people import Contact, Property
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Reader, Store
from switchhook.workspace import contacts, imports
from switchhook.workspace.contacts import Change
from switchhook.workspace.imports import Done, Import
from switchhook.workspace.person_csv import (
    CsvFault,
    drafts,
    join_cell,
    read_table,
    split_cell,
    write_head,
    write_person,
)
from tests.workspace.test_contacts import MARIE, NOW, OTHER, SECOND, WORKSPACE, Open, create, find, topics

DEFINED = [
    Property("source", "Source", "text", (), NOW),
    Property("score", "Score", "number", (), NOW),
    Property("vip", "VIP", "boolean", (), NOW),
    Property("tier", "Tier", "choice", ("gold", "silver"), NOW),
]


async def take(
    store: Store, file: str | bytes, *, dry: bool = False, workspace: str = WORKSPACE
) -> list[Done]:
    body = file if isinstance(file, bytes) else file.encode()
    coming = Import(store, ManualClock(NOW), workspace, "FR", dry=dry)
    return await coming.run(drafts(read_table(body, DEFINED), DEFINED, "FR"))


async def everybody(store: Store, workspace: str = WORKSPACE) -> list[Contact]:
    return await store.read(lambda reader: people.contacts_after(reader, workspace, "", 10_000))


async def written(store: Store, workspace: str = WORKSPACE) -> bytes:
    async def rows(reader: Reader) -> list[bytes]:
        return [
            write_person(one, its.name if its else None, DEFINED)
            for one in await people.contacts_after(reader, workspace, "", 10_000)
            for its in [await people.find_company(reader, workspace, one.company or "")]
        ]

    return write_head(DEFINED) + b"".join(await store.read(rows))


def outcomes(done: list[Done]) -> list[str]:
    return [one.outcome for one in done]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_usual_names_separators_and_marks_are_understood(mark: str, bom: str) -> None:
    head = ["First Name", "SURNAME", "Phone", "mobile-phone", "E-mail", "Organisation", "vip", "score"]
    row = [
        "Marie",
        "Dupont",
        "06 12 34 56 78",
        '"+33698765432;0033600000001"',
        "m@x.example",
        "Acme",
        "TRUE",
        "4.5",
    ]
    body = (bom + mark.join(head) + "\r\n\r\n" + mark.join(row) + "\r\n").encode()
    (draft,) = drafts(read_table(body, DEFINED), DEFINED, "FR")
    assert draft.faults == ()
    assert (draft.line, draft.company) == (3, "Acme")
    assert draft.change == Change(
        name="Marie",
        last_name="Dupont",
        numbers=[MARIE, SECOND, "+33600000001"],
        emails=["m@x.example"],
        properties={"vip": True, "score": 4.5},
    )


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "is empty"),
        (b"name\xff,phone\n", "not UTF-8"),
        (b"phone,na\0me\n", "U+0000"),
        (b'phone,name\n"a"b,c\n', "Line 2 is no CSV"),
        (b"phone,scor\n", "did you mean score?"),
        (b"phone,shoe size\n", "'shoe size' is not known"),
        (b"phone,name,first name\n", "Two columns say the name"),
        (b"name,score\nMarie,1\n", "No column has numbers"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole_with_the_fix(file: bytes, said: str) -> None:
    with pytest.raises(CsvFault, match=said.replace("?", r"\?").replace("+", r"\+")):
        read_table(file, DEFINED)


@given(
    st.lists(
        st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).filter(lambda t: t == t.strip() != "")
    )
)
def test_several_texts_in_a_cell_come_out_as_they_went_in(texts: list[str]) -> None:
    assert split_cell(join_cell(texts)) == texts


@pytest.mark.parametrize("text", ["=1+1", "+x", "-2", "@me", "'=1+1", "\uff1d1", "\t=1", "\n=1"])
def test_a_spreadsheet_computes_no_cell_and_a_text_comes_back_as_it_was(text: str) -> None:
    one = Contact(
        workspace=WORKSPACE,
        id="con_a",
        name=text.strip(),
        numbers=(MARIE,),
        emails=(f"{text.strip()}@x.example",),
        properties={"source": text, "score": -2},
        created_at=NOW,
        updated_at=NOW,
    )
    file = write_head(DEFINED) + write_person(one, text.strip(), DEFINED)
    *_, row = csv.reader(io.StringIO(file.decode(), newline=""))
    assert [row[at][0] for at in (0, 5, 7, 8)] == ["'"] * 4  # name, company, emails, source
    assert (row[6], row[9]) == (MARIE, "-2")
    (draft,) = drafts(read_table(file, DEFINED), DEFINED, "FR")
    assert (draft.change.name, draft.company) == (one.name, one.name)
    assert (draft.change.emails, draft.change.properties) == (list(one.emails), one.properties)


async def test_rows_create_update_and_leave_each_with_its_event(open_store: Open) -> None:
    store = await open_store()
    known = await create(store, MARIE, name="Marie", job_title="CEO")
    mailed = await create(store, "+33600000009", name="Paul", emails=["Paul@x.example"])
    file = (
        "name,phone,email,company,source\n"
        "Maria,0612345678,m@x.example,,Fair\n"  # by number
        ",,PAUL@x.example,Acme,\n"  # by address
        "Zoe,+33600000002,,acme,\n"  # new, of the company that was just made
        ",0600000009,,,\n"  # nothing new
    )
    done = await take(store, file)
    assert outcomes(done) == ["updated", "updated", "created", "unchanged"]
    assert [one.line for one in done] == [2, 3, 4, 5]
    maria, paul = await find(store, known.id), await find(store, mailed.id)
    zoe = await find(store, done[2].person or "")
    assert maria
    assert paul
    assert zoe
    assert (maria.name, maria.job_title, maria.properties) == ("Maria", "CEO", {"source": "Fair"})
    assert (paul.name, paul.emails) == ("Paul", ("Paul@x.example",))
    assert zoe.company == paul.company is not None
    told = ["contact.created"] * 2 + ["contact.updated"] * 2 + ["contact.created"]
    assert await topics(store) == told
    assert outcomes(await take(store, file)) == ["unchanged"] * 4
    assert await topics(store) == told
    assert await everybody(store, OTHER) == []
    await store.close()


async def test_nothing_of_a_faulty_row_is_stored_and_the_others_are(open_store: Open) -> None:
    store = await open_store()
    await create(store, MARIE, name="Marie", emails=["info@x.example"])
    await create(store, SECOND, name="Paul", emails=["info@x.example"])
    done = await take(
        store,
        "name,phone,email,company,score,tier\n"
        "A,hello,,New Ltd,,\n"
        "B,+33600000001,,New Ltd,many,\n"
        "C,+33600000001,,New Ltd,,tin\n"
        "D,,,New Ltd,,\n"
        f"E,{MARIE};{SECOND},,New Ltd,,\n"
        "F,,info@x.example,New Ltd,,\n"
        "G,+33600000002,,,,,,x\n"
        "H,+33600000003,,,,gold\n"
        "I,+33600000003,,New Ltd,,\n",
    )
    assert outcomes(done) == ["faulty"] * 7 + ["created", "faulty"]
    assert [(one.faults[0].field, one.faults[0].code) for one in done if one.faults] == [
        ("numbers[0]", "INVALID_PHONE_NUMBER"),
        ("score", "INVALID_FIELD"),
        ("tier", "INVALID_FIELD"),
        ("numbers", "MISSING_FIELD"),
        ("numbers", "NUMBER_ALREADY_ASSIGNED"),
        ("emails", "INVALID_FIELD"),
        ("", "INVALID_FIELD"),
        ("", "INVALID_FIELD"),
    ]
    assert "Line 9 is about the same person" in done[-1].faults[0].message
    assert [one.name for one in await everybody(store)] == ["Marie", "Paul", "H"]
    assert await store.read(lambda reader: people.company_named(reader, WORKSPACE, "New Ltd")) is None
    assert await topics(store) == ["contact.created"] * 3
    await store.close()


async def test_people_who_share_an_address_are_told_apart_by_their_numbers(open_store: Open) -> None:
    store = await open_store()
    file = f"name,phone,email\nMarie,{MARIE},info@x.example\nPaul,{SECOND},info@x.example\n"
    assert outcomes(await take(store, file)) == ["created", "created"]
    assert outcomes(await take(store, file)) == ["unchanged", "unchanged"]
    await store.close()


async def test_more_rows_than_a_transaction_takes_and_a_dry_run_of_them(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ROWS", 3)
    store = await open_store()
    numbers = [f"+336000000{n:02}" for n in range(10)]
    file = "name,phone,company\n" + "".join(f"N,{n},Acme\n" for n in (*numbers, numbers[0]))
    file += f"Other,{numbers[1]},\n"
    dry = await take(store, file, dry=True)
    assert await everybody(store) == []
    assert await store.read(lambda reader: people.company_named(reader, WORKSPACE, "Acme")) is None
    done = await take(store, file)
    assert outcomes(dry) == outcomes(done) == ["created"] * 10 + ["unchanged", "faulty"]
    assert await topics(store) == ["contact.created"] * 10
    await store.close()


NUMBERS = [f"+336000000{n:02}" for n in range(5)]
EMAILS = [f"{name}@x.example" for name in "abc"]
some_rows = st.lists(
    st.tuples(
        st.sampled_from(["", "X", "Y"]),
        st.lists(st.sampled_from(NUMBERS), max_size=2),
        st.lists(st.sampled_from(EMAILS), max_size=2),
        st.sampled_from(["", "Acme", "ACME", "Beta"]),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(before=some_rows, rows=some_rows)
def test_any_file_tells_as_its_dry_run_said_and_a_second_time_changes_nothing(
    before: list[tuple[str, list[str], list[str], str]], rows: list[tuple[str, list[str], list[str], str]]
) -> None:
    def file(lines: list[tuple[str, list[str], list[str], str]]) -> str:
        return "name,phone,email,company\n" + "".join(
            f"{name},{';'.join(numbers)},{';'.join(emails)},{company}\n"
            for name, numbers, emails, company in lines
        )

    async def run(store: Store) -> None:
        for line in before:
            await take(store, file([line]))
        told, there = Counter(await topics(store)), len(await everybody(store))
        dry = await take(store, file(rows), dry=True)
        assert (Counter(await topics(store)), len(await everybody(store))) == (told, there)
        done = await take(store, file(rows))
        assert outcomes(dry) == outcomes(done)
        count = Counter(outcomes(done))
        after = Counter(await topics(store))
        assert after["contact.created"] - told["contact.created"] == count["created"]
        assert after["contact.updated"] - told["contact.updated"] == count["updated"]
        assert len(await everybody(store)) == there + count["created"]
        state = await everybody(store)
        again = await take(store, file(rows))
        assert not {"created", "updated"} & set(outcomes(again))
        assert await everybody(store) == state
        assert Counter(await topics(store)) == after

    asyncio.run(in_a_store(run))


async def in_a_store(run: object) -> None:
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "x.db")
        try:
            await run(store)  # type: ignore[operator]
        finally:
            await store.close()


letters = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")
texts = st.none() | st.text(letters, max_size=20)
own = st.fixed_dictionaries(
    {},
    optional={
        "source": st.text(letters, min_size=1, max_size=20).filter(lambda text: text.strip() != ""),
        "score": st.integers(-(10**14), 10**14) | st.floats(-1e14, 1e14),
        "vip": st.booleans(),
        "tier": st.sampled_from(["gold", "silver"]),
    },
)
a_person = st.tuples(texts, texts, texts, st.sampled_from([None, "Acme", 'Be;ta, "Co"']), own)
mails = st.lists(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9), max_size=3
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(a_person, mails), max_size=4))
def test_who_is_exported_and_imported_elsewhere_is_the_same(
    given_: list[tuple[tuple[str | None, str | None, str | None, str | None, dict[str, object]], list[str]]],
) -> None:
    async def run(store: Store) -> None:
        for n, ((name, last_name, address, company, values), emails) in enumerate(given_):
            id_ = None
            if company is not None:
                id_ = await store.run(lambda tx, c=company: contacts.company_called(tx, WORKSPACE, c, NOW))  # type: ignore[misc]
            await create(
                store,
                NUMBERS[n],
                name=name,
                last_name=last_name,
                address=address,
                company=id_,
                emails=emails,
                properties=values,
            )
        file = await written(store)
        done = await take(store, file, workspace=OTHER)
        assert outcomes(done) == ["created"] * len(given_)
        assert await written(store, OTHER) == file
        for one, other in zip(await everybody(store), await everybody(store, OTHER), strict=True):
            bare = {"workspace": "", "id": "", "company": None}
            assert msgspec.structs.replace(one, **bare) == msgspec.structs.replace(other, **bare)
        assert set(outcomes(await take(store, file))) <= {"unchanged"}

    asyncio.run(in_a_store(run))
