"""A recording that somebody else made, as one of ours: 16-bit WAV in, a stereo WAV with the outside party left out."""

import os
import wave
from array import array
from pathlib import Path

from switchhook.media.joined import averaged
from switchhook.media.recording import interleave, wav_header
from switchhook.media.tones import RATE


class NotARecording(Exception):
    """The file is none that can be used; the text says why."""


def to_part(source: Path, part: Path, *, swap: bool = False, alone: bool = False) -> int:
    """Rewrite the WAV `source` as a recording in progress, which `to_mp3` finishes; how many channels it had.

    Of two channels the first is the outside party's, with `swap` the second. One channel is the outside party's when it
    was `alone`; else both were mixed, and are heard on either side. What has a multiple of our rate is averaged down to
    it. Blocking: call it in a thread.

    Raises:
        NotARecording: no such WAV, a rate that is no multiple of ours, or it breaks off.
        OSError: the disk said no.
    """
    try:
        with wave.open(str(source), "rb") as wav:
            rate = wav.getframerate()
            if wav.getsampwidth() != 2 or not rate or rate % RATE or wav.getnchannels() not in (1, 2):
                raise NotARecording(
                    f"{wav.getnchannels()} channels of {8 * wav.getsampwidth()} bits at {rate} Hz"
                )
            _copy(wav, part, swap, alone)
            return wav.getnchannels()
    except (wave.Error, EOFError) as error:
        raise NotARecording(str(error) or "it breaks off") from None


def _copy(wav: wave.Wave_read, part: Path, swap: bool, alone: bool) -> None:
    left, factor = wav.getnframes(), wav.getframerate() // RATE
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(wav_header())
        while left > 0:
            piece = wav.readframes(min(left, RATE * factor))
            if not piece:
                raise NotARecording("it breaks off")
            samples = array("h")
            samples.frombytes(piece)
            if wav.getnchannels() == 2:
                first, second = samples[0::2], samples[1::2]
            else:
                first, second = samples, array("h", bytes(2 * len(samples))) if alone else samples
            left -= len(first)
            if factor > 1:
                first, second = averaged(first, factor), averaged(second, factor)
            out.write(interleave(second, first) if swap else interleave(first, second))
        out.flush()
        os.fdatasync(out.fileno())
