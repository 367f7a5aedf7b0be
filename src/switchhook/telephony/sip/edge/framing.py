"""Where a message ends in a stream: by its Content-Length (RFC 3261, 18.3).

Between messages there may be pings and their answers, which are line ends (RFC 5626, 3.5.1).
"""

import re

from switchhook.telephony.sip.edge.message import MAX_BYTES

PING = b"\r\n\r\n"
PONG = b"\r\n"

_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t\r\n]*([0-9]{1,6})[ \t]*\r$")
_ANY_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:")


class FramingError(ValueError):
    """Nobody can say where the next message begins: the connection is of no use any more."""


class Framer:
    """The messages of one connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0  # up to where there is no end of headers
        self._whole = 0  # length of the message that has begun, once its headers are there

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes]:
        """What is complete now, in order; a keep-alive that wants an answer is `PING`.

        Raises:
            FramingError: too long, or without a length that can be used.
        """
        self._buffer += data
        found = []
        while (one := self._next()) is not None:
            if one:
                found.append(one)
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._whole:
            if not self._looked and buffer.startswith((b"\r", b"\n")):
                return self._blank()
            end = buffer.find(b"\r\n\r\n", max(0, self._looked - 3))
            self._looked = len(buffer)
            if end < 0:
                if len(buffer) > MAX_BYTES:
                    raise FramingError("headers without an end")
                return None
            self._whole = end + 4 + _length(bytes(buffer[: end + 2]))
            if self._whole > MAX_BYTES:
                raise FramingError("too long")
        return self._take(self._whole) if len(buffer) >= self._whole else None

    def _blank(self) -> bytes | None:
        """Line ends between messages: two are a ping, one is the answer to ours."""
        if self._buffer.startswith(PING):
            return self._take(4)
        if PING.startswith(bytes(self._buffer)):
            return None  # an answer, or a part of a ping
        self._take(2 if self._buffer.startswith(PONG) else 1)
        return b""

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._looked = self._whole = 0
        return taken


def _length(head: bytes) -> int:
    lengths = _LENGTH.findall(head)
    if len(set(map(int, lengths))) != 1 or len(_ANY_LENGTH.findall(head)) != len(lengths):
        raise FramingError("no Content-Length, or several")
    return int(lengths[0])
