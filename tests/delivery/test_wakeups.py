"""Nothing that waits is forgotten: after faults in the middle of a step, late answers, and clocks that jump."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from switchhook.delivery import backlog, operational, reading, request
from switchhook.delivery.lane import FRESH_MAX_SLOW, LaneState
from switchhook.delivery.recovery import Recoveries
from switchhook.storage import endpoints, outbox, replay
from switchhook.storage.store import Reader, StorageError, Transaction
from tests.delivery.dispatching import WORKSPACE, Answer, Open, PatientClock, Rig, Seen, make

Start = Callable[[Callable[[Seen], Answer]], Awaitable[Rig]]


@pytest.fixture
async def rigs(open_store: Open) -> AsyncIterator[Start]:
    made: list[Rig] = []

    async def start(script: Callable[[Seen], Answer]) -> Rig:
        made.append(await make(open_store, PatientClock(), script))
        return made[-1]

    yield start
    for rig in made:
        rig.receiver.release()
        await rig.dispatcher.stop()
        await rig.store.close()


def once(real: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """`real`, which fails the first time."""
    errors = [error]

    def step(*args: Any, **values: Any) -> Any:
        if errors:
            raise errors.pop()
        return real(*args, **values)

    return step


async def test_a_wall_clock_that_jumps_ahead_holds_up_nothing_that_is_handed_over(rigs: Start) -> None:
    answers = [500]
    rig = await rigs(lambda _: answers.pop() if answers else 204)
    await rig.endpoint("ep_a")
    await rig.accept()  # its second attempt is due in seconds, and a timer stands there
    await rig.settle()
    await rig.change("ep_a", paused=True)
    (waiting,) = await rig.accept()
    await rig.settle()
    rig.clock.step_wall(-3_600)
    await rig.change("ep_a", paused=False)
    await rig.clock.advance(0.1)
    rig.clock.step_wall(7_200)  # everything is due by now
    rig.dispatcher.waits(WORKSPACE, "ep_a", rig.clock.now())
    await rig.clock.advance(0.1)
    assert waiting in {seen.message for seen in rig.receiver.seen}
    assert len(rig.receiver.seen) == 3


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_fault_in_reading_what_is_due_is_got_over(
    rigs: Start, monkeypatch: pytest.MonkeyPatch, ordered: bool
) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a", ordered=ordered, paused=True)
    ids = await rig.accept(3)
    await rig.settle()
    monkeypatch.setattr(outbox, "_due", once(outbox._due, ValueError("what no row should hold")))
    await rig.change("ep_a", paused=False)
    await rig.clock.advance(3 * backlog.AFTER_ERROR)
    assert [seen.message for seen in rig.receiver.seen] == ids


async def test_a_fault_in_reading_an_endpoint_is_got_over_and_memory_stays_small(
    rigs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a")
    monkeypatch.setattr(reading, "prepare", once(request.prepare, ValueError("what no endpoint should have")))
    await rig.crash()
    ids = await rig.accept(60)
    await rig.turns()
    assert rig.dispatcher._lanes[WORKSPACE, "ep_a"].queued <= FRESH_MAX_SLOW
    await rig.clock.advance(3 * reading.AGAIN)
    assert {seen.message for seen in rig.receiver.seen} == set(ids)


async def test_an_endpoint_that_is_gone_is_disabled_also_when_the_store_refuses_at_first(
    rigs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(lambda _: 410)
    await rig.endpoint("ep_a")
    monkeypatch.setattr(operational, "disable", once(operational.disable, StorageError("not now")))
    await rig.accept()
    await rig.clock.advance(3)
    row = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert row is not None
    assert not row.enabled


async def test_what_was_read_of_an_endpoint_before_a_change_does_not_undo_it(
    rigs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a")
    real, gates = rig.store.read, [asyncio.Event()]
    gate = gates[0]

    async def slow(work: Callable[[Reader], Awaitable[Any]], **more: Any) -> Any:
        found = await real(work, **more)
        if gates:
            await gates.pop().wait()  # the answer is long on its way
        return found

    monkeypatch.setattr(rig.dispatcher._reading._store, "read", slow)
    rig.dispatcher.changed(WORKSPACE, "ep_a")
    await rig.turns()
    assert not gates
    await rig.change("ep_a", paused=True)
    gate.set()
    await rig.turns()
    assert rig.dispatcher._lanes[WORKSPACE, "ep_a"].state is LaneState.CLOSED
    await rig.accept()
    await rig.clock.advance(1)
    assert rig.receiver.seen == []


async def test_a_recovery_that_is_asked_for_while_the_last_one_ends_is_carried_on(
    rigs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(lambda _: 204)
    recoveries = Recoveries(rig.store, rig.clock)
    real = replay.unfinished
    looks = 0

    async def look(reader: Reader) -> list[replay.Recovery]:
        nonlocal looks
        looks += 1
        return await real(reader)

    monkeypatch.setattr(replay, "unfinished", look)
    kicked = asyncio.Event()

    async def work() -> None:
        await Recoveries._work(recoveries)
        if not kicked.is_set():
            kicked.set()
            asyncio.get_running_loop().call_soon(
                recoveries.kick
            )  # before anybody hears that this one has ended

    monkeypatch.setattr(recoveries, "_work", work)
    recoveries.kick()
    await rig.clock.advance(1)
    await recoveries.stop()
    assert looks == 2


async def test_a_recovery_that_cannot_go_on_keeps_no_other_one_waiting(
    rigs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a")
    begun = rig.clock.now()
    for n in (1, 2):
        await rig.store.run(
            lambda tx, n=n: replay.begin(  # type: ignore[misc]
                tx, workspace=WORKSPACE, id=f"job_{n}", endpoint="ep_a", since=begun, now=begun + n
            )
        )
    real = replay.advance

    async def advance(tx: Transaction, workspace: str, id: str, now: int, limit: int) -> replay.Step | None:
        if id == "job_1":
            raise ValueError("what no job should have")
        return await real(tx, workspace, id, now, limit)

    monkeypatch.setattr(replay, "advance", advance)
    recoveries = Recoveries(rig.store, rig.clock)
    recoveries.kick()
    await rig.clock.advance(1)
    await recoveries.stop()
    assert [job.id for job in await rig.store.read(replay.unfinished)] == ["job_1"]


async def test_a_store_that_is_away_is_two_lines_in_the_log_however_many_endpoints_wait_for_it(
    rigs: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await rigs(lambda _: 500)
    for n in range(10):
        await rig.endpoint(f"ep_{n}")
    await rig.accept()
    await rig.settle()
    rig.receiver.script = lambda _: 204

    async def away(*_: object, **__: object) -> None:
        raise StorageError("it is away")

    caplog.clear()
    with monkeypatch.context() as patch:
        for name in ("read", "run"):
            patch.setattr(rig.store, name, away)
        for n in range(10):
            rig.dispatcher.changed(WORKSPACE, f"ep_{n}")
        await rig.clock.advance(30)  # the second attempts have come due
    await rig.clock.advance(5)
    assert len(rig.receiver.seen) == 20
    lines = [
        record.getMessage() for record in caplog.records if record.name == "switchhook.delivery.refusals"
    ]
    assert sorted(line.partition(",")[0].partition(";")[0] for line in lines) == [
        *("cannot read endpoints", "cannot read what is due"),
        *("endpoints can be read again", "what is due can be read again"),
    ]
