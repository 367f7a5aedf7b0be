"""What an installation has once: its directory, its lock, its first workspace, its secrets."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.clock import ManualClock
from switchhook.serving.installation import (
    InstallationError,
    ServeLock,
    create_key,
    first_admin_key,
    first_workspace,
    open_store,
    recording_key,
)
from switchhook.settings.config import Config, load
from switchhook.storage import keys
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import StorageError, Store

ROOT = Path(__file__).parents[1]

HOLDS_THE_LOCK = """
import sys, time
from switchhook.settings.config import load
from switchhook.serving.installation import ServeLock
lock = ServeLock(load({"data": sys.argv[1]}, {}))
lock.take()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return load({"data": str(tmp_path / "data")}, {})


@pytest.fixture
async def store(config: Config) -> AsyncIterator[SqliteStore]:
    opened = await open_store(config)
    assert isinstance(opened, SqliteStore)
    yield opened
    await opened.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_data_directory_is_made_for_its_owner_alone(store: SqliteStore, config: Config) -> None:
    assert mode(config.data) == 0o700
    assert (config.data / "switchhook.db").is_file()


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallationError, match=r"directory .*/file/data: a file is in the way.*--data"):
        await open_store(load({"data": str(tmp_path / "file" / "data")}, {}))
    with pytest.raises(InstallationError, match=r"directory .*/file: a file is in the way.*--data"):
        ServeLock(load({"data": str(tmp_path / "file")}, {})).take()


def test_a_disk_that_takes_no_more_is_told_at_the_start_without_a_traceback(tmp_path: Path) -> None:
    nothing = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"  # every write fails
    code = f"{nothing}; import sys; from switchhook.cli import main; sys.argv = ['switchhook', *sys.argv[1:]]; main()"
    started = [sys.executable, "-B", "-c", code, "serve", "--port", "0", "--data", str(tmp_path / "data")]
    done = subprocess.run(started, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"switchhook: cannot write to the data directory {tmp_path / 'data'}: ")
    assert done.stderr.count("\n") == 1, done.stderr


async def test_the_first_workspace_is_made_once_however_many_ask(store: SqliteStore) -> None:
    clock = ManualClock()
    found = await asyncio.gather(*(first_workspace(store, clock) for _ in range(20)))
    assert len(set(found)) == 1
    assert await store.read(keys.workspaces) == [found[0]]


async def test_the_secret_of_the_recordings_is_made_once_and_kept(store: SqliteStore, config: Config) -> None:
    found = await asyncio.gather(*(recording_key(store) for _ in range(20)))
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    again = await open_store(config)
    assert await recording_key(again) == found[0]
    await again.close()


async def test_the_first_start_gives_an_admin_key_and_the_second_none(
    store: SqliteStore, config: Config
) -> None:
    clock = ManualClock()
    workspace = await first_workspace(store, clock)
    key = await first_admin_key(store, clock, workspace.id, config.data)
    assert key is not None
    file = config.data / "admin.key"
    assert mode(file) == 0o600
    assert file.read_text() == key + "\n"
    found = await store.read(lambda reader: keys.find_key(reader, key))
    assert found is not None
    assert (found.workspace, found.scopes) == (workspace.id, frozenset({"ALL"}))
    assert await first_admin_key(store, clock, workspace.id, config.data) is None
    await store.run(lambda tx: keys.revoke_key(tx, found.id, clock.now()))
    assert (
        await first_admin_key(store, clock, workspace.id, config.data) is None
    )  # whoever revoked it meant it
    assert file.read_text() == key + "\n"


async def test_a_file_that_others_could_read_is_closed_to_them_before_the_key_is_in_it(
    store: SqliteStore, config: Config
) -> None:
    file = config.data / "admin.key"
    file.write_text("an old key, longer than the new one will be " * 5)
    file.chmod(0o644)
    workspace = await first_workspace(store, ManualClock())
    key = await first_admin_key(store, ManualClock(), workspace.id, config.data)
    assert mode(file) == 0o600
    assert file.read_text() == f"{key}\n"


async def test_whoever_has_made_a_key_already_gets_no_admin_key(store: SqliteStore, config: Config) -> None:
    clock = ManualClock()
    workspace = await first_workspace(store, clock)
    await create_key(store, clock, workspace.id, frozenset({"CALLS_READ"}), "mine")
    assert await first_admin_key(store, clock, workspace.id, config.data) is None
    assert not (config.data / "admin.key").exists()


