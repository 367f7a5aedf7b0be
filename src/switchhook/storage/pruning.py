"""What is old: read in the order of acceptance together with what became of it, and removed.

Which of it may go is decided above (`delivery.retention`). An event, its attempts and its dedupe key go in one
transaction, so that a crash leaves all of them or none.
"""

from collections.abc import Iterable, Sequence

import msgspec

from switchhook.events.ids import JOB, lower_bound
from switchhook.storage import mirroring, outbox
from switchhook.storage.keys import workspaces
from switchhook.storage.selection import FAILED, Selection
from switchhook.storage.store import Reader, Transaction

MOST = (1 << 63) - 1  # no `seq` is greater


class Trace(msgspec.Struct, frozen=True):
    """What there is of one delivery. `number` and `state` are the last attempt's, 0 and None without one.

    `waits`: it has a row in the schedule. `there`: its endpoint has not been deleted.
    """

    endpoint: str
    number: int
    state: str | None
    waits: bool
    there: bool


class OldEvent(msgspec.Struct, frozen=True):
    """An event without its content, and what there is of its deliveries."""

    seq: int
    workspace: str
    id: str
    accepted_at: int
    traces: tuple[Trace, ...]


class Span(msgspec.Struct, frozen=True):
    """Events that an unfinished recovery has still to look at: above `above`, up to `upto` (ids).

    It means deliveries that became one of `became`, or any when that is empty.
    """

    endpoint: str
    above: str
    upto: str
    became: tuple[str, ...] = FAILED.became


async def bound(reader: Reader, *, unlearned: bool = False) -> int:
    """The `seq` up to which events may go: each of them has left a trace for each of its targets, and the
    workspace has learned of it (`unlearned` passes over that).

    Not the newest event of a store of one process: the next one is numbered after it, and a number below the low-water
    mark would be passed by after a crash.
    """
    mark = await outbox.low_water(reader)
    if not unlearned:
        mark = min(mark, await mirroring.cursor(reader))
    if reader.shared:
        return mark
    ((newest,),) = await reader.fetch("newest_seq")
    return min(mark, int(newest) - 1)


async def oldest(reader: Reader, after: int, upto: int, limit: int) -> list[OldEvent]:
    """Events above `after` and up to `upto` (both `seq`), the oldest first."""
    rows = [
        (*row, targets.split()) for *row, targets in await reader.fetch("oldest_events", after, upto, limit)
    ]
    found = iter(
        await traces(reader, [(w, target, id_) for _, w, id_, _, targets in rows for target in targets])
    )
    return [
        OldEvent(seq, w, id_, at, tuple(next(found) for _ in targets)) for seq, w, id_, at, targets in rows
    ]


async def traces(reader: Reader, deliveries: Sequence[tuple[str, str, str]]) -> list[Trace]:
    """What there is of each delivery (workspace, endpoint, event)."""
    found = await reader.fetch_each("trace_of", deliveries)
    return [
        Trace(endpoint, number or 0, state, bool(waits), bool(there))
        for (_, endpoint, _), ((number, state, waits, there),) in zip(deliveries, found, strict=True)
    ]


async def accepted_first(reader: Reader) -> int | None:
    """When the oldest event that is stored was accepted (wall ms); None when there is none."""
    rows = await reader.fetch("oldest_events", 0, MOST, 1)
    return rows[0][3] if rows else None


async def spans(reader: Reader, names: Iterable[str]) -> dict[str, list[Span]]:
    """By workspace, what unfinished recoveries have still to look at."""
    return {name: [_span(*row) for row in await reader.fetch("open_spans", name)] for name in names}


def _span(endpoint: str, above: str, upto: str, selection: str | None) -> Span:
    chosen = FAILED if selection is None else msgspec.json.decode(selection, type=Selection)
    return Span(endpoint, above, upto, chosen.became)


async def remove(tx: Transaction, events: Sequence[OldEvent]) -> None:
    """Remove events with all that belongs to them."""
    await tx.many("prune_attempts", [(e.workspace, t.endpoint, e.id) for e in events for t in e.traces])
    await tx.many("prune_event", [(e.workspace, e.id) for e in events])


async def remove_recoveries(tx: Transaction, before: int, limit: int) -> int:
    """Remove up to `limit` finished recoveries of each workspace that were asked for before `before` (wall ms)."""
    bound = lower_bound(JOB, before)
    return sum([await tx.execute("prune_recoveries", w.id, bound, limit) for w in await workspaces(tx)])


async def claim(tx: Transaction, seconds: float) -> bool:
    """In a shared store: be the only process that prunes for so long from now. False when another one is."""
    return bool(await tx.fetch("claim_pruning", seconds))
