"""Whichever way a page is found, it is the same page; and what is kept of how many there are is true."""

import itertools
import random
import re
from collections.abc import Awaitable, Callable
from typing import Any

import apsw
import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.storage import conversations, item_search, people, plans, search
from switchhook.storage.conversations import Item, ItemFilter
from switchhook.storage.people import Contact, contains
from switchhook.storage.plans import Sample, TooFar, estimated, in_order
from switchhook.storage.search import Page, PeopleFilter
from switchhook.storage.sql import queries
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Store, Transaction

Open = Callable[[], Awaitable[Store]]

WORKSPACE = "wsp_a"
WORDS = ("ab", "abc", "abd", "b", "ete", "x1", "zoe", "été", "Straße", "йод", "ёж", "日本", "ñandú")
NAMES = ("anna", "hannah", "anton", "zoé", "bob b", "100% a")
OURS = ("+331", "+332")
THEIRS = ("+336", "+337", "+338")


@pytest.mark.parametrize(
    ("fitting", "leading", "everything", "wanted", "bunched", "walks"),
    [
        (500, 500, 1_000_000, 20, False, True),  # half of everything
        (28, 28, 1_000_000, 20, False, True),
        (10, 10, 1_000_000, 20, False, False),  # 10,000: the index reads them all
        (0, 500, 1_000_000, 20, False, False),  # one word is frequent, all together are not
        (1, 20, 1_000_000, 20, False, False),  # as far to walk as to look up
        (2, 500, 1_000_000, 20, False, True),
        (28, 28, 1_000_000, 20, True, False),  # in the order of names it may stand at the end
        (500, 500, 1_000_000, 20, True, True),
        (1_000, 1_000, 10_000, 20, False, False),
        (4, 10, 1_000_000, 20, False, False),
    ],
)
def test_what_is_frequent_is_walked_to(
    *, fitting: int, leading: int, everything: int, wanted: int, bunched: bool, walks: bool
) -> None:
    assert in_order(Sample(1_000, fitting, leading), everything, wanted, bunched=bunched) is walks


@pytest.mark.parametrize(
    ("fitting", "leading", "walks"),
    [
        (2, 2, False),  # 2,000 are fetched
        (3, 3, True),  # 3,000 fetched, 6,667 walked through
        (1, 5, False),  # 5,000 against 20,000
        (1, 6, True),
        (0, 500, False),
    ],
)
def test_fetching_rows_from_all_over_costs_more_than_walking(
    *, fitting: int, leading: int, walks: bool
) -> None:
    assert in_order(Sample(1_000, fitting, leading), 1_000_000, 20, visited=True) is walks


@pytest.mark.parametrize(
    ("counts", "entries", "led"),
    [
        ({"a": 15, "b": 317}, 50, "a b"),
        ({"a": 15, "b": 317}, 5, "a"),
        ({"a": 15, "b": 75, "c": 76}, 5, "a b"),
        ({"a": 0, "b": 2, "c": 3}, 5, "a b"),  # about 500 of a million have `a`
        ({"a": 0}, 5, "a"),
    ],
)
def test_what_is_frequent_is_left_to_the_rows(counts: dict[str, int], entries: int, led: str) -> None:
    assert item_search.led_by(counts, entries) == tuple(led.split())


@given(st.integers(0, 10**6), st.integers(0, 500), st.integers(1, 100), st.integers(0, 101))
def test_an_estimate_never_says_less_than_is_shown(expected: int, pages: int, limit: int, found: int) -> None:
    offset = pages * limit
    found = min(found, limit + 1)
    total = estimated(expected, offset, limit, found)
    if found:
        assert total >= offset + found
        assert total.exact is (found <= limit)
    assert (total > offset + limit) or found <= limit
    if not found:
        assert total <= offset


