"""API keys: known by a digest, never by themselves."""

from pathlib import Path

import pytest

from switchhook.storage import keys
from switchhook.storage.sqlite import SqliteStore
from tests.storage.rows import NOW


async def issue(store: SqliteStore, id: str, *scopes: str) -> str:
    key = keys.new_secret_key()
    await store.run(
        lambda tx: keys.add_key(
            tx, workspace="wsp_a", id=id, name=f"name of {id}", scopes=frozenset(scopes), key=key, now=NOW
        )
    )
    return key


async def workspace(store: SqliteStore) -> None:
    await store.run(lambda tx: keys.add_workspace(tx, "wsp_a", "A", NOW))


@pytest.mark.sqlite
async def test_no_key_stands_in_the_files_of_the_database(store: SqliteStore, path: Path) -> None:
    await workspace(store)
    issued = [await issue(store, f"key_{n}", "ALL") for n in range(3)]

    def content() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.iterdir())

    for moment in ("in the log", "in the file"):
        for key in issued:
            assert key.encode() not in content(), moment
            assert key.removeprefix("ak_live_").encode() not in content(), moment
        assert keys.digest(issued[0]) in content(), moment
        store._connection.wal_checkpoint()


async def test_a_key_is_found_by_itself_alone(store: SqliteStore) -> None:
    await workspace(store)
    first, second = await issue(store, "key_1", "ALL"), await issue(store, "key_2", "A", "B")
    found = await store.read(lambda reader: keys.find_key(reader, second))
    assert found is not None
    assert (found.id, found.workspace, found.workspace_name) == ("key_2", "wsp_a", "A")
    assert (found.name, found.scopes, found.revoked_at) == ("name of key_2", frozenset({"A", "B"}), None)
    for wrong in ("", "key_1", first[:-1], first + "A", first.lower(), " " + first):
        assert await store.read(lambda reader, key=wrong: keys.find_key(reader, key)) is None  # type: ignore[misc]


async def test_a_revoked_key_is_known_as_such_and_revoked_once(store: SqliteStore) -> None:
    await workspace(store)
    key = await issue(store, "key_1", "ALL")
    other = await issue(store, "key_2", "ALL")
    assert await store.run(lambda tx: keys.revoke_key(tx, "key_1", NOW + 5))
    assert not await store.run(lambda tx: keys.revoke_key(tx, "key_1", NOW + 6))
    assert not await store.run(lambda tx: keys.revoke_key(tx, "key_none", NOW))
    found = await store.read(lambda reader: keys.find_key(reader, key))
    assert found is not None
    assert found.revoked_at == NOW + 5
    kept = await store.read(lambda reader: keys.find_key(reader, other))
    assert kept is not None
    assert kept.revoked_at is None
    assert [row.id for row in await store.read(keys.list_keys)] == ["key_1", "key_2"]


async def test_a_key_may_what_its_scopes_say(store: SqliteStore) -> None:
    await workspace(store)
    for id_, scopes in (("key_1", ("ALL",)), ("key_2", ("A", "B")), ("key_3", ("C",))):
        await issue(store, id_, *scopes)
    everything, some, little = await store.read(keys.list_keys)
    assert everything.may("A")
    assert some.may("A", "X")
    assert not some.may("C")
    assert not little.may("A", "B")
    assert not little.may()


def test_no_two_keys_are_alike() -> None:
    issued = {keys.new_secret_key() for _ in range(1_000)}
    assert len(issued) == 1_000
    assert all(key.startswith("ak_live_") and len(key) == 51 for key in issued)
