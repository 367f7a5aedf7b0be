"""Outcomes and the schedule: together or not at all, and due when they are due."""

import msgspec
import pytest

from switchhook.storage import outbox
from switchhook.storage.outbox import Due, StoredResponse, Waiting, decode_response, encode_response
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import StorageError
from tests.storage.rows import (
    NOW,
    OTHER,
    TOPIC,
    WORKSPACE,
    accept,
    an_outcome,
    attempts,
    delete,
    schedule,
    settle,
    subscribe,
)


async def test_an_attempt_and_the_time_of_the_next_are_written_together(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    await settle(store, an_outcome("msg_1", "ep_a", 1, "retrying", next_at=NOW + 5_000), low_water=1)
    assert await attempts(store, "ep_a", "msg_1") == [1]
    assert await schedule(store, "ep_a", "msg_1") == (1, NOW + 5_000)
    assert await store.read(outbox.low_water) == 1


@pytest.mark.parametrize("broken", [0, 1, 2, 3])
async def test_one_outcome_that_cannot_be_recorded_takes_the_others_the_schedule_and_the_mark_back(
    store: SqliteStore, broken: int
) -> None:
    await subscribe(store, "ep_a")
    events = [f"msg_{n}" for n in range(4)]
    for event in events:
        await accept(store, event)
    await settle(store, an_outcome("msg_3", "ep_a", 1, "retrying", next_at=NOW), low_water=0)
    rows = [an_outcome(event, "ep_a", 2, "retrying", next_at=NOW + 1) for event in events]
    rows[broken] = msgspec.structs.replace(rows[broken], kind=None)
    with pytest.raises(StorageError):
        await settle(store, *rows, low_water=4)
    for event in events[:3]:
        assert await attempts(store, "ep_a", event) == []
        assert await schedule(store, "ep_a", event) is None
    assert await attempts(store, "ep_a", "msg_3") == [1]
    assert await schedule(store, "ep_a", "msg_3") == (1, NOW)
    assert await store.read(outbox.low_water) == 0


async def test_a_schedule_row_that_cannot_be_written_takes_the_attempt_back(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    outcome = an_outcome("msg_1", "ep_a", 1, "retrying", next_at=NOW)
    waiting = Waiting(WORKSPACE, "ep_a", "msg_1", None, NOW)  # type: ignore[arg-type]
    with pytest.raises(StorageError):
        await store.run(lambda tx: outbox.settle(tx, [outcome], [waiting], 1))
    assert await attempts(store, "ep_a", "msg_1") == []
    assert await schedule(store, "ep_a", "msg_1") is None
    assert await store.read(outbox.low_water) == 0


async def test_a_delivery_that_is_over_leaves_the_schedule(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    for event, state in (("msg_1", "succeeded"), ("msg_2", "failed")):
        await accept(store, event)
        await settle(store, an_outcome(event, "ep_a", 1, "retrying", next_at=NOW))
        await settle(store, an_outcome(event, "ep_a", 2, state, scheduled=True))
        assert await attempts(store, "ep_a", event) == [1, 2]
        assert await schedule(store, "ep_a", event) is None


async def test_an_attempt_that_is_recorded_twice_is_one(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    await settle(store, an_outcome("msg_1", "ep_a", status=200))
    await settle(store, an_outcome("msg_1", "ep_a", status=500))
    rows = await store.read(lambda reader: reader.fetch("attempts_of", WORKSPACE, "ep_a", "msg_1"))
    assert [row[5] for row in rows] == [200]


async def test_a_delivery_that_waits_keeps_its_place_when_it_is_parked_again(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    for at in (NOW, NOW + 99):
        row = Waiting(WORKSPACE, "ep_a", "msg_1", 0, at)
        await store.run(lambda tx, row=row: outbox.settle(tx, (), [row], None))  # type: ignore[misc]
    assert await schedule(store, "ep_a", "msg_1") == (0, NOW)


async def test_what_is_due_comes_the_longest_waiting_first_and_not_before_its_time(
    store: SqliteStore,
) -> None:
    await subscribe(store, "ep_a", "ep_b")
    await subscribe(store, "ep_a", workspace=OTHER)
    for n, at in enumerate((NOW + 30, NOW + 10, NOW + 20, NOW + 40)):
        await accept(store, f"msg_{n}")
        await settle(store, an_outcome(f"msg_{n}", "ep_a", n + 1, "retrying", next_at=at, base=n))
    await settle(store, an_outcome("msg_0", "ep_b", 1, "retrying", next_at=NOW))

    async def due(at: int, limit: int = 10) -> list[str]:
        found = await store.read(lambda reader: outbox.due(reader, WORKSPACE, "ep_a", at, limit))
        return [one.event for one in found]

    assert await due(NOW + 9) == []
    assert await due(NOW + 10) == ["msg_1"]
    assert await due(NOW + 30) == ["msg_1", "msg_2", "msg_0"]
    assert await due(NOW + 99, limit=2) == ["msg_1", "msg_2"]
    (first, *_) = await store.read(lambda reader: outbox.due(reader, WORKSPACE, "ep_a", NOW + 99, 1))
    assert first == Due(
        event="msg_1", attempts=2, base=1, next_at=NOW + 10, topic=TOPIC, body=b'{"n":1}', accepted_at=NOW
    )
    assert await store.read(lambda reader: outbox.due(reader, OTHER, "ep_a", NOW + 99, 10)) == []


async def test_the_next_time_is_the_first_one_after_now(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    for n, at in enumerate((NOW + 10, NOW + 20)):
        await accept(store, f"msg_{n}")
        await settle(store, an_outcome(f"msg_{n}", "ep_a", 1, "retrying", next_at=at))
    for after, expected in ((NOW, NOW + 10), (NOW + 10, NOW + 20), (NOW + 20, None)):
        assert await store.read(lambda r, a=after: outbox.next_due(r, WORKSPACE, "ep_a", a)) == expected  # type: ignore[misc]
    assert await store.read(lambda reader: outbox.next_due(reader, WORKSPACE, "ep_none", NOW)) is None


async def test_an_outcome_for_an_endpoint_deleted_meanwhile_leaves_nothing_behind(store: SqliteStore) -> None:
    await subscribe(store, "ep_a", "ep_b")
    await accept(store, "msg_1")
    await delete(store, "ep_a")
    await settle(
        store,
        an_outcome("msg_1", "ep_a", 1, "retrying", next_at=NOW),
        an_outcome("msg_1", "ep_b", 1, "retrying", next_at=NOW),
        low_water=1,
    )
    waiting = Waiting(WORKSPACE, "ep_a", "msg_1", 0, NOW)
    await store.run(lambda tx: outbox.settle(tx, (), [waiting], None))
    assert await attempts(store, "ep_a", "msg_1") == []
    assert await schedule(store, "ep_a", "msg_1") is None
    assert await attempts(store, "ep_b", "msg_1") == [1]
    assert await schedule(store, "ep_b", "msg_1") == (1, NOW)


def test_a_stored_answer_comes_back_as_it_was() -> None:
    answer = StoredResponse(
        (("content-type", "text/plain"), ("x", "\xe9")), bytes(range(256)), truncated=True
    )
    assert decode_response(encode_response(answer)) == answer
