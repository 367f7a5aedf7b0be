"""A recording's waveform: how loud each side is, a few values a second, kept beside the MP3 for whoever draws it.

The file is `ID.peaks`: two bytes for each twentieth of a second, the outside party's and ours. A value is the greatest
amplitude in that time, from 0 for silence to 255 for full scale, in steps of two.

Only the upper byte of a sample is looked at: that is a fifteenth of the work, which is done while others talk.
"""

from pathlib import Path

from switchhook.media.tones import RATE

PER_SECOND = 20
_FRAMES = RATE // PER_SECOND
# From the upper byte of a sample to how loud it is.
_LOUDNESS = bytes(
    [*(2 * high for high in range(127)), 255, 255, *(2 * high for high in reversed(range(127)))]
)


class Peaks:
    """The waveform of a stereo stream that comes in pieces of any length."""

    def __init__(self) -> None:
        self._rest = b""
        self._values = bytearray()

    def add(self, pcm: bytes) -> None:
        """The next samples: 16 bit, little-endian, interleaved, whole frames."""
        loud = self._rest + pcm[1::2].translate(_LOUDNESS)
        whole = len(loud) // (2 * _FRAMES)
        for number in range(whole):
            self._take(loud[number * 2 * _FRAMES : (number + 1) * 2 * _FRAMES])
        self._rest = loud[whole * 2 * _FRAMES :]

    def _take(self, loud: bytes) -> None:
        self._values += bytes((max(loud[0::2]), max(loud[1::2])))

    def end(self) -> bytes:
        """All values, those of a last and shorter piece included."""
        if self._rest:
            self._take(self._rest)
            self._rest = b""
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
