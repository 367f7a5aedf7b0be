"""When somebody is there: weekly opening hours in a time zone, and holidays. Pure.

An instant is turned into the clock on the wall of the zone, and that is compared: an hour that daylight saving time
leaves out is never open, one that comes twice is open twice.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from switchhook.settings.sources import nearest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN = re.compile(r"([a-z, -]+?)\s+(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)").fullmatch
_YEARLY = re.compile(r"(\d\d)-(\d\d)").fullmatch


class Span(msgspec.Struct, frozen=True):
    """From one minute of the day to another, on some days (0 is Monday). An end that is no later than the start is on
    the next day."""

    days: frozenset[int]
    start: int
    end: int


class HoursConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Opening hours as they are set.

    `open` holds entries like `mon-fri 09:00-12:30` or `sat,sun 22:00-02:00`; `holidays` dates, `2026-05-14` or `12-25`
    for every year, on which nothing opens (what opened the evening before stays open past midnight). `zone` is a name
    of the IANA time zone database.
    """

    zone: str
    open: tuple[str, ...]
    holidays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        zones = available_timezones()
        if not zones:
            raise ValueError(
                "this machine has no time zones; install its package tzdata, or tzdata from PyPI"
            )
        if self.zone not in zones:
            like = nearest(self.zone, sorted(zones))
            hint = like if like.startswith("; did") else "; write it like Europe/Paris"
            raise ValueError(f"there is no time zone {self.zone!r}{hint}")
        if not self.open:
            raise ValueError('open must have an entry, like ["mon-fri 09:00-18:00"]')
        for entry in self.open:
            span(entry)
        for entry in self.holidays:
            _holiday(entry)


def span(entry: str) -> Span:
    """Read `mon-fri 09:00-18:00`.

    Raises:
        ValueError: it is not written like that.
    """
    found = _SPAN(entry.strip().lower())
    if not found:
        raise ValueError(f"{entry!r}: write days and hours like mon-fri 09:00-18:00, or sat,sun 10:00-13:00")
    days: set[int] = set()
    for part in found.group(1).split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        for name in (first, last) if dash else (first,):
            if name not in DAYS:
                raise ValueError(f"{entry!r}: {name!r} is no day; they are {', '.join(DAYS)}")
        begin = DAYS.index(first)
        days |= {(begin + i) % 7 for i in range((DAYS.index(last) - begin) % 7 + 1)} if dash else {begin}
    start, end = (int(found.group(i)) * 60 + int(found.group(i + 1)) for i in (2, 4))
    if start >= 1440 or end > 1440 or int(found.group(3)) > 59 or int(found.group(5)) > 59:
        raise ValueError(f"{entry!r}: hours are 00:00 to 24:00")
    return Span(frozenset(days), start, end)


def open_at(hours: HoursConfig, at: int) -> bool:
    """Whether it is open at that moment (wall milliseconds)."""
    wall = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(hours.zone))
    minute = wall.hour * 60 + wall.minute
    today, yesterday = wall.date(), wall.date() - timedelta(days=1)
    for one in _spans(hours.open):
        later = one.end <= one.start  # it ends on the next day
        if _opens(one, today, hours) and one.start <= minute and (later or minute < one.end):
            return True
        if later and _opens(one, yesterday, hours) and minute < one.end:
            return True
    return False


def _opens(one: Span, day: date, hours: HoursConfig) -> bool:
    return day.weekday() in one.days and not {day.isoformat(), f"{day:%m-%d}"} & set(hours.holidays)


@lru_cache(maxsize=1024)
def _spans(entries: tuple[str, ...]) -> tuple[Span, ...]:
    return tuple(span(entry) for entry in entries)


def _holiday(entry: str) -> None:
    yearly = _YEARLY(entry)
    try:
        # A leap year: 02-29 is a day.
        found = date.fromisoformat(f"2000-{entry}" if yearly else entry)
    except ValueError:
        found = None
    if found is None or len(entry) not in (5, 10):
        raise ValueError(f"{entry!r} is no day; write a holiday like 2026-05-14, or 12-25 for every year")
