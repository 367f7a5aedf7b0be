"""Through uvicorn on a loopback port, with raw sockets: what real clients and bad ones do to it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import uvicorn

from switchhook.api.services import Limits
from tests.api.world import TAG, World, dumps

pytestmark = pytest.mark.sqlite  # what is tried here ends before the store

EVENT = dumps({"topic": "tag.added", "data": TAG})


@dataclass
class Wire:
    """A server and the way to it."""

    world: World
    port: int
    key: str

    def head(self, *lines: str, target: str = "POST /v2/api/events") -> bytes:
        standard = [
            f"{target} HTTP/1.1",
            "Host: x",
            f"Authorization: Api-Key {self.key}",
            "Content-Type: application/json",
        ]
        return "\r\n".join([*standard, *lines, "", ""]).encode()

    async def exchange(self, *parts: bytes, count: int = 1) -> list[tuple[int, bytes]]:
        """Send `parts` with a turn of the loop between them, and read `count` answers (fewer if the server closes)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                await asyncio.sleep(0)
            return await answers(reader, count)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def answers(reader: asyncio.StreamReader, count: int) -> list[tuple[int, bytes]]:
    """Responses on a connection: status and body."""
    found: list[tuple[int, bytes]] = []
    while len(found) < count:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return found
        status = int(head.split(b" ", 2)[1])
        if status == 100:
            continue
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = int(lengths[0].split(b":")[1]) if lengths else 0
        found.append((status, await reader.readexactly(size)))
    return found


@pytest.fixture
async def wire(world: World, key: str) -> AsyncIterator[Wire]:
    app = world.build(Limits(None, None, body_bytes=100_000))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older uvicorn has it
    serving = asyncio.create_task(server._serve([listener]))
    while not server.started:
        await asyncio.sleep(0)
    yield Wire(world, listener.getsockname()[1], key)
    server.should_exit = server.force_exit = True  # a request that hangs must not hang the tests
    await serving
    listener.close()


async def test_a_plain_post_is_accepted(wire: Wire) -> None:
    found = await wire.exchange(wire.head(f"Content-Length: {len(EVENT)}") + EVENT)
    assert [status for status, _ in found] == [202]


async def test_many_posts_in_one_breath_are_all_answered_in_order(wire: Wire) -> None:
    bad = b'{"topic":"x","data":{}}'
    one = wire.head(f"Content-Length: {len(EVENT)}") + EVENT
    two = wire.head(f"Content-Length: {len(bad)}") + bad
    found = await wire.exchange((one + two) * 10, count=20)
    assert [status for status, _ in found] == [202, 400] * 10
    assert await wire.world.events() == 10


async def test_a_chunked_body_is_accepted(wire: Wire) -> None:
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (EVENT[:9], EVENT[9:])]
    found = await wire.exchange(wire.head("Transfer-Encoding: chunked"), *chunks, b"0\r\n\r\n")
    assert [status for status, _ in found] == [202]


async def test_a_huge_chunked_body_is_413_and_the_sender_hears_it(wire: Wire) -> None:
    chunk = b"%x\r\n%b\r\n" % (64_000, b"x" * 64_000)
    found = await wire.exchange(wire.head("Transfer-Encoding: chunked"), *[chunk] * 30, b"0\r\n\r\n")
    assert [status for status, _ in found] == [413]
    assert b"PAYLOAD_TOO_LARGE" in found[0][1]


async def test_a_huge_declared_body_is_413_and_the_sender_hears_it(wire: Wire) -> None:
    size = 2_000_000
    found = await wire.exchange(wire.head(f"Content-Length: {size}"), *[b"x" * 100_000] * 20)
    assert [status for status, _ in found] == [413]


async def test_who_asks_first_is_told_before_sending(wire: Wire) -> None:
    found = await wire.exchange(wire.head("Content-Length: 9999999999999999999", "Expect: 100-continue"))
    assert found[0][0] in (400, 413)  # such a length is beyond what some parsers take
    found = await wire.exchange(wire.head("Content-Length: 999999999", "Expect: 100-continue"))
    assert [status for status, _ in found] == [413]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v2/api/events HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v2/api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
    ],
)
async def test_bad_http_is_refused_and_the_server_goes_on(wire: Wire, nonsense: bytes) -> None:
    found = await wire.exchange(nonsense)
    assert [status for status, _ in found] == [400]
    good = await wire.exchange(wire.head(f"Content-Length: {len(EVENT)}") + EVENT)
    assert good[0][0] == 202


async def test_a_body_cut_short_leaves_nothing(wire: Wire) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(wire.head(f"Content-Length: {len(EVENT)}") + EVENT[:-1])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    assert (await wire.exchange(wire.head("Content-Length: 2") + b"{}"))[0][0] == 400
    assert await wire.world.events() == 0


async def test_a_refusal_keeps_the_connection_for_the_next_request(wire: Wire) -> None:
    refused = wire.head(f"Content-Length: {len(EVENT)}").replace(wire.key.encode(), b"wrong") + EVENT
    good = wire.head(f"Content-Length: {len(EVENT)}") + EVENT
    found = await wire.exchange(refused + good, count=2)
    assert [status for status, _ in found] == [401, 202]


async def test_head_and_redirect_and_404_have_well_formed_bodies(wire: Wire) -> None:
    targets = ("GET /", "GET /nothing", "DELETE /v2/api/webhooks/ep_1", "GET /healthz")
    found = await wire.exchange(b"".join(wire.head(target=target) for target in targets), count=4)
    assert [status for status, _ in found] == [307, 404, 404, 200]
