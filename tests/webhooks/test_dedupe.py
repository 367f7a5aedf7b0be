"""One contract for every store of notes: memory, SQLite, PostgreSQL by two drivers, Redis by two clients."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from switchhook.webhooks import MemoryDedupe
from switchhook.webhooks.dedupe import Claim, State, Waiting
from switchhook.webhooks.dedupe import sqlite as sqlite_store
from switchhook.webhooks.dedupe.sqlite import SqliteDedupe
from tests.webhooks.stores import KINDS, Clock, Noted, opened

ID = "msg_0123456789ABCDEFGHIJkl"
OTHER = "msg_lkJIHGFEDCBA9876543210"


@pytest.fixture(params=KINDS)
async def noted(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Noted]:
    async with opened(request.param, request, tmp_path) as store:
        yield store


async def test_one_claims_and_another_is_told_it_is_under_way(noted: Noted) -> None:
    assert await noted.ask("claim", ID, "a", 60) == Claim(State.CLAIMED, 1)
    assert await noted.ask("claim", ID, "b", 60) == Claim(State.UNDER_WAY)
    assert await noted.ask("claim", OTHER, "b", 60) == Claim(State.CLAIMED, 1)


async def test_the_holder_may_claim_again_and_that_is_no_further_attempt(noted: Noted) -> None:
    await noted.ask("claim", ID, "a", 60)
    assert await noted.ask("claim", ID, "a", 60) == Claim(State.CLAIMED, 1)


async def test_what_is_done_stays_done_until_it_is_forgotten(noted: Noted) -> None:
    await noted.ask("claim", ID, "a", 60)
    assert await noted.ask("finish", ID, "a", 60)
    assert await noted.ask("claim", ID, "b", 60) == Claim(State.DONE)
    assert await noted.ask("claim", ID, "a", 60) == Claim(State.DONE)
    await noted.lapse(ID)
    assert await noted.ask("claim", ID, "b", 60) == Claim(State.CLAIMED, 1)


async def test_what_is_given_back_is_unknown_again(noted: Noted) -> None:
    await noted.ask("claim", ID, "a", 60)
    assert await noted.ask("release", ID, "a")
    assert await noted.ask("claim", ID, "b", 60) == Claim(State.CLAIMED, 1)


async def test_what_is_given_back_for_later_is_nobodys_until_then(noted: Noted) -> None:
    await noted.ask("claim", ID, "a", 60)
    assert await noted.ask("release", ID, "a", 60.0)
    assert (await noted.ask("claim", ID, "a", 60)).state is State.UNDER_WAY
    assert (await noted.ask("claim", ID, "b", 60)).state is State.UNDER_WAY
    await noted.lapse(ID)
    assert (await noted.ask("claim", ID, "b", 60)).state is State.CLAIMED


async def test_whoever_lost_the_claim_changes_nothing(noted: Noted) -> None:
    await noted.ask("claim", ID, "a", 60)
    await noted.lapse(ID)
    assert (await noted.ask("claim", ID, "b", 60)).state is State.CLAIMED
    assert not await noted.ask("finish", ID, "a", 60)
    assert not await noted.ask("release", ID, "a")
    assert not await noted.ask("release", ID, "a", 5.0)
    assert await noted.ask("claim", ID, "c", 60) == Claim(State.UNDER_WAY)
    assert await noted.ask("finish", ID, "b", 60)
    assert not await noted.ask("finish", ID, "b", 60)
    assert not await noted.ask("release", ID, "b")
    assert await noted.ask("claim", ID, "a", 60) == Claim(State.DONE)


async def test_a_body_is_told_of_when_its_claim_has_run_out_and_until_it_is_done(noted: Noted) -> None:
    if "redis" in str(type(noted.store)).lower():
        assert await noted.ask("waiting", 10) == []
        return
    await noted.ask("claim", ID, "a", 60, b"\x00 a body")
    await noted.ask("claim", OTHER, "a", 60)
    assert await noted.ask("waiting", 10) == []
    await noted.lapse(ID)
    assert await noted.ask("waiting", 10) == [Waiting(ID, b"\x00 a body")]
    assert await noted.ask("claim", ID, "b", 60) == Claim(State.CLAIMED, 2)
    assert await noted.ask("waiting", 10) == []
    await noted.ask("release", ID, "b", 60.0)
    await noted.lapse(ID)
    assert await noted.ask("waiting", 10) == [Waiting(ID, b"\x00 a body")]
    assert await noted.ask("claim", ID, "c", 60) == Claim(State.CLAIMED, 3)
    await noted.ask("finish", ID, "c", 60)
    await noted.lapse(ID)
    assert await noted.ask("waiting", 10) == []


async def test_of_fifty_who_want_it_at_once_one_has_it(noted: Noted) -> None:
    async def claim(number: int) -> State:
        got: Claim
        store: Any = noted.store
        if hasattr(store, "blocking"):
            got = await asyncio.to_thread(store.claim, ID, f"token {number}", 60)
        else:
            got = await noted.ask("claim", ID, f"token {number}", 60)
        return got.state

    states = await asyncio.gather(*[claim(number) for number in range(50)])
    assert sorted(state.value for state in states) == ["claimed"] + ["under way"] * 49


async def test_what_is_over_is_removed_a_little_at_a_time_and_nothing_else(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "Redis" in type(noted.store).__name__:
        return  # Redis does so itself
    module = type(noted.store).__module__
    if not module.endswith("memory"):
        monkeypatch.setattr(f"{module}.PRUNE_EVERY", 1)
    await noted.ask("claim", ID, "a", 60, b"kept")
    await noted.ask("claim", OTHER, "a", 60)
    await noted.ask("finish", OTHER, "a", 60)
    await noted.lapse(ID)
    await noted.lapse(OTHER)
    await noted.ask("claim", "msg_third", "a", 60)
    assert [one.id for one in await noted.ask("waiting", 10)] == [ID]
    assert await noted.ask("claim", OTHER, "b", 60) == Claim(State.CLAIMED, 1)


def test_memory_is_bounded_and_forgets_the_oldest_that_is_done() -> None:
    store = MemoryDedupe(size=3, clock=Clock())
    for number in range(10):
        store.claim(f"msg_{number}", "a", 60)
        store.finish(f"msg_{number}", "a", 60)
        assert len(store) <= 4
    assert store.claim("msg_9", "b", 60).state is State.DONE
    assert store.claim("msg_0", "b", 60).state is State.CLAIMED
    with pytest.raises(ValueError, match="no message"):
        MemoryDedupe(size=0)


def test_memory_forgets_no_claim_that_holds() -> None:
    store = MemoryDedupe(size=2, clock=Clock())
    for number in range(5):
        store.claim(f"msg_{number}", "a", 60)
    assert all(store.claim(f"msg_{n}", "b", 60).state is State.UNDER_WAY for n in range(5))


def test_sqlite_is_shared_by_threads_and_by_other_connections_and_outlives_them(tmp_path: Path) -> None:
    first, second = SqliteDedupe(tmp_path / "n.db"), SqliteDedupe(tmp_path / "n.db")
    won: list[int] = []

    def race(store: SqliteDedupe, number: int) -> None:
        claims = ((n, store.claim(f"msg_{n}", f"token {number}", 60)) for n in range(20))
        won.extend(n for n, claim in claims if claim.state is State.CLAIMED)

    threads = [threading.Thread(target=race, args=((first, second)[n % 2], n)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(20))
    first.finish("msg_0", "x", 60)
    first.close()
    second.close()
    third = SqliteDedupe(tmp_path / "n.db")
    assert third.claim("msg_0", "later", 60).state is State.UNDER_WAY
    third.close()
    with sqlite3.connect(tmp_path / "n.db") as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.close()
    assert sqlite_store.PRUNE_EVERY > 1
