"""What strangers can make the HTTP server hold: connections, half of a request, answers that nobody reads."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from switchhook.api.app import Api
from switchhook.clock import ManualClock
from switchhook.serving.server import Door, HttpServer, Protocol, client_of
from tests.delivery.receivers import on_both_loops

PUBLIC_URL = "https://phone.example"
HALF = b"POST / HTTP/1.1\r\nhost: x\r\n"
WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"

Message = MutableMapping[str, Any]
Application = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]


class Echo:
    """Answers with the size of the body when `go` is set; keeps what it was asked."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.scopes: list[Message] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
        await self.go.wait()
        body = str(size).encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))],
            }
        )
        await send({"type": "http.response.body", "body": body})


class Endless:
    """Answers without end, until nobody listens any more."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        await receive()
        gone = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
        self.ended.set()


class Rig:
    """A server on loopback with a clock moved by hand."""

    def __init__(self, server: HttpServer, clock: ManualClock, port: int) -> None:
        self.server = server
        self.clock = clock
        self.port = port
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def connections(self) -> list[Protocol]:
        return cast(list[Protocol], list(self.server.server_state.connections))

    async def connect(
        self, sent: bytes = b"", host: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of `host`, on which `sent` has been sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(host, 0))
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0)

    async def in_head(self) -> None:
        """Until the server has the beginning of a request."""
        await self.until(lambda: any(one._in_head for one in self.connections))


@asynccontextmanager
async def serving(application: Any = None, most: int = 100, most_each: int = 100) -> AsyncIterator[Rig]:
    clock = ManualClock()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    server = HttpServer(cast(Api, application or Echo()), clock, PUBLIC_URL, most, most_each)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listening.wait()
    rig = Rig(server, clock, listener.getsockname()[1])
    try:
        yield rig
    finally:
        for writer in rig.writers:
            writer.transport.abort()
        server.should_exit = True
        server.force_exit = True
        await running
        assert clock.next_timer() is None


async def the_rest(reader: asyncio.StreamReader) -> bytes:
    """Everything up to the end of the connection, however it ends."""
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The body of one answer."""
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        return await reader.readexactly(int(length.split(b":")[1]))


def refused(said: bytes) -> tuple[int, str]:
    """Status and code of one refusal in the envelope of its path, which must be all that was said."""
    head, _, body = said.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body) < 1_000
    assert headers["connection"] == "close"
    assert headers["cache-control"] == "no-store"
    told = json.loads(body)
    if "error" not in told:
        assert set(told) == {"code", "details"}
        return int(status.split()[1]), told["code"]
    error = told["error"]
    assert error["request_id"] == headers["x-request-id"]
    assert error["doc_url"] == f"{PUBLIC_URL}/docs#{error['code']}"
    assert {"type", "message", "retryable", "suggestion"} <= set(error)
    return int(status.split()[1]), error["code"]


# Refusals


NOT_HTTP = (400, "MALFORMED_REQUEST")
ENDLESS = b"x: " + b"z" * 70_000


