"""Accepting an event: once for each fact, with the endpoints that are subscribed at that moment."""

import asyncio

import pytest

from switchhook.storage import endpoints, outbox
from switchhook.storage.outbox import Accepted
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import AcceptedEvent, Transaction
from tests.storage.rows import (
    NOW,
    OTHER,
    TOPIC,
    WORKSPACE,
    accept,
    an_endpoint,
    an_event,
    delete,
    subscribe,
    targets,
)


async def test_an_event_goes_to_who_was_subscribed_when_it_was_accepted(store: SqliteStore) -> None:
    await subscribe(store, "ep_before")
    await accept(store, "msg_1")
    await subscribe(store, "ep_after")
    await accept(store, "msg_2")
    assert await targets(store, "msg_1") == ["ep_before"]
    assert await targets(store, "msg_2") == ["ep_after", "ep_before"]


async def test_within_one_commit_the_order_decides_who_is_subscribed(store: SqliteStore) -> None:
    await asyncio.gather(accept(store, "msg_1"), subscribe(store, "ep_a"), accept(store, "msg_2"))
    assert await targets(store, "msg_1") == []
    assert await targets(store, "msg_2") in ([], ["ep_a"])  # as a whole or not at all
    await accept(store, "msg_3")
    assert await targets(store, "msg_3") == ["ep_a"]


async def test_an_event_waits_for_a_disabled_endpoint_and_not_for_a_deleted_one(store: SqliteStore) -> None:
    await subscribe(store, "ep_on", "ep_off", "ep_gone")
    assert await store.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_off", "410", NOW))
    assert await delete(store, "ep_gone")
    await accept(store, "msg_1")
    assert await targets(store, "msg_1") == ["ep_off", "ep_on"]


async def test_an_event_goes_to_who_wants_its_topic_in_its_workspace(store: SqliteStore) -> None:
    await store.run(
        lambda tx: endpoints.add_endpoint(tx, an_endpoint("ep_tag", topics=("tag.added", "tag.removed")))
    )
    await store.run(lambda tx: endpoints.add_endpoint(tx, an_endpoint("ep_sms", topics=("sms.sent",))))
    await subscribe(store, "ep_other", workspace=OTHER)
    for topic, expected in (("tag.added", ["ep_tag"]), ("sms.sent", ["ep_sms"]), ("sms.received", [])):
        await accept(store, f"msg_{topic}", topic=topic)
        assert await targets(store, f"msg_{topic}") == expected


async def test_a_changed_subscription_holds_for_the_next_event(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    changed = an_endpoint("ep_a", topics=("sms.sent",))
    await store.run(lambda tx: endpoints.change_endpoint(tx, changed))
    await accept(store, "msg_1")
    await accept(store, "msg_2", topic="sms.sent")
    assert await targets(store, "msg_1") == []
    assert await targets(store, "msg_2") == ["ep_a"]


async def test_others_hear_of_the_event_as_it_was_stored(store: SqliteStore) -> None:
    told: list[AcceptedEvent] = []
    store.on_committed(lambda committed: told.extend(committed.events))
    await subscribe(store, "ep_b", "ep_a")
    await accept(store, "msg_1")
    assert told == [AcceptedEvent(1, WORKSPACE, "msg_1", TOPIC, b'{"n":1}', ("ep_a", "ep_b"), NOW)]


async def test_an_event_for_one_endpoint_goes_there_and_nowhere_else(store: SqliteStore) -> None:
    await subscribe(store, "ep_a", "ep_b")
    event = an_event("msg_test", topic="sms.sent")
    assert await store.run(lambda tx: outbox.accept_for(tx, event, "ep_b")) == Accepted(
        "msg_test", duplicate=False
    )
    assert await targets(store, "msg_test") == ["ep_b"]


@pytest.mark.parametrize("together", [True, False], ids=["in one turn", "in many"])
async def test_fifty_reports_of_one_fact_are_one_event_and_all_get_its_id(
    store: SqliteStore, together: bool
) -> None:
    await subscribe(store, "ep_a")

    async def report(number: int) -> Accepted:
        for _ in range(0 if together else number % 7):
            await asyncio.sleep(0)
        return await accept(store, f"msg_{number}", "the fact")

    answers = await asyncio.gather(*(report(number) for number in range(50)))
    (first,) = [answer.id for answer in answers if not answer.duplicate]
    assert {answer.id for answer in answers} == {first}
    rows = await store.read(lambda reader: reader.fetch("unsettled", 0, 100))
    assert [row[2] for row in rows] == [first]


async def test_a_fact_is_known_within_its_topic_and_workspace_only(store: SqliteStore) -> None:
    answers = [
        await accept(store, "msg_1", "key"),
        await accept(store, "msg_2", "key", topic="tag.removed"),
        await accept(store, "msg_3", "key", workspace=OTHER),
        await accept(store, "msg_4", "Key"),
        await accept(store, "msg_5", None),
        await accept(store, "msg_6", None),
    ]
    assert [answer.duplicate for answer in answers] == [False] * 6
    assert await accept(store, "msg_7", "key", workspace=OTHER) == Accepted("msg_3", duplicate=True)


@pytest.mark.sqlite
async def test_a_fact_is_known_after_opening_again_also_when_its_event_was_delivered(
    store: SqliteStore,
) -> None:
    await accept(store, "msg_1", "key")
    again = SqliteStore(store._path)
    assert await accept(again, "msg_2", "key") == Accepted("msg_1", duplicate=True)
    await again.close()


async def test_an_event_taken_back_leaves_its_fact_unknown(store: SqliteStore) -> None:
    async def breaks(tx: Transaction) -> None:
        await outbox.accept(tx, an_event("msg_1", "key"))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await store.run(breaks)
    assert await accept(store, "msg_2", "key") == Accepted("msg_2", duplicate=False)


async def test_several_events_in_one_work_are_accepted_all_or_none(store: SqliteStore) -> None:
    async def some(tx: Transaction) -> list[Accepted]:
        return [await outbox.accept(tx, an_event(id_)) for id_ in ("msg_1", "msg_2", "msg_1")]

    with pytest.raises(Exception, match="UNIQUE"):
        await store.run(some)
    assert await store.read(lambda reader: reader.fetch("unsettled", 0, 10)) == []
