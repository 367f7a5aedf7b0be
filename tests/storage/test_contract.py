"""What every store promises; each test runs on SQLite and on PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from switchhook.storage import endpoints, history, keys, outbox
from switchhook.storage.answers import Answer, keep_answer
from switchhook.storage.store import Committed, Conflict, Lane, Reader, StorageError, Store, Transaction
from switchhook.workspace import directory
from tests.storage.shared_rows import NOW, OTHER, WORKSPACE, endpoint, event, settlement

Open = Callable[[], Awaitable[Store]]


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[Store]:
    opened = await open_store()
    await opened.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", NOW))
    yield opened
    await opened.close()


async def add(store: Store, *names: str, **more: tuple[str, ...]) -> None:
    for name in names:
        row = endpoint(name, **more)  # type: ignore[arg-type]
        await store.run(lambda tx, row=row: endpoints.add_endpoint(tx, row))  # type: ignore[misc]


async def accept(store: Store, new: outbox.NewEvent) -> outbox.Accepted:
    return await store.run(lambda tx: outbox.accept(tx, new), lane=Lane.ACCEPTS)


async def settle(store: Store, *rows: outbox.Settlement | outbox.Waiting, mark: int | None = None) -> None:
    settled = [row for row in rows if isinstance(row, outbox.Settlement)]
    waiting = [row for row in rows if isinstance(row, outbox.Waiting)]
    await store.run(lambda tx: outbox.settle(tx, settled, waiting, mark), lane=Lane.OUTCOMES)


async def meta(reader: Reader, key: str) -> str | None:
    rows = await reader.fetch("get_meta", key)
    return rows[0][0] if rows else None


async def test_what_run_returned_is_there_for_a_store_opened_anew(open_store: Open) -> None:
    store = await open_store()
    await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", NOW))
    await store.close()
    again = await open_store()
    assert await again.read(keys.workspaces) == [keys.Workspace(WORKSPACE, "Test", NOW)]
    await again.close()


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_work_that_raises_takes_back_its_own_changes_and_nobody_elses(
    store: Store, lane: Lane
) -> None:
    async def write(tx: Transaction, n: int) -> int:
        await tx.execute("set_meta", f"key {n}", "there")
        if n % 3 == 0:
            raise ValueError(n)
        return n

    asked = [store.run(lambda tx, n=n: write(tx, n), lane=lane) for n in range(12)]  # type: ignore[misc]
    results = await asyncio.gather(*asked, return_exceptions=True)
    for n, result in enumerate(results):
        there = await store.read(lambda reader, n=n: meta(reader, f"key {n}"))  # type: ignore[misc]
        if n % 3 == 0:
            assert isinstance(result, ValueError)
            assert result.args == (n,)
            assert there is None
        else:
            assert (result, there) == (n, "there")


async def test_works_of_one_moment_share_a_commit(store: Store) -> None:
    before = store.commits  # type: ignore[attr-defined]
    await asyncio.gather(*[accept(store, event()) for _ in range(200)])
    assert store.commits - before < 20  # type: ignore[attr-defined]


async def test_rules_may_rely_on_what_they_read(open_store: Open, store: Store) -> None:
    """Two that read, add one and write at the same time never overwrite each other, in one process or in two."""
    other = await open_store() if store.shared else store

    async def count(tx: Transaction) -> None:
        value = int(await meta(tx, "counter") or 0)
        await tx.execute("set_meta", "counter", str(value + 1))

    await asyncio.gather(*[(store if n % 2 else other).run(count) for n in range(60)])
    assert await store.read(lambda reader: meta(reader, "counter")) == "60"
    if other is not store:
        await other.close()


@pytest.mark.parametrize("lane", [Lane.ACCEPTS, Lane.RULES])
async def test_a_fact_is_one_event_however_often_it_comes_at_once(
    open_store: Open, store: Store, lane: Lane
) -> None:
    await add(store, "ep_a")
    other = await open_store() if store.shared else store
    told: list[Committed] = []
    for each in {store, other}:
        each.on_committed(told.append)
    reports = [event(f"fact {n % 5}") for n in range(60)]
    answers = await asyncio.gather(
        *[
            (store if n % 3 else other).run(lambda tx, new=new: outbox.accept(tx, new), lane=lane)  # type: ignore[misc]
            for n, new in enumerate(reports)
        ]
    )
    assert len({answer.id for answer in answers}) == 5
    assert sum(not answer.duplicate for answer in answers) == 5
    assert sorted(new.id for c in told for new in c.events) == sorted({answer.id for answer in answers})
    if other is not store:
        await other.close()


async def test_the_same_key_of_another_topic_or_workspace_is_another_fact(store: Store) -> None:
    news = [event("key"), event("key", topic="tag.removed"), event("key", workspace=OTHER), event(), event()]
    assert [(await accept(store, new)).duplicate for new in news] == [False] * 5


async def test_a_batch_answers_in_order_and_knows_its_own_duplicates(store: Store) -> None:
    first = await accept(store, event("b"))
    batch = [event("z"), event("b"), event("a"), event("z"), event(None)]
    answers = await store.run(lambda tx: outbox.accept_all(tx, batch), lane=Lane.ACCEPTS)
    assert answers == [
        outbox.Accepted(batch[0].id, False),
        outbox.Accepted(first.id, True),
        outbox.Accepted(batch[2].id, False),
        outbox.Accepted(batch[0].id, True),
        outbox.Accepted(batch[4].id, False),
    ]


async def test_an_event_carries_who_was_subscribed_when_it_was_accepted(store: Store) -> None:
    await add(store, "ep_a", "ep_b")
    await add(store, "ep_no", topics=("tag.removed",))
    told: list[Committed] = []
    store.on_committed(told.append)
    await accept(store, event())
    await add(store, "ep_late")
    (accepted,) = [new for committed in told for new in committed.events]
    assert sorted(accepted.targets) == ["ep_a", "ep_b"]
    assert (accepted.workspace, accepted.topic, accepted.accepted_at) == (WORKSPACE, "tag.added", NOW)


async def test_nobody_hears_of_what_was_not_committed(store: Store) -> None:
    told: list[Committed] = []
    store.on_committed(told.append)

    async def fail(tx: Transaction) -> None:
        await outbox.accept(tx, event())
        raise ValueError("afterwards")

    for lane in (Lane.RULES, Lane.ACCEPTS):
        with pytest.raises(ValueError, match="afterwards"):
            await store.run(fail, lane=lane)
    assert told == []


async def test_a_work_may_await_nothing_but_its_transaction(store: Store) -> None:
    async def sleepy(_: Transaction) -> None:
        await asyncio.sleep(0)

    with pytest.raises((RuntimeError, StorageError)):
        await store.run(sleepy)
    await store.check()


async def test_a_unique_key_that_stands_is_a_conflict(store: Store) -> None:
    answer = Answer("POST /x", 201, b"{}")
    await store.run(lambda tx: keep_answer(tx, WORKSPACE, "key", answer, NOW))
    with pytest.raises(Conflict):
        await store.run(lambda tx: keep_answer(tx, WORKSPACE, "key", answer, NOW))


async def test_all_reads_of_one_work_see_the_same_moment(store: Store) -> None:
    async def look(reader: Reader) -> tuple[str | None, str | None]:
        return await meta(reader, "one"), await meta(reader, "two")

    async def both(tx: Transaction, value: int) -> None:
        await tx.execute("set_meta", "one", str(value))
        await tx.execute("set_meta", "two", str(value))

    for value in range(30):
        _, (one, two) = await asyncio.gather(
            store.run(lambda tx, value=value: both(tx, value)),  # type: ignore[misc]
            store.read(look, heavy=True),
        )
        assert one == two


async def test_texts_come_back_as_they_went_in(store: Store) -> None:
    text = "Zoë 🐘 'quote' \"double\" \\ back\nline \u202e"
    await store.run(lambda tx: tx.execute("set_meta", text, text))
    assert await store.read(lambda reader: meta(reader, text)) == text


async def test_a_text_with_a_zero_byte_hurts_nobody(store: Store) -> None:
    """PostgreSQL cannot keep U+0000: one such key must neither fail for ever nor take others along."""
    news = [event("plain"), event("ze\x00ro"), event("ze\x00ro"), event("other")]
    answers = await asyncio.gather(*[accept(store, new) for new in news])
    assert len({answer.id for answer in answers}) == 3


async def test_ids_sort_as_bytes(store: Store) -> None:
    names = ["ep_b", "ep_A", "ep_a", "ep_Z", "ep_1", "ep_-"]
    await add(store, *names)
    found = await store.read(lambda reader: endpoints.list_endpoints(reader, WORKSPACE))
    assert [row.id for row in found] == sorted(names)


async def test_an_endpoint_is_found_changed_disabled_and_deleted(store: Store) -> None:
    told: list[Committed] = []
    await add(store, "ep_a", topics=("tag.removed", "tag.added"))
    store.on_committed(told.append)
    row = await store.read(lambda reader: endpoints.find_endpoint(reader, WORKSPACE, "ep_a"))
    assert row is not None
    assert (row.topics, row.enabled) == (("tag.removed", "tag.added"), True)
    assert await store.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_a", "gone", NOW))
    assert not await store.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_a", "gone", NOW))
    await store.run(lambda tx: endpoints.change_endpoint(tx, row))
    assert await store.run(lambda tx: endpoints.delete_endpoint(tx, WORKSPACE, "ep_a", NOW))
    assert await store.read(lambda reader: endpoints.find_endpoint(reader, WORKSPACE, "ep_a")) is None
    assert await store.read(outbox.endpoint_keys) == []
    assert [committed.endpoints for committed in told] == [{(WORKSPACE, "ep_a")}] * 3
    while await store.run(lambda tx: endpoints.forget_deleted(tx, 10)):
        pass


async def test_the_history_of_deliveries_reads_the_same(store: Store) -> None:
    await add(store, "ep_a")
    ids = [(await accept(store, event())).id for _ in range(6)]
    done, failed, again, parked, fresh, _ = ids
    await settle(
        store,
        settlement(done),
        settlement(failed, state="failed"),
        settlement(again, state="retrying", next_at=NOW + 5),
        outbox.Waiting(WORKSPACE, "ep_a", parked, 0, NOW + 9),
        mark=0,
    )

    async def page(status: str | None, number: int = 1, size: int = 10) -> tuple[list[str], int]:
        rows, total = await store.read(
            lambda r: history.list_deliveries(r, WORKSPACE, "ep_a", status, page=number, size=size),
            heavy=True,
        )
        return [row.event for row in rows], total

    newest = sorted(ids, reverse=True)
    assert await page(None) == (newest, 6)
    assert await page(None, 2, 4) == (newest[4:], 6)
    assert await page("succeeded") == ([done], 1)
    assert await page("failed") == ([failed], 1)
    waiting = {again, parked, fresh, ids[5]}
    assert await page("pending") == (sorted(waiting, reverse=True), 4)
    row = await store.read(lambda r: history.find_delivery(r, WORKSPACE, "ep_a", again))
    assert row is not None
    assert (row.status, row.next_at, row.attempts[0].number, row.attempts[0].latency_ms) == (
        "pending",
        NOW + 5,
        1,
        12.5,
    )
    answer = row.attempts[0].answer()
    assert answer is not None
    assert (answer.headers, answer.body) == ((("a", "b"),), b"body")


async def test_recording_an_outcome_twice_changes_nothing(store: Store) -> None:
    await add(store, "ep_a")
    id_ = (await accept(store, event())).id
    for state in ("succeeded", "failed"):
        await settle(store, settlement(id_, state=state))
    row = await store.read(lambda r: history.find_delivery(r, WORKSPACE, "ep_a", id_))
    assert row is not None
    assert [a.state for a in row.attempts] == ["succeeded"]


async def test_keys_users_and_numbers_are_kept(store: Store) -> None:
    from switchhook.settings.config import NumberConfig, UserConfig

    await store.run(
        lambda tx: keys.add_key(
            tx, workspace=WORKSPACE, id="key_1", name="n", scopes=frozenset({"ALL"}), key="ak", now=NOW
        )
    )
    assert await store.run(lambda tx: keys.revoke_key(tx, "key_1", NOW))
    found = await store.read(lambda reader: keys.find_key(reader, "ak"))
    assert found is not None
    assert (found.id, found.workspace_name, found.revoked_at) == ("key_1", "Test", NOW)
    assert await store.read(lambda reader: keys.find_key(reader, "other")) is None
    users, numbers = (
        [UserConfig("a@b.example", "A", ("sip:a",))],
        [NumberConfig("+33123456789", users=("a@b.example",))],
    )
    for _ in range(2):
        await store.run(lambda tx: directory.configure(tx, WORKSPACE, users, numbers, "FR"))
    read = await store.read(lambda reader: directory.read_directory(reader, WORKSPACE, "FR"))
    assert [user.email for user in read.users] == ["a@b.example"]
    assert json.dumps([number.number for number in read.numbers]) == '["+33123456789"]'


async def test_a_closed_store_says_so(open_store: Open) -> None:
    store = await open_store()
    await store.check()
    await store.close()
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.check()
    with pytest.raises(StorageError, match="closed"):
        await store.read(keys.workspaces)
