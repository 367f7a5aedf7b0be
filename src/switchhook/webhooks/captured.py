"""A request as tools save it: a request line, headers, an empty line, the body. Pure."""

import re
from typing import NamedTuple

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Captured(NamedTuple):
    """What was captured. `short` is how many bytes of the body are missing by its `content-length`."""

    headers: dict[str, str]
    body: bytes
    short: int = 0


def read_request(raw: bytes) -> Captured:
    """The headers and the body of a raw HTTP request. A body in chunks is put together.

    Raises:
        ValueError: there are no headers at its beginning.
    """
    raw = raw.lstrip(b"\r\n")
    breaks = [(raw.find(mark), len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if mark in raw]
    end, width = min(breaks, default=(len(raw), 0))
    headers = read_headers(raw[:end].decode("latin-1"))
    if not headers:
        raise ValueError("no request: headers, an empty line and the body are expected")
    body = raw[end + width :]
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return Captured(headers, _joined(body))
    length = headers.get("content-length", "")
    short = int(length) - len(body) if length.isascii() and length.isdigit() else 0
    return Captured(headers, body, max(0, short))


def read_headers(text: str) -> dict[str, str]:
    """`name: value` on each line; a request line and the marks of `curl -v` are passed over. Names in small letters."""
    found = {}
    for line in text.splitlines():
        name, colon, value = line.removeprefix("> ").partition(":")
        if colon and _NAME.fullmatch(name):
            found[name.lower()] = value.strip()
    return found


def _joined(body: bytes) -> bytes:
    """The chunks put together; what is not in chunks, because the tool did so already, as it is."""
    parts: list[bytes] = []
    rest = body
    while True:
        line, mark, rest = rest.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            return body
        if not mark or size < 0 or len(rest) < size:
            return body
        if size == 0:
            return b"".join(parts)
        parts.append(rest[:size])
        rest = rest[size:].removeprefix(b"\r\n")
