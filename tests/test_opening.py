"""When somebody is there."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchhook.settings.opening import DAYS, HoursConfig, open_at, span

PARIS = ZoneInfo("Europe/Paris")
OFFICE = HoursConfig(
    "Europe/Paris",
    ("mon-fri 09:00-12:30", "mon-fri 14:00-18:00", "fri 22:00-02:00", "sun 00:00-24:00"),
    ("2026-05-14", "12-25"),
)


def at(text: str, zone: ZoneInfo = PARIS, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp() * 1000)


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-03-02T08:59:59.999", False),  # a Monday
        ("2026-03-02T09:00", True),
        ("2026-03-02T12:29:59", True),
        ("2026-03-02T12:30", False),
        ("2026-03-02T13:59", False),
        ("2026-03-02T14:00", True),
        ("2026-03-02T18:00", False),
        ("2026-03-06T22:00", True),
        ("2026-03-07T01:59", True),  # Saturday, since Friday
        ("2026-03-07T02:00", False),
        ("2026-03-07T22:00", False),
        ("2026-03-08T00:00", True),
        ("2026-03-08T23:59", True),
        ("2026-03-09T00:00", False),
        ("2026-05-14T10:00", False),  # a holiday
        ("2027-05-14T10:00", True),
        ("2026-12-25T10:00", False),  # a Friday
        ("2026-12-26T01:00", False),  # its evening did not open
        ("2027-12-26T01:00", True),  # a Sunday
        ("2026-03-29T03:30", True),  # a Sunday with 23 hours
        ("2026-10-25T02:30", True),  # and one with 25
    ],
)
def test_a_moment_is_in_the_hours_or_not(when: str, is_open: bool) -> None:
    assert open_at(OFFICE, at(when)) is is_open


def test_an_hour_that_comes_twice_is_open_twice_and_one_that_is_left_out_never() -> None:
    night = HoursConfig("Europe/Paris", ("sun 02:00-03:00",))
    autumn = [open_at(night, at("2026-10-25T02:30", fold=fold)) for fold in (0, 1)]
    assert autumn == [True, True]
    begin = at("2026-03-29T00:00")
    assert not any(open_at(night, begin + minute * 60_000) for minute in range(23 * 60))


CLOCK = st.integers(0, 1439).map(lambda m: f"{m // 60:02}:{m % 60:02}")
ENTRIES = st.builds(
    lambda a, b, dash, start, end: f"{a}-{b} {start}-{end}" if dash else f"{a},{b} {start}-{end}",
    st.sampled_from(DAYS),
    st.sampled_from(DAYS),
    st.booleans(),
    CLOCK,
    st.one_of(CLOCK, st.just("24:00")),
)
DATES = st.dates(date(2026, 1, 1), date(2027, 12, 31))
ZONES = st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])


def oracle(hours: HoursConfig, around: date) -> set[tuple[str, int]]:
    """Every open minute (day, minute) of some days, walked one by one from each opening."""
    found = set()
    for day in (around + timedelta(days=i) for i in range(-3, 3)):
        for entry in hours.open:
            one = span(entry)
            if (
                day.weekday() not in one.days
                or day.isoformat() in hours.holidays
                or f"{day:%m-%d}" in hours.holidays
            ):
                continue
            minute, where = one.start, day
            for _ in range(1440):
                found.add((where.isoformat(), minute))
                minute += 1
                if minute == one.end:
                    break
                if minute == 1440:
                    minute, where = 0, where + timedelta(days=1)
                    if one.end == 0:
                        break
    return found


@settings(max_examples=40, deadline=None)
@example(
    "Europe/Paris", ["sat-sun 22:00-04:00"], [date(2026, 3, 28)], [date(2026, 3, 28), date(2026, 10, 24)]
)
@given(
    ZONES,
    st.lists(ENTRIES, min_size=1, max_size=2),
    st.lists(DATES, max_size=3),
    st.lists(DATES, min_size=1, max_size=3),
)
def test_hours_are_what_walking_through_every_minute_finds(
    zone: str, entries: list[str], holidays: list[date], days: list[date]
) -> None:
    hours = HoursConfig(zone, tuple(entries), tuple(day.isoformat() for day in holidays))
    for day in [*days, *(holiday + timedelta(days=1) for holiday in holidays)]:
        minutes = oracle(hours, day)
        begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        for instant in range(begin, begin + 86_400_000, 7 * 60_000):
            wall = datetime.fromtimestamp(instant / 1000, ZoneInfo(zone))
            expected = (wall.date().isoformat(), wall.hour * 60 + wall.minute) in minutes
            assert open_at(hours, instant) is expected, wall


@pytest.mark.parametrize(
    ("entry", "days", "start", "end"),
    [
        ("mon-fri 09:00-18:00", {0, 1, 2, 3, 4}, 540, 1080),
        ("fri - mon 9:00 - 18:00", {4, 5, 6, 0}, 540, 1080),
        ("Sat, SUN 00:00-24:00", {5, 6}, 0, 1440),
        ("wed 22:00-02:00", {2}, 1320, 120),
    ],
)
def test_an_entry_is_read(entry: str, days: set[int], start: int, end: int) -> None:
    found = span(entry)
    assert (set(found.days), found.start, found.end) == (days, start, end)


@pytest.mark.parametrize(
    ("zone", "entries", "holidays", "says"),
    [
        ("Europe/Pariss", ["mon 9:00-10:00"], [], "did you mean Europe/Paris?"),
        ("zzzz", ["mon 9:00-10:00"], [], "like Europe/Paris"),
        ("UTC", [], [], "must have an entry"),
        ("UTC", ["9-5"], [], "like mon-fri 09:00-18:00"),
        ("UTC", ["mo 09:00-18:00"], [], "'mo' is no day"),
        ("UTC", ["mon 25:00-26:00"], [], "00:00 to 24:00"),
        ("UTC", ["mon 09:60-10:00"], [], "00:00 to 24:00"),
        ("UTC", ["mon 9:00-10:00"], ["25/12"], "2026-05-14, or 12-25"),
        ("UTC", ["mon 9:00-10:00"], ["2026-02-30"], "2026-05-14, or 12-25"),
    ],
)
def test_what_cannot_be_read_says_how_it_is_written(
    zone: str, entries: list[str], holidays: list[str], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        HoursConfig(zone, tuple(entries), tuple(holidays))


def test_a_machine_without_time_zones_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchhook.settings.opening.available_timezones", set)
    with pytest.raises(ValueError, match="install its package tzdata"):
        HoursConfig("Europe/Paris", ("mon 9:00-10:00",))


def test_the_29th_of_february_is_a_day() -> None:
    leap = HoursConfig("UTC", ("mon-sun 00:00-24:00",), ("02-29",))
    assert not open_at(leap, at("2028-02-29T12:00", ZoneInfo("UTC")))
    assert open_at(leap, at("2027-02-28T12:00", ZoneInfo("UTC")))
