"""What the store does when the disk, the file or the transaction does not want to."""

import asyncio
import os
from pathlib import Path

import apsw
import pytest

from switchhook.storage import outbox
from switchhook.storage.outbox import NewEvent
from switchhook.storage.sql import migrations
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.sqlite_connection import APPLICATION
from switchhook.storage.store import Conflict, StorageError, Transaction
from tests.storage.rows import NOW, TOPIC, WORKSPACE, accept, an_event, schedule, targets, there, write

pytestmark = [pytest.mark.sqlite, pytest.mark.usefixtures("commits")]

LARGE = "x" * 400_000


async def accept_large(tx: Transaction) -> None:
    await outbox.accept(tx, NewEvent(WORKSPACE, "msg_large", TOPIC, LARGE.encode(), NOW))


def fill_the_disk(store: SqliteStore, pages_left: int = 5) -> None:
    """SQLite's own limit stands for the end of the disk: it fails at the same place in the same way."""
    pages = store._connection.pragma("page_count")
    store._connection.pragma("max_page_count", pages + pages_left)


def free_the_disk(store: SqliteStore) -> None:
    store._connection.pragma("max_page_count", 1_073_741_823)


async def test_a_full_disk_fails_the_whole_group_and_leaves_nothing_of_it(store: SqliteStore) -> None:
    told: list[str] = []
    store.on_committed(lambda committed: told.extend(event.id for event in committed.events))
    fill_the_disk(store)
    results = await asyncio.gather(
        store.run(write("before")),
        accept(store, "msg_1"),
        store.run(write("large", LARGE)),
        store.run(write("after")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StorageError] * 4
    assert all("disk is full" in str(result) for result in results)
    assert len({id(result) for result in results}) == 4  # each its own: they are raised in different tasks
    assert told == []
    assert await there(store, "before", "large", "after") == [False, False, False]
    free_the_disk(store)
    await asyncio.gather(store.run(write("before")), accept(store, "msg_1"), store.run(write("large", LARGE)))
    assert await there(store, "before", "large") == [True, True]
    assert told == ["msg_1"]
    assert await targets(store, "msg_1") == []


@pytest.mark.parametrize("pages_left", range(0, 12, 2))
async def test_wherever_the_disk_fills_up_who_was_told_yes_is_there_and_who_was_told_no_is_not(
    store: SqliteStore, path: Path, pages_left: int
) -> None:
    fill_the_disk(store, pages_left)
    for turn in range(4):
        names = [f"{turn}-{n}" for n in range(6)]
        values = [str(n) * 3_000 for n in range(6)]
        results = await asyncio.gather(
            *(store.run(write(name, value)) for name, value in zip(names, values, strict=True)),
            store.run(accept_large),
            return_exceptions=True,
        )
        assert isinstance(results[-1], StorageError)
        assert await there(store, *names) == [isinstance(result, str) for result in results[:-1]]
    assert isinstance(results[0], StorageError)  # the disk is full by now, also for small rows
    free_the_disk(store)
    await store.run(accept_large)
    await store.check()


async def test_the_check_says_that_the_store_takes_no_writes(store: SqliteStore) -> None:
    await store.check()
    store._connection.pragma("query_only", True)
    with pytest.raises(StorageError):
        await store.check()
    store._connection.pragma("query_only", False)
    await store.check()


async def test_a_commit_that_fails_fails_everybody_and_nothing_is_told(store: SqliteStore) -> None:
    told: list[str] = []
    store.on_committed(lambda committed: told.extend(event.id for event in committed.events))

    async def owes(tx: Transaction) -> None:
        # A foreign key that is looked at only when all is done: the COMMIT itself fails.
        store._connection.execute("PRAGMA defer_foreign_keys=ON")
        await tx.execute("add_key", b"digest", "wsp_nobody", "key_1", "", "ALL", NOW)

    commits = store.commits
    results = await asyncio.gather(
        accept(store, "msg_1"), store.run(owes), store.run(write("a")), return_exceptions=True
    )
    assert all(isinstance(result, StorageError) for result in results)
    assert told == []
    assert store.commits == commits
    assert await there(store, "a") == [False]
    assert (await accept(store, "msg_1")).duplicate is False


async def test_an_end_of_the_process_in_the_middle_leaves_no_open_transaction(store: SqliteStore) -> None:
    async def interrupted(tx: Transaction) -> None:
        await tx.execute("set_meta", "mine", "x")
        raise SystemExit

    asked = [asyncio.create_task(store.run(work)) for work in (write("a"), interrupted)]
    await asyncio.sleep(0)  # both have asked
    with pytest.raises(SystemExit):
        store._flush()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(result, StorageError) for result in results)
    assert await there(store, "a", "mine") == [False, False]
    await store.run(write("later"))


