"""A server that is killed when the object store has a recording, before that is written down."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import apsw
import pytest

from bench.serving import Server
from switchhook.clock import SystemClock
from switchhook.serving.installation import first_workspace
from switchhook.storage.sqlite import SqliteStore
from tests.media.s3_server import S3Server, serving
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.process

SOUND = b"sound" * 50_000


async def keep_recording(data: Path) -> None:
    (data / "recordings").mkdir(parents=True)
    (data / "recordings" / "one.mp3").write_bytes(SOUND)
    store = SqliteStore(data / "switchhook.db")
    workspace = await first_workspace(store, SystemClock())
    row = (workspace.id, "rec_1", "cll_1", "recordings/one.mp3", 4.0, 1)
    await store.run(lambda tx: tx.execute("add_recording", *row))
    await store.close()


def object_key(data: Path) -> str:
    """What the database knows of the object."""
    connection = apsw.Connection(str(data / "switchhook.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        ((key,),) = connection.execute("SELECT object_key FROM recordings")
        return str(key)
    finally:
        connection.close()


def begin(data: Path, store: S3Server) -> Server:
    return Server(data, recordings_store="s3", recordings_keep_days=0, **store.options())


def test_killed_between_storing_and_writing_that_down_it_stores_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    asyncio.run(keep_recording(data))
    started, killed = threading.Event(), threading.Event()
    with serving() as store:
        pids: list[int] = []

        def kill(method: str, path: str) -> None:
            if method == "PUT" and not killed.is_set() and started.wait(PATIENCE):
                os.kill(pids[0], signal.SIGKILL)
                killed.set()

        store.done = kill
        server = begin(data, store)
        pids.append(server.child.pid)
        started.set()
        assert killed.wait(PATIENCE)
        server.reap()
        assert list(store.objects().values()) == [SOUND]
        assert object_key(data) == ""
        assert (data / "recordings" / "one.mp3").exists()
        server = begin(data, store)
        try:
            until(lambda: not (data / "recordings" / "one.mp3").exists())
            assert object_key(data) == "one.mp3"
            assert store.objects() == {"one.mp3": SOUND}
            assert [method for method, _ in store.asked].count("PUT") == 2
        finally:
            server.stop()
