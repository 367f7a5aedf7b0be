"""`/v1/assets/recordings/{id}.mp3`: the file behind a call's `recording_url`, from disk, in parts; and its waveform.

A signed link opens it for whoever holds the link; an API key opens those of its own workspace. Files are read in
threads: a disk that stalls must not stall the loop.
"""

import asyncio
import logging
import os
import re
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.ranges import (
    Span,
    UnsatisfiableError,
    http_date,
    not_modified,
    read_range,
    still_valid,
)
from switchhook.api.services import Services
from switchhook.api.sessions import session_token
from switchhook.api.shapes.operation import Peaks
from switchhook.media.links import verify
from switchhook.media.peaks import PER_SECOND, beside, peaks_key, sides
from switchhook.media.s3 import CHUNK, S3, S3Error
from switchhook.storage.keys import workspaces
from switchhook.storage.store import Reader, Row

log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}").fullmatch
_CHUNK = 128 * 1024

Authorise = Callable[[Request], Awaitable[None]]


class _About(NamedTuple):
    size: int
    modified_s: int
    etag: str


class _File(NamedTuple):
    descriptor: int
    about: _About


class _Place(NamedTuple):
    """Where a recording lies: below the data directory, and under which key in the object store if it is there."""

    path: str
    created_at: int
    key: str
    size: int


class Recordings:
    """The handler of recordings. `authorise` checks the API key of a request that comes without a good link."""

    def __init__(self, services: Services, authorise: Authorise) -> None:
        self._store = services.store
        self._clock = services.clock
        self._root = services.data_dir
        self._key = services.recording_key
        self._objects = services.objects
        self._authorise = authorise

    async def get(self, request: Request) -> Response:
        """GET and HEAD."""
        id_ = request.params["recording_id"]
        place = await self._place(request, id_)
        file = await asyncio.to_thread(_open, self._root, place.path)
        if file is None:
            if not place.key:
                raise _not_found(id_)
            return await self._from_store(request, id_, place)
        try:
            span, response = _answer(request, file.about)
        except BaseException:
            os.close(file.descriptor)
            raise
        if span is None:
            os.close(file.descriptor)
        else:
            response.chunks = _Part(request, file.descriptor, span)
        return response

    async def _from_store(self, request: Request, id_: str, place: _Place) -> Response:
        objects = self._objects_of(id_)
        about = _About(place.size, place.created_at // 1000, f'"{id_}-{place.size:x}"')
        span, response = _answer(request, about)
        if span is not None and request.method != "HEAD":
            # Before the head of the answer goes out: what cannot be had is a refusal, not half an answer.
            first = await _asked(objects, place.key, span.start, min(span.end, span.start + CHUNK - 1), id_)
            response.chunks = _RemotePart(request, objects, place.key, span, first)
        return response

    def _objects_of(self, id_: str) -> S3:
        if self._objects is None:
            log.error("recording %s lies in an object store, and there is no bucket in the settings", id_)
            raise _unavailable(id_)
        return self._objects

    async def peaks(self, request: Request) -> Response:
        """GET and HEAD of the waveform."""
        id_ = request.params["recording_id"]
        place = await self._place(request, id_)
        values = await asyncio.to_thread(_values, self._root, place.path)
        if values is None and place.key:
            values = await self._stored_values(id_, place)
        if values is None:
            raise ApiError(
                "PEAKS_NOT_FOUND",
                f"There is no waveform of the recording {id_!r}.",
                param="recording_id",
                suggestion="Recordings from before waveforms were kept have none; play it without.",
            )
        left, right = sides(values)
        drawn = msgspec.json.encode({"data": Peaks(PER_SECOND, left, right)})
        return Response(200, drawn, headers=[(b"cache-control", b"private, max-age=3600")])

    async def _stored_values(self, id_: str, place: _Place) -> bytes | None:
        objects, key = self._objects_of(id_), peaks_key(place.key)
        values = b""
        while True:
            try:
                part = await objects.get(key, len(values), len(values) + CHUNK - 1)
            except S3Error as error:
                if error.missing:
                    return None
                log.error("recording %s: %s", id_, error)
                raise _unavailable(id_) from None
            values += part.data
            if len(values) >= part.whole or not part.data:
                return values

    async def _place(self, request: Request, id_: str) -> _Place:
        """Where the recording lies; passes only who may hear it."""
        if await self._by_link(request, id_):
            rows = await self._store.read(lambda reader: _anywhere(reader, id_))
        else:
            await self._authorise(request)
            workspace = request.workspace
            rows = await self._store.read(lambda reader: reader.fetch("recording", workspace, id_))
        if not rows or not _ID(id_):
            raise _not_found(id_)
        _, _, path, _, created_at, key, size = rows[0]
        return _Place(path, created_at, key, size)

    async def _by_link(self, request: Request, id_: str) -> bool:
        query = request.query()
        if "signature" not in query:
            return False
        now_s = self._clock.now() // 1000
        expires = query.get("expires", "")
        if verify(self._key, id_, expires, query["signature"], now_s):
            return True
        if b"authorization" in request.headers or session_token(request.headers) is not None:
            return False  # a client that sends its key with every link, also with an old one; the page is one
        # Whether the signature was good is not told of an expired link: the link's own date says that it is.
        if expires.isascii() and expires.isdigit() and int(expires[:19]) <= now_s:
            raise ApiError(
                "RECORDING_LINK_EXPIRED",
                "This link to the recording has expired.",
                param="expires",
                suggestion="Ask with an API key of the workspace that has CONVERSATIONS_READ.",
            )
        raise ApiError(
            "FORBIDDEN",
            "This link to the recording is not valid.",
            param="signature",
            suggestion="Use the link as it was delivered, with its whole query.",
        )


def _unavailable(id_: str) -> ApiError:
    return ApiError(
        "RECORDING_UNAVAILABLE",
        f"The object store does not give the recording {id_!r} at the moment.",
        param="recording_id",
        suggestion="Ask again later.",
        retry_after=30,
        headers=[(b"retry-after", b"30")],
    )


async def _asked(objects: S3, key: str, first: int, last: int, id_: str) -> bytes:
    try:
        return (await objects.get(key, first, last)).data
    except S3Error as error:
        log.error("recording %s: %s", id_, error)
        raise (_not_found(id_) if error.missing else _unavailable(id_)) from None


def _not_found(id_: str) -> ApiError:
    return ApiError("RECORDING_NOT_FOUND", f"There is no recording {id_[:100]!r}.", param="recording_id")


async def _anywhere(reader: Reader, id_: str) -> list[Row]:
    """A recording by its id alone: a signed link names no workspace, its signature vouches for the id."""
    for workspace in await workspaces(reader):
        if rows := await reader.fetch("recording", workspace.id, id_):
            return rows
    return []


def _open(root: Path, path: str) -> _File | None:
    """Open a recording; None when it is not there, is no file, or does not lie below `root`."""
    base = root.resolve()
    try:
        place = (base / path).resolve()
        if not place.is_relative_to(base):
            return None
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        return None
    etag = f'"{about.st_size:x}-{about.st_mtime_ns:x}"'
    return _File(descriptor, _About(about.st_size, int(about.st_mtime), etag))


def _values(root: Path, path: str) -> bytes | None:
    """The waveform of the recording at `path`; None when there is none on disk."""
    file = _open(root, str(beside(Path(path))))
    if file is None:
        return None
    try:
        return os.pread(file.descriptor, file.about.size, 0)
    finally:
        os.close(file.descriptor)


def _answer(request: Request, file: _About) -> tuple[Span | None, Response]:
    """The answer without its bytes, and which bytes are to follow; None for none."""

    def header(name: bytes) -> str | None:
        value = request.headers.get(name)
        return None if value is None else value.decode("latin-1")

    headers = [
        (b"accept-ranges", b"bytes"),
        (b"etag", file.etag.encode()),
        (b"last-modified", http_date(file.modified_s).encode()),
        (b"cache-control", b"private, max-age=3600"),
        (b"content-disposition", b"inline"),
    ]
    if not_modified(header(b"if-none-match"), file.etag):
        return None, Response(304, headers=headers)
    span: Span | None = None
    if still_valid(header(b"if-range"), file.etag, file.modified_s):
        try:
            span = read_range(header(b"range"), file.size)
        except UnsatisfiableError:
            raise ApiError(
                "INVALID_RANGE",
                f"The recording has {file.size} bytes; the range lies outside.",
                param="Range",
                headers=[(b"content-range", b"bytes */%d" % file.size)],
            ) from None
    if span is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (span.start, span.end, file.size)))
    whole = Span(0, file.size - 1)
    response = Response(206 if span else 200, b"", b"audio/mpeg", headers)
    response.length = (span or whole).size
    return span or whole, response


