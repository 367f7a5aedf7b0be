"""Spans on their way to a collector: in groups, over OTLP/HTTP, never in anybody's way.

queue ── a second, or 256 of them ──▶ POST /v1/traces ──yes──▶ sent
                  ▲                        ├─ later ──▶ the same group again, after a pause; the queue fills meanwhile
                  └────────────────────────┴─ no ─────▶ dropped, counted
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable

from switchhook import __version__
from switchhook.clock import Clock, Deadline
from switchhook.delivery.address import Target, parse_target
from switchhook.delivery.exchange import Exchange, HeaderBlock, Request, header_block
from switchhook.delivery.http import Client, SystemResolver
from switchhook.delivery.sending import Sender
from switchhook.settings.config import Config
from switchhook.settings.traces import ANYWHERE
from switchhook.storage.store import Store
from switchhook.tracing.otlp import CONTENT_TYPE, encode_span, export_request, rejected
from switchhook.tracing.spans import Value
from switchhook.tracing.tracer import Tracer

log = logging.getLogger(__name__)

LINGER = 1.0  # seconds that spans wait for company
GROUP = 256  # spans in one request
PIECE = 32  # spans that are encoded in one turn of the loop
TIMEOUT = 5.0  # seconds for a request
FLUSH = 2.0  # seconds for what is left when we stop
PAUSE_FIRST, PAUSE_MOST = 1.0, 30.0  # seconds after a request that failed
AGAIN = frozenset({408, 429, 502, 503, 504})
SCOPE = ("switchhook", __version__)


class Exporter:
    """Sends the spans of `tracer` to a collector."""

    def __init__(
        self,
        tracer: Tracer,
        clock: Clock,
        sender: Sender,
        *,
        target: Target,
        headers: HeaderBlock,
        who: dict[str, Value],
    ) -> None:
        self.tracer = tracer
        self._clock = clock
        self._sender = sender
        self._target = target
        self._headers = headers
        self._who = who
        self._something = asyncio.Event()
        self._group: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._pause = 0.0
        self._sent = 0
        self._refused = 0
        self._failed = 0
        self._told = 0  # of what was dropped, how much the log knows of

    def start(self) -> None:
        """Send what comes in from now on."""
        self.tracer.wake = self._something.set
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Send what is left, in `FLUSH` seconds at most; the rest is dropped."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            async with Deadline(self._clock, FLUSH):
                while (self._group or self.tracer.queue) and await self._send_group():
                    pass
        except TimeoutError:
            pass
        left = len(self._group) + len(self.tracer.queue)
        if left:
            self._refused += left
            self._group.clear()
            self.tracer.queue.clear()
            log.warning("%d spans could not be sent before the stop", left)

    @property
    def dropped(self) -> int:
        """Spans that were not sent and never will be."""
        return self.tracer.dropped + self._refused

    def snapshot(self) -> dict[str, float]:
        """Figures for the metrics page."""
        return {
            "traces_spans_sent_total": self._sent,
            "traces_spans_dropped_total": self.dropped,
            "traces_spans_waiting": len(self.tracer.queue) + len(self._group),
            "traces_requests_failed_total": self._failed,
        }

    async def _work(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            if len(self.tracer.queue) < GROUP:
                await self._clock.sleep(LINGER)
            while self._group or self.tracer.queue:
                if not await self._send_group():
                    await self._clock.sleep(self._pause)
                elif len(self.tracer.queue) < GROUP:
                    await self._clock.sleep(LINGER)

    async def _send_group(self) -> bool:
        """Send a group; False when the collector did not take it, and somebody should wait before the next."""
        queue = self.tracer.queue
        while queue and len(self._group) < GROUP:
            # In pieces: whoever has a call to answer must get a turn of the loop between them.
            for _ in range(min(PIECE, len(queue), GROUP - len(self._group))):
                self._group.append(encode_span(queue.popleft()))
            await asyncio.sleep(0)
        answered: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        self._sender.begin(
            Request(
                pool_key="traces",
                target=self._target,
                headers=self._headers,
                body=export_request(self._who, SCOPE, self._group),
                timeout=TIMEOUT,
            ),
            lambda exchange: None if answered.done() else answered.set_result(exchange),
        )
        return self._answered(await answered)

    def _answered(self, exchange: Exchange) -> bool:
        why = _trouble(exchange)
        if why is None:
            refused = min(rejected(exchange.body), len(self._group))
            self._sent += len(self._group) - refused
            self._refused += refused
            self._group.clear()
            if self._pause:
                self._pause = 0.0
                log.warning(
                    "traces are sent again; %d spans were dropped meanwhile", self.dropped - self._told
                )
            self._told = self.dropped
            return True
        self._failed += 1
        if exchange.failure is None and exchange.status not in AGAIN:
            self._refused += len(self._group)
            self._group.clear()
        if not self._pause:
            log.warning("the collector of traces does not take them, it is asked again: %s", why)
        self._pause = min(max(PAUSE_FIRST, self._pause * 2), PAUSE_MOST)
        return False


def tracing(
    config: Config, store: Store, clock: Clock, stack: contextlib.AsyncExitStack
) -> Callable[[], dict[str, float]]:
    """What sends traces away, at work if there is a collector, and the figures of it; `stack` stops it."""
    if not config.traces_endpoint:
        return dict
    sender = Client(clock, ANYWHERE, SystemResolver(clock))
    stack.push_async_callback(sender.aclose)
    made = exporter(config, clock, sender)
    store.traces = made.tracer
    stack.push_async_callback(made.stop)
    made.start()
    return made.snapshot


def exporter(config: Config, clock: Clock, sender: Sender) -> Exporter:
    """The exporter of the configuration, which names a collector; not started."""
    return Exporter(
        Tracer(clock, config.traces_share),
        clock,
        sender,
        target=parse_target(config.traces_endpoint, ANYWHERE),
        headers=_headers(config),
        who=_who(config),
    )


async def probe(config: Config, clock: Clock) -> str | None:
    """Send the collector a group of no spans; what goes wrong, None when nothing does."""
    client = Client(clock, ANYWHERE, SystemResolver(clock))
    try:
        exchange = await client.send(
            Request(
                pool_key="traces",
                target=parse_target(config.traces_endpoint, ANYWHERE),
                headers=_headers(config),
                body=export_request(_who(config), SCOPE, ()),
                timeout=TIMEOUT,
            )
        )
    finally:
        await client.aclose()
    return _trouble(exchange)


def _trouble(exchange: Exchange) -> str | None:
    """Why spans were not taken, None if they were. Not in its own words: those may repeat the token."""
    status, failure = exchange.status, exchange.failure
    if failure is not None:
        return failure.kind.value
    return None if status is not None and 200 <= status < 300 else f"it answered {status}"


def _headers(config: Config) -> HeaderBlock:
    return header_block([("content-type", CONTENT_TYPE), *config.traces_headers.items()])


def _who(config: Config) -> dict[str, Value]:
    return {
        **config.traces_attributes,
        "service.name": config.traces_service,
        "service.version": __version__,
        "service.instance.id": secrets.token_hex(
            8
        ),  # of a process: no name of a machine, which may be a person's
    }
