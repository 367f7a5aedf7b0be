"""The store among processes: two that write, one that is killed, and a log that stays small."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from switchhook.storage import outbox, sqlite
from switchhook.storage.outbox import NewEvent
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Transaction
from tests.storage.rows import NOW, TOPIC, WORKSPACE, there, write

pytestmark = pytest.mark.sqlite

ROOT = Path(__file__).parents[2]

WRITES_AND_ENDS = """
import asyncio, sys
from pathlib import Path
from switchhook.storage.sqlite import SqliteStore
from tests.storage.rows import write

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    print("ready", flush=True)
    for n in range(100):
        await store.run(write(f"child-{n}"))
    await store.close()

asyncio.run(main())
"""

# Prints the id of every event once `run` has returned, and never ends.
ACCEPTS_FOR_EVER = """
import asyncio, itertools, sys
from pathlib import Path
from switchhook.storage.sqlite import SqliteStore
from tests.storage.rows import accept, subscribe

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await subscribe(store, "ep_a", "ep_b")
    numbers = itertools.count()

    async def caller():
        for n in numbers:
            accepted = await accept(store, f"msg_{n}", f"fact {n}")
            print(accepted.id, flush=True)

    await asyncio.gather(*(caller() for _ in range(20)))

asyncio.run(main())
"""


def child(script: str, path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


async def test_two_processes_that_write_at_once_lose_nothing(store: SqliteStore, path: Path) -> None:
    with child(WRITES_AND_ENDS, path) as other:
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == "ready\n"
        for n in range(100):
            await store.run(write(f"parent-{n}"))
        assert await asyncio.to_thread(other.wait, 60) == 0
    assert all(await there(store, *(f"child-{n}" for n in range(100)), *(f"parent-{n}" for n in range(100))))


@pytest.mark.parametrize("lines", [1, 40, 333])
async def test_killed_at_any_moment_everything_that_was_confirmed_is_there(path: Path, lines: int) -> None:
    with child(ACCEPTS_FOR_EVER, path) as victim:
        assert victim.stdout is not None
        try:
            confirmed = [victim.stdout.readline().strip() for _ in range(lines)]
        finally:
            os.kill(victim.pid, signal.SIGKILL)
        confirmed += victim.stdout.read().split("\n")[
            :-1
        ]  # what it said before it died; the last line may be torn
    store = SqliteStore(path)
    rows = await store.read(lambda reader: reader.fetch("unsettled", 0, 1_000_000))
    stored = {row[2]: row[3] for row in rows}
    assert len(confirmed) >= lines
    assert set(confirmed) <= stored.keys()
    assert set(stored.values()) == {"ep_a ep_b"}  # whole, with their targets
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert store._connection.pragma("integrity_check") == "ok"
    await store.close()


async def test_the_log_stays_small_however_long_the_load_lasts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 100)  # 0.4 MB
    store = SqliteStore(path)
    body = b"x" * 50_000

    async def caller(name: int) -> None:
        for n in range(100):
            event = NewEvent(WORKSPACE, f"msg_{name}_{n}", TOPIC, body, NOW)

            async def work(tx: Transaction, event: NewEvent = event) -> None:
                await outbox.accept(tx, event)

            await store.run(work)

    await asyncio.gather(*(caller(name) for name in range(8)))  # somebody is writing at every moment
    log = path.with_name(path.name + "-wal").stat().st_size
    written = 8 * 100 * len(body)
    assert path.stat().st_size > written / 2  # it was copied back while the load lasted
    assert log < written / 4  # and its room used again
    await store.close()
    assert path.stat().st_size > written


async def test_two_processes_that_open_a_new_database_at_once_both_can(path: Path) -> None:
    others = [child(WRITES_AND_ENDS, path) for _ in range(3)]
    for other in others:
        with other:
            assert await asyncio.to_thread(other.wait, 60) == 0
    store = SqliteStore(path)
    assert all(await there(store, *(f"child-{n}" for n in range(100))))
    await store.close()
