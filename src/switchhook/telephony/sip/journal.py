"""The worker's diary: every fact is in it before anybody is told, and stays until it was acknowledged.

One file for each run of a worker, `DATA/sip/journal/STARTED-PID.jsonl`, a JSON object a line. The worker holds an
exclusive lock on it as long as it lives (flock(2)), so that nobody takes a living worker's diary for a dead one's.
A line is handed to the kernel at once, which survives the death of every process; it is forced to the disk soon
after, which survives a power cut. No answer to a caller rests on that: those wait for the database's commit.
"""

import asyncio
import errno
import fcntl
import logging
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from switchhook.workspace.facts import Answered, AnyFact, Ended, LegKind, Offered

log = logging.getLogger(__name__)

_SHRINK = 1 << 18  # bytes; a diary of settled calls that long starts anew


class Wrote(msgspec.Struct, frozen=True, tag_field="entry", tag="fact"):
    """A fact, about to be reported as `seq`."""

    seq: int
    fact: AnyFact


class Acked(msgspec.Struct, frozen=True, tag_field="entry", tag="ack"):
    """The fact `seq` is durable elsewhere."""

    seq: int


class Recording(msgspec.Struct, frozen=True, tag_field="entry", tag="recording"):
    """The call's sound is being written to `part`, which becomes `path`; both relative to the data directory."""

    call: str
    part: str
    path: str
    voicemail: bool


Entry = Wrote | Acked | Recording
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


@dataclass
class OpenCall:
    """A call without an end in the diary."""

    offered: Offered
    answered: bool = False
    recording: Recording | None = None


@dataclass
class Content:
    """What a diary says: facts nobody acknowledged, in order, and calls that were left open."""

    unacknowledged: dict[int, AnyFact] = field(default_factory=dict)
    open: dict[str, OpenCall] = field(default_factory=dict)
    calls: set[str] = field(default_factory=set)
    last: int = 0

    def take(self, entry: Entry) -> None:
        """Follow one entry."""
        match entry:
            case Acked(seq):
                self.unacknowledged.pop(seq, None)
            case Recording():
                if entry.call in self.open:
                    self.open[entry.call].recording = entry
            case Wrote(seq, fact):
                self.last = max(self.last, seq)
                self.unacknowledged[seq] = fact
                self.calls.add(fact.call)
                if isinstance(fact, Offered):
                    self.open[fact.call] = OpenCall(fact)
                elif isinstance(fact, Ended):
                    self.open.pop(fact.call, None)
                elif isinstance(fact, Answered) and fact.call in self.open:
                    self.open[fact.call].answered |= fact.kind is not LegKind.MENU

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done about it."""
        return not self.unacknowledged and not self.open


def read(path: Path) -> Content:
    """What a diary says. The last line may have been cut by a crash; what cannot be read is left out.

    Raises:
        OSError: the file cannot be read.
    """
    content = Content()
    for line in path.read_bytes().split(b"\n"):
        try:
            content.take(_decoder.decode(line))
        except msgspec.DecodeError:
            continue
    return content


class JournalBusy(Exception):
    """The worker that writes this diary is still alive."""


class Journal:
    """A diary that is written, by a worker or by who winds up a dead worker's affairs."""

    def __init__(self, path: Path) -> None:
        """Open or create it, and lock it.

        Raises:
            JournalBusy: somebody else has it.
            OSError: the file cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise JournalBusy(
                f"a SIP worker that uses this data directory is alive: it holds {path}"
            ) from None
        self.content = read(path)
        self._owed: deque[bytes] = deque()
        self._refused = False
        self._syncing: asyncio.Task[None] | None = None
        self._unsynced = False

    def fact(self, fact: AnyFact) -> int:
        """Write a fact; returns the number under which it is reported."""
        seq = self.content.last + 1
        self._append(Wrote(seq, fact))
        return seq

    def acked(self, seq: int) -> None:
        """The fact is durable elsewhere."""
        self._append(Acked(seq))
        if self.content.settled and os.fstat(self._file).st_size > _SHRINK:
            os.ftruncate(self._file, 0)

    def recording(self, entry: Recording) -> None:
        """A recording has begun."""
        self._append(entry)

    def _append(self, entry: Entry) -> None:
        """Write an entry, and those before it that the disk did not take.

        A call must not come apart because a disk is full: what cannot be written is kept in memory, reported all the
        same, and written as soon as there is room.
        """
        self.content.take(entry)
        self._owed.append(_encoder.encode(entry) + b"\n")
        try:
            while self._owed:
                self._write(self._owed[0])
                self._owed.popleft()
        except OSError as error:
            if not self._refused:
                log.error("the SIP line's diary cannot be written, calls go on without it: %s", error)
            self._refused = True
            return
        self._refused = False
        self._unsynced = True
        if self._syncing is None or self._syncing.done():
            try:
                self._syncing = asyncio.get_running_loop().create_task(self._sync())
            except RuntimeError:  # no loop: `close` syncs
                self._syncing = None

    def _write(self, line: bytes) -> None:
        written = os.write(self._file, line)
        if written < len(line):
            # A full disk may take half a line, and the next one would be lost with it. Nobody else writes here.
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def _sync(self) -> None:
        # Off the loop, and as often as the disk can: what comes meanwhile goes with the next turn.
        while self._unsynced and self._file >= 0:
            self._unsynced = False
            await asyncio.to_thread(os.fdatasync, self._file)

    async def close(self) -> None:
        """Force it to the disk, or remove it when everything in it is settled; then let go of the lock."""
        if self._syncing is not None:
            await self._syncing
        if self.content.settled:
            self.path.unlink(missing_ok=True)
        else:
            os.fdatasync(self._file)
        os.close(self._file)
        self._file = -1
