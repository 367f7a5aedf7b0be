"""What somebody else recorded becomes one of ours, each voice on its side."""

import wave
from array import array
from pathlib import Path

import pytest

from switchhook.media.foreign import NotARecording, to_part
from switchhook.media.recording import part_seconds, to_mp3

RATE = 8_000


def a_wav(path: Path, *voices: list[int], rate: int = RATE, width: int = 2) -> Path:
    """A WAV with a channel for each voice."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(voices))
        out.setsampwidth(width)
        out.setframerate(rate)
        if width == 2:
            out.writeframes(
                array("h", [one for frame in zip(*voices, strict=True) for one in frame]).tobytes()
            )
        else:
            out.writeframes(bytes(width * len(voices) * len(voices[0])))
    return path


def sides(part: Path) -> tuple[list[int], list[int]]:
    samples = array("h")
    samples.frombytes(part.read_bytes()[44:])
    return list(samples[0::2]), list(samples[1::2])


FIRST, SECOND = [*range(1, 20_001)], [-one for one in range(1, 20_001)]


@pytest.mark.parametrize(
    ("voices", "how", "left", "right"),
    [
        ((FIRST, SECOND), {}, FIRST, SECOND),
        ((FIRST, SECOND), {"swap": True}, SECOND, FIRST),
        ((FIRST,), {"alone": True}, FIRST, [0] * 20_000),
        ((FIRST,), {}, FIRST, FIRST),
    ],
    ids=["two", "two, ours first", "a message", "mixed"],
)
def test_each_voice_is_on_its_side(
    tmp_path: Path, voices: tuple[list[int], ...], how: dict[str, bool], left: list[int], right: list[int]
) -> None:
    part = tmp_path / "x.part.wav"
    part.write_bytes(b"left by a crash")
    to_part(a_wav(tmp_path / "x.wav", *voices), part, **how)
    assert sides(part) == (left, right)
    assert part_seconds(part) == 2.5
    assert to_mp3(part, tmp_path / "x.mp3") == 2.5
    assert sorted(one.name for one in tmp_path.iterdir() if one.suffix != ".peaks") == ["x.mp3", "x.wav"]


@pytest.mark.parametrize("factor", [2, 6])
def test_what_has_a_higher_rate_is_averaged_down(tmp_path: Path, factor: int) -> None:
    voices = [[one for one in voice for _ in range(factor)] for voice in (FIRST, SECOND)]
    part = tmp_path / "x.part.wav"
    to_part(a_wav(tmp_path / "x.wav", *voices, rate=RATE * factor), part)
    assert sides(part) == (FIRST, SECOND)


@pytest.mark.parametrize("kind", ["text", "empty", "short", "rate", "width", "channels"])
def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.wav"
    match kind:
        case "text":
            path.write_text("<html>")
        case "empty":
            path.write_bytes(b"")
        case "short":
            a_wav(path, FIRST, SECOND)
            path.write_bytes(path.read_bytes()[:30_000])
        case "rate":
            a_wav(path, FIRST, rate=44_100)
        case "width":
            a_wav(path, FIRST, width=1)
        case _:
            a_wav(path, FIRST, FIRST, FIRST)
    with pytest.raises(NotARecording):
        to_part(path, tmp_path / "x.part.wav")
