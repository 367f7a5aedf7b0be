"""Files of Asterisk, which may be large: written to disk as they come, and no further than a limit."""

import asyncio
import ssl
from pathlib import Path
from typing import BinaryIO

from httptools import HttpParserError, HttpResponseParser

from switchhook.clock import Clock, Deadline
from switchhook.telephony.asterisk.ari_rest import authorization, base, refused
from switchhook.telephony.asterisk.session import Access
from switchhook.telephony.watching import ConnectionLost

WAIT = 10.0  # seconds for the connection
QUIET = 30.0  # seconds without a byte until it is given up
PIECE = 256 * 1024  # bytes that are read and written at once


class NotThere(Exception):
    """There is no such file."""


class TooLong(Exception):
    """The file is longer than what is taken."""


class _Answer:
    """What the parser calls back."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.status = 0
        self.over = False
        self.body: list[bytes] = []

    def on_headers_complete(self) -> None:
        """See `httptools`."""
        self.status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """See `httptools`."""
        self.body.append(data)

    def on_message_complete(self) -> None:
        """See `httptools`."""
        self.over = True


async def fetch(access: Access, clock: Clock, path: str, target: Path, most: int) -> None:
    """Write the answer to `GET /ari{path}` to `target`; at most so many bytes. Half a file is left when it fails.

    Raises:
        NotThere, TooLong, ConnectionLost, Refused: see there.
        OSError: the disk does not take it.
    """
    try:
        async with Deadline(clock, WAIT):
            reader, writer = await asyncio.open_connection(
                access.host, access.port, ssl=ssl.create_default_context() if access.tls else None
            )
    except (OSError, TimeoutError) as error:
        raise ConnectionLost(f"cannot reach {access.host}:{access.port}: {error or 'no answer'}") from None
    try:
        where, _, prefix = base(access, "http").partition("://")[2].partition("/")
        request = (
            f"GET /{prefix}{path} HTTP/1.1\r\nHost: {where}\r\nAuthorization: {authorization(access)}\r\n"
            "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode())
        await _receive(access, clock, reader, target, most)
    finally:
        writer.transport.abort()


def _opened(target: Path) -> BinaryIO:
    # Not in a thread: who is cancelled while it opens a file cannot close it.
    return target.open("wb")


async def _receive(
    access: Access, clock: Clock, reader: asyncio.StreamReader, target: Path, most: int
) -> None:
    answer, size = _Answer(), 0
    with _opened(target) as out:
        while not answer.over:
            try:
                async with Deadline(clock, QUIET):
                    data = await reader.read(PIECE)
                answer.parser.feed_data(data)
            except (OSError, TimeoutError, HttpParserError) as error:
                raise ConnectionLost(
                    f"a file of Asterisk broke off: {str(error) or 'nothing came'}"
                ) from None
            if answer.status == 404:
                raise NotThere
            if answer.status >= 300:
                raise refused(access, answer.status)
            if not data and not answer.over:
                raise ConnectionLost("a file of Asterisk broke off")
            body, answer.body = b"".join(answer.body), []
            size += len(body)
            if size > most:
                raise TooLong
            await asyncio.to_thread(out.write, body)