@pytest.mark.parametrize(
    ("sent", "expected", "first"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", NOT_HTTP, False),
        (b"GET / HTTP/9.9\r\n\r\n", NOT_HTTP, False),
        (b"GET /v1/api/calls HTTP/9.9\r\n\r\n", NOT_HTTP, True),
        (b"GET /v1/api/calls HTTP/1.1\r\nhost: x\r\nx y: z\r\n\r\n", NOT_HTTP, True),
        (b"GET /v2/api/me HTTP/1.1\r\nhost: x\r\nx y: z\r\n\r\n", NOT_HTTP, False),
        (b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", NOT_HTTP, False),
        (b"GET x HTTP/1.1\r\nhost: x\r\n\r\n", NOT_HTTP, False),
        (b"GET http:///x HTTP/1.1\r\nhost: x\r\n\r\n", NOT_HTTP, False),
        (b"GET http://x:99999/ HTTP/1.1\r\nhost: x\r\n\r\n", NOT_HTTP, False),
        (b"GET http://x/v1/api/calls HTTP/1.1\r\nhost: x\r\nx y: z\r\n\r\n", NOT_HTTP, True),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", NOT_HTTP, False),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NOT_HTTP, False),
        (CHUNKED + b"nonsense\r\n", NOT_HTTP, False),
        (CHUNKED.replace(b"/", b"/v1/api/contacts", 1) + b"nonsense\r\n", NOT_HTTP, True),
        (WHOLE[:-2] + ENDLESS, (431, "HEADERS_TOO_LARGE"), False),
        (b"GET /v1/api/calls HTTP/1.1\r\n" + ENDLESS, (431, "HEADERS_TOO_LARGE"), True),
    ],
)
@on_both_loops
async def test_what_is_no_request_is_refused_in_the_envelope_of_its_path(
    sent: bytes, expected: tuple[int, str], first: bool
) -> None:
    async with serving() as rig:
        reader, writer = await rig.connect(sent[:20])
        if len(sent) > 1_000:
            await rig.in_head()
        writer.write(sent[20:])
        said = await the_rest(reader)
        assert refused(said) == expected
        assert (b'"error"' not in said) is first
        reader, writer = await rig.connect(WHOLE)
        assert await answer(reader) == b"0"


@on_both_loops
async def test_a_refusal_has_the_request_id_of_the_client_where_it_has_come() -> None:
    async with serving() as rig:
        reader, _ = await rig.connect(HALF + b"x-request-id: mine-7\r\nx: y\r\nx y: z\r\n\r\n")
        said = await the_rest(reader)
        assert refused(said) == NOT_HTTP
        assert b'"request_id":"mine-7"' in said


@on_both_loops
async def test_nonsense_behind_a_good_request_does_not_take_its_answer() -> None:
    echo = Echo()
    echo.go.clear()
    async with serving(echo) as rig:
        reader, writer = await rig.connect(WHOLE * 2 + b"nonsense\r\n\r\n")
        await rig.until(lambda: len(echo.scopes) == 1)
        writer.write(b"and more\r\n")
        for _ in range(20):
            await asyncio.sleep(0)
        echo.go.set()
        said = await the_rest(reader)
        assert said.count(b"HTTP/1.1 200 ") == said.count(b"HTTP/1.1 ") == 2
        assert said.count(b"connection: close") == 1


@on_both_loops
async def test_a_request_behind_another_is_refused_in_its_turn_and_never_done() -> None:
    echo = Echo()
    echo.go.clear()
    async with serving(echo) as rig:
        reader, writer = await rig.connect(
            WHOLE + CHUNKED.replace(b"/", b"/v1/api/contacts", 1) + b"nonsense\r\n"
        )
        await rig.until(lambda: len(echo.scopes) == 1)
        writer.write(b"and more\r\n")
        for _ in range(20):
            await asyncio.sleep(0)
        echo.go.set()
        assert await answer(reader) == b"0"
        said = await the_rest(reader)
        assert refused(said) == NOT_HTTP
        assert b'"error"' not in said
        assert len(echo.scopes) == 1


@on_both_loops
async def test_an_endless_head_behind_a_good_request_does_not_take_its_answer() -> None:
    echo = Echo()
    echo.go.clear()
    async with serving(echo) as rig:
        reader, writer = await rig.connect(WHOLE)
        await rig.until(lambda: len(echo.scopes) == 1)
        writer.write(HALF)
        await rig.in_head()
        writer.write(ENDLESS)
        await rig.until(lambda: any(one.flow.read_paused for one in rig.connections))
        echo.go.set()
        assert await answer(reader) == b"0"
        assert await the_rest(reader) == b""


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a?b", "/a", b"b"),
        (b"*", "*", b""),
        (b"http://x", "/", b""),
        (b"http://x:80?a=1", "/", b"a=1"),
        (b"http://you@x/a%20b?c", "/a b", b"c"),
        (b"https://[::1]:1/a", "/a", b""),
        (b"//x/a", "//x/a", b""),
        (b"/http://x", "/http://x", b""),
        (b"/a#b", "/a", b""),
        (b"/a?", "/a", b""),
    ],
)
@on_both_loops
async def test_every_form_of_a_target_names_a_path(target: bytes, path: str, query: bytes) -> None:
    echo = Echo()
    async with serving(echo) as rig:
        reader, _ = await rig.connect(WHOLE.replace(b"/", target, 1))
        assert await answer(reader) == b"0"
        (scope,) = echo.scopes
        assert (scope["path"], scope["query_string"]) == (path, query)


