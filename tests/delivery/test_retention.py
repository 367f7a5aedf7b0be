"""Retention on both stores: what a run removes and what it leaves, also when it dies, and beside others."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import pytest

from switchhook.clock import ManualClock
from switchhook.delivery import retention
from switchhook.delivery.retention import FOREVER, Retention
from switchhook.events.ids import lower_bound
from switchhook.storage import endpoints, history, keys, outbox, pruning, replay
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.selection import Selection
from switchhook.storage.store import Reader, Row, Store, Transaction
from tests.delivery.dispatching import PatientClock
from tests.storage.rows import NOW, OTHER, WORKSPACE, an_outcome, delete, learned, subscribe
from tests.storage.rows import settle as record

DAY = 86_400_000
KEEP = 90 * 86_400
CUTOFF = NOW - 90 * DAY
OLD = CUTOFF - 1

Open = Callable[[], Awaitable[Store]]


@pytest.fixture
def open_store(open_store: Open) -> Open:
    """Retention need not wait for the workspace here."""

    async def opened() -> Store:
        store = await open_store()
        await learned(store)
        return store

    return opened


class Kept:
    """A store with an event for each fate, and which of them must still be there after a run."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.stay: set[str] = set()
        self.go: set[str] = set()

    async def fill(self, dice: random.Random, count: int) -> None:
        await self.store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "One", NOW))
        await subscribe(self.store, "ep_a", "ep_b", "ep_off", "ep_gone")
        recovered: list[str] = []
        for n in range(count):
            id_, young = f"msg_{n:03}", n >= count * 3 // 4
            at = NOW - DAY if young else OLD - DAY + n
            workspace = OTHER if n % 10 == 0 else WORKSPACE
            new = outbox.NewEvent(workspace, id_, "tag.added", b"body", at, f"key {n}")
            await self.store.run(lambda tx, new=new: outbox.accept(tx, new))  # type: ignore[misc]
            over = workspace == OTHER  # where nobody subscribed
            if not over:
                over = await self._fates(dice, id_, recovered)
            (self.stay if young or not over else self.go).add(id_)
        await delete(self.store, "ep_gone")
        if recovered:
            first, last = recovered[0], recovered[-1]
            await self.store.run(
                lambda tx: tx.execute(
                    *("add_recovery", WORKSPACE, "job_1", "ep_a", 0, None, last),
                    *(None, first, first[:-1], 0, 0, NOW),
                )
            )
            self.go -= set(recovered)
            self.stay |= set(recovered)
        await record(self.store, low_water=count)

    async def _fates(self, dice: random.Random, id_: str, recovered: list[str]) -> bool:
        over = True
        for endpoint in ("ep_a", "ep_b", "ep_off"):
            choices = ["succeeded", "succeeded", "succeeded", "failed", "late", "retrying", "parked", "again"]
            fate = dice.choice(choices)
            match fate:
                case "succeeded" | "failed":
                    await record(self.store, an_outcome(id_, endpoint, 1, fate))
                    if fate == "failed" and endpoint == "ep_a":
                        recovered.append(id_)
                case "late":
                    await record(
                        self.store,
                        an_outcome(id_, endpoint, 1, "retrying", next_at=OLD),
                    )
                    await record(self.store, an_outcome(id_, endpoint, 2, "succeeded", scheduled=True))
                case "retrying":
                    await record(self.store, an_outcome(id_, endpoint, 1, fate, next_at=NOW + DAY))
                case "parked":
                    row = outbox.Waiting(WORKSPACE, endpoint, id_, 0, OLD)
                    await self.store.run(lambda tx, row=row: outbox.settle(tx, (), [row], None))  # type: ignore[misc]
                case "again":
                    await record(self.store, an_outcome(id_, endpoint, 1, "failed"))
                    await self.store.run(
                        lambda tx, e=endpoint: replay.replay(  # type: ignore[misc]
                            tx, workspace=WORKSPACE, endpoint=e, event=id_, attempts=1, now=NOW
                        )
                    )
            over = over and fate in ("succeeded", "failed", "late")
        return over

    async def rows(self) -> dict[str, tuple[object, ...]]:
        """Of each event that is there: everything that belongs to it, at one moment."""

        async def read(reader: Reader) -> dict[str, tuple[object, ...]]:
            found: dict[str, tuple[object, ...]] = {}
            for _, workspace, id_, _, targets in await reader.fetch("oldest_events", 0, pruning.MOST, 10_000):
                belongs = [
                    await reader.fetch(query, WORKSPACE, endpoint, id_)
                    for endpoint in targets.split()
                    for query in ("attempts_of", "schedule_of")
                ]
                found[id_] = (await reader.fetch("event", workspace, id_), belongs)
            return found

        return await self.store.read(read)

    async def left_over(self) -> int:
        """Attempts of events that are not there any more."""
        left = 0
        for endpoint in ("ep_a", "ep_b", "ep_off", "ep_gone"):
            for id_ in self.go:
                left += len(
                    await self.store.read(
                        lambda r, e=endpoint, i=id_: r.fetch("attempts_of", WORKSPACE, e, i)  # type: ignore[misc]
                    )
                )
        return left


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_over_and_old_goes_and_nothing_else_is_touched_also_over_crashes(
    open_store: Open, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    monkeypatch.setattr(retention, "LOOK", dice.randrange(1, 7))
    monkeypatch.setattr(retention, "ROWS", dice.randrange(1, 9))
    clock, store = PatientClock(), await open_store()
    if isinstance(store, PostgresStore):
        clock.pending = lambda: store.pending
    kept = Kept(store, clock)
    await kept.fill(dice, 60)
    assert kept.go
    before = await kept.rows()
    for _ in range(8):  # a run that dies in one of its steps or between two, again and again
        dying = asyncio.create_task(Retention(kept.store, clock, KEEP).run())
        if dice.random() < 0.5:
            await clock.advance(dice.randrange(5) * retention.PAUSE)
        else:
            for _ in range(dice.randrange(20)):
                await asyncio.sleep(0)
        dying.cancel()
        await clock.advance(0)
        left = await kept.rows()
        assert left.keys() >= kept.stay
        assert {id_: before[id_] for id_ in left} == left  # whole events, or nothing of them
    await finish(Retention(kept.store, clock, KEEP), clock)
    after = await kept.rows()
    assert after == {id_: before[id_] for id_ in kept.stay}
    assert await kept.left_over() == 0
    await store.close()


async def finish(pruner: Retention, clock: ManualClock, **how: bool) -> retention.Run | None:
    """A run to its end."""
    run = asyncio.create_task(pruner.run(**how))
    while not run.done():
        await clock.advance(1)
    return run.result()


async def store_with(open_: Open, clock: PatientClock) -> Store:
    """A store with a workspace and an endpoint."""
    store = await open_()
    if isinstance(store, PostgresStore):
        clock.pending = lambda: store.pending
    await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "One", NOW))
    await subscribe(store, "ep_a")
    return store


