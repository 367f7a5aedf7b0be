"""Sending again: one delivery on request, or many of an endpoint as a durable job.

A job walks the endpoint's deliveries in the order of their events, a group in each transaction, puts back those that it
selects, and moves its cursor in the same one: after a crash it goes on where it was, skips nothing and takes nothing
twice. Recover takes what failed; what was never attempted waits in the schedule already, and is made due. No step is
longer for a million that wait: the writer is everybody's.
"""

from collections.abc import Sequence

import msgspec

from switchhook.events.ids import lower_bound
from switchhook.storage import endpoints
from switchhook.storage.keys import workspaces
from switchhook.storage.selection import FAILED, Selection, Tried
from switchhook.storage.store import Reader, Row, Transaction

FIRST = 50  # deliveries looked at when a recovery is asked for


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """A job as stored. `queued` is how many deliveries it has put back so far, `looked_at` how many it has seen.

    `selection` is None for recover. It looks at events after `cursor`, in the beginning from `first` on, up to `upto`.
    """

    workspace: str
    id: str
    endpoint: str
    since: int
    until: int | None
    upto: str
    selection: Selection | None
    first: str
    cursor: str
    looked_at: int
    queued: int
    created_at: int
    finished_at: int | None
    cancelled: bool


_selection = msgspec.json.Decoder(Selection).decode


def _recovery(row: Row) -> Recovery:
    values = dict(zip(Recovery.__struct_fields__, row, strict=True))
    values["selection"] = None if values["selection"] is None else _selection(values["selection"])
    values["cancelled"] = bool(values["cancelled"])
    return Recovery(**values)


async def replay(
    tx: Transaction, *, workspace: str, endpoint: str, event: str, attempts: int, now: int
) -> None:
    """Have one delivery sent again now, with the whole schedule before it; its attempts are numbered on."""
    await tx.execute("replay", workspace, endpoint, event, attempts, now)
    tx.committed.endpoints.add((workspace, endpoint))


async def begin(tx: Transaction, *, workspace: str, id: str, endpoint: str, since: int, now: int) -> Recovery:
    """Begin to replay what failed, or was never attempted, among the events since `since` (wall ms) until now.

    The first of them are put back here: who asks for a few is answered with their number.
    """
    job = await _add(tx, workspace=workspace, id=id, endpoint=endpoint, since=since, now=now)
    step = await _take(tx, job, now, FIRST)
    return await _save(tx, msgspec.structs.replace(step.job, finished_at=None))


async def begin_selected(
    tx: Transaction,
    selection: Selection,
    *,
    workspace: str,
    id: str,
    endpoint: str,
    since: int,
    until: int | None,
    now: int,
) -> Recovery:
    """Begin to replay what `selection` takes of the events since `since` and before `until` (wall ms; None: now)."""
    return await _add(
        tx, selection, workspace=workspace, id=id, endpoint=endpoint, since=since, until=until, now=now
    )


async def _add(
    tx: Transaction,
    selection: Selection | None = None,
    *,
    workspace: str,
    id: str,
    endpoint: str,
    since: int,
    until: int | None = None,
    now: int,
) -> Recovery:
    cursor, upto = await span(tx, workspace, since, until)
    first = await tx.fetch("first_tried", workspace, endpoint, cursor)
    if selection is None:
        first += await tx.fetch("first_waiting", workspace, endpoint, cursor)
    job = Recovery(
        workspace=workspace,
        id=id,
        endpoint=endpoint,
        since=since,
        until=until,
        upto=upto,
        selection=selection,
        first=min(event for (event,) in first) if first else upto,
        cursor=cursor,
        looked_at=0,
        queued=0,
        created_at=now,
        finished_at=None,
        cancelled=False,
    )
    encoded = None if selection is None else msgspec.json.encode(selection).decode()
    await tx.execute(
        "add_recovery",
        *(workspace, id, endpoint, since, until, upto, encoded, job.first, cursor, 0, 0, now),
    )
    tx.committed.recovery = True
    return job


async def span(reader: Reader, workspace: str, since: int, until: int | None) -> tuple[str, str]:
    """What the ids of events since `since` and before `until` (wall ms) are above, and at most."""
    # The newest id and not the time: a wall clock that was set back must not hide what came before that.
    ((upto,),) = await reader.fetch("newest_event", workspace)
    return lower_bound("msg", since), upto if until is None else min(upto, lower_bound("msg", until))


