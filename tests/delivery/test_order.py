"""Ordered endpoints: one delivery at a time, in the order of acceptance, whatever happens on the way."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from switchhook.delivery.exchange import Failure
from switchhook.delivery.sending import Settings
from switchhook.storage import endpoints, outbox, replay
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Store
from tests.delivery.dispatching import (
    TIMED_OUT,
    WORKSPACE,
    Answer,
    Open,
    PatientClock,
    Rig,
    Seen,
    make,
)

SCHEDULE = (0, 5, 5)
SETTINGS = Settings(schedule=SCHEDULE, jitter=lambda: 0.5)
Start = Callable[..., "asyncio.Task[Rig]"]


@pytest.fixture
async def rigs(open_store: Open) -> AsyncIterator[Start]:
    """Makes rigs on one store, with one clock, and ends them."""
    made: list[Rig] = []
    clock = PatientClock()

    async def start(script: Callable[[Seen], Answer], numbers: Settings = SETTINGS) -> Rig:
        rig = await make(open_store, clock, script, numbers)
        made.append(rig)
        pending = [one.store.pending for one in made if hasattr(one.store, "pending")]
        if pending:
            clock.pending = lambda: sum(getattr(one.store, "pending", 0) for one in made)
        return rig

    yield lambda *args, **kw: asyncio.ensure_future(start(*args, **kw))
    for rig in made:
        rig.receiver.script = lambda _: 204
        rig.receiver.release()
        await rig.dispatcher.stop()
        await rig.store.close()


class Witness:
    """A receiver that knows the order, and holds every request against it as it comes in."""

    def __init__(self, script: Callable[[Seen], Answer]) -> None:
        self.script = script
        self.order: list[str] = []
        self.others: set[str] = set()
        self.over: set[str] = set()
        self.failed: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.ordered = True

    def __call__(self, seen: Seen) -> Answer:
        if seen.message in self.others:
            return self.script(seen)
        place = self.order.index(seen.message) if seen.message in self.order else len(self.order)
        if not self.ordered:
            place = 0  # nobody asks for an order
        if early := [one for one in self.order[:place] if one not in self.over]:
            self.wrong.append(f"{seen.message} came before {early}")
        answer = self.script(seen)
        if answer is not None:
            self.answered(seen.message, answer)
        return answer

    def answered(self, message: str, answer: int | Failure) -> None:
        self.failed[message] += answer != 204
        if answer == 204 or self.failed[message] >= len(SCHEDULE):
            self.over.add(message)

    def release(self, rig: Rig, answer: int) -> None:
        """Answer what was held."""
        for request, _ in rig.receiver.held:
            self.answered(request.headers.split(b"webhook-id: ")[1].split(b"\r\n")[0].decode(), answer)
        rig.receiver.release(answer)

    async def accept(self, rig: Rig, count: int = 1) -> list[str]:
        """Accept events one after the other: known to the witness before anything can be sent."""
        made = []
        for _ in range(count):
            (id_,) = await rig.accept()
            self.order.append(id_)
            made.append(id_)
        return made


async def test_messages_go_one_at_a_time_in_the_order_they_were_accepted(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a", ordered=True)
    ids = await rig.accept(20)
    for count in range(1, 21):
        await rig.clock.advance(0.02)
        assert [seen.message for seen in rig.receiver.seen] == ids[:count]
        assert rig.receiver.under_way["ep_a"] == 1
        rig.receiver.release()
    await rig.settle()
    assert await rig.low_water() == 20


async def test_a_message_that_waits_for_its_retry_holds_those_behind_it(rigs: Start) -> None:
    first: set[str] = set()

    def script(seen: Seen) -> Answer:
        first.add(seen.message)
        return 500 if seen.message == min(first) else 204

    rig = await rigs(script)
    await rig.endpoint("ep_a", ordered=True)
    await rig.endpoint("ep_b")
    await rig.accept(10)
    await rig.clock.advance(4)
    assert [seen.message for seen in rig.receiver.seen if seen.key == "ep_a"] == rig.accepted[:1]
    assert (
        len({seen.message for seen in rig.receiver.seen if seen.key == "ep_b"}) == 10
    )  # nobody else waits with them
    assert await rig.low_water() == 10  # and neither does the mark
    await rig.clock.advance(8)
    sent = [seen.message for seen in rig.receiver.seen if seen.key == "ep_a"]
    assert (
        sent == [rig.accepted[0]] * 3 + rig.accepted[1:]
    )  # given up after its last attempt, the others go on


async def test_acceptance_and_its_place_in_line_are_one_commit(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a", ordered=True)
    (event,) = await rig.accept()
    rows = await rig.store.read(lambda r: r.fetch("schedule_of", WORKSPACE, "ep_a", event))
    assert rows == [(0, rig.clock.now())]


async def test_a_batch_goes_in_its_own_order(rigs: Start) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a", ordered=True)
    # Keys in the opposite order: what the database sorts by must not become the order of acceptance.
    batch = [
        outbox.NewEvent(WORKSPACE, f"msg_{n:03}", "tag.added", b"{}", rig.clock.now(), f"key {999 - n}")
        for n in range(50)
    ]
    await rig.store.run(lambda tx: outbox.accept_all(tx, batch))
    await rig.clock.advance(5)
    assert [seen.message for seen in rig.receiver.seen] == [event.id for event in batch]


async def test_a_clock_that_is_set_back_does_not_change_the_order(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a", ordered=True)
    ids = []
    for n in (3, 2, 1):  # ids sort by their age; these pretend that the clock was set back before each
        event = outbox.NewEvent(WORKSPACE, f"msg_{n}", "tag.added", b"{}", rig.clock.now() - n * 1000)
        await rig.store.run(lambda tx, event=event: outbox.accept(tx, event))  # type: ignore[misc]
        ids.append(event.id)
    rig.receiver.script = lambda _: 204
    for _ in range(3):
        rig.receiver.release()
        await rig.clock.advance(1)
    assert [seen.message for seen in rig.receiver.seen] == ids


async def test_what_was_never_tried_does_not_wait_for_a_clock_that_was_ahead(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a", ordered=True)
    rig.clock.step_wall(3600)
    ids = await rig.accept()
    await rig.clock.advance(0.1)
    ids += await rig.accept(3)
    rig.clock.step_wall(-3600)
    rig.receiver.script = lambda _: 204
    rig.receiver.release()
    await rig.clock.advance(1)
    assert [seen.message for seen in rig.receiver.seen] == ids


async def test_order_holds_through_failures_stops_and_crashes(rigs: Start) -> None:
    moment = random.Random(11)
    witness = Witness(lambda _: moment.choice([204, 204, 204, 500, TIMED_OUT, 503, None]))
    rig = await rigs(witness)
    await rig.endpoint("ep_a", ordered=True)
    for _ in range(25):
        await witness.accept(rig, moment.randrange(0, 6))
        await rig.clock.advance(moment.choice([0, 0.001, 0.02, 6, 30]))
        what = moment.choice(["crash", "pause", "nothing", "nothing", "off"])
        if what == "crash":
            await rig.crash()
        elif what == "pause":
            await rig.change("ep_a", paused=True)
            await rig.change("ep_a", paused=False)
        elif what == "off":
            await rig.change("ep_a", enabled=False)
            await rig.change("ep_a", enabled=True)
    witness.script = lambda _: 204
    await rig.crash()
    await rig.clock.advance(600)
    assert witness.wrong == []
    assert {seen.message for seen in rig.receiver.seen} == set(witness.order)
    assert witness.over == set(witness.order)


async def sqlite_run(steps: list[tuple[int, float, str]], answers: list[Answer]) -> Witness:
    with TemporaryDirectory() as folder:

        async def open_() -> Store:
            return SqliteStore(Path(folder) / "x.db")

        turn = iter(answers)
        witness = Witness(lambda _: next(turn, 204))
        rig = await make(open_, PatientClock(), witness, SETTINGS)
        await rig.endpoint("ep_a", ordered=True)
        for count, seconds, what in steps:
            await witness.accept(rig, count)
            await rig.clock.advance(seconds)
            if what == "crash":
                await rig.crash()
            elif what == "toggle":
                await rig.change("ep_a", paused=True)
                await rig.change("ep_a", paused=False)
            elif what in ("on", "off"):
                witness.ordered = what == "on"
                await rig.change("ep_a", ordered=witness.ordered)
            elif what == "replay":
                for event in witness.order[:1]:
                    row = await rig.delivery("ep_a", event)
                    if row.status == "failed":
                        witness.over.discard(event)
                        witness.failed[event] = 0
                        await rig.store.run(
                            lambda tx, row=row: replay.replay(  # type: ignore[misc]
                                tx,
                                workspace=WORKSPACE,
                                endpoint="ep_a",
                                event=row.event,
                                attempts=len(row.attempts),
                                now=rig.clock.now(),
                            )
                        )
        witness.script = lambda _: 204
        if not witness.ordered:
            witness.ordered = True
            await rig.change("ep_a", ordered=True)
        await rig.crash()
        await rig.clock.advance(60)
        await rig.dispatcher.stop()
        await rig.store.close()
        assert witness.over == set(witness.order)
        return witness


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from([0.0, 0.001, 0.006, 0.02, 5.0, 11.0]),
            st.sampled_from(["nothing", "crash", "toggle", "replay", "on", "off"]),
        ),
        min_size=1,
        max_size=8,
    ),
    answers=st.lists(st.sampled_from([204, 500, 429, TIMED_OUT, None]), max_size=12),
)
@example(
    [(2, 11.0, "replay"), (0, 5.0, "nothing")], [500, 429, 429]
)  # asked for while the next one waits in memory
@example(
    [(0, 0.001, "off"), (1, 0.0, "on"), (1, 0.001, "nothing")], [500]
)  # the first has failed, and that is not recorded yet
def test_no_interleaving_breaks_the_order(steps: list[tuple[int, float, str]], answers: list[Answer]) -> None:
    """Any message comes only when every one accepted before it was taken, or given up after its last attempt."""
    assert asyncio.run(sqlite_run(steps, answers)).wrong == []


async def test_two_processes_accept_and_one_of_them_has_the_line(rigs: Start, open_store: Open) -> None:
    probe = await open_store()
    shared = probe.shared
    await probe.close()
    if not shared:
        pytest.skip("one process owns an embedded database")
    moment = random.Random(5)
    witness = Witness(lambda _: moment.choice([204, 204, 204, 204, 500, None]))
    one, two = await rigs(witness), await rigs(witness)
    await one.endpoint("ep_a", ordered=True)
    await two.turns()
    for _ in range(40):
        await witness.accept(moment.choice([one, two]), moment.randrange(1, 4))
        await one.clock.advance(moment.choice([0, 0, 0.02, 6]))
        for rig in (one, two):
            witness.release(rig, moment.choice([204, 500]))
            if moment.random() < 0.3:
                await rig.dispatcher._membership.tick()  # type: ignore[attr-defined]
        under_way = one.receiver.under_way["ep_a"] + two.receiver.under_way["ep_a"]
        assert under_way <= 1
    witness.script = lambda _: 204
    for _ in range(200):
        for rig in (one, two):
            witness.release(rig, 204)
            await rig.dispatcher._membership.tick()  # type: ignore[attr-defined]
        await one.clock.advance(6)
        if witness.over == set(witness.order):
            break
    assert witness.over == set(witness.order)
    assert witness.wrong == []
    assert one.receiver.seen
    assert two.receiver.seen


async def test_switching_order_on_keeps_it_for_what_comes_then_and_loses_nothing(rigs: Start) -> None:
    moment = random.Random(3)
    witness = Witness(lambda _: None)
    rig = await rigs(witness)
    await rig.endpoint("ep_a")
    before = await rig.accept(60)
    await rig.turns()
    witness.others = {seen.message for seen in rig.receiver.seen}
    assert len(witness.others) == rig.settings.in_flight_each
    witness.order += [one for one in before if one not in witness.others]
    await rig.change("ep_a", ordered=True)
    await witness.accept(rig, 10)
    witness.script = lambda _: moment.choice([204, 204, 500, None])
    for _ in range(30):
        witness.release(rig, 204)
        await rig.clock.advance(20)
    assert witness.wrong == []
    assert {seen.message for seen in rig.receiver.seen} == {*before, *witness.order}
    assert set(witness.order) <= witness.over


async def test_switching_order_off_lets_everything_go_at_once(rigs: Start) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a", ordered=True)
    await rig.accept(10)
    await rig.clock.advance(0)
    assert len(rig.receiver.seen) == 1
    await rig.change("ep_a", ordered=False)
    await rig.clock.advance(1)
    assert sorted(seen.message for seen in rig.receiver.seen) == sorted(rig.accepted)


async def test_what_is_sent_again_goes_before_what_came_later(rigs: Start) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a", ordered=True)
    first, _ = await rig.accept(2)
    await rig.clock.advance(60)
    assert (await rig.delivery("ep_a", first)).status == "failed"
    await rig.change("ep_a", paused=True)
    later = await rig.accept(2)
    await rig.store.run(
        lambda tx: replay.replay(
            tx, workspace=WORKSPACE, endpoint="ep_a", event=first, attempts=3, now=rig.clock.now()
        )
    )
    rig.receiver.seen.clear()
    rig.receiver.script = lambda _: 204
    await rig.change("ep_a", paused=False)
    await rig.clock.advance(1)
    assert [seen.message for seen in rig.receiver.seen] == [first, *later]


async def test_an_event_for_one_endpoint_stands_in_line_too(rigs: Start) -> None:
    rig = await rigs(lambda _: 204)
    await rig.endpoint("ep_a", ordered=True, topics=())
    event = outbox.NewEvent(WORKSPACE, "msg_1", "tag.added", b"{}", rig.clock.now())
    await rig.store.run(lambda tx: outbox.accept_for(tx, event, "ep_a"))
    rows = await rig.store.read(lambda r: r.fetch("schedule_of", WORKSPACE, "ep_a", "msg_1"))
    assert rows
    await rig.clock.advance(1)
    assert [seen.message for seen in rig.receiver.seen] == ["msg_1"]


async def test_a_disabled_ordered_endpoint_misses_nothing(rigs: Start) -> None:
    rig = await rigs(lambda _: 410)
    await rig.endpoint("ep_a", ordered=True)
    await rig.accept(3)
    await rig.clock.advance(1)
    row = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert row is not None
    assert not row.enabled
    await rig.accept(2)
    rig.receiver.script = lambda _: 204
    await rig.change("ep_a", enabled=True)
    await rig.clock.advance(10)
    assert [seen.message for seen in rig.receiver.seen] == [rig.accepted[0], *rig.accepted]
