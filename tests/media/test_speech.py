"""Texts that are said, and sound at another rate."""

import math
import sys
from array import array
from itertools import pairwise
from pathlib import Path

import pytest

from switchhook.media.speech import SpeechError, find_speaker, resample, speak
from switchhook.media.tones import read_wav

SAYS = """
import math, sys, wave
text = sys.stdin.read()
with open("said", "a") as log: log.write(text + "\\n")
with wave.open(sys.stdout.buffer, "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(22050)
    samples = (round(9000 * math.sin(i * 0.2)) for i in range(len(text) * 2205))
    file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
"""


def sine(hertz: float, rate: int, seconds: float = 0.25) -> "array[int]":
    return array(
        "h", (round(8000 * math.sin(math.tau * hertz * i / rate)) for i in range(int(rate * seconds)))
    )


def loudness(samples: "array[int]") -> float:
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return math.sqrt(sum(s * s for s in middle) / len(middle))


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_sound_at_another_rate_is_the_same_sound(rate: int) -> None:
    low = resample(sine(440, rate), rate)
    assert abs(len(low) - 2000) <= 1
    assert loudness(low) == pytest.approx(8000 / math.sqrt(2), rel=0.03)
    crossings = sum(a < 0 <= b for a, b in pairwise(low))
    assert abs(crossings - 110) <= 1


@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_what_a_telephone_cannot_carry_is_gone_and_not_folded_down(rate: int) -> None:
    assert loudness(resample(sine(5000, rate), rate)) < 80


def test_a_text_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "says.py").write_text(SAYS)
    command = f"{sys.executable} says.py"
    first = speak(tmp_path / "spoken", command, "Hello")
    assert speak(tmp_path / "spoken", command, "Hello") == first
    assert (tmp_path / "said").read_text() == "Hello\n"
    assert len(read_wav(first)) == pytest.approx(2 * 8000 * 0.5, abs=4)
    other = speak(tmp_path / "spoken", f"{command} ", "Hello")
    assert other != first  # another command says it otherwise


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; sys.exit('no such voice')", "ended with status 1: no such voice"),
        ("print('hello')", "wrote no WAV file"),
        ("", "wrote no WAV file"),
    ],
)
def test_a_speaker_that_fails_is_told(tmp_path: Path, script: str, says: str) -> None:
    (tmp_path / "says.py").write_text(script)
    with pytest.raises(SpeechError, match=says):
        speak(tmp_path / "spoken", f"{sys.executable} {tmp_path}/says.py", "Hello")
    assert not list(tmp_path.glob("spoken/*"))


@pytest.mark.parametrize("command", ["", "no-such-program-here -v fr", "'"])
def test_a_program_that_is_not_there_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"install it|cannot be read"):
        find_speaker(command)
