"""A recording that somebody else made, as one of ours: 16-bit WAV in, a stereo WAV with the outside party left out."""

import os
import wave
from array import array
from pathlib import Path

from switchhook.media.recording import interleave, wav_header
from switchhook.media.tones import RATE


class NotARecording(Exception):
    """The file is none that can be used; the text says why."""


def to_part(source: Path, part: Path, *, swap: bool = False, alone: bool = False) -> None:
    """Rewrite the WAV `source` as a recording in progress, which `to_mp3` finishes.

    Of two channels the first is the outside party's, with `swap` the second. One channel is the outside party's when it
    was `alone`; else both were mixed, and are heard on either side. Blocking: call it in a thread.

    Raises:
        NotARecording: no such WAV, another rate than ours, or it breaks off.
        OSError: the disk said no.
    """
    try:
        with wave.open(str(source), "rb") as wav:
            if (wav.getsampwidth(), wav.getframerate()) != (2, RATE) or wav.getnchannels() not in (1, 2):
                raise NotARecording(
                    f"{wav.getnchannels()} channels of {8 * wav.getsampwidth()} bits at {wav.getframerate()} Hz"
                )
            _copy(wav, part, swap, alone)
    except (wave.Error, EOFError) as error:
        raise NotARecording(str(error) or "it breaks off") from None


def _copy(wav: wave.Wave_read, part: Path, swap: bool, alone: bool) -> None:
    left = wav.getnframes()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(wav_header())
        while left > 0:
            piece = wav.readframes(min(left, RATE))
            if not piece:
                raise NotARecording("it breaks off")
            samples = array("h")
            samples.frombytes(piece)
            if wav.getnchannels() == 2:
                first, second = samples[0::2], samples[1::2]
            else:
                first, second = samples, array("h", bytes(2 * len(samples))) if alone else samples
            out.write(interleave(second, first) if swap else interleave(first, second))
            left -= len(first)
        out.flush()
        os.fdatasync(out.fileno())
