"""In the files of an embedded store nothing is left of what was removed."""

import asyncio
from pathlib import Path

import apsw
import msgspec
import pytest

from switchhook.clock import ManualClock
from switchhook.delivery.retention import Retention
from switchhook.events.catalogue import TOPICS, read
from switchhook.events.envelope import publish as check
from switchhook.events.payloads import SmsReceived
from switchhook.storage import conversations, expunging, item_search, outbox
from switchhook.storage.conversations import ItemFilter
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Transaction
from switchhook.workspace.items import record
from switchhook.workspace.publish import new_event
from tests.storage.rows import NOW, WORKSPACE, an_outcome, learned, settle, subscribe

pytestmark = pytest.mark.sqlite

WORD = b"the-content-that-must-go"


def traces(path: Path, word: bytes = WORD) -> int:
    """How often the content stands in the files."""
    return sum(
        file.read_bytes().count(word) for file in path.parent.iterdir() if file.name.startswith(path.name)
    )


async def fill(store: SqliteStore) -> None:
    """Two delivered events with a short and a long body that hold the word, among others."""
    await learned(store)
    await subscribe(store, "ep_a")
    for n, body in enumerate([b"x" * 300, WORD, b"y" * 5_000, b"z" * 30_000 + WORD + b"z" * 30_000, b"x"]):
        event = outbox.NewEvent(WORKSPACE, f"msg_{n}", "tag.added", body, NOW - 1_000_000)
        await store.run(lambda tx, event=event: outbox.accept(tx, event))  # type: ignore[misc]
        answer = outbox.encode_response(outbox.StoredResponse((), WORD if n in (1, 3) else b"", False))
        await settle(store, an_outcome(f"msg_{n}", "ep_a", response=answer))
    await settle(store, low_water=5)


async def expunge(store: SqliteStore, id_: str) -> None:
    async def work(tx: Transaction) -> None:
        event = await expunging.find_event(tx, WORKSPACE, id_)
        assert event is not None
        await expunging.expunge(tx, event, kind="expunged", why="", now=NOW)

    await store.run(work)


async def quiet(store: SqliteStore) -> None:
    """The store has done what it does in the background."""
    async with asyncio.timeout(30):
        while store._checkpointing or store._erase or store.pending:
            await asyncio.sleep(0.001)


async def test_what_was_expunged_is_in_no_file_any_more(store: SqliteStore, path: Path) -> None:
    await fill(store)
    assert traces(path) >= 4
    for id_ in ("msg_1", "msg_3"):
        await expunge(store, id_)
    await quiet(store)
    assert traces(path) == 0
    assert len(await store.read(lambda r: r.fetch("unsettled", 0, 9))) == 5


async def test_a_long_read_puts_it_off_and_it_is_done_all_the_same(store: SqliteStore, path: Path) -> None:
    await fill(store)
    store._connection.set_busy_timeout(600_000)  # who waits for the reader waits longer than this test does
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN; SELECT count(*) FROM events").fetchall()
    for id_ in ("msg_1", "msg_3"):
        await expunge(store, id_)
    await asyncio.sleep(0.05)
    assert traces(path) > 0
    async with asyncio.timeout(30):  # nobody waits for the reader
        await store.run(lambda tx: tx.execute("set_meta", "checked", "2"))
    reader.execute("COMMIT")
    async with asyncio.timeout(30):
        while traces(path):  # with what is written next
            await store.run(lambda tx: tx.execute("set_meta", "checked", "3"))
    reader.close()


async def test_what_retention_removed_is_in_no_file_any_more_once_the_log_is_copied(
    store: SqliteStore, path: Path
) -> None:
    await fill(store)
    assert await Retention(store, ManualClock(), 10.0).run() is not None
    await store.close()
    assert traces(path) == 0


async def test_the_words_of_a_text_are_in_no_file_any_more_and_in_no_search(
    store: SqliteStore, path: Path
) -> None:
    others = ["something", "else", "zyxwvutsrabc altogether"]
    ids = [await a_text(store, f"sms_{n}", text) for n, text in enumerate(["so zyxwvutsrqp it is", *others])]
    assert traces(path, b"zyxwvutsrqp") >= 3  # event, item, index of words
    await expunge(store, ids[0])
    await quiet(store)
    assert traces(path, b"zyxwvutsrqp") == 0
    item = await store.read(lambda r: conversations.find_item(r, WORKSPACE, "sms_0"))
    assert item is not None
    assert (item.content, item.at > 0) == (None, True)
    found = ItemFilter(words=("zyxwvutsr",))
    rows, _ = await store.read(
        lambda r: item_search.find_items(r, WORKSPACE, found, "DATE_DESC", limit=9, offset=0)
    )
    assert [row.id for row in rows] == ["sms_3"]


async def a_text(store: SqliteStore, id_: str, content: str) -> str:
    """A text that was received and kept; the id of its event."""
    data = read("sms.received", TOPICS["sms.received"].example)
    assert isinstance(data, SmsReceived)
    text = msgspec.structs.replace(data, id=id_, content=content)
    event = new_event(WORKSPACE, check(text), NOW)

    async def work(tx: Transaction) -> None:
        await outbox.accept(tx, event)
        await record(tx, WORKSPACE, text, NOW)

    await store.run(work)
    return event.id
