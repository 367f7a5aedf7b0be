"""Sound files of others become one stereo recording, whatever they are written in and whenever each began."""

import math
import struct
from array import array
from pathlib import Path

import pytest

from switchhook.media.joined import Source, Unreadable, join
from switchhook.media.tones import RATE, tone

LOUD = 0.5


def wav(
    pcm: bytes, rate: int = RATE, coding: int = 1, *, claimed: int | None = None, extra: bytes = b""
) -> bytes:
    bits = 16 if coding == 1 else 8
    size = len(pcm) if claimed is None else claimed
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, coding, 1, rate, rate * bits // 8, bits // 8, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVE"
        + extra
        + form
        + b"data"
        + struct.pack("<I", size)
        + pcm
    )


def voices(path: Path) -> tuple[list[float], list[float]]:
    """How loud each side is, for each tenth of a second, in parts of full scale."""
    both = array("h", path.read_bytes()[44:])
    return tuple(  # type: ignore[return-value]
        [
            max(map(abs, side[at : at + RATE // 10])) / 32767
            for at in range(0, len(side) // (RATE // 10) * (RATE // 10), RATE // 10)
        ]
        for side in (both[0::2], both[1::2])
    )


def upsampled(pcm: bytes, factor: int) -> bytes:
    return array("h", [one for one in array("h", pcm) for _ in range(factor)]).tobytes()


SOUND = tone(400, 1.0, level=LOUD)
# The codes of a G.711 tone were written down from ITU-T G.711: silence, the quietest, the loudest, and their negatives.
ULAW = {0xFF: 0, 0x7F: 0, 0xFE: 8, 0x7E: -8, 0x80: 32124, 0x00: -32124, 0xEF: 132}
ALAW = {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0x80: 5504}


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        ("wav", wav(SOUND)),
        ("wav", wav(SOUND, claimed=0)),
        ("wav", wav(SOUND, claimed=10**9)),
        ("wav", wav(SOUND, extra=b"LIST" + struct.pack("<I", 3) + b"abc\0")),
        ("wav16", wav(upsampled(SOUND, 2), 16_000)),
        ("sln", SOUND),
        ("sln16", upsampled(SOUND, 2)),
        ("sln48", upsampled(SOUND, 6)),
    ],
)
def test_a_side_is_heard_as_it_was_written(tmp_path: Path, format_: str, content: bytes) -> None:
    file, target = tmp_path / "in", tmp_path / "out.wav"
    file.write_bytes(content)
    assert join([Source(file, format_)], [], target) == 1.0
    left, right = voices(target)
    assert all(abs(one - LOUD) < 0.02 for one in left)
    assert not any(right)


@pytest.mark.parametrize(("format_", "codes"), [("ulaw", ULAW), ("alaw", ALAW)])
def test_the_kinds_of_g711_are_read(tmp_path: Path, format_: str, codes: dict[int, int]) -> None:
    target = tmp_path / "out.wav"
    for name, content in (
        ("a", bytes(codes)),
        ("b", wav(bytes(codes), coding=7 if format_ == "ulaw" else 6)),
    ):
        (tmp_path / name).write_bytes(content)
        join([], [Source(tmp_path / name, format_ if name == "a" else "wav")], target)
        assert list(array("h", target.read_bytes()[44:])[1::2]) == list(codes.values())


def test_each_side_begins_when_it_did(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(wav(SOUND))
    target = tmp_path / "out.wav"
    target.write_bytes(b"half of an earlier one")
    assert join([Source(tmp_path / "a", "wav", 0.5)], [Source(tmp_path / "b", "wav")], target) == 1.5
    left, right = voices(target)
    assert [one > 0.1 for one in left] == [False] * 5 + [True] * 10
    assert [one > 0.1 for one in right] == [True] * 10 + [False] * 5


def test_of_two_files_of_a_side_the_first_is_heard_and_the_second_after_it(tmp_path: Path) -> None:
    """Somebody is handed over: who comes is recorded by himself, and both talk for a moment."""
    (tmp_path / "a").write_bytes(wav(tone(400, 1.0, level=0.8)))
    (tmp_path / "b").write_bytes(wav(tone(400, 1.0, level=0.2)))
    first, second = Source(tmp_path / "a", "wav"), Source(tmp_path / "b", "wav", 0.75)
    assert join([], [second, first], tmp_path / "out.wav") == 1.75
    _, right = voices(tmp_path / "out.wav")
    assert [one > 0.5 for one in right] == [True] * 10 + [False] * 7
    assert all(0.15 < one < 0.25 for one in right[10:])


def test_one_file_for_both_sides_is_heard_on_both(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(wav(SOUND))
    both = Source(tmp_path / "a", "wav")
    join([both], [both], tmp_path / "out.wav")
    left, right = voices(tmp_path / "out.wav")
    assert left == right
    assert math.isclose(max(left), LOUD, abs_tol=0.02)


@pytest.mark.parametrize(
    ("format_", "content", "why"),
    [
        ("gsm", b"x" * 33, "'gsm' cannot be read"),
        ("wav", b"", "no WAV file"),
        ("wav", b"<html>this is no sound</html>", "no WAV file"),
        ("wav", b"RIFF\0\0\0\0WAVE", "without sound"),
        ("wav", wav(SOUND, 11_025), "11025 Hz"),
        ("wav", wav(SOUND, coding=49), "coding 49"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, format_: str, content: bytes, why: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(Unreadable, match=why):
        join([Source(tmp_path / "a", format_)], [], tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()
