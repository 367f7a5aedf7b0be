"""A request under way: who is told what comes of it, and all that must end with it."""

import asyncio
import logging
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from switchhook.delivery.exchange import Exchange, Failure, Kind, Request

if TYPE_CHECKING:
    from switchhook.delivery.http.connection import Connection

log = logging.getLogger(__name__)


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


class Call:
    """One request under way. What comes of it is told once, to `then`, unless the call was given up.

    Told by a plain call and not by a future: that would cost a turn of the loop for every request that goes well.
    """

    __slots__ = (
        "address",
        "bucket",
        "connection",
        "dialling",
        "over",
        "phase",
        "request",
        "retried",
        "started",
        "then",
    )

    def __init__(self, request: Request, started: float, then: Callable[[Exchange], None]) -> None:
        self.request = request
        self.started = started  # monotonic seconds
        self.then = then
        self.over = False
        self.bucket: set[Call] | None = None
        self.connection: Connection | None = None
        self.dialling: asyncio.Task[None] | None = None
        self.phase = Phase.RESOLVING
        self.address: str | None = None
        self.retried = False

    def settle(self, exchange: Exchange) -> None:
        """The call is over. Nothing happens if it was already."""
        if self.over:
            return
        self.over = True
        self._let_go()
        try:
            self.then(exchange)
        except Exception:
            log.exception("what follows from an answer failed")  # the connection and its other calls go on

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

    def give_up(self) -> None:
        """End the call without telling anybody: its connection is closed and its dial is given up."""
        if not self.over:
            self.over = True
            self._let_go()

    def _let_go(self) -> None:
        if self.bucket is not None:
            self.bucket.discard(self)
        if self.connection is not None:
            self.connection.forsake(self)
            self.connection = None
        if self.dialling is not None:
            self.dialling.cancel()
            self.dialling = None


class Waiting(asyncio.Future[Exchange]):
    """What a caller who waits for a call holds. To cancel it gives the call up."""

    call: Call | None = None

    def tell(self, exchange: Exchange) -> None:
        """The call has ended so."""
        if not self.done():
            self.set_result(exchange)

    def cancel(self, msg: Any | None = None) -> bool:
        """End the call: its connection is closed and its dial is given up."""
        if not super().cancel(msg):
            return False
        if self.call is not None:
            self.call.give_up()
        return True
