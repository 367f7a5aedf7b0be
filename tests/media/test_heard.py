"""What engines hear, made into lines: what is left out, where lines end, and whose they are."""

import math
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events.payloads import Speaker
from switchhook.media.transcription.speech import (
    AHEAD,
    BACK,
    RATE,
    Line,
    Said,
    Segment,
    Word,
    is_believable,
    level,
    lines_of,
    merged,
    timed,
)

SURE = {"no_speech": 0.05, "log_probability": -0.2, "compression": 1.1}


@pytest.mark.parametrize(
    ("text", "loudness", "figures", "believed"),
    [
        ("Let me look.", -30, SURE, True),
        ("Thank you.", -70, SURE, False),
        ("Thank you.", -math.inf, SURE, False),
        (" . . .", -30, SURE, False),
        ("So so so so so so.", -30, {**SURE, "compression": 3.0}, False),
        ("Thanks for watching.", -30, {**SURE, "no_speech": 0.9, "log_probability": -1.2}, False),
        ("Mumbled, but said.", -30, {**SURE, "log_probability": -1.2}, True),
        ("Said over noise.", -30, {**SURE, "no_speech": 0.9}, True),
    ],
)
def test_what_is_made_up_is_left_out(
    text: str, loudness: float, figures: dict[str, Any], believed: bool
) -> None:
    assert is_believable(Segment(0, 1, text, **figures), loudness) is believed


def words(*said: tuple[float, float, str]) -> Segment:
    made = tuple(Word(start, end, text) for start, end, text in said)
    return Segment(0.0, 9.0, "".join(text for *_, text in said), words=made)


def test_a_pause_begins_a_line() -> None:
    heard = words((0.5, 0.9, " Good"), (0.9, 1.3, " day."), (4.0, 4.4, " Yes,"), (4.9, 5.2, " please."))
    assert lines_of(heard) == [Line(0.5, "Good day.", 1.3), Line(4.0, "Yes, please.", 5.2)]


def test_without_words_a_segment_is_a_line() -> None:
    assert lines_of(Segment(1.5, 3.0, "  Good   day. ")) == [Line(1.5, "Good day.", 3.0)]


def test_both_sides_are_put_in_the_order_of_time() -> None:
    ours = [Line(3.0, "Support."), Line(9.0, "Done.")]
    theirs = [Line(1.0, "Hello?"), Line(5.0, "My bill.")]
    assert [(one.source, one.text) for one in merged([(Speaker.USER, ours), (Speaker.EXTERNAL, theirs)])] == [
        (Speaker.EXTERNAL, "Hello?"),
        (Speaker.USER, "Support."),
        (Speaker.EXTERNAL, "My bill."),
        (Speaker.USER, "Done."),
    ]


LINES = st.lists(st.builds(Line, st.floats(0, 1e4), st.text(min_size=1, max_size=9)), max_size=9)


@given(LINES, LINES)
def test_no_line_is_lost_doubled_or_given_to_the_other_side(theirs: list[Line], ours: list[Line]) -> None:
    made = merged([(Speaker.EXTERNAL, theirs), (Speaker.USER, ours)])
    for side, lines in ((Speaker.EXTERNAL, theirs), (Speaker.USER, ours)):
        assert sorted(one.text for one in made if one.source is side) == sorted(line.text for line in lines)
    assert [one.start for one in made] == sorted(one.start for one in made)
    assert merged([(Speaker.USER, ours), (Speaker.EXTERNAL, theirs)]) == made or len(
        {(one.start, one.source) for one in made}
    ) < len(made)


def test_the_level_of_sound() -> None:
    loud = array("h", [32767, -32768] * RATE)
    assert level(loud) == pytest.approx(0, abs=0.01)
    assert level(array("h", [327, -327] * RATE)) == pytest.approx(-40, abs=0.1)
    assert level(array("h")) == level(array("h", bytes(2 * RATE))) == -math.inf
    half = array("h", bytes(2 * RATE)) + loud
    assert level(half, 0, 1) == -math.inf
    assert level(half, 1, 99) == pytest.approx(0, abs=0.01)
    assert Said(Speaker.USER, 0, "x").source == "USER"


def spoken(*parts: tuple[float, int]) -> "array[int]":
    """Seconds of sound, each so loud."""
    made = array("h")
    for seconds, height in parts:
        made += array("h", ([height] * 20 + [-height] * 20) * round(seconds * RATE / 40))
    return made


CALL = spoken((3.0, 0), (2.0, 3_000), (1.0, 0), (2.0, 3_000), (1.0, 0))


@pytest.mark.parametrize(
    ("heard", "begins"),
    [(3.0, 3.0), (2.6, 3.0), (3.7, 3.0), (2.0, 2.0), (4.5, 4.5)],
    ids=["right", "early", "late", "much too early", "much too late"],
)
def test_a_line_begins_where_its_sound_does(heard: float, begins: float) -> None:
    (line,) = timed([Line(heard, "Hello.", 5.0)], CALL)
    assert line.start == pytest.approx(begins, abs=0.03)


def test_over_noise_a_line_begins_where_the_engine_says() -> None:
    noisy = spoken((3.0, 1_000), (2.0, 3_000), (1.0, 1_000))
    (line,) = timed([Line(3.4, "Hello.", 5.0)], noisy)
    assert line.start == 3.4


def test_a_line_does_not_reach_into_the_one_before() -> None:
    first, second = timed([Line(3.0, "One.", 3.6), Line(3.8, "Two.", 5.0)], CALL)
    assert first.start == pytest.approx(3.0, abs=0.03)
    assert second.start == 3.8


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 3)), max_size=4))
def test_moving_a_beginning_moves_it_little_and_changes_nothing_else(
    marks: list[tuple[float, float]],
) -> None:
    lines = [Line(start, str(n), start + length) for n, (start, length) in enumerate(sorted(marks))]
    made = timed(lines, CALL)
    assert [(line.text, line.end) for line in made] == [(line.text, line.end) for line in lines]
    assert all(-BACK <= new.start - old.start <= AHEAD for new, old in zip(made, lines, strict=True))
