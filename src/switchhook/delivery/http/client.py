"""The client: hands each request to an idle connection of its endpoint, or has one dialled.

    send ─▶ idle connection? ─yes─▶ written at once, in this very call
                   └─no─▶ a task dials, then writes

A request never raises and never hangs: an `Exchange` is told within its time, whatever the receiver does.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Hashable

import msgspec

from switchhook.clock import Clock, Timer
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.exchange import Exchange, Failure, Kind, Request
from switchhook.delivery.http.call import Call, Phase, Waiting
from switchhook.delivery.http.connection import Connection
from switchhook.delivery.http.deadlines import Deadlines
from switchhook.delivery.http.dial import Dialler, default_ssl_context
from switchhook.delivery.http.failures import DialFailed
from switchhook.delivery.http.limits import Limits
from switchhook.delivery.http.pool import Pool
from switchhook.delivery.http.proxy import Proxy
from switchhook.delivery.http.resolver import Resolver

log = logging.getLogger(__name__)

_SWEEPS = 8  # per idle time: a connection is closed at most an eighth too late
_CLOSING_TURNS = 100  # of the loop; an aborted transport reports within a few


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the client was made (`opened`, `reused`, `retried_stale`) and at this moment (the others).

    `opened` counts connections made, `reused` requests sent on a connection that had served before, `retried_stale`
    requests made once more because such a connection turned out to be closed.
    """

    opened: int
    reused: int
    retried_stale: int
    in_flight: int
    open: int
    idle: int


class Client:
    """Sends requests. To be used from one event loop.

    `policy` is asked about every address before it is dialled. `ssl_context` is for tests and private authorities; the
    default verifies against the system's store. With `proxy`, everything goes out through it.
    """

    def __init__(
        self,
        clock: Clock,
        policy: AddressPolicy,
        resolver: Resolver,
        ssl_context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        *,
        proxy: Proxy | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._monotonic = clock.monotonic
        context = ssl_context or default_ssl_context()
        self._dialler = Dialler(clock, policy, resolver, context, self._limits, proxy=proxy)
        self._deadlines = Deadlines(clock, self._limits.tick_seconds, self._expire)
        self._pools: dict[Hashable, Pool] = {}
        self._dials: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: Timer | None = None
        self._closed = False
        self._opened = 0
        self._reused = 0
        self._retried_stale = 0

    def send(self, request: Request) -> asyncio.Future[Exchange]:
        """Make a request, and wait for what comes of it. The future is cancelled to give it up.

        Must be called with the event loop running. The exchange may take a tick longer than `request.timeout`.
        """
        waiting = Waiting(loop=asyncio.get_running_loop())
        waiting.call = self.begin(request, waiting.tell)
        return waiting

    def begin(self, request: Request, then: Callable[[Exchange], None]) -> Call:
        """Make a request; `then` is called once with what comes of it, as soon as that is known.

        As `send` otherwise. When the client is closed, that is before this returns.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        now = self._monotonic()
        call = Call(request, now, then)
        if self._closed:
            call.fail(Failure(Kind.SENDER_STOPPED, "the client is closed"), now)
            return call
        self._deadlines.add(call, now, request.timeout)
        pool = self._pools.get(request.pool_key)
        if pool is None:
            pool = Pool(self, request.target, self._limits, self._monotonic)
            self._pools[request.pool_key] = pool
            self._arm_sweeper()
        elif pool.target is not request.target:
            pool.retarget(request.target)
        connection = pool.take()
        if connection is None:
            self._dial(call, pool)
        else:
            self._reused += 1
            connection.start(call)
        return call

    @property
    def stats(self) -> Stats:
        """What the client has done and is doing."""
        return Stats(
            opened=self._opened,
            reused=self._reused,
            retried_stale=self._retried_stale,
            in_flight=len(self._deadlines),
            open=sum(len(pool.open) for pool in self._pools.values()),
            idle=sum(len(pool.idle) for pool in self._pools.values()),
        )

    def forget(self, pool_key: Hashable) -> None:
        """Close the idle connections of an endpoint, for one that was deleted or disabled."""
        if (pool := self._pools.get(pool_key)) is not None:
            pool.close_idle()

    async def aclose(self) -> None:
        """End everything: calls under way fail with `SENDER_STOPPED`, all connections are closed when this returns."""
        self._closed = True
        now = self._monotonic()
        for call in self._deadlines:
            call.fail(Failure(Kind.SENDER_STOPPED, "the client was closed"), now)
        self._deadlines.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._dials:
            await asyncio.gather(*self._dials, return_exceptions=True)
        for pool in self._pools.values():
            for connection in list(pool.open):
                connection.end()
        for _ in range(_CLOSING_TURNS):
            if not any(pool.open for pool in self._pools.values()):
                break
            await asyncio.sleep(0)
        self._pools.clear()

    # What pools need of it

    def keeps_idle(self) -> bool:
        """Whether a connection that has become idle may be kept. If so, it is looked at again in time."""
        self._arm_sweeper()
        return not self._closed

    def again(self, call: Call, pool: Pool) -> None:
        """Make a call once more, on a fresh connection, in what is left of its time."""
        self._retried_stale += 1
        call.retried = True
        self._dial(call, pool)

    # Its own

    def _dial(self, call: Call, pool: Pool) -> None:
        call.phase = Phase.RESOLVING
        assert self._loop is not None
        task = self._loop.create_task(self._open(call, pool))
        call.dialling = task
        self._dials.add(task)
        pool.dialling += 1

        def over(
            task: asyncio.Task[None],
        ) -> None:  # not the task's own business: cancelled early, it never runs
            self._dials.discard(task)
            pool.dialling -= 1

        task.add_done_callback(over)

    async def _open(self, call: Call, pool: Pool) -> None:
        origin = call.request.target.origin
        try:
            connection = await self._dialler.open(
                call, lambda address: Connection(pool, str(address), origin)
            )
        except DialFailed as error:
            failure = error.failure
        except Exception as error:
            log.exception("dialling failed unexpectedly")
            failure = Failure(Kind.SENDER_ERROR, type(error).__name__)
        else:
            self._opened += 1
            if not connection.lost:
                call.dialling = None  # this task: what ends the call from now on must not cancel it
                connection.start(call)
                return
            failure = Failure(Kind.EARLY_CLOSE, "it closed the connection at once")
        call.dialling = None
        call.fail(failure, self._monotonic())

    def _expire(self, call: Call) -> None:
        call.expire(self._monotonic())

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._monotonic()
        for key, pool in list(self._pools.items()):
            pool.sweep(now)
            if not pool.open and not pool.dialling:
                del self._pools[key]
        if self._pools:
            self._arm_sweeper()

    def _arm_sweeper(self) -> None:
        if self._sweeper is None and not self._closed:
            self._sweeper = self._clock.call_later(self._limits.idle_seconds / _SWEEPS, self._sweep)
