"""Tones to be said, and what is missing of them in a recording."""

import math
import wave
from array import array
from pathlib import Path
from typing import NamedTuple

import av

from bench.calls.speech import RATE

FRAME = RATE // 50  # samples of 20 ms


class Heard(NamedTuple):
    """A recording: how long both of its sides were heard, and how many of their frames are missing."""

    seconds: float
    missing: int


def tone(place: Path, hertz: float, seconds: float) -> Path:
    """A WAV file with a tone."""
    path = place / f"{hertz:g}.wav"
    count = int(seconds * RATE)
    samples = array("h", (round(8000 * math.sin(math.tau * hertz * i / RATE)) for i in range(count)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return path


def holes(path: Path) -> Heard:
    """Look at the stretch in which both sides are heard: what is silent in it is missing."""
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="s16p", layout="stereo", rate=RATE)
        sides: tuple[array[int], array[int]] = (array("h"), array("h"))
        for frame in file.decode(audio=0):
            for piece in resampler.resample(frame):
                for side, plane in zip(sides, piece.to_ndarray(), strict=True):
                    side.frombytes(plane.tobytes())
    loud = [
        [_power(side[at : at + FRAME]) > 1000 for at in range(0, len(side) - FRAME, FRAME)] for side in sides
    ]
    begins = max(side.index(True) for side in loud) + 1
    ends = min(len(side) - side[::-1].index(True) for side in loud) - 1
    missing = sum(not frame for side in loud for frame in side[begins:ends])
    return Heard((ends - begins) / 50, missing)


def _power(samples: "array[int]") -> float:
    return math.sqrt(sum(value * value for value in samples) / len(samples))
