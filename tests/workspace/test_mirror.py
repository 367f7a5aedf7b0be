"""What others publish becomes items, tags and people, once each, on both stores."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.clock import ManualClock
from switchhook.delivery.retention import Retention
from switchhook.events.catalogue import CATALOGUE, TOPICS, read
from switchhook.events.envelope import publish as check
from switchhook.events.payloads import (
    TagAdded,
    TagRemoved,
)
from switchhook.storage import conversations, expunging, item_search, keys, mirroring, people
from switchhook.storage.conversations import ItemFilter
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import SharedStore, Store, Transaction
from switchhook.workspace import contacts, mirror, tags
from switchhook.workspace.contacts import Change
from switchhook.workspace.mirror import Mirror, learn
from switchhook.workspace.publish import new_event, publish, show
from tests.delivery.dispatching import PatientClock

WORKSPACE, OTHER = "wsp_a", "wsp_b"
NOW = 1_742_049_000_000
MARIE, PAUL = "+33612345678", "+33698765432"

Open = Callable[[], Awaitable[Store]]


def example(topic: str, **more: Any) -> Any:
    return msgspec.structs.replace(read(topic, TOPICS[topic].example), **more)


def a_contact(id_: str = "x-1", topic: str = "contact.created", **more: Any) -> Any:
    given = {"name": "Marie", "last_name": "Curie", "company": None, "emails": None, "numbers": [MARIE]}
    return example(topic, id=id_, **(given | more))


async def tell(store: Store, *data: Any, workspace: str = WORKSPACE, at: int = NOW) -> list[str]:
    """Publish, as the API does, everything of one request; the ids."""
    events = [new_event(workspace, check(one), at) for one in data]
    accepted = await store.run(lambda tx: publish(tx, events))
    if isinstance(store, SharedStore):  # as a dispatcher would, once everything has left a trace
        await store.run(lambda tx: tx.execute("mark_taken", 0, 1 << 40))
    return [one.id for one in accepted]


def a_mirror(store: Store) -> Mirror:
    return Mirror(store, PatientClock(), "FR")


async def picture(store: Store) -> dict[str, Any]:
    """Everything that the workspace knows."""
    items, _ = await store.read(
        lambda r: item_search.find_items(r, WORKSPACE, ItemFilter(), "DATE_ASC", limit=1000, offset=0)
    )
    calls: dict[str, Any] = {}
    for item in items:
        calls[item.id] = await store.read(
            lambda r, id_=item.id: conversations.tags_of_call(r, WORKSPACE, id_)  # type: ignore[misc]
        )
    persons = await store.read(lambda r: people.contacts_after(r, WORKSPACE, "", 1000))
    talks = sorted({(item.own_number) for item in items})
    threads: list[Any] = []
    for number in talks:
        threads += await store.read(
            lambda r, n=number: conversations.list_conversations(r, WORKSPACE, n, limit=99, offset=0)  # type: ignore[misc]
        )
    return {
        "items": items,
        "tags": calls,
        "threads": threads,
        "people": sorted((p.full_name, p.numbers, p.emails, p.updated_at, p.interactions) for p in persons),
    }


async def events(store: Store) -> int:
    return len(await store.read(lambda r: r.fetch("oldest_events", 0, 1 << 60, 1000)))


async def test_a_history_that_was_published_is_there_afterwards(open_store: Open) -> None:
    store = await open_store()
    call = example("call.completed", id="cll_9", tags=["vip"], summary="A talk", recording_url=None)
    text = example("sms.received", id="sms_9", content="Good morning")
    await tell(store, call, text, example("call.received"))
    await tell(store, TagAdded(call_id="cll-9", tag_key="hot", tag_name="Hot!", user_email=None))
    await tell(store, TagRemoved(call_id="cll_9", tag_key="vip", tag_name="vip", user_email=None))
    await tell(store, example("summary.updated", call_id="cll_9", content="Another", version=3))
    before = await events(store)
    assert await a_mirror(store).run() == 6
    seen = await picture(store)
    assert {item.id: item.content for item in seen["items"]} == {"cll_9": None, "sms_9": "Good morning"}
    assert [item.summary for item in seen["items"] if item.kind == "CALL"] == ["Another"]
    assert [(tag.key, tag.name) for tag in seen["tags"]["cll_9"]] == [("hot", "Hot!")]
    assert await events(store) == before
    assert await a_mirror(store).run() == 0
    assert await picture(store) == seen
    await store.close()


async def test_contacts_become_people_and_no_event_tells_of_them(open_store: Open) -> None:
    store = await open_store()
    await tell(store, a_contact(company="Radium", emails=["m@example.com"]))
    await tell(
        store, a_contact(topic="contact.updated", name="Maria", numbers=["06 12 34 56 78", "no number", PAUL])
    )
    await tell(store, a_contact("x-2", name="Eve"))
    before = await events(store)
    await a_mirror(store).run()
    assert await events(store) == before
    found = await store.read(lambda r: people.contacts_after(r, WORKSPACE, "", 10))
    assert [(p.full_name, p.numbers) for p in found] == [("Maria Curie", (MARIE, PAUL)), ("Eve Curie", ())]
    await store.close()


async def test_a_number_stays_with_its_owner_and_that_is_said_once(
    open_store: Open, caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_store()
    owner = await store.run(
        lambda tx: contacts.create(tx, WORKSPACE, Change(name="Anna", numbers=[MARIE]), now=NOW, region="FR")
    )
    await tell(store, a_contact(numbers=[MARIE, PAUL]))
    for _ in range(2):
        await a_mirror(store).run()
    assert await store.read(lambda r: people.owner_of(r, WORKSPACE, MARIE)) == owner.id
    found = await store.read(lambda r: people.contacts_after(r, WORKSPACE, "", 10))
    assert sorted((p.full_name, p.numbers) for p in found) == [("Anna", (MARIE,)), ("Marie Curie", (PAUL,))]
    assert len([r for r in caplog.records if "stays theirs" in r.message]) == 1
    assert MARIE not in caplog.text
    await store.close()


async def test_what_the_workspace_told_itself_changes_nothing(open_store: Open) -> None:
    store = await open_store()

    async def work(tx: Transaction) -> str:
        one = await contacts.create(tx, WORKSPACE, Change(name="Anna", numbers=[MARIE]), now=NOW, region="FR")
        await contacts.update(tx, WORKSPACE, one.id, Change(name="Bea"), now=NOW, region="FR")
        await contacts.update(tx, WORKSPACE, one.id, Change(name="Cleo"), now=NOW, region="FR")
        gone = await contacts.create(tx, WORKSPACE, Change(name="Gone"), now=NOW, region="FR")
        await people.remove_contact(tx, gone)
        await tags.create(tx, WORKSPACE, "hot", None, NOW)
        await tags.add(tx, WORKSPACE, "cll_1", "hot", user_email="a@example.com", now=NOW)
        await tags.remove(tx, WORKSPACE, "cll_1", "hot", user_email=None, now=NOW)
        await tags.add(tx, WORKSPACE, "cll_2", "hot", user_email="a@example.com", now=NOW)
        return one.id

    id_ = await store.run(work)
    await tell(store, a_contact("x-1", numbers=[]))
    await a_mirror(store).step(1)
    one = await store.read(lambda r: people.find_contact(r, WORKSPACE, id_))
    assert one is not None
    assert one.name == "Cleo"
    await a_mirror(store).run()
    found = await store.read(lambda r: people.contacts_after(r, WORKSPACE, "", 10))
    assert sorted(p.full_name for p in found) == ["Cleo", "Marie Curie"]
    assert await store.read(lambda r: conversations.tags_of_call(r, WORKSPACE, "cll_1")) == []
    ((tag),) = await store.read(lambda r: conversations.tags_of_call(r, WORKSPACE, "cll_2"))
    assert tag.user_email == "a@example.com"
    assert await store.run(lambda tx: tx.execute("forget_own_event", WORKSPACE, "x")) == 0
    await store.close()


async def test_what_only_shows_an_endpoint_what_it_will_get_is_no_history(open_store: Open) -> None:
    store = await open_store()
    before = await picture(store)
    for topic in CATALOGUE:
        event = new_event(WORKSPACE, check(example(topic)), NOW)
        await store.run(lambda tx, e=event: show(tx, e, "ep_a"))  # type: ignore[misc]
    if isinstance(store, SharedStore):
        await store.run(lambda tx: tx.execute("mark_taken", 0, 1 << 40))
    await a_mirror(store).run()
    after = await picture(store)
    assert after == before
    await store.close()


async def test_who_was_removed_here_stays_removed(open_store: Open) -> None:
    store = await open_store()
    await tell(store, a_contact())
    await a_mirror(store).run()
    (one,) = await store.read(lambda r: people.contacts_after(r, WORKSPACE, "", 10))
    await store.run(lambda tx: people.remove_contact(tx, one))
    await tell(store, a_contact(topic="contact.updated", name="Again"))
    await a_mirror(store).run()
    assert await store.read(lambda r: people.contacts_after(r, WORKSPACE, "", 10)) == []
    await store.close()


async def test_workspaces_learn_apart(open_store: Open) -> None:
    store = await open_store()
    await tell(store, a_contact(), example("sms.received", id="sms_1"), workspace=OTHER)
    await a_mirror(store).run()
    seen = await picture(store)
    assert seen["items"] == []
    assert seen["people"] == []
    assert await store.read(lambda r: conversations.find_item(r, OTHER, "sms_1")) is not None
    await store.close()


async def test_one_that_cannot_be_learned_does_not_keep_the_others(
    open_store: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_store()
    ids = await tell(store, *[example("sms.received", id=f"sms_{n}") for n in range(5)])

    async def faulty(tx: Transaction, event: Any, region: str, now: int) -> None:
        await learn(tx, event, region, now)
        if event.id == ids[2]:
            raise ValueError("cannot")

    monkeypatch.setattr(mirror, "learn", faulty)
    one = a_mirror(store)
    await one.run()
    assert sorted(item.id for item in (await picture(store))["items"]) == ["sms_0", "sms_1", "sms_3", "sms_4"]
    assert one.snapshot()["mirror_left_out_total"] == 1
    assert one.snapshot()["mirror_behind_seconds"] == 0
    assert ids[2] in caplog.text
    await store.close()


async def test_nothing_goes_before_it_was_learned(open_store: Open) -> None:
    store = await open_store()
    await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "One", NOW))
    await tell(store, *[example("sms.received", id=f"sms_{n}") for n in range(3)])
    if not store.shared:
        await store.run(lambda tx: tx.execute("set_low_water", 100))
    late = ManualClock(NOW + 100_000_000)

    async def prune() -> int:
        done = await Retention(store, late, 1.0).run(claim=False)
        assert done is not None
        return done.events

    assert await prune() == 0
    await a_mirror(store).run()
    assert await prune() >= 2
    assert len((await picture(store))["items"]) == 3
    await store.close()


async def test_what_is_on_its_way_in_holds_the_cursor(database: str) -> None:
    store = await PostgresStore.open(database)
    await store.join("one", 60.0)
    event = new_event(WORKSPACE, check(example("sms.received", id="sms_1")), NOW)
    await store.run(lambda tx: publish(tx, [event]))
    await store.run(lambda tx: tx.execute("mark_taken", 0, 1 << 40))
    await a_mirror(store).run()  # this process may have a smaller number under way
    assert await store.read(mirroring.cursor) == 0
    await store.run(lambda tx: tx.execute("set_low_water", 1))
    assert await a_mirror(store).run() == 1
    await store.close()


async def test_one_process_at_a_time(database: str) -> None:
    one, other = await PostgresStore.open(database), await PostgresStore.open(database)
    await one.join("one", 60.0)
    await other.join("other", 60.0)
    await one.run(lambda tx: publish(tx, [new_event(WORKSPACE, check(example("sms.received")), NOW)]))
    for store in (one, other):
        await store.run(lambda tx: tx.execute("set_low_water", 100))
    await one.run(lambda tx: mirroring.claim(tx, 60.0))
    for store in (one, other):
        await store.run(lambda tx: tx.execute("mark_taken", 0, 1 << 40))
    standing_by = a_mirror(other)
    assert await standing_by.run() == 0
    assert standing_by.snapshot() == {}
    assert await a_mirror(one).run() == 1
    for store in (one, other):
        await store.close()


async def erase(store: Store, id_: str) -> None:
    async def work(tx: Transaction) -> None:
        event = await expunging.find_event(tx, WORKSPACE, id_)
        assert event is not None
        await expunging.expunge(tx, event, kind="expunged", why="", now=NOW)

    await store.run(work)


async def test_an_expunged_event_takes_its_words_out_of_the_item(open_store: Open) -> None:
    store = await open_store()
    told = [
        example("call.completed", id="cll_1", summary="The secret"),
        example("sms.received", id="sms_1", content="A secret"),
        example("sms.received", id="sms_2", content="Good morning"),
        example("summary.updated", call_id="cll_1", content="The secret again", version=2),
        example("call.completed", id="cll_2", summary="Before", transcriptions=[]),
        example("summary.updated", call_id="cll_2", content="A secret too", version=2),
    ]
    ids = await tell(store, *told)
    await a_mirror(store).run()
    for n in (0, 1, 3, 5):
        await erase(store, ids[n])
    found = {item.id: item for item in (await picture(store))["items"]}
    assert {id_: (item.content, item.summary) for id_, item in found.items()} == {
        "cll_1": (None, None),
        "cll_2": (None, None),
        "sms_1": (None, None),
        "sms_2": ("Good morning", None),
    }
    assert (found["cll_1"].transcript, found["cll_1"].details, found["cll_1"].recording_url) == ((), {}, None)
    assert found["cll_1"].result == "ANSWERED"
    looked_for = ItemFilter(words=("secret",))
    rows, count = await store.read(
        lambda r: item_search.find_items(r, WORKSPACE, looked_for, "DATE_ASC", limit=9, offset=0)
    )
    assert (rows, count) == ([], 0)
    await store.close()


async def test_what_was_expunged_first_is_learned_by_nobody(open_store: Open) -> None:
    store = await open_store()
    (id_,) = await tell(store, example("sms.received", id="sms_1"))
    await erase(store, id_)
    assert await a_mirror(store).run() == 1
    assert (await picture(store))["items"] == []
    await store.close()


class Died(Exception):
    """A crash before the commit."""


NUMBERS = st.sampled_from([MARIE, PAUL, "+33612345699", "not one"])
TELL = st.one_of(
    st.builds(
        lambda n, s, g: example("call.completed", id=f"cll_{n}", summary=s, tags=g, recording_url=None),
        *(
            st.integers(0, 4),
            st.text("ab ", max_size=5),
            st.lists(st.sampled_from("xyz"), max_size=3, unique=True),
        ),
    ),
    st.builds(
        lambda n, c: example("sms.received", id=f"sms_{n}", content=c),
        st.integers(0, 4),
        st.text("ab", max_size=3),
    ),
    st.builds(lambda n: example("sms.sent", id=f"sms_{n}"), st.integers(0, 4)),
    st.builds(
        lambda n, k: TagAdded(call_id=f"cll_{n}", tag_key=k, tag_name=k, user_email=None),
        st.integers(0, 4),
        st.sampled_from("xyz"),
    ),
    st.builds(
        lambda n, k: TagRemoved(call_id=f"cll_{n}", tag_key=k, tag_name=k, user_email=None),
        st.integers(0, 4),
        st.sampled_from("xyz"),
    ),
    st.builds(
        lambda n, t, name, numbers: a_contact(f"x-{n}", topic=t, name=name, numbers=numbers),
        *(
            st.integers(0, 3),
            st.sampled_from(["contact.created", "contact.updated"]),
            st.sampled_from(["A", "B"]),
        ),
        st.lists(NUMBERS, max_size=2, unique=True),
    ),
)


@given(
    batches=st.lists(st.lists(TELL, min_size=1, max_size=6), max_size=6),
    groups=st.lists(st.integers(1, 4), min_size=1, max_size=10),
    crashes=st.sets(st.integers(0, 12)),
)
@settings(max_examples=60, deadline=None)
async def test_any_history_leaves_what_its_events_leave_one_by_one(
    batches: Sequence[Sequence[Any]], groups: Sequence[int], crashes: set[int]
) -> None:
    with TemporaryDirectory(prefix="mirror-") as folder:
        store, plain = SqliteStore(Path(folder) / "a.db", None), SqliteStore(Path(folder) / "b.db", None)
        for n, batch in enumerate(batches):
            await tell(store, *batch, at=NOW + n)
            if n in crashes:
                with pytest.raises(Died):
                    await store.run(_dying)
            await a_mirror(store).step(groups[n % len(groups)])
        turn = 0
        while await a_mirror(store).step(groups[turn % len(groups)]):
            turn += 1
        told = await store.read(lambda r: mirroring.after(r, 0, 1000))
        for event in told:
            await plain.run(lambda tx, event=event: learn(tx, event, "FR", NOW))  # type: ignore[misc]
        assert await picture(store) == await picture(plain)
        await store.close()
        await plain.close()


async def _dying(tx: Transaction) -> None:
    for event in await mirroring.after(tx, await mirroring.cursor(tx), 10):
        await learn(tx, event, "FR", NOW)
        await mirroring.move(tx, event.seq)
    raise Died
