"""The clock that stands still until it is moved, and times as text."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import ManualClock, SystemClock, iso_millis, iso_seconds, parse_iso

END_OF_9999 = 253_402_300_799_999


async def test_calls_are_made_in_the_order_of_their_times_each_at_its_own_moment() -> None:
    clock, made = ManualClock(), list[tuple[str, float]]()
    start = clock.now()
    for name, seconds in (("c", 30), ("a", 1), ("b", 20), ("at once", 0), ("late", -5)):
        clock.call_later(seconds, lambda name=name: made.append((name, (clock.now() - start) / 1000)))  # type: ignore[misc]
    assert made == []
    await clock.advance(0)
    assert made == [("at once", 0), ("late", 0)]
    await clock.advance(19.999)
    assert made[2:] == [("a", 1)]
    await clock.advance(100)
    assert made[3:] == [("b", 20), ("c", 30)]
    assert clock.now() - start == 119_999


async def test_calls_for_the_same_moment_are_made_in_the_order_they_were_asked_for() -> None:
    clock, made = ManualClock(), list[int]()
    for n in range(20):
        clock.call_later(5, lambda n=n: made.append(n))  # type: ignore[misc]
    await clock.advance(5)
    assert made == list(range(20))


async def test_a_call_that_makes_another_one_is_followed_by_it_within_the_same_move() -> None:
    clock, made = ManualClock(), list[float]()
    start = clock.monotonic()

    def again() -> None:
        made.append(clock.monotonic() - start)
        if len(made) < 5:
            clock.call_later(10, again)

    clock.call_later(10, again)
    await clock.advance(45)
    assert made == [10, 20, 30, 40]
    assert clock.next_timer() == 5


async def test_a_call_taken_back_is_never_made() -> None:
    clock, made = ManualClock(), list[str]()
    kept = clock.call_later(1, lambda: made.append("kept"))
    clock.call_later(1, lambda: made.append("cancelled")).cancel()
    assert clock.next_timer() == 1
    await clock.advance(2)
    assert made == ["kept"]
    kept.cancel()  # too late, and no fault
    assert clock.next_timer() is None


async def test_sleepers_wake_in_order_and_a_cancelled_one_wakes_nobody() -> None:
    clock, woken = ManualClock(), list[int]()

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3, 1, 2)]
    await clock.advance(0)
    tasks[2].cancel()
    await clock.advance(5)
    assert woken == [1, 3]
    assert [task.done() for task in tasks] == [True, True, True]


@pytest.mark.parametrize("step", [3_600, -3_600, -(10**9)])
async def test_a_wall_clock_that_is_set_does_not_move_durations(step: int) -> None:
    clock, made = ManualClock(), list[int]()
    clock.call_later(10, lambda: made.append(clock.now()))
    start, monotonic = clock.now(), clock.monotonic()
    clock.step_wall(step)
    assert clock.now() == start + step * 1000
    assert clock.monotonic() == monotonic
    await clock.advance(9)
    assert made == []
    await clock.advance(1)
    assert made == [start + step * 1000 + 10_000]


async def test_days_pass_without_waiting() -> None:
    clock, made = ManualClock(), list[int]()
    start = clock.now()

    def hourly() -> None:
        made.append(clock.now() - start)
        clock.call_later(3_600, hourly)

    clock.call_later(3_600, hourly)
    await clock.advance(5 * 86_400, settle=1)
    assert made == [n * 3_600_000 for n in range(1, 121)]


async def test_the_machines_clock_calls_and_sleeps_on_the_loop() -> None:
    clock = SystemClock()
    called = asyncio.Event()
    clock.call_later(-1, lambda: None).cancel()
    clock.call_later(-1, called.set)
    await clock.sleep(-1)
    await asyncio.wait_for(called.wait(), 30)
    assert abs(clock.now() - datetime.now(UTC).timestamp() * 1000) < 60_000
    assert clock.monotonic() <= clock.monotonic()


@pytest.mark.parametrize(
    ("wall", "millis", "seconds"),
    [
        (0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z"),
        (1_742_049_000_000, "2025-03-15T14:30:00.000Z", "2025-03-15T14:30:00Z"),
        (1_742_049_000_999, "2025-03-15T14:30:00.999Z", "2025-03-15T14:30:00Z"),
        (1_709_164_800_007, "2024-02-29T00:00:00.007Z", "2024-02-29T00:00:00Z"),
        (END_OF_9999, "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_written_as_the_events_carry_them(wall: int, millis: str, seconds: str) -> None:
    assert iso_millis(wall) == millis
    assert iso_seconds(wall) == seconds
    assert parse_iso(millis) == wall
    assert parse_iso(seconds) == wall // 1000 * 1000


@given(st.integers(0, END_OF_9999))
def test_a_time_that_is_written_and_read_is_the_same_to_the_millisecond(wall: int) -> None:
    assert parse_iso(iso_millis(wall)) == wall
    assert parse_iso(iso_seconds(wall)) == wall - wall % 1000


@given(st.integers(86_400_000, END_OF_9999 // 2), st.integers(-23 * 60, 23 * 60))
def test_an_offset_names_the_same_moment(wall: int, minutes: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall, minutes=minutes)
    sign, away = ("-" if minutes < 0 else "+"), abs(minutes)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{wall % 1000:03}{sign}{away // 60:02}:{away % 60:02}"
    assert parse_iso(text) == wall


@given(st.integers(0, END_OF_9999), st.integers(0, END_OF_9999))
def test_text_sorts_as_time_does(one: int, other: int) -> None:
    assert (iso_millis(one) < iso_millis(other)) is (one < other)


@pytest.mark.parametrize(
    ("text", "wall"),
    [
        ("2025-03-15T14:30:00", 1_742_049_000_000),
        ("2025-03-15 14:30", 1_742_049_000_000),
        ("2025-03-15T15:30:00+01:00", 1_742_049_000_000),
        ("2025-03-15", 1_741_996_800_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2025-03-15T14:30:00.123999Z", 1_742_049_000_123),
    ],
)
def test_a_time_is_read_with_or_without_a_zone(text: str, wall: int) -> None:
    assert parse_iso(text) == wall


@pytest.mark.parametrize("text", ["", "now", "2025-13-01", "2025-03-15T25:00:00Z", "1742049000"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_iso(text)
