"""Sending again: one delivery on request, or everything an endpoint missed since a date as a durable job.

A recovery walks the endpoint's failed deliveries in the order of their events, a group in each transaction, and moves
its cursor in the same one: after a crash it goes on where it was, skips nothing and takes nothing twice. Deliveries
that were never attempted wait in the schedule already; they are made due.
"""

import msgspec

from switchhook.events.ids import lower_bound
from switchhook.storage.keys import workspaces
from switchhook.storage.store import Reader, Transaction


class Recovery(msgspec.Struct, frozen=True):
    """A recovery as stored. `queued` is how many deliveries it has put back so far."""

    workspace: str
    id: str
    endpoint: str
    since: int
    upto: str
    cursor: str
    queued: int
    created_at: int
    finished_at: int | None


async def replay(
    tx: Transaction, *, workspace: str, endpoint: str, event: str, attempts: int, now: int
) -> None:
    """Have one delivery sent again now, with the whole schedule before it; its attempts are numbered on."""
    await tx.execute("replay", workspace, endpoint, event, attempts, now)
    tx.committed.endpoints.add((workspace, endpoint))


async def begin(tx: Transaction, *, workspace: str, id: str, endpoint: str, since: int, now: int) -> Recovery:
    """Begin to replay what failed, or was never attempted, among the events since `since` (wall ms) until now."""
    start = lower_bound("msg", since)
    # The newest id and not the time: a wall clock that was set back must not hide what came before that.
    ((upto,),) = await tx.fetch("newest_event", workspace)
    await tx.execute("hasten", workspace, endpoint, start, now)
    ((untried,),) = await tx.fetch("count_untried", workspace, endpoint, start)
    await tx.execute("add_recovery", workspace, id, endpoint, since, upto, start, untried, now)
    tx.committed.endpoints.add((workspace, endpoint))
    tx.committed.recovery = True
    return Recovery(workspace, id, endpoint, since, upto, start, untried, now, None)


async def advance(tx: Transaction, workspace: str, id: str, now: int, limit: int) -> Recovery | None:
    """Put the next failed deliveries of a recovery back; what it is then. None when there is no such recovery."""
    job = await find(tx, workspace, id)
    if job is None or job.finished_at is not None:
        return job
    rows = await tx.fetch("failed_after", workspace, job.endpoint, job.cursor, job.upto, limit)
    await tx.many("replay", [(workspace, job.endpoint, event, number, now) for event, number in rows])
    if rows:
        tx.committed.endpoints.add((workspace, job.endpoint))
    job = msgspec.structs.replace(
        job,
        cursor=rows[-1][0] if rows else job.cursor,
        queued=job.queued + len(rows),
        finished_at=now if len(rows) < limit else None,
    )
    await tx.execute("advance_recovery", workspace, id, job.cursor, job.queued, job.finished_at)
    return job


async def find(reader: Reader, workspace: str, id: str) -> Recovery | None:
    """A recovery by its id."""
    rows = await reader.fetch("recovery", workspace, id)
    return Recovery(*rows[0]) if rows else None


async def unfinished(reader: Reader) -> list[Recovery]:
    """Recoveries that are still to be carried on, the oldest first."""
    return [
        Recovery(*row)
        for workspace in await workspaces(reader)
        for row in await reader.fetch("open_recoveries", workspace.id)
    ]
