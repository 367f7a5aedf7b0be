"""One request and one response, and the reading of a body within its bounds."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

from switchhook.api.errors import ApiError
from switchhook.api.services import Limits
from switchhook.clock import Clock, Deadline
from switchhook.events.ids import new_request_id
from switchhook.storage.keys import ApiKey

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON = b"application/json"
_DRAIN_BYTES = (
    32 * 1024 * 1024
)  # of a body too large: read and thrown away so that its sender hears the answer


class Disconnected(Exception):
    """The client has gone; there is nobody to answer."""


class Chunks(Protocol):
    """A body that is sent piece by piece. `aclose` is called in any case, sent or not."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""

    async def aclose(self) -> None:
        """Let go of what the pieces come from."""


class Response:
    """What is answered. `chunks`, when given, is sent in place of `body`; `length` is then its size.

    `length` is None when nobody knows it before the last piece.
    """

    __slots__ = ("body", "chunks", "content_type", "headers", "length", "status")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        content_type: bytes = JSON,
        headers: Headers = (),
        *,
        chunks: Chunks | None = None,
        length: int | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = list(headers)
        self.chunks = chunks
        self.length = len(body) if chunks is None else length


class Request:
    """A request on its way through the API. `key` is set once its sender is known, `params` once its route is."""

    __slots__ = (
        "_receive",
        "headers",
        "id",
        "key",
        "method",
        "params",
        "path",
        "query_string",
        "rate_headers",
    )

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query_string: bytes = scope.get("query_string", b"")
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.id = request_id(self.headers.get(b"x-request-id"))
        self.params: dict[str, str] = {}
        self.key: ApiKey | None = None
        self.rate_headers: Headers = ()
        self._receive = receive

    @property
    def workspace(self) -> str:
        """The workspace of the key."""
        assert self.key is not None
        return self.key.workspace

    def query(self) -> dict[str, str]:
        """The query's parameters; of one that comes twice, the last."""
        text = self.query_string.decode("latin-1")
        if "%00" in text:
            raise ApiError(
                "INVALID_PARAMETER", "A query may not hold the character U+0000.", suggestion="Leave it out."
            )
        # Bounded: a query of a million `a=1` is a sender's mistake, not work for us.
        return dict(parse_qsl(text[:8192], keep_blank_values=True))

    async def body(self, clock: Clock, limit: int, seconds: float) -> bytes:
        """The whole body; see `read_body`."""
        return await read_body(self._receive, self.headers, clock, limit, seconds)

    async def json(self, clock: Clock, limits: Limits, *, optional: bool = False) -> bytes:
        """The whole body, which is declared as JSON; one that is `optional` may also be left out, and is empty then.

        Raises:
            ApiError: it is declared as something else (415), too large (413), or too slow (408).
        """
        if not optional:
            require_json(self.headers)
        body = await self.body(clock, limits.body_bytes, limits.body_seconds)
        if optional and body:
            require_json(self.headers)
        return body

    async def gone(self) -> None:
        """Return when the client has hung up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def read_body(
    receive: Receive, headers: dict[bytes, bytes], clock: Clock, limit: int, seconds: float
) -> bytes:
    """The body, counted while it comes in: a false Content-Length buys nothing.

    Raises:
        ApiError: larger than `limit` (413), or not complete within `seconds` (408).
        Disconnected: the client has gone.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:19]) > limit:
        if headers.get(b"expect", b"").lower() != b"100-continue":
            await _drain(receive, clock)
        raise too_large(limit)
    try:
        async with Deadline(clock, seconds):
            message = await receive()
            if message["type"] != "http.request":
                raise Disconnected
            body: bytes = message.get("body", b"")
            if message.get("more_body"):
                parts, size = [body], len(body)
                while message.get("more_body") and size <= limit:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Disconnected
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                body = b"".join(parts)
    except TimeoutError:
        raise ApiError(
            "REQUEST_TIMEOUT",
            f"The body was not complete within {seconds:g} s.",
            suggestion="Send it in one go, and again.",
            headers=[(b"connection", b"close")],
        ) from None
    if len(body) > limit:
        if message.get("more_body"):
            await _drain(receive, clock)
        raise too_large(limit)
    return body


def too_large(limit: int) -> ApiError:
    """The 413 of a route that takes `limit` bytes."""
    return ApiError(
        "PAYLOAD_TOO_LARGE",
        f"The body is larger than the {limit} bytes this route takes.",
        suggestion="Send less at a time.",
        headers=[(b"connection", b"close")],
    )


async def _drain(receive: Receive, clock: Clock) -> None:
    """Throw away what is still coming: closing on a sender who is writing would reset the answer away from him."""
    size = 0
    try:
        async with Deadline(clock, 5):
            while size < _DRAIN_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return


_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch


def request_id(given: bytes | None) -> str:
    """The client's own request id when it is sane, otherwise a new one: `req_` and twelve characters."""
    if given is not None and _SANE_ID(given):
        return given.decode("ascii")
    return new_request_id()


def require_json(headers: dict[bytes, bytes]) -> None:
    """Pass only a body that is declared as JSON.

    Raises:
        ApiError: it is something else, or nothing is said.
    """
    kind = headers.get(b"content-type", b"")
    if kind == JSON:
        return
    media, _, parameters = kind.lower().partition(b";")
    media = media.strip()
    if media != JSON and not (media.startswith(b"application/") and media.endswith(b"+json")):
        said = kind.decode("latin-1")[:100]
        raise ApiError(
            "UNSUPPORTED_MEDIA_TYPE",
            f"The body is declared as {said!r}." if said else "The request has no Content-Type.",
            param="Content-Type",
            suggestion="Send Content-Type: application/json.",
        )
    if b"charset" in parameters and b"utf-8" not in parameters and b"utf8" not in parameters:
        raise ApiError(
            "UNSUPPORTED_MEDIA_TYPE",
            "JSON is UTF-8; the request declares another character set.",
            param="Content-Type",
            suggestion="Send Content-Type: application/json, encoded as UTF-8.",
        )
