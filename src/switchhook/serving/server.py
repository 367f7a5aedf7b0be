"""The HTTP server: uvicorn, with bounds on what strangers can make us hold. Nobody needs a key to open a connection.

    accepted ─▶ too many, or too many of this client? 503, closed
       └─▶ idle ─▶ head ─▶ answering ─▶ idle          each TICK every connection is looked at: who has been idle,
            75 s    20 s      60 s without                in the middle of a head, or has not taken a byte of its
                              a byte taken                answer for too long, is cut off

Who is refused here hears it in the API's own envelope (`api.early`). Who asks for another protocol is answered as if he
had not, and the connection closed: the parser takes nothing after the head. With a body it is refused.

The time for a body is the application's (`api.services.Limits`), which tells its sender. One timer looks at all
connections, so that none of this costs a request more than a few attributes.
"""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from ipaddress import IPv6Address, ip_address
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from switchhook.api import early
from switchhook.api.app import Api
from switchhook.api.errors import ApiError
from switchhook.api.traced import Traced
from switchhook.clock import Clock, Timer

log = logging.getLogger(__name__)

HEAD_MAX = 65_536  # bytes of a head beyond what came with its first packet; also of chunk sizes and trailers in a row
TICK = 5.0  # seconds between two looks at the connections: everything below is at most so much late
HEAD_SECONDS = 20.0
IDLE_SECONDS = 75
STALL_SECONDS = 60.0
SILENCE = 60.0  # seconds between two lines of the log about what strangers do
BACKLOG = 2_048


Application = Callable[..., Awaitable[None]]


class _Ignored(list[tuple[bytes, bytes]]):
    """Where headers go that come behind a body: nobody asks for them, and they have no end."""

    def append(self, _: tuple[bytes, bytes]) -> None:
        pass


_TRAILERS = _Ignored()
_BODY = (b"content-length", b"transfer-encoding")


def client_of(host: str) -> str:
    """Who counts as one client: an IPv4 address, or the /64 of an IPv6 one, which is what one customer is given."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return address.exploded[:19]
    return host


def origin_form(target: bytes) -> bytes:
    """Path and query of a whole URL, which a client may send as the target of its request.

    Raises:
        httptools.HttpParserError: it is no URL.
    """
    url = httptools.parse_url(target)
    path = url.path or b"/"  # RFC 9112: an empty one is sent on as this
    return path if url.query is None else path + b"?" + url.query


class Tally:
    """Counts what strangers do. Each kind is told at the next look, and then not again before `SILENCE` is over:
    whoever does it a million times does not write a million lines into the log."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._quiet_until: dict[str, float] = {}

    def add(self, kind: str) -> None:
        """It happened once more. `kind` is a line of the log after its first word, the number."""
        self._counts[kind] += 1

    def look(self) -> None:
        """Tell what may be told by now."""
        now = self._clock.monotonic()
        for kind, count in list(self._counts.items()):
            if now >= self._quiet_until.get(kind, now):
                self._quiet_until[kind] = now + SILENCE
                self._tell(kind, count)

    def close(self) -> None:
        """Tell the rest."""
        for kind, count in list(self._counts.items()):
            self._tell(kind, count)

    def _tell(self, kind: str, count: int) -> None:
        del self._counts[kind]
        log.warning("%d %s", count, kind)


_REFUSED = "connections were refused: there are too many, or too many of one client"
_MALFORMED = "requests were refused: what came is no HTTP/1.1"


