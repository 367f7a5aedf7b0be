"""The rate of an endpoint: never more than it allows in any window, and what it holds back is not lost."""

import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.delivery.allowance import Allowance
from switchhook.delivery.lane import Lane
from switchhook.delivery.membership import Shared
from switchhook.storage import endpoints
from switchhook.storage.store import Store
from tests.delivery.dispatching import WORKSPACE, Rig
from tests.delivery.test_order import Start, rigs
from tests.storage.rows import an_endpoint

__all__ = ["rigs"]  # the fixture

RATES = st.one_of(st.sampled_from([0.1, 1.0, 3.0, 10.0, 10_000.0]), st.floats(0.1, 10_000))


def most_in_a_window(times: list[float], rate: float, burst: float) -> None:
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= rate * (times[last] - start) + burst + 1e-6


@settings(deadline=None)
@given(rate=RATES, pauses=st.lists(st.floats(0, 30), max_size=60))
def test_no_window_has_more_than_its_rate_and_a_burst(rate: float, pauses: list[float]) -> None:
    bucket, now = Allowance(rate), 1_000.0
    times: list[float] = []
    for pause in pauses:
        now += pause / rate
        while bucket.wait(now) <= 0 and len(times) < 400:
            bucket.take(now)
            times.append(now)
    most_in_a_window(times, rate, bucket.burst)


@settings(deadline=None)
@given(rate=RATES, count=st.integers(1, 50))
def test_whoever_waits_as_told_may_go_and_gets_the_whole_rate(rate: float, count: int) -> None:
    bucket, now = Allowance(rate), 1_000.0
    for _ in range(count):
        now += max(0.0, bucket.wait(now))
        assert bucket.wait(now) <= 1e-9
        bucket.take(now)
    assert now - 1_000.0 <= count / rate + 1e-6


def test_a_new_rate_owes_what_the_former_one_did() -> None:
    bucket = Allowance(0.1)
    bucket.take(5.0)
    assert bucket.at(2.0, 10.0).wait(10.0) == pytest.approx(0.25)  # half an attempt is missing
    assert bucket.at(0.05, 10.0).wait(10.0) == pytest.approx(10.0)
    assert bucket.at(1.0, 100.0).wait(100.0) <= 0


@given(
    rate=st.floats(0.1, 10_000),
    cap=st.one_of(st.none(), st.integers(1, 64)),
    processes=st.integers(1, 20),
    ordered=st.booleans(),
)
def test_what_several_processes_may_do_together_is_what_the_endpoint_asked_for(
    rate: float, cap: int | None, processes: int, ordered: bool
) -> None:
    lanes = []
    for _ in range(processes):
        lane = Lane("wsp", "ep_a", 32)
        lane.asked = an_endpoint("ep_a", rate_limit=rate, max_in_flight=cap, ordered=ordered)
        lane.fit(32, processes, 0.0)
        lanes.append(lane)
    assert sum(lane.allowance.rate for lane in lanes if lane.allowance) <= rate * (1 + 1e-9)
    if cap is not None:
        assert sum(lane.cap for lane in lanes) <= max(cap, processes)
    assert all(lane.cap == 1 for lane in lanes) or not ordered
    assert all(lane.room <= max(1, rate) for lane in lanes)


async def test_an_endpoint_gets_no_more_than_its_rate_and_loses_nothing(rigs: Start) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_slow", rate_limit=2)
    await rig.endpoint("ep_well")
    start = rig.clock.monotonic()
    ids = await rig.accept(40)
    await rig.clock.advance(1)
    assert Counter(seen.key for seen in rig.receiver.seen)["ep_well"] == 40
    for lane in rig.dispatcher._lanes.values():
        assert len(lane.fresh) <= 2  # the others wait in the store
    await rig.clock.advance(10)
    assert await rig.low_water() == 40  # what waits for its rate does not hold the mark
    await rig.clock.advance(30)
    sent = [seen for seen in rig.receiver.seen if seen.key == "ep_slow"]
    assert Counter(seen.message for seen in sent) == dict.fromkeys(ids, 1)
    times = [seen.at / 1000 for seen in sent]
    assert all(later - earlier >= 0.499 for earlier, later in pairwise(times))
    assert times[-1] - times[0] <= 40 / 2 + 2  # and it gets all of its rate
    assert rig.clock.monotonic() > start


async def test_retries_count_against_the_rate_too(rigs: Start) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a", rate_limit=1)
    await rig.accept(5)
    await rig.clock.advance(60)
    times = [seen.at / 1000 for seen in rig.receiver.seen]
    assert len(times) == 15
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(times))