class _Part:
    """The bytes of `span`, read while they are sent, until the client hangs up. Owns the descriptor."""

    def __init__(self, request: Request, descriptor: int, span: Span) -> None:
        self.span = span
        self._request = request
        self._descriptor = descriptor
        self._reading: asyncio.Future[bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        gone = asyncio.ensure_future(self._request.gone())
        try:
            offset, end = self.span
            while offset <= end and not gone.done():
                size = min(_CHUNK, end - offset + 1)
                self._reading = asyncio.ensure_future(
                    asyncio.to_thread(os.pread, self._descriptor, size, offset)
                )
                chunk = await asyncio.shield(self._reading)
                if not chunk:
                    raise OSError("the recording became shorter while it was sent")
                offset += len(chunk)
                yield chunk
        finally:
            gone.cancel()

    async def aclose(self) -> None:
        """Let go of the file, once no thread reads from it any more."""
        if self._reading is not None and not self._reading.done():
            # Closed under a reading thread, the number could be another file's by the time it reads.
            await asyncio.wait([self._reading])
        os.close(self._descriptor)


class _RemotePart:
    """The bytes of `span` from the object store, a piece at a time as the client takes them; `first` is there."""

    def __init__(self, request: Request, objects: S3, key: str, span: Span, first: bytes) -> None:
        self._request = request
        self._objects = objects
        self._key = key
        self._span = span
        self._first = first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        gone = asyncio.ensure_future(self._request.gone())
        try:
            offset, end = self._span
            chunk = self._first
            while not gone.done():
                if not chunk:
                    raise OSError("the recording became shorter while it was sent")
                offset += len(chunk)
                yield chunk
                if offset > end:
                    return
                try:
                    chunk = (await self._objects.get(self._key, offset, min(end, offset + CHUNK - 1))).data
                except S3Error as error:
                    raise OSError(str(error)) from None
        finally:
            gone.cancel()

    async def aclose(self) -> None:
        """Nothing is held."""
