"""The HTTP client with receivers that keep to the protocol: what is sent, what is read, when a connection is kept."""

import asyncio

import msgspec
import pytest

from switchhook.delivery.exchange import Kind
from switchhook.delivery.http import Limits
from switchhook.delivery.outcome import classify
from tests.delivery.receivers import (
    OK,
    Receiver,
    Sender,
    after_request,
    answering,
    answering_and_closing,
    on_both_loops,
    receiving,
    sending,
)


@on_both_loops
async def test_a_request_is_written_exactly_so() -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        exchange = await sender.send(f"http://127.0.0.1:{receiver.port}/a%20b?c=ä", b'{"x":1}')
        assert receiver.requests == [
            b"POST /a%20b?c=%C3%A4 HTTP/1.1\r\n"
            b"host: 127.0.0.1:" + str(receiver.port).encode() + b"\r\n"
            b"accept-encoding: identity\r\n"
            b"content-length: 7\r\n"
            b"webhook-id: msg_1\r\n"
            b"\r\n"
            b'{"x":1}'
        ]
        assert (exchange.status, exchange.body, exchange.failure, exchange.truncated) == (
            200,
            b"ok",
            None,
            False,
        )
        assert exchange.headers == ((b"content-length", b"2"),)
        assert (exchange.address, exchange.reused) == ("127.0.0.1", False)