async def accept_old(store: Store, *ids: str, at: int = OLD) -> None:
    for id_ in ids:
        new = outbox.NewEvent(WORKSPACE, id_, "tag.added", b"body", at, f"key of {id_}")
        await store.run(lambda tx, new=new: outbox.accept(tx, new))  # type: ignore[misc]


async def there(store: Store) -> list[str]:
    """The events that are there, but for what `newest` made."""
    rows = await store.read(lambda r: r.fetch("oldest_events", 0, pruning.MOST, 10_000))
    return [id_ for _, workspace, id_, _, _ in rows if workspace == WORKSPACE]


async def newest(store: Store) -> None:
    """Another event, so that none that matters is the newest: that one stays in a store of one process."""
    new = outbox.NewEvent(OTHER, "msg_newest", "tag.added", b"body", NOW)
    await store.run(lambda tx: outbox.accept(tx, new))


async def test_what_waits_for_a_disabled_endpoint_is_kept_until_it_is_delivered_or_the_endpoint_deleted(
    open_store: Open,
) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    pruner = Retention(store, clock, KEEP)
    await subscribe(store, "ep_b")
    await accept_old(store, "msg_1", "msg_2")
    await newest(store)
    waiting = [outbox.Waiting(WORKSPACE, e, m, 0, OLD) for e in ("ep_a", "ep_b") for m in ("msg_1", "msg_2")]
    await store.run(lambda tx: outbox.settle(tx, (), waiting, None))
    await record(store, low_water=2)
    await store.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_b", "410", OLD))
    await finish(pruner, clock)
    assert await there(store) == ["msg_1", "msg_2"]
    assert pruner.snapshot()["retention_events_kept"] == 2
    await record(
        store, an_outcome("msg_1", "ep_a", scheduled=True), an_outcome("msg_1", "ep_b", scheduled=True)
    )
    await record(store, an_outcome("msg_2", "ep_a", scheduled=True))
    await finish(pruner, clock)
    assert await there(store) == ["msg_1", "msg_2"]  # a run goes on where the last one ended
    await clock.advance(retention.ANEW)
    await finish(pruner, clock)
    assert await there(store) == ["msg_2"]
    await delete(store, "ep_b")
    await clock.advance(retention.ANEW)
    await finish(pruner, clock)
    assert await there(store) == []
    await store.close()


