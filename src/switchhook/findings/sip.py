"""What `switchhook doctor` looks at on the SIP line: whether it answers, and whether the trunk does.

Each is sent OPTIONS (RFC 3261, 11), which asks for nothing and rings nobody. Over UDP; of a trunk over TCP or TLS only
that somebody takes the connection.
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator

from switchhook.clock import Clock
from switchhook.findings.installation import Finding
from switchhook.settings.config import TELEPHONY, Config
from switchhook.telephony.sip.address import parse_uri

SECONDS = 3.0  # for an answer
_AGAIN = 0.5  # seconds after which OPTIONS is repeated: a datagram may be lost


async def examine_sip(config: Config, clock: Clock) -> AsyncIterator[Finding]:
    """Ask the line and the trunk of the configuration for a sign of life."""
    if not config.sip_listen or TELEPHONY not in config.role:
        return
    host, _, port = config.sip_listen.rpartition(":")
    said = await ask(host, int(port), clock)
    if said == "":  # where nobody listens, that its port is free has been said
        yield Finding(
            "SIP line",
            "error",
            f"what has {config.sip_listen} answers no SIP",
            f"see whose port it is (ss -ulpn), and whether {host} is in [sip] allow",
        )
    elif said:
        yield Finding("SIP line", "ok", f"{config.sip_listen} answers: {said}")
    if config.sip_trunk:
        yield await _trunk(config.sip_trunk, clock)


async def _trunk(trunk: str, clock: Clock) -> Finding:
    address = parse_uri(f"sip:{trunk}")
    where, what = f"{address.host}:{address.port}", "SIP trunk"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
    except OSError as error:
        advice = "look at trunk in [sip], and at this machine's DNS"
        return Finding(what, "error", f"{address.host} is not found: {error.strerror}", advice)
    host = str(found[0][4][0])
    if ";transport=t" in trunk.lower():  # TCP or TLS
        return await _connected(where, host, address.port)
    said = await ask(host, address.port, clock)
    if said is None:
        return Finding(what, "error", f"nothing listens at {where}", "look at trunk in [sip]")
    if not said:
        return Finding(
            what,
            "warning",
            f"{where} does not answer",
            "some trunks answer only whom they know: ask the operator whether this machine's address is let in, "
            "and look whether a firewall lets UDP out and back",
        )
    return Finding(what, "ok", f"{where} answers: {said}")


async def _connected(where: str, host: str, port: int) -> Finding:
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        return Finding("SIP trunk", "error", f"{where}: {why}", "look at trunk in [sip], and at firewalls")
    writer.close()
    return Finding("SIP trunk", "ok", f"{where} takes connections")


class _Asking(asyncio.DatagramProtocol):
    def __init__(self, said: "asyncio.Future[str | None]") -> None:
        self._said = said

    def datagram_received(self, data: bytes, addr: object) -> None:
        line = data.split(b"\r\n", 1)[0]
        if line.startswith(b"SIP/2.0 ") and not self._said.done():
            self._said.set_result(line.removeprefix(b"SIP/2.0 ").decode("utf-8", "replace")[:60])

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionRefusedError) and not self._said.done():
            self._said.set_result(None)


async def ask(host: str, port: int, clock: Clock) -> str | None:
    """What a SIP server answers to OPTIONS, as `200 OK`; empty: nothing in time; None: nobody is there."""
    loop = asyncio.get_running_loop()
    said: asyncio.Future[str | None] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: _Asking(said), remote_addr=(host, port))
    except OSError:  # no way there
        return None
    try:
        request = _options(host, port, *transport.get_extra_info("sockname")[:2])
        end = clock.monotonic() + SECONDS
        while not said.done() and clock.monotonic() < end:
            transport.sendto(request)
            await asyncio.wait([said], timeout=_AGAIN)
        return said.result() if said.done() else ""
    finally:
        transport.close()


def _options(host: str, port: int, here: str, back: int) -> bytes:
    word = secrets.token_hex(8)
    return (
        f"OPTIONS sip:{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {here}:{back};rport;branch=z9hG4bK{word}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:doctor@{here}>;tag={word}\r\n"
        f"To: <sip:{host}:{port}>\r\n"
        f"Call-ID: {word}@{here}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        f"Contact: <sip:doctor@{here}:{back}>\r\n"
        "Accept: application/sdp\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()
