"""Bringing every secret in the database under the first key of the vault, in small steps.

To be done at every start, before anything is read that may be sealed: it is also what finds out that a key is missing.
Several processes may do so at once; a row is only replaced as long as it is what was read.
"""

import logging

from switchhook.storage.keys import workspaces
from switchhook.storage.store import Reader, Row, Store, Transaction
from switchhook.storage.vault import MARK, SealBroken, key_of, missing

log = logging.getLogger(__name__)

STEP = 200  # rows in one transaction

RECORDING_KEY = "recording_key"
"""In `meta`: what signs links to recordings."""

SECRETS = "secrets"
HEADERS = "headers"
ANSWER = "answer"


async def seal_all(store: Store) -> int:
    """Seal what is plain or under an older key; how many rows were. Without a key nothing is, and nothing may be.

    Raises:
        SealBroken: a secret is sealed with a key that the vault does not have, or does not open.
    """
    await _check_keys(store)
    if not store.vault.prefix:
        return 0
    sealed = await store.run(_seal_meta)
    for workspace in await store.read(workspaces):
        sealed += await _seal_endpoints(store, workspace.id)
        sealed += await _seal_answers(store, workspace.id)
    if sealed:
        log.info("sealed the secrets of %d rows with the key %s", sealed, key_of(store.vault.prefix))
    return sealed


async def _check_keys(store: Store) -> None:
    """First of all: half a database under one more key would need both of them."""

    async def keys(reader: Reader) -> list[str]:
        found = [value for (value,) in await reader.fetch("get_meta", RECORDING_KEY)]
        for workspace in await workspaces(reader):
            found += [beginning for (beginning,) in await reader.fetch("sealed_beginnings", workspace.id)]
        return [key_of(text) for text in found if text.startswith(MARK)]

    for key in await store.read(keys):
        if key not in store.vault.ids:
            raise SealBroken(missing(key))


async def _seal_meta(tx: Transaction) -> int:
    rows = await tx.fetch("get_meta", RECORDING_KEY)
    if not rows or rows[0][0].startswith(tx.vault.prefix):
        return 0
    ((text,),) = rows
    plain = tx.vault.open(text, RECORDING_KEY)
    return await tx.execute("replace_meta", RECORDING_KEY, tx.vault.seal(plain, RECORDING_KEY), text)


async def _seal_endpoints(store: Store, workspace: str) -> int:
    vault, sealed, after = store.vault, 0, ""
    while rows := await _rows(store, "endpoints_to_seal", workspace, after, f"{vault.prefix}%", STEP):
        after = rows[-1][0]
        values = [
            (
                workspace,
                id_,
                vault.seal(vault.open(secrets, workspace, id_, SECRETS), workspace, id_, SECRETS),
                vault.seal(vault.open(headers, workspace, id_, HEADERS), workspace, id_, HEADERS),
                secrets,
                headers,
            )
            for id_, secrets, headers in rows
        ]
        await store.run(lambda tx, values=values: tx.many("seal_endpoint", values))  # type: ignore[misc]
        sealed += len(rows)
    return sealed


async def _seal_answers(store: Store, workspace: str) -> int:
    vault, sealed, after = store.vault, 0, ""
    prefix = vault.prefix.encode()
    while rows := await _rows(store, "answers_to_seal", workspace, after, prefix, len(prefix), STEP):
        after = rows[-1][0]
        values = []
        for key, body in rows:
            plain = vault.open(body.decode(), workspace, key, ANSWER)
            values.append((workspace, key, vault.seal(plain, workspace, key, ANSWER).encode(), body))
        await store.run(lambda tx, values=values: tx.many("seal_answer", values))  # type: ignore[misc]
        sealed += len(rows)
    return sealed


async def _rows(store: Store, query: str, *args: object) -> list[Row]:
    return await store.read(lambda reader: reader.fetch(query, *args))
