"""ARI on a real socket: requests and a WebSocket; it lets in or not, drops, is silent, repeats, and talks nonsense."""

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

silent = logging.getLogger("tests.ari_peer")
silent.setLevel(logging.CRITICAL)  # it writes what it is told, headers included


class Ari:
    """Lets `user` with `secret` in. `channels` and `bridges` are what is up."""

    def __init__(
        self, user: str = "switchhook", secret: str = "s3cret-of-asterisk", prefix: str = ""
    ) -> None:
        self.user = user
        self.secret = secret
        self.prefix = prefix
        self.channels: list[dict[str, Any]] = []
        self.bridges: list[dict[str, Any]] = []
        self.broken: dict[str, int] = {}  # statuses that are answered, by paths
        self.raw: dict[str, bytes] = {}  # answers that are given as they are
        self.date = "Mon, 23 Nov 2026 12:19:38 GMT"
        self.asked: list[str] = []  # paths and queries, as they came
        self.subprotocol = True
        self.during: list[dict[str, Any]] = []  # events that come while it is asked what is up
        self.opened = 0  # WebSockets
        self._sockets: set[ServerConnection] = set()
        self._server: Server | None = None
        self._front: asyncio.Server | None = None
        self.posts: dict[str, list[int]] = {}  # statuses, by paths

    async def start(self, port: int = 0, context: ssl.SSLContext | None = None) -> int:
        self._server = await serve(
            self._listen,
            "127.0.0.1",
            port,
            process_request=self._answer,
            ping_interval=None,
            compression=None,
            ssl=context,
            logger=silent,
            select_subprotocol=lambda _, offered: next(iter(offered), None) if self.subprotocol else None,
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def start_writable(self) -> int:
        """The same, and `POST` is answered: by `posts`, one after the other, and by 404 when there are no more."""
        inside = await self.start()

        async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST "):
                self.asked.append(head.split(b" ", 2)[1].decode())
                answers = self.posts.get(urlsplit(self.asked[-1]).path, [])
                status = answers.pop(0) if answers else 404
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}" % status)
                writer.close()
                return
            there, here = await asyncio.open_connection("127.0.0.1", inside)
            here.write(head)
            await asyncio.gather(_copy(reader, here), _copy(there, writer))

        self._front = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        return int(self._front.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._front is not None:
            self._front.close()
        if self._server is not None:
            self.drop()
            self._server.close()
            await self._server.wait_closed()

    def drop(self) -> None:
        """Break every WebSocket off, without a word."""
        for socket in self._sockets:
            socket.transport.abort()
        self._sockets.clear()

    def freeze(self) -> None:
        """Read nothing more, so that not even a ping is answered."""
        for socket in self._sockets:
            socket.transport.pause_reading()

    async def tells(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            await self.says(json.dumps(event))

    async def says(self, text: str | bytes) -> None:
        """Send a frame as it is to whoever listens."""
        for socket in list(self._sockets):
            try:
                await socket.send(text)
            except ConnectionClosed:
                self._sockets.discard(socket)

    async def _listen(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        self.opened += 1
        try:
            await socket.wait_closed()
        finally:
            self._sockets.discard(socket)

    async def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request.path)
        url = urlsplit(request.path)
        path = url.path.removeprefix(self.prefix)
        wanted = "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        if request.headers.get("Authorization") != wanted:
            return _response(401, b'{"error":"Unauthorized"}')
        if not url.path.startswith(f"{self.prefix}/ari/"):
            return _response(404, b'{"message":"Resource not found"}')
        if path in self.broken:
            return _response(self.broken[path], b'{"message":"broken"}', location="http://127.0.0.1:1/")
        if path in self.raw:
            return _response(200, self.raw[path], Date=self.date)
        match path:
            case "/ari/events":
                query = parse_qs(url.query)
                return (
                    None
                    if query.get("subscribeAll") == ["true"] and query.get("app")
                    else _response(400, b"")
                )
            case "/ari/channels":
                listed = json.dumps(self.channels).encode()
                await self.tells(self.during)
                await asyncio.sleep(0)
                return _response(200, listed, Date=self.date)
            case "/ari/bridges":
                return _response(200, json.dumps(self.bridges).encode())
        return _response(404, b'{"message":"Resource not found"}')


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()


def _response(status: int, body: bytes, **headers: str) -> Response:
    fields = Headers({"Content-Length": str(len(body)), "Connection": "close", **headers})
    return Response(status, HTTPStatus(status).phrase, fields, body)
