"""Ends of calls wait for their turn: what was said before is heard, and the stack gets breath between two."""

from collections.abc import Callable

from switchhook.clock import ManualClock
from switchhook.telephony.sip.edge.ends import (
    BREATH_SECONDS,
    MOST,
    PATIENCE_SECONDS,
    SETTLE_SECONDS,
    Ends,
)


def world() -> tuple[ManualClock, Ends, list[str], Callable[..., Callable[[], bool]]]:
    clock = ManualClock()
    done: list[str] = []

    def act(name: str, follows: bool = True) -> Callable[[], bool]:
        def now() -> bool:
            done.append(name)
            return follows

        return now

    return clock, Ends(clock), done, act


async def test_an_end_waits_until_what_was_said_is_heard() -> None:
    clock, ends, done, act = world()
    ends.ask("a", act("a"))
    await clock.advance(SETTLE_SECONDS / 2)
    assert done == []
    await clock.advance(SETTLE_SECONDS + 0.001)
    assert done == ["a"]


async def test_the_next_one_comes_when_the_stack_has_ended_one_and_has_read_on() -> None:
    clock, ends, done, act = world()
    for name in "abc":
        ends.ask(name, act(name))
    await clock.advance(SETTLE_SECONDS + 0.2)
    assert done == ["a"]
    ends.over("b")  # of which nobody waits to hear yet
    ends.over("a")
    await clock.advance(BREATH_SECONDS / 2)
    assert done == ["a"]
    await clock.advance(BREATH_SECONDS + 0.001)
    assert done == ["a", "b"]
    await clock.advance(PATIENCE_SECONDS + 0.001)  # nothing is heard of it
    assert done == ["a", "b", "c"]


async def test_who_asks_again_has_one_turn() -> None:
    clock, ends, done, act = world()
    ends.ask("a", act("a"))
    ends.ask("b", act("b"))
    ends.ask("b", act("b again"))
    await clock.advance(SETTLE_SECONDS + 0.001)
    ends.over("a")
    await clock.advance(BREATH_SECONDS + PATIENCE_SECONDS + 0.001)
    assert done == ["a", "b"]
    assert len(ends) == 0
    ends.ask("b", act("later"))
    await clock.advance(SETTLE_SECONDS + 0.001)
    assert done == ["a", "b", "later"]


async def test_what_ends_nothing_is_not_waited_for() -> None:
    clock, ends, done, act = world()
    ends.ask("a", act("a", False))
    ends.ask("b", act("b"))
    await clock.advance(SETTLE_SECONDS + 0.001)
    assert done == ["a", "b"]


async def test_when_very_many_end_nobody_waits_long() -> None:
    clock, ends, done, act = world()
    for number in range(MOST + 10):
        ends.ask(number, act(str(number), False))
    await clock.advance(0)
    assert len(done) == 10
    await clock.advance(SETTLE_SECONDS + 0.001)
    assert len(done) == MOST + 10
    ends.close()
