"""A call's recording: two voices on one clock, safe on disk while the call goes on, an MP3 at its end.

    leg ──pcm──▶ Track ┐                                  to_mp3 (in a thread)
                       ├─ interleaved ▶ ID.part.wav ─────▶ ID.mp3.tmp ──rename──▶ ID.mp3
    leg ──pcm──▶ Track ┘  (appended, about every 0.4 s)    ID.peaks, before that

The outside party is the LEFT channel, our side the RIGHT one. What was appended survives the death of the process: the
WAV header claims the greatest length there is, and readers go by the file's end. Then `to_mp3` finishes the job
from what is on disk.
"""

import os
import struct
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lameenc

from switchhook.media.peaks import Peaks, beside
from switchhook.media.tones import RATE

_JITTER = RATE * 2 // 5  # audio up to 400 ms late may still catch up; later, the gap was real silence
_FRAME = RATE // 50  # off by up to 20 ms is what reading every 20 ms does
_SURE = 0.3  # seconds after which what is late was lost, and what is early will stay so
_EARLY = RATE // 25  # ahead by 40 ms, a voice is cut also where it is not quiet...
_PATIENCE = 1.5  # ...when it has been for so many seconds
_QUIET = 300  # the greatest amplitude of a quiet moment, of 32767
_FLUSH = RATE * 2 // 5  # append in pieces of 0.4 s: one write instead of twenty
_LAG = RATE // 2  # how far one voice may be behind the other before it counts as silent
_HEADER = 44
_BITRATE = 32


@dataclass
class _Off:
    """By how many samples what comes is late (or early, below zero), and since when."""

    least: int = 0  # in all that time
    since: int = 0  # the sample at which it began
    began: float = 0.0  # seconds

    def by(self, late: int, end: int, at: float) -> int:
        """Take note of what begins so late at the sample `end`; by how much it must be moved now, if at all."""
        if abs(late) <= _FRAME:
            self.least = 0
        elif self.least * late <= 0:  # it was right until now, or off the other way
            self.least, self.since, self.began = late, end, at
        else:
            self.least = min(self.least, late, key=abs)
        return self.least if self.least and at - self.began >= _SURE else 0

    def is_long(self, at: float) -> bool:
        """Whether it is so early, and for so long, that a voice has to give way."""
        return self.least <= -_EARLY and at - self.began >= _PATIENCE


class Track:
    """One voice, laid on the call's clock: what came late follows on, a real gap becomes silence.

    Frames that the network lost leave no gap in what comes: it only seems to be late from then on. So what has been
    late for longer than a delay lasts gets silence where that began, and what has been early that long gives up as
    much, of a quiet moment if there is one.
    """

    def __init__(self) -> None:
        self.end = 0  # samples laid so far, silence included
        self._silent = True  # the last thing laid was silence: there is no voice to follow on
        self._pending = array("h")
        self._off = _Off()

    def lay(self, pcm: bytes, at: float) -> None:
        """Add 16-bit mono PCM whose last sample was heard `at` seconds after the recording began."""
        samples = array("h")
        samples.frombytes(pcm[: len(pcm) & ~1])
        begin = round(at * RATE) - len(samples)
        if not samples:
            return
        if self._silent or begin - self.end > _JITTER:
            self.fill(begin)
        self._silent = False
        off = self._off.by(begin - self.end, self.end, at)
        if off > 0:
            where = max(0, len(self._pending) - (self.end - self._off.since))
            self._pending[where:where] = array("h", bytes(2 * off))
            self.end += off
            self._off = _Off()
        elif off < 0 and (self._off.is_long(at) or max(map(abs, samples)) < _QUIET):
            del samples[:-off]
            self._off = _Off()
        self._pending.extend(samples)
        self.end += len(samples)

    def fill(self, end: int) -> None:
        """Silence up to that sample, if the track does not reach it yet."""
        if end > self.end:
            self._pending.frombytes(bytes(2 * (end - self.end)))
            self.end = end
            self._silent = True

    @property
    def pending(self) -> int:
        """Samples that were laid and not taken."""
        return len(self._pending)

    @property
    def settled(self) -> int:
        """Those of them into which no silence may come any more."""
        return max(0, len(self._pending) - (self.end - self._off.since if self._off.least > 0 else 0))

    def take(self, count: int) -> "array[int]":
        """The next `count` samples; there must be as many."""
        taken = self._pending[:count]
        del self._pending[:count]
        return taken


