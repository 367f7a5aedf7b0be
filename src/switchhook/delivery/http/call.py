"""A request under way: the future that the caller holds, and all that must end with it."""

import asyncio
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from switchhook.delivery.exchange import Exchange, Failure, Kind, Request

if TYPE_CHECKING:
    from switchhook.delivery.http.connection import Connection


class Phase(IntEnum):
    """How far a call has come, which decides what its time-out is called."""

    RESOLVING = 0
    CONNECTING = 1
    HANDSHAKING = 2
    EXCHANGING = 3
    REACHING_PROXY = 4
    TUNNELLING = 5


_TIMEOUTS = (
    Kind.DNS_TIMEOUT,
    Kind.CONNECT_TIMEOUT,
    Kind.TLS_TIMEOUT,
    Kind.RESPONSE_TIMEOUT,
    Kind.PROXY_UNREACHABLE,
    Kind.PROXY_TIMEOUT,
)


class Call(asyncio.Future[Exchange]):
    """A future that knows its request, so that cancelling it ends the connection and not merely the wait.

    A subclass rather than a done-callback: that would cost a turn of the loop for every request that goes well.
    """

    __slots__ = ("address", "bucket", "connection", "dialling", "phase", "request", "retried", "started")

    def __init__(self, request: Request, started: float, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.request = request
        self.started = started  # monotonic seconds
        self.bucket: set[Call] | None = None
        self.connection: Connection | None = None
        self.dialling: asyncio.Task[None] | None = None
        self.phase = Phase.RESOLVING
        self.address: str | None = None
        self.retried = False

    def settle(self, exchange: Exchange) -> None:
        """The call is over. Nothing happens if it was already."""
        if self.done():
            return
        self._let_go()
        self.set_result(exchange)

    def fail(self, failure: Failure, now: float) -> None:
        """The call is over without any answer, at `now` (monotonic seconds)."""
        request = self.request
        self.settle(
            Exchange(
                target=request.target,
                latency=now - self.started,
                timeout=request.timeout,
                failure=failure,
                address=self.address,
            )
        )

    def expire(self, now: float) -> None:
        """The time of the call is up."""
        kind = _TIMEOUTS[self.phase]
        if self.connection is not None:
            self.connection.expire()
        else:
            self.fail(Failure(kind, "the time for the whole attempt is up"), now)

    def cancel(self, msg: Any | None = None) -> bool:
        """End the call: its connection is closed and its dial is given up."""
        if not super().cancel(msg):
            return False
        self._let_go()
        return True

    def _let_go(self) -> None:
        if self.bucket is not None:
            self.bucket.discard(self)
        if self.connection is not None:
            self.connection.forsake(self)
            self.connection = None
        if self.dialling is not None:
            self.dialling.cancel()
            self.dialling = None
