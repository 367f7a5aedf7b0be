"""What the dispatcher does with deliveries that are taken back, and with endpoints that are gone."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from switchhook.delivery.sending import Settings
from switchhook.storage import endpoints, expunging
from switchhook.storage.store import Committed, Transaction
from tests.delivery.dispatching import WORKSPACE, Answer, Open, PatientClock, Rig, Seen, make

Starter = Callable[..., "asyncio.Future[Rig]"]
ONE = Settings(schedule=(0, 5, 50), in_flight_each=1, jitter=lambda: 0.5)


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


async def expunge(rig: Rig, event: str) -> None:
    """Remove an event's content, whatever waits."""

    async def work(tx: Transaction) -> None:
        found = await expunging.find_event(tx, WORKSPACE, event)
        assert found is not None
        await expunging.expunge(tx, found, kind="expunged", why="on request", now=rig.clock.now())

    await rig.store.run(work)
    await rig.turns()


async def test_what_waits_in_memory_is_not_sent_once_its_content_was_removed(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONE)
    await rig.endpoint("ep_a")
    first, second, third = await rig.accept(3)
    await rig.clock.advance(1)
    rig.receiver.script = lambda _: None
    rig.receiver.seen.clear()
    await rig.clock.advance(5)  # one is under way, the others are in memory behind it
    assert [seen.message for seen in rig.receiver.seen] == [first]
    await expunge(rig, second)
    rig.receiver.script = lambda _: 204
    rig.receiver.release()
    await rig.clock.advance(1)
    assert [seen.message for seen in rig.receiver.seen] == [first, third]
    delivery = await rig.delivery("ep_a", second)
    assert (delivery.status, [a.kind for a in delivery.attempts]) == ("failed", ["server_error", "expunged"])


async def test_the_outcome_of_what_was_under_way_brings_nothing_back(rigs: Starter) -> None:
    rig = await rigs(lambda _: 500, ONE)
    await rig.endpoint("ep_a")
    (event,) = await rig.accept()
    await rig.clock.advance(1)
    rig.receiver.script = lambda _: None
    await rig.clock.advance(5)
    await expunge(rig, event)
    rig.receiver.release(500)
    rig.receiver.seen.clear()
    await rig.clock.advance(600)
    assert rig.receiver.seen == []
    delivery = await rig.delivery("ep_a", event)
    assert (delivery.status, delivery.next_at, delivery.body) == ("failed", None, b"")
    await rig.crash()
    await rig.clock.advance(600)
    assert rig.receiver.seen == []


async def test_nothing_is_kept_of_a_deleted_endpoint_and_nobody_brings_it_back(rigs: Starter) -> None:
    rig = await rigs(lambda _: None)
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_b")
    await rig.accept(2)
    await rig.turns()
    await rig.store.run(lambda tx: endpoints.delete_endpoint(tx, WORKSPACE, "ep_a", rig.clock.now()))
    await rig.turns()
    assert list(rig.dispatcher._lanes) == [(WORKSPACE, "ep_b")]
    rig.receiver.release()  # what was under way ends, and is told to nobody
    await rig.settle()
    rig.dispatcher.changed(WORKSPACE, "ep_a")
    rig.dispatcher.waits(WORKSPACE, "ep_a", rig.clock.now())
    rig.dispatcher._committed(Committed(endpoints={(WORKSPACE, "ep_a")}, recalled={(WORKSPACE, "ep_a")}))
    await rig.turns()
    assert list(rig.dispatcher._lanes) == [(WORKSPACE, "ep_b")]
    assert await rig.low_water() == 2
