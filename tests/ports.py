"""Ports that nobody else has, for programs that are told theirs before they open it.

A port that was asked of the kernel and let go of may be anybody's a moment later: another test's, or one that an
outgoing connection was given. So every process that tests takes a block of its own, below those the kernel gives away
by itself, and holds the first port of it for as long as it lives: that is how the next one knows that it is taken.
"""

import itertools
import socket
from collections.abc import Iterator

FIRST, LAST = 10_000, 32_000
BLOCK = 800
SINGLE = 200  # so many of a block are given one by one, the others in ranges

_held: list[socket.socket] = []


def _block() -> int:
    """The first port of our block."""
    if not _held:
        for first in range(FIRST, LAST, BLOCK):
            mark = socket.socket()
            try:
                mark.bind(("127.0.0.1", first))
            except OSError:
                mark.close()
                continue
            _held.append(mark)
            break
        else:
            raise RuntimeError(f"every block of ports from {FIRST} to {LAST} is taken")
    port: int = _held[0].getsockname()[1]
    return port


def _singles() -> Iterator[int]:
    return (_block() + n for n in itertools.cycle(range(1, SINGLE)))


def _rest() -> Iterator[int]:
    return (_block() + n for n in itertools.cycle(range(SINGLE, BLOCK, 2)))


_single, _pair = _singles(), _rest()


def _free(port: int) -> bool:
    """Whether it can be opened on every address, over UDP and over TCP."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


def free_port() -> int:
    """A port that nobody has, and that nobody is given before two hundred others have been."""
    return next(port for port in itertools.islice(_single, SINGLE) if _free(port))


def rtp_ports(count: int = 40) -> str:
    """A range of ports for sound, `FIRST-LAST`; as many as `count`, the first of them even."""
    found: list[int] = []
    for port in itertools.islice(_pair, 2 * BLOCK):
        if found and port != found[-1] + 1:
            found = []  # round the corner
        found = [*found, port, port + 1] if _free(port) and _free(port + 1) else []
        if len(found) >= count:
            return f"{found[0]}-{found[0] + count - 1}"
    raise RuntimeError(f"there are no {count} free ports in a row from {_block() + SINGLE} on")
