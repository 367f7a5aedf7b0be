"""Sounds as 16-bit mono PCM at telephone rate: made tones, and WAV files read from disk."""

import math
import wave
from array import array
from importlib.resources import files
from pathlib import Path

RATE = 8000
"""Samples a second of all telephone audio in Switchhook (G.711)."""


def sound(name: str) -> Path:
    """Where a sound that comes with Switchhook lies, for instance `voicemail.wav`."""
    return Path(str(files("switchhook.media") / "sounds" / name))


def tone(hertz: float, seconds: float, *, level: float = 0.3) -> bytes:
    """A sine of that frequency and length, `level` of full scale, with soft edges (a hard one clicks)."""
    count = int(seconds * RATE)
    edge = max(1, min(count // 2, RATE // 200))
    step = 2 * math.pi * hertz / RATE
    samples = array("h")
    for i in range(count):
        envelope = min(1.0, i / edge, (count - 1 - i) / edge)
        samples.append(round(32767 * level * envelope * math.sin(step * i)))
    return samples.tobytes()


def silence(seconds: float) -> bytes:
    """That many seconds of nothing."""
    return bytes(2 * int(seconds * RATE))


def beep() -> bytes:
    """The tone after which a caller speaks to the mailbox."""
    return silence(0.2) + tone(1000, 0.4) + silence(0.1)


def ringback() -> bytes:
    """What a caller hears while it rings, once: 1.5 seconds of tone, 3.5 of silence (as in France)."""
    return tone(440, 1.5, level=0.15) + silence(3.5)


def read_wav(path: Path) -> bytes:
    """The samples of a WAV file, which must be 8 kHz, mono, 16 bit.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file; the message says what it is instead.
    """
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            if form != (RATE, 1, 2):
                raise ValueError(
                    f"{path}: wanted 8000 Hz, mono, 16 bit; got {form[0]} Hz, {form[1]} ch, {8 * form[2]} bit"
                )
            return file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path}: not a WAV file that can be played ({error})") from None
