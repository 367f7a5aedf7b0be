"""What `serve` refuses before it touches anything, and what it refuses of strangers."""

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from switchhook.clock import ManualClock, SystemClock
from switchhook.serving.app import serve
from switchhook.serving.installation import InstallationError
from switchhook.serving.rounds import Rounds
from switchhook.settings.config import ConfigError, load


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        (
            "users",
            '[{"email": "a@example.com", "sip": ["bob"]}]',
            "SWITCHHOOK_USERS: not a SIP address: 'bob'",
        ),
        ("sip_trunk", "not an address", "SWITCHHOOK_SIP_TRUNK: not a SIP address"),
        ("sip_greeting", "nowhere.wav", "SWITCHHOOK_SIP_GREETING: .*nowhere.wav"),
    ],
)
async def test_what_no_call_could_use_is_refused_before_it_is_stored(
    tmp_path: Path, setting: str, value: Any, named: str
) -> None:
    """Users stay in the database: a wrong address that got there would still be refused when the file is mended."""
    data = tmp_path / "data"
    config = load({"data": str(data)}, {f"SWITCHHOOK_{setting.upper()}": value})
    with pytest.raises(ConfigError, match=named):
        await serve(config, ManualClock(), print)
    assert not data.exists()


async def test_the_head_of_a_request_is_bounded(tmp_path: Path) -> None:
    """Whoever sends headers without end has no key yet, and must not fill our memory."""
    said: list[str] = []
    config = load({"data": str(tmp_path / "data"), "port": 0}, {})
    serving = asyncio.create_task(serve(config, SystemClock(), said.append))
    try:
        async with asyncio.timeout(30):
            while not any(line.startswith("ready") for line in said):
                await asyncio.sleep(0.02)
            port = int(said[-1].rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"x-long: y\r\n" * 500)
            sent = 0
            with contextlib.suppress(ConnectionError):
                while sent < 32 * 2**20 and not reader.at_eof():
                    writer.write(b"x-more: " + b"z" * 20_000 + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(0)
                    sent += 20_010
            assert sent < 8 * 2**20
            writer.transport.abort()
            # An ordinary long head passes, and in pieces too.
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in (b"GET /healthz HTTP/1.1\r\nhost: x\r\n", b"cookie: " + b"c" * 30_000, b"\r\n\r\n"):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.05)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(30):
            await serving


async def test_who_loses_the_port_between_taking_it_and_listening_says_so(tmp_path: Path) -> None:
    """Two servers can both be given a port that nobody listens on yet; one of them is the first to listen."""
    data = tmp_path / "data"
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        config = load({"data": str(data), "port": other.getsockname()[1]}, {})
        serving = asyncio.create_task(serve(config, SystemClock(), print))
        while not data.exists():
            await asyncio.sleep(0)
        other.listen()
        async with asyncio.timeout(60):
            with pytest.raises(InstallationError, match="in use; name another one with --port"):
                await serving


async def test_who_cannot_be_told_that_it_is_ready_ends_in_order(tmp_path: Path) -> None:
    """Standard output is closed, say: nothing goes on behind it, and the next one can serve from the same data."""

    def say(line: str) -> None:
        raise BrokenPipeError

    config = load({"data": str(tmp_path / "data"), "port": 0}, {})
    for _ in range(2):
        before = asyncio.all_tasks()
        with pytest.raises(BrokenPipeError):
            await serve(config, SystemClock(), say)
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == before


async def test_a_round_that_fails_is_told_of_and_begun_anew(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    begun: list[float] = []

    async def work() -> None:
        begun.append(clock.monotonic())
        await clock.sleep(5)
        if len(begun) == 2:
            raise ValueError("what nobody thought of")
        await clock.sleep(1_000)

    rounds = Rounds(clock)
    before = asyncio.all_tasks()
    rounds.begin("looking at the moon", work)
    await clock.advance(1_900)
    assert len(begun) == 3
    assert "looking at the moon failed; it is begun anew" in caplog.text
    rounds.stop()
    await clock.advance(1)
    assert asyncio.all_tasks() == before
