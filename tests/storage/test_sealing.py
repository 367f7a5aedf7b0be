"""Secrets in the database: sealed on the way in, bound to their rows, and brought under a new key at the start."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from switchhook.serving.installation import recording_key
from switchhook.storage import answers, endpoints, keys, sealing
from switchhook.storage.answers import Answer
from switchhook.storage.endpoints import Endpoint, Header, SigningSecret
from switchhook.storage.sealing import seal_all
from switchhook.storage.store import Reader, Row, Store, Transaction
from switchhook.storage.vault import SealBroken, Vault, key_of
from tests.storage.rows import NOW, WORKSPACE, an_endpoint, delete

OLD, NEW = Vault([b"o" * 32]), Vault([b"n" * 32])
BOTH = Vault([b"n" * 32, b"o" * 32])
HIDDEN = "whsec_aGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVu"

Open = Callable[..., Awaitable[Store]]


def hiding(id_: str, **values: Any) -> Endpoint:
    return an_endpoint(
        id_, secrets=(SigningSecret(HIDDEN),), headers=(Header("authorization", "hidden-header"),), **values
    )


async def fill(store: Store, count: int = 3) -> bytes:
    """Everything that has a secret; the recording key."""
    await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "One", NOW))
    for n in range(count):
        await store.run(lambda tx, n=n: endpoints.add_endpoint(tx, hiding(f"ep_{n}")))  # type: ignore[misc]
    await store.run(
        lambda tx: answers.keep_answer(tx, WORKSPACE, "key", Answer("POST /x", 201, b"hidden-answer"), NOW)
    )
    return await recording_key(store)


async def columns(store: Store) -> dict[str, list[str]]:
    """The columns that hold secrets, as they are on the disk."""

    async def read(reader: Reader) -> dict[str, list[str]]:
        rows = await reader.fetch("endpoints", WORKSPACE)
        (answer,) = await reader.fetch("answer", WORKSPACE, "key", 0)
        meta = await reader.fetch("get_meta", sealing.RECORDING_KEY)
        return {
            "secrets": [row[5] for row in rows],
            "headers": [row[12] for row in rows],
            "answers": [answer[2].decode()],
            "meta": [value for (value,) in meta],
        }

    return await store.read(read)


async def found(store: Store) -> tuple[list[Endpoint], Answer | None, bytes]:
    """The same, as those see it who use it."""
    rows = await store.read(lambda reader: endpoints.list_endpoints(reader, WORKSPACE))
    answer = await store.read(lambda reader: answers.find_answer(reader, WORKSPACE, "key", NOW))
    return rows, answer, await recording_key(store)


async def put(store: Store, id_: str, secrets: str, headers: str) -> None:
    """Write the sealed columns of an endpoint past every rule, as somebody with access to the database might."""
    (row,) = await store.read(lambda reader: reader.fetch("endpoint", WORKSPACE, id_))
    await store.run(lambda tx: tx.execute("seal_endpoint", WORKSPACE, id_, secrets, headers, row[5], row[12]))


async def test_nothing_that_is_secret_is_readable_in_the_database(open_store: Open) -> None:
    store = await open_store(NEW)
    await fill(store)
    for column in (await columns(store)).values():
        assert column
        for text in column:
            assert text.startswith(NEW.prefix)
            assert "hidden" not in text
    rows, answer, _ = await found(store)
    assert rows == [hiding(f"ep_{n}") for n in range(3)]
    assert answer == Answer("POST /x", 201, b"hidden-answer")
    rotated = await store.run(lambda tx: endpoints.rotate_secret(tx, rows[0], HIDDEN, NOW + 9, NOW))
    await store.run(lambda tx: endpoints.change_endpoint(tx, hiding("ep_1", description="changed")))
    assert all(text.startswith(NEW.prefix) for column in (await columns(store)).values() for text in column)
    assert (await found(store))[0][:2] == [rotated, hiding("ep_1", description="changed")]
    await store.close()


async def test_without_a_key_nothing_is_sealed(open_store: Open) -> None:
    store = await open_store()
    await fill(store)
    assert await seal_all(store) == 0
    assert "hidden-header" in (await columns(store))["headers"][0]
    await store.close()


@pytest.mark.parametrize(("before", "after"), [(None, NEW), (OLD, BOTH)])
async def test_what_is_plain_or_under_an_older_key_is_sealed_in_small_steps(
    open_store: Open, before: Vault | None, after: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "STEP", 3)
    store = await open_store(before)
    key = await fill(store, 10)
    await delete(store, "ep_4")
    was = await found(store)
    await store.close()
    store = await open_store(after)
    assert await found(store) == was  # also before
    assert await seal_all(store) == 9 + 1 + 1
    assert await seal_all(store) == 0
    assert all(text.startswith(NEW.prefix) for column in (await columns(store)).values() for text in column)
    await store.close()
    store = await open_store(NEW)  # the older key is needed no more
    assert await seal_all(store) == 0
    assert await found(store) == was
    assert was[2] == key
    await store.close()


@pytest.mark.parametrize("vault", [None, NEW], ids=["none", "another"])
async def test_without_the_key_nothing_starts_and_nothing_is_changed(
    open_store: Open, vault: Vault | None
) -> None:
    store = await open_store(OLD)
    await fill(store)
    await put(store, "ep_0", f'[{{"secret":"{HIDDEN}"}}]', "{}")  # and one that was never sealed
    was = await columns(store)
    await store.close()
    store = await open_store(vault)
    with pytest.raises(
        SealBroken, match=f"key {key_of(OLD.prefix)}, which SWITCHHOOK_SECRETS_KEY does not hold"
    ):
        await seal_all(store)
    assert await columns(store) == was
    found = await store.read(lambda reader: endpoints.find_endpoint(reader, WORKSPACE, "ep_1"))
    assert found is not None
    assert "SWITCHHOOK_SECRETS_KEY does not hold" in (found.locked or "")
    with pytest.raises(SealBroken):
        await recording_key(store)
    await store.close()


@pytest.mark.parametrize("column", [5, 12])
async def test_one_row_under_an_unknown_key_is_enough_to_refuse_before_anything_is_sealed(
    open_store: Open, column: int
) -> None:
    store = await open_store(NEW)
    await fill(store)
    await put(store, "ep_0", "[]", "{}")
    (row,) = await store.read(lambda reader: reader.fetch("endpoint", WORKSPACE, "ep_2"))
    row = (*row[:column], OLD.seal("{}", WORKSPACE, "ep_2", "x"), *row[column + 1 :])
    await put(store, "ep_2", row[5], row[12])
    was = await columns(store)
    with pytest.raises(SealBroken, match=key_of(OLD.prefix)):
        await seal_all(store)
    assert await columns(store) == was
    await store.close()


async def is_locked(store: Store, why: str) -> None:
    """The endpoint is shown with the reason and without a secret, and what was not read is not written over."""
    found = await store.read(lambda reader: endpoints.find_endpoint(reader, WORKSPACE, "ep_0"))
    assert found is not None
    assert why in (found.locked or "")
    assert (found.secrets, found.headers) == ((), ())
    listed = await store.read(lambda reader: endpoints.list_endpoints(reader, WORKSPACE))
    assert [one.id for one in listed if one.locked] == ["ep_0"]
    was = await columns(store)
    with pytest.raises(SealBroken, match=why):
        await store.run(lambda tx: endpoints.change_endpoint(tx, found))
    with pytest.raises(SealBroken, match=why):
        await store.run(lambda tx: endpoints.rotate_secret(tx, found, "whsec_x", 1, 0))
    assert await columns(store) == was


async def test_a_secret_that_was_moved_to_another_endpoint_does_not_open(open_store: Open) -> None:
    store = await open_store(NEW)
    await fill(store)
    was = await columns(store)
    await put(store, "ep_0", was["secrets"][1], was["headers"][0])
    await is_locked(store, f"{WORKSPACE} ep_0 secrets was changed, or moved")
    await put(store, "ep_0", was["secrets"][0], was["secrets"][0])  # nor does one in another column
    await is_locked(store, f"{WORKSPACE} ep_0 headers was changed, or moved")
    await put(store, "ep_0", was["secrets"][0], was["headers"][0])
    assert await store.read(lambda reader: endpoints.find_endpoint(reader, WORKSPACE, "ep_0")) == hiding(
        "ep_0"
    )
    await store.close()


async def test_a_secret_that_is_rotated_meanwhile_is_not_put_back(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = await open_store(), await open_store(NEW)
    await fill(store)
    fetch_rows = sealing._rows

    async def rows(from_: Store, query: str, *args: object) -> list[Row]:
        read = await fetch_rows(from_, query, *args)
        if query == "endpoints_to_seal" and read:
            for id_ in ("ep_0", "ep_1", "ep_2"):
                await other.run(lambda tx, id_=id_: rotate(tx, id_))  # type: ignore[misc]
        return read

    async def rotate(tx: Transaction, id_: str) -> None:
        endpoint = await endpoints.find_endpoint(tx, WORKSPACE, id_)
        assert endpoint is not None
        await endpoints.rotate_secret(tx, endpoint, "whsec_fresh", NOW + 9, NOW)

    monkeypatch.setattr(sealing, "_rows", rows)
    await seal_all(other)
    assert [row.secrets[0].secret for row in (await found(other))[0]] == ["whsec_fresh"] * 3
    await store.close()
    await other.close()
