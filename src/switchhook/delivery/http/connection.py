"""One connection to a receiver: writes a request, reads the answer, and bounds what the receiver can do to us.

    idle ──start──▶ exchanging ──complete answer──▶ idle, or closed if it may not be used again
                        └──anything else──▶ closed, and the call fails (or, if the connection had
                                            only gone stale, is made once more on a fresh one)

The parser calls back in the middle of reading. The callbacks only take notes and never raise; what the notes mean is
decided when the parser has returned.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from switchhook.delivery.exchange import Exchange, Failure, Kind
from switchhook.delivery.http import failures
from switchhook.delivery.http.call import Call, Phase

if TYPE_CHECKING:
    from switchhook.delivery.http.pool import Pool


class Connection(asyncio.Protocol):
    """A connection that belongs to one pool. Carries one call at a time."""

    __slots__ = (
        "_body",
        "_body_size",
        "_complete",
        "_extra",
        "_framing",
        "_got_body",
        "_headers",
        "_headers_done",
        "_keep",
        "_kept",
        "_limits",
        "_parser",
        "_paused",
        "_received",
        "_status",
        "_unsent",
        "address",
        "call",
        "idle_since",
        "opened_at",
        "origin",
        "pool",
        "served",
        "transport",
    )

    def __init__(self, pool: "Pool", address: str, origin: tuple[str, str, int]) -> None:
        self.pool = pool
        self.address = address
        self.origin = origin
        self.call: Call | None = None
        self.transport: asyncio.Transport | None = None
        self.served = 0  # answers received
        self.opened_at = 0.0
        self.idle_since = 0.0
        self._limits = pool.limits
        self._paused = False
        self._unsent: memoryview | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self._received = 0  # bytes of this answer as they came
        self._framing = 0  # of those, since the last that were body
        self._got_body = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._headers_done = False
        self._status = 0
        self._body: list[bytes] = []
        self._kept = 0
        self._body_size = 0
        self._complete = False
        self._keep = False
        self._extra = False

    @property
    def lost(self) -> bool:
        """Whether it is gone for good, and will not say so again."""
        return self._parser is None

    # What the client does with it

    def start(self, call: Call) -> None:
        """Send the request of `call`. The connection must be idle."""
        transport = self.transport
        assert transport is not None
        call.connection = self
        call.address = self.address
        call.phase = Phase.EXCHANGING
        self.call = call
        if self.served:
            self._reset()
        request = call.request
        body = request.body
        head = b"%bcontent-length: %d\r\n%b\r\n" % (self.pool.head(request), len(body), request.headers)
        if len(body) <= self._limits.write_slice:
            transport.write(head + body)
        else:
            transport.write(head)
            self._unsent = memoryview(body)
            self._pump()

    def forsake(self, call: Call) -> None:
        """The caller no longer wants the answer, and half an exchange cannot be used again: end the connection."""
        if self.call is call:
            self.end()

    def expire(self) -> None:
        """The time of the call is up."""
        if self._headers_done:
            self._fail(Kind.RESPONSE_TIMEOUT, "its headers came, its end did not")
        elif self._received:
            self._fail(Kind.RESPONSE_TIMEOUT, "only a part of its headers came")
        else:
            self._fail(Kind.RESPONSE_TIMEOUT, "it sent nothing")

    def end(self) -> None:
        """Close at once, also over what has not been written."""
        self.call = None
        self._unsent = None
        if self.transport is not None:
            # Not `close`: that waits for the receiver to read what is left, or to take part in ending TLS.
            self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self.transport = cast(asyncio.Transport, transport)
        self.opened_at = self.pool.monotonic()
        self.pool.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._gone(exc)
        self.pool.lost(self)
        self._parser = (
            None  # the parser holds our methods: without this, each connection is a cycle for the collector
        )

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`. It will send no more, so nothing is to be had from what we have not sent."""
        self._gone(None)
        self.end()
        return False

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        parser = self._parser
        if self.call is None or parser is None:
            self.end()  # nothing was asked: what comes now could be taken for the answer to the next request
            return
        limits = self._limits
        self._received += len(data)
        self._got_body = False
        garbage = None
        try:
            parser.feed_data(data)
        except HttpParserError as error:
            garbage = str(error)
        except HttpParserUpgrade:
            garbage = "it switched to another protocol"
        if self._received > limits.response_bytes:
            self._fail(Kind.RESPONSE_TOO_LARGE, f"more than {limits.response_bytes} bytes")
        elif self._headers_done and self._header_bytes() > limits.header_bytes:
            self._fail(Kind.HEADERS_TOO_LARGE, f"more than {limits.header_bytes} bytes of headers")
        elif self._complete:
            # Garbage behind a complete answer does not spoil it, only the connection.
            self._finish(self._keep and not self._extra and garbage is None)
        elif garbage is not None:
            self._fail(Kind.INVALID_RESPONSE, garbage)
        elif self._got_body:
            self._framing = 0
        else:
            self._framing += len(data)
            if self._framing > limits.header_bytes:
                self._fail(Kind.HEADERS_TOO_LARGE, f"more than {limits.header_bytes} bytes without any body")

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._paused = True

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._paused = False
        self._pump()

    # httptools

    def on_message_begin(self) -> None:
        """See `httptools`. A second answer, to a question that nobody asked."""
        if self._complete:
            self._extra = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """See `httptools`. Trailers come here too, and those of a second answer; neither is kept."""
        if not self._headers_done:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """See `httptools`."""
        if not self._headers_done:
            assert self._parser is not None
            self._status = self._parser.get_status_code()
            self._headers_done = True

    def on_body(self, data: bytes) -> None:
        """See `httptools`."""
        if self._complete:
            return
        self._got_body = True
        call = self.call
        if call is not None and call.request.sink is not None and self._status == 200:
            call.request.sink(data)
            return
        self._body_size += len(data)
        room = self._limits.body_kept - self._kept
        if room > 0:
            piece = data[:room]
            self._body.append(piece)
            self._kept += len(piece)

    def on_message_complete(self) -> None:
        """See `httptools`."""
        if self._complete:
            return
        status = self._status
        if status >= 200:
            self._complete = True
            assert self._parser is not None
            self._keep = self._parser.should_keep_alive()
        elif status != 101:
            # 1xx announces the answer proper. 101 would end HTTP: the parser stops there with an error.
            self._headers_done = False
            self._headers = []

    # How an exchange ends

    def _finish(self, reusable: bool) -> None:
        call = self.call
        transport = self.transport
        assert call is not None
        assert transport is not None
        self.call = None
        call.connection = None
        now = self.pool.monotonic()
        exchange = self._exchange(call, now, None)
        self.served += 1
        # An answer that came before the whole request was written leaves the rest of it on the line.
        if reusable and self._unsent is None and not transport.get_write_buffer_size():
            self.pool.release(self, now)
        else:
            self.end()
        call.settle(exchange)

    def _fail(self, kind: Kind, detail: str) -> None:
        call = self.call
        if call is not None:
            call.connection = None
            exchange = self._exchange(call, self.pool.monotonic(), Failure(kind, detail))
            self.end()
            call.settle(exchange)

    def _gone(self, error: Exception | None) -> None:
        """The receiver has ended the connection, properly or with `error`."""
        call = self.call
        if call is None:
            self.pool.forget(self)
        elif self.served and not self._received and not call.retried:
            # It was closed while it lay idle, and we learned of it too late: no news about this message.
            self.call = None
            call.connection = None
            self._unsent = None
            self.pool.again(call)
        elif error is not None:
            self._fail(*failures.of_exchange(error))
        elif self._headers_done and self._ends_with_connection():
            self._finish(False)
        elif self._received:
            self._fail(Kind.EARLY_CLOSE, "its answer broke off")
        else:
            self._fail(Kind.EARLY_CLOSE, "it sent no answer")

    def _ends_with_connection(self) -> bool:
        """Whether the end of the connection is the end of the answer (RFC 9112, 6.3, cases 4 and 8)."""
        fields = {name.lower(): value.lower() for name, value in self._headers}
        coding = fields.get(b"transfer-encoding")
        if coding is not None:
            return coding.rpartition(b",")[2].strip() != b"chunked"
        return b"content-length" not in fields

    def _header_bytes(self) -> int:
        if self._received <= self._limits.header_bytes:
            return 0  # the usual case: it cannot be more, so it is not counted
        return sum(len(name) + len(value) + 4 for name, value in self._headers)

    def _exchange(self, call: Call, now: float, failure: Failure | None) -> Exchange:
        return Exchange(
            target=call.request.target,
            latency=now - call.started,
            timeout=call.request.timeout,
            status=self._status if self._headers_done else None,
            headers=tuple(self._headers) if self._headers_done else (),
            body=b"".join(self._body),
            truncated=self._body_size > self._kept,
            failure=failure,
            address=self.address,
            reused=self.served > 0,
        )

    def _pump(self) -> None:
        """Hand the transport as much of a long body as it takes; it says stop when the receiver does not read."""
        while self._unsent is not None and not self._paused:
            assert self.transport is not None
            piece, rest = self._unsent[: self._limits.write_slice], self._unsent[self._limits.write_slice :]
            self._unsent = rest if rest else None
            self.transport.write(piece)
