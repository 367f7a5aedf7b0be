"""The dispatcher's promises, on a real store and a clock moved by hand."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook as ForeignWebhook

from switchhook.delivery import aftermath, dispatcher, settler
from switchhook.delivery import lane as lanes
from switchhook.delivery.sending import Settings
from switchhook.delivery.settlement import settlement
from switchhook.storage import endpoints, outbox
from switchhook.storage.store import StorageError
from tests.delivery.dispatching import (
    SECRET,
    TIMED_OUT,
    WORKSPACE,
    Answer,
    Open,
    PatientClock,
    Rig,
    Seen,
    make,
)

Starter = Callable[..., "asyncio.Future[Rig]"]


@pytest.fixture
async def rigs(open_store: Open) -> AsyncIterator[Callable[..., "asyncio.Task[Rig]"]]:
    """Makes rigs and ends them, on either store."""
    made: list[Rig] = []

    async def start(script: Callable[[Seen], Answer], settings: Settings | None = None) -> Rig:
        rig = await make(open_store, PatientClock(), script, settings)
        made.append(rig)
        return rig

    yield lambda *args, **kw: asyncio.ensure_future(start(*args, **kw))
    for rig in made:
        rig.receiver.script = lambda _: 204
        rig.receiver.release()
        await rig.dispatcher.stop()
        await rig.store.close()


async def test_an_accepted_event_is_sent_at_once_and_its_outcome_recorded(rigs: Starter) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.turns()
    assert [seen.message for seen in rig.receiver.seen] == [event]
    await rig.settle()
    delivery = await rig.delivery("ep_a", event)
    assert delivery.status == "succeeded"
    assert [(a.number, a.status, a.state) for a in delivery.attempts] == [(1, 204, "succeeded")]
    assert await rig.low_water() == 1


async def test_what_is_sent_verifies_with_the_foreign_library(rigs: Starter) -> None:
    rig = await rigs(lambda _: 204)
    rig.clock.step_wall(
        10**9
    )  # into the foreign library's idea of now is not possible: it reads the machine's clock
    await rig.endpoint("ep_a")
    await rig.accept()
    await rig.turns()
    (seen,) = rig.receiver.seen
    from datetime import UTC, datetime

    signed = ForeignWebhook(SECRET).sign(
        seen.message, datetime.fromtimestamp(seen.timestamp, UTC), seen.body.decode()
    )
    assert seen.signature == signed


async def test_the_whole_schedule_runs_and_then_the_delivery_has_failed(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    start = rig.clock.now()
    await rig.clock.advance(100_000)
    waits = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
    expected = [sum(waits[: n + 1]) for n in range(8)]
    happened = [(seen.at - start) / 1000 for seen in rig.receiver.seen]
    assert len(happened) == 8
    assert happened == pytest.approx(expected, abs=1.0)
    assert len({(seen.message, seen.body) for seen in rig.receiver.seen}) == 1  # same id, same bytes
    assert len({seen.signature for seen in rig.receiver.seen}) == 8  # signed anew, with a fresh timestamp
    delivery = await rig.delivery("ep_a", event)
    assert delivery.status == "failed"
    assert [a.number for a in delivery.attempts] == list(range(1, 9))
    await rig.clock.advance(1_000_000)
    assert len(rig.receiver.seen) == 8


async def test_a_success_ends_the_schedule(rigs: Starter) -> None:
    count = Counter[str]()

    def second_time(seen: Seen) -> Answer:
        count[seen.message] += 1
        return 503 if count[seen.message] < 3 else 200

    rig = await rigs(second_time)
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(1_000_000)
    delivery = await rig.delivery("ep_a", event)
    assert delivery.status == "succeeded"
    assert [a.state for a in delivery.attempts] == ["retrying", "retrying", "succeeded"]
    assert count[event] == 3


async def test_retry_after_only_delays(rigs: Starter) -> None:
    rig = await rigs(lambda _: 503)
    rig.receiver.answer_headers = ((b"Retry-After", b"60"),)
    await rig.endpoint("ep_a")
    await rig.accept()
    start = rig.clock.now()
    await rig.clock.advance(200)
    assert [round((seen.at - start) / 1000) for seen in rig.receiver.seen] == [0, 60]
    await rig.clock.advance(200)  # the third step is 300 s, which a shorter Retry-After does not shorten
    assert [round((seen.at - start) / 1000) for seen in rig.receiver.seen] == [0, 60, 360]


async def test_gone_disables_the_endpoint_and_what_comes_waits(rigs: Starter) -> None:
    rig = await rigs(lambda _: 410)
    await rig.endpoint("ep_a")
    (first,) = await rig.accept()
    await rig.settle()
    row = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert row is not None
    assert not row.enabled
    assert row.disabled_why
    (second,) = await rig.accept()
    await rig.clock.advance(1_000_000)
    assert [seen.message for seen in rig.receiver.seen] == [first]
    rig.receiver.script = lambda _: 204
    await rig.change("ep_a", enabled=True, disabled_why=None)
    await rig.clock.advance(1)
    assert sorted(seen.message for seen in rig.receiver.seen) == sorted([first, first, second])
    for event in (first, second):
        assert (await rig.delivery("ep_a", event)).status == "succeeded"


async def test_an_answer_that_aborts_ends_the_retries_of_that_message(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500)
    rig.receiver.answer_headers = ((b"Webhook-Delivery", b"abort-message"),)
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(1_000_000)
    assert len(rig.receiver.seen) == 1
    assert (await rig.delivery("ep_a", event)).status == "failed"


async def test_a_hanging_endpoint_keeps_its_cap_and_harms_nobody(rigs: Starter) -> None:
    rig = await rigs(lambda seen: None if seen.key == "ep_hangs" else 204)
    await rig.endpoint("ep_hangs")
    await rig.endpoint("ep_well")
    await rig.accept(200)
    await rig.turns()
    sent = Counter(seen.key for seen in rig.receiver.seen)
    assert sent == {"ep_hangs": rig.settings.in_flight_each, "ep_well": 200}
    rig.receiver.release(TIMED_OUT)
    await rig.turns()
    # One by one after it has shown that it does not answer, and what waits for it is bounded.
    assert rig.receiver.under_way["ep_hangs"] == lanes.SLOW_CAP


@pytest.mark.parametrize("answer", [TIMED_OUT, 503])
async def test_an_endpoint_that_does_not_keep_up_holds_the_low_water_mark_back_only_briefly(
    rigs: Starter, answer: Answer
) -> None:
    rig = await rigs(lambda _: None)
    rig.receiver.answer_headers = ((b"retry-after", b"36000"),)
    await rig.endpoint("ep_a")
    await rig.accept(500)
    assert await rig.low_water() == 0
    assert answer is not None
    rig.receiver.release(answer)
    await rig.settle()
    # What was under way has its outcome, what waited has its place in the schedule: nothing is left to a crash.
    assert await rig.low_water() >= 500 - lanes.FRESH_MAX_SLOW - lanes.SLOW_CAP
    rig.receiver.script = lambda _: 204
    rig.receiver.release()
    await rig.clock.advance(40_000)
    assert {seen.message for seen in rig.receiver.seen} == set(rig.accepted)
    assert await rig.low_water() == 500


async def test_what_is_put_aside_in_a_burst_is_recorded_in_pieces(
    rigs: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    settle = outbox.settle

    async def counted(tx: Any, settled: Any, waiting: Any, *more: Any) -> Any:
        sizes.append(len(settled) + len(waiting))
        return await settle(tx, settled, waiting, *more)

    monkeypatch.setattr(outbox, "settle", counted)
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a")
    await rig.accept(3 * settler.GROUP)
    await rig.turns()
    rig.receiver.release(TIMED_OUT)  # only now it shows that the endpoint does not keep up
    await rig.clock.advance(1.0)
    assert max(sizes) <= settler.GROUP
    assert sum(sizes) >= 3 * settler.GROUP - lanes.FRESH_MAX_SLOW - lanes.SLOW_CAP


async def test_the_limit_for_all_is_shared_in_turn(rigs: Starter) -> None:
    rig = await rigs(lambda _: None, Settings(in_flight_each=8, in_flight_all=10, jitter=lambda: 0.5))
    names = [await rig.endpoint(f"ep_{n}") for n in range(5)]
    await rig.accept(20)
    await rig.turns()
    assert sum(rig.receiver.under_way.values()) == 10
    for _ in range(60):
        rig.receiver.release()
        await rig.turns(5)
    assert Counter(seen.key for seen in rig.receiver.seen) == dict.fromkeys(names, 20)
    assert max(rig.receiver.most_under_way.values()) <= 8


async def test_what_memory_does_not_hold_waits_in_the_store_and_comes(
    rigs: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "FRESH_MAX", 10)
    rig = await rigs(lambda _: None, Settings(in_flight_each=4, jitter=lambda: 0.5))
    await rig.endpoint("ep_a")
    await rig.accept(300)
    await rig.settle()
    assert rig.dispatcher.counts["parked"] == 300 - 10 - 4
    rig.receiver.script = lambda _: 204
    rig.receiver.release()
    await rig.clock.advance(2)
    assert Counter(seen.message for seen in rig.receiver.seen) == dict.fromkeys(rig.accepted, 1)
    assert await rig.low_water() == 300


async def test_a_crash_before_any_outcome_loses_nothing(rigs: Starter) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_b")
    await rig.accept(100)
    await rig.turns()
    rig.receiver.script = lambda _: 204
    before = {seen.message: seen.body for seen in rig.receiver.seen}
    await rig.crash()
    await rig.clock.advance(1)
    for name in ("ep_a", "ep_b"):
        for event in rig.accepted:
            assert (await rig.delivery(name, event)).status == "succeeded"
    assert all(seen.body == before.get(seen.message, seen.body) for seen in rig.receiver.seen)
    assert await rig.low_water() == 100


async def test_crashes_at_random_moments_lose_nothing_and_repeat_only_what_was_under_way(
    rigs: Starter,
) -> None:
    moment = random.Random(7)

    def moody(_: Seen) -> Answer:
        return moment.choice([204, 204, 500, TIMED_OUT, None])

    rig = await rigs(moody, Settings(schedule=(0, 5, 5, 5, 5, 5, 5, 5, 5, 5), jitter=lambda: 0.5))
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_b")
    for _ in range(12):
        await rig.accept(moment.randrange(1, 30))
        await rig.clock.advance(moment.choice([0, 0.001, 0.02, 6]))
        await rig.crash()
    rig.receiver.script = lambda _: 204
    await rig.crash()
    await rig.clock.advance(60)
    arrived = {(seen.key, seen.message) for seen in rig.receiver.seen}
    assert arrived == {(name, event) for name in ("ep_a", "ep_b") for event in rig.accepted}
    for name in ("ep_a", "ep_b"):
        for event in rig.accepted:
            assert (await rig.delivery(name, event)).status == "succeeded"


async def test_an_event_goes_to_whoever_was_subscribed_when_it_was_accepted(rigs: Starter) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_early")
    await rig.accept()
    await rig.endpoint("ep_late")
    await rig.turns()
    await rig.crash()
    await rig.clock.advance(1)
    assert {seen.key for seen in rig.receiver.seen} == {"ep_early"}


async def test_a_deleted_endpoint_gets_nothing_more_and_holds_nothing_up(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a")
    await rig.accept(3)
    await rig.settle()
    await rig.store.run(lambda tx: endpoints.delete_endpoint(tx, WORKSPACE, "ep_a", rig.clock.now()))
    sent = len(rig.receiver.seen)
    await rig.clock.advance(1_000_000)
    assert len(rig.receiver.seen) == sent
    await rig.accept(2)
    await rig.crash()
    await rig.clock.advance(10)
    assert len(rig.receiver.seen) == sent
    assert await rig.low_water() == 5


async def test_a_store_that_cannot_record_holds_deliveries_and_then_goes_on(
    rigs: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a")
    real = outbox.settle

    async def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(outbox, "settle", full)
    await rig.accept()
    await rig.clock.advance(0.1)
    assert not rig.dispatcher.alive
    await rig.accept(5)
    await rig.turns()
    assert len(rig.receiver.seen) == 1
    monkeypatch.setattr(outbox, "settle", real)
    await rig.clock.advance(2)
    assert Counter(seen.message for seen in rig.receiver.seen) == dict.fromkeys(rig.accepted, 1)
    for event in rig.accepted:
        assert (await rig.delivery("ep_a", event)).status == "succeeded"


async def test_a_url_that_is_refused_is_an_attempt_that_failed(rigs: Starter) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a", url="https://169.254.169.254/latest/meta-data")
    (event,) = await rig.accept()
    await rig.settle()
    assert rig.receiver.seen == []
    delivery = await rig.delivery("ep_a", event)
    assert delivery.status == "pending"
    assert delivery.attempts[0].kind == "address_forbidden"
    assert delivery.attempts[0].message_customer


async def test_stepping_the_wall_clock_back_delays_nothing_for_good(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a")
    await rig.accept()
    await rig.settle()
    rig.clock.step_wall(3600)
    await rig.clock.advance(120)
    assert len(rig.receiver.seen) >= 2  # an hour ahead: the five seconds are over
    rig.clock.step_wall(-3600)
    rig.receiver.script = lambda _: 204
    await rig.clock.advance(3600 + 400)
    assert (await rig.delivery("ep_a", rig.accepted[0])).status == "succeeded"


async def test_an_outcome_that_no_row_can_hold_costs_itself_only(
    rigs: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a")
    monkeypatch.setattr(dispatcher, "UNRECORDED_MAX", 4)
    with monkeypatch.context() as patch:

        def broken(*args: Any, **kw: Any) -> outbox.Settlement:
            return msgspec.structs.replace(settlement(*args, **kw), kind=object())

        patch.setattr(aftermath, "settlement", broken)
        poisoned = await rig.accept(6)
        await rig.clock.advance(1)
    fresh = await rig.accept(5)
    await rig.clock.advance(1)
    assert [(await rig.delivery("ep_a", event)).status for event in fresh] == ["succeeded"] * 5
    # Nobody can say that they arrived, so they are delivered once more.
    await rig.clock.advance(settler.KEEP)
    assert [(await rig.delivery("ep_a", event)).status for event in poisoned] == ["succeeded"] * 6


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_retry_whose_outcome_no_row_can_hold_is_made_again(
    rigs: Starter, monkeypatch: pytest.MonkeyPatch, ordered: bool
) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a", ordered=ordered)
    (first,) = await rig.accept()
    await rig.settle()
    rig.receiver.script = lambda _: 204
    with monkeypatch.context() as patch:

        def broken(*args: Any, **kw: Any) -> outbox.Settlement:
            return msgspec.structs.replace(settlement(*args, **kw), kind=object())

        patch.setattr(aftermath, "settlement", broken)
        await rig.clock.advance(6)
    (second,) = await rig.accept()
    await rig.clock.advance(settler.KEEP + 1)
    assert [(await rig.delivery("ep_a", event)).status for event in (first, second)] == ["succeeded"] * 2
    assert [seen.message for seen in rig.receiver.seen].count(first) == 3
