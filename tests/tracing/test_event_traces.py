"""Which trace an event is in, on both stores: its causer's or its own, written down only where nobody could tell."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from switchhook.clock import ManualClock
from switchhook.events.ids import new_id
from switchhook.storage import endpoints, keys, outbox
from switchhook.storage.store import Lane, Store, Transaction
from switchhook.tracing.context import SpanContext, parse_traceparent, span_of, trace_of
from switchhook.tracing.tracer import CAUSE, Cause, Tracer
from tests.tracing.judging import Read, exported, short

WORKSPACE = "wsp_test"
CALLER = SpanContext(b"c" * 16, b"p" * 8, sampled=True)
CLOCK = ManualClock()


@pytest.fixture
async def store(open_store: Callable[[], Awaitable[Store]]) -> AsyncIterator[Store]:
    opened = await open_store()
    await opened.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", CLOCK.now()))
    row = endpoints.Endpoint(
        workspace=WORKSPACE,
        id="ep_a",
        url="https://a.example",
        topics=("tag.added",),
        description=None,
        enabled=True,
        secrets=(),
        disabled_why=None,
        created_at=CLOCK.now(),
        updated_at=CLOCK.now(),
    )
    await opened.run(lambda tx: endpoints.add_endpoint(tx, row))
    opened.traces = Tracer(CLOCK, 1.0)
    yield opened
    await opened.close()


@contextmanager
def because_of(parent: SpanContext | None) -> Iterator[Cause]:
    cause = Cause(parent)
    token = CAUSE.set(cause)
    yield cause
    CAUSE.reset(token)


def event(key: str | None = None) -> outbox.NewEvent:
    return outbox.NewEvent(WORKSPACE, new_id("msg", CLOCK.now()), "tag.added", b'{"a":1}', CLOCK.now(), key)


def sent(store: Store) -> list[Read]:
    assert store.traces is not None
    found = exported(store.traces.queue)
    store.traces.queue.clear()
    return found


async def kept(store: Store, events: list[outbox.NewEvent]) -> list[SpanContext | None]:
    """What the rows hold."""
    await store.run(
        lambda tx: tx.many("put_schedule_once", [(e.workspace, "ep_a", e.id, 0, 0) for e in events])
    )
    if store.shared:
        rows = await store.run(lambda tx: outbox.claim_due(tx, WORKSPACE, "ep_a", CLOCK.now() + 10**12, 100))
    else:
        rows = await store.read(lambda r: outbox.due(r, WORKSPACE, "ep_a", CLOCK.now() + 10**12, 100))
    traces = {row.event: row.trace for row in rows}
    return [parse_traceparent(traces[one.id] or "") for one in events]


async def test_an_event_of_a_caller_with_a_trace_is_in_it_and_its_row_says_so(store: Store) -> None:
    one = event()
    with because_of(CALLER) as cause:
        await store.run(lambda tx: outbox.accept(tx, one), lane=Lane.ACCEPTS)
    assert cause.context is not None
    context = SpanContext(CALLER.trace, span_of(one.id), sampled=True)
    (span,) = sent(store)
    assert (f"{span.trace}-{span.id}", span.parent) == (short(context), cause.span.hex())
    assert (span.name, span.kind) == ("create tag.added", "PRODUCER")
    assert span.attributes == {
        "messaging.system": "switchhook",
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.destination.name": "tag.added",
        "messaging.message.id": one.id,
        "messaging.message.body.size": 7,
        "switchhook.workspace.id": WORKSPACE,
        "switchhook.event.endpoints": 1,
    }
    assert await kept(store, [one]) == [context]


async def test_a_request_without_a_trace_joins_that_of_its_first_event_and_nothing_is_written_down_of_it(
    store: Store,
) -> None:
    events = [event(), event(), event()]
    with because_of(None) as cause:
        await store.run(lambda tx: outbox.accept_all(tx, events), lane=Lane.ACCEPTS)
    assert cause.context == SpanContext(trace_of(events[0].id), cause.span, sampled=True)
    spans = sent(store)
    assert {span.trace for span in spans} == {trace_of(events[0].id).hex()}
    assert {span.parent for span in spans} == {cause.span.hex()}
    first, *others = await kept(store, events)
    assert first is None
    assert others == [SpanContext(cause.context.trace, span_of(one.id), sampled=True) for one in events[1:]]


async def test_what_nobody_asked_for_is_in_a_trace_of_its_own(store: Store) -> None:
    events = [event(), event()]
    await store.run(lambda tx: outbox.accept_all(tx, events))
    assert [(span.trace, span.parent) for span in sent(store)] == [
        (trace_of(one.id).hex(), "") for one in events
    ]
    assert await kept(store, events) == [None, None]


async def test_what_a_caller_does_not_record_is_not_recorded_here_and_that_is_kept(store: Store) -> None:
    one = event()
    with because_of(SpanContext(CALLER.trace, CALLER.span, sampled=False)):
        await store.run(lambda tx: outbox.accept(tx, one), lane=Lane.ACCEPTS)
    assert sent(store) == []
    (row,) = await kept(store, [one])
    assert row is not None
    assert (row.trace, row.sampled) == (CALLER.trace, False)


async def test_a_share_of_none_leaves_only_what_callers_want(store: Store) -> None:
    store.traces = Tracer(CLOCK, 0.0)
    await store.run(lambda tx: outbox.accept(tx, event()))
    assert sent(store) == []
    with because_of(CALLER):
        await store.run(lambda tx: outbox.accept(tx, event()))
    assert len(sent(store)) == 1


async def test_what_is_not_committed_leaves_no_span(store: Store) -> None:
    async def work(tx: Transaction) -> None:
        await outbox.accept(tx, event())
        raise TabError

    with because_of(None) as cause, pytest.raises(TabError):
        await store.run(work)
    assert sent(store) == []
    assert cause.context is None


async def test_a_fact_that_is_known_leaves_no_second_span(store: Store) -> None:
    for _ in range(3):
        await store.run(lambda tx: outbox.accept(tx, event("key")), lane=Lane.ACCEPTS)
    assert len(sent(store)) == 1


async def test_requests_of_one_commit_are_kept_apart(store: Store) -> None:
    """Their works run in one task, on either store."""

    async def one(number: int) -> tuple[str, str]:
        made = event()
        with because_of(SpanContext(bytes([number + 1]) * 16, CALLER.span, sampled=True)) as cause:
            await store.run(lambda tx: outbox.accept(tx, made), lane=Lane.ACCEPTS)
        assert cause.context is not None
        return made.id, short(cause.context)

    told = dict(await asyncio.gather(*(one(number) for number in range(20))))
    spans = {span.attributes["messaging.message.id"]: f"{span.trace}-{span.parent}" for span in sent(store)}
    assert spans == told


async def test_without_traces_nothing_is_written_down(store: Store) -> None:
    store.traces = None
    one = event()
    with because_of(CALLER) as cause:
        await store.run(lambda tx: outbox.accept(tx, one), lane=Lane.ACCEPTS)
    assert await kept(store, [one]) == [None]
    assert cause.span