async def look(
    reader: Reader, selection: Selection, *, workspace: str, endpoint: str, cursor: str, upto: str, limit: int
) -> list[Tried]:
    """The next deliveries that were attempted and that `selection` may take, in the order of their events."""
    query = "failed_after" if selection.became == FAILED.became else "tried_after"
    rows = await reader.fetch(query, workspace, endpoint, cursor, upto, limit)
    return [
        Tried(event, number, state, kind, status, topic, next_at is not None)
        for event, number, state, kind, status, topic, next_at in rows
    ]


class Step(msgspec.Struct, frozen=True):
    """What a step made of a job, and whether it wrote anything but that."""

    job: Recovery
    wrote: bool = False


async def advance(tx: Transaction, workspace: str, id: str, now: int, limit: int) -> Step | None:
    """Look at the next `limit` deliveries of a job and put back what it selects.

    Recover looks at as many that wait, too. None when there is no such job. One whose endpoint was deleted is over.
    """
    job = await find(tx, workspace, id)
    if job is None:
        return None
    if job.finished_at is not None:
        return Step(job)
    if await endpoints.find_endpoint(tx, workspace, job.endpoint) is None:
        return Step(await _save(tx, msgspec.structs.replace(job, finished_at=now, cancelled=True)))
    step = await _take(tx, job, now, limit)
    await _save(tx, step.job)
    return step


async def _take(tx: Transaction, job: Recovery, now: int, limit: int) -> Step:
    workspace, selection = job.workspace, job.selection or FAILED
    seen = await look(
        tx,
        selection,
        workspace=workspace,
        endpoint=job.endpoint,
        cursor=job.cursor,
        upto=job.upto,
        limit=limit,
    )
    waiting: list[Row] = []
    if job.selection is None:
        waiting = await tx.fetch("waiting_after", workspace, job.endpoint, job.cursor, job.upto, limit)
    # As far as both have been read: the one that was read farther comes again from there.
    ends = [
        found[-1]
        for found in ([one.event for one in seen], [row[0] for row in waiting])
        if len(found) == limit
    ]
    end = min(ends, default=job.upto)
    seen = [one for one in seen if one.event <= end]
    chosen = [one for one in seen if selection.takes(one)]
    untried = [(event, next_at) for event, attempts, next_at in waiting if attempts == 0 and event <= end]
    late = [event for event, next_at in untried if next_at > now]
    await tx.many("replay", [(workspace, job.endpoint, one.event, one.number, now) for one in chosen])
    await tx.many("hasten", [(workspace, job.endpoint, event, now) for event in late])
    if chosen or late:
        tx.committed.endpoints.add((workspace, job.endpoint))
    moved = msgspec.structs.replace(
        job,
        cursor=max(job.cursor, end),
        looked_at=job.looked_at + len(seen) + len(untried),
        queued=job.queued + len(chosen) + len(untried),
        finished_at=None if ends else now,
    )
    return Step(moved, wrote=bool(chosen or late))


async def cancel(tx: Transaction, workspace: str, id: str, now: int) -> Recovery | None:
    """End a job where it is; what it has put back is sent all the same. One that is over stays as it is."""
    job = await find(tx, workspace, id)
    if job is None or job.finished_at is not None:
        return job
    return await _save(tx, msgspec.structs.replace(job, finished_at=now, cancelled=True))


async def _save(tx: Transaction, job: Recovery) -> Recovery:
    await tx.execute(
        "advance_recovery",
        *(job.workspace, job.id, job.cursor, job.looked_at, job.queued, job.finished_at, int(job.cancelled)),
    )
    return job


async def find(reader: Reader, workspace: str, id: str) -> Recovery | None:
    """A job by its id."""
    rows = await reader.fetch("recovery", workspace, id)
    return _recovery(rows[0]) if rows else None


async def list_jobs(
    reader: Reader, workspace: str, endpoint: str, *, page: int, size: int
) -> tuple[Sequence[Recovery], int]:
    """One page (from 1) of an endpoint's jobs, newest first, and how many there are in all."""
    rows = await reader.fetch("recoveries_of", workspace, endpoint, size, (page - 1) * size)
    ((total,),) = await reader.fetch("count_recoveries_of", workspace, endpoint)
    return [_recovery(row) for row in rows], total


async def unfinished(reader: Reader) -> list[Recovery]:
    """Jobs that are still to be carried on, the oldest first."""
    return [
        _recovery(row)
        for workspace in await workspaces(reader)
        for row in await reader.fetch("open_recoveries", workspace.id)
    ]