ANSWERS = [
    # name, answer, status, body, whether the connection is kept
    ("content-length", OK, 200, b"ok", True),
    ("no content", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    ("not modified", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b"", True),
    ("chunked", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200,
     b"ok", True),
    ("trailers", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n", 200,
     b"ok", True),
    ("connection: close", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", 200, b"ok", False),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, b"ok", False),
    ("HTTP/1.0 kept", b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", 200, b"ok", True),
    ("continue", b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
    ("early hints", b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 102 X\r\n\r\n" + OK, 200, b"ok", True),
    ("upgrade offered", b"HTTP/1.1 200 OK\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok",
     200, b"ok", True),
    ("no reason", b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 200, b"", True),
    ("compressed anyway", b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\x00",
     200, b"\x1f\x8b\x00", True),
    ("an error", b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\nno", 500, b"no", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "status", "body", "kept"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
@on_both_loops
async def test_every_form_of_answer_is_read(answer: bytes, status: int, body: bytes, kept: bool) -> None:
    async with receiving(answering(answer)) as receiver, sending() as sender:
        for _ in range(2):
            exchange = await sender.send(receiver.port)
            assert (exchange.failure, exchange.status, exchange.body) == (None, status, body)
        stats = sender.client.stats
        assert (stats.opened, stats.reused) == ((1, 1) if kept else (2, 0))
        assert all(name not in (b"link", b"x-t") for name, _ in exchange.headers)


@pytest.mark.parametrize("where", range(1, 30, 4))
@on_both_loops
async def test_an_answer_may_come_in_any_pieces(where: int) -> None:
    answer = ANSWERS[3][1]

    def behave(receiver: Receiver):  # type: ignore[no-untyped-def]
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await receiver.read_request(reader)
            for start in range(0, len(answer), where):
                writer.write(answer[start : start + where])
                await writer.drain()
                await asyncio.sleep(0)

        return on_connection

    async with receiving(behave) as receiver, sending() as sender:
        exchange = await sender.send(receiver.port)
        assert (exchange.status, exchange.body) == (200, b"ok")


CLOSED = [
    ("1.1", b"HTTP/1.1 200 OK\r\n\r\nall of it"),
    ("1.0", b"HTTP/1.0 200 OK\r\n\r\nall of it"),
    ("other coding", b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nall of it"),
]


@pytest.mark.parametrize("answer", [row[1] for row in CLOSED], ids=[row[0] for row in CLOSED])
@on_both_loops
async def test_an_answer_may_end_with_its_connection(answer: bytes) -> None:
    async with receiving(answering_and_closing(answer)) as receiver, sending() as sender:
        exchange = await sender.send(receiver.port)
        assert (exchange.failure, exchange.status, exchange.body) == (None, 200, b"all of it")
        await receiver.until(lambda: receiver.ended == 1)
        assert sender.client.stats.idle == 0


@on_both_loops
async def test_the_first_16_kib_of_a_body_are_kept() -> None:
    for size, truncated in ((16 * 1024, False), (16 * 1024 + 1, True), (900_000, True)):
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (size, b"x" * size)
        async with receiving(answering(answer)) as receiver, sending() as sender:
            exchange = await sender.send(receiver.port)
            assert (exchange.failure, len(exchange.body), exchange.truncated) == (None, 16 * 1024, truncated)
            assert sender.client.stats.idle == 1


@on_both_loops
async def test_a_long_request_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000  # 5 MB, more than any socket buffer
    async with receiving(answering(OK)) as receiver, sending() as sender:
        for _ in range(2):
            assert (await sender.send(receiver.port, body)).status == 200
        assert [request.partition(b"\r\n\r\n")[2] == body for request in receiver.requests] == [True, True]
        assert sender.client.stats.reused == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@on_both_loops
async def test_a_redirect_is_never_followed(status: int) -> None:
    async with receiving(answering(OK)) as elsewhere:
        answer = b"HTTP/1.1 %d Moved\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n"
        async with receiving(answering(answer % (status, elsewhere.port))) as receiver, sending() as sender:
            outcome = classify(await sender.send(receiver.port), sender.clock.now())
            assert (outcome.ok, outcome.kind, outcome.status) == (False, Kind.REDIRECT, status)
            assert "final URL" in outcome.message_customer
            assert (elsewhere.accepted, sender.client.stats.opened) == (0, 1)


@on_both_loops
async def test_an_idle_connection_is_used_again_without_a_task() -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        await sender.send(receiver.port)
        before = asyncio.all_tasks()
        future = sender.send(receiver.port)
        assert asyncio.all_tasks() == before
        exchange = await future
        assert exchange.reused
        assert receiver.accepted == 1


@on_both_loops
async def test_requests_at_the_same_time_have_connections_of_their_own_and_leave_them_to_the_next() -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        for _ in range(2):
            futures = [sender.send(receiver.port) for _ in range(10)]
            assert sender.client.stats.in_flight == 10
            assert {exchange.status for exchange in await asyncio.gather(*futures)} == {200}
        stats = sender.client.stats
        assert (receiver.accepted, stats.opened, stats.reused, stats.in_flight) == (10, 10, 10, 0)


@on_both_loops
async def test_endpoints_never_share_a_connection() -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        await sender.send(receiver.port, key="ep_1")
        await sender.send(receiver.port, key="ep_2")
        assert (receiver.accepted, sender.client.stats.idle) == (2, 2)


@on_both_loops
async def test_a_changed_url_gets_a_new_connection_and_its_own_request_line() -> None:
    async with receiving(answering(OK)) as old, receiving(answering(OK)) as new, sending() as sender:
        await sender.send(old.port)
        await sender.send(f"http://127.0.0.1:{old.port}/other")
        assert old.accepted == 1
        assert old.requests[1].startswith(b"POST /other ")
        await sender.send(new.port)
        assert new.requests[0].startswith(b"POST /hook HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % new.port)
        await old.until(lambda: old.ended == 1)
        assert sender.client.stats.idle == 1


@on_both_loops
async def test_a_request_on_its_way_when_the_url_changes_goes_where_it_was_meant_to() -> None:
    async with receiving(answering(OK)) as old, receiving(answering(OK)) as new, sending() as sender:
        first, second = (
            sender.send(f"http://127.0.0.1:{old.port}/old"),
            sender.send(f"http://127.0.0.1:{new.port}/new"),
        )
        await asyncio.gather(first, second)
        assert [old.requests[0][:9], new.requests[0][:9]] == [b"POST /old", b"POST /new"]
        await old.until(lambda: old.ended == 1)
        assert sender.client.stats.idle == 1


@on_both_loops
async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with receiving(answering(OK)) as receiver, sending(limits=Limits(idle_seconds=40)) as sender:
        await sender.send(receiver.port)
        await sender.clock.advance(39)
        assert (receiver.ended, sender.client.stats.idle) == (0, 1)
        await sender.clock.advance(6)
        await receiver.until(lambda: receiver.ended == 1)
        assert sender.client.stats.idle == 0
        await sender.clock.advance(10)
        assert sender.clock.next_timer() is None  # an idle client does not even wake up


@on_both_loops
async def test_an_old_connection_is_not_used_again() -> None:
    async with receiving(answering(OK)) as receiver, sending(limits=Limits(lifetime_seconds=100)) as sender:
        for _ in range(6):
            await sender.send(receiver.port)
            await sender.clock.advance(30)
        assert receiver.accepted == 2


@on_both_loops
async def test_a_connection_that_has_grown_old_while_busy_is_closed_with_its_answer() -> None:
    go = asyncio.Event()

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(OK)

    async with (
        receiving(after_request(act)) as receiver,
        sending(limits=Limits(lifetime_seconds=10)) as sender,
    ):
        future = sender.send(receiver.port)
        await receiver.until(lambda: len(receiver.requests) == 1)
        await sender.clock.advance(15)
        go.set()
        assert (await future).status == 200
        assert sender.client.stats.idle == 0


@on_both_loops
async def test_forgetting_an_endpoint_closes_its_idle_connections() -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        await sender.send(receiver.port)
        sender.client.forget("ep_1")
        sender.client.forget("never seen")
        await receiver.until(lambda: receiver.ended == 1)
        assert (await sender.send(receiver.port)).status == 200


@on_both_loops
async def test_a_thousand_requests_share_a_few_timers() -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        made = 0
        original = sender.clock.call_later

        def counting(*arguments):  # type: ignore[no-untyped-def]
            nonlocal made
            made += 1
            return original(*arguments)

        sender.clock.call_later = counting  # type: ignore[method-assign]
        for _ in range(1000):
            await sender.send(receiver.port)
        assert made <= 2  # time-outs and idle connections


@on_both_loops
async def test_the_client_is_usable_for_plain_awaiting_and_for_callbacks() -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        called: list[int | None] = []
        future = sender.send(receiver.port)
        future.add_done_callback(lambda done: called.append(done.result().status))
        await future
        await asyncio.sleep(0)
        assert called == [200]


def test_a_client_may_be_made_before_the_loop_runs() -> None:
    sender = Sender()
    assert sender.client.stats.opened == 0


@on_both_loops
async def test_a_sink_is_given_the_body_of_a_200_and_of_nothing_else() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
    for answer, given, kept in (
        (OK, b"ok", b""),
        (chunked, b"ok", b""),
        (b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno", b"", b"no"),
        (b"HTTP/1.1 307 There\r\ncontent-length: 2\r\nlocation: /x\r\n\r\nno", b"", b"no"),
    ):
        pieces: list[bytes] = []
        async with receiving(answering(answer)) as receiver, sending() as sender:
            asked = sender.request(f"http://127.0.0.1:{receiver.port}/")
            exchange = await sender.client.send(msgspec.structs.replace(asked, sink=pieces.append))
            assert (b"".join(pieces), exchange.body) == (given, kept)
            assert (exchange.failure, exchange.truncated) == (None, False)
    limits = Limits(response_bytes=1_000)
    async with (
        receiving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + bytes(5_000))) as receiver,
        sending(limits=limits) as sender,
    ):
        asked = sender.request(f"http://127.0.0.1:{receiver.port}/")
        exchange = await sender.client.send(msgspec.structs.replace(asked, sink=lambda _: None))
        assert exchange.failure is not None
        assert exchange.failure.kind is Kind.RESPONSE_TOO_LARGE