async def test_what_was_delivered_stays_while_a_job_that_sends_it_again_has_still_to_look_at_it(
    open_store: Open,
) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    await accept_old(store, "msg_1", "msg_2", "msg_3")
    await record(store, *[an_outcome(f"msg_{n}", "ep_a") for n in (1, 2, 3)], low_water=3)
    await store.run(
        lambda tx: replay.begin_selected(
            tx,
            Selection(became=("succeeded",)),
            workspace=WORKSPACE,
            id="job_1",
            endpoint="ep_a",
            since=0,
            until=None,
            now=NOW,
        )
    )
    await newest(store)
    await store.run(lambda tx: replay.advance(tx, WORKSPACE, "job_1", NOW, 1))
    await finish(Retention(store, clock, KEEP), clock)
    step = await store.run(lambda tx: replay.advance(tx, WORKSPACE, "job_1", NOW, 10))
    assert step is not None
    assert (step.job.looked_at, step.job.queued) == (3, 3)
    await store.close()


async def test_above_the_low_water_mark_nothing_goes(open_store: Open) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    await accept_old(store, "msg_1", "msg_2", "msg_3")
    await record(store, *[an_outcome(f"msg_{n}", "ep_a") for n in (1, 2, 3)], low_water=2)
    await finish(Retention(store, clock, KEEP), clock)
    assert await there(store) == ["msg_3"]
    await store.close()


async def test_what_comes_after_everything_went_is_still_above_the_low_water_mark(open_store: Open) -> None:
    """Or nobody would look at it after a crash."""
    clock = PatientClock()
    store = await store_with(open_store, clock)
    await accept_old(store, "msg_1", "msg_2", "msg_3")
    await record(store, *[an_outcome(f"msg_{n}", "ep_a") for n in (1, 2, 3)], low_water=3)
    await finish(Retention(store, clock, KEEP), clock)
    test = outbox.NewEvent(WORKSPACE, "msg_4", "sms.sent", b"x", NOW)
    await store.run(lambda tx: outbox.accept_for(tx, test, "ep_a"))
    await accept_old(store, "msg_5", at=NOW)
    mark = await store.read(outbox.low_water)
    assert [row[2] for row in await store.read(lambda r: r.fetch("unsettled", mark, 9))] == ["msg_4", "msg_5"]
    await store.close()


async def test_a_test_event_goes_like_any_other_and_a_key_means_something_new_afterwards(
    open_store: Open,
) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    await accept_old(store, "msg_1")
    test = outbox.NewEvent(WORKSPACE, "msg_2", "sms.sent", b"x", OLD)
    await store.run(lambda tx: outbox.accept_for(tx, test, "ep_a"))
    await newest(store)
    await record(store, *[an_outcome(f"msg_{n}", "ep_a") for n in (1, 2)], low_water=2)
    again = outbox.NewEvent(WORKSPACE, "msg_9", "tag.added", b"x", NOW, "key of msg_1")
    assert await store.run(lambda tx: outbox.accept(tx, again)) == outbox.Accepted("msg_1", True)
    assert await finish(Retention(store, clock, KEEP), clock) == retention.Run(2, 2, 0)
    assert await store.run(lambda tx: outbox.accept(tx, again)) == outbox.Accepted("msg_9", False)
    await store.close()


async def test_a_fact_whose_first_event_goes_at_this_moment_is_accepted_anew(open_store: Open) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    await accept_old(store, "msg_1")

    class Between:
        """A transaction in which retention is faster than the second question."""

        def __init__(self, tx: Transaction) -> None:
            self.tx = tx

        def __getattr__(self, name: str) -> object:
            return getattr(self.tx, name)

        async def fetch_each(self, query: str, rows: Sequence[Row]) -> list[list[Row]]:
            if query == "event_by_dedupe_key":
                await self.tx.execute("prune_event", WORKSPACE, "msg_1")
            return await self.tx.fetch_each(query, rows)

    new = outbox.NewEvent(WORKSPACE, "msg_2", "tag.added", b"x", NOW, "key of msg_1")
    accepted = await store.run(lambda tx: outbox.accept(Between(tx), new))  # type: ignore[arg-type]
    assert accepted == outbox.Accepted("msg_2", False)
    await store.close()


