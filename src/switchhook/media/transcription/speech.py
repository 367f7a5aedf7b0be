"""What engines hear, made into the lines of a transcript. Pure; times are seconds.

An engine hears one side at a time and says what it is sure of: what it makes up in silence, and what it repeats
without end, is left out here. A segment with a pause in it becomes several lines, so that the answer of the
other side stands where it was given.
"""

import math
from array import array
from collections.abc import Iterable

import msgspec

from switchhook.events.payloads import Speaker

RATE = 16_000  # samples a second, of what engines are given
PAUSE = 0.8  # between two words of one line
QUIET = -55.0  # dB below full scale, on average over a segment: nobody spoke
REPETITIVE = 2.4  # how far a text can be compressed; people do not reach this
UNSURE = -1.0  # average log-probability of the words
NO_SPEECH = 0.6  # probability that there was none
BELOW = 20.0  # dB: how much quieter than a line the pause in front of it is
BACK, AHEAD = 0.9, 0.6  # seconds by which an engine is wrong about the beginning of a line, at most
SILENT, STEP = 0.1, 0.02


class Word(msgspec.Struct, frozen=True):
    """A word, with the blanks around it."""

    start: float
    end: float
    text: str


class Segment(msgspec.Struct, frozen=True):
    """What an engine has heard in one go. Figures that it does not give are those of a sure one."""

    start: float
    end: float
    text: str
    no_speech: float = 0.0
    log_probability: float = 0.0
    compression: float = 1.0
    words: tuple[Word, ...] = ()


class Line(msgspec.Struct, frozen=True):
    """What one side said without a pause."""

    start: float
    text: str
    end: float = 0.0


class Said(msgspec.Struct, frozen=True):
    """A line, and who said it; `start` counts from the beginning of the recording."""

    source: Speaker
    start: float
    text: str


def level(samples: "array[int]", start: float = 0.0, end: float = math.inf) -> float:
    """How loud a part of 16-bit sound is, in dB below full scale; no sound at all is -inf."""
    part = samples[round(start * RATE) : round(min(end, len(samples) / RATE) * RATE)]
    power = math.fsum(sample * sample for sample in part) / len(part) if part else 0.0
    return 10 * math.log10(power / 32768**2) if power else -math.inf


def is_believable(segment: Segment, loudness: float) -> bool:
    """Whether a segment is what somebody said, and not what an engine makes of silence or of noise."""
    if loudness < QUIET or not any(letter.isalnum() for letter in segment.text):
        return False
    if segment.compression > REPETITIVE:
        return False
    return not (segment.no_speech > NO_SPEECH and segment.log_probability < UNSURE)


def lines_of(segment: Segment) -> list[Line]:
    """The lines of a segment: one, or several with pauses between them."""
    if not segment.words:
        return [Line(segment.start, _tidy(segment.text), segment.end)]
    spoken: list[list[Word]] = [[segment.words[0]]]
    for word in segment.words[1:]:
        if word.start - spoken[-1][-1].end > PAUSE:
            spoken.append([])
        spoken[-1].append(word)
    made = [
        Line(words[0].start, _tidy("".join(word.text for word in words)), words[-1].end) for words in spoken
    ]
    return [line for line in made if line.text]


def timed(lines: Iterable[Line], samples: "array[int]") -> list[Line]:
    """The lines of one side with the beginnings that its sound has, where those can be told."""
    made: list[Line] = []
    free = 0.0  # from here on nothing is another line's
    for line in lines:
        made.append(Line(_onset(samples, line, free), line.text, line.end))
        free = max(free, line.end)
    return made


def _onset(samples: "array[int]", line: Line, free: float) -> float:
    floor = level(samples, line.start, max(line.end, line.start + 1.0)) - BELOW
    if level(samples, line.start, line.start + 2 * STEP) < floor:  # in the pause in front of it
        ahead = (line.start + STEP * n for n in range(round(AHEAD / STEP)))
        return next((at for at in ahead if level(samples, at, at + STEP) >= floor), line.start)
    back = (line.start - STEP * n for n in range(round(BACK / STEP)))
    for at in back:
        if at - SILENT < free:
            break
        if level(samples, at - SILENT, at) < floor:
            return at
    return line.start


def merged(sides: Iterable[tuple[Speaker, Iterable[Line]]]) -> tuple[Said, ...]:
    """The lines of both sides in the order of time."""
    said = [Said(side, round(line.start, 3), line.text) for side, lines in sides for line in lines]
    return tuple(sorted(said, key=lambda one: (one.start, one.source)))


def _tidy(text: str) -> str:
    return " ".join(text.split())
