"""The settler and the store: when it is told that something is recorded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from switchhook.clock import ManualClock
from switchhook.delivery.settler import Settler
from switchhook.storage import outbox, sqlite
from switchhook.storage.outbox import Settlement, Waiting
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import StorageError
from tests.storage.rows import NOW, WORKSPACE, accept, an_outcome, attempts, schedule, subscribe


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


class Away(SqliteStore):
    """Refuses whatever is to be written, but for the works that are counted in `takes`."""

    takes = 1 << 30
    refused = 0

    async def run(self, work: Any, **more: Any) -> Any:
        if self.takes <= 0:
            self.refused += 1
            raise StorageError("it is away")
        self.takes -= 1
        return await super().run(work, **more)


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[Away]:
    opened = Away(tmp_path / "x.db")
    yield opened
    opened.takes = 1 << 30
    await opened.close()


async def test_the_mark_passes_no_event_whose_own_row_is_not_there_yet(away: Away) -> None:
    """One row of a group is bad, so that each is written alone, and the process ends between two of them."""
    clock = ManualClock()
    settler: Settler[Sent] = Settler(away, clock, 0, lambda _: None, lambda _: None)
    await subscribe(away, "ep_a")
    for seq in (1, 2, 3):
        await accept(away, f"msg_{seq}")
        settler.low_water.track(seq, 1)
    settler.put(Sent(1), an_outcome("msg_1", "ep_a"))
    settler.put(Sent(2), an_outcome("msg_2", "ep_a", kind=None))  # no attempt is without one
    settler.put(Sent(3), Waiting(WORKSPACE, "ep_a", "msg_3", 0, NOW))
    away.takes = 2
    await clock.advance(0.1)
    assert away.refused
    settler.abandon()
    away.takes = 1 << 30
    assert await attempts(away, "ep_a", "msg_1") == [1]
    await away.run(lambda tx: outbox.recover_unsettled(tx, NOW, 100))  # what the next start does
    assert [await schedule(away, "ep_a", f"msg_{n}") for n in (2, 3)] == [(0, NOW), (0, NOW)]


async def test_what_cannot_be_recorded_is_kept_also_when_the_store_is_away_just_then(away: Away) -> None:
    clock = ManualClock()
    told: list[str] = []
    settler: Settler[Sent] = Settler(
        away, clock, 0, lambda group: told.extend(one.event for _, one in group), lambda _: None
    )
    await subscribe(away, "ep_a")
    await accept(away, "msg_1")
    settler.low_water.track(1, 1)
    settler.put(Sent(1), an_outcome("msg_1", "ep_a", kind=None))
    away.takes = 1
    await clock.advance(0.1)
    assert (settler.stalled, told) == (True, [])
    away.takes = 1 << 30
    await clock.advance(2)
    assert (settler.stalled, told) == (False, ["msg_1"])
    assert await schedule(away, "ep_a", "msg_1") is not None
