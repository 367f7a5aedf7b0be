"""`/v2/api/events/stream`: events as they happen, as server-sent events.

    commit ─▶ wake ─┐
    tick, 1 s ──────┴─▶ read what is new from the store ─▶ send ─▶ wait until the client has taken it ─┐
                            ▲──────────────────────────────────────────────────────────────────────────┘

Nothing is buffered for anybody: the store is the buffer. A client that is slow reads less often, and gets the newest
of what there is then, with a `gap` before it when something was left out. The tick is for what other processes accept.

Ids sort by time, not by commit: what is read reaches back a few seconds, and what was sent already is left out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.clock import Clock, iso_millis
from switchhook.events.ids import MESSAGE, lower_bound, normalise_id, time_of
from switchhook.storage.store import Committed, Reader, Row, Store

BATCH = 200  # events in one reading
STREAMS = 64  # at the same time, in this process
BEHIND_MS = 10_000  # how much later than its id an event may be seen
TICK = 1.0
PAUSE = 0.25  # between two readings, at least
HEARTBEAT = 15.0

Authorise = Callable[[Request], Awaitable[None]]

_encode = msgspec.json.Encoder().encode


class Stream:
    """The handler. `authorise` tells, now and then, whether the client may still listen."""

    def __init__(self, services: Services, authorise: Authorise) -> None:
        self._services = services
        self._authorise = authorise
        self._open: set[_Following] = set()
        services.store.on_committed(self._committed)

    def _committed(self, committed: Committed) -> None:
        if committed.events:
            for one in self._open:
                one.woken.set()

    def close(self) -> None:
        """End every stream: the server stops."""
        for one in self._open:
            one.end()

    async def get(self, request: Request) -> Response:
        """GET."""
        query = request.query()
        recent = _recent(query.get("recent", "0"))
        last = _place(request.headers.get(b"last-event-id", b"").decode("latin-1") or query.get("after", ""))
        if len(self._open) >= STREAMS:
            raise ApiError(
                "RATE_LIMIT_EXCEEDED",
                f"{STREAMS} clients follow the events already.",
                suggestion="Close one, or come back later.",
                retry_after=10,
                headers=[(b"retry-after", b"10")],
            )
        follow = query.get("follow", "true")
        if follow not in ("true", "false"):
            raise ApiError(
                "INVALID_PARAMETER", f"follow must be true or false, got {follow[:20]!r}.", param="follow"
            )
        following = _Following(
            self._services, request, self._authorise, last, recent, follow=follow == "true"
        )
        self._open.add(following)
        following.on_close = lambda: self._open.discard(following)
        headers = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
        return Response(200, b"", b"text/event-stream", headers, chunks=following, length=None)


class _Following:
    """One client."""

    def __init__(
        self,
        services: Services,
        request: Request,
        authorise: Authorise,
        last: str,
        recent: int,
        *,
        follow: bool,
    ) -> None:
        self._store: Store = services.store
        self._clock: Clock = services.clock
        self._request = request
        self._authorise = authorise
        self._last = last
        self._recent = recent
        self._follow = follow
        self._ended = False
        self._sent: set[str] = set()
        self._floor = ""
        self.woken = asyncio.Event()
        self.on_close: Callable[[], object] = lambda: None

    def end(self) -> None:
        """Send nothing more."""
        self._ended = True
        self.woken.set()

    async def aclose(self) -> None:
        """See `messages.Chunks`."""
        self.on_close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        for piece in await self._begin():
            yield piece
        if not self._follow:
            return
        gone = asyncio.ensure_future(self._request.gone())
        gone.add_done_callback(lambda _: self.end())
        heard = self._clock.monotonic()
        try:
            while await self._wait():
                pieces = await self._news()
                now = self._clock.monotonic()
                if now - heard >= HEARTBEAT:
                    heard = now
                    if not await self._may():
                        return
                    yield b": still here\n\n"
                for piece in pieces:
                    yield piece
                await self._clock.sleep(PAUSE)
        finally:
            gone.cancel()

    async def _wait(self) -> bool:
        """Until there may be something new; False when there will be nothing any more."""
        timer = self._clock.call_later(TICK, self.woken.set)
        try:
            await self.woken.wait()
        finally:
            timer.cancel()
        self.woken.clear()
        return not self._ended

    async def _may(self) -> bool:
        try:
            await self._authorise(self._request)
        except ApiError as error:
            return error.status not in (401, 403)
        return True

    async def _begin(self) -> list[bytes]:
        """What the client has missed, or the newest few."""
        if self._last:
            self._floor = self._last
            return await self._news()
        rows = await self._read("", max(1, self._recent))
        now = self._clock.now()
        newest = max(now, time_of(rows[0][0])) if rows else now
        self._floor = lower_bound(MESSAGE, newest - BEHIND_MS)
        # What was there before the client came is not news, also when it is younger than that.
        self._sent.update(row[0] for row in await self._read(self._floor, BATCH))
        return [_piece(row) for row in reversed(rows[: self._recent])]

    async def _news(self) -> list[bytes]:
        rows = await self._read(self._floor, BATCH)
        if not rows:
            return []
        fresh = [row for row in reversed(rows) if row[0] not in self._sent]
        gap = len(rows) == BATCH and len(fresh) == BATCH  # what is older than these may have been missed
        self._floor = max(self._floor, lower_bound(MESSAGE, time_of(rows[0][0]) - BEHIND_MS))
        self._sent = {id_ for id_ in self._sent if id_ > self._floor}
        self._sent.update(row[0] for row in rows)
        return [*([b"event: gap\ndata: {}\n\n"] if gap else []), *(_piece(row) for row in fresh)]

    async def _read(self, after: str, most: int) -> list[Row]:
        workspace = self._request.workspace

        async def read(reader: Reader) -> list[Row]:
            return await reader.fetch("newest_events", workspace, after, most)

        return await self._store.read(read, heavy=True)


def _piece(row: Row) -> bytes:
    id_, topic, accepted_at, body = row
    event = {
        "id": id_,
        "topic": topic,
        "created_at": iso_millis(accepted_at),
        "payload": msgspec.Raw(body) if body else None,
    }
    # JSON has no line breaks of its own; a body is sent as it was stored and may have.
    text = _encode(event).replace(b"\r", b" ").replace(b"\n", b" ")
    return b"id: %b\nevent: event\ndata: %b\n\n" % (id_.encode(), text)


def _place(text: str) -> str:
    """The id of an event, when it is one."""
    try:
        time_of(text)
    except ValueError:
        return ""
    return normalise_id(text)


def _recent(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= 100):
        raise ApiError(
            "INVALID_PARAMETER",
            f"recent must be between 0 and 100, got {text[:20]!r}.",
            param="recent",
            suggestion="Leave it out to get only what happens from now on.",
        )
    return int(text)
