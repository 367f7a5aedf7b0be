"""What a carrier has for us and we have not yet: recordings and the like, until they are here or will not be."""

import msgspec

from switchhook.storage.store import Reader, Transaction


class Fetch(msgspec.Struct, frozen=True):
    """One of them, by the carrier's own id. `what` is JSON of whoever fetches it, `since` wall ms."""

    id: str
    kind: str
    what: str
    since: int
    attempts: int


async def add(tx: Transaction, workspace: str, id_: str, kind: str, what: str, *, now: int) -> bool:
    """Have something fetched; False when it is known."""
    return await tx.execute("add_fetch", workspace, id_, kind, what, now) > 0


async def due(reader: Reader, workspace: str, kind: str, now: int, *, limit: int) -> list[Fetch]:
    """Up to `limit` of a kind that are to be fetched now, in order."""
    return [Fetch(*row) for row in await reader.fetch("due_fetches", workspace, kind, now, limit)]


async def put_off(tx: Transaction, workspace: str, fetch: Fetch, due_at: int) -> None:
    """It could not be had; it is tried again at `due_at` (wall ms)."""
    await tx.execute("put_off_fetch", workspace, fetch.id, due_at, fetch.attempts + 1)


async def forget(tx: Transaction, workspace: str, id_: str) -> None:
    """It is here, or will not be."""
    await tx.execute("drop_fetch", workspace, id_)


async def count(reader: Reader, workspace: str) -> int:
    """How many there are."""
    ((number,),) = await reader.fetch("count_fetches", workspace)
    return int(number)
