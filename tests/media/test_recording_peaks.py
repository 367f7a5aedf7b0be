"""Waveforms: each side by itself, a value for each twentieth of a second, there whenever the MP3 is."""

import array
import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from switchhook.media.peaks import Peaks, beside, sides
from switchhook.media.recording import Recorder, interleave, to_mp3
from switchhook.media.tones import RATE


def stereo(left: list[int], right: list[int]) -> bytes:
    return interleave(array.array("h", left), array.array("h", right))


def test_the_loudest_moment_of_each_side_counts_whichever_way_it_swings() -> None:
    peaks = Peaks()
    peaks.add(stereo([0, 255, -512, 0] * 100, [32767, -32768, 0, 0] * 100))
    peaks.add(stereo([0, -1] * 200, [-1281] + [0] * 399))
    assert sides(peaks.end()) == ([2, 0], [255, 10])


@given(st.integers(-32768, 32767))
def test_a_value_is_the_amplitude_in_steps_of_two(sample: int) -> None:
    peaks = Peaks()
    peaks.add(stereo([sample] * 400, [0] * 400))
    ((value,), _) = sides(peaks.end())
    assert abs(value - abs(sample) / 128) <= 2


def test_what_is_left_at_the_end_counts_too() -> None:
    peaks = Peaks()
    peaks.add(stereo([256] * 410, [0] * 410))
    assert sides(peaks.end()) == ([2, 2], [0, 0])
    assert sides(Peaks().end()) == ([], [])


@given(
    samples=st.lists(st.integers(-32768, 32767), max_size=2_000),
    cuts=st.lists(st.integers(0, 2_000), max_size=8),
)
def test_it_does_not_matter_in_which_pieces_it_comes(samples: list[int], cuts: list[int]) -> None:
    whole, pieces = Peaks(), Peaks()
    pcm = stereo(samples, samples[::-1])
    whole.add(pcm)
    edges = sorted({0, len(pcm), *(min(4 * cut, len(pcm)) for cut in cuts)})
    for begin, end in itertools.pairwise(edges):
        pieces.add(pcm[begin:end])
    assert pieces.end() == whole.end()


def test_a_finished_recording_has_its_waveform_beside_it(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r.part.wav")
    for frame in range(1, 51):
        recorder.left(array.array("h", [1000] * (RATE // 50)).tobytes(), frame * 0.02)
        recorder.right(array.array("h", [-3000 if frame > 25 else 0] * (RATE // 50)).tobytes(), frame * 0.02)
    recorder.close()
    assert to_mp3(recorder.path, tmp_path / "r.mp3") == 1.0
    left, right = sides(beside(tmp_path / "r.mp3").read_bytes())
    assert left == [6] * 20
    assert right == [0] * 10 + [22] * 10
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.mp3", "r.peaks"]