@on_both_loops
async def test_whoever_sends_nonsense_a_thousand_times_writes_one_line_a_minute_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as rig:
        for times in (1, 300, 200):
            for _ in range(times):
                reader, writer = await rig.connect(b"nonsense\r\n\r\n")
                await the_rest(reader)
                writer.close()
            await rig.clock.advance(30)
        await rig.clock.advance(120)
        reader, _ = await rig.connect(b"nonsense\r\n\r\n")
        await the_rest(reader)
    assert [record.message for record in caplog.records] == [
        f"{count} requests were refused: what came is no HTTP/1.1" for count in (1, 500, 1)
    ]


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c", b"nonsense"])
@on_both_loops
async def test_who_asks_for_another_protocol_is_answered_in_this_one_and_is_not_kept_waiting(
    upgrade: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    asked = b"host: x\r\nconnection: upgrade\r\nupgrade: " + upgrade + b"\r\n"
    async with serving() as rig:
        for sent in (b"GET / HTTP/1.1\r\n" + asked, HALF + asked + b"content-length: 0\r\n"):
            reader, _ = await rig.connect(sent + b"\r\n" + WHOLE)
            head, _, body = (await the_rest(reader)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nconnection: close" in head
            assert body == b"0"
        assert not caplog.records


@pytest.mark.parametrize("length", [b"content-length: 2\r\n\r\nok", b"transfer-encoding: chunked\r\n\r\n"])
@on_both_loops
async def test_a_body_that_comes_with_an_upgrade_is_refused_and_never_taken_for_empty(length: bytes) -> None:
    echo = Echo()
    async with serving(echo) as rig:
        reader, _ = await rig.connect(HALF + b"connection: upgrade\r\nupgrade: h2c\r\n" + length)
        assert refused(await the_rest(reader)) == (400, "UPGRADE_NOT_SUPPORTED")
        assert not echo.scopes


# Time


@on_both_loops
async def test_half_a_head_is_not_waited_for_and_dripping_buys_no_time() -> None:
    async with serving() as rig:
        reader, writer = await rig.connect(HALF)
        await rig.in_head()
        for n in range(4):
            await rig.clock.advance(4.9)
            writer.write(b"x-%d: y\r\n" % n)
            await asyncio.sleep(0)
        assert not reader.at_eof()
        assert len(rig.connections) == 1
        await rig.clock.advance(5.5)
        said = await the_rest(reader)
        assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert refused(said) == (408, "REQUEST_TIMEOUT")
        await rig.until(lambda: not rig.connections)
        writer.close()


@on_both_loops
async def test_the_next_head_on_a_connection_has_the_same_time() -> None:
    async with serving() as rig:
        reader, writer = await rig.connect(WHOLE)
        assert await answer(reader) == b"0"
        await rig.clock.advance(60)  # idle, which it may be
        writer.write(HALF)
        await rig.in_head()
        await rig.clock.advance(19)
        writer.write(b"content-length: 0\r\n\r\n")
        assert await answer(reader) == b"0"
        writer.write(HALF)
        await rig.in_head()
        await rig.clock.advance(26)
        assert b" 408 " in await the_rest(reader)
        writer.close()


@pytest.mark.parametrize("first", [b"", WHOLE])
@on_both_loops
async def test_who_asks_for_nothing_is_sent_away(first: bytes) -> None:
    async with serving() as rig:
        reader, writer = await rig.connect(first)
        if first:
            await answer(reader)
        await rig.until(lambda: len(rig.connections) == 1)
        for _ in range(7):
            await rig.clock.advance(10)
            writer.write(b"\r\n")  # which the parser skips without a word
            await asyncio.sleep(0)
        assert len(rig.connections) == 1
        await rig.clock.advance(11)
        assert await the_rest(reader) == b""
        writer.close()


@on_both_loops
async def test_who_waits_for_us_is_waited_for() -> None:
    echo = Echo()
    echo.go.clear()
    async with serving(echo) as rig:
        reader, writer = await rig.connect(WHOLE)
        await rig.until(lambda: len(echo.scopes) == 1)
        await rig.clock.advance(600)
        echo.go.set()
        assert await answer(reader) == b"0"
        writer.close()


@on_both_loops
async def test_an_answer_that_nobody_reads_is_given_up_and_one_that_is_read_slowly_is_not() -> None:
    endless = Endless()
    async with serving(endless) as rig:
        reader, writer = await rig.connect(WHOLE)
        await rig.until(lambda: any(one.flow.write_paused for one in rig.connections))
        (connection,) = rig.connections
        for _ in range(20):
            await rig.clock.advance(50)
            assert not endless.ended.is_set()
            await reader.readexactly(8_000_000)
            await rig.until(lambda: connection.flow.write_paused)
        await rig.clock.advance(70)
        await rig.until(endless.ended.is_set)
        await rig.until(lambda: not rig.connections)
        writer.transport.abort()


@on_both_loops
async def test_one_long_piece_that_is_read_slowly_is_read_to_its_end() -> None:
    size = 40_000_000

    async def large(scope: Message, receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]}
        )
        await send({"type": "http.response.body", "body": b"x" * size})

    async with serving(large) as rig:
        reader, _ = await rig.connect(WHOLE)
        await rig.until(lambda: any(one.flow.write_paused for one in rig.connections))
        (connection,) = rig.connections
        await reader.readuntil(b"\r\n\r\n")
        read = 0
        while connection.flow.write_paused:
            await rig.clock.advance(50)
            unsent = connection.transport.get_write_buffer_size()
            while connection.transport.get_write_buffer_size() == unsent:
                read += len(await reader.readexactly(1_000_000))
        await reader.readexactly(size - read)


