"""Making a connection to an address that has been checked, and to no other.

    resolve ─▶ check ALL addresses ─▶ connect a socket to one of them, by number ─▶ TLS for the name
                                  └─▶ or have a proxy do so: CONNECT names the number, too

The socket is connected to an address taken from the checked list, and TLS is laid over that socket: between the check
and the dial there is no second look-up that could answer differently.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

from switchhook.clock import Clock, Deadline
from switchhook.delivery.address import Address, AddressForbidden, AddressPolicy, Target
from switchhook.delivery.exchange import Failure, Kind
from switchhook.delivery.http import failures, sockets
from switchhook.delivery.http.call import Call, Phase
from switchhook.delivery.http.connection import Connection
from switchhook.delivery.http.failures import DialFailed
from switchhook.delivery.http.limits import Limits
from switchhook.delivery.http.proxy import Proxy
from switchhook.delivery.http.resolver import Resolver
from switchhook.delivery.http.tunnel import Tunnels

T = TypeVar("T")

# After these another address of the name may do better; the others speak of the proxy.
_NEXT = frozenset(
    {Kind.CONNECT_REFUSED, Kind.CONNECT_TIMEOUT, Kind.CONNECT_UNREACHABLE, Kind.SENDER_EXHAUSTED}
)


def default_ssl_context() -> ssl.SSLContext:
    """Verification against the system's store, TLS 1.2 or newer, HTTP/1.1."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialler:
    """Opens connections, directly or through `proxy`.

    Notes in the call how far it is, so that a time-out can be named.
    """

    def __init__(
        self,
        clock: Clock,
        policy: AddressPolicy,
        resolver: Resolver,
        context: ssl.SSLContext,
        limits: Limits,
        *,
        proxy: Proxy | None = None,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._resolver = resolver
        self._context = context
        self._limits = limits
        self._tunnels = Tunnels(proxy, clock, resolver, context, limits) if proxy is not None else None

    async def open(self, call: Call, make: Callable[[Address], Connection]) -> Connection:
        """A connection to the target of `call`; `make` builds its protocol from the address.

        Raises:
            DialFailed: there is none to be had.
        """
        target = call.request.target
        addresses = await self._addresses(target)
        try:
            self._policy.check_all(addresses, scheme=target.scheme, name=target.host)
        except AddressForbidden as error:
            raise DialFailed(Failure(Kind.ADDRESS_FORBIDDEN, str(error))) from None
        tunnels = self._tunnels
        if tunnels is None:
            call.phase = Phase.CONNECTING
            sock, address = await self._first(
                call, addresses, lambda address: _connect(address, call.request.target.port)
            )
            connection = make(address)
            call.phase = Phase.HANDSHAKING
            await self._attach(sock, target, connection)
        else:
            way, address = await self._first(call, addresses, lambda address: tunnels.open(call, address))
            connection = make(address)
            call.phase = Phase.HANDSHAKING
            await self._enter(way, target, connection)
        return connection

    async def _addresses(self, target: Target) -> Sequence[Address]:
        try:
            found = await sockets.look_up(self._clock, self._resolver, target, self._limits.dns_seconds)
        except TimeoutError:
            raise DialFailed(Failure(Kind.DNS_TIMEOUT, "no answer to the look-up")) from None
        except OSError as error:
            raise DialFailed(failures.of_lookup(error)) from None
        if not found:
            raise DialFailed(Failure(Kind.DNS_NOT_FOUND, "no address"))
        return found

    async def _first(
        self, call: Call, addresses: Sequence[Address], reach: Callable[[Address], Awaitable[T]]
    ) -> tuple[T, Address]:
        """What `reach` makes of the first address that it reaches. The last may take all the time that is left."""
        failure: Failure | None = None
        last = len(addresses) - 1
        for index, address in enumerate(addresses):
            call.address = str(address)
            patience = Deadline(self._clock, self._limits.address_seconds) if index < last else nullcontext()
            try:
                async with patience:
                    return await reach(address), address
            except TimeoutError:
                found = Failure(Kind.CONNECT_TIMEOUT, "no answer to the connection")
            except DialFailed as error:
                found = error.failure
                if found.kind not in _NEXT:
                    raise
            # A missing IPv6 route says less than what another address answered.
            if failure is None or failure.kind is Kind.CONNECT_UNREACHABLE:
                failure = found
        assert failure is not None
        raise DialFailed(failure)

    async def _attach(self, sock: socket.socket, target: Target, connection: Connection) -> None:
        """Begin on a socket that leads to the target."""
        loop = asyncio.get_running_loop()
        try:
            if target.scheme == "https":
                await loop.create_connection(
                    lambda: connection,
                    sock=sock,
                    ssl=self._context,
                    server_hostname=target.host,
                    ssl_handshake_timeout=sockets.NO_LIMIT,
                )
            else:
                await loop.create_connection(lambda: connection, sock=sock)
        except OSError as error:
            connection.end()
            raise DialFailed(failures.of_handshake(error)) from None
        except BaseException:
            # Given up just when it was made. The loop would close it politely, which a receiver can draw out.
            connection.end()
            raise

    async def _enter(self, way: asyncio.Transport, target: Target, connection: Connection) -> None:
        """Begin on a transport that leads to the target."""
        connection.connection_made(way)
        if target.scheme == "http":
            way.set_protocol(connection)
            return
        try:
            inside = await asyncio.get_running_loop().start_tls(
                way,
                connection,
                self._context,
                server_hostname=target.host,
                ssl_handshake_timeout=sockets.NO_LIMIT,
            )
            if inside is None:
                raise ConnectionResetError
        except BaseException as error:
            # The loop tells a protocol nothing of a handshake that failed.
            connection.end()
            connection.connection_lost(None)
            if isinstance(error, OSError):
                raise DialFailed(failures.of_handshake(error)) from None
            raise
        connection.transport = inside


async def _connect(address: Address, port: int) -> socket.socket:
    try:
        return await sockets.connect(address, port)
    except OSError as error:
        raise DialFailed(failures.of_connect(error)) from None
