"""Is anybody there? One empty datagram to a telephone's address, and whether its host says no.

The stack sends INVITEs from an unconnected socket, to which the kernel tells nothing of an ICMP "port unreachable";
a telephone that is switched off would just be silent. A connected socket does hear it. What is sent is the
double CRLF with which SIP keeps a path open (RFC 5626, 3.5.1): a telephone ignores it or answers with a CRLF.
Silence proves nothing, so only a plain no counts.
"""

import asyncio
from ipaddress import IPv4Address

from switchhook.telephony.sip.address import parse_uri

_WAIT = 1.0


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, refused: "asyncio.Future[bool]") -> None:
        self._refused = refused

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionRefusedError) and not self._refused.done():
            self._refused.set_result(True)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._refused.done():
            self._refused.set_result(False)


async def is_absent(uri: str) -> bool:
    """Whether the host of `uri` says within a second that nobody listens there.

    False for anything else: silence, an answer, a name instead of an address, TCP or TLS.
    """
    try:
        address = parse_uri(uri)
        host = IPv4Address(address.host)
    except ValueError:
        return False
    if ";transport=" in uri and ";transport=udp" not in uri.lower():
        return False
    loop = asyncio.get_running_loop()
    refused: asyncio.Future[bool] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Listener(refused), remote_addr=(str(host), address.port)
        )
    except OSError:
        return True  # no route at all
    try:
        transport.sendto(b"\r\n\r\n")
        return await asyncio.wait_for(refused, _WAIT)
    except TimeoutError:
        return False
    finally:
        transport.close()