def every_composition() -> list[str]:
    """Each frame with each of its orders, without a condition, and with all of them at once."""
    person = "pattern pattern deal_status"
    scope, more = (
        "own_number contact_number since until",
        "user_email direction kind result tags unread unresponded recorded word word",
    )
    orders = [
        f"by_{name}"
        for name in ("name_asc", "name_desc", "date_asc", "date_desc", "created_asc", "created_desc")
    ]
    made = [
        f"{frame} {order} {pieces}"
        for frame in ("people", "found_people", "people_of_number")
        for order in orders
        for pieces in ("", person)
    ]
    made += [
        f"{frame} {pieces}"
        for frame in ("count_people", "sample_people", "count_found_people")
        for pieces in ("", person)
    ]
    pieces = ["", more, f"{scope} :", f"{scope} : {more}"]
    for frame in ("items", "found_items"):
        made += [
            f"{frame} {order} {part}" for order, part in itertools.product(("by_newest", "by_oldest"), pieces)
        ]
    for frame in ("best_items", "count_items", "sample_items", "count_found_items"):
        made += [f"{frame} {part}" for part in pieces]
    return made


def walked(plan: list[tuple[int, str]]) -> list[str]:
    """The steps of a plan (under which step it stands, what is done) that read a table, or all of a workspace's rows.

    Only what was found already is read as a whole: what an index of words finds, and results of steps before.
    """
    made = {(under, text.split()[1]) for under, text in plan if text.startswith("CO-ROUTINE")}
    found = {under for under, text in plan if text.startswith("MATERIALIZE found")}
    return [
        text
        for under, text in plan
        if text.startswith("SCAN")
        and "VIRTUAL TABLE" not in text
        and text != "SCAN found"
        and under not in found
        and (under, text.split()[1]) not in made
    ]


def test_a_walk_through_a_table_is_seen() -> None:
    routine = [(0, "CO-ROUTINE i"), (2, "SEARCH i USING INDEX items_at (workspace_id=?)"), (0, "SCAN i")]
    assert walked(routine) == []
    assert walked([(0, "CO-ROUTINE i"), (2, "SCAN i"), (0, "SCAN i")]) == ["SCAN i"]
    assert walked([(0, "CO-ROUTINE k"), (2, "SEARCH i USING INDEX x"), (0, "SCAN k"), (0, "SCAN p")]) == [
        "SCAN p"
    ]
    assert walked([(0, "SCAN w VIRTUAL TABLE INDEX 0:M0"), (0, "SCAN i USING INDEX items_at")]) != []


async def test_every_composition_is_understood_by_both(tmp_path: Any, database: str) -> None:
    await SqliteStore(tmp_path / "x.db").close()
    embedded = apsw.Connection(str(tmp_path / "x.db"))
    shared = await asyncpg.connect(database)
    for name in every_composition():
        text = queries("sqlite")[name]
        count = text.count("?") and max(int(part) for part in re.findall(r"\?(\d+)", text))
        plan = [(row[1], row[3]) for row in embedded.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * count)]
        assert not walked(plan), (name, plan)
        if name.startswith("people_of_number"):  # the few of a number are looked up, and then put in order
            assert plan[0][1].startswith("SEARCH n USING"), (name, plan)
        await shared.prepare(queries("postgresql")[name])
    embedded.close()
    await shared.close()


def some_items(draw: random.Random, count: int) -> list[Item]:
    return [
        Item(
            workspace=WORKSPACE,
            id=f"{'cll' if n % 2 else 'msg'}_{n:03}",
            kind="CALL" if n % 2 else "SMS",
            direction=draw.choice(("INBOUND", "OUTBOUND")),
            own_number=draw.choice(OURS),
            contact_number=draw.choice(THEIRS),
            at=draw.randrange(20),
            content=" ".join(draw.sample(WORDS, draw.randrange(5))),
            recording_url=draw.choice((None, "https://phone.example/1.mp3")),
        )
        for n in range(count)
    ]


TAGGED = {"vip": 3, "sales": 4}  # every so many calls have it


def fits(item: Item, which: ItemFilter) -> bool:
    words = conversations.words_text(item).split()
    number = int(item.id[4:])
    unread, unresponded = (item.own_number == OURS[0]), (item.contact_number == THEIRS[0])
    return (
        which.recorded in (None, item.recording_url is not None)
        and which.unread in (None, unread)
        and which.unresponded in (None, unresponded)
        and (not which.tags or any(number % TAGGED[tag] == 0 for tag in which.tags))
        and which.own_number in ("", item.own_number)
        and which.contact_number in ("", item.contact_number)
        and which.direction in ("", item.direction)
        and which.kind in ("", item.kind)
        and which.since <= item.at < which.until
        and all(any(word.startswith(start) for word in words) for start in which.words)
    )


