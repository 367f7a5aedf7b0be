"""In the files of an embedded store nothing is left of what was removed."""

import asyncio
from pathlib import Path

import apsw
import pytest

from switchhook.clock import ManualClock
from switchhook.delivery.retention import Retention
from switchhook.storage import expunging, outbox
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Transaction
from tests.storage.rows import NOW, WORKSPACE, an_outcome, settle, subscribe

pytestmark = pytest.mark.sqlite

WORD = b"the-content-that-must-go"


def traces(path: Path) -> int:
    """How often the content stands in the files."""
    return sum(
        file.read_bytes().count(WORD) for file in path.parent.iterdir() if file.name.startswith(path.name)
    )


async def fill(store: SqliteStore) -> None:
    """Two delivered events with a short and a long body that hold the word, among others."""
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
    async with asyncio.timeout(20):
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
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN; SELECT count(*) FROM events").fetchall()
    for id_ in ("msg_1", "msg_3"):
        await expunge(store, id_)
    await asyncio.sleep(0.05)
    assert traces(path) > 0
    async with asyncio.timeout(3):  # nobody waits for the reader
        await store.run(lambda tx: tx.execute("set_meta", "checked", "2"))
    reader.execute("COMMIT")
    async with asyncio.timeout(20):
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
