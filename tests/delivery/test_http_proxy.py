"""Deliveries through an egress proxy: what it is asked, what its answers mean, and what a bad one cannot do."""

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme

from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.exchange import Kind
from switchhook.delivery.http import Limits, Proxy
from switchhook.delivery.http.dial import default_ssl_context
from switchhook.delivery.http.proxy import refused
from switchhook.delivery.messages import WORDS, Fault
from switchhook.delivery.outcome import classify
from tests.delivery.receivers import (
    OK,
    Behave,
    Behaviour,
    Names,
    Receiver,
    answering,
    kind_of,
    on_both_loops,
    receiving,
    sending,
)
from tests.ports import free_port

AUTHORITY = trustme.CA()
HOST = "hooks.example"
PUBLIC = "93.184.216.34"  # where the name leads; the proxies of these tests lead to loopback instead
OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


def serving(name: str = HOST) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = default_ssl_context()
    AUTHORITY.configure_trust(context)
    return context


def proxy_at(port: int, scheme: str = "http", credentials: str = "") -> Proxy:
    return Proxy.parse(f"{scheme}://{credentials}127.0.0.1:{port}")


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.transport.abort()


def leading_to(port: int, answer: bytes = OPEN) -> Behave:
    """A proxy that leads to `port` on loopback whatever it is asked for, and keeps what it was asked."""

    def behave(proxy: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await proxy.read_head(reader)
            there, back = await asyncio.open_connection("127.0.0.1", port)
            writer.write(answer)
            try:
                await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)
            finally:
                back.transport.abort()

        return on_connection

    return behave


