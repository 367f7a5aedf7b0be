"""How far the workspace has learned of the events that were published, and which of them were its own.

The cursor is the `seq` of the last event that was dealt with, for the whole installation: events of all workspaces are
numbered in one series. It moves in the transaction that stores what the events tell, so each of them counts once.
"""

import msgspec

from switchhook.storage import outbox
from switchhook.storage.store import Reader, Transaction


class Published(msgspec.Struct, frozen=True):
    """An event to learn from. `own`: the workspace made it of a change of its own. `body` is empty once expunged."""

    seq: int
    workspace: str
    id: str
    topic: str
    body: bytes
    accepted_at: int
    own: bool


async def cursor(reader: Reader) -> int:
    """The `seq` of the last event that was dealt with."""
    rows = await reader.fetch("mirrored_upto")
    return int(rows[0][0]) if rows else 0


async def bound(reader: Reader) -> int:
    """The `seq` up to which no event can appear any more.

    Several processes commit in another order than they number; below the low-water mark of all of them nothing is on
    its way. A store of one process commits in order.
    """
    if reader.shared:
        return await outbox.low_water(reader)
    ((newest,),) = await reader.fetch("newest_seq")
    return int(newest)


async def after(reader: Reader, position: int, limit: int) -> list[Published]:
    """Up to `limit` events above `position` (a `seq`) that may be dealt with, in the order of acceptance."""
    rows = await reader.fetch("to_mirror", position, await bound(reader), limit)
    return [
        Published(seq, workspace, id_, topic, body, at, bool(own))
        for seq, workspace, id_, topic, body, at, own in rows
    ]


async def waiting_since(reader: Reader) -> int | None:
    """When the first event beyond the cursor was accepted (wall ms); None when there is none."""
    rows = await reader.fetch("oldest_events", await cursor(reader), (1 << 63) - 1, 1)
    return rows[0][3] if rows else None


async def move(tx: Transaction, upto: int) -> None:
    """Everything up to the `seq` `upto` has been dealt with."""
    await tx.execute("mirror_moved", upto)


async def claim(tx: Transaction, seconds: float) -> bool:
    """In a shared store: be the only process that mirrors for so long from now. False when another one is."""
    return bool(await tx.fetch("claim_mirroring", seconds))


async def person_of(reader: Reader, workspace: str, source: str) -> str | None:
    """The id of the person whom a contact of another system became; None for one that is new."""
    rows = await reader.fetch("mirrored_person", workspace, source)
    return str(rows[0][0]) if rows else None
