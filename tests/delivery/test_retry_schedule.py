import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.schedule import (
    DEFAULT_SCHEDULE,
    JITTER_FROM,
    MAX_RETRY_AFTER,
    honour_retry_after,
    next_delay,
    parse_schedule,
)

steps = st.integers(0, 120) | st.integers(0, 86_400)
schedules = st.lists(steps, min_size=1, max_size=20).map(tuple)
jitters = st.floats(0, 1, exclude_max=True)
delays = st.floats(0, 1e6)


def test_the_default_schedule_is_the_published_one() -> None:
    assert [next_delay(DEFAULT_SCHEDULE, made, 0.5) for made in range(9)] == [
        0, 5, 300, 1800, 7200, 18000, 36000, 36000, None,
    ]  # fmt: skip
    assert sum(DEFAULT_SCHEDULE) / 3600 == pytest.approx(27.58, abs=0.01)


def test_only_steps_of_a_minute_and_more_have_jitter() -> None:
    assert [next_delay((0, 5, 59, 60), made, 0.75) for made in range(4)] == [0, 5, 59, pytest.approx(63)]


@given(schedules, jitters)
def test_a_schedule_has_as_many_attempts_as_entries(schedule: tuple[int, ...], jitter: float) -> None:
    made = 0
    while next_delay(schedule, made, jitter) is not None:
        made += 1
    assert made == len(schedule)


@given(schedules, jitters, st.integers(0, 30))
def test_jitter_moves_long_steps_by_a_tenth_at_most_and_short_ones_not_at_all(
    schedule: tuple[int, ...], jitter: float, made: int
) -> None:
    delay = next_delay(schedule, made, jitter)
    if made >= len(schedule):
        assert delay is None
    elif schedule[made] < JITTER_FROM:
        assert delay == schedule[made]
    else:
        assert delay is not None
        assert 0.9 * schedule[made] <= delay + 1e-6
        assert delay <= 1.1 * schedule[made] + 1e-6


@given(st.integers(60, 86_400), jitters, jitters)
def test_jitter_uses_the_whole_range_in_order(step: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    first, second = next_delay((step,), 0, low), next_delay((step,), 0, high)
    assert first is not None
    assert second is not None
    assert first <= second
    assert next_delay((step,), 0, 0.0) == pytest.approx(0.9 * step)
    assert next_delay((step,), 0, 0.999999) == pytest.approx(1.1 * step, rel=1e-4)


@given(delays, st.none() | st.floats(-1e9, 1e9))
def test_honouring_retry_after_only_ever_delays_and_never_beyond_ten_hours(
    delay: float, asked: float | None
) -> None:
    honoured = honour_retry_after(delay, asked)
    assert honoured is not None
    assert honoured >= delay
    assert honoured <= max(delay, MAX_RETRY_AFTER)
    if asked is not None and asked <= MAX_RETRY_AFTER:
        assert honoured >= asked


@given(st.none() | st.floats(0, 1e9))
def test_retry_after_does_not_bring_a_failed_message_back(asked: float | None) -> None:
    assert honour_retry_after(None, asked) is None


@given(st.lists(steps, max_size=20))
def test_a_schedule_reads_as_it_is_written(rest: list[int]) -> None:
    schedule = (0, *rest)
    assert parse_schedule(",".join(map(str, schedule))) == schedule
    assert parse_schedule(" , ".join(map(str, schedule))) == schedule


def test_fractions_of_a_second_are_possible() -> None:
    assert parse_schedule("0,0.5,2") == (0, 0.5, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("0,,5", "Entry 2 .* is ''"),
        ("0,5s", "Entry 2 .* '5s'"),
        ("0,-1", "Entry 2 .* between"),
        ("0,nan", "Entry 2 .* between"),
        ("0,inf", "Entry 2 .* between"),
        ("0,99999999", "between 0 and 2592000"),
        ("5,300", "Write 0,5,300"),
        (",".join(["0"] * 101), "at most 100"),
    ],
)
def test_a_mistake_in_the_schedule_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_schedule(text)


@pytest.mark.parametrize(("made", "jitter"), [(-1, 0.5), (0, 1.0), (0, -0.1), (0, float("nan"))])
def test_impossible_arguments_are_refused(made: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="must"):
        next_delay(DEFAULT_SCHEDULE, made, jitter)