async def test_finished_recoveries_go_and_others_stay(open_store: Open) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    old, young, unfinished = (lower_bound("job", at) for at in (OLD, CUTOFF, OLD - 9))

    async def make(tx: Transaction) -> None:
        for id_ in (old, young, unfinished):
            await tx.execute("add_recovery", WORKSPACE, id_, "ep_a", 0, None, "", None, "", "", 0, 0, OLD)
        for id_ in (old, young):
            await tx.execute("advance_recovery", WORKSPACE, id_, "", 0, 0, NOW, 0)

    async def left(reader: Reader) -> list[str]:
        return [id_ for id_ in (old, young, unfinished) if await reader.fetch("recovery", WORKSPACE, id_)]

    await store.run(make)
    await finish(Retention(store, clock, KEEP), clock)
    assert await store.read(left) == [young, unfinished]
    await store.close()


async def test_a_dry_run_tells_what_would_go_and_removes_nothing(open_store: Open) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    await accept_old(store, "msg_1", "msg_2")
    await newest(store)
    await record(store, an_outcome("msg_1", "ep_a"), low_water=2)
    pruner = Retention(store, clock, KEEP)
    assert await finish(pruner, clock, dry=True) == retention.Run(1, 1, 1)
    assert await there(store) == ["msg_1", "msg_2"]
    await store.close()


async def test_it_runs_by_itself_now_and_again_and_says_what_it_did(
    open_store: Open, caplog: pytest.LogCaptureFixture
) -> None:
    clock = PatientClock()
    store = await store_with(open_store, clock)
    await accept_old(store, "msg_1")
    await accept_old(store, "msg_2", at=NOW)
    await record(store, an_outcome("msg_1", "ep_a"), an_outcome("msg_2", "ep_a"), low_water=2)
    with caplog.at_level("INFO", "switchhook"):
        for keep in (FOREVER, KEEP):
            pruner = Retention(store, clock, keep)
            pruner.start()
            await clock.advance(2 * retention.EVERY)
            assert await there(store) == (["msg_1", "msg_2"] if keep == FOREVER else ["msg_2"])
            await pruner.stop()
    assert "removed 1 events and 1 attempts" in caplog.text
    assert pruner.snapshot() == {
        "retention_events_removed_total": 1,
        "retention_attempts_removed_total": 1,
        "retention_events_kept": 0,
        "retention_oldest_event_seconds": 4 * retention.EVERY,
        "retention_last_run_timestamp_seconds": (NOW + 4_000 * retention.EVERY) / 1000,
    }
    await store.close()


async def test_one_process_at_a_time_prunes_until_it_is_gone(database: str) -> None:
    clock = PatientClock()
    one, two = await PostgresStore.open(database), await PostgresStore.open(database)
    clock.pending = lambda: one.pending + two.pending
    await one.join("one", 60)
    await two.join("two", 60)
    first, second = Retention(one, clock, KEEP), Retention(two, clock, KEEP)
    assert await finish(first, clock) == await finish(first, clock) == retention.Run()
    assert await finish(second, clock) is None
    assert await finish(second, clock, claim=False) == retention.Run()
    connection = await asyncpg.connect(database)
    await connection.execute(
        "UPDATE meta SET value = split_part(value, ' ', 1) || ' 1' WHERE key = 'pruning'"
    )
    await connection.close()
    assert await finish(second, clock) == retention.Run()
    assert await finish(first, clock) is None
    await one.close()
    await two.close()


async def test_what_is_asked_for_again_while_it_is_pruned_is_sent_or_gone_and_never_half(
    database: str,
) -> None:
    clock = PatientClock()
    one, two = await PostgresStore.open(database), await PostgresStore.open(database)
    clock.pending = lambda: one.pending + two.pending
    await one.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "One", NOW))
    await subscribe(one, "ep_a")
    ids = [f"msg_{n:03}" for n in range(400)]
    await accept_old(one, *ids)
    await record(one, *[an_outcome(id_, "ep_a", 1, "failed") for id_ in ids], low_water=400)

    async def retry(id_: str) -> bool:
        async def work(tx: Transaction) -> bool:
            found = await history.find_delivery(tx, WORKSPACE, "ep_a", id_)
            if found is not None:
                await replay.replay(tx, workspace=WORKSPACE, endpoint="ep_a", event=id_, attempts=1, now=NOW)
            return found is not None

        return await two.run(work)

    pruning_ = asyncio.create_task(finish(Retention(one, clock, KEEP), clock))
    retried = await asyncio.gather(*[retry(id_) for id_ in reversed(ids)])
    await pruning_
    left = await there(one)
    waiting = [row[0] for row in await one.read(lambda r: r.fetch("due", WORKSPACE, "ep_a", NOW, 1_000))]
    assert (
        sorted(waiting)
        == sorted(left)
        == sorted(id_ for id_, yes in zip(reversed(ids), retried, strict=True) if yes)
    )
    await one.close()
    await two.close()
