"""Text as speech: said by a program of the user's choice, kept as a telephone WAV file.

The program reads the text from its standard input and writes a WAV file to its standard output, as
`espeak-ng --stdout` does.
"""

import hashlib
import io
import math
import shlex
import shutil
import subprocess
import wave
from array import array
from functools import cache
from operator import mul
from pathlib import Path

from switchhook.media.tones import RATE

SECONDS = 60.0  # that a text may take to be said
_LOBES = 12  # of the filter, on each side: what would be heard as a hiss above 4 kHz is gone


class SpeechError(Exception):
    """The text could not be said; why, for the operator."""


def find_speaker(command: str) -> list[str]:
    """The words of the command.

    Raises:
        ValueError: there is no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"{command!r} cannot be read as a command ({error})") from None
    if not words or shutil.which(words[0]) is None:
        raise ValueError(
            f"there is no program {words[0] if words else command!r}; install it (espeak-ng is in most "
            'distributions: "espeak-ng -v en --stdout"), or name another one'
        )
    return words


def spoken_file(folder: Path, command: str, text: str) -> Path:
    """Where a text that is said by that command is kept."""
    name = hashlib.sha256(f"{command}\0{text}".encode()).hexdigest()[:32]
    return folder / f"{name}.wav"


def speak(folder: Path, command: str, text: str) -> Path:
    """Say a text, unless it has been said before; the file that it is in (8 kHz, mono, 16 bit).

    Raises:
        SpeechError: the program failed, or what it wrote is no sound.
    """
    target = spoken_file(folder, command, text)
    if target.exists():
        return target
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            find_speaker(command), input=text.encode(), capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SpeechError(f"{command!r}: {error}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-200:]
        raise SpeechError(f"{command!r} ended with status {done.returncode}: {said or 'it said nothing'}")
    try:
        samples = telephone_sound(done.stdout)
    except ValueError as error:
        raise SpeechError(f"{command!r} wrote {error}") from None
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    part.replace(target)
    return target


def telephone_sound(data: bytes) -> "array[int]":
    """The sound of a WAV file (16 bit, mono or the left side of stereo, any rate) at telephone rate.

    Raises:
        ValueError: it is none; the message says what it is, as in "wrote …".
    """
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"no WAV file ({error})") from None
    if width != 2 or not 1 <= channels <= 2 or not 4000 <= rate <= 96_000:
        raise ValueError(
            f"{rate} Hz, {channels} ch, {8 * width} bit; wanted 16 bit, mono or stereo, 4 to 96 kHz"
        )
    samples = array("h", raw[: len(raw) // (2 * channels) * 2 * channels])
    if not samples:
        raise ValueError("no sound")
    return resample(samples[::channels], rate)


def resample(samples: "array[int]", rate: int) -> "array[int]":
    """The same sound at telephone rate."""
    if rate == RATE:
        return samples
    common = math.gcd(rate, RATE)
    step, phases = rate // common, RATE // common
    kernels, reach = _kernels(step, phases)
    padded = array("h", bytes(2 * reach)) + samples + array("h", bytes(2 * (reach + 1)))
    found = array("h")
    for i in range(len(samples) * RATE // rate):
        at, phase = divmod(i * step, phases)
        value = sum(map(mul, kernels[phase], padded[at : at + 2 * reach + 1]))
        found.append(max(-32768, min(32767, round(value))))
    return found


@cache
def _kernels(step: int, phases: int) -> tuple[list[list[float]], int]:
    """Windowed sines over x, one for each place between two samples that is asked for, and their reach in samples."""
    cut = min(1.0, phases / step) * 0.94  # a little below what the lower of the two rates can carry
    reach = math.ceil(_LOBES / cut)
    kernels = []
    for phase in range(phases):
        kernel = []
        for i in range(-reach, reach + 1):
            x = i - phase / phases
            window = 0.5 + 0.5 * math.cos(math.pi * x / (reach + 1)) if abs(x) <= reach + 1 else 0.0
            wave_at = cut if x == 0 else math.sin(math.pi * cut * x) / (math.pi * x)
            kernel.append(wave_at * window)
        total = sum(kernel)
        kernels.append([value / total for value in kernel])
    return kernels, reach