async def test_an_event_id_that_is_taken_is_a_conflict_and_no_repeated_fact(store: SqliteStore) -> None:
    await accept(store, "msg_1")
    with pytest.raises(Conflict):
        await accept(store, "msg_1")
    with pytest.raises(Conflict):
        await accept(store, "msg_1", "a key")


def test_a_database_of_a_newer_version_is_refused_untouched(path: Path) -> None:
    newest = migrations("sqlite")[-1][0]
    connection = apsw.Connection(str(path))
    connection.execute(f"CREATE TABLE future (a); PRAGMA user_version={newest + 1}")
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.close()
    with pytest.raises(StorageError, match=f"newer Switchhook .schema {newest + 1}, this one knows {newest}"):
        SqliteStore(path)
    connection = apsw.Connection(str(path))
    assert [name for (name,) in connection.execute("SELECT name FROM sqlite_schema")] == ["future"]
    connection.close()


@pytest.mark.parametrize("version", [0, 1, migrations("sqlite")[-1][0], 999])
@pytest.mark.parametrize("mark", [0, 0x46504D4C])
def test_a_database_of_another_program_is_refused_untouched(path: Path, version: int, mark: int) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE meta (key TEXT, theirs TEXT)")
    connection.execute(f"PRAGMA user_version={version}; PRAGMA application_id={mark}")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StorageError, match=r"switchhook\.db is an SQLite database of another program"):
        SqliteStore(path)
    assert path.read_bytes() == content  # nor is its journal mode another one
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_our_file_says_that_it_is_ours(store: SqliteStore, path: Path) -> None:
    await store.close()
    assert path.read_bytes()[68:72] == APPLICATION.to_bytes(4, "big") == b"SWKH"


async def test_the_files_of_the_database_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "folder" / "x.db")
        await store.check()
    finally:
        os.umask(before)
    files = [tmp_path / "folder", *(tmp_path / "folder").iterdir()]
    assert sorted(f.name for f in files) == ["folder", "x.db", "x.db-shm", "x.db-wal"]
    assert [oct(f.stat().st_mode & 0o777) for f in files] == ["0o700", "0o600", "0o600", "0o600"]
    await store.close()


@pytest.mark.parametrize(
    "content", [b"this is no database\n" * 100, b"\x00" * 4096, b"SQLite format 4\x00" + b"x" * 900]
)
def test_a_file_that_is_no_database_is_refused_by_name(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"switchhook\.db: this file is not a Switchhook database"):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot open the database"):
        SqliteStore(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot open the database"):
        SqliteStore(tmp_path / "file" / "x.db")


@pytest.mark.parametrize("known", [number for number, _ in migrations("sqlite")])
async def test_a_database_of_every_older_version_is_brought_up_to_date_with_its_rows(
    path: Path, known: int
) -> None:
    connection = apsw.Connection(str(path))
    for number, script in migrations("sqlite"):
        if number <= known:
            connection.execute(script)
    connection.execute(f"PRAGMA user_version={known}")
    # In the words of the first version, which every later one still understands.
    connection.execute(
        "INSERT INTO events (workspace_id, id, topic, targets, accepted_at, body) VALUES (?, ?, ?, ?, ?, ?)",
        (WORKSPACE, "msg_old", TOPIC, "ep_a", NOW, b"{}"),
    )
    if known < 4:  # later ones have the order of acceptance in it
        connection.execute(
            "INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at) VALUES (?, ?, ?, ?, ?)",
            (WORKSPACE, "ep_a", "msg_old", 2, NOW),
        )
    connection.close()
    store = SqliteStore(path)
    assert store._connection.pragma("user_version") == migrations("sqlite")[-1][0]
    assert await targets(store, "msg_old") == ["ep_a"]
    if known < 4:
        assert await schedule(store, "ep_a", "msg_old") == (2, NOW)
    assert (await store.run(lambda tx: outbox.accept(tx, an_event("msg_new")))).id == "msg_new"
    await store.close()


async def test_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in migrations("sqlite")] == list(range(1, len(migrations("sqlite")) + 1))