# Size


def pieces(start: bytes, piece: bytes) -> Any:
    return pytest.param(start, piece, id=repr(piece[:12]))


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        pieces(HALF, b"x-more: " + b"z" * 5_000 + b"\r\n"),
        pieces(b"GET /", b"a" * 5_000),
        pieces(HALF + b"x: ", b"z" * 5_000),
        pieces(CHUNKED + b"2\r\nok\r\n0\r\n", b"x-trailer: " + b"z" * 5_000 + b"\r\n"),
        pieces(CHUNKED + b"2\r\nok\r\n0\r\nx: ", b"q" * 5_000),
        pieces(CHUNKED + b"2;x=", b"y" * 5_000),
        pieces(WHOLE, b"\r\n" * 2_500),
    ],
)
@on_both_loops
async def test_what_has_no_end_and_is_no_body_is_cut_off(start: bytes, piece: bytes) -> None:
    async with serving() as rig:
        reader, writer = await rig.connect(start)
        sent = 0
        try:
            while not rig.server.server_state.connections:
                await asyncio.sleep(0)
            while sent < 4_000_000 and rig.server.server_state.connections:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
                sent += len(piece)
        except ConnectionError:
            pass
        assert sent < 2_000_000  # most of it in the buffers of the system
        await rig.until(lambda: not rig.connections)
        await the_rest(reader)
        writer.transport.abort()


