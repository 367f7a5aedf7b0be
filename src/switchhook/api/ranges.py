"""Which bytes of a file a request wants: Range, If-Range and If-None-Match of RFC 9110. Pure."""

import re
from email.utils import formatdate, parsedate_to_datetime
from typing import NamedTuple

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE)


class Span(NamedTuple):
    """The bytes from `start` up to and with `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return self.end - self.start + 1


class UnsatisfiableError(Exception):
    """The range lies outside the file."""


def read_range(header: str | None, size: int) -> Span | None:
    """The one range a Range header asks for of `size` bytes; None when all is to be sent.

    Several ranges, other units and what cannot be read are not faults: a server may ignore Range, and then sends all.

    Raises:
        UnsatisfiableError: no byte of the file lies in it.
    """
    found = _ONE_RANGE.fullmatch(header) if header is not None else None
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        length = min(int(found[2]), size)
        if length == 0:
            raise UnsatisfiableError
        return Span(size - length, size - 1)
    start = int(found[1])
    end = int(found[2]) if found[2] else size - 1
    if found[2] and end < start:
        return None
    if start >= size:
        raise UnsatisfiableError
    return Span(start, min(end, size - 1))


def still_valid(if_range: str | None, etag: str, modified_s: int) -> bool:
    """Whether the part a client holds is of this very file (If-Range): an equal strong tag, or the exact date."""
    if if_range is None:
        return True
    given = if_range.strip()
    if given.startswith(('"', "W/")):
        return given == etag
    try:
        return int(parsedate_to_datetime(given).timestamp()) == modified_s
    except (ValueError, TypeError, OverflowError):
        return False


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether the client holds the whole file already."""
    if if_none_match is None:
        return False
    held = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in held or "*" in held


def http_date(seconds: int) -> str:
    """A moment as HTTP writes it."""
    return formatdate(seconds, usegmt=True)
