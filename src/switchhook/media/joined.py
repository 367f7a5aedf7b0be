"""Sound files of others as one recording of ours: each a side, or both at once.

Read are WAV (16-bit PCM, and the G.711 kinds), and the headerless files that Asterisk writes: `sln` with its rates,
`ulaw`, `alaw`. What has another rate is averaged down to ours.
"""

import struct
from array import array
from collections.abc import Iterator, Sequence
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from switchhook.media.recording import Recorder
from switchhook.media.tones import RATE

STEP = RATE // 10  # samples that are laid at once: shorter than what a recorder waits for the other side
_PCM, _ALAW, _ULAW = 1, 6, 7  # formats of WAV
_HEADERLESS = {
    **dict.fromkeys(("sln", "slin", "raw"), (_PCM, RATE)),
    **{f"sln{kilo}": (_PCM, kilo * 1000) for kilo in (16, 24, 32, 48, 96)},
    **dict.fromkeys(("ulaw", "ul", "mu", "pcm"), (_ULAW, RATE)),
    **dict.fromkeys(("alaw", "al"), (_ALAW, RATE)),
}


class Unreadable(ValueError):
    """A file whose sound cannot be read; the text says why."""


class Source(NamedTuple):
    """A file, how it is written, and how many seconds after the first one it began."""

    path: Path
    format: str
    offset: float = 0.0


class _Form(NamedTuple):
    coding: int
    rate: int
    begins: int  # bytes before the sound
    size: int

    @property
    def width(self) -> int:
        """Bytes of a sample."""
        return 2 if self.coding == _PCM else 1


def join(left: Sequence[Source], right: Sequence[Source], target: Path) -> float:
    """Write one stereo recording of both sides; a source may be in both. Its length in seconds.

    Of two sources of one side that overlap, the one that began first is heard.

    Blocking: call it in a thread. `target` is replaced.

    Raises:
        Unreadable: a file is not of a known format.
        OSError: the disk said no.
    """
    forms = {one: _form(one) for one in (*left, *right)}  # before anything is written
    target.unlink(missing_ok=True)
    recorder = Recorder(target)
    try:
        walks: list[Any] = []
        for lay, sources in ((recorder.left, left), (recorder.right, right)):
            taken = 0.0  # seconds, until which somebody is heard who began before
            for source in sorted(sources, key=attrgetter("offset")):
                form = forms[source]
                walks.append([source.offset, taken, lay, _pieces(source, form)])
                taken = max(taken, source.offset + form.size / form.width / form.rate)
        while walks:
            walk = min(walks, key=itemgetter(0))  # whoever is behind: neither is taken for silent
            begins, taken, lay, pieces = walk
            piece = next(pieces, None)
            if piece is None:
                walks.remove(walk)
                continue
            walk[0] = at = begins + len(piece) / 2 / RATE
            lay(piece[2 * max(0, round((taken - begins) * RATE)) :], at)
    finally:
        seconds = recorder.close()
    return seconds


def _form(source: Source) -> _Form:
    size = source.path.stat().st_size
    if source.format not in {"wav", "wav16"}:
        if source.format not in _HEADERLESS:
            raise Unreadable(
                f"files of the format {source.format!r} cannot be read; have them written as wav"
            )
        coding, rate = _HEADERLESS[source.format]
        return _Form(coding, rate, 0, size)
    with source.path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise Unreadable("it is no WAV file")
        coding = channels = rate = bits = 0
        while len(head := file.read(8)) == 8:
            name, length = head[:4], struct.unpack("<I", head[4:])[0]
            if name == b"fmt ":
                coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", file.read(16))
                file.seek(max(0, length - 16) + length % 2, 1)
            elif name == b"data":
                begins = file.tell()
                rest = size - begins  # the length that is written there may be that of a file not closed
                known = (coding, bits) in {(_PCM, 16), (_ALAW, 8), (_ULAW, 8)} and channels == 1
                if not known or not rate or rate % RATE:
                    raise Unreadable(
                        f"a WAV file of coding {coding}, {rate} Hz, {channels} channels, {bits} bit"
                    )
                return _Form(coding, rate, begins, min(length, rest) if length else rest)
            else:
                file.seek(length + length % 2, 1)
    raise Unreadable("a WAV file without sound")


def _pieces(source: Source, form: _Form) -> Iterator[bytes]:
    """The sound in steps, as 16-bit PCM of our rate."""
    factor = form.rate // RATE
    width = form.width
    left = form.size
    with source.path.open("rb") as file:
        file.seek(form.begins)
        while left > 0 and (data := file.read(min(STEP * factor * width, left))):
            left -= len(data)
            if width == 2:
                samples = array("h", data[: len(data) & ~1])
            else:
                samples = array(
                    "h", map((_ULAW_TABLE if form.coding == _ULAW else _ALAW_TABLE).__getitem__, data)
                )
            yield (samples if factor == 1 else averaged(samples, factor)).tobytes()


def averaged(samples: "array[int]", factor: int) -> "array[int]":
    """The mean of every so many samples."""
    whole = len(samples) // factor * factor
    return array("h", [sum(samples[at : at + factor]) // factor for at in range(0, whole, factor)])


def _from_ulaw(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return -value if code & 0x80 else value


def _from_alaw(code: int) -> int:
    code ^= 0x55
    segment, value = (code >> 4) & 7, (code & 0x0F) << 4
    value = value + 8 if segment == 0 else value + 0x108 << segment - 1
    return value if code & 0x80 else -value


_ULAW_TABLE = tuple(_from_ulaw(code) for code in range(256))
_ALAW_TABLE = tuple(_from_alaw(code) for code in range(256))
