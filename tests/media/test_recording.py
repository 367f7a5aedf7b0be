"""Recordings: two voices on one clock, whole after a crash."""

import array
from pathlib import Path

import pytest

from switchhook.media.recording import Recorder, Track, interleave, part_seconds, to_mp3
from switchhook.media.tones import RATE, beep, read_wav, silence, sound, tone


def pcm(value: int, seconds: float) -> bytes:
    return array.array("h", [value] * round(RATE * seconds)).tobytes()


def channels(part: Path) -> tuple[list[int], list[int]]:
    both = array.array("h", part.read_bytes()[44:])
    return list(both[0::2]), list(both[1::2])


def test_a_real_gap_becomes_silence_and_jitter_does_not() -> None:
    track = Track()
    track.lay(pcm(1, 0.02), 0.02)
    track.lay(b"", 0.1)
    track.lay(pcm(2, 0.02), 0.14)  # 100 ms late: jitter
    assert track.end == 320
    track.lay(pcm(3, 0.02), 1.0)
    assert track.end == RATE
    samples = list(track.take(track.pending))
    assert samples[:320] == [1] * 160 + [2] * 160
    assert samples[-161:] == [0] + [3] * 160


def test_both_voices_stay_on_the_clock(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r.part.wav")
    for frame in range(1, 151):  # 3 s; the right voice is heard in the last second only
        recorder.left(pcm(100, 0.02), frame * 0.02)
        recorder.right(pcm(-7, 0.02) if frame > 100 else b"", frame * 0.02)
    assert recorder.close() == pytest.approx(3.0)
    assert recorder.close() == pytest.approx(3.0)
    left, right = channels(recorder.path)
    assert len(left) == len(right) == 3 * RATE
    assert set(left) == {100}
    assert set(right[: 2 * RATE]) == {0}
    assert set(right[2 * RATE :]) == {-7}


def test_what_was_appended_survives_without_a_close(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r.part.wav")
    for frame in range(1, 101):
        recorder.left(pcm(5, 0.02), frame * 0.02)
        recorder.right(pcm(6, 0.02), frame * 0.02)
    assert part_seconds(recorder.path) >= 1.5
    with recorder.path.open("ab") as file:
        file.write(b"\x01")  # the crash came in the middle of a sample
    seconds = to_mp3(recorder.path, tmp_path / "r.mp3")
    assert seconds >= 1.5
    assert (tmp_path / "r.mp3").stat().st_size == pytest.approx(4000 * seconds, rel=0.15)
    assert not recorder.path.exists()
    assert not list(tmp_path.glob("*.tmp"))
    recorder.close()


def test_an_empty_recording_leaves_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r.part.wav")
    recorder.close()
    assert to_mp3(recorder.path, tmp_path / "r.mp3") == 0.0
    assert to_mp3(recorder.path, tmp_path / "r.mp3") == 0.0
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r.part.wav")
    with pytest.raises(FileExistsError):
        Recorder(tmp_path / "r.part.wav")
    recorder.close()


def test_left_and_right_are_not_exchanged() -> None:
    assert (
        interleave(array.array("h", [1, 2]), array.array("h", [3, 4]))
        == array.array("h", [1, 3, 2, 4]).tobytes()
    )


@pytest.mark.parametrize("name", ["voicemail.wav", "demo_caller.wav", "demo_agent.wav"])
def test_the_sounds_that_come_along_can_be_played(name: str) -> None:
    samples = array.array("h", read_wav(sound(name)))
    assert 4 * RATE < len(samples) < 7 * RATE
    assert max(samples) > 8000


def test_tones() -> None:
    assert len(tone(1000, 0.5)) == len(silence(0.5)) == RATE
    assert not any(silence(0.1))
    assert 0.28 < max(array.array("h", tone(1000, 0.5))) / 32767 <= 0.3
    assert len(beep()) == 2 * round(RATE * 0.7)


def test_a_file_that_cannot_be_played_says_why(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFFnothing")
    with pytest.raises(ValueError, match="not a WAV file"):
        read_wav(tmp_path / "x.wav")
