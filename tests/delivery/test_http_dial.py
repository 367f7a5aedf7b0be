"""Where the client connects to, and that it is nowhere else: the pinned dial, the order of addresses, DNS and TLS."""

import asyncio
import errno
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from switchhook.delivery.address import Address, AddressPolicy
from switchhook.delivery.exchange import Kind
from switchhook.delivery.http import failures
from switchhook.delivery.http.call import Call
from switchhook.delivery.http.connection import Connection
from tests.delivery.receivers import (
    OK,
    Behaviour,
    Names,
    Receiver,
    answering,
    kind_of,
    on_both_loops,
    receiving,
    sending,
)

OUTSIDE, INSIDE = (
    "127.0.0.1",
    "127.0.0.2",
)  # the policy of these tests takes the first for the public internet
POLICY = AddressPolicy.parse("127.0.0.1/32")


@asynccontextmanager
async def both() -> AsyncIterator[tuple[Receiver, Receiver]]:
    """A receiver outside and one inside, on the same port."""
    for _ in range(20):
        async with AsyncExitStack() as stack:
            outside = await stack.enter_async_context(receiving(answering(OK), host=OUTSIDE))
            try:
                inside = await stack.enter_async_context(
                    receiving(answering(OK), host=INSIDE, port=outside.port)
                )
            except OSError:
                continue
            yield outside, inside
            return


@on_both_loops
async def test_the_address_that_was_checked_is_the_one_that_is_dialled() -> None:
    names = Names([OUTSIDE], [INSIDE])  # whoever asks a second time is led inside
    async with both() as (outside, inside), sending(policy=POLICY, resolver=names) as sender:
        exchange = await sender.send(f"http://hooks.example:{outside.port}/")
        assert (exchange.status, exchange.address) == (200, OUTSIDE)
        assert names.asked == ["hooks.example"]
        assert (outside.accepted, inside.accepted) == (1, 0)
        assert outside.requests[0].split(b"\r\n")[1] == b"host: hooks.example:%d" % outside.port


@on_both_loops
async def test_a_name_that_is_rebound_inside_is_refused_at_the_next_dial() -> None:
    names = Names([OUTSIDE], [INSIDE])
    async with both() as (outside, inside), sending(policy=POLICY, resolver=names) as sender:
        url = f"http://hooks.example:{outside.port}/"
        await sender.send(url)
        sender.client.forget("ep_1")
        exchange = await sender.send(url)
        assert kind_of(exchange) is Kind.ADDRESS_FORBIDDEN
        assert (outside.accepted, inside.accepted) == (1, 0)


@pytest.mark.parametrize("answer", list(itertools.permutations([OUTSIDE, INSIDE])))
@on_both_loops
async def test_one_forbidden_address_among_good_ones_stops_the_attempt(answer: tuple[str, ...]) -> None:
    async with both() as (outside, inside), sending(policy=POLICY, resolver=Names(answer)) as sender:
        exchange = await sender.send(f"http://hooks.example:{outside.port}/")
        assert kind_of(exchange) is Kind.ADDRESS_FORBIDDEN
        assert (outside.accepted, inside.accepted) == (0, 0)


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1"]
)
@on_both_loops
async def test_nothing_inside_is_dialled_by_default(inside: str) -> None:
    async with sending(policy=AddressPolicy(), resolver=Names([inside])) as sender:
        exchange = await sender.send("https://hooks.example/")
        assert kind_of(exchange) is Kind.ADDRESS_FORBIDDEN
        assert exchange.address is None


@on_both_loops
async def test_plain_http_to_a_name_outside_the_opened_networks_is_refused() -> None:
    async with sending(policy=POLICY, resolver=Names(["8.8.8.8"])) as sender:
        assert kind_of(await sender.send("http://hooks.example/")) is Kind.ADDRESS_FORBIDDEN


@on_both_loops
async def test_an_address_in_the_url_is_judged_again_when_it_is_dialled() -> None:
    async with (
        receiving(answering(OK)) as receiver,
        sending() as lax,
        sending(policy=AddressPolicy()) as strict,
    ):
        request = lax.request(
            f"https://127.0.0.1:{receiver.port}/"
        )  # read before the operator closed the network
        assert kind_of(await strict.client.send(request)) is Kind.ADDRESS_FORBIDDEN
        assert receiver.accepted == 0


@on_both_loops
async def test_ipv6_is_spoken() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with (
        receiving(answering(OK), host="::1") as receiver,
        sending(policy=AddressPolicy.parse("::1/128")) as sender,
    ):
        exchange = await sender.send(f"http://[::1]:{receiver.port}/")
        assert (exchange.status, exchange.address) == (200, "::1")
        assert b"host: [::1]:%d\r\n" % receiver.port in receiver.requests[0]


# Several addresses


def full_port() -> tuple[int, list[socket.socket]]:
    """A port whose queue of connections is full: further ones get no answer at all."""
    server = socket.create_server((OUTSIDE, 0), backlog=0)
    port = server.getsockname()[1]
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((OUTSIDE, port))
        fillers.append(filler)
    return port, [server, *fillers]


def closed_port() -> int:
    with socket.create_server((OUTSIDE, 0)) as server:
        return int(server.getsockname()[1])


