"""Making a tunnel through a proxy to an address that has been checked.

    connect to the proxy ─▶ (TLS to it) ─▶ CONNECT address:port ─▶ 2xx ─▶ the way is open, TLS for the name goes inside

What the proxy sends before the way is open is bounded in bytes, and in time by the call's own.
"""

import asyncio
import ssl
from contextlib import nullcontext
from typing import cast

from switchhook.clock import Clock, Deadline
from switchhook.delivery.address import Address
from switchhook.delivery.exchange import Failure, Kind
from switchhook.delivery.http import failures, sockets
from switchhook.delivery.http.call import Call, Phase
from switchhook.delivery.http.failures import DialFailed
from switchhook.delivery.http.limits import Limits
from switchhook.delivery.http.proxy import Proxy, refused
from switchhook.delivery.http.resolver import Resolver

_END = b"\r\n\r\n"
_HEAD_MAX = 16 * 1024  # bytes of the proxy's answer


class Tunnel(asyncio.Protocol):
    """The conversation with the proxy, from the question to its answer. `way` is done when the tunnel is open.

    A receiver never speaks first, neither in TLS nor in HTTP: bytes behind the proxy's yes are the proxy's, and a
    tunnel that begins with them is not used.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._head = b""
        self.way: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.way.done():  # it was given up, or more came than the answer
            self.end()
            return
        self._head += data
        head, end, rest = self._head.partition(_END)
        if end and (failure := refused(self._proxy, head)) is not None:
            self._fail(failure)
        elif rest:
            self._fail(Failure(Kind.PROXY_BAD_ANSWER, f"{self._proxy} sent more than its answer"))
        elif end:
            self.way.set_result(None)
        elif len(head) > _HEAD_MAX:
            detail = f"{self._proxy} answered with more than {_HEAD_MAX} bytes of headers"
            self._fail(Failure(Kind.PROXY_BAD_ANSWER, detail))

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`."""
        self.connection_lost(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._fail(Failure(Kind.PROXY_BAD_ANSWER, f"{self._proxy} closed the connection before it answered"))

    def end(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, failure: Failure) -> None:
        if not self.way.done():
            self.way.set_exception(DialFailed(failure))
            self.way.exception()  # marks it as seen, should nobody wait any more
        self.end()


class Tunnels:
    """Opens tunnels through one proxy, which is found by name or address without asking the address policy."""

    def __init__(
        self, proxy: Proxy, clock: Clock, resolver: Resolver, context: ssl.SSLContext, limits: Limits
    ) -> None:
        self._proxy = proxy
        self._clock = clock
        self._resolver = resolver
        self._context = context if proxy.target.scheme == "https" else None
        self._limits = limits

    async def open(self, call: Call, address: Address) -> asyncio.Transport:
        """A way to the port of `call`'s target at `address`, on which nothing has been said yet.

        Raises:
            DialFailed: the proxy cannot be reached, or opens none.
        """
        tunnel = await self._reach(call)
        call.phase = Phase.TUNNELLING
        try:
            assert tunnel.transport is not None
            tunnel.transport.write(self._proxy.request(address, call.request.target.port))
            await tunnel.way
        except BaseException:
            tunnel.end()
            raise
        return tunnel.transport

    async def _reach(self, call: Call) -> Tunnel:
        """A connection to the proxy, by the first of its addresses that takes one."""
        call.phase = Phase.REACHING_PROXY
        target, limits = self._proxy.target, self._limits
        failure = Failure(Kind.PROXY_UNREACHABLE, "no address")
        try:
            addresses = await sockets.look_up(self._clock, self._resolver, target, limits.dns_seconds)
        except OSError as error:
            raise self._unreachable(failures.of_lookup(error)) from None
        for index, address in enumerate(addresses):
            last = index == len(addresses) - 1
            try:
                async with nullcontext() if last else Deadline(self._clock, limits.address_seconds):
                    return await self._connect(address)
            except OSError as error:
                of = failures.of_handshake if isinstance(error, ssl.SSLError) else failures.of_connect
                failure = of(error)
        raise self._unreachable(failure)

    async def _connect(self, address: Address) -> Tunnel:
        sock = await sockets.connect(address, self._proxy.target.port)
        tunnel = Tunnel(self._proxy)
        loop = asyncio.get_running_loop()
        try:
            if self._context is None:
                await loop.create_connection(lambda: tunnel, sock=sock)
            else:
                await loop.create_connection(
                    lambda: tunnel,
                    sock=sock,
                    ssl=self._context,
                    server_hostname=self._proxy.target.host,
                    ssl_handshake_timeout=sockets.NO_LIMIT,
                )
        except BaseException:
            tunnel.end()
            raise
        return tunnel

    def _unreachable(self, why: Failure) -> DialFailed:
        if why.kind is Kind.SENDER_EXHAUSTED:
            return DialFailed(why)
        return DialFailed(Failure(Kind.PROXY_UNREACHABLE, f"{self._proxy}: {why.detail}"))
