"""The HTTP client over TLS: certificates are verified for the name, and what is wrong with one is told apart."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from switchhook.delivery.exchange import Kind
from switchhook.delivery.http.dial import default_ssl_context
from tests.delivery.receivers import (
    OK,
    Behaviour,
    Receiver,
    answering,
    kind_of,
    on_both_loops,
    receiving,
    sending,
)

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()
HOST = "hooks.example"


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "self-signed.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def trusting() -> ssl.SSLContext:
    context = default_ssl_context()
    AUTHORITY.configure_trust(context)
    return context


def test_certificates_are_verified_by_default() -> None:
    context = default_ssl_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@on_both_loops
async def test_tls_is_verified_for_the_name_and_the_connection_kept() -> None:
    seen: list[str | None] = []
    context = serving(AUTHORITY.issue_cert(HOST))
    context.sni_callback = lambda _, name, __: seen.append(name)
    async with receiving(answering(OK), context=context) as receiver, sending(context=trusting()) as sender:
        for _ in range(2):
            exchange = await sender.send(f"https://{HOST}:{receiver.port}/")
            assert (exchange.status, exchange.failure) == (200, None)
        assert exchange.reused
        assert seen == [HOST]
        await sender.clock.advance(60)
        await receiver.until(lambda: receiver.ended == 1)


@on_both_loops
async def test_tls_works_for_an_address_as_host() -> None:
    async with (
        receiving(answering(OK), context=serving(AUTHORITY.issue_cert("127.0.0.1"))) as receiver,
        sending(context=trusting()) as sender,
    ):
        assert (await sender.send(f"https://127.0.0.1:{receiver.port}/")).status == 200


@on_both_loops
async def test_a_long_request_goes_through_tls() -> None:
    async with (
        receiving(answering(OK), context=serving(AUTHORITY.issue_cert(HOST))) as receiver,
        sending(context=trusting()) as sender,
    ):
        body = b"x" * 3_000_000
        assert (await sender.send(f"https://{HOST}:{receiver.port}/", body)).status == 200
        assert receiver.requests[0].endswith(body)


@pytest.mark.parametrize(
    ("certificate", "kind"),
    [
        ("expired", Kind.TLS_EXPIRED),
        ("not yet", Kind.TLS_EXPIRED),
        ("wrong host", Kind.TLS_WRONG_HOST),
        ("wrong address", Kind.TLS_WRONG_HOST),
        ("self-signed", Kind.TLS_SELF_SIGNED),
        ("stranger", Kind.TLS_UNTRUSTED),
    ],
)
@on_both_loops
async def test_a_bad_certificate_is_refused_and_named(certificate: str, kind: Kind, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    day = timedelta(days=1)
    host = "127.0.0.1" if certificate == "wrong address" else HOST
    context = {
        "expired": lambda: serving(AUTHORITY.issue_cert(HOST, not_before=now - 9 * day, not_after=now - day)),
        "not yet": lambda: serving(AUTHORITY.issue_cert(HOST, not_before=now + day, not_after=now + 9 * day)),
        "wrong host": lambda: serving(AUTHORITY.issue_cert("other.example")),
        "wrong address": lambda: serving(AUTHORITY.issue_cert("127.0.0.9")),
        "self-signed": lambda: self_signed(tmp_path),
        "stranger": lambda: serving(STRANGER.issue_cert(HOST)),
    }[certificate]()
    async with receiving(answering(OK), context=context) as receiver, sending(context=trusting()) as sender:
        exchange = await sender.send(f"https://{host}:{receiver.port}/")
        assert kind_of(exchange) is kind
        assert receiver.requests == []
        assert sender.client.stats.open == 0


@on_both_loops
async def test_a_port_without_tls_is_named() -> None:
    def shout(_: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        return on_connection

    async with receiving(shout) as receiver, sending(context=trusting()) as sender:
        assert kind_of(await sender.send(f"https://{HOST}:{receiver.port}/")) is Kind.TLS_FAILED
        await receiver.until(lambda: receiver.ended == 1)


@on_both_loops
async def test_a_connection_closed_in_the_handshake_is_named() -> None:
    def hang_up(_: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.close()

        return on_connection

    async with receiving(hang_up) as receiver, sending(context=trusting()) as sender:
        assert kind_of(await sender.send(f"https://{HOST}:{receiver.port}/")) is Kind.TLS_FAILED


@on_both_loops
async def test_a_handshake_that_is_never_answered_ends_in_time_and_is_closed() -> None:
    def say_nothing(_: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)

        return on_connection

    async with receiving(say_nothing) as receiver, sending(context=trusting()) as sender:
        future = sender.send(f"https://{HOST}:{receiver.port}/")
        await receiver.until(lambda: receiver.accepted == 1)
        await sender.clock.advance(20.5)
        assert kind_of(await future) is Kind.TLS_TIMEOUT
        await receiver.until(lambda: receiver.ended == 1)


@pytest.mark.parametrize("turns", range(0, 40, 3))
@on_both_loops
async def test_a_request_can_be_cancelled_at_any_moment_of_its_handshake(turns: int) -> None:
    async with (
        receiving(answering(OK), context=serving(AUTHORITY.issue_cert(HOST))) as receiver,
        sending(context=trusting()) as sender,
    ):
        future = sender.send(f"https://{HOST}:{receiver.port}/")
        for _ in range(turns):
            await asyncio.sleep(0)
        future.cancel()
        async with asyncio.timeout(30):
            while (stats := sender.client.stats).in_flight or stats.open != stats.idle:
                await asyncio.sleep(0)


@on_both_loops
async def test_a_tls_receiver_that_breaks_off_is_a_failure() -> None:
    def break_off(receiver: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await receiver.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            await writer.drain()
            writer.transport.abort()

        return on_connection

    async with (
        receiving(break_off, context=serving(AUTHORITY.issue_cert(HOST))) as receiver,
        sending(context=trusting()) as sender,
    ):
        exchange = await sender.send(f"https://{HOST}:{receiver.port}/")
        assert kind_of(exchange) in (Kind.EARLY_CLOSE, Kind.CONNECTION_RESET)
        assert (exchange.status, exchange.body) == (200, b"half")