def interleave(left: "array[int]", right: "array[int]") -> bytes:
    """Two tracks of the same length as one stereo stream."""
    both = array("h", bytes(4 * len(left)))
    both[0::2] = left
    both[1::2] = right
    return both.tobytes()


class Recorder:
    """Writes one call's stereo WAV while the call goes on.

    Not thread-safe. `at` is always seconds since the recording began, from a clock that does not jump.
    """

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            OSError: it cannot be created; nothing is overwritten.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(self._file, wav_header())
        self._left = Track()
        self._right = Track()
        self._written = 0

    def left(self, pcm: bytes, at: float) -> None:
        """The outside party was heard."""
        self._left.lay(pcm, at)
        self._append(at)

    def right(self, pcm: bytes, at: float) -> None:
        """Our side was heard."""
        self._right.lay(pcm, at)
        self._append(at)

    def _append(self, at: float) -> None:
        if max(self._left.pending, self._right.pending) < _FLUSH:
            return
        floor = round(at * RATE) - _LAG
        self._left.fill(floor)
        self._right.fill(floor)
        self._write(min(self._left.settled, self._right.settled))

    def _write(self, count: int) -> None:
        if count:
            os.write(self._file, interleave(self._left.take(count), self._right.take(count)))
            self._written += count

    def close(self) -> float:
        """Write what is left and close; returns the recording's length in seconds. A second call changes nothing."""
        if self._file >= 0:
            end = max(self._left.end, self._right.end)
            self._left.fill(end)
            self._right.fill(end)
            self._write(self._left.pending)
            os.fdatasync(self._file)
            os.close(self._file)
            self._file = -1
        return self._written / RATE


def wav_header() -> bytes:
    """The head of a recording in progress: it claims the greatest length there is."""
    size = 0xFFFFFFFF - 36 & ~3
    return (
        struct.pack("<4sI4s", b"RIFF", size + 36, b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
        + struct.pack("<4sI", b"data", size)
    )


def part_seconds(part: Path) -> float:
    """How much a recording in progress holds, in seconds; 0.0 when there is no such file."""
    try:
        return max(0, part.stat().st_size - _HEADER) // 4 / RATE
    except FileNotFoundError:
        return 0.0


def _pieces(part: Path) -> Iterator[bytes]:
    with part.open("rb") as file:
        file.seek(_HEADER)
        while piece := file.read(RATE * 4):
            yield piece[: len(piece) & ~3]  # a crash may leave half a sample at the end


def to_mp3(part: Path, target: Path, *, breath: float = 0.0) -> float:
    """Encode a recording that is no longer written to, draw its waveform, and remove it; its length in seconds.

    Blocking: call it in a thread. One second of sound at a time, with a pause of `breath` seconds between, because the
    encoder may hold the interpreter and others in this process have frames to send every 20 ms. Atomic:
    `target` is either absent or whole, and where it is, its waveform is. An empty recording leaves no file and returns
    0.0. May be repeated after a crash at any point.

    Raises:
        OSError: the disk said no; the WAV stays.
    """
    seconds = part_seconds(part)
    if seconds == 0.0:
        part.unlink(missing_ok=True)
        return 0.0
    encoder = lameenc.Encoder()
    encoder.set_channels(2)
    encoder.set_in_sample_rate(RATE)
    encoder.set_out_sample_rate(RATE)
    encoder.set_bit_rate(_BITRATE)
    encoder.set_quality(5)
    encoder.silence()
    peaks = Peaks()
    temporary = target.with_name(target.name + ".tmp")
    with temporary.open("wb") as out:
        for piece in _pieces(part):
            out.write(encoder.encode(piece))
            peaks.add(piece)
            time.sleep(breath)
        out.write(encoder.flush())
        out.flush()
        os.fsync(out.fileno())
    with beside(target).open("wb") as out:
        out.write(peaks.end())
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)  # only now is the new name as durable as the file
    finally:
        os.close(directory)
    part.unlink(missing_ok=True)
    return seconds