async def test_no_admin_key_is_stored_that_could_not_be_written_down(
    store: SqliteStore, config: Config
) -> None:
    clock = ManualClock()
    workspace = await first_workspace(store, clock)
    (config.data / "admin.key").mkdir()
    with pytest.raises(InstallationError, match=r"cannot write .*admin\.key"):
        await first_admin_key(store, clock, workspace.id, config.data)
    assert await store.read(keys.list_keys) == []
    (config.data / "admin.key").rmdir()
    assert (
        await first_admin_key(store, clock, workspace.id, config.data) is not None
    )  # the next start has another go


async def test_an_admin_key_that_could_not_be_stored_is_made_anew(store: SqliteStore, config: Config) -> None:
    clock = ManualClock()
    workspace = await first_workspace(store, clock)
    store._connection.pragma("query_only", True)
    with pytest.raises(StorageError):
        await first_admin_key(store, clock, workspace.id, config.data)
    store._connection.pragma("query_only", False)
    key = await first_admin_key(store, clock, workspace.id, config.data)
    assert (config.data / "admin.key").read_text() == f"{key}\n"


def test_a_second_holder_is_refused_until_the_first_one_is_killed(config: Config) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_LOCK, str(config.data)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(InstallationError, match=rf"process {holder.pid} is serving .*--data"):
                ServeLock(config).take()
        finally:
            os.kill(holder.pid, signal.SIGKILL)
    lock = ServeLock(config)
    lock.take()  # the system has freed it
    with pytest.raises(InstallationError, match=f"process {os.getpid()} is serving"):
        ServeLock(config).take()
    lock.release()


def test_one_database_has_one_lock_by_whatever_name_it_is_called(config: Config, tmp_path: Path) -> None:
    held = ServeLock(config)
    held.take()
    (tmp_path / "other").symlink_to(config.data)
    for name in (tmp_path / "other" / "switchhook.db", config.data / ".." / "data" / "switchhook.db"):
        with pytest.raises(InstallationError, match="is serving"):
            ServeLock(load({"database": f"sqlite:///{name}"}, {})).take()
    (config.data / "switchhook.db").touch()
    (tmp_path / "link.db").symlink_to(config.data / "switchhook.db")
    with pytest.raises(InstallationError, match="is serving"):
        ServeLock(load({"database": f"sqlite:///{tmp_path}/link.db"}, {})).take()
    elsewhere = ServeLock(load({"data": str(tmp_path / "elsewhere")}, {}))
    elsewhere.take()
    held.release()
    elsewhere.release()


def test_a_lock_that_was_released_can_be_taken(config: Config) -> None:
    lock = ServeLock(config)
    lock.release()  # nobody has it: no fault
    for _ in range(2):
        lock.take()
        lock.release()


async def test_the_command_line_may_write_while_the_lock_is_held(config: Config) -> None:
    lock = ServeLock(config)
    lock.take()
    store = await open_store(config)
    clock = ManualClock()
    workspace = await first_workspace(store, clock)
    await create_key(store, clock, workspace.id, frozenset({"ALL"}), "")
    await store.close()
    lock.release()


async def test_a_key_is_given_once_and_is_kept_as_a_digest(store: SqliteStore, config: Config) -> None:
    clock = ManualClock()
    workspace = await first_workspace(store, clock)
    id_, key = await create_key(store, clock, workspace.id, frozenset({"A", "B"}), "two")
    (row,) = await store.read(keys.list_keys)
    assert (row.id, row.name, row.scopes) == (id_, "two", frozenset({"A", "B"}))
    await store.close()
    assert key.encode() not in (config.data / "switchhook.db").read_bytes()


async def test_of_servers_that_start_at_once_on_one_database_one_makes_the_key(
    tmp_path: Path, database: str
) -> None:
    """There is one workspace, one admin key, and it is the one that the file holds."""
    config = load({"data": str(tmp_path / "data"), "database": database}, {})
    stores = await asyncio.gather(*[open_store(config) for _ in range(4)])
    clock = ManualClock()

    async def begin(store: Store) -> str | None:
        workspace = await first_workspace(store, clock)
        return await first_admin_key(store, clock, workspace.id, config.data)

    made = [key for key in await asyncio.gather(*map(begin, stores)) if key is not None]
    assert len(made) == 1
    assert (config.data / "admin.key").read_text().strip() == made[0]
    assert [path.name for path in config.data.iterdir()] == ["admin.key"]
    assert len(await stores[0].read(keys.list_keys)) == 1
    assert len(await stores[0].read(keys.workspaces)) == 1
    for store in stores:
        await store.close()
