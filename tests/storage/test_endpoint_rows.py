"""Endpoints as they are stored, changed, and forgotten in small steps."""

import msgspec
import pytest

from switchhook.storage import endpoints, outbox
from switchhook.storage.endpoints import SigningSecret
from switchhook.storage.sqlite import SqliteStore
from tests.storage.rows import (
    NOW,
    OTHER,
    WORKSPACE,
    accept,
    an_endpoint,
    an_outcome,
    attempts,
    delete,
    schedule,
    settle,
    subscribe,
)


async def rows_of(store: SqliteStore, endpoint: str) -> int:
    """How many rows of history an endpoint has."""
    counts = [
        store._connection.execute(
            f"SELECT count(*) FROM {table} WHERE endpoint_id = ?", (endpoint,)
        ).fetchall()
        for table in ("attempts", "schedule")
    ]
    return sum(int(str(count)) for ((count,),) in counts)


async def test_an_endpoint_comes_back_as_it_was_stored(store: SqliteStore) -> None:
    first = an_endpoint("ep_a", topics=("tag.added", "sms.sent"), description="näher", enabled=False)
    second = an_endpoint("ep_b", topics=(), secrets=(SigningSecret("whsec_a"), SigningSecret("whsec_b", NOW)))
    for row in (second, first):
        await store.run(lambda tx, row=row: endpoints.add_endpoint(tx, row))  # type: ignore[misc]
    assert await store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a")) == first
    assert await store.read(lambda r: endpoints.list_endpoints(r, WORKSPACE)) == [first, second]
    assert await store.read(lambda r: endpoints.find_endpoint(r, OTHER, "ep_a")) is None
    assert await store.read(lambda r: endpoints.list_endpoints(r, OTHER)) == []


async def test_a_changed_endpoint_keeps_its_secrets_and_its_age(store: SqliteStore) -> None:
    row = an_endpoint("ep_a")
    await store.run(lambda tx: endpoints.add_endpoint(tx, row))
    changed = msgspec.structs.replace(
        row, url="https://example.com", topics=("sms.sent",), description="d", updated_at=NOW + 1, secrets=()
    )
    await store.run(lambda tx: endpoints.change_endpoint(tx, changed))
    found = await store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a"))
    assert found == msgspec.structs.replace(changed, secrets=row.secrets)


async def test_everybody_hears_of_an_endpoint_that_changed(store: SqliteStore) -> None:
    told: list[tuple[str, str]] = []
    store.on_committed(lambda committed: told.extend(committed.endpoints))
    await subscribe(store, "ep_a")
    await store.run(lambda tx: endpoints.change_endpoint(tx, an_endpoint("ep_a")))
    assert await store.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_a", "410", NOW))
    assert not await store.run(lambda tx: endpoints.disable_endpoint(tx, WORKSPACE, "ep_a", "410", NOW))
    assert await delete(store, "ep_a")
    assert not await delete(store, "ep_a")
    assert told == [(WORKSPACE, "ep_a")] * 4


async def test_a_secret_shows_itself_to_nobody_who_prints_it() -> None:
    assert "whsec_hidden" not in repr(an_endpoint("ep_a", secrets=(SigningSecret("whsec_hidden"),)))


@pytest.mark.sqlite
async def test_a_deleted_endpoint_is_gone_at_once_and_its_secrets_with_it(store: SqliteStore) -> None:
    await subscribe(store, "ep_a")
    assert not await delete(store, "ep_a", workspace=OTHER)
    assert await delete(store, "ep_a")
    assert await store.read(lambda r: endpoints.find_endpoint(r, WORKSPACE, "ep_a")) is None
    assert await store.read(lambda r: endpoints.list_endpoints(r, WORKSPACE)) == []
    assert await store.read(outbox.endpoint_keys) == []
    assert store._connection.execute("SELECT secrets FROM endpoints").fetchall() == [("[]",)]


@pytest.mark.sqlite
async def test_a_deleted_endpoint_is_forgotten_in_small_steps_that_end(store: SqliteStore) -> None:
    await subscribe(store, "ep_gone", "ep_kept")
    for n in range(12):
        await accept(store, f"msg_{n}")
        for name in ("ep_gone", "ep_kept"):
            await settle(store, *(an_outcome(f"msg_{n}", name, k, "retrying", next_at=NOW) for k in (1, 2)))
    kept = await rows_of(store, "ep_kept")
    await delete(store, "ep_gone")
    left = await rows_of(store, "ep_gone")
    assert left == 36
    steps = 0
    while await store.run(lambda tx: endpoints.forget_deleted(tx, 5)):
        now_left = await rows_of(store, "ep_gone")
        assert left - 5 <= now_left <= left  # never more than it may
        left = now_left
        steps += 1
        assert steps < 20
    assert left == 0
    assert await rows_of(store, "ep_kept") == kept
    assert await attempts(store, "ep_kept", "msg_3") == [1, 2]
    assert await schedule(store, "ep_kept", "msg_3") == (2, NOW)
    assert store._connection.execute("SELECT id FROM endpoints").fetchall() == [("ep_kept",)]
    assert not await store.run(lambda tx: endpoints.forget_deleted(tx, 5))


@pytest.mark.sqlite
async def test_a_step_is_no_larger_when_many_endpoints_were_deleted(store: SqliteStore) -> None:
    names = [f"ep_{n}" for n in range(6)]
    await subscribe(store, *names)
    await accept(store, "msg_1")
    for name in names:
        await settle(store, *(an_outcome("msg_1", name, k, "retrying", next_at=NOW) for k in (1, 2)))
        await delete(store, name)
    left = 18
    while await store.run(lambda tx: endpoints.forget_deleted(tx, 4)):
        now_left = sum([await rows_of(store, name) for name in names])
        assert left - 4 <= now_left
        left = now_left
    assert left == 0
    assert store._connection.execute("SELECT count(*) FROM endpoints").fetchall() == [(0,)]


@pytest.mark.sqlite
async def test_no_deleted_endpoint_is_left_however_many_there_are(store: SqliteStore) -> None:
    names = [f"ep_{n}" for n in range(250)]
    await subscribe(store, *names)
    for name in names:
        await delete(store, name)
    steps = 0
    while await store.run(lambda tx: endpoints.forget_deleted(tx, 60)):
        steps += 1
        assert steps < 50
    assert store._connection.execute("SELECT count(*) FROM endpoints").fetchall() == [(0,)]
