"""A recording as engines take it: each side by itself, in pieces that fit into memory, cut where nobody speaks."""

from array import array
from collections.abc import Iterator
from pathlib import Path

import miniaudio
import msgspec

from switchhook.media.transcription.speech import RATE

PIECE = 300.0  # seconds of a piece at most
SEARCHED = 20.0  # seconds at its end in which a quiet place is looked for
QUIET = 0.2  # seconds of that place
DELAY = 1105  # samples that encoding and decoding an MP3 put in front


class SoundError(ValueError):
    """A file that holds no sound that can be read."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a recording that begins `start` seconds after it. 16-bit samples; the outside party is on the left."""

    start: float
    left: "array[int]"
    right: "array[int]"

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.left) / RATE


def channels(path: Path) -> int:
    """How many channels a recording has.

    Raises:
        SoundError: it cannot be read.
        OSError: it is not there.
    """
    return int(_about(path).nchannels)


def _about(path: Path) -> "miniaudio.SoundFileInfo":
    path.stat()
    try:
        return miniaudio.get_file_info(str(path))
    except miniaudio.MiniaudioError as error:
        raise SoundError(f"{path.name} cannot be read as sound: {error}") from None


def pieces(path: Path) -> Iterator[Piece]:
    """The recording, piece by piece. One with a single channel is on both sides.

    Raises:
        SoundError: it cannot be read.
        OSError: it is not there.
    """
    about = _about(path)
    skip = round(DELAY / about.sample_rate * RATE) if about.file_format == miniaudio.FileFormat.MP3 else 0
    try:
        stream = miniaudio.stream_file(
            str(path), miniaudio.SampleFormat.SIGNED16, nchannels=2, sample_rate=RATE, frames_to_read=RATE
        )
        start, held = 0.0, array("h")
        for part in stream:
            held += part[2 * skip :]
            skip = max(0, skip - len(part) // 2)
            if len(held) >= 2 * PIECE * RATE:
                cut = 2 * quietest(held[0::2], held[1::2])
                yield Piece(start, held[0:cut:2], held[1:cut:2])
                start += cut / 2 / RATE
                held = held[cut:]
    except miniaudio.MiniaudioError as error:
        raise SoundError(f"{path.name} cannot be read as sound: {error}") from None
    if held:
        yield Piece(start, held[0::2], held[1::2])


def quietest(left: "array[int]", right: "array[int]") -> int:
    """Where to cut a piece: the middle of its quietest moment, both sides together, near its end."""
    width = round(QUIET * RATE)
    first = max(0, len(left) - round(SEARCHED * RATE))
    at = range(first, max(first + 1, len(left) - width), width)
    found = min(at, key=lambda i: _sum(left[i : i + width]) + _sum(right[i : i + width]))
    return min(found + width // 2, len(left))


def _sum(samples: "array[int]") -> int:
    return sum(map(abs, samples))
