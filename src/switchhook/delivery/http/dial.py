"""Making a connection to an address that has been checked, and to no other.

    resolve ─▶ check ALL addresses ─▶ connect a socket to one of them, by number ─▶ TLS for the name

The socket is connected to an address taken from the checked list, and TLS is laid over that socket: between the check
and the dial there is no second look-up that could answer differently.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from ipaddress import IPv6Address
from typing import Any, TypeVar

from switchhook.clock import Clock
from switchhook.delivery.address import Address, AddressForbidden, AddressPolicy, Target
from switchhook.delivery.exchange import Failure, Kind
from switchhook.delivery.http import failures
from switchhook.delivery.http.call import Call, Phase
from switchhook.delivery.http.connection import Connection
from switchhook.delivery.http.limits import Limits
from switchhook.delivery.http.resolver import Resolver

T = TypeVar("T")

_NO_LIMIT = 3600.0  # seconds; asyncio insists on time-outs of its own, but ours (on the clock) come first


class DialFailed(Exception):
    """No connection was made; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def default_ssl_context() -> ssl.SSLContext:
    """Verification against the system's store, TLS 1.2 or newer, HTTP/1.1."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialler:
    """Opens connections. Notes in the call how far it is, so that a time-out can be named."""

    def __init__(
        self, clock: Clock, policy: AddressPolicy, resolver: Resolver, context: ssl.SSLContext, limits: Limits
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._resolver = resolver
        self._context = context
        self._limits = limits

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
        call.phase = Phase.CONNECTING
        sock, address = await self._connect(call, addresses)
        connection = make(address)
        call.phase = Phase.HANDSHAKING
        await self._attach(sock, target, connection)
        return connection

    async def _addresses(self, target: Target) -> tuple[Address, ...]:
        if target.literal_ip is not None:
            return (target.literal_ip,)
        try:
            found = await self._within(self._limits.dns_seconds, self._resolver.resolve(target.host))
        except TimeoutError:
            raise DialFailed(Failure(Kind.DNS_TIMEOUT, "no answer to the look-up")) from None
        except OSError as error:
            raise DialFailed(failures.of_lookup(error)) from None
        if not found:
            raise DialFailed(Failure(Kind.DNS_NOT_FOUND, "no address"))
        return found

    async def _connect(self, call: Call, addresses: tuple[Address, ...]) -> tuple[socket.socket, Address]:
        """One address after the other. The last may take all the time that is left."""
        failure: Failure | None = None
        last = len(addresses) - 1
        for index, address in enumerate(addresses):
            call.address = str(address)
            try:
                sock = await self._socket(
                    address, call.request.target.port, self._limits.address_seconds if index < last else None
                )
            except OSError as error:
                # A missing IPv6 route says less than what another address answered.
                if failure is None or failure.kind is Kind.CONNECT_UNREACHABLE:
                    failure = failures.of_connect(error)
                continue
            return sock, address
        assert failure is not None
        raise DialFailed(failure)

    async def _socket(self, address: Address, port: int, seconds: float | None) -> socket.socket:
        v6 = isinstance(address, IPv6Address)
        sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            place = (str(address), port, 0, 0) if v6 else (str(address), port)
            connecting = asyncio.get_running_loop().sock_connect(sock, place)
            if seconds is None:
                await connecting
            else:
                await self._within(seconds, connecting)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _attach(self, sock: socket.socket, target: Target, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        try:
            if target.scheme == "https":
                await loop.create_connection(
                    lambda: connection,
                    sock=sock,
                    ssl=self._context,
                    server_hostname=target.host,
                    ssl_handshake_timeout=_NO_LIMIT,
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

    async def _within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, for `seconds` of the clock at most.

        Raises:
            TimeoutError: it was not done in that time.
        """
        task = asyncio.get_running_loop().create_task(work)
        late = False

        def give_up() -> None:
            nonlocal late
            late = task.cancel()

        timer = self._clock.call_later(seconds, give_up)
        try:
            return await task
        except asyncio.CancelledError:
            ours = asyncio.current_task()
            if late and task.cancelled() and ours is not None and not ours.cancelling():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
            if task.done() and not task.cancelled():
                task.exception()  # marks it as seen, should it have come together with our own cancellation
