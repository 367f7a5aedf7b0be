"""The breaker's rule, as a table and as laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.breaker import (
    CLOCK_MS,
    HEALTHY,
    SPREAD_MS,
    WINDOW_MS,
    Health,
    Seen,
    Verdict,
    after_failure,
    after_success,
    follow,
    worth_saving,
)

HOUR = 3_600_000


def run(*hours: float) -> tuple[Health, list[float]]:
    """The health after failures at these hours, and the hours at which it said disable."""
    health, disabled = HEALTHY, []
    for hour in hours:
        health, verdict = after_failure(health, int(hour * HOUR))
        if verdict is Verdict.DISABLE:
            disabled.append(hour)
    return health, disabled


@pytest.mark.parametrize(
    ("hours", "clock"),
    [
        ((0,), None),
        ((0, 1, 2, 11.9), None),
        ((0, 12), 12),
        ((0, 5, 13), 13),
        ((0, 25), None),  # nothing within 24 hours
        ((0, 25, 36), None),  # 11 hours apart
        ((0, 25, 37), 37),
        ((0, 11, 24.5), 24.5),  # 24.5 after 0 is out of the window, after 11 it is 13.5
        ((0, 20, 40), 20),
        ((0, 12, 200), 12),  # once started, the clock does not begin again
    ],
)
def test_failures_at_least_twelve_hours_apart_within_a_day_start_the_clock(
    hours: tuple[float, ...], clock: float | None
) -> None:
    assert run(*hours)[0].clock == (None if clock is None else int(clock * HOUR))


def test_the_endpoint_is_disabled_by_the_first_failure_five_days_after_the_clock_began() -> None:
    assert run(0, 12, 100, 131.9)[1] == []
    assert run(0, 12, 132) == (Health(0, 132 * HOUR, 12 * HOUR), [132])


def test_any_success_clears_everything() -> None:
    assert after_success() == Health(None, None, None)


def test_a_wall_clock_set_back_makes_no_time_pass() -> None:
    health, _ = run(0, 12)
    again, verdict = after_failure(health, -(10**9))
    assert (again, verdict) == (health, Verdict.NOTHING)


@given(st.lists(st.integers(0, 20 * 24), min_size=1, max_size=60).map(sorted))
def test_nobody_is_disabled_within_five_days_and_half_of_the_first_failure(hours: list[int]) -> None:
    _, disabled = run(*hours)
    assert all((hour - hours[0]) * HOUR >= SPREAD_MS + CLOCK_MS for hour in disabled)


@given(st.lists(st.integers(0, 3 * 24 * 60), min_size=2, max_size=60).map(sorted))
def test_the_clock_starts_only_with_two_failures_that_spread_enough(minutes: list[int]) -> None:
    health, _ = run(*(minute / 60 for minute in minutes))
    pairs = [(a, b) for a in minutes for b in minutes if SPREAD_MS <= (b - a) * 60_000 <= WINDOW_MS]
    if health.clock is not None:
        assert pairs


def test_a_last_failure_that_moved_a_little_is_not_written() -> None:
    assert worth_saving(HEALTHY, Health(1, 1, None))
    assert not worth_saving(Health(1, 1, None), Health(1, 1 + 599_999, None))
    assert worth_saving(Health(1, 1, None), Health(1, 1 + 600_000, None))
    assert worth_saving(Health(1, 1, None), Health(1, 1, 1))
    assert worth_saving(Health(1, 1, 1), HEALTHY)


@pytest.mark.parametrize(
    ("before", "seen", "after", "recovered"),
    [
        (HEALTHY, [], HEALTHY, None),
        (HEALTHY, [(True, 5)], HEALTHY, None),
        (Health(0, 2, None), [(True, 5)], HEALTHY, None),  # a hiccup
        (Health(0, 12, 12), [(True, 13)], HEALTHY, 0),
        (Health(0, 12, 12), [(True, 13), (True, 14)], HEALTHY, 0),
        (Health(0, 12, 12), [(True, 13), (False, 14)], Health(14, 14, None), 0),
        (Health(0, 2, None), [(False, 12), (True, 13)], HEALTHY, 0),  # the clock began on the way
        (Health(0, 2, None), [(False, 13)], Health(0, 13, 13), None),
    ],
)
def test_outcomes_are_taken_into_what_is_stored(
    before: Health, seen: list[tuple[bool, int]], after: Health, recovered: int | None
) -> None:
    def hours(health: Health) -> Health:
        values = (health.first, health.last, health.clock)
        return Health(*(None if value is None else value * HOUR for value in values))

    made = follow(hours(before), [Seen(ok, at * HOUR) for ok, at in seen])
    assert made.health == hours(after)
    assert (None if made.recovered is None else made.recovered.first) == (
        None if recovered is None else recovered * HOUR
    )


_outcomes = st.lists(st.tuples(st.booleans(), st.integers(0, 20 * 24)), max_size=40).map(
    lambda found: [Seen(ok, at * HOUR) for ok, at in sorted(found, key=lambda one: one[1])]
)


@given(_outcomes, st.integers(0, 40))
def test_it_does_not_matter_in_how_many_parts_outcomes_are_recorded(seen: list[Seen], cut: int) -> None:
    whole = follow(HEALTHY, seen)
    first = follow(HEALTHY, seen[:cut])
    if first.verdict is Verdict.NOTHING:
        second = follow(first.health, seen[cut:])
        assert second[:2] == whole[:2]
        assert (second.recovered or first.recovered) == whole.recovered
    else:
        assert whole == first


@given(_outcomes)
def test_a_recovery_ends_at_least_twelve_hours_of_failures(seen: list[Seen]) -> None:
    recovered = follow(HEALTHY, seen).recovered
    if recovered is not None:
        assert recovered.first is not None
        assert recovered.clock is not None
        assert recovered.clock - recovered.first >= SPREAD_MS
