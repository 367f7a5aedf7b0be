"""Rows of recordings: where each lies, what is left to do about it, and which are to go."""

import msgspec

from switchhook.storage.store import Reader, Transaction


class Due(msgspec.Struct, frozen=True):
    """A recording about which something may be left to do.

    `path` is below the data directory, `local` says whether there is a file; `object_key` is empty when the object
    store does not have it. `due_at` and `created_at` are wall ms. One that is `doomed` is to go.
    """

    id: str
    path: str
    created_at: int
    due_at: int
    object_key: str
    local: bool
    doomed: bool
    tries: int


async def due(reader: Reader, workspace: str, now: int, after: tuple[int, str], most: int) -> list[Due]:
    """Those that are due, in that order, behind `after` (the last one's `due_at` and id)."""
    rows = await reader.fetch("recordings_due", workspace, now, *after, most)
    return [
        Due(id_, path, created, at, key, bool(local), bool(doomed), tries)
        for id_, path, created, at, key, local, doomed, tries in rows
    ]


async def claim(tx: Transaction, workspace: str, one: Due, until: int) -> bool:
    """Have it due again at `until`, unless somebody else has done so first."""
    return await tx.execute("claim_recording", workspace, one.id, one.due_at, until) == 1


async def stored(tx: Transaction, workspace: str, id_: str, *, key: str, size: int, drop_at: int) -> bool:
    """The object store has it under `key`, its file is to go at `drop_at`; False when it is to go altogether."""
    return await tx.execute("recording_stored", workspace, id_, key, size, drop_at) == 1


async def dropped(tx: Transaction, workspace: str, id_: str) -> None:
    """Its file is gone."""
    await tx.execute("recording_dropped", workspace, id_)


async def settled(tx: Transaction, workspace: str, one: Due) -> None:
    """Nothing is left to do about it, as it was when it was read."""
    await tx.execute("recording_settled", workspace, one.id, one.due_at)


async def removed(tx: Transaction, workspace: str, id_: str) -> None:
    """Nothing of a doomed one is left."""
    await tx.execute("recording_removed", workspace, id_)


async def offer(tx: Transaction, workspace: str, now: int) -> int:
    """Have all looked at that are in a file only; how many."""
    return await tx.execute("offer_recordings", workspace, now)


async def begin_again(tx: Transaction, workspace: str, now: int) -> int:
    """Have those due now that somebody had begun with; how many."""
    return await tx.execute("retry_recordings", workspace, now)


async def doom_old(tx: Transaction, workspace: str, cutoff: int, now: int, most: int) -> int:
    """Have those go that are older than `cutoff` (wall ms), at most so many; nothing links to them any more."""
    rows = await tx.fetch("old_recordings", workspace, cutoff, most)
    await tx.many("doom_recording", [(workspace, id_, now) for id_, _ in rows])
    await tx.many("unlink_recording", [(workspace, call) for _, call in rows])
    await tx.many("forget_transcripts", [(workspace, call) for _, call in rows])
    return len(rows)


async def doom_of(tx: Transaction, workspace: str, call: str, now: int) -> int:
    """Have the recordings of a call go; how many there were."""
    return await tx.execute("doom_recordings_of", workspace, call, now)