async def find_items(
    store: Store, which: ItemFilter, sort: Any, limit: int, offset: int
) -> tuple[list[Item], plans.Total]:
    return await store.read(
        lambda reader: item_search.find_items(reader, WORKSPACE, which, sort, limit=limit, offset=offset)
    )


async def find_people(store: Store, which: PeopleFilter, page: Page) -> tuple[list[Contact], plans.Total]:
    return await store.read(lambda reader: search.find_people(reader, WORKSPACE, which, page))


async def test_items_are_the_same_whichever_way_they_are_found(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()
    draw = random.Random(3)
    made = some_items(draw, 60)
    foreign = [msgspec.structs.replace(item, workspace="wsp_b") for item in made]

    async def fill(tx: Transaction) -> None:
        for item in (*made, *foreign):
            await conversations.add_item(tx, item)
            await conversations.touch_conversation(
                tx,
                item,
                unread=item.own_number == OURS[0],
                unresponded=item.contact_number == THEIRS[0],
            )
            for tag, every in TAGGED.items():
                if int(item.id[4:]) % every == 0:
                    await conversations.add_call_tag(tx, item.workspace, item.id, tag, user_email=None, now=0)

    await store.run(fill)
    ways = ("plain", "walk", "index")
    for _ in range(160):
        asked = " ".join(
            draw.choices((*WORDS, "a", "q", "é", "日", "й", "stras"), k=draw.choice((0, 1, 1, 2, 3)))
        )
        which = ItemFilter(
            words=tuple(conversations.words_of(asked)),
            tags=draw.choice(((), (), ("vip",), ("vip", "sales"))),
            unread=draw.choice((None, None, None, True, False)),
            unresponded=draw.choice((None, None, None, True, False)),
            recorded=draw.choice((None, None, True, False)),
            own_number=draw.choice(("", "", *OURS)),
            contact_number=draw.choice(("", "", "", *THEIRS)),
            direction=draw.choice(("", "", "INBOUND")),
            kind=draw.choice(("", "", "CALL")),
            since=draw.choice((0, 0, 5)),
            until=draw.choice((conversations.FOREVER, 12)),
        )
        limit, offset = draw.choice((1, 5, 100)), draw.choice((0, 0, 3, 50))
        sort: Any = draw.choice(("DATE_DESC", "DATE_ASC", "RELEVANCE"))
        if sort == "RELEVANCE":
            limit, offset = 100, 0  # which they are; in what order is each database's own
        expected = sorted(
            (item for item in made if fits(item, which)),
            key=lambda item: (item.at, item.id),
            reverse=sort == "DATE_DESC",
        )
        for way in ways:
            with monkeypatch.context() as patch:
                if way != "plain":
                    patch.setattr(item_search, "COUNTED", 0)
                    patch.setattr(item_search, "VISITED", 0)
                    patch.setattr(item_search, "SAMPLE", draw.choice((3, 1_000)))
                    patch.setattr(item_search, "in_order", lambda *_, way=way, **__: way == "walk")
                rows, total = await find_items(store, which, sort, limit, offset)
            ids = [item.id for item in rows]
            shown = [item.id for item in expected[offset : offset + limit]]
            if sort == "RELEVANCE":
                ids.sort()
                shown.sort()
            assert ids == shown, (way, which, sort)
            if total.exact:
                assert total == len(expected) or (not rows and way == "walk"), (way, which)
            else:
                assert (total > offset + limit) is (len(expected) > offset + limit), (way, which)
    await store.close()


async def test_people_are_the_same_whichever_way_they_are_found(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()
    draw = random.Random(5)
    made = [
        Contact(
            workspace=WORKSPACE,
            id=f"con_{n:03}",
            name=draw.choice(NAMES),
            last_name=draw.choice((None, *NAMES)),
            created_at=draw.randrange(20),
            updated_at=0,
        )
        for n in range(50)
    ]

    async def fill(tx: Transaction) -> None:
        for contact in made:
            await people.add_contact(tx, contact)
            await people.add_contact(tx, msgspec.structs.replace(contact, workspace="wsp_b"))

    await store.run(fill)
    orders: dict[str, Callable[[Contact], Any]] = {
        "NAME": lambda one: (people.sort_key(one.full_name), one.id),
        "DATE": lambda one: (one.created_at, one.id),
        "CREATED": lambda one: one.id,
    }
    for _ in range(100):
        texts = draw.choices(
            ("anna", "ann", "an", "zoe", "b b", "100%", "nobody", "hannah"), k=draw.choice((1, 1, 2))
        )
        place = draw.choice((None, 0, 1))
        sort: Any = draw.choice([f"{key}_{way}" for key in orders for way in ("ASC", "DESC")])
        page = Page(sort, draw.choice((1, 5, 100)), draw.choice((0, 0, 3, 40)))
        which = PeopleFilter(tuple(contains(text, place) for text in texts))

        def has(one: Contact, text: str, place: int | None = place) -> bool:
            names = [people.fold(part or "") for part in (one.name, one.last_name)]
            return any(text in name for name in (names if place is None else names[place : place + 1]))

        expected = sorted(
            (one for one in made if all(has(one, text) for text in texts)),
            key=orders[sort.split("_")[0]],
            reverse=sort.endswith("DESC"),
        )
        for way in ("plain", "walk", "index"):
            with monkeypatch.context() as patch:
                if way != "plain":
                    patch.setattr(search, "COUNTED", 0)
                    patch.setattr(search, "SAMPLE", draw.choice((3, 1_000)))
                    patch.setattr(search, "in_order", lambda *_, way=way, **__: way == "walk")
                rows, total = await find_people(store, which, page)
            shown = expected[page.offset : page.offset + page.limit]
            assert [one.id for one in rows] == [one.id for one in shown], (way, which, page)
            if total.exact:
                assert total == len(expected) or (not rows and way == "walk"), (way, which)
            else:
                more = len(expected) > page.offset + page.limit
                assert (total > page.offset + page.limit) is more, (way, which)
    await store.close()


async def test_how_many_there_are_is_kept(open_store: Open) -> None:
    store = await open_store()
    one = Contact(workspace=WORKSPACE, id="con_1", created_at=0, updated_at=0)
    item = some_items(random.Random(1), 1)[0]

    async def counts() -> list[int]:
        return [
            await store.read(lambda reader, what=what: search.tally(reader, workspace, what))  # type: ignore[misc]  # noqa: B023
            for workspace in (WORKSPACE, "wsp_b")
            for what in ("people", "items")
        ]

    async def add(tx: Transaction) -> None:
        await people.add_contact(tx, one)
        await people.add_contact(tx, msgspec.structs.replace(one, id="con_2"))
        await people.add_contact(tx, msgspec.structs.replace(one, workspace="wsp_b"))
        assert await conversations.add_item(tx, item)
        assert not await conversations.add_item(tx, item)  # it is known

    async def failing(tx: Transaction) -> None:
        await people.add_contact(tx, msgspec.structs.replace(one, id="con_3"))
        raise RuntimeError

    await store.run(add)
    with pytest.raises(RuntimeError):
        await store.run(failing)
    assert await counts() == [2, 1, 1, 0]
    await store.run(lambda tx: people.remove_contact(tx, one))
    await store.run(lambda tx: people.remove_contact(tx, one))  # it is gone already
    assert await counts() == [1, 1, 1, 0]
    await store.close()


async def test_a_late_page_of_what_is_frequent_is_refused(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()

    async def fill(tx: Transaction) -> None:
        for n in range(30):
            await people.add_contact(
                tx, Contact(workspace=WORKSPACE, id=f"con_{n:02}", name="Anna", created_at=0, updated_at=0)
            )

    await store.run(fill)
    for module in (plans, search):
        monkeypatch.setattr(module, "COUNTED", 10)

    async def page(offset: int) -> tuple[list[Contact], plans.Total]:
        which = PeopleFilter((contains("anna"),))
        return await store.read(
            lambda reader: search.find_people(reader, WORKSPACE, which, Page("DATE_DESC", 5, offset))
        )

    found, total = await page(5)
    assert (len(found), int(total), total.exact) == (5, 30, False)
    with pytest.raises(TooFar):
        await page(6)
    await store.close()
