"""The way of an event through the tables: accepted, attempted, scheduled again, done.

accept ──▶ events (with the snapshot of targets)
             │  sent from memory right after the commit
             ▼
settle ──▶ attempts, one row each; `schedule` only for what must be tried again
             │
             ▼
the low-water mark: every event up to it has left a trace for each of its targets. After a crash only the events
above it are looked at (`recover_unsettled`); those without a trace go into the schedule, due at once.

In a process that accepts for others (`Transaction.for_others`) every delivery goes into the schedule with its event,
due at once, and memory holds nothing.

In a shared store every process has a mark of its own (`processes`), and a row of the schedule is claimed before it is
sent: an outcome counts only while the claim, or for a fresh event the process itself, is in force.
"""

import itertools
from collections.abc import Iterable, Sequence

import msgspec

from switchhook.storage.store import AcceptedEvent, Reader, Row, Transaction
from switchhook.storage.subscribers import Subscribers, Targets
from switchhook.storage.variants import body_for, mark


class NewEvent(msgspec.Struct, frozen=True):
    """An event to be accepted. `body` is the whole envelope, rendered once; it is sent as it stands here.

    `own_number` is the number of the business that it is about: who is bound to another one does not get it.
    """

    workspace: str
    id: str
    topic: str
    body: bytes
    accepted_at: int
    dedupe_key: str | None = None
    own_number: str | None = None


class Accepted(msgspec.Struct, frozen=True):
    """The id under which a fact is known: the new event's, or the first one's when the fact was known already."""

    id: str
    duplicate: bool