@on_both_loops
async def test_a_large_body_in_pieces_is_no_head() -> None:
    async with serving() as rig:
        reader, writer = await rig.connect(HALF + b"content-length: 3000000\r\n\r\n")
        for _ in range(30):
            writer.write(b"z" * 100_000)
            await writer.drain()
        assert await answer(reader) == b"3000000"
        writer.write(CHUNKED)
        for _ in range(300):
            writer.write(b"2710\r\n" + b"z" * 10_000 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert await answer(reader) == b"3000000"
        writer.write(HALF + b"cookie: " + b"c" * 30_000)
        await rig.in_head()
        writer.write(b"\r\n\r\n")
        assert await answer(reader) == b"0"
        writer.close()


@on_both_loops
async def test_what_comes_behind_a_body_is_no_header_of_the_request() -> None:
    echo = Echo()
    async with serving(echo) as rig:
        reader, writer = await rig.connect(CHUNKED + b"2\r\nok\r\n0\r\nauthorization: forged\r\n\r\n" + WHOLE)
        assert await answer(reader) == b"2"
        assert await answer(reader) == b"0"
        names = [[name for name, _ in scope["headers"]] for scope in echo.scopes]
        assert names == [[b"host", b"transfer-encoding"], [b"host"]]
        writer.close()


# Number


@pytest.mark.parametrize(("most", "each"), [(2, 100), (100, 2)])
@on_both_loops
async def test_there_is_an_end_to_connections_and_room_again_when_one_goes(
    most: int, each: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(most=most, most_each=each) as rig:
        inside = [await rig.connect(WHOLE) for _ in range(2)]
        for reader, _ in inside:
            assert await answer(reader) == b"0"
        for _ in range(3):
            reader, writer = await rig.connect()
            said = await the_rest(reader)
            assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"\r\nconnection: close\r\n" in said
            assert refused(said) == (503, "TOO_MANY_CONNECTIONS")
            writer.close()
        await rig.clock.advance(10)
        assert [record.message for record in caplog.records if "refused" in record.message] == [
            "3 connections were refused: there are too many, or too many of one client"
        ]
        inside[0][1].close()
        await rig.until(lambda: len(rig.connections) == 1)
        reader, writer = await rig.connect(WHOLE)
        assert await answer(reader) == b"0"
        writer.close()
        inside[1][1].close()


@on_both_loops
async def test_one_client_leaves_room_for_the_others() -> None:
    async with serving(most=10, most_each=2) as rig:
        held = [await rig.connect(WHOLE, "127.0.0.2") for _ in range(4)]
        said = [(await the_rest(reader))[:12] for reader, _ in held[2:]]
        reader, writer = await rig.connect(WHOLE, "127.0.0.3")
        assert await answer(reader) == b"0"
        assert said == [b"HTTP/1.1 503"] * 2
        assert len(rig.connections) == 3
        for _, one in [*held, (reader, writer)]:
            one.close()


@on_both_loops
async def test_connections_that_somebody_else_accepted_are_bounded_too() -> None:
    async with serving(most_each=1) as rig:
        with socket.create_server(("127.0.0.1", 0)) as parent:
            clients = []
            for _ in range(2):
                clients.append(await asyncio.open_connection(*parent.getsockname()))
                connection, _ = parent.accept()
                connection.setblocking(False)
                rig.server.take(connection)
                await rig.until(lambda: bool(rig.connections))
            clients[0][1].write(WHOLE)
            assert await answer(clients[0][0]) == b"0"
            assert (await the_rest(clients[1][0])).startswith(b"HTTP/1.1 503")
            for _, writer in clients:
                writer.close()


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("2001:db8:1:2::1", "2001:0db8:0001:0002"),
        ("2001:db8:1:3::1", "2001:0db8:0001:0003"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        ("::1", "0000:0000:0000:0000"),
        ("a socket of no address", "a socket of no address"),
        ("", ""),
    ],
)
def test_who_counts_as_one_client(host: str, client: str) -> None:
    assert client_of(host) == client


def test_a_door_forgets_who_left() -> None:
    door = Door(3, 2)
    assert [door.enter(who) for who in "aaabbc"] == [True, True, False, True, False, False]
    for who in "aab":
        door.leave(who)
    assert not door._inside
    assert [door.enter(who) for who in "abc"] == [True] * 3
