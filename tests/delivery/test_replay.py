"""Recovery, retry and the breaker, carried out: on a real store, with the clock moved by hand."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from switchhook.delivery.recovery import PAUSE, Recoveries
from switchhook.delivery.sending import Settings
from switchhook.storage import endpoints, replay
from switchhook.storage.selection import FAILED, Selection, Tried
from tests.delivery.dispatching import TIMED_OUT, WORKSPACE, Answer, Open, PatientClock, Rig, Seen, make

HOUR = 3_600
ONCE = Settings(schedule=(0,), jitter=lambda: 0.5)
Starter = Callable[..., "asyncio.Future[Rig]"]


@pytest.fixture
async def rigs(open_store: Open) -> AsyncIterator[Callable[..., "asyncio.Task[Rig]"]]:
    made: list[Rig] = []

    async def start(script: Callable[[Seen], Answer], settings: Settings | None = None) -> Rig:
        rig = await make(open_store, PatientClock(), script, settings)
        made.append(rig)
        return rig

    yield lambda *args, **kw: asyncio.ensure_future(start(*args, **kw))
    for rig in made:
        rig.receiver.release()
        await rig.dispatcher.stop()
        await rig.store.close()


async def row(rig: Rig, name: str) -> endpoints.Endpoint:
    found = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, name))
    assert found is not None
    return found


async def recover(rig: Rig, name: str, since: int) -> str:
    """Ask for a recovery as the API does; its id."""
    now = rig.clock.now()
    job = await rig.store.run(
        lambda tx: replay.begin(
            tx,
            workspace=WORKSPACE,
            id="job_1",
            endpoint=name,
            since=since,
            now=now,
        )
    )
    return job.id


async def test_a_recovery_sends_every_failed_message_once_with_its_id_and_bytes(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    since = rig.clock.now()
    await rig.accept(1300)
    await rig.clock.advance(1)
    before = {seen.message: seen.body for seen in rig.receiver.seen}
    assert len(before) == 1300
    rig.receiver.script = lambda _: 204
    rig.receiver.seen.clear()
    await recover(rig, "ep_a", since)
    Recoveries(rig.store, rig.clock).kick()
    await rig.clock.advance(5)
    assert Counter(seen.message for seen in rig.receiver.seen) == dict.fromkeys(rig.accepted, 1)
    assert {seen.message: seen.body for seen in rig.receiver.seen} == before
    assert (await rig.delivery("ep_a", rig.accepted[0])).status == "succeeded"


async def test_a_recovery_that_a_crash_interrupts_goes_on_skips_nothing_and_doubles_nothing(
    rigs: Starter,
) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    since = rig.clock.now()
    await rig.accept(1300)
    await rig.clock.advance(1)
    rig.receiver.script = lambda _: 204
    rig.receiver.seen.clear()
    job = await recover(rig, "ep_a", since)
    await rig.clock.advance(1)  # the first of them go at once; what is under way in a crash would come twice
    # One group, and then the process is gone: its transaction has moved the cursor with what it put back.
    await rig.store.run(lambda tx: replay.advance(tx, WORKSPACE, job, rig.clock.now(), 500))
    await rig.crash()
    Recoveries(rig.store, rig.clock).kick()
    await rig.clock.advance(5)
    assert Counter(seen.message for seen in rig.receiver.seen) == dict.fromkeys(rig.accepted, 1)
    found = await rig.store.read(lambda r: replay.find(r, WORKSPACE, job))
    assert found is not None
    assert (found.queued, found.finished_at is not None) == (1300, True)


async def test_a_replayed_delivery_gets_its_whole_schedule_again_and_attempts_are_numbered_on(
    rigs: Starter,
) -> None:
    rig = await rigs(lambda _: 500, Settings(schedule=(0, 5), jitter=lambda: 0.5))
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(10)
    assert (await rig.delivery("ep_a", event)).status == "failed"
    now = rig.clock.now()
    await rig.store.run(
        lambda tx: replay.replay(tx, workspace=WORKSPACE, endpoint="ep_a", event=event, attempts=2, now=now)
    )
    await rig.clock.advance(10)
    delivery = await rig.delivery("ep_a", event)
    assert [(a.number, a.state) for a in delivery.attempts] == [
        (1, "retrying"),
        (2, "failed"),
        (3, "retrying"),
        (4, "failed"),
    ]


async def test_a_delivery_that_waits_for_its_last_attempt_gets_its_whole_schedule_too(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, Settings(schedule=(0, 5, 50), jitter=lambda: 0.5))
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(10)
    assert (await rig.delivery("ep_a", event)).status == "pending"
    now = rig.clock.now()
    await rig.store.run(
        lambda tx: replay.replay(tx, workspace=WORKSPACE, endpoint="ep_a", event=event, attempts=2, now=now)
    )
    await rig.clock.advance(100)
    delivery = await rig.delivery("ep_a", event)
    assert [a.state for a in delivery.attempts] == ["retrying"] * 4 + ["failed"]


@pytest.mark.parametrize("under_way", [2, 3], ids=["one of several", "the last"])
async def test_what_is_asked_for_while_an_attempt_is_under_way_is_sent_when_that_fails(
    rigs: Starter, under_way: int
) -> None:
    rig = await rigs(lambda _: 500, Settings(schedule=(0, 5, 50), jitter=lambda: 0.5))
    rig.receiver.script = lambda _: None if len(rig.receiver.seen) == under_way else 500
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(56 if under_way == 3 else 6)
    assert len(rig.receiver.held) == 1
    asked, made = rig.clock.now(), under_way - 1
    await rig.store.run(
        lambda tx: replay.replay(
            tx, workspace=WORKSPACE, endpoint="ep_a", event=event, attempts=made, now=asked
        )
    )
    rig.receiver.release(500)
    await rig.clock.advance(1)
    assert len(rig.receiver.seen) == under_way + 1  # at once, as was asked
    await rig.clock.advance(100)
    delivery = await rig.delivery("ep_a", event)
    assert [(a.number, a.state) for a in delivery.attempts] == [
        *((number, "retrying") for number in range(1, under_way + 2)),
        (under_way + 2, "failed"),
    ]


async def test_what_is_asked_for_twice_before_its_one_attempt_has_failed_is_sent_twice(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(1)

    async def ask() -> None:
        now = rig.clock.now()
        await rig.store.run(
            lambda tx: replay.replay(
                tx, workspace=WORKSPACE, endpoint="ep_a", event=event, attempts=1, now=now
            )
        )

    rig.receiver.script = lambda _: None
    await ask()
    await rig.clock.advance(1)
    assert len(rig.receiver.held) == 1
    await ask()  # the second series begins where the first did: with the attempt that is under way
    rig.receiver.script = lambda _: 204
    rig.receiver.release(500)
    await rig.clock.advance(1)
    assert (await rig.delivery("ep_a", event)).status == "succeeded"
    assert len(rig.receiver.seen) == 3


async def test_what_succeeds_while_it_is_asked_for_once_more_is_over(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, Settings(schedule=(0, 5), jitter=lambda: 0.5))
    rig.receiver.script = lambda _: None if len(rig.receiver.seen) == 2 else 500
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(6)
    now = rig.clock.now()
    await rig.store.run(
        lambda tx: replay.replay(tx, workspace=WORKSPACE, endpoint="ep_a", event=event, attempts=1, now=now)
    )
    rig.receiver.release(204)
    await rig.clock.advance(100)
    assert len(rig.receiver.seen) == 2
    assert (await rig.delivery("ep_a", event)).status == "succeeded"


async def test_new_messages_go_on_while_a_backlog_is_recovered(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    since = rig.clock.now()
    await rig.accept(600)
    await rig.clock.advance(1)
    rig.receiver.script = lambda _: None
    await recover(rig, "ep_a", since)
    Recoveries(rig.store, rig.clock).kick()
    await rig.clock.advance(1)
    rig.receiver.seen.clear()
    fresh = set(await rig.accept(50))
    for _ in range(8):
        rig.receiver.release()
        await rig.turns()
    arrived = [seen.message in fresh for seen in rig.receiver.seen]
    # They take turns: of what was sent since, about every second was new, until all were out.
    assert sum(arrived) == 50
    assert 40 <= sum(arrived[:100]) <= 60


async def test_the_breaker_disables_after_five_days_and_its_clock_outlives_restarts(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, Settings(schedule=(0,), jitter=lambda: 0.5))
    await rig.endpoint("ep_a")
    start = rig.clock.now()
    hours = 0
    while (await row(rig, "ep_a")).enabled:
        await rig.accept()
        await rig.clock.advance(6 * HOUR)
        hours += 6
        if hours % 24 == 0:
            await rig.crash()
        assert hours < 200
    # 12 hours until the clock begins, five days on it; noticed by the first failure after that.
    assert 132 <= (rig.clock.now() - start) / 3_600_000 <= 144
    assert "five days" in str((await row(rig, "ep_a")).disabled_why)


async def test_one_success_clears_the_breakers_clock_for_good(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    for _ in range(4):
        await rig.accept()
        await rig.clock.advance(6 * HOUR)
    assert (await row(rig, "ep_a")).failing_clock is not None
    rig.receiver.script = lambda _: 204
    await rig.accept()
    await rig.settle()
    found = await row(rig, "ep_a")
    assert (found.failing_first, found.failing_clock) == (None, None)


async def test_an_endpoint_enabled_after_the_breaker_has_its_five_days_again(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    while (await row(rig, "ep_a")).enabled:
        await rig.accept()
        await rig.clock.advance(6 * HOUR)
    found = await row(rig, "ep_a")
    # The outcome that disabled it is recorded a little later than it acts; it must not bring the old clock back.
    assert (found.failing_first, found.failing_clock) == (None, None)
    await rig.change("ep_a", enabled=True, disabled_why=None)
    await rig.accept()
    await rig.settle()
    assert (await row(rig, "ep_a")).enabled


async def test_an_endpoint_disabled_by_hand_begins_anew_when_it_is_enabled(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    for _ in range(4):
        await rig.accept()
        await rig.clock.advance(6 * HOUR)
    assert (await row(rig, "ep_a")).failing_clock is not None
    await rig.change("ep_a", enabled=False)
    await rig.clock.advance(10 * 24 * HOUR)
    await rig.change("ep_a", enabled=True)
    await rig.accept()
    await rig.settle()
    assert (await row(rig, "ep_a")).enabled


async def test_an_overloaded_endpoint_gets_a_pause_as_a_whole(rigs: Starter) -> None:
    rig = await rigs(lambda _: 503, Settings(in_flight_each=4, jitter=lambda: 0.5))
    rig.receiver.answer_headers = ((b"retry-after", b"30"),)
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_b")
    rig.receiver.script = lambda seen: 503 if seen.key == "ep_a" else 204
    await rig.accept(20)
    await rig.clock.advance(29)
    sent = Counter(seen.key for seen in rig.receiver.seen)
    assert sent["ep_b"] == 20
    assert sent["ep_a"] <= 4  # what was under way; the others wait, the neighbour does not
    rig.receiver.script = lambda _: 204
    await rig.clock.advance(40)
    arrived = {seen.message for seen in rig.receiver.seen if seen.key == "ep_a"}
    assert arrived == set(rig.accepted)


def mixed(seen: Seen) -> Answer:
    """What a receiver in trouble answers: always the same to the same message."""
    return (500, 404, 501, 204, TIMED_OUT)[sum(seen.message.encode()) % 5]


async def retry(rig: Rig, name: str, selection: Selection, id: str = "job_1") -> str:
    """Ask for a retry as the API does; its id."""
    now = rig.clock.now()
    job = await rig.store.run(
        lambda tx: replay.begin_selected(
            tx, selection, workspace=WORKSPACE, id=id, endpoint=name, since=0, until=None, now=now
        )
    )
    return job.id


@pytest.mark.parametrize(
    "selection",
    [
        Selection(answers=("5xx",)),
        Selection(became=("succeeded",)),
        Selection(became=(), answers=("404", "2xx")),
        Selection(results=("response_timeout",)),
        Selection(became=()),
    ],
)
@pytest.mark.parametrize("groups", [0, 1, 5])
async def test_a_retry_that_is_killed_again_and_again_sends_what_it_selects_once(
    rigs: Starter, selection: Selection, groups: int
) -> None:
    rig = await rigs(mixed, ONCE)
    await rig.endpoint("ep_a")
    ids = await rig.accept(300)
    await rig.clock.advance(60)
    rows = [await rig.delivery("ep_a", id_) for id_ in ids]
    wanted = [
        row.event
        for row in rows
        if selection.takes(
            Tried(
                *(row.event, len(row.attempts), row.status, row.attempts[-1].kind, row.attempts[-1].status),
                *(row.topic, False),
            )
        )
    ]
    assert 0 < len(wanted) <= 300
    rig.receiver.script = lambda _: 204
    rig.receiver.seen.clear()
    job = await retry(rig, "ep_a", selection)
    for _ in range(3):
        for _ in range(groups):
            await rig.store.run(lambda tx: replay.advance(tx, WORKSPACE, job, rig.clock.now(), 17))
        await rig.clock.advance(0.1)
        await rig.crash()
    Recoveries(rig.store, rig.clock).kick()
    await rig.clock.advance(5)
    assert Counter(seen.message for seen in rig.receiver.seen) == dict.fromkeys(wanted, 1)
    found = await rig.store.read(lambda r: replay.find(r, WORKSPACE, job))
    assert found is not None
    assert (found.queued, found.finished_at is not None, found.cancelled) == (len(wanted), True, False)
    assert len(wanted) <= found.looked_at <= 300


async def test_a_long_recovery_does_not_keep_a_short_one_waiting(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONCE)
    await rig.endpoint("ep_a")
    await rig.accept(1000)
    await rig.endpoint("ep_b", topics=("tag.removed",))
    await rig.clock.advance(1)
    rig.receiver.script = lambda _: None
    long, short = await retry(rig, "ep_a", FAILED), await retry(rig, "ep_b", FAILED, "job_2")
    Recoveries(rig.store, rig.clock).kick()
    await rig.clock.advance(0.1)
    assert [job.id for job in await rig.store.read(replay.unfinished)] == [long]
    found = await rig.store.read(lambda r: replay.find(r, WORKSPACE, short))
    assert found is not None
    assert found.finished_at is not None


async def test_what_is_not_selected_is_passed_over_in_larger_steps(rigs: Starter) -> None:
    rig = await rigs(lambda _: 204, ONCE)
    await rig.endpoint("ep_a")
    await rig.accept(1200)
    await rig.clock.advance(1)
    job = await retry(rig, "ep_a", Selection(became=("succeeded",), topics=("sms.sent",)))
    Recoveries(rig.store, rig.clock).kick()
    await rig.clock.advance(8 * PAUSE)  # 50, 100, 200 and then 400 at a time
    found = await rig.store.read(lambda r: replay.find(r, WORKSPACE, job))
    assert found is not None
    assert (found.looked_at, found.queued, found.finished_at is not None) == (1200, 0, True)
