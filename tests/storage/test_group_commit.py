"""Many callers, one commit: what they share and what they must not."""

import asyncio
import threading
from pathlib import Path

import apsw
import pytest

from switchhook.storage import outbox, sqlite
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Committed, Conflict, Reader, StorageError, Transaction
from tests.storage.rows import WORKSPACE, accept, an_event, look, subscribe, there, write

pytestmark = [pytest.mark.sqlite, pytest.mark.usefixtures("commits")]


def seen_from_outside(path: Path, key: str) -> bool:
    """Whether another connection sees a row: it is committed."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return bool(connection.execute("SELECT 1 FROM meta WHERE key = ?", (key,)).fetchall())
    finally:
        connection.close()


async def test_a_commit_is_on_the_disk_before_anybody_is_told_yes(store: SqliteStore) -> None:
    connection = store._connection
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2  # FULL: the log is synced at every commit
    await store.run(write("a"))
    assert connection.pragma("synchronous") == 2


async def test_everything_asked_for_in_one_turn_shares_one_commit(store: SqliteStore) -> None:
    commits, commands = store.commits, store.commands
    done = await asyncio.gather(*(store.run(write(f"k{n}")) for n in range(200)))
    assert done == [f"k{n}" for n in range(200)]  # each its own result
    assert (store.commits - commits, store.commands - commands) == (1, 200)
    assert all(await there(store, *done))


async def test_one_commit_takes_no_more_than_it_may_so_that_the_loop_does_not_stand_still(
    store: SqliteStore,
) -> None:
    commits = store.commits
    await asyncio.gather(*(store.run(write(f"k{n}")) for n in range(2 * sqlite.GROUP_MAX + 1)))
    assert store.commits - commits == 3
    assert all(await there(store, "k0", f"k{2 * sqlite.GROUP_MAX}"))


async def test_a_work_that_raises_takes_back_its_own_changes_and_nobody_elses(store: SqliteStore) -> None:
    async def breaks(tx: Transaction) -> None:
        await tx.execute("set_meta", "mine", "x")
        await tx.execute("set_meta", "shared", "broken")
        raise ValueError("on purpose")

    commits = store.commits
    results = await asyncio.gather(
        store.run(write("before")),
        store.run(write("shared", "whole")),
        store.run(breaks),
        store.run(write("after")),
        return_exceptions=True,
    )
    assert isinstance(results[2], ValueError)
    assert store.commits - commits == 1
    assert await there(store, "before", "mine", "after") == [True, False, True]
    assert await store.read(look("shared")) == "whole"


async def test_a_unique_key_that_is_taken_is_a_conflict_of_that_work_alone(store: SqliteStore) -> None:
    async def add(tx: Transaction) -> None:
        await tx.execute("add_workspace", "wsp_a", "A", 1)

    results = await asyncio.gather(
        store.run(add), store.run(add), store.run(write("c")), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), Conflict, str]


async def test_a_work_sees_what_the_works_before_it_in_the_group_did(store: SqliteStore) -> None:
    _, seen = await asyncio.gather(store.run(write("a", "1")), store.run(look("a")))
    assert seen == "1"


async def test_a_caller_who_gives_up_does_not_break_the_group(store: SqliteStore) -> None:
    tasks = [asyncio.create_task(store.run(write(f"k{n}"))) for n in range(5)]
    await asyncio.sleep(0)  # they have asked, nothing is committed yet
    tasks[2].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[2], asyncio.CancelledError)
    assert [results[n] for n in (0, 1, 3, 4)] == ["k0", "k1", "k3", "k4"]
    assert all(await there(store, "k0", "k1", "k3", "k4"))
    await store.run(write("later"))


async def test_a_work_that_is_cancelled_from_within_fails_alone(store: SqliteStore) -> None:
    async def gives_up(tx: Transaction) -> None:
        await tx.execute("set_meta", "mine", "x")
        raise asyncio.CancelledError

    results = await asyncio.gather(store.run(write("a")), store.run(gives_up), return_exceptions=True)
    assert results[0] == "a"
    assert isinstance(results[1], asyncio.CancelledError)
    assert await there(store, "a", "mine") == [True, False]


async def test_a_work_that_waits_for_anything_else_is_refused_and_taken_back(store: SqliteStore) -> None:
    async def waits(tx: Transaction) -> None:
        await tx.execute("set_meta", "mine", "x")
        await asyncio.sleep(0)

    results = await asyncio.gather(store.run(write("a")), store.run(waits), return_exceptions=True)
    assert isinstance(results[1], RuntimeError)
    assert "await nothing but its transaction" in str(results[1])
    assert await there(store, "a", "mine") == [True, False]


async def test_others_are_told_after_the_commit_and_never_before(store: SqliteStore, path: Path) -> None:
    told: list[tuple[list[str], bool]] = []

    def hook(committed: Committed) -> None:
        told.append(([event.id for event in committed.events], seen_from_outside(path, "with-it")))

    store.on_committed(hook)

    async def work(tx: Transaction) -> None:
        await tx.execute("set_meta", "with-it", "x")
        await outbox.accept(tx, an_event("msg_1"))
        assert told == []

    await store.run(work)
    assert told == [(["msg_1"], True)]


async def test_nobody_is_told_of_what_was_taken_back(store: SqliteStore) -> None:
    told: list[str] = []
    store.on_committed(lambda committed: told.extend(event.id for event in committed.events))

    async def breaks(tx: Transaction) -> None:
        await outbox.accept(tx, an_event("msg_broken"))
        raise ValueError

    await asyncio.gather(
        accept(store, "msg_1"), store.run(breaks), accept(store, "msg_2"), return_exceptions=True
    )
    assert told == ["msg_1", "msg_2"]


async def test_nobody_is_told_of_a_repeated_fact(store: SqliteStore) -> None:
    told: list[str] = []
    store.on_committed(lambda committed: told.extend(event.id for event in committed.events))
    await accept(store, "msg_1", "the same")
    await accept(store, "msg_2", "the same")
    assert told == ["msg_1"]


async def test_events_are_told_of_in_the_order_of_their_place(store: SqliteStore) -> None:
    places: list[int] = []
    store.on_committed(lambda committed: places.extend(event.seq for event in committed.events))
    await asyncio.gather(*(accept(store, f"msg_{n}") for n in range(50)))
    assert places == sorted(places)
    assert len(places) == 50


@pytest.mark.filterwarnings("ignore")
async def test_a_listener_that_fails_keeps_nobody_waiting(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def fails(committed: Committed) -> None:
        raise ValueError("on purpose")

    store.on_committed(fails)
    store.on_committed(lambda committed: heard.extend(event.id for event in committed.events))
    async with asyncio.timeout(30):
        await asyncio.gather(accept(store, "msg_1"), accept(store, "msg_2"))
    assert heard == ["msg_1", "msg_2"]
    assert "listener" in caplog.text


async def test_a_read_sees_only_what_was_committed(store: SqliteStore, path: Path) -> None:
    async def work(tx: Transaction) -> bool:
        await tx.execute("set_meta", "a", "x")
        return seen_from_outside(path, "a")

    asked = asyncio.create_task(store.run(work))
    await asyncio.sleep(0)
    assert await store.read(look("a")) is None  # asked for, not committed
    assert await asked is False  # nor for another connection while it is under way
    assert await store.read(look("a")) == "x"


async def test_the_loop_goes_on_while_a_large_group_is_committed(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "ASIDE", 1)
    told: list[str] = []
    store.on_committed(lambda committed: told.extend(event.id for event in committed.events))
    on = threading.Event()
    store._writer.submit(on.wait, 30)  # the disk is slow
    first = asyncio.create_task(accept(store, "msg_1"))
    for _ in range(5):
        await asyncio.sleep(0)
    second = asyncio.create_task(store.run(look("a")))  # asks for nothing, and still waits for its turn
    for _ in range(5):
        await asyncio.sleep(0)
    assert (told, first.done(), second.done()) == ([], False, False)  # not before it is durable
    assert await store.read(lambda reader: reader.fetch("event", WORKSPACE, "msg_1")) == []
    on.set()
    await asyncio.gather(first, second)
    assert told == ["msg_1"]
    assert len(await store.read(lambda reader: reader.fetch("event", WORKSPACE, "msg_1"))) == 1


async def test_a_read_between_a_commit_and_the_telling_of_it_sees_what_was_told(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "ASIDE", 1)
    on = threading.Event()
    store._writer.submit(on.wait, 30)
    asked = asyncio.create_task(store.run(write("a")))
    while store._aside is None:
        await asyncio.sleep(0)
    on.set()
    while not seen_from_outside(path, "a"):
        pass  # the loop stands still: it cannot have been told
    assert await store.read(look("a")) is None
    await asked
    assert await store.read(look("a")) == "x"


async def test_a_long_read_sees_one_moment_while_others_write(store: SqliteStore) -> None:
    looked, written = threading.Event(), threading.Event()

    async def both(tx: Transaction, value: str) -> None:
        await tx.execute("set_meta", "left", value)
        await tx.execute("set_meta", "right", value)

    async def slowly(reader: Reader) -> tuple[str | None, str | None]:
        left = await look("left")(reader)
        looked.set()
        assert written.wait(30)
        return left, await look("right")(reader)

    await store.run(lambda tx: both(tx, "1"))
    reading = asyncio.create_task(store.read(slowly, heavy=True))
    assert await asyncio.to_thread(looked.wait, 30)
    await store.run(lambda tx: both(tx, "2"))  # does not wait for the reader
    written.set()
    assert await reading == ("1", "1")
    assert await store.read(slowly, heavy=True) == ("2", "2")


async def test_a_long_read_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(StorageError):
        await store.read(write("a"), heavy=True)  # type: ignore[arg-type]
    assert await there(store, "a") == [False]


async def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    first = SqliteStore(path)
    await subscribe(first, "ep_a")
    await accept(first, "msg_1")
    await first.close()
    again = SqliteStore(path)
    rows = await again.read(lambda reader: reader.fetch("event", "wsp_one", "msg_1"))
    assert [row[2] for row in rows] == ["msg_1"]
    await again.close()


async def test_closing_finishes_what_was_asked_for(path: Path) -> None:
    store = SqliteStore(path)
    asked = [asyncio.create_task(store.run(write(f"k{n}"))) for n in range(3 * sqlite.GROUP_MAX)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*asked) == [f"k{n}" for n in range(3 * sqlite.GROUP_MAX)]
    again = SqliteStore(path)
    assert all(await there(again, *(f"k{n}" for n in range(3 * sqlite.GROUP_MAX))))
    await again.close()


async def test_a_closed_store_says_so_and_leaves_one_file(path: Path) -> None:
    store = SqliteStore(path)
    await store.run(write("a"))
    await store.read(look("a"), heavy=True)
    await store.close()
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.run(write("b"))
    with pytest.raises(StorageError, match="closed"):
        await store.read(look("a"))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
