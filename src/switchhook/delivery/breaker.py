"""When an endpoint has failed for so long that it is disabled. Pure.

    first failure ──at least 12 h later, within 24 h──▶ a clock of 5 days ──still failing when it runs out──▶ disabled
         ▲ any success clears everything

Kept in the database with the outcomes it follows from, so that a restart neither forgets nor restarts the clock. Where
several processes deliver to one endpoint, each reports what it saw and the rule is applied to what is stored
(`follow`): the clock starts once, whoever saw the failures, and a success that one of them saw clears it for all.
"""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

import msgspec

SPREAD_MS = 12 * 3_600_000  # between the first and the last failure that start the clock
WINDOW_MS = 24 * 3_600_000  # failures further apart than this do not belong together
CLOCK_MS = 5 * 86_400_000
SAVE_MS = 600_000  # how much of `last` may be forgotten in a crash: it is not written for every failure


class Health(msgspec.Struct, frozen=True):
    """Failures without a success between them (wall ms): the first that counts, the last, and when the clock began."""

    first: int | None = None
    last: int | None = None
    clock: int | None = None

    @property
    def disabled_at(self) -> int | None:
        """When the clock runs out."""
        return None if self.clock is None else self.clock + CLOCK_MS


HEALTHY = Health()


class Verdict(Enum):
    """What is to be done after an outcome."""

    NOTHING = "nothing"
    DISABLE = "disable"


def after_success() -> Health:
    """Any success clears everything."""
    return HEALTHY


def after_failure(health: Health, at: int) -> tuple[Health, Verdict]:
    """The health after an attempt that failed at `at`, and whether the clock has run out.

    A wall clock that was set back counts as no time passed.
    """
    first, last, clock = health.first, health.last, health.clock
    if first is None or last is None:
        return Health(at, at, None), Verdict.NOTHING
    at = max(at, last)
    if clock is not None:
        return Health(first, at, clock), Verdict.DISABLE if at - clock >= CLOCK_MS else Verdict.NOTHING
    if at - first > WINDOW_MS:
        # The first one is too long ago to count; the last one may still.
        first = last if at - last <= WINDOW_MS else at
    if at - first >= SPREAD_MS:
        clock = at
    return Health(first, at, clock), Verdict.NOTHING


class Seen(NamedTuple):
    """An outcome that may change an endpoint's health, and when (wall ms)."""

    ok: bool
    at: int


class Followed(NamedTuple):
    """What outcomes made of a health. `recovered` is the failing health, its clock running, that a success ended."""

    health: Health
    verdict: Verdict
    recovered: Health | None


def follow(health: Health, outcomes: Iterable[Seen]) -> Followed:
    """Take outcomes into a health, in their order. Nothing counts any more once the clock has run out."""
    recovered = None
    for ok, at in outcomes:
        if ok:
            recovered = health if health.clock is not None else recovered
            health = after_success()
            continue
        health, verdict = after_failure(health, at)
        if verdict is Verdict.DISABLE:
            return Followed(health, verdict, recovered)
    return Followed(health, Verdict.NOTHING, recovered)


def worth_saving(saved: Health, now: Health) -> bool:
    """Whether the database must hear of the change: always, but for a `last` that moved a little."""
    if (saved.first, saved.clock) != (now.first, now.clock):
        return True
    return now.last is not None and (saved.last is None or now.last - saved.last >= SAVE_MS)