class StoredResponse(msgspec.Struct, frozen=True, array_like=True):
    """What a receiver answered, as it is kept: headers, the first 16 KiB of the body, and whether there was more."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool


encode_response = msgspec.msgpack.Encoder().encode
decode_response = msgspec.msgpack.Decoder(StoredResponse).decode


class Settlement(msgspec.Struct, frozen=True):
    """The outcome of one attempt. `next_at` (wall ms) is None when the delivery is over."""

    workspace: str
    endpoint: str
    event: str
    number: int
    state: str  # succeeded, retrying or failed
    started_at: int
    latency_ms: float
    kind: str
    status: int | None
    fault: str | None
    message_customer: str | None
    message_operator: str | None
    next_at: int | None
    response: bytes | None
    scheduled: bool  # whether this delivery has a row in the schedule
    base: int = 0  # attempts made before this series of them
    due_at: int | None = None  # when that row was due


# Those before it are the columns of an attempt.
_ATTEMPT_FIELDS = Settlement.__struct_fields__.index("scheduled")


class Waiting(msgspec.Struct, frozen=True):
    """A delivery to be put into the schedule."""

    workspace: str
    endpoint: str
    event: str
    attempts: int
    next_at: int


class Due(msgspec.Struct, frozen=True):
    """A delivery of the schedule whose time has come."""

    event: str
    attempts: int
    base: int
    next_at: int
    topic: str
    body: bytes
    accepted_at: int
    trace: str | None = None


async def accept(tx: Transaction, event: NewEvent) -> Accepted:
    """Make an event durable together with its dedupe key and the endpoints subscribed now."""
    return (await accept_all(tx, (event,)))[0]


async def accept_all(tx: Transaction, events: Sequence[NewEvent]) -> list[Accepted]:
    """The same for several, in order."""
    made = await (_make_together(tx, events) if tx.shared else _make_in_order(tx, events))
    known = [event for event, row in zip(events, made, strict=True) if row is None]
    first = iter(
        await tx.fetch_each("event_by_dedupe_key", [(e.workspace, e.topic, e.dedupe_key) for e in known])
        if known
        else ()
    )
    accepted = []
    lined_up: list[Row] = []
    for event, row in zip(events, made, strict=True):
        if row is not None:
            seq, (targets, ordered) = row
            lined_up += _announce(tx, event, seq, targets, ordered)
            accepted.append(Accepted(event.id, duplicate=False))
        else:
            known_as = next(first)
            if known_as:
                accepted.append(Accepted(known_as[0][0], duplicate=True))
            else:  # retention removed the first one between the two questions
                accepted.append(await accept(tx, event))
    if lined_up or tx.traces is not None:
        await _line_up(tx, lined_up)
    return accepted


_Made = list[tuple[int, Targets] | None]


async def _make_together(tx: Transaction, events: Sequence[NewEvent]) -> _Made:
    """The rows of `events` in a shared store: number and targets of each, None for what was known."""
    rows = [(e.workspace, e.id, e.topic, e.dedupe_key, e.accepted_at, e.body, e.own_number) for e in events]
    answers = await tx.fetch_each("accept_event", rows)
    return [_numbered(*found[0]) if found else None for found in answers]


def _numbered(seq: int, targets: str, ordered: str | None) -> tuple[int, Targets]:
    return seq, (tuple(targets.split()), tuple(ordered.split()) if ordered else ())


async def _make_in_order(tx: Transaction, events: Sequence[NewEvent]) -> _Made:
    """The same in a store of one process, where nobody else gives numbers meanwhile."""
    ((last,),) = await tx.fetch("newest_seq")
    known: dict[tuple[str, str], Subscribers] = {}
    targets: list[Targets] = []
    rows: list[Row] = []
    for seq, e in enumerate(events, last + 1):
        key = (e.workspace, e.topic)
        subscribers = known.get(key)
        if subscribers is None:
            subscribers = known[key] = Subscribers(await tx.fetch("subscribers", *key))
        chosen, text = subscribers.whole if subscribers.whole else subscribers.of(e.own_number)
        targets.append(chosen)
        rows.append((e.workspace, e.id, e.topic, e.dedupe_key, text, e.accepted_at, e.body, seq))
    await tx.many("add_event", rows)
    made = {seq for (seq,) in await tx.fetch("seqs_after", last)}
    return [(seq, to) if seq in made else None for seq, to in enumerate(targets, last + 1)]


async def accept_for(tx: Transaction, event: NewEvent, endpoint: str) -> Accepted:
    """Make an event durable that goes to one endpoint only, whatever that one subscribed to."""
    rows = await tx.fetch(
        "accept_event_for", event.workspace, event.id, event.topic, endpoint, event.accepted_at, event.body
    )
    seq, (targets, ordered) = _numbered(*rows[0])
    await _line_up(tx, _announce(tx, event, seq, targets, ordered))
    return Accepted(event.id, duplicate=False)


async def accept_wanted(tx: Transaction, events: Sequence[tuple[NewEvent, str]]) -> None:
    """Make events durable that are kept only when wanted, each for all who asked for it but the endpoint named.

    One that nobody asked for, and a fact that is known, leaves no row.
    """
    made = await tx.fetch_each(
        "accept_wanted",
        [(e.workspace, e.id, e.topic, e.dedupe_key, e.accepted_at, e.body, without) for e, without in events],
    )
    lined_up: list[Row] = []
    for (event, _), rows in zip(events, made, strict=True):
        if rows:
            seq, (targets, ordered) = _numbered(*rows[0])
            lined_up += _announce(tx, event, seq, targets, ordered)
    await _line_up(tx, lined_up)


async def add_field(tx: Transaction, event: NewEvent, name: str, text: str) -> None:
    """Let those who want additive fields have one more in an event that was just accepted."""
    wanted = await tx.fetch("additive_subscribers", event.workspace, event.topic)
    if not wanted:
        return
    variant = mark(name, text, (endpoint for (endpoint,) in wanted))
    await tx.execute("set_variant", event.workspace, event.id, variant)
    told = tx.committed.events
    if told and told[-1].id == event.id:
        told[-1] = msgspec.structs.replace(told[-1], variant=variant)


def _announce(
    tx: Transaction, event: NewEvent, seq: int, targets: tuple[str, ...], ordered: tuple[str, ...]
) -> list[Row]:
    """Have an event told of; its rows for the schedule, one for each endpoint that wants its events in order.

    Where others deliver, one for every endpoint: then those are told, and nothing of it is ours.
    """
    workspace, id_, at = event.workspace, event.id, event.accepted_at
    trace = None if tx.traces is None else tx.traces.accepted(event, len(targets))
    if tx.for_others:
        tx.committed.due.update((workspace, target) for target in targets)
        return [(workspace, endpoint, id_, 0, at) for endpoint in targets]
    tx.committed.events.append(
        AcceptedEvent(seq, workspace, id_, event.topic, event.body, targets, at, ordered, trace=trace)
    )
    return [(workspace, endpoint, id_, 0, at) for endpoint in ordered]


async def _line_up(tx: Transaction, rows: list[Row]) -> None:
    if rows:
        await tx.many("leave_to_others" if tx.for_others else "put_schedule_once", rows)
    if tx.traces is not None and (kept := tx.traces.take()):
        await tx.many("set_trace", kept)


async def settle(
    tx: Transaction,
    settled: Sequence[Settlement],
    waiting: Iterable[Waiting],
    low_water: int | None,
) -> Sequence[Settlement]:
    """Record outcomes, what is to be tried again, and how far every event has left a trace.

    Returns the outcomes that count: all but those of claims that were lost.
    """
    settled = await _with_new_series(tx, await _still_ours(tx, settled) if tx.shared else settled)
    if settled:
        await tx.many(
            "add_attempt", [msgspec.structs.astuple(outcome)[:_ATTEMPT_FIELDS] for outcome in settled]
        )
    again = [
        (s.workspace, s.endpoint, s.event, s.number, s.next_at, s.base)
        for s in settled
        if s.next_at is not None
    ]
    if again:
        await tx.many("put_schedule", again)
    done = [(s.workspace, s.endpoint, s.event) for s in settled if s.scheduled and s.next_at is None]
    if done:
        await tx.many("drop_schedule", done)
    rows = [(w.workspace, w.endpoint, w.event, w.attempts, w.next_at) for w in waiting]
    if rows:
        await tx.many("put_schedule_once", rows)
    if low_water is not None:
        await tx.execute("set_low_water", low_water)
    return settled


async def put_off(tx: Transaction, outcome: Settlement, later: int) -> None:
    """Have a delivery made once more at `later` (wall ms), in place of recording what became of it."""
    if tx.shared and not await _still_ours(tx, [outcome]):
        return
    row = (outcome.workspace, outcome.endpoint, outcome.event, outcome.number, later, outcome.base)
    await tx.many("put_schedule", [row])


async def _still_ours(tx: Transaction, settled: Sequence[Settlement]) -> Sequence[Settlement]:
    """Without the outcomes of claims that were lost: somebody else sends those. (A fresh event needs no claim.)"""
    claimed = [s for s in settled if s.scheduled]
    held = await tx.fetch_each("still_claimed", [(s.workspace, s.endpoint, s.event) for s in claimed])
    lost = {id(s) for s, rows in zip(claimed, held, strict=True) if not rows}
    return [s for s in settled if id(s) not in lost] if lost else settled


async def _with_new_series(tx: Transaction, settled: Sequence[Settlement]) -> Sequence[Settlement]:
    """The same, but what failed while it was asked for once more goes on, with the series that was asked for."""
    failed = [s for s in settled if s.scheduled and s.state != "succeeded"]
    if not failed:
        return settled
    found = await tx.fetch_each("series", [(s.workspace, s.endpoint, s.event) for s in failed])
    due = {id(s): row[0][1] for s, row in zip(failed, found, strict=True) if row and _asked_anew(s, *row[0])}
    if not due:
        return settled
    tx.committed.due.update((s.workspace, s.endpoint) for s in failed if id(s) in due)
    return [
        msgspec.structs.replace(s, state="retrying", next_at=due[id(s)]) if id(s) in due else s
        for s in settled
    ]


def _asked_anew(outcome: Settlement, base: int, next_at: int) -> bool:
    """Whether the row of a delivery is not what this attempt was made for. Two series may begin at the same attempt."""
    return base != outcome.base or (outcome.due_at is not None and next_at != outcome.due_at)


async def low_water(reader: Reader) -> int:
    """The `seq` up to which every event, whoever accepted it, has left a trace for each of its targets."""
    rows = await reader.fetch("low_water")
    return rows[0][0] if rows else 0


async def recover_unsettled(tx: Transaction, now: int, limit: int) -> tuple[int, bool]:
    """Put deliveries that a crash left without a trace into the schedule, due now; `limit` events at a time.

    An endpoint that was deleted meanwhile gets nothing any more. Returns how many were put there, and whether there
    may be more to look at. Safe to repeat.
    """
    mark = await low_water(tx)
    events = await tx.fetch("unsettled", mark, limit)
    found = 0
    for seq, workspace, id_, targets, _ in events:
        for endpoint in targets.split():
            if not await tx.fetch("has_trace", workspace, endpoint, id_):
                found += await tx.execute("put_schedule_once", workspace, endpoint, id_, 0, now)
        mark = seq
    if events:
        await tx.execute("set_low_water", mark)
    return found, len(events) == limit


async def due(reader: Reader, workspace: str, endpoint: str, now: int, limit: int) -> list[Due]:
    """Deliveries of one endpoint whose time has come, the longest waiting first."""
    return _due(await reader.fetch("due", workspace, endpoint, now, limit), endpoint)


async def claim_due(tx: Transaction, workspace: str, endpoint: str, now: int, limit: int) -> list[Due]:
    """The same in a shared store, where they belong to this process from now on."""
    return _due(await tx.fetch("claim_due", workspace, endpoint, now, limit), endpoint)


def _due(rows: Iterable[Row], endpoint: str) -> list[Due]:
    return [
        Due(event, attempts, base, next_at, topic, body_for(body, variant, endpoint), accepted_at, trace)
        for event, attempts, base, next_at, topic, body, accepted_at, variant, trace in rows
    ]


async def first_in_turn(reader: Reader, workspace: str, endpoint: str) -> int | None:
    """When the first in line is due (wall ms), at an endpoint that wants its events in order.

    None when nothing waits, when another process has the line, and when the endpoint does not want that.
    """
    rows = await reader.fetch("first_in_turn", workspace, endpoint)
    return rows[0][0] if rows else None


async def in_turn(reader: Reader, workspace: str, endpoint: str, now: int, limit: int) -> list[Due]:
    """The first in line, in the order of acceptance, up to what is not due yet: that one holds those behind it."""
    rows = _due(await reader.fetch("in_turn", workspace, endpoint, limit), endpoint)
    return list(itertools.takewhile(lambda row: row.attempts == 0 or row.next_at <= now, rows))


async def lock_turns(tx: Transaction, workspace: str, endpoint: str) -> bool:
    """Be the only one to look at the line until the transaction ends; False when somebody else is."""
    ((locked,),) = await tx.fetch("lock_turns", workspace, endpoint)
    return bool(locked)


async def claim_in_turn(tx: Transaction, workspace: str, endpoint: str, now: int, limit: int) -> list[Due]:
    """`in_turn` in a shared store, where they belong to this process from now on."""
    return _due(await tx.fetch("claim_in_turn", workspace, endpoint, now, limit), endpoint)


async def release_claims(tx: Transaction, workspace: str, endpoint: str, events: Sequence[str]) -> None:
    """Give up claims on deliveries that were not sent."""
    await tx.execute("release_claims", workspace, endpoint, list(events))


async def release_other_claims(tx: Transaction, workspace: str, endpoint: str, events: Sequence[str]) -> None:
    """Give up every claim of this process on deliveries of an endpoint, but for these."""
    await tx.execute("release_other_claims", workspace, endpoint, list(events))


async def next_due(reader: Reader, workspace: str, endpoint: str, after: int) -> int | None:
    """When the first delivery of an endpoint that waits beyond `after` is due (wall ms); None when none does.

    In a shared store only of those that nobody has claimed.
    """
    rows = await reader.fetch("next_due", workspace, endpoint, after)
    return rows[0][0] if rows else None


async def endpoint_keys(reader: Reader) -> list[tuple[str, str]]:
    """(workspace, id) of every endpoint."""
    return [(workspace, id_) for workspace, id_ in await reader.fetch("endpoint_keys")]
