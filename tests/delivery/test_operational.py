"""What is told about deliveries and endpoints: to whom, once, and only together with what it reports."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from switchhook.clock import parse_iso
from switchhook.delivery import operational
from switchhook.delivery.health import record
from switchhook.delivery.lane import FRESH_MAX
from switchhook.delivery.sending import Settings
from switchhook.events import CATALOGUE, OPERATIONAL, Disabled, parse
from switchhook.storage import endpoints, outbox
from switchhook.storage.outbox import Settlement
from switchhook.storage.store import Lane, Reader, StorageError, Transaction
from tests.delivery.dispatching import WORKSPACE, Answer, Open, PatientClock, Rig, Seen, make

HOUR = 3_600
ONCE = Settings(schedule=(0,), jitter=lambda: 0.5)
TOLD = tuple(OPERATIONAL)
Starter = Callable[..., "asyncio.Future[Rig]"]


@pytest.fixture
async def rigs(open_store: Open) -> AsyncIterator[Starter]:
    made: list[Rig] = []

    async def start(script: Callable[[Seen], Answer], settings: Settings = ONCE) -> Rig:
        rig = await make(open_store, PatientClock(), script, settings)
        rig.store.on_committed(operational.log_happened)
        made.append(rig)
        return rig

    yield lambda *args, **kw: asyncio.ensure_future(start(*args, **kw))
    for rig in made:
        rig.receiver.script = lambda _: 204
        rig.receiver.release()
        await rig.dispatcher.stop()
        await rig.store.close()


def failing(*keys: str, answer: Answer = 500) -> Callable[[Seen], Answer]:
    """These endpoints answer so, all others are well."""
    return lambda seen: answer if seen.key in keys else 204


def told(rig: Rig, key: str = "ep_ops") -> list[tuple[str, dict[str, Any]]]:
    """(topic, data) of the operational events that an endpoint got."""
    found = [
        json.loads(seen.body) for seen in rig.receiver.seen if seen.key == key and b'"topic"' in seen.body
    ]
    return [(body["topic"], body["data"]) for body in found]


def exhausted(event: str) -> Settlement:
    """The last outcome of a delivery to `ep_a`."""
    return Settlement(
        *(WORKSPACE, "ep_a", event, 8, "failed", 1, 2.0, "server_error", 500),
        *(None, None, None, None, None, False),
    )


async def stored(rig: Rig) -> list[str]:
    """The topics of the operational events in the database."""

    async def read(reader: Reader) -> list[str]:
        ids = [row[2] for row in await reader.fetch("unsettled", 0, 100_000)]
        return [(await reader.fetch("event", WORKSPACE, id_))[0][3] for id_ in ids]

    return [topic for topic in await rig.store.read(read) if topic in OPERATIONAL]


async def test_a_delivery_that_failed_for_good_is_told_to_who_asked_once(rigs: Starter) -> None:
    rig = await rigs(failing("ep_a"), Settings(schedule=(0, 5), jitter=lambda: 0.5))
    await rig.endpoint("ep_a", topics=("tag.added", *TOLD))
    await rig.endpoint("ep_b", topics=("tag.added",))
    await rig.endpoint("ep_all", topics=tuple(CATALOGUE))
    await rig.endpoint("ep_ops", topics=TOLD)
    (event,) = await rig.accept()
    await rig.clock.advance(1)
    assert told(rig) == []  # it is tried again
    await rig.clock.advance(10)
    ((topic, data),) = told(rig)
    assert topic == "delivery.exhausted"
    assert (data["event_id"], data["webhook_id"], data["topic"]) == (event, "ep_a", "tag.added")
    assert (data["attempts"], data["status_code"], data["result"]) == (2, 500, "server_error")
    assert (data["fault"], data["url"]) == ("receiver", "https://93.184.216.34/hook")
    assert data["message"]
    # Neither who failed, nor who subscribed to all nine, nor anybody else.
    assert [told(rig, key) for key in ("ep_a", "ep_b", "ep_all")] == [[], [], []]
    assert parse(rig.receiver.seen[-1].body).data  # as typed as any other
    await rig.clock.advance(10 * HOUR)
    await rig.crash()
    await rig.clock.advance(10 * HOUR)
    assert len(told(rig)) == 1


async def test_a_message_that_the_receiver_gave_up_is_told_too(rigs: Starter) -> None:
    rig = await rigs(failing("ep_a"), Settings(jitter=lambda: 0.5))
    rig.receiver.answer_headers = ((b"webhook-delivery", b"abort-message"),)
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=TOLD)
    await rig.accept()
    await rig.clock.advance(1)
    assert [(topic, data["attempts"]) for topic, data in told(rig)] == [("delivery.exhausted", 1)]


async def test_what_is_told_and_cannot_be_delivered_is_not_told_again(
    rigs: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=TOLD)
    await rig.endpoint("ep_too", topics=TOLD)
    await rig.accept(3)
    await rig.clock.advance(HOUR)
    assert len(told(rig)) == len(told(rig, "ep_too")) == 3
    assert len(rig.receiver.seen) == 9
    assert len([r for r in caplog.records if r.message.startswith("delivery.exhausted")]) == 3


async def test_one_line_in_the_log_tells_it_also_when_nobody_asked_and_holds_no_url(
    rigs: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    rig = await rigs(lambda _: 500)
    await rig.endpoint("ep_a", url="https://93.184.216.34/hook?token=hunter2")
    await rig.accept()
    await rig.clock.advance(1)
    (record_,) = [r for r in caplog.records if r.message.startswith("delivery.exhausted ")]
    assert record_.levelno == logging.WARNING
    said = json.loads(record_.message.partition(" ")[2])
    assert (said["webhook_id"], said["status_code"]) == ("ep_a", 500)
    assert "hunter2" not in caplog.text
    assert await stored(rig) == []  # and no row is kept of it


async def test_a_replayed_delivery_that_fails_again_is_a_fact_of_its_own(rigs: Starter) -> None:
    rig = await rigs(failing("ep_a"))
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=TOLD)
    (event,) = await rig.accept()
    await rig.clock.advance(1)
    now = rig.clock.now()

    async def again(tx: Transaction) -> None:
        await tx.execute("replay", WORKSPACE, "ep_a", event, 1, now)
        tx.committed.endpoints.add((WORKSPACE, "ep_a"))

    await rig.store.run(again)
    await rig.clock.advance(1)
    assert [data["attempts"] for _, data in told(rig)] == [1, 2]


async def test_gone_tells_the_others_and_not_the_endpoint_itself(rigs: Starter) -> None:
    rig = await rigs(failing("ep_a", answer=410))
    await rig.endpoint("ep_a", topics=("tag.added", *TOLD))
    await rig.endpoint("ep_ops", topics=("endpoint.disabled",))
    await rig.accept(20)
    await rig.clock.advance(HOUR)
    ((topic, data),) = told(rig)
    assert topic == "endpoint.disabled"
    assert (data["webhook_id"], data["reason"]) == ("ep_a", "gone")
    assert data["failing_since"] is None
    await rig.change("ep_a", enabled=True, disabled_why=None)
    await rig.clock.advance(HOUR)
    assert told(rig, "ep_a") == []


async def test_the_breaker_tells_since_when_it_failed_and_once(rigs: Starter) -> None:
    rig = await rigs(failing("ep_a"))
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=("endpoint.disabled",))
    first = rig.clock.now()
    while not told(rig):
        await rig.accept(3)
        await rig.clock.advance(6 * HOUR)
    await rig.clock.advance(6 * HOUR)
    ((_, data),) = told(rig)
    assert (data["webhook_id"], data["reason"]) == ("ep_a", "failing")
    assert 0 <= parse_iso(data["failing_since"]) - first < 1000


async def test_a_success_after_the_clock_began_is_a_recovery_and_a_hiccup_is_none(rigs: Starter) -> None:
    rig = await rigs(failing("ep_a"))
    await rig.endpoint("ep_a", topics=("tag.added", "endpoint.recovered"))
    await rig.endpoint("ep_ops", topics=("endpoint.recovered",))
    for hours in (0.01, 1, 11):  # failing, but the breaker's clock has not begun
        rig.receiver.script = failing("ep_a")
        await rig.accept()
        await rig.clock.advance(hours * HOUR)
        await rig.accept()
        await rig.clock.advance(1)
        rig.receiver.script = failing()
        await rig.accept()
        await rig.clock.advance(1)
    assert told(rig) == []
    rig.receiver.script = failing("ep_a")
    await rig.accept()
    await rig.clock.advance(12 * HOUR)
    await rig.accept()
    await rig.clock.advance(1)
    rig.receiver.script = failing()
    await rig.accept(10)
    await rig.clock.advance(1)
    ((topic, data),) = told(rig)
    assert (topic, data["reason"]) == ("endpoint.recovered", "success")
    assert data["failing_since"] is not None
    assert told(rig, "ep_a") == told(rig)  # whoever is back may hear of it


async def test_the_event_and_what_it_reports_are_one_transaction(
    rigs: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(failing("ep_a"))
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=TOLD)
    real = operational.tell

    async def told_and_then_killed(*args: Any) -> None:
        await real(*args)
        raise StorageError("the process was killed before the commit")

    monkeypatch.setattr(operational, "tell", told_and_then_killed)
    (event,) = await rig.accept()
    await rig.clock.advance(0.5)
    assert (await rig.delivery("ep_a", event)).attempts == ()
    assert await stored(rig) == []
    monkeypatch.setattr(operational, "tell", real)
    await rig.crash()
    await rig.clock.advance(2)
    assert (await rig.delivery("ep_a", event)).status == "failed"
    assert [data["event_id"] for _, data in told(rig)] == [event]


async def test_an_endpoint_is_not_disabled_without_the_event_about_it(
    rigs: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await rigs(failing("ep_a", answer=410))
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=("endpoint.disabled",))

    async def killed(*_: Any) -> None:
        raise StorageError("the process was killed before the commit")

    monkeypatch.setattr(operational, "tell", killed)
    with pytest.raises(StorageError):
        await rig.store.run(
            lambda tx: operational.disable(tx, WORKSPACE, "ep_a", reason=Disabled.GONE, why="gone", now=1)
        )
    found = await rig.store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert found is not None
    assert found.enabled


async def test_who_is_disabled_already_is_not_disabled_again(rigs: Starter) -> None:
    rig = await rigs(failing())
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=TOLD)

    async def gone(now: int) -> bool:
        return await rig.store.run(
            lambda tx: operational.disable(tx, WORKSPACE, "ep_a", reason=Disabled.GONE, why="gone", now=now)
        )

    assert await gone(1_000)
    assert not await gone(2_000)  # another of its deliveries was answered 410
    assert await stored(rig) == ["endpoint.disabled"]


async def test_the_same_fact_recorded_twice_is_one_event(rigs: Starter) -> None:
    rig = await rigs(failing())
    await rig.endpoint("ep_a")
    await rig.endpoint("ep_ops", topics=TOLD)
    (event,) = await rig.accept()
    await rig.clock.advance(1)
    row = exhausted(event)
    for now in (1_000, 2_000):
        await rig.store.run(
            lambda tx, now=now: record(tx, [row], [], None, seen={}, now=now),  # type: ignore[misc]
            lane=Lane.OUTCOMES,
        )
        await rig.clock.advance(1)
    assert len(told(rig)) == 1
    assert await stored(rig) == ["delivery.exhausted"]


async def test_a_storm_of_failures_is_told_in_full_and_nobody_waits_for_it(rigs: Starter) -> None:
    rig = await rigs(failing("ep_a"))
    await rig.endpoint("ep_a", topics=("tag.removed",))
    await rig.endpoint("ep_b")
    await rig.endpoint("ep_ops", topics=TOLD)
    storm = 10_000
    most = 0
    ids = [f"msg_{n:022}" for n in range(storm)]
    body = b'{"id":"x"}'
    for first in range(0, storm, 250):
        events = [outbox.NewEvent(WORKSPACE, id_, "sms.sent", body, 1) for id_ in ids[first : first + 250]]
        await rig.store.run(
            lambda tx, events=events: outbox.accept_all(tx, events),  # type: ignore[misc]
            lane=Lane.ACCEPTS,
        )
    for first in range(0, storm, 250):
        rows = [exhausted(id_) for id_ in ids[first : first + 250]]
        await rig.store.run(
            lambda tx, rows=rows: record(tx, rows, [], None, seen={}, now=1_000),  # type: ignore[misc]
            lane=Lane.OUTCOMES,
        )
        most = max(most, rig.dispatcher._lanes[WORKSPACE, "ep_ops"].queued)
    (fresh,) = await rig.accept()
    await rig.clock.advance(0.1)
    assert (await rig.delivery("ep_b", fresh)).status == "succeeded"
    await rig.clock.advance(60)
    got = Counter(data["event_id"] for _, data in told(rig))
    assert got == dict.fromkeys(ids, 1)
    assert most <= FRESH_MAX
    assert rig.dispatcher.snapshot()["events_above_low_water"] == 0
