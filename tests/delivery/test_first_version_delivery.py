"""An endpoint of the first version on its way through the engine: unsigned, and the same bytes on every attempt."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from switchhook.events.catalogue import CATALOGUE
from switchhook.events.envelope import render
from switchhook.events.first_version import body_of
from switchhook.storage import outbox
from tests.delivery.dispatching import WORKSPACE, Answer, Open, PatientClock, Rig, Seen, make

TOPIC = "call.completed"
NUMBER = "+33123456789"
Start = Callable[[Callable[[Seen], Answer]], Awaitable[Rig]]


@pytest.fixture
async def start(open_store: Open) -> AsyncIterator[Start]:
    made: list[Rig] = []

    async def begin(script: Callable[[Seen], Answer]) -> Rig:
        made.append(await make(open_store, PatientClock(), script))
        return made[-1]

    yield begin
    for rig in made:
        rig.receiver.release()
        await rig.dispatcher.stop()
        await rig.store.close()


async def accept(rig: Rig, id_: str, number: str = NUMBER) -> bytes:
    body = render(TOPIC, CATALOGUE[TOPIC].example, rig.clock.now())
    event = outbox.NewEvent(WORKSPACE, id_, TOPIC, body, rig.clock.now(), own_number=number)
    await rig.store.run(lambda tx: outbox.accept(tx, event))
    await rig.turns()
    return body


async def test_every_attempt_has_the_id_and_the_bytes_of_the_first_also_after_a_crash(start: Start) -> None:
    rig = await start(lambda seen: 503 if seen.key == "web_a" else 204)
    await rig.endpoint("web_a", topics=(TOPIC,), own_number=NUMBER)
    await rig.endpoint("ep_b", topics=(TOPIC,))
    body = await accept(rig, "msg_1")
    await rig.settle()
    await rig.clock.advance(6)
    await rig.crash()
    rig.receiver.script = lambda _: 204
    await rig.clock.advance(400)
    first = [seen for seen in rig.receiver.seen if seen.key == "web_a"]
    assert len(first) >= 3
    assert {(seen.message, seen.body) for seen in first} == {("msg_1", body_of(body))}
    (other,) = [seen for seen in rig.receiver.seen if seen.key == "ep_b"]
    assert other.body == body
    await rig.settle()
    row = await rig.delivery("web_a", "msg_1")
    assert (row.status, row.body) == ("succeeded", body_of(body))


async def test_it_gets_the_events_of_its_number_and_no_others(start: Start) -> None:
    rig = await start(lambda _: 204)
    await rig.endpoint("web_a", topics=(TOPIC,), own_number=NUMBER)
    await accept(rig, "msg_1", "+33198765432")
    await accept(rig, "msg_2")
    await rig.settle()
    assert [seen.message for seen in rig.receiver.seen] == ["msg_2"]
    if rig.store.shared:
        await rig.turns()
    assert rig.dispatcher.snapshot()["events_above_low_water"] == 0  # an event for nobody holds nothing back
