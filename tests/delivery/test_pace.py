"""The pace of the backlog: its rules as numbers, and carried out on a real store."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.pace import LATELY, PIECE, RATE, WHOLE, Pace
from tests.delivery.dispatching import WORKSPACE, Open, PatientClock, Rig, make


def test_a_backlog_alone_is_read_without_a_pause() -> None:
    pace = Pace()
    assert [(pace.wait(0.0), pace.take(0.0)) for _ in range(3)] == [(0.0, WHOLE)] * 3


def test_beside_new_events_it_comes_in_pieces() -> None:
    pace = Pace()
    pace.new(10.0)
    assert (pace.wait(10.0), pace.take(10.0)) == (0.0, PIECE)
    assert pace.wait(10.0) == pytest.approx(PIECE / RATE)


def test_nothing_new_for_a_moment_ends_it() -> None:
    pace = Pace()
    pace.new(10.0)
    for _ in range(1_000):
        pace.take(10.0)
    assert pace.wait(10.0 + LATELY) == 0.0
    assert pace.take(10.0 + LATELY) == WHOLE


def test_what_was_not_there_leaves_room_for_other_lanes() -> None:
    pace = Pace()
    pace.new(10.0)
    pace.unused(pace.take(10.0), 3)
    assert pace.wait(10.0) == pytest.approx(3 / RATE)


def test_looking_without_finding_is_not_free() -> None:
    pace = Pace()
    pace.new(10.0)
    pace.unused(pace.take(10.0), 0)
    assert pace.wait(10.0) == pytest.approx(1 / RATE)


@given(st.lists(st.tuples(st.floats(0, 0.05), st.integers(0, PIECE)), min_size=1, max_size=200))
def test_the_backlog_keeps_to_its_share_and_always_gets_it(steps: list[tuple[float, int]]) -> None:
    pace, now, read = Pace(), 0.0, 0
    for pause, found in steps:
        now += pause
        pace.new(now)
        assert pace.wait(now) <= PIECE / RATE + 1e-9  # never starved
        if pace.wait(now) <= 0:
            pace.unused(pace.take(now), found)
            read += found
    assert read <= RATE * now + PIECE  # never more than its share


@pytest.fixture
async def rig(open_store: Open) -> AsyncIterator[Rig]:
    """An endpoint with two hundred deliveries that wait until it is enabled, accepted a while ago."""
    made = await make(open_store, PatientClock(), lambda _: 204)
    await made.endpoint("ep_a", enabled=False)
    await made.accept(200)
    await made.clock.advance(5.0)
    yield made
    await made.clock.advance(1.0)
    await made.dispatcher.stop()
    await made.store.close()


async def test_what_waited_comes_at_once_when_nothing_is_new(rig: Rig) -> None:
    await rig.change("ep_a", enabled=True)
    await rig.turns(400)
    assert len(rig.receiver.seen) == 200


async def test_the_room_kept_for_what_has_left_the_schedule_hides_nothing(rig: Rig) -> None:
    lane = rig.dispatcher._lanes[WORKSPACE, "ep_a"]
    lane.claimed.update(f"msg_gone_{n}" for n in range(500))
    await rig.change("ep_a", enabled=True)
    await rig.turns(400)
    assert Counter(seen.message for seen in rig.receiver.seen) == Counter(rig.accepted)


async def test_what_waited_comes_in_pieces_while_something_is_new(rig: Rig) -> None:
    await rig.endpoint("ep_b")
    await rig.accept()
    await rig.change("ep_a", enabled=True)
    await rig.turns(400)
    assert Counter(seen.key for seen in rig.receiver.seen)["ep_a"] <= PIECE
    await rig.clock.advance(0.04)
    arrived = Counter(seen.key for seen in rig.receiver.seen)
    assert arrived["ep_b"] == 1
    assert PIECE < arrived["ep_a"] <= PIECE + RATE * 0.04
    await rig.clock.advance(1.0)
    assert Counter(seen.message for seen in rig.receiver.seen if seen.key == "ep_a") == Counter(rig.accepted)


async def test_lanes_share_the_pace_in_turn(rig: Rig) -> None:
    for name in ("ep_b", "ep_c"):
        await rig.endpoint(name, enabled=False)
    await rig.accept(40)
    await rig.clock.advance(5.0)
    await rig.endpoint("ep_d")
    await rig.accept()
    for name in ("ep_a", "ep_b", "ep_c"):
        await rig.change(name, enabled=True)
    await rig.clock.advance(10 * PIECE / RATE)
    arrived = Counter(seen.key for seen in rig.receiver.seen)
    assert [arrived[name] >= 2 * PIECE for name in ("ep_a", "ep_b", "ep_c")] == [True] * 3
