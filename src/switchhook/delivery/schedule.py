"""When a message is tried again. Pure: numbers in, numbers out.

A schedule is a tuple of seconds; entry N is how long after the attempt before it attempt N (counted from 0) is made.
The first entry is the first attempt, made at once. After the last entry the message has failed.
"""

import math

Schedule = tuple[float, ...]

DEFAULT_SCHEDULE: Schedule = (0, 5, 300, 1800, 7200, 18000, 36000, 36000)

MAX_RETRY_AFTER = (
    36_000.0  # seconds: a receiver may put an attempt off by ten hours, the longest step of our own
)
JITTER_FROM = 60.0  # seconds: shorter steps are kept exactly, they are too short to bunch up
_JITTER = 0.1
_MAX_STEP = 30 * 86_400
_MAX_STEPS = 100


def next_delay(schedule: Schedule, attempts_made: int, jitter: float) -> float | None:
    """Seconds from the last attempt to the next one, or None when `attempts_made` were all there are.

    `jitter` is a random number in [0, 1) that moves steps of a minute or more by up to 10 % either way, so that
    what failed together does not come back together.

    Raises:
        ValueError: `attempts_made` is negative or `jitter` outside [0, 1).
    """
    if attempts_made < 0:
        raise ValueError(f"attempts_made must not be negative, got {attempts_made}")
    if not 0 <= jitter < 1:
        raise ValueError(f"jitter must be in [0, 1), got {jitter}")
    if attempts_made >= len(schedule):
        return None
    step = schedule[attempts_made]
    if step < JITTER_FROM:
        return float(step)
    return step * (1 - _JITTER + 2 * _JITTER * jitter)


def honour_retry_after(delay: float | None, retry_after: float | None) -> float | None:
    """The delay when the receiver asked for `retry_after` seconds: never shorter than planned, ten hours at most.

    A message that has failed for good (`delay` None) stays failed.
    """
    if delay is None or retry_after is None:
        return delay
    return max(delay, min(retry_after, MAX_RETRY_AFTER))


def parse_schedule(text: str) -> Schedule:
    """Read a schedule as configuration writes it: seconds, separated by commas, such as `0,5,300`.

    Raises:
        ValueError: the text is not a schedule; the message names the entry and the rule.
    """
    entries = [entry.strip() for entry in text.split(",")]
    if not text.strip():
        raise ValueError("The retry schedule is empty. Write seconds separated by commas, such as 0,5,300.")
    if len(entries) > _MAX_STEPS:
        raise ValueError(f"The retry schedule has {len(entries)} entries; at most {_MAX_STEPS} are possible.")
    steps: list[float] = []
    for position, entry in enumerate(entries, 1):
        try:
            step = float(entry)
        except ValueError:
            raise ValueError(
                f"Entry {position} of the retry schedule is {entry!r}, not a number of seconds. Write it like 0,5,300."
            ) from None
        if not math.isfinite(step) or not 0 <= step <= _MAX_STEP:
            raise ValueError(
                f"Entry {position} of the retry schedule is {entry}; it must be between 0 and {_MAX_STEP} (30 days)."
            )
        steps.append(int(step) if step.is_integer() else step)
    if steps[0] != 0:
        raise ValueError(
            f"The retry schedule begins with {entries[0]}; its first entry is the first attempt, made at once. "
            f"Write 0,{text.strip()} for that delay before the second attempt."
        )
    return tuple(steps)