async def test_a_rate_may_be_changed_and_taken_away_at_any_time(rigs: Start) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a", rate_limit=0.1)
    await rig.accept(10)
    await rig.clock.advance(5)
    assert len(rig.receiver.seen) == 1
    await rig.change("ep_a", rate_limit=1)
    await rig.clock.advance(4)
    assert 2 <= len(rig.receiver.seen) <= 5
    await rig.change("ep_a", rate_limit=None)
    await rig.clock.advance(1)
    assert len(rig.receiver.seen) == 10


async def test_a_slow_endpoint_that_fails_gets_its_rate_after_the_pause_only(rigs: Start) -> None:
    rig = await rigs(lambda _: 503)
    await rig.endpoint("ep_a", rate_limit=100)
    await rig.accept(20)
    await rig.clock.advance(0.5)
    assert len(rig.receiver.seen) <= 11  # a burst of a tenth of a second, then the endpoint is left in peace


async def joined(rig: Rig) -> Shared:
    membership = rig.dispatcher._membership
    assert isinstance(membership, Shared)
    return membership


async def test_a_rate_holds_over_all_processes(rigs: Start, open_store: "object") -> None:
    probe: Store = await open_store()  # type: ignore[operator]
    shared = probe.shared
    await probe.close()
    if not shared:
        pytest.skip("one process owns an embedded database")
    one = await rigs(lambda _: 204)
    await one.endpoint("ep_a", rate_limit=4)
    two = await rigs(lambda _: 204)
    await one.accept(20)
    await two.accept(20)
    for second in range(60):
        await one.clock.advance(1)
        if second == 0:
            assert two.receiver.seen == []  # the other one may not have heard of it yet
        if second % 2 == 1:
            for rig in (one, two):
                await (await joined(rig)).tick()
    times = sorted(seen.at / 1000 for rig in (one, two) for seen in rig.receiver.seen)
    assert len(times) == 40
    assert one.receiver.seen
    assert two.receiver.seen
    most_in_a_window(times, 4, 2 + 1e-3)
    buckets = [rig.dispatcher._lanes[WORKSPACE, "ep_a"].allowance for rig in (one, two)]
    assert math.isclose(sum(bucket.rate for bucket in buckets if bucket), 4)


async def test_an_endpoint_may_have_fewer_or_more_under_way(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_one", max_in_flight=1)
    await rig.endpoint("ep_many", max_in_flight=64)
    await rig.endpoint("ep_plain")
    await rig.accept(100)
    await rig.turns()
    assert rig.receiver.under_way == {"ep_one": 1, "ep_many": 64, "ep_plain": rig.settings.in_flight_each}
    await rig.change("ep_one", max_in_flight=5)
    await rig.change("ep_many", max_in_flight=None)
    rig.receiver.release()
    await rig.clock.advance(1)
    assert rig.receiver.under_way["ep_one"] == 5
    assert rig.receiver.under_way["ep_many"] == rig.settings.in_flight_each


async def test_an_endpoint_has_its_own_time_to_answer(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_short", timeout_seconds=2.5)
    await rig.endpoint("ep_plain")
    await rig.accept()
    await rig.turns()
    timeouts = {str(request.pool_key): request.timeout for request, _ in rig.receiver.held}
    assert timeouts == {"ep_short": 2.5, "ep_plain": rig.settings.timeout}


async def test_a_paused_endpoint_gets_nothing_and_afterwards_everything(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a", max_in_flight=2)
    await rig.accept(6)
    await rig.turns()
    assert len(rig.receiver.seen) == 2
    await rig.change("ep_a", paused=True)
    await rig.accept(3)
    rig.receiver.release()  # what was under way ends as it may
    await rig.clock.advance(600)
    assert len(rig.receiver.seen) == 2
    assert await rig.low_water() == 9
    await rig.crash()
    await rig.clock.advance(600)
    assert len(rig.receiver.seen) == 2  # a restart does not end the pause
    rig.receiver.script = lambda _: 204
    await rig.change("ep_a", paused=False)
    await rig.clock.advance(1)
    assert Counter(seen.message for seen in rig.receiver.seen) == dict.fromkeys(rig.accepted, 1)


async def test_resuming_begins_anew_for_the_breaker(rigs: Start) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a")
    await rig.accept()
    await rig.clock.advance(60)
    await rig.change("ep_a", paused=True)
    row = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert row is not None
    assert row.failing_first is not None
    assert row.enabled
    await rig.change("ep_a", paused=False)
    row = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert row is not None
    assert row.failing_first is None


async def test_changing_a_rate_again_and_again_leaves_one_timer(rigs: Start) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a", rate_limit=0.5)
    await rig.accept(100)
    await rig.clock.advance(1)
    before = len(rig.clock._timers)
    for n in range(30):
        await rig.change("ep_a", rate_limit=0.2 + n % 2)
    await rig.clock.advance(20)  # every former rate's timer has come and gone
    assert len(rig.clock._timers) <= before + 2