@on_both_loops
async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async with (
        receiving(answering(OK)) as receiver,
        sending(resolver=Names(["127.0.0.9", "127.0.0.1"])) as sender,
    ):
        exchange = await sender.send(f"http://hooks.example:{receiver.port}/")
        assert (exchange.status, exchange.address) == (200, "127.0.0.1")


@on_both_loops
async def test_the_next_address_is_tried_when_one_stays_silent() -> None:
    port, held = full_port()
    try:
        async with (
            receiving(answering(OK), host="127.0.0.3", port=port) as receiver,
            sending(resolver=Names([OUTSIDE, "127.0.0.3"])) as sender,
        ):
            future = sender.send(f"http://hooks.example:{port}/")
            await sender.clock.advance(3.9)
            assert receiver.accepted == 0
            await sender.clock.advance(0.2)
            exchange = await future
            assert (exchange.status, exchange.address) == (200, "127.0.0.3")
    finally:
        for sock in held:
            sock.close()


@on_both_loops
async def test_a_connection_that_gets_no_answer_is_given_up_in_time() -> None:
    port, held = full_port()
    try:
        async with sending() as sender:
            future = sender.send(port)
            await sender.clock.advance(19.9)
            assert not future.done()
            await sender.clock.advance(0.5)
            assert kind_of(await future) is Kind.CONNECT_TIMEOUT
    finally:
        for sock in held:
            sock.close()


@on_both_loops
async def test_a_refused_connection_is_told_apart() -> None:
    async with sending() as sender:
        exchange = await sender.send(closed_port())
        assert kind_of(exchange) is Kind.CONNECT_REFUSED
        assert exchange.address == OUTSIDE
        assert exchange.failure is not None
        assert exchange.failure.detail == "ECONNREFUSED"


@on_both_loops
async def test_a_connection_that_is_gone_before_it_is_used_fails_at_once() -> None:
    def hang_up(_: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        return on_connection

    async with receiving(hang_up) as receiver, sending() as sender:
        dial = sender.client._dialler.open

        async def slowly(call: Call, make: Callable[[Address], Connection]) -> Connection:
            connection = await dial(call, make)
            while not connection.lost:
                await asyncio.sleep(0)
            return connection

        sender.client._dialler.open = slowly  # type: ignore[method-assign]
        assert kind_of(await sender.send(receiver.port)) is Kind.EARLY_CLOSE


# Names


class Hanging:
    async def resolve(self, host: str) -> tuple[Address, ...]:
        await asyncio.Event().wait()
        return ()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Kind.DNS_NOT_FOUND),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Kind.DNS_FAILED),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), Kind.DNS_FAILED),
        (OSError(errno.EMFILE, "Too many open files"), Kind.SENDER_EXHAUSTED),
    ],
)
@on_both_loops
async def test_a_failed_look_up_is_told_apart(error: OSError, kind: Kind) -> None:
    async with sending(resolver=Names(error)) as sender:
        assert kind_of(await sender.send("http://hooks.example/")) is kind


@pytest.mark.parametrize(("timeout", "after"), [(20.0, 10.0), (3.0, 3.0)])
@on_both_loops
async def test_a_look_up_has_bounded_time(timeout: float, after: float) -> None:
    async with sending(resolver=Hanging()) as sender:
        future = sender.send("http://hooks.example/", timeout=timeout)
        await sender.clock.advance(after - 0.1)
        assert not future.done()
        await sender.clock.advance(0.4)
        assert kind_of(await future) is Kind.DNS_TIMEOUT


@on_both_loops
async def test_a_name_without_addresses_is_not_found() -> None:
    async with sending(resolver=Names([])) as sender:
        assert kind_of(await sender.send("http://hooks.example/")) is Kind.DNS_NOT_FOUND


class Broken:
    async def resolve(self, host: str) -> tuple[Address, ...]:
        raise RuntimeError("s3cret")


@on_both_loops
async def test_a_fault_of_our_own_fails_the_attempt_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with sending(resolver=Broken()) as sender:
        exchange = await sender.send("http://hooks.example/")
        assert kind_of(exchange) is Kind.SENDER_ERROR
        assert exchange.failure is not None
        assert exchange.failure.detail == "RuntimeError"
        assert "dialling failed unexpectedly" in caplog.text


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Kind.CONNECT_REFUSED),
        (TimeoutError(errno.ETIMEDOUT, "x"), Kind.CONNECT_TIMEOUT),
        (TimeoutError(), Kind.CONNECT_TIMEOUT),
        (OSError(errno.ENETUNREACH, "x"), Kind.CONNECT_UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "x"), Kind.CONNECT_UNREACHABLE),
        (PermissionError(errno.EACCES, "x"), Kind.CONNECT_UNREACHABLE),
        (OSError(errno.EMFILE, "x"), Kind.SENDER_EXHAUSTED),
        (OSError(errno.EADDRNOTAVAIL, "x"), Kind.SENDER_EXHAUSTED),
    ],
)
def test_errors_of_connecting_are_told_by_their_number(error: OSError, kind: Kind) -> None:
    assert failures.of_connect(error).kind is kind
