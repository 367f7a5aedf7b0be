"""Every kind of dedupe store, for real, behind one asynchronous face. Time passes for a message with `lapse`."""

import inspect
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import redis
import redis.asyncio

from switchhook.webhooks import MemoryDedupe
from switchhook.webhooks.dedupe import AsyncDedupe, Dedupe
from switchhook.webhooks.dedupe.postgresql import AsyncpgDedupe, PostgresDedupe
from switchhook.webhooks.dedupe.redis import PREFIX, AsyncRedisDedupe, RedisDedupe
from switchhook.webhooks.dedupe.sqlite import SqliteDedupe

KINDS = ["memory", "sqlite", "postgresql-dbapi", "postgresql-asyncpg", "redis", "redis-asyncio"]
LAPSE = "UPDATE webhook_messages SET until = '-infinity' WHERE id = "


class Clock:
    def __init__(self) -> None:
        self.now = 1_742_049_000.0

    def __call__(self) -> float:
        return self.now


class Noted:
    """A store and the way to let a message's time run out."""

    def __init__(self, store: Dedupe | AsyncDedupe, lapse: Callable[[str], Awaitable[None]]) -> None:
        self.store = store
        self.lapse = lapse

    async def ask(self, name: str, *values: Any) -> Any:
        result = getattr(self.store, name)(*values)
        return await result if inspect.isawaitable(result) else result


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis of our own on a socket, that is gone afterwards."""
    program = shutil.which("redis-server")
    if program is None:
        text = "Redis is not installed (Debian package `redis-server`)"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    path = folder / "redis.sock"
    flags = [
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen([program, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(path))
                    break
                except OSError:
                    assert process.poll() is None, "redis-server ended"
                    assert time.monotonic() < deadline, "redis-server did not start"
                    time.sleep(0.02)
        yield str(path)
    finally:
        process.terminate()
        process.wait(60)


@asynccontextmanager
async def opened(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Noted]:
    """A store of this kind with nothing in it."""
    clock = Clock()

    async def pass_time(_: str) -> None:
        clock.now += 1_000_000_000

    if kind == "memory":
        yield Noted(MemoryDedupe(clock=clock), pass_time)
    elif kind == "sqlite":
        file = SqliteDedupe(folder / "notes.db", clock)
        yield Noted(file, pass_time)
        file.close()
    elif kind == "postgresql-dbapi":
        url = request.getfixturevalue("cluster").database(empty=True)
        plain = PostgresDedupe(lambda: psycopg.connect(url))
        plain.prepare()

        async def lapse(msg_id: str) -> None:
            with psycopg.connect(url) as connection:
                connection.execute(LAPSE + "%s", [msg_id])

        yield Noted(plain, lapse)
    elif kind == "postgresql-asyncpg":
        pool = await asyncpg.create_pool(
            request.getfixturevalue("cluster").database(empty=True), min_size=1, max_size=4
        )
        store = AsyncpgDedupe(pool)
        await store.prepare()

        async def lapse_too(msg_id: str) -> None:
            await pool.execute(LAPSE + "$1", msg_id)

        yield Noted(store, lapse_too)
        await pool.close()
    else:
        client = redis.Redis(unix_socket_path=request.getfixturevalue("redis_socket"))
        client.flushall()

        async def expire(msg_id: str) -> None:
            client.delete(PREFIX + msg_id)

        if kind == "redis":
            yield Noted(RedisDedupe(client), expire)
        else:
            loop_client = redis.asyncio.Redis(unix_socket_path=request.getfixturevalue("redis_socket"))
            yield Noted(AsyncRedisDedupe(loop_client), expire)
            await loop_client.aclose()
        client.close()
