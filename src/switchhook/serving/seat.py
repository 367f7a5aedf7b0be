"""A worker's seat among the workers of one `serve`: the way to its parent, and the board where all tell their figures.

    parent ──take + a connection──▶ worker        worker ──say LINE────────▶ parent
           ──dead NUMBER──────────▶               worker ──process NUMBER──▶ (its number in the database)
           ──end of the channel───▶ stop          worker ──fail KIND LINE──▶ (it could not start)

The channel is a pair of sockets and its end is the one sign to stop: it comes when the parent stops, and when it is
killed, so that no worker outlives it.
"""

import asyncio
import logging
import mmap
import os
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable

from switchhook.settings.config import ConfigError

log = logging.getLogger(__name__)

SLOT = 256 * 1024  # bytes that one worker's figures may take
_HEAD = struct.Struct("<II")  # how many bytes, and their checksum
_TRIES = 5


class Board:
    """Memory that the workers share: each writes its own slot, all read all of them."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, slots * SLOT)
        self._read: list[bytes] = [b""] * slots

    def write(self, slot: int, figures: bytes) -> None:
        """Replace what is in a slot. Figures that do not fit leave it as it is."""
        if len(figures) > SLOT - _HEAD.size:
            log.error("the figures of a worker do not fit: %d bytes", len(figures))
            return
        at = slot * SLOT
        self._memory[at + _HEAD.size : at + _HEAD.size + len(figures)] = figures
        self._memory[at : at + _HEAD.size] = _HEAD.pack(len(figures), zlib.crc32(figures))

    def clear(self, slot: int) -> None:
        """Its worker is gone."""
        self.write(slot, b"")

    def read(self, slot: int) -> bytes:
        """What was written last, whole; empty when there is nothing."""
        at = slot * SLOT
        for _ in range(_TRIES):
            length, checksum = _HEAD.unpack(self._memory[at : at + _HEAD.size])
            figures = self._memory[at + _HEAD.size : at + _HEAD.size + length]
            if zlib.crc32(figures) == checksum:
                self._read[slot] = figures
                break
        # Else its worker was writing all the time, and what it wrote before is true enough.
        return self._read[slot]


class Seat:
    """The seat of worker `number` (from 1), in the worker. `address` is where the parent accepts connections."""

    def __init__(self, number: int, address: str, channel: socket.socket, board: Board) -> None:
        self.number = number
        self.address = address
        self._channel = channel
        self._board = board
        self._lines = b""
        self._connections: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # -- to the parent

    def say(self, line: str) -> None:
        """A line for standard output. The one that begins with `ready` says that this worker is."""
        self._tell(f"say {line}")

    def joined(self, process: int) -> None:
        """This worker writes to the database under that number."""
        self._tell(f"process {process}")

    def failed(self, error: Exception) -> None:
        """It could not start."""
        kind = "config" if isinstance(error, ConfigError) else "other"
        self._tell(f"fail {kind} {' '.join(str(error).split())}")

    def _tell(self, line: str) -> None:
        try:
            self._channel.sendall(line.encode() + b"\n")
        except OSError:
            log.debug("the parent is gone")

    # -- from the parent

    def begin(
        self,
        take: Callable[[socket.socket], None],
        bury: Callable[[int], Awaitable[None]],
        stop: Callable[[], object],
    ) -> None:
        """Listen to the parent: `take` connections, `bury` processes that ended, `stop`."""
        self._channel.setblocking(False)
        loop = asyncio.get_running_loop()

        def readable() -> None:
            if not self._receive(take, bury):
                loop.remove_reader(self._channel.fileno())
                stop()

        loop.add_reader(self._channel.fileno(), readable)

    def _receive(self, take: Callable[[socket.socket], None], bury: Callable[[int], Awaitable[None]]) -> bool:
        """Read what is there; whether there may be more."""
        try:
            data, connections, _, _ = socket.recv_fds(self._channel, 4096, 64)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._connections += connections
        *lines, self._lines = (self._lines + data).split(b"\n")
        for line in lines:
            if line == b"take":
                connection = socket.socket(fileno=self._connections.pop(0))
                connection.setblocking(False)
                take(connection)
            elif line.startswith(b"dead "):
                task = asyncio.ensure_future(self._bury(bury, int(line[5:])))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return bool(data)

    @staticmethod
    async def _bury(bury: Callable[[int], Awaitable[None]], process: int) -> None:
        try:
            await bury(process)
        except Exception as error:
            log.warning("process %d is taken over when its lease has run out: %s", process, error)

    def leave(self) -> None:
        """Nothing more from the parent; connections that came too late are closed."""
        for connection in self._connections:
            os.close(connection)
        self._connections.clear()

    # -- figures

    def publish(self, figures: bytes) -> None:
        """Let the others tell this worker's figures."""
        self._board.write(self.number - 1, figures)

    def others(self) -> dict[str, bytes]:
        """The figures of the other workers, by their numbers."""
        found = {
            str(slot + 1): self._board.read(slot)
            for slot in range(self._board.slots)
            if slot != self.number - 1
        }
        return {number: figures for number, figures in found.items() if figures}
