"""The HTTP client with receivers that break the protocol, break off, stall, or try to fill our memory."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from switchhook.clock import ManualClock
from switchhook.delivery.exchange import Exchange, Kind
from switchhook.delivery.http import Limits
from tests.delivery.receivers import (
    OK,
    Behave,
    Behaviour,
    Receiver,
    after_request,
    answering,
    answering_and_closing,
    nothing,
    on_both_loops,
    receiving,
    sending,
)

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\n"


async def outcome_with(behave: Behave, *, limits: Limits | None = None) -> tuple[Exchange, Receiver]:
    """One exchange with a receiver, whose connection must be over afterwards."""
    async with receiving(behave) as receiver, sending(limits=limits) as sender:
        exchange = await sender.send(receiver.port)
        await receiver.until(lambda: receiver.ended == receiver.accepted)
        assert sender.client.stats.idle == 0
        return exchange, receiver


def endless(start: bytes, piece: bytes) -> Behave:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()

    return after_request(act)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"<html>hello</html>",
        HEAD + b"no colon here\r\n\r\n",
        HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n",
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nok\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        HEAD + b"x: a\x00b\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n\x81\x05hello",
    ],
)
@on_both_loops
async def test_garbage_is_an_invalid_response(answer: bytes) -> None:
    exchange, receiver = await outcome_with(answering(answer))
    assert exchange.failure is not None
    assert exchange.failure.kind is Kind.INVALID_RESPONSE
    assert receiver.accepted == 1


@pytest.mark.parametrize(
    ("behave", "kind", "status"),
    [
        (endless(HEAD, b"x-a: " + b"b" * 200 + b"\r\n"), Kind.HEADERS_TOO_LARGE, None),
        (endless(HEAD + b"x-a: ", b"b" * 1000), Kind.HEADERS_TOO_LARGE, None),
        (endless(b"HTTP/1.1 200 ", b"reason " * 100), Kind.HEADERS_TOO_LARGE, None),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), Kind.HEADERS_TOO_LARGE, None),
        (endless(HEAD + b"transfer-encoding: chunked\r\n\r\n1;x=", b"y" * 1000), Kind.HEADERS_TOO_LARGE, 200),
        (endless(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", b"t: 1\r\n"),
         Kind.HEADERS_TOO_LARGE, 200),
        (endless(HEAD + b"\r\n", b"z" * 10_000), Kind.RESPONSE_TOO_LARGE, 200),
        (endless(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nz\r\n" * 50), Kind.RESPONSE_TOO_LARGE, 200),
        (endless(HEAD + b"content-length: 999999999\r\n\r\n", b"z" * 10_000), Kind.RESPONSE_TOO_LARGE, 200),
        (answering(HEAD + b"content-length: 1100000\r\n\r\n" + b"z" * 1_100_000), Kind.RESPONSE_TOO_LARGE, 200),
        (answering(HEAD + b"x-a: " + b"b" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n"), Kind.HEADERS_TOO_LARGE, None),
    ],
    ids=[
        "headers", "header", "reason", "continue", "chunk extension", "trailers", "body", "chunks", "length", "long",
        "long header",
    ],
)  # fmt: skip
@on_both_loops
async def test_an_endless_answer_is_cut_off(behave: Behave, kind: Kind, status: int | None) -> None:
    exchange, _ = await outcome_with(behave)
    assert exchange.failure is not None
    assert exchange.failure.kind is kind
    # A long header block that comes in one piece may have been read to its end when it is measured.
    assert exchange.status == status or (kind is Kind.HEADERS_TOO_LARGE and exchange.status == 200)
    assert len(exchange.body) <= 16 * 1024


@on_both_loops
async def test_the_size_limit_counts_to_the_byte() -> None:
    answer = HEAD + b"content-length: 2000\r\n\r\n" + b"z" * 2000
    for limit, fails in ((len(answer), False), (len(answer) - 1, True)):
        async with (
            receiving(answering(answer)) as receiver,
            sending(limits=Limits(response_bytes=limit)) as sender,
        ):
            assert ((await sender.send(receiver.port)).failure is not None) is fails


def reset(after: bytes = b"") -> Behave:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        await writer.drain()
        await asyncio.sleep(0)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return after_request(act)


def half_close(after: bytes = b"") -> Behave:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        writer.write_eof()

    return after_request(act)


@pytest.mark.parametrize(
    ("behave", "kind", "status", "body"),
    [
        (reset(), Kind.CONNECTION_RESET, None, b""),
        (reset(HEAD + b"content-length: 9\r\n\r\nhalf"), Kind.CONNECTION_RESET, 200, b"half"),
        (reset(HEAD + b"\r\nhalf"), Kind.CONNECTION_RESET, 200, b"half"),
        (answering_and_closing(b""), Kind.EARLY_CLOSE, None, b""),
        (answering_and_closing(b"HTTP/1."), Kind.EARLY_CLOSE, None, b""),
        (answering_and_closing(HEAD + b"x: y\r\n"), Kind.EARLY_CLOSE, None, b""),
        (answering_and_closing(HEAD + b"content-length: 9\r\n\r\nhalf"), Kind.EARLY_CLOSE, 200, b"half"),
        (
            answering_and_closing(HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
            Kind.EARLY_CLOSE,
            200,
            b"half",
        ),
        (answering_and_closing(b"HTTP/1.1 100 Continue\r\n\r\n"), Kind.EARLY_CLOSE, None, b""),
        (half_close(), Kind.EARLY_CLOSE, None, b""),
        (half_close(HEAD + b"content-length: 9\r\n\r\nhalf"), Kind.EARLY_CLOSE, 200, b"half"),
    ],
)
@on_both_loops
async def test_half_an_answer_is_a_failure(
    behave: Behave, kind: Kind, status: int | None, body: bytes
) -> None:
    exchange, receiver = await outcome_with(behave)
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.status, exchange.body) == (kind, status, body)
    assert receiver.accepted == 1  # on a fresh connection nothing is repeated


@on_both_loops
async def test_a_half_closed_connection_can_still_have_brought_a_whole_answer() -> None:
    exchange, _ = await outcome_with(half_close(HEAD + b"\r\nwhole"))
    assert (exchange.failure, exchange.body) == (None, b"whole")


# Time


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 2", HEAD + b"content-length: 5\r\n\r\nha"])
@on_both_loops
async def test_a_receiver_that_stops_answering_is_given_up_in_time(start: bytes) -> None:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)

    async with receiving(after_request(act)) as receiver, sending() as sender:
        future = sender.send(receiver.port)
        await receiver.until(lambda: len(receiver.requests) == 1)
        await sender.clock.advance(19.9)
        assert not future.done()
        await sender.clock.advance(0.5)
        exchange = await future
        assert exchange.failure is not None
        assert exchange.failure.kind is Kind.RESPONSE_TIMEOUT
        assert 20 <= exchange.latency <= 20.25
        await receiver.until(lambda: receiver.ended == 1)


@on_both_loops
async def test_a_dripping_receiver_does_not_buy_time() -> None:
    clock: ManualClock | None = None

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"content-length: 1000\r\n\r\n")
        while True:
            assert clock is not None
            await clock.sleep(1)
            writer.write(b"x")

    async with receiving(after_request(act)) as receiver, sending() as sender:
        clock = sender.clock
        future = sender.send(receiver.port)
        await receiver.until(lambda: len(receiver.requests) == 1)
        await clock.advance(20.25)
        exchange = await future
        assert exchange.failure is not None
        assert exchange.failure.kind is Kind.RESPONSE_TIMEOUT
        assert 10 <= len(exchange.body) <= 20
        assert sender.client.stats.in_flight == 0
        # No more timers than the receiver's own and the sweep: the test's clock must be empty when the client closes.
        await receiver.stop()
        await clock.advance(2)


@on_both_loops
async def test_each_request_has_its_own_time() -> None:
    async with receiving(after_request(nothing)) as receiver, sending() as sender:
        slow = sender.send(receiver.port, timeout=5, key="a")
        await sender.clock.advance(1)
        quick = sender.send(receiver.port, timeout=1, key="b")
        await receiver.until(lambda: len(receiver.requests) == 2)
        await sender.clock.advance(1.25)
        assert (quick.done(), slow.done()) == (True, False)
        await sender.clock.advance(3)
        assert slow.done()


@on_both_loops
async def test_a_receiver_that_does_not_read_cannot_make_us_hold_its_request_twice() -> None:
    def behave(receiver: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        return on_connection

    async with receiving(behave) as receiver, sending() as sender:
        future = sender.send(receiver.port, b"x" * 50_000_000)
        await receiver.until(lambda: receiver.accepted == 1)
        for _ in range(50):
            await asyncio.sleep(0)
        (pool,) = sender.client._pools.values()
        (connection,) = pool.open
        assert connection.transport is not None
        assert connection.transport.get_write_buffer_size() <= 3 * Limits().write_slice
        await sender.clock.advance(20.5)
        exchange = await future
        assert exchange.failure is not None
        assert exchange.failure.kind is Kind.RESPONSE_TIMEOUT


@on_both_loops
async def test_an_answer_before_the_request_is_written_counts_but_ends_the_connection() -> None:
    def behave(receiver: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            await asyncio.Event().wait()

        return on_connection

    async with receiving(behave) as receiver, sending() as sender:
        exchange = await sender.send(receiver.port, b"x" * 50_000_000)
        assert (exchange.status, exchange.failure) == (413, None)
        assert sender.client.stats.idle == 0
        assert receiver.accepted == 1


# What comes unasked


@pytest.mark.parametrize("extra", [b"EXTRA", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"\x00"])
@on_both_loops
async def test_what_follows_an_answer_is_never_taken_for_the_next_one(extra: bytes) -> None:
    async with receiving(answering(OK + extra)) as receiver, sending() as sender:
        for _ in range(2):
            exchange = await sender.send(receiver.port)
            assert (exchange.status, exchange.body, exchange.reused) == (200, b"ok", False)
        assert receiver.accepted == 2


@on_both_loops
async def test_an_idle_connection_that_speaks_is_closed() -> None:
    speak = asyncio.Event()

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await speak.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")

    async with receiving(after_request(act)) as receiver, sending() as sender:
        await sender.send(receiver.port)
        assert sender.client.stats.idle == 1
        speak.set()
        await receiver.until(lambda: receiver.ended == 1)
        exchange = await asyncio.wait_for(sender.send(receiver.port), 30)
        assert (exchange.body, exchange.reused, receiver.accepted) == (b"ok", False, 2)


@on_both_loops
async def test_an_idle_connection_that_is_closed_is_forgotten() -> None:
    close = asyncio.Event()

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await close.wait()
        writer.close()

    async with receiving(after_request(act)) as receiver, sending() as sender:
        await sender.send(receiver.port)
        close.set()
        await receiver.until(lambda: receiver.ended == 1)
        async with asyncio.timeout(30):
            while (stats := sender.client.stats).idle or stats.open:
                await asyncio.sleep(0)
        assert (await sender.send(receiver.port)).status == 200
        assert sender.client.stats.retried_stale == 0
