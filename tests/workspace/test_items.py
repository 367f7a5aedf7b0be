"""What was said, kept and found again, on both stores."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook import events
from switchhook.events.catalogue import CATALOGUE
from switchhook.events.payloads import CallCompleted, CallResult, CallType, SmsReceived, SmsSent
from switchhook.storage import conversations, item_search, people
from switchhook.storage.conversations import ItemFilter, words_of
from switchhook.storage.store import Store, Transaction
from switchhook.workspace import contacts, tags
from switchhook.workspace.contacts import Change
from switchhook.workspace.items import record

WORKSPACE = "wsp_a"
NOW = 1_742_049_000_000
MARIE = "+33612345678"
OURS = "+33112345678"
PAUL = "+33698765432"

Open = Callable[[], Awaitable[Store]]


def a_call(id_: str = "cll_1", **more: Any) -> CallCompleted:
    made = msgspec.json.decode(CATALOGUE["call.completed"].example, type=CallCompleted)
    return msgspec.structs.replace(made, id=id_, **more)


def a_text(id_: str = "msg_1", content: str = "Hello", **more: Any) -> SmsReceived:
    made = msgspec.json.decode(CATALOGUE["sms.received"].example, type=SmsReceived)
    return msgspec.structs.replace(made, id=id_, content=content, **more)


def an_answer(id_: str = "msg_2", content: str = "Hello", **more: Any) -> SmsSent:
    made = msgspec.json.decode(CATALOGUE["sms.sent"].example, type=SmsSent)
    return msgspec.structs.replace(made, id=id_, content=content, **more)


async def keep(store: Store, *data: Any, workspace: str = WORKSPACE) -> list[bool]:
    return [await store.run(lambda tx, one=one: record(tx, workspace, one, NOW)) for one in data]  # type: ignore[misc]


async def found(store: Store, sort: Any = "DATE_DESC", workspace: str = WORKSPACE, **what: Any) -> list[str]:
    items, total = await store.read(
        lambda reader: item_search.find_items(
            reader, workspace, ItemFilter(**what), sort, limit=100, offset=0
        )
    )
    assert total == len(items)
    return [item.id for item in items]


async def talks(store: Store, **what: Any) -> list[tuple[str, bool]]:
    listed, total = await store.read(
        lambda reader: conversations.list_conversations(reader, WORKSPACE, OURS, limit=100, offset=0, **what)
    )
    assert total == len(listed)
    return [(one.contact_number, one.unread) for one in listed]


async def test_a_call_that_is_over_becomes_an_item(open_store: Open) -> None:
    store = await open_store()
    assert await keep(store, a_call("cll-1"), a_call("cll_1")) == [True, False]
    item = await store.read(lambda reader: conversations.find_item(reader, WORKSPACE, "cll_1"))
    assert item is not None
    assert (item.kind, item.direction, item.result) == ("CALL", "INBOUND", "ANSWERED")
    assert (item.own_number, item.contact_number) == (OURS, MARIE)
    assert (item.at, item.duration) == (1_742_049_000_000, 330.0)
    assert [said.source for said in item.transcript] == ["EXTERNAL", "USER"]
    assert item.details["ivr_result"] == [{"dtmf_key": "2", "text_key": "Support"}]
    assert item.details["data_collected"] == {"account_number": "12345"}
    assert await store.read(lambda reader: conversations.find_item(reader, "wsp_b", "cll_1")) is None
    await store.close()


async def test_items_are_found_by_words_and_by_what_they_are(open_store: Open) -> None:
    store = await open_store()
    outbound = a_call(
        "cll_2",
        start_date="2025-03-16T10:00:00Z",
        type=CallType.OUTBOUND,
        from_number=OURS,
        to=PAUL,
        result=CallResult.FAILED,
        recording_url=None,
        summary="",
        transcriptions=[],
    )
    await keep(
        store,
        a_call("cll_1"),
        outbound,
        a_text("msg_1", "L'été: rendez-vous à 14h, n° 4711!"),
        an_answer("msg_2", "Rendez-vous noted", to_number=PAUL, sent_at="2025-03-17T10:00:00Z"),
    )
    everything = ["msg_2", "cll_2", "msg_1", "cll_1"]
    for words, ids in (
        ("", everything),
        ("invoice", ["cll_1"]),
        ("INVO bill", ["cll_1"]),  # the beginnings of words, all of them
        ("nvoice", []),
        ("invoice hello", []),
        ("ete", ["msg_1"]),
        ("Été 4711", ["msg_1"]),
        ("rendez vous", ["msg_2", "msg_1"]),
        ("rendez-vous", ["msg_2", "msg_1"]),
        ("\" * & ! ( ' \\", everything),  # nothing to look for in it
    ):
        assert await found(store, words=words_of(words)) == ids, words
        assert await found(store, "DATE_ASC", words=words_of(words)) == ids[::-1], words
        assert sorted(await found(store, "RELEVANCE", words=words_of(words))) == sorted(ids), words
    what: dict[str, Any]
    for what, ids in (
        ({"kind": "CALL"}, ["cll_2", "cll_1"]),
        ({"kind": "SMS", "direction": "OUTBOUND"}, ["msg_2"]),
        ({"contact_number": PAUL}, ["msg_2", "cll_2"]),
        ({"own_number": OURS}, everything),
        ({"own_number": PAUL}, []),
        ({"result": "FAILED"}, ["cll_2"]),
        ({"recorded": True}, ["cll_1"]),
        ({"recorded": False, "kind": "CALL"}, ["cll_2"]),
        ({"unread": True}, ["msg_1", "cll_1"]),  # of the conversations with something unread in them
        ({"unresponded": False}, ["msg_2", "cll_2"]),
        ({"since": 1_742_119_200_000, "until": 1_742_200_000_000}, ["cll_2"]),
        ({"words": ("rendez",), "direction": "INBOUND"}, ["msg_1"]),
        ({"user_email": a_call().user_email}, everything),
        ({"user_email": "nobody"}, []),
    ):
        assert await found(store, **what) == ids, what
    assert await found(store, workspace="wsp_b") == []
    assert await found(store, workspace="wsp_b", words=("invoice",)) == []
    await store.close()


async def test_a_conversation_is_unread_until_somebody_reads_or_answers(open_store: Open) -> None:
    store = await open_store()
    await keep(store, a_call("cll_1"))
    assert await talks(store) == [(MARIE, False)]  # answered: nothing is left to be read
    await keep(store, a_text("msg_1", sent_at="2025-03-15T16:00:00Z"))
    assert await talks(store, unread=True) == [(MARIE, True)]
    await keep(store, an_answer("msg_2", sent_at="2025-03-15T16:10:00Z"))
    assert await talks(store) == [(MARIE, False)]
    # Told late: what it says is older than what is known.
    await keep(store, a_text("msg_0", sent_at="2025-03-15T15:00:00Z"))
    assert await talks(store) == [(MARIE, False)]
    missed = a_call("cll_2", start_date="2025-03-15T18:00:00Z", result=CallResult.VOICEMAIL, from_number=PAUL)
    await keep(store, missed)
    assert await talks(store) == [(PAUL, True), (MARIE, False)]
    assert await talks(store, since=1_742_060_000_000) == [(PAUL, True)]
    mark = conversations.mark_conversation
    await store.run(lambda tx: mark(tx, WORKSPACE, PAUL, OURS, unread=False, archived=True))
    assert await talks(store) == [(MARIE, False)]
    await keep(store, a_text("msg_3", from_number=PAUL, sent_at="2025-03-15T19:00:00Z"))
    assert await talks(store) == [(PAUL, True), (MARIE, False)]  # something new brings it back
    assert await store.run(lambda tx: mark(tx, WORKSPACE, MARIE, "+33100000000", unread=True)) == 0
    assert await store.run(lambda tx: mark(tx, WORKSPACE, MARIE, unread=True)) == 1
    await store.close()


async def test_whoever_is_talked_to_has_been_active(open_store: Open) -> None:
    store = await open_store()
    made = await store.run(
        lambda tx: contacts.create(tx, WORKSPACE, Change(numbers=[MARIE]), now=NOW, region="FR")
    )
    await keep(store, a_call("cll_1"), a_call("cll_1"), a_text("msg_1", sent_at="2025-03-15T16:00:00Z"))
    after = await store.read(lambda reader: people.find_contact(reader, WORKSPACE, made.id))
    assert after is not None
    assert (after.interactions, after.last_activity_at) == (2, 1_742_054_400_000)
    assert after.updated_at == made.updated_at
    await store.close()


# -- tags


async def told(store: Store) -> list[tuple[str, Any]]:
    rows = await store.read(lambda reader: reader.fetch("unsettled", 0, 10_000))
    bodies = [await store.read(lambda r, id_=row[2]: r.fetch("event", WORKSPACE, id_)) for row in rows]  # type: ignore[misc]
    return [(event.topic, event.data) for event in (events.parse(row[0][4]) for row in bodies)]


async def test_a_tag_is_told_when_it_makes_a_difference(open_store: Open) -> None:
    store = await open_store()
    await store.run(lambda tx: tags.create(tx, WORKSPACE, "Very Urgent!", "#ff0000", NOW))

    async def add(email: str | None = None) -> bool:
        return await store.run(
            lambda tx: tags.add(tx, WORKSPACE, "cll_1", "very_urgent", user_email=email, now=NOW)
        )

    async def remove() -> bool:
        return await store.run(
            lambda tx: tags.remove(tx, WORKSPACE, "cll_1", "very_urgent", user_email=None, now=NOW)
        )

    assert [await add("anna@x.example"), await add(), await remove(), await remove(), await add()] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert [(topic, data.tag_key, data.tag_name, data.user_email) for topic, data in await told(store)] == [
        ("tag.added", "very_urgent", "Very Urgent!", "anna@x.example"),
        ("tag.removed", "very_urgent", "Very Urgent!", None),
        ("tag.added", "very_urgent", "Very Urgent!", None),
    ]
    with pytest.raises(tags.TagNotFound):
        await store.run(lambda tx: tags.add(tx, WORKSPACE, "cll_1", "nothing", user_email=None, now=NOW))
    await store.close()


async def test_fifty_who_put_a_tag_on_and_off_at_once_leave_a_history_that_is_true(open_store: Open) -> None:
    store = await open_store()
    await store.run(lambda tx: tags.create(tx, WORKSPACE, "vip", None, NOW))

    async def one(number: int) -> None:
        act = tags.add if number % 2 else tags.remove
        await store.run(lambda tx: act(tx, WORKSPACE, "cll_1", "vip", user_email=None, now=NOW))

    await asyncio.gather(*(one(number) for number in range(50)))
    history = [topic for topic, _ in await told(store)]
    assert history == ["tag.added", "tag.removed"] * (len(history) // 2) + ["tag.added"] * (len(history) % 2)
    on = await store.read(lambda reader: conversations.tags_of_call(reader, WORKSPACE, "cll_1"))
    counted = Counter(history)
    assert len(on) == counted["tag.added"] - counted["tag.removed"]
    await store.close()


async def test_a_deleted_tag_stays_on_its_calls_and_goes_on_no_other(open_store: Open) -> None:
    store = await open_store()
    await store.run(lambda tx: tags.create(tx, WORKSPACE, "vip", None, NOW))
    with pytest.raises(tags.TagExists):
        await store.run(lambda tx: tags.create(tx, WORKSPACE, "VIP", None, NOW))
    await store.run(lambda tx: tags.add(tx, WORKSPACE, "cll_1", "vip", user_email=None, now=NOW))
    assert await store.run(lambda tx: conversations.delete_tag(tx, WORKSPACE, "vip", NOW))
    assert not await store.run(lambda tx: conversations.delete_tag(tx, WORKSPACE, "vip", NOW))
    assert await store.read(lambda reader: conversations.list_tags(reader, WORKSPACE)) == []
    with pytest.raises(tags.TagNotFound):
        await store.run(lambda tx: tags.add(tx, WORKSPACE, "cll_2", "vip", user_email=None, now=NOW))
    on = await store.read(lambda reader: conversations.tags_of_call(reader, WORKSPACE, "cll_1"))
    assert [tag.key for tag in on] == ["vip"]
    await keep(store, a_call("cll_1"))
    assert await found(store, tags=("vip", "other")) == ["cll_1"]
    assert await found(store, tags=("vi",)) == []
    again = await store.run(lambda tx: tags.create(tx, WORKSPACE, "V.I.P.", None, NOW))
    assert again.key == "v_i_p"
    assert (await store.run(lambda tx: tags.create(tx, WORKSPACE, "Vip", None, NOW))).key == "vip"
    for outcome in ("Voicemail", "missed call", "BUSY"):
        with pytest.raises(tags.TagIsOutcome):
            await store.run(lambda tx, outcome=outcome: tags.create(tx, WORKSPACE, outcome, None, NOW))  # type: ignore[misc]
    await store.close()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Urgent", "urgent"),
        (" Meeting  booked! ", "meeting_booked"),
        ("À rappeler", "a_rappeler"),
        ("!!", ""),
    ],
)
def test_the_key_of_a_tag(name: str, key: str) -> None:
    assert tags.slug(name) == key


@given(st.text(max_size=50))
def test_a_key_is_its_own_key(name: str) -> None:
    assert tags.slug(tags.slug(name)) == tags.slug(name)


async def test_the_same_item_twice_in_one_transaction_is_known_the_second_time(open_store: Open) -> None:
    store = await open_store()

    async def work(tx: Transaction) -> list[bool]:
        kept = [await record(tx, WORKSPACE, one, NOW) for one in (a_text("msg_1"), a_text("msg_2"))]
        return [*kept, await record(tx, WORKSPACE, an_answer("msg_1"), NOW)]

    assert await store.run(work) == [True, True, False]
    await store.close()