class Door:
    """Counts who is inside: `most` connections, `most_each` of one client."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._inside: Counter[str] = Counter()
        self._all = 0

    def enter(self, client: str) -> bool:
        """Whether there is room for one more of `client`; if so it is inside."""
        if self._all >= self._most or self._inside[client] >= self._most_each:
            return False
        self._inside[client] += 1
        self._all += 1
        return True

    def leave(self, client: str) -> None:
        """A connection of `client` is gone."""
        self._all -= 1
        self._inside[client] -= 1
        if not self._inside[client]:
            del self._inside[client]


class Protocol(HttpToolsProtocol):
    """uvicorn's, with what the parser beneath does not bound."""

    def __init__(self, door: Door, tally: Tally, public_url: str, **given: Any) -> None:
        """`given` are uvicorn's own arguments."""
        super().__init__(**given)
        self._door = door
        self._tally = tally
        self._public_url = public_url
        self._inside: str | None = None
        self._fault: ApiError | None = None  # of what cannot be parsed
        self._in_head = False
        self._moved = False  # a message began, or a piece of its body came
        self._bare = 0  # bytes since then
        self._quiet = 0.0  # seconds without what is waited for
        self._unsent = 0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.BaseProtocol`."""
        peer = transport.get_extra_info("peername")
        client = client_of(peer[0]) if peer else ""
        self.transport = transport
        if not self._door.enter(client):
            self._tally.add(_REFUSED)
            self._refuse(early.too_many_connections())
            return
        self._inside = client
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if self._inside is not None:
            self._door.leave(self._inside)
            self._inside = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. uvicorn's own writes a line into the log for each request that is none."""
        self._moved = False
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # the request was answered as if it had not asked for it
        except httptools.HttpParserError:
            if self._fault is None:
                self._fault = early.malformed()
                self._tally.add(_MALFORMED)
            self._cannot_go_on(self._fault)
            return
        if self._moved:
            self._bare = 0
            return
        self._bare += len(data)
        if self._bare > HEAD_MAX and not self.transport.is_closing():
            self._too_large()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`. Some of the answer was taken, however much there is again at the next look."""
        self._quiet = 0.0
        super().resume_writing()

    # httptools

    def on_message_begin(self) -> None:
        """See `httptools`."""
        self._moved = self._in_head = True
        self._quiet = 0.0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See `httptools`."""
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name in _BODY and value != b"0" for name, value in self.headers):
            self._fault = early.upgrade_with_body()
            raise ValueError  # which ends the parser's work
        if self.url[:1] not in b"/*":
            self.url = origin_form(self.url)
        super().on_headers_complete()
        self._in_head = False
        if upgrade:
            self.cycle.keep_alive = False
        self.headers = _TRAILERS

    def on_body(self, body: bytes) -> None:
        """See `httptools`."""
        self._moved = True
        super().on_body(body)

    # bounds

    def look(self, seconds: float) -> None:
        """`seconds` have passed: cut the connection off when it has kept us waiting for too long."""
        unsent = self.transport.get_write_buffer_size()
        answering = self.cycle is not None and not self.cycle.response_complete
        if unsent != self._unsent or (answering and not unsent):
            self._unsent = unsent
            self._quiet = 0.0
            return
        self._quiet += seconds
        if unsent:
            if self._quiet > STALL_SECONDS:
                self.transport.abort()
        elif self._in_head:
            if self._quiet > HEAD_SECONDS:
                self._refuse(early.head_too_slow(HEAD_SECONDS))
        elif self._quiet > IDLE_SECONDS:
            self.transport.close()

    def _too_large(self) -> None:
        if self._in_head:
            self._cannot_go_on(early.head_too_large(HEAD_MAX))
        else:
            self.transport.abort()

    def _cannot_go_on(self, fault: ApiError) -> None:
        """What came has no meaning, nor has anything after it."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._refuse(fault)
        elif self.pipeline or cycle.response_started or not cycle.more_body:
            # Answers are owed to requests that were good. The last of them closes the connection.
            if self.pipeline and cycle.more_body:
                self.pipeline[0] = cycle, self._in_its_turn(fault)
            cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self._refuse(fault)

    def _in_its_turn(self, fault: ApiError) -> Application:
        async def refuse(*_: object) -> None:
            self._refuse(fault)

        return refuse

    def _refuse(self, error: ApiError) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if self._in_head:
            target = self.url
            with contextlib.suppress(httptools.HttpParserError):  # perhaps it is not whole yet
                target = origin_form(target)
            about = early.refusal(error, target, self.headers, self._public_url)
        elif cycle is not None and not cycle.response_complete:
            about = early.refusal(error, cycle.scope["raw_path"], cycle.scope["headers"], self._public_url)
        else:
            about = early.refusal(error, b"", (), self._public_url)
        if cycle is not None:
            cycle.disconnected = True  # whoever works on it says nothing more
        self.transport.write(about)
        self.transport.close()


class HttpServer(uvicorn.Server):
    """Serves `application` until `should_exit`, without uvicorn's own signal handling.

    At most `most` connections at the same time, `most_each` of one client. `listening` is set when it listens.
    `public_url` is where the documentation of errors is.
    """

    def __init__(
        self, application: Api | Traced, clock: Clock, public_url: str, most: int, most_each: int
    ) -> None:
        self._tally = Tally(clock)
        self._protocol = partial(Protocol, Door(most, most_each), self._tally, public_url)
        self._clock = clock
        self._timer: Timer | None = None
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                http=cast(type[asyncio.Protocol], self._protocol),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=3,
                backlog=BACKLOG,
            )
        )
        self.listening = asyncio.Event()
        self._taking: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See `uvicorn.Server`: signals are the business of whoever serves more than HTTP."""
        yield

    def take(self, connection: socket.socket) -> None:
        """Serve a connection that somebody else has accepted."""
        task = asyncio.get_running_loop().create_task(self._take(connection))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take(self, connection: socket.socket) -> None:
        def protocol() -> asyncio.Protocol:
            return self._protocol(
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )

        try:
            await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
        except OSError:
            connection.close()  # it has gone already

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        await super().startup(sockets)
        self._arm()
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        if self._timer is not None:
            self._timer.cancel()
        await super().shutdown(sockets)
        self._tally.close()

    def _arm(self) -> None:
        self._timer = self._clock.call_later(TICK, self._look)

    def _look(self) -> None:
        for connection in cast(Iterable[Protocol], list(self.server_state.connections)):
            connection.look(TICK)
        self._tally.look()
        self._arm()
