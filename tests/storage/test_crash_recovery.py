"""After a crash: every delivery of every accepted event is somewhere, exactly once."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.storage import endpoints, outbox
from switchhook.storage.sqlite import SqliteStore
from tests.storage.rows import (
    NOW,
    WORKSPACE,
    accept,
    an_outcome,
    attempts,
    delete,
    schedule,
    settle,
    subscribe,
    targets,
)

pytestmark = pytest.mark.sqlite

NAMES = ("ep_a", "ep_b", "ep_c")
LATER = NOW + 60_000

# What a delivery had come to when the process died.
FATES = st.sampled_from(["nothing", "nothing", "succeeded", "failed", "retrying", "parked"])

# Of each event: who was subscribed, and what each of its deliveries had come to.
EVENTS = st.lists(st.dictionaries(st.sampled_from(NAMES), FATES), max_size=8)


async def recover(store: SqliteStore, limit: int) -> int:
    """Recover to the end as the dispatcher does; how many were put back."""
    found, more = 0, True
    while more:
        put, more = await store.run(lambda tx: outbox.recover_unsettled(tx, LATER, limit))
        found += put
    return found


async def contents(
    store: SqliteStore, events: int
) -> dict[tuple[str, str], tuple[list[int], tuple[int, int] | None]]:
    return {
        (name, f"msg_{n}"): (
            await attempts(store, name, f"msg_{n}"),
            await schedule(store, name, f"msg_{n}"),
        )
        for n in range(events)
        for name in NAMES
    }


@settings(max_examples=60, deadline=None)
@given(
    history=EVENTS,
    gone=st.sets(st.sampled_from(NAMES), max_size=2),
    forgotten=st.booleans(),
    limit=st.integers(1, 4),
    mark=st.integers(0, 8),
)
def test_every_delivery_without_a_trace_is_put_into_the_schedule_exactly_once(
    history: list[dict[str, str]], gone: set[str], forgotten: bool, limit: int, mark: int
) -> None:
    async def law() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(Path(folder) / "x.db")
            store._connection.pragma(
                "synchronous", 0
            )  # many small stores: the disk is not what is asked here
            await _law(store)
            await store.close()

    async def _law(store: SqliteStore) -> None:
        for n, fates in enumerate(history):
            await subscribe(store, *fates)
            await accept(store, f"msg_{n}")
            for name in fates:
                await delete(store, name)
                await store.run(lambda tx: endpoints.forget_deleted(tx, 100))
        await subscribe(store, *NAMES)
        settled = [
            (f"msg_{n}", name, fate) for n, fates in enumerate(history) for name, fate in fates.items()
        ]
        for event, name, fate in settled:
            match fate:
                case "succeeded" | "failed":
                    await settle(store, an_outcome(event, name, 1, fate))
                case "retrying":
                    await settle(store, an_outcome(event, name, 1, fate, next_at=NOW + 5))
                case "parked":
                    row = outbox.Waiting(WORKSPACE, name, event, 0, NOW)
                    await store.run(lambda tx, row=row: outbox.settle(tx, (), [row], None))  # type: ignore[misc]
        # The mark never passes an event that has a delivery without a trace.
        first_open = next((n for n, fates in enumerate(history) if "nothing" in fates.values()), len(history))
        await settle(store, low_water=min(mark, first_open))
        for name in gone:
            await delete(store, name)
        while forgotten and await store.run(lambda tx: endpoints.forget_deleted(tx, 3)):
            pass

        before = await contents(store, len(history))
        lost = {(name, event) for event, name, fate in settled if fate == "nothing" and name not in gone}
        assert await recover(store, limit) == len(lost)
        after = await contents(store, len(history))
        for place, rows in before.items():
            assert after[place] == (([], (0, LATER)) if place in lost else rows), place
        assert await recover(store, limit) == 0
        assert await contents(store, len(history)) == after
        assert await store.read(outbox.low_water) == len(history)

    asyncio.run(law())


async def test_a_recovery_that_dies_between_its_steps_goes_on_where_it_was(
    store: SqliteStore, path: Path
) -> None:
    await subscribe(store, "ep_a", "ep_b")
    for n in range(5):
        await accept(store, f"msg_{n}")
    assert await store.run(lambda tx: outbox.recover_unsettled(tx, LATER, 2)) == (4, True)
    again = SqliteStore(path)
    assert await recover(again, 2) == 6
    assert await recover(again, 2) == 0
    assert {await schedule(again, "ep_a", f"msg_{n}") for n in range(5)} == {(0, LATER)}
    await again.close()


async def test_what_was_accepted_for_a_deleted_endpoint_is_not_scheduled_any_more(store: SqliteStore) -> None:
    await subscribe(store, "ep_a", "ep_b")
    await accept(store, "msg_1")
    await delete(store, "ep_a")
    assert await targets(store, "msg_1") == ["ep_a", "ep_b"]
    assert await recover(store, 10) == 1
    assert await schedule(store, "ep_a", "msg_1") is None
    assert await schedule(store, "ep_b", "msg_1") == (0, LATER)


async def test_what_was_accepted_for_a_disabled_endpoint_waits_for_it(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    await store.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_a", "410", NOW))
    assert await recover(store, 10) == 1
    assert await schedule(store, "ep_a", "msg_1") == (0, LATER)
