"""What holds of every phone system that is watched, whatever its protocol."""

import logging
from collections.abc import Iterable

import msgspec
import pytest

from switchhook.clock import ManualClock
from switchhook.telephony import watching
from switchhook.telephony.watching import FIRST_PAUSE, LONGEST_PAUSE, SWEEP, Refused, Watcher
from switchhook.workspace.calls import Limits
from switchhook.workspace.facts import AnyFact
from switchhook.workspace.switchboard import Ask


class All(msgspec.Struct, frozen=True):
    heard_at: int | None = None


class Thing(msgspec.Struct, frozen=True):
    """Something that happened."""


Happening = All | Thing


class Wire:
    """A connection that says what it is told to, and then nothing."""

    def __init__(self, clock: ManualClock, *says: list[Happening], refuses: str = "") -> None:
        self._clock, self._says, self._refuses = clock, list(says), refuses
        self.closed = False

    async def open(self) -> None:
        if self._refuses:
            raise Refused(self._refuses)

    async def next(self) -> list[Happening]:
        if not self._says:
            await self._clock.sleep(10_000)
        return self._says.pop(0)

    async def close(self) -> None:
        self.closed = True


class Nobody:
    restless = False

    def take(self, happening: Happening, now: float) -> list[AnyFact]:
        return []

    def lapse(self, now: float) -> list[AnyFact]:
        return []

    def up(self, call: str) -> bool:
        return False


class Desk:
    def __init__(self) -> None:
        self.sweeps: list[Limits] = []

    async def report(self, fact: AnyFact) -> None:
        raise AssertionError(fact)

    async def sweep(self, ask: Ask, limits: Limits) -> int:
        self.sweeps.append(limits)
        return 0

    async def open_calls(self) -> Iterable[str]:
        return ()


class Exchange(Watcher[Wire, Happening, Nobody]):
    title = "The exchange"
    everything = All

    async def _remembered(self) -> Nobody:
        return Nobody()


def exchange(clock: ManualClock, *wires: Wire) -> tuple[Exchange, Desk]:
    left, desk = list(wires), Desk()
    return Exchange(lambda: left.pop(0), Nobody(), clock, desk, Limits(quiet=70, lost=700)), desk


async def test_a_flood_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "WAITING", 3)
    clock = ManualClock()
    flooding, next_ = Wire(clock, [Thing()] * 4), Wire(clock, [All()])
    watched, _ = exchange(clock, flooding, next_)
    await watched.start()
    await clock.advance(0)
    assert (watched.state, flooding.closed) == ("lost: more comes than can be stored", True)
    await clock.advance(FIRST_PAUSE * 1.3)
    assert watched.state == "up"
    await watched.stop()
    assert (watched.state, next_.closed) == ("stopped", True)


async def test_only_who_knows_all_that_is_up_ends_what_is_not() -> None:
    clock = ManualClock()
    watched, desk = exchange(clock, Wire(clock))
    await watched.start()
    await clock.advance(SWEEP)
    assert desk.sweeps == [Limits(quiet=70, lost=700)]
    await watched.stop()

    watched, desk = exchange(clock, Wire(clock, [All()]))
    await watched.start()
    await clock.advance(SWEEP)
    assert desk.sweeps == [Limits(quiet=0, lost=0), Limits(quiet=70, lost=0)]
    await watched.stop()


async def test_a_refusal_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    clock = ManualClock()
    wires = [Wire(clock, refuses=why) for why in ("no such user", "no such user", "no rights")]
    watched, _ = exchange(clock, *wires, Wire(clock))
    await watched.start()
    await clock.advance(LONGEST_PAUSE * 1.3)
    assert watched.state == "refused: no such user"
    await clock.advance(LONGEST_PAUSE * 1.3)
    assert watched.state == "refused: no rights"
    await watched.stop()
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "no such user",
        "no rights",
    ]
