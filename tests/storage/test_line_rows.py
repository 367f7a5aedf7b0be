"""A line of telephones belongs to one process of a shared store at a time."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from switchhook.storage import processes
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Lane, Transaction
from tests.postgres import expire


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    stores = [await PostgresStore.open(database) for _ in range(2)]
    for store, name in zip(stores, ("one", "two"), strict=True):
        await store.join(name, 3600.0)
    yield stores[0], stores[1]
    for store in stores:
        await store.close()


async def take(store: PostgresStore) -> str | None:
    return await store.run(lambda tx: processes.take_line(tx, "sip"))


async def speaks(store: PostgresStore) -> bool:
    try:
        await store.run(lambda tx: processes.need_line(tx, "sip"))
    except processes.LineLost:
        return False
    return True


async def lose(store: PostgresStore, to: PostgresStore) -> None:
    """Have `store` taken over."""
    connection = await asyncpg.connect(store._url)
    await expire(connection, store.process)
    await connection.close()
    more = True
    while more:
        _, more = await to.run(
            lambda tx: processes.take_over_step(tx, store.process, 0, 100), lane=Lane.OUTCOMES
        )


async def test_one_has_it_and_the_other_hears_who(two: tuple[PostgresStore, PostgresStore]) -> None:
    one, other = two
    assert await take(one) is None
    assert await take(other) == "one"
    assert await take(one) is None  # again: it is ours
    assert (await speaks(one), await speaks(other)) == (True, False)


async def test_who_lets_go_leaves_it_to_the_next(two: tuple[PostgresStore, PostgresStore]) -> None:
    one, other = two
    await take(one)
    await other.run(lambda tx: processes.leave_line(tx, "sip"))  # not its own: nothing happens
    assert await take(other) == "one"
    await one.run(lambda tx: processes.leave_line(tx, "sip"))
    assert await take(other) is None
    assert (await speaks(one), await speaks(other)) == (False, True)


async def test_a_process_that_is_gone_has_no_line_and_comes_back_without_it(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    one, other = two
    await take(one)
    await lose(one, to=other)
    assert await take(other) is None
    await one.join("one again", 3600.0)
    assert not await speaks(one)
    assert await take(one) == "two"


async def test_a_takeover_that_has_only_begun_has_freed_the_line(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    one, other = two
    await take(one)
    await other.run(lambda tx: tx.execute("mark_lost", one.process), lane=Lane.OUTCOMES)
    assert await take(other) is None


async def test_lines_of_other_names_are_apart(two: tuple[PostgresStore, PostgresStore]) -> None:
    one, other = two
    await take(one)
    assert await other.run(lambda tx: processes.take_line(tx, "another")) is None
    assert await take(other) == "one"


async def test_two_who_take_it_at_once_do_not_both_get_it(two: tuple[PostgresStore, PostgresStore]) -> None:
    found = await asyncio.gather(*[take(store) for store in (*two, *two)])
    assert {found[0] is None, found[1] is None} == {True, False}
    assert found[2:] == found[:2]


async def test_what_follows_a_lost_line_is_not_committed(two: tuple[PostgresStore, PostgresStore]) -> None:
    one, other = two
    await take(other)

    async def work(tx: Transaction) -> None:
        await tx.execute("set_meta", "said", "1")
        await processes.need_line(tx, "sip")

    with pytest.raises(processes.LineLost):
        await one.run(work)
    assert await other.read(lambda r: r.fetch("get_meta", "said")) == []
