"""The sockets: UDP, TCP and TLS outside, UDP towards the stack. What arrives is cut into messages, nothing more.

Connections are few, small and short for those who say nothing: who opens one has ten seconds for a whole message, what
he sends and does not finish is bounded, and so is what waits to be sent to him.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from switchhook.clock import Clock
from switchhook.telephony.sip.edge.flows import TCP, TLS, UDP, Flow
from switchhook.telephony.sip.edge.framing import PING, PONG, Framer, FramingError

log = logging.getLogger(__name__)

MAX_CONNECTIONS, MAX_PER_HOST = 1_000, 100
MESSAGE_SECONDS = (
    10.0  # from the first byte of a message to its last, and from the connection to the first message
)
IDLE_SECONDS = 3_700.0  # longer than any registration holds
CONNECT_SECONDS = 5.0
_WAITING = 256 * 1024  # bytes that a peer has not taken
_NAMES = 60.0  # seconds that a host's address is remembered

OnMessage = Callable[[bytes, Flow], None]


class Connection(asyncio.Protocol):
    """One TCP or TLS connection."""

    def __init__(
        self, owner: "Transports", kind: str, number: int, reaches: tuple[str, str, int] | None = None
    ) -> None:
        self._owner = owner
        self.reaches = reaches  # where we wanted to get, when it was us who opened it
        self._framer = Framer()
        self.kind = kind
        self.number = number
        self.flow = Flow(kind, "", 0, number)
        self.transport: asyncio.Transport | None = None
        self.quiet_since = 0.0
        self.begun: float | None = None  # since when a message is incomplete, or there has been none

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
        self.flow = Flow(self.kind, host, port, self.number)
        self.quiet_since = self._owner.clock.monotonic()
        self.begun = self.quiet_since if self.reaches is None else None
        if not self._owner.joined(self):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.quiet_since = self._owner.clock.monotonic()
        try:
            messages = self._framer.feed(data)
        except FramingError as error:
            log.info("SIP: a connection from %s is given up: %s", self.flow.host, error)
            self.abort()
            return
        for message in messages:
            if message == PING:
                self.write(PONG)
            else:
                self._owner.heard(message, self.flow)
        if not self._framer.pending:
            self.begun = None if messages or self.begun is None else self.begun
        elif self.begun is None or messages:
            self.begun = self.quiet_since

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._owner.left(self)

    def write(self, data: bytes) -> None:
        """Send, or give the connection up when its peer takes nothing."""
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > _WAITING:
            self.abort()

    def abort(self) -> None:
        """End it at once."""
        if self.transport is not None:
            self.transport.abort()

    def is_stuck(self, now: float) -> bool:
        """Whether it has kept us waiting for too long."""
        slow = self.begun is not None and now - self.begun > MESSAGE_SECONDS
        return slow or now - self.quiet_since > IDLE_SECONDS


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, heard: OnMessage) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip(b"\r\n\0"):  # else a keep-alive
            self._heard(data, Flow(UDP, addr[0], addr[1]))


class Transports:
    """All sockets of the front."""

    def __init__(
        self,
        clock: Clock,
        *,
        outside: OnMessage,
        inside: Callable[[bytes], None],
        unsent: Callable[[bytes], None],
        lost: Callable[[Flow], None],
        hears: Callable[[str], bool],
    ) -> None:
        self.clock = clock
        self._outside = outside
        self._inside = inside
        self._unsent = unsent
        self._lost = lost
        self._hears = hears
        self._udp: asyncio.DatagramTransport | None = None
        self._stack: asyncio.DatagramTransport | None = None
        self._to_stack = ("", 0)
        self._servers: list[asyncio.Server] = []
        self._connections: dict[int, Connection] = {}
        self._numbers = 0
        self._opening: dict[tuple[str, str, int], list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._names: dict[str, tuple[float, str]] = {}
        self._client_tls: ssl.SSLContext | None = None

    # ------------------------------------------------------------ opening and closing

    async def open_udp(self, address: tuple[str, int]) -> socket.socket:
        """Listen for datagrams there; returns the socket.

        Raises:
            OSError: it is taken, or not ours.
        """
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self.heard), local_addr=address)
        found: socket.socket = self._udp.get_extra_info("socket")
        return found

    async def open_inside(self, host: str) -> tuple[str, int]:
        """Listen for the stack; returns where.

        Raises:
            OSError: no port is free.
        """
        loop = asyncio.get_running_loop()

        def heard(data: bytes, flow: Flow) -> None:
            if (flow.host, flow.port) == self._to_stack:
                self._inside(data)

        self._stack, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(heard), local_addr=(host, 0))
        where: tuple[str, int] = self._stack.get_extra_info("sockname")
        return where

    def stack_is(self, address: tuple[str, int]) -> None:
        """Where the stack is."""
        self._to_stack = address

    async def open_stream(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        """Listen for connections there.

        Raises:
            OSError: it is taken, or not ours.
        """
        kind = TCP if tls is None else TLS
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self, kind, self._number()),
            *address,
            ssl=tls,
            ssl_handshake_timeout=MESSAGE_SECONDS if tls else None,
        )
        self._servers.append(server)

    async def close(self) -> None:
        """Close all."""
        for server in self._servers:
            server.close()
        for transport in (self._udp, self._stack):
            if transport is not None:
                transport.close()
        for connection in list(self._connections.values()):
            connection.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ sending

    def send(self, flow: Flow, data: bytes) -> None:
        """Send to a peer outside; what cannot be sent is told by `unsent`, perhaps later."""
        if flow.kind == UDP:
            self._send_datagram(flow, data)
            return
        connection = self._connections.get(flow.number) if flow.number else self._reaching(flow)
        if connection is not None:
            connection.write(data)
        elif flow.number:
            self._unsent(data)  # who opened it has closed it, and cannot be reached otherwise
        else:
            self._connect(flow, data)

    def ping(self, flow: Flow) -> None:
        """Keep the way to a peer open (RFC 5626, 4.4)."""
        if flow.kind == UDP or flow.number in self._connections:
            self.send(flow, PING)

    def send_inside(self, data: bytes) -> None:
        """Send to the stack."""
        if self._stack is not None and self._to_stack[1]:
            self._stack.sendto(data, self._to_stack)

    def _send_datagram(self, flow: Flow, data: bytes) -> None:
        address = self._known(flow.host)
        if address is None:
            self.spawn(self._look_up(flow, data))
        elif self._udp is not None:
            self._udp.sendto(data, (address, flow.port))

    def _known(self, host: str) -> str | None:
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            at, address = self._names.get(host, (0.0, ""))
            return address if address and self.clock.monotonic() - at < _NAMES else None

    async def resolve(self, host: str) -> list[str]:
        """The IPv4 addresses of a host; none when there is none."""
        try:
            return [str(IPv4Address(host))]
        except AddressValueError:
            loop = asyncio.get_running_loop()
            try:
                found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
            except OSError:
                return []
            return [str(one[4][0]) for one in found]

    async def _look_up(self, flow: Flow, data: bytes) -> None:
        found = await self.resolve(flow.host)
        if found:
            self._names[flow.host] = (self.clock.monotonic(), found[0])
            self._send_datagram(Flow(UDP, found[0], flow.port), data)
        else:
            self._unsent(data)

    def _reaching(self, flow: Flow) -> Connection | None:
        """A connection that we have opened to there."""
        wanted = (flow.kind, flow.host, flow.port)
        return next((one for one in self._connections.values() if one.reaches == wanted), None)

    def _connect(self, flow: Flow, data: bytes) -> None:
        key = (flow.kind, flow.host, flow.port)
        waiting = self._opening.get(key)
        if waiting is not None:
            waiting.append(data)
            return
        self._opening[key] = [data]
        self.spawn(self._open(flow))

    async def _open(self, flow: Flow) -> None:
        if flow.kind == TLS and self._client_tls is None:
            self._client_tls = ssl.create_default_context()
        key = (flow.kind, flow.host, flow.port)
        connection: Connection | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self, flow.kind, self._number(), key),
                    flow.host,
                    flow.port,
                    family=socket.AF_INET,
                    ssl=self._client_tls if flow.kind == TLS else None,
                )
        except (OSError, TimeoutError) as error:  # those of TLS are among them
            log.warning("SIP: no connection to %s:%d: %s", flow.host, flow.port, error)
        for data in self._opening.pop(key, []):
            if connection is None:
                self._unsent(data)
            else:
                connection.write(data)

    # ------------------------------------------------------------ what connections say

    def joined(self, connection: Connection) -> bool:
        """Whether a connection may stay."""
        host = connection.flow.host
        if connection.reaches is None:
            there = sum(one.flow.host == host for one in self._connections.values())
            if len(self._connections) >= MAX_CONNECTIONS or there >= MAX_PER_HOST or not self._hears(host):
                return False
        self._connections[connection.number] = connection
        return True

    def heard(self, data: bytes, flow: Flow) -> None:
        """A message has come."""
        self._outside(data, flow)

    def left(self, connection: Connection) -> None:
        """A connection has ended."""
        if self._connections.pop(connection.number, None) is not None:
            self._lost(connection.flow)

    def sweep(self) -> None:
        """End those that keep us waiting; now and then."""
        now = self.clock.monotonic()
        for connection in [one for one in self._connections.values() if one.is_stuck(now)]:
            connection.abort()

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something meanwhile; it ends when the sockets are closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """What a TLS listener shows.

    Raises:
        OSError: the files cannot be read, or are no certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    return context