def saying(*pieces: bytes, close: bool = False) -> Behave:
    """A proxy that answers so, and no more."""

    def behave(proxy: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await proxy.read_head(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if close:
                writer.close()

        return on_connection

    return behave


def endless(start: bytes, piece: bytes) -> Behave:
    def behave(proxy: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(start)
            while True:
                writer.write(piece)
                await writer.drain()

        return on_connection

    return behave


async def outcome_through(behave: Behave, limits: Limits | None = None) -> tuple[Kind | None, Receiver]:
    """What comes of one attempt through a proxy, whose connection must be over afterwards."""
    async with (
        receiving(behave) as proxy,
        sending(resolver=Names([PUBLIC]), proxy=proxy_at(proxy.port), limits=limits) as sender,
    ):
        exchange = await sender.send(f"https://{HOST}/")
        await proxy.until(lambda: proxy.ended == proxy.accepted)
        assert sender.client.stats.open == 0
        return kind_of(exchange), proxy


# The way through


@pytest.mark.parametrize("to_proxy", ["http", "https"])
@on_both_loops
async def test_the_proxy_is_asked_for_the_address_that_was_checked_and_tls_is_for_the_name(
    to_proxy: str,
) -> None:
    seen: list[str | None] = []
    inside = serving()
    inside.sni_callback = lambda _, name, __: seen.append(name)
    names = Names([PUBLIC], ["10.0.0.1"])  # whoever asks a second time is led inside
    async with (
        receiving(answering(OK), context=inside) as receiver,
        receiving(
            leading_to(receiver.port), context=serving("127.0.0.1") if to_proxy == "https" else None
        ) as proxy,
        sending(resolver=names, context=trusting(), proxy=proxy_at(proxy.port, to_proxy)) as sender,
    ):
        for n in range(3):
            exchange = await sender.send(f"https://{HOST}/hook", b"x" * 100_000 * n)
            assert (exchange.status, exchange.failure, exchange.address) == (200, None, PUBLIC)
        assert exchange.reused
        place = f"{PUBLIC}:443".encode()
        assert proxy.requests == [b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (place, place)]
        assert (names.asked, seen) == ([HOST], [HOST])
        assert receiver.requests[0].startswith(b"POST /hook HTTP/1.1\r\nhost: hooks.example\r\n")
        await sender.clock.advance(60)  # the tunnel is closed with the connection in it
        await proxy.until(lambda: proxy.ended == 1)


@pytest.mark.parametrize("to_proxy", ["http", "https"])
@on_both_loops
async def test_plain_http_of_an_opened_network_goes_through_the_proxy_too(to_proxy: str) -> None:
    async with (
        receiving(answering(OK)) as receiver,
        receiving(
            leading_to(receiver.port), context=serving("127.0.0.1") if to_proxy == "https" else None
        ) as proxy,
        sending(context=trusting(), proxy=proxy_at(proxy.port, to_proxy)) as sender,
    ):
        for _ in range(2):
            assert (await sender.send("http://127.0.0.9:8080/")).status == 200
        assert [request.split(b" ")[1] for request in proxy.requests] == [b"127.0.0.9:8080"]
        assert receiver.accepted == 1


@on_both_loops
async def test_what_the_policy_forbids_the_proxy_is_not_asked_for() -> None:
    async with (
        receiving(saying(OPEN)) as proxy,
        sending(policy=AddressPolicy(), resolver=Names(["10.0.0.1"]), proxy=proxy_at(proxy.port)) as sender,
    ):
        assert kind_of(await sender.send(f"https://{HOST}/")) is Kind.ADDRESS_FORBIDDEN
        assert proxy.accepted == 0


@on_both_loops
async def test_a_certificate_for_another_name_is_refused_inside_the_tunnel() -> None:
    async with (
        receiving(answering(OK), context=serving("other.example")) as receiver,
        receiving(leading_to(receiver.port)) as proxy,
        sending(resolver=Names([PUBLIC]), context=trusting(), proxy=proxy_at(proxy.port)) as sender,
    ):
        assert kind_of(await sender.send(f"https://{HOST}/")) is Kind.TLS_WRONG_HOST
        await proxy.until(lambda: proxy.ended == 1)
        assert (receiver.requests, sender.client.stats.open) == ([], 0)


@on_both_loops
async def test_the_next_address_is_tried_when_the_proxy_does_not_get_through_to_one() -> None:
    def behave(proxy: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            way = leading_to(receiver.port) if proxy.accepted > 1 else saying(b"HTTP/1.1 503 No\r\n\r\n")
            await way(proxy)(reader, writer)

        return on_connection

    async with (
        receiving(answering(OK), context=serving()) as receiver,
        receiving(behave) as proxy,
        sending(
            resolver=Names(["2001:4860:4860::8888", PUBLIC]), context=trusting(), proxy=proxy_at(proxy.port)
        ) as sender,
    ):
        exchange = await sender.send(f"https://{HOST}/")
        assert (exchange.status, exchange.address) == (200, PUBLIC)
        asked = [request.split(b" ")[1] for request in proxy.requests]
        assert asked == [b"[2001:4860:4860::8888]:443", b"93.184.216.34:443"]


@on_both_loops
async def test_a_proxy_that_is_silent_about_one_address_is_asked_for_the_next() -> None:
    async with (
        receiving(saying()) as proxy,
        sending(resolver=Names([PUBLIC, "8.8.8.8"]), proxy=proxy_at(proxy.port)) as sender,
    ):
        future = sender.send(f"https://{HOST}/")
        await proxy.until(lambda: len(proxy.requests) == 1)
        await sender.clock.advance(4.1)
        await proxy.until(lambda: len(proxy.requests) == 2)
        assert proxy.requests[1].startswith(b"CONNECT 8.8.8.8:443 ")
        await sender.clock.advance(16.5)
        assert kind_of(await future) is Kind.PROXY_TIMEOUT


# What its answers mean


@pytest.mark.parametrize(
    ("line", "kind", "fault"),
    [
        (b"HTTP/1.1 200 OK", None, None),
        (b"HTTP/1.0 200 Connection established", None, None),
        (b"HTTP/1.1 204 ", None, None),
        (b"HTTP/1.1 200", None, None),
        (b"HTTP/1.1 407 Proxy Authentication Required", Kind.PROXY_AUTH, Fault.SENDER),
        (b"HTTP/1.1 403 Filtered", Kind.PROXY_REFUSED, Fault.SENDER),
        (b"HTTP/1.1 405 Method Not Allowed", Kind.PROXY_REFUSED, Fault.SENDER),
        (b"HTTP/1.1 302 Found", Kind.PROXY_REFUSED, Fault.SENDER),
        (b"HTTP/1.1 101 Switching Protocols", Kind.PROXY_REFUSED, Fault.SENDER),
        (b"HTTP/1.1 500 Unable to connect", Kind.CONNECT_UNREACHABLE, Fault.NETWORK),
        (b"HTTP/1.1 502 Bad Gateway", Kind.CONNECT_UNREACHABLE, Fault.NETWORK),
        (b"HTTP/1.1 503 Service Unavailable", Kind.CONNECT_UNREACHABLE, Fault.NETWORK),
        (b"HTTP/1.1 504 Gateway Timeout", Kind.CONNECT_TIMEOUT, Fault.NETWORK),
        (b"HTTP/2 200 OK", Kind.PROXY_BAD_ANSWER, Fault.SENDER),
        (b"HTTP/1.1 2000 OK", Kind.PROXY_BAD_ANSWER, Fault.SENDER),
        (b"HTTP/1.1 020 OK", Kind.PROXY_BAD_ANSWER, Fault.SENDER),
        (b"SSH-2.0-OpenSSH_9.2", Kind.PROXY_BAD_ANSWER, Fault.SENDER),
        (b"", Kind.PROXY_BAD_ANSWER, Fault.SENDER),
    ],
)
def test_each_answer_of_a_proxy_has_its_meaning(line: bytes, kind: Kind | None, fault: Fault | None) -> None:
    failure = refused(proxy_at(3128), line + b"\r\nserver: x")
    assert (failure and failure.kind) == kind
    assert fault is None or (failure is not None and WORDS[failure.kind].fault is fault)


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (saying(b"HTTP/1.1 407 Who\r\nproxy-authenticate: Basic\r\n\r\n"), Kind.PROXY_AUTH),
        (saying(b"HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\n", b"no"), Kind.PROXY_REFUSED),
        (saying(b"HTTP/1.1 502 Bad\r\n\r\n"), Kind.CONNECT_UNREACHABLE),
        (saying(b"HTTP/1.1 504 Late\r\n\r\n"), Kind.CONNECT_TIMEOUT),
        (saying(b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n"), Kind.PROXY_BAD_ANSWER),
        (saying(close=True), Kind.PROXY_BAD_ANSWER),
        (saying(b"HTTP/1.1 200 O", close=True), Kind.PROXY_BAD_ANSWER),
        (saying(OPEN + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"), Kind.PROXY_BAD_ANSWER),
        (endless(b"HTTP/1.1 200 OK\r\n", b"x-a: " + b"b" * 200 + b"\r\n"), Kind.PROXY_BAD_ANSWER),
        (endless(b"HTTP/1.1 200 OK\r\nx-a: ", b"b" * 1000), Kind.PROXY_BAD_ANSWER),
        (endless(b"", b"\x00" * 100), Kind.PROXY_BAD_ANSWER),
        (saying(OPEN, close=True), Kind.TLS_FAILED),
    ],
    ids=["407", "403", "502", "504", "garbage", "closed", "half", "forged", "headers", "header", "zeros", "open"],
)  # fmt: skip
@on_both_loops
async def test_a_proxy_that_opens_no_way_fails_the_attempt_and_is_named(behave: Behave, kind: Kind) -> None:
    found, proxy = await outcome_through(behave)
    assert found is kind
    assert proxy.accepted == 1


@on_both_loops
async def test_a_way_that_is_closed_at_once_is_a_failure_for_plain_http_too() -> None:
    async with (
        receiving(saying(OPEN, close=True)) as proxy,
        sending(proxy=proxy_at(proxy.port)) as sender,
    ):
        assert kind_of(await sender.send("http://127.0.0.9/")) is Kind.EARLY_CLOSE
        await proxy.until(lambda: proxy.ended == 1)
        assert sender.client.stats.open == 0


@pytest.mark.parametrize(("start", "drips"), [(b"", False), (b"HTTP/1.1 2", False), (b"HTTP/1.1 200 ", True)])
@on_both_loops
async def test_a_proxy_that_does_not_finish_its_answer_is_given_up_in_time(start: bytes, drips: bool) -> None:
    async with receiving(saying(start)) as proxy:

        async def drip() -> None:
            while drips and not future.done():
                writers[0].write(b"x")
                await sender.clock.sleep(1)

        writers: list[asyncio.StreamWriter] = []
        behaviour = proxy._behave

        async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await behaviour(reader, writer)

        proxy._behave = kept
        async with sending(resolver=Names([PUBLIC]), proxy=proxy_at(proxy.port)) as sender:
            future = sender.send(f"https://{HOST}/")
            await proxy.until(lambda: len(proxy.requests) == 1)
            dripping = asyncio.create_task(drip())
            await sender.clock.advance(19.8)
            assert not future.done()
            await sender.clock.advance(0.5)
            assert kind_of(await future) is Kind.PROXY_TIMEOUT
            dripping.cancel()
            await proxy.until(lambda: proxy.ended == 1)


@on_both_loops
async def test_a_proxy_that_cannot_be_reached_is_the_operators_to_mend() -> None:
    closed = free_port()
    async with sending(resolver=Names([PUBLIC]), proxy=proxy_at(closed, credentials="u:hush@")) as sender:
        outcome = classify(await sender.send(f"https://{HOST}/"), 0)
        assert (outcome.kind, outcome.fault) == (Kind.PROXY_UNREACHABLE, Fault.SENDER)
        assert f"127.0.0.1:{closed}: ECONNREFUSED" in outcome.message_operator
        assert str(closed) not in outcome.message_customer
        assert "hush" not in outcome.message_operator + outcome.message_customer


@on_both_loops
async def test_a_proxy_is_found_by_name_wherever_it_is() -> None:
    """The name of the receiver is asked for first, then that of the proxy, which may lie inside."""
    async with (
        receiving(answering(OK), context=serving()) as receiver,
        receiving(leading_to(receiver.port)) as proxy,
        sending(
            policy=AddressPolicy(),
            resolver=Names([PUBLIC], ["127.0.0.9", "127.0.0.1"]),
            context=trusting(),
            proxy=Proxy.parse(f"http://egress.internal:{proxy.port}"),
        ) as sender,
    ):
        assert (await sender.send(f"https://{HOST}/")).status == 200


@pytest.mark.parametrize("answer", [socket.gaierror(socket.EAI_NONAME, "unknown"), []])
@on_both_loops
async def test_a_proxy_whose_name_is_unknown_is_not_the_receivers_fault(answer: OSError | list[str]) -> None:
    names, proxy = Names([PUBLIC], answer), Proxy.parse("http://egress.internal:3128")
    async with sending(resolver=names, proxy=proxy) as sender:
        assert kind_of(await sender.send(f"https://{HOST}/")) is Kind.PROXY_UNREACHABLE


@on_both_loops
async def test_a_proxy_with_a_wrong_certificate_gets_no_credentials() -> None:
    async with (
        receiving(saying(OPEN), context=serving("other.example")) as proxy,
        sending(
            resolver=Names([PUBLIC]), context=trusting(), proxy=proxy_at(proxy.port, "https", "u:p@")
        ) as sender,
    ):
        assert kind_of(await sender.send(f"https://{HOST}/")) is Kind.PROXY_UNREACHABLE
        assert proxy.requests == []


@pytest.mark.parametrize("turns", range(0, 60, 6))
@pytest.mark.parametrize("to_proxy", ["http", "https"])
@on_both_loops
async def test_a_request_can_be_cancelled_at_any_moment_of_its_tunnel(turns: int, to_proxy: str) -> None:
    async with (
        receiving(answering(OK), context=serving()) as receiver,
        receiving(
            leading_to(receiver.port), context=serving("127.0.0.1") if to_proxy == "https" else None
        ) as proxy,
        sending(
            resolver=Names([PUBLIC, "8.8.8.8"]), context=trusting(), proxy=proxy_at(proxy.port, to_proxy)
        ) as sender,
    ):
        future = sender.send(f"https://{HOST}/")
        for _ in range(turns):
            await asyncio.sleep(0)
        future.cancel()
        async with asyncio.timeout(30):
            while (stats := sender.client.stats).in_flight or stats.open != stats.idle:
                await asyncio.sleep(0)
        await sender.clock.advance(60)
        await proxy.until(lambda: proxy.ended == proxy.accepted)


# Naming it


def test_credentials_are_sent_as_basic_and_shown_to_nobody() -> None:
    proxy = Proxy.parse("http://user:p%40ss%3A@proxy.example:3128/")
    request = proxy.request(ip_address(PUBLIC), 443)
    assert request.endswith(b"\r\nproxy-authorization: Basic dXNlcjpwQHNzOg==\r\n\r\n")
    assert "dXNl" not in repr(proxy) + str(proxy)
    assert "p@ss" not in repr(proxy) + str(proxy)
    assert proxy.request(ip_address("2001:db8::1"), 8443) == (
        b"CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nhost: [2001:db8::1]:8443\r\n"
        b"proxy-authorization: Basic dXNlcjpwQHNzOg==\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("http://10.0.0.1:3128", ("http", "10.0.0.1", 3128)),
        ("http://127.0.0.1:1/", ("http", "127.0.0.1", 1)),
        ("HTTPS://Proxy.Example:443", ("https", "proxy.example", 443)),
        ("http://u:p@[fd00::1]:3128", ("http", "fd00::1", 3128)),
    ],
)
def test_a_proxy_may_be_anywhere(text: str, target: tuple[str, str, int]) -> None:
    assert Proxy.parse(text).target.origin == target


@pytest.mark.parametrize(
    "text",
    [
        "", "proxy", "proxy:3128", "http://proxy", "http://proxy:", "http://:3128", "socks5://proxy:1080",
        "http://u@proxy:3128", "http://u:p%0d%0ax@proxy:3128", "http://proxy:3128/path", "http://proxy:99999",
        "http://a b:3128", "http://u:p@x@proxy:3128", "http://proxy:3128?x", "http://pro\r\nxy:3128",
    ],
)  # fmt: skip
def test_what_is_not_a_proxy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Proxy.parse(text)


# A proxy that others wrote


@asynccontextmanager
async def tinyproxy(folder: Path, port: int) -> AsyncIterator[Proxy]:
    """tinyproxy, which lets nobody through without a password and to no port but `port`.

    Without the program the test is skipped; in CI it fails.
    """
    program = shutil.which("tinyproxy", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin")
    if program is None:
        reason = "NOT CHECKED against a foreign proxy: install tinyproxy"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    own = free_port()
    settings = folder / "tinyproxy.conf"
    settings.write_text(
        f"Port {own}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nBasicAuth user pass\n"
        f"ConnectPort {port}\nConnectPort 1\nMaxClients 20\n"
    )
    child = await asyncio.create_subprocess_exec(
        program,
        "-d",
        "-c",
        str(settings),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    (await asyncio.open_connection("127.0.0.1", own))[1].close()
                    break
                except OSError:
                    await asyncio.sleep(0.02)
        yield Proxy.parse(f"http://user:pass@127.0.0.1:{own}")
    finally:
        child.terminate()
        await child.wait()


async def test_a_foreign_proxy_understands_us_and_we_its_refusals(tmp_path: Path) -> None:
    async with (
        receiving(answering(OK), context=serving()) as receiver,
        tinyproxy(tmp_path, receiver.port) as proxy,
        sending(context=trusting(), proxy=proxy) as sender,
    ):
        url = f"https://{HOST}:{receiver.port}/"
        for n in range(3):
            exchange = await sender.send(url, b"x" * 200_000 * n)
            assert (exchange.status, exchange.failure) == (200, None)
        assert exchange.reused
        assert receiver.accepted == 1
        stranger = Proxy(proxy.target, "user:wrong")
        async with sending(context=trusting(), proxy=stranger) as other:
            assert kind_of(await other.send(url)) in (Kind.PROXY_AUTH, Kind.PROXY_REFUSED)
        async with sending(context=trusting(), proxy=Proxy(proxy.target)) as other:
            assert kind_of(await other.send(url)) is Kind.PROXY_AUTH
        assert kind_of(await sender.send(f"https://{HOST}:2/", key="ep_2")) is Kind.PROXY_REFUSED
        assert kind_of(await sender.send(f"https://{HOST}:1/", key="ep_3")) is Kind.CONNECT_UNREACHABLE
        assert receiver.accepted == 1
