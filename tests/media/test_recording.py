"""Recordings: two voices on one clock, whole after a crash."""

import array
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


FRAME = RATE // 50


def heard(lost: set[int], delays: list[int], phase: int, count: int) -> list[int]:
    """The number of the frame at each sample of a track, 0 where there is silence.

    Frame n is whole at 20 + 20 n ms and comes `delays[n]` ms later, in order, the last ones at once; every
    20 ms what has come is laid.
    """
    track, due = Track(), 0
    ticks: dict[int, list[int]] = defaultdict(list)
    for number in range(count):
        due = max(due, 20 + number * 20 + (delays[number % len(delays)] if number < 200 else 0))
        if number not in lost:
            ticks[max(0, -((phase - due) // 20))].append(number + 1)
    for tick, come in ticks.items():
        samples = array.array("h", [number for number in come for _ in range(FRAME)])
        track.lay(samples.tobytes(), (20 * tick + phase) / 1000)
    return list(track.take(track.pending))


@settings(deadline=None)
@given(
    lost=st.sets(st.integers(1, 399), max_size=40),
    delays=st.lists(st.integers(0, 60), min_size=1, max_size=50),
    phase=st.integers(0, 19),
)
def test_what_the_network_has_lost_and_delayed_moves_no_voice(
    lost: set[int], delays: list[int], phase: int
) -> None:
    samples = heard(lost, delays, phase, 450)
    numbers = [number for number, _ in groupby(samples) if number]
    assert numbers == sorted(numbers)
    assert lost.isdisjoint(number - 1 for number in numbers)
    assert len(numbers) >= 450 - len(lost) - 4  # what came too late at first gives way
    assert {450 - number for number in range(10)} <= set(numbers)
    begins = {number: samples.index(number) - (number - 1) * FRAME for number in range(441, 451)}
    assert all(abs(off) <= 2 * FRAME for off in begins.values()), begins


def test_silence_comes_where_the_frame_was_lost() -> None:
    samples = heard({30, 31, 32}, [0], 0, 100)
    assert samples[30 * FRAME : 34 * FRAME] == [0] * 3 * FRAME + [34] * FRAME


def test_who_is_early_gives_up_a_quiet_moment() -> None:
    track = Track()
    track.lay(pcm(1000, 0.02), 0.05)  # the first frame was late by 30 ms
    for frame in range(2, 100):
        track.lay(pcm(0 if frame == 60 else 1000, 0.02), frame * 0.02)
    assert track.end == pytest.approx(99 * FRAME, abs=FRAME)
    assert 0 not in list(track.take(track.pending))[FRAME * 3 :]


def test_a_voice_gives_way_only_when_it_stays_far_ahead() -> None:
    for late, seconds, lost in ((0.05, 1.4, 0), (0.05, 1.7, FRAME), (0.03, 9.0, 0)):
        track = Track()
        track.lay(pcm(1000, 0.02), 0.02 + late)
        for frame in range(2, round(seconds * 50)):
            track.lay(pcm(1000, 0.02), frame * 0.02)
        assert track.end == round((late + 0.02 * (round(seconds * 50) - 1)) * RATE) - lost


def test_what_comes_all_at_once_after_a_standstill_leaves_no_hole() -> None:
    track = Track()
    for at, seconds in ((0.02, 0.02), (0.04, 0.02), (0.36, 0.02), (0.37, 0.31), (0.84, 0.47), (0.86, 0.02)):
        track.lay(pcm(1000, seconds), at)
    assert list(track.take(track.pending)) == [1000] * round(0.86 * RATE)


def test_what_is_not_settled_is_not_written_yet() -> None:
    track = Track()
    for frame in range(1, 11):
        track.lay(pcm(1, 0.02), frame * 0.02)
    assert track.settled == track.pending == 10 * FRAME
    track.lay(pcm(2, 0.02), 0.26)
    assert (track.settled, track.pending) == (10 * FRAME, 11 * FRAME)
