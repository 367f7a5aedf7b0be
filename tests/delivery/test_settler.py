"""The settler and the store: when it is told that something is recorded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from switchhook.clock import ManualClock
from switchhook.delivery.settler import Settler
from switchhook.storage import sqlite
from switchhook.storage.outbox import Settlement, Waiting
from switchhook.storage.sqlite import SqliteStore
from tests.storage.rows import NOW, WORKSPACE, accept, an_outcome, subscribe


@dataclass
class Sent:
    seq: int | None = None


@pytest.fixture(params=["in the loop", "aside"])
async def store(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SqliteStore]:
    monkeypatch.setattr(sqlite, "ASIDE", 0 if request.param == "aside" else 1 << 30)
    opened = SqliteStore(tmp_path / "x.db")
    yield opened
    await opened.close()


async def waits(store: SqliteStore) -> bool:
    """Whether the delivery stands in the schedule. Does not give way to the loop."""
    return bool(await store.read(lambda reader: reader.fetch("schedule_of", WORKSPACE, "ep_a", "msg_1")))


@pytest.mark.parametrize(
    "row",
    [
        Waiting(WORKSPACE, "ep_a", "msg_1", 0, NOW),
        an_outcome("msg_1", "ep_a", 1, "retrying", next_at=NOW),
    ],
    ids=["parked", "to be retried"],
)
async def test_nobody_reads_what_is_recorded_before_it_is_told(
    store: SqliteStore, row: Settlement | Waiting
) -> None:
    told: list[str] = []
    settler: Settler[Sent] = Settler(
        store, ManualClock(), 0, lambda group: told.extend(one.event for _, one in group), lambda _: None
    )
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    settler.put(Sent(), row)
    draining = asyncio.create_task(settler.drain())
    seen = []

    def look() -> None:
        # At every place in every turn of the loop, as a step of somebody else would.
        coroutine = waits(store)
        with pytest.raises(StopIteration) as stop:
            coroutine.send(None)
        seen.append((stop.value.value, bool(told)))
        if not draining.done():
            loop.call_soon(look)

    loop = asyncio.get_running_loop()
    loop.call_soon(look)
    await draining
    await asyncio.sleep(0)
    assert set(seen) == {(False, False), (True, True)}


async def test_what_is_recorded_after_the_end_of_a_process_is_told_to_nobody(store: SqliteStore) -> None:
    told: list[str] = []
    settler: Settler[Sent] = Settler(
        store, ManualClock(), 0, lambda group: told.extend(one.event for _, one in group), lambda _: None
    )
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    settler.put(Sent(), Waiting(WORKSPACE, "ep_a", "msg_1", 0, NOW))
    draining = asyncio.create_task(settler.drain())
    while not store.pending:
        await asyncio.sleep(0)
    settler.abandon()  # the commit is under way, and cannot be taken back
    await asyncio.gather(draining, return_exceptions=True)
    await store.check()
    assert await waits(store)
    assert told == []


class Interrupting(ManualClock):
    """Lets somebody else have a turn of the loop straight after whoever slept has had theirs."""

    then: Callable[[], None] | None = None

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if self.then is not None:
            asyncio.get_running_loop().call_soon(self.then)
            self.then = None


async def test_what_is_put_while_the_last_group_ends_is_recorded_too(store: SqliteStore) -> None:
    clock = Interrupting()
    told: list[str] = []
    settler: Settler[Sent] = Settler(
        store, clock, 0, lambda group: told.extend(one.event for _, one in group), lambda _: None
    )
    await subscribe(store, "ep_a")
    await accept(store, "msg_1")
    await accept(store, "msg_2")
    settler.put(Sent(), Waiting(WORKSPACE, "ep_a", "msg_1", 0, NOW))
    clock.then = lambda: settler.put(Sent(), Waiting(WORKSPACE, "ep_a", "msg_2", 0, NOW))
    for _ in range(300):  # a thread may have part in it
        await clock.advance(0.02)
        await asyncio.sleep(0.001)
        if len(told) == 2:
            break
    assert told == ["msg_1", "msg_2"]


async def test_a_group_that_fails_in_an_unforeseen_way_does_not_end_the_stop(store: SqliteStore) -> None:
    settler: Settler[Sent] = Settler(store, ManualClock(), 0, lambda _: None, lambda _: None)
    settler.put(Sent(seq=5), Waiting(WORKSPACE, "ep_a", "msg_1", 0, NOW))  # of an event that nobody tracks
    await settler.close(30)
    assert settler.idle
