"""A recording's waveform: how loud each side is, a few values a second, kept beside the MP3 for whoever draws it.

The file is `ID.peaks`: two bytes for each twentieth of a second, the outside party's and ours. A value is the greatest
amplitude in that time, 0 for silence and 255 for full scale.
"""

from array import array
from pathlib import Path

from switchhook.media.tones import RATE

PER_SECOND = 20
_FRAMES = RATE // PER_SECOND
_SHIFT = 7  # from 15 bits of amplitude to 8


class Peaks:
    """The waveform of a stereo stream that comes in pieces of any length."""

    def __init__(self) -> None:
        self._rest = array("h")
        self._values = bytearray()

    def add(self, pcm: bytes) -> None:
        """The next samples: 16 bit, interleaved, whole frames."""
        self._rest.frombytes(pcm)
        whole = len(self._rest) // (2 * _FRAMES)
        for number in range(whole):
            self._take(self._rest[number * 2 * _FRAMES : (number + 1) * 2 * _FRAMES])
        del self._rest[: whole * 2 * _FRAMES]

    def _take(self, frames: "array[int]") -> None:
        for side in (frames[0::2], frames[1::2]):
            self._values.append(min(255, abs(max(side, key=abs)) >> _SHIFT))

    def end(self) -> bytes:
        """All values, those of a last and shorter piece included."""
        if self._rest:
            self._take(self._rest)
            self._rest = array("h")
        return bytes(self._values)


def beside(recording: Path) -> Path:
    """Where the waveform of an MP3 lies."""
    return recording.with_suffix(".peaks")


def peaks_key(key: str) -> str:
    """Under which key of an object store the waveform is of the recording under `key`."""
    return key.removesuffix(".mp3") + ".peaks"


def sides(values: bytes) -> tuple[list[int], list[int]]:
    """The values of the outside party and ours, from what is in the file."""
    return list(values[0::2]), list(values[1::2])
