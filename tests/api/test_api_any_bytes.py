"""Whatever bytes come in on a socket, in whatever pieces: no fault of ours, no hang, and the next client is served.

The server is the real one, on loopback; its clock is moved by hand, so that who sends half of something is waited for
without waiting. `SWITCHHOOK_FUZZ=500` tries that many in place of a few, `SWITCHHOOK_FUZZ_SEED` others.
"""

import asyncio
import json
import logging
import os
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from switchhook.api.errors import CODES
from switchhook.api.routes import ROUTES
from switchhook.serving.server import HttpServer
from tests.api.world import PUBLIC_URL, World

T = TypeVar("T")

EXAMPLES = int(os.environ.get("SWITCHHOOK_FUZZ", "25"))
SEED = int(os.environ.get("SWITCHHOOK_FUZZ_SEED", "4"))
ROOM = 3  # connections at the same time
KEY = b"THE KEY"  # which nobody has when requests are made up
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "DESCRIBE", "PRI"]
TARGETS = [
    "*",
    "http://x",
    "http://x?a=1",
    "http://x/v2/api/me",
    "//x/y",
    "x:1",
    "/%00",
    "/\xff",
    "/%ff",
    "/#a",
]
NAMES = [
    "host",
    "authorization",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
]
NAMES += ["expect", "idempotency-key", "x-request-id", "range", "cookie", "x"]
VALUES = ["", "x", "application/json", "chunked", "gzip, chunked", "close", "keep-alive", "upgrade", "h2c"]
VALUES += ["websocket", "100-continue", "0", "2", "7", "-1", "2, 2", "9" * 20, "bytes=0-", "switchhook=a.b"]
BODIES = [
    b"{}",
    b'{"name":"x"}',
    b"2\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}\r\n0\r\nx: y\r\n\r\n",
    b"zz\r\n",
    b"ffffffffffffffff\r\n",
]

texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=20)
words = st.text("abcdef-", min_size=1, max_size=8)


def mostly(good: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """What is odd in every line would be refused for its first."""
    return st.integers(0, 19).flatmap(lambda n: odd if n == 19 else good)


names = mostly(st.sampled_from(NAMES) | words, texts)
lines = st.tuples(names, mostly(st.sampled_from(VALUES) | words, texts)).map(": ".join)
starts = st.sampled_from([f"{route.method} {re.sub('[{}]', '', route.path)}" for route in ROUTES])
odd_starts = st.tuples(st.sampled_from(METHODS) | texts, st.sampled_from(TARGETS) | texts).map(" ".join)
versions = mostly(st.just("HTTP/1.1"), st.sampled_from(["HTTP/1.0", "HTTP/2.0", "RTSP/1.0", "", "x"]) | texts)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Something like a request: most of it right, any of it wrong."""
    start = draw(st.integers(0, 3).flatmap(lambda n: odd_starts if n == 3 else starts))
    head = [f"{start} {draw(versions)}", *draw(st.lists(lines, max_size=3))]
    if draw(st.booleans()):
        head.append(f"authorization: Api-Key {KEY.decode()}")
    body = draw(st.just(b"") | st.sampled_from(BODIES) | st.binary(max_size=40))
    if draw(mostly(st.just(True), st.just(False))):
        head += ["content-type: application/json", f"content-length: {len(body)}"]
    ending = draw(mostly(st.just("\r\n"), st.just("\n")))
    return ending.join([*head, "", ""]).encode("latin-1") + body


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """What one client sends, cut anywhere and perhaps short."""
    anything = mostly(requests(), st.binary(max_size=60))
    whole = b"".join(draw(st.lists(anything, min_size=1, max_size=4)))
    whole = whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


class Client(asyncio.Protocol):
    """Keeps what is said to it, also when the connection is reset in the end."""

    def __init__(self) -> None:
        self.said = b""
        self.gone = False

    def data_received(self, data: bytes) -> None:
        self.said += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True


@dataclass
class Rig:
    """A server that holds a world."""

    world: World
    server: HttpServer
    port: int
    key: str

    async def say(self, sent: list[bytes]) -> bytes:
        """Everything that is answered until the server closes, which it does in time whatever came."""
        transport, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", self.port)
        try:
            async with asyncio.timeout(30):  # of this machine; on the server's clock, as long as that takes
                for piece in sent:
                    transport.write(piece.replace(KEY, self.key.encode()))
                    await self.world.clock.advance(0)
                while not client.gone and b"text/event-stream" not in client.said:  # which has no end
                    await self.world.clock.advance(5)
            return client.said
        finally:
            transport.abort()


@pytest.fixture
async def rig(world: World, key: str) -> AsyncIterator[Rig]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(world.app, world.clock, PUBLIC_URL, ROOM, ROOM)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listening.wait()
    yield Rig(world, server, listener.getsockname()[1], key)
    server.should_exit = server.force_exit = True
    await running


def answers(said: bytes) -> list[tuple[int, bytes]]:
    """Status and body of the answers on one connection, which is nothing but whole answers."""
    found = []
    while said:
        head, end, said = said.partition(b"\r\n\r\n")
        status, *headers = head.split(b"\r\n")
        assert end
        told = re.fullmatch(rb"HTTP/1\.1 (\d\d\d) [\w -]+", status)
        assert told is not None, status
        if told[1] == b"100":
            continue
        named = dict(line.split(b": ", 1) for line in headers)
        assert re.fullmatch(rb"[\w.:/+=@-]{1,128}", named[b"x-request-id"])
        body = b""
        if said and not said.startswith(b"HTTP/1.1 "):  # otherwise HEAD was asked for, or there is none
            if named.get(b"transfer-encoding") == b"chunked":
                body, said = unchunked(said)
            else:
                size = int(named[b"content-length"])
                body, said = said[:size], said[size:]
                assert len(body) == size
        found.append((int(told[1]), body))
    return found


def unchunked(said: bytes) -> tuple[bytes, bytes]:
    """A body in chunks, and what is said behind it."""
    body = b""
    while True:
        size, end, said = said.partition(b"\r\n")
        assert end
        chunk, said = said[: int(size, 16) + 2], said[int(size, 16) + 2 :]
        assert chunk.endswith(b"\r\n")
        if chunk == b"\r\n":
            return body, said
        body += chunk[:-2]


def check(status: int, body: bytes) -> None:
    """Pass only what is documented; of what is our side's, only that there is no more room."""
    if status < 400 or not body:
        assert 200 <= status < 500
        return
    told = json.loads(body)
    code = told["code"] if "code" in told else told["error"]["code"]
    assert status in (CODES[code].status, 422)
    assert status < 500 or code == "TOO_MANY_CONNECTIONS"


@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(clients=st.lists(pieces(), min_size=1, max_size=ROOM + 1))
async def test_any_bytes_on_a_socket_are_no_fault_of_ours_and_hold_nobody_up(
    rig: Rig, caplog: pytest.LogCaptureFixture, clients: list[list[bytes]]
) -> None:
    for said in await asyncio.gather(*[rig.say(sent) for sent in clients]):
        for status, body in answers(said):
            check(status, body)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    await rig.world.clock.advance(5)
    assert not rig.server.server_state.connections
    assert not rig.server.server_state.tasks
    good = b"GET /v2/api/me HTTP/1.1\r\nhost: x\r\nauthorization: %b\r\nconnection: close\r\n\r\n" % KEY
    ((status, body),) = answers(await rig.say([good]))
    assert status == 200, body
