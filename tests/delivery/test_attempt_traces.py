"""The spans of attempts, on both stores: one trace however often, how late and by whom it is tried."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from switchhook.clock import iso_millis
from switchhook.delivery.sending import Settings
from switchhook.delivery.traces import AttemptTraces
from switchhook.storage import endpoints
from switchhook.tracing.context import SpanContext, parse_traceparent, span_of, trace_of
from switchhook.tracing.tracer import CAUSE, Cause, Tracer
from tests.delivery.dispatching import Answer, Open, PatientClock, Rig, Seen, make
from tests.tracing.judging import Read, exported

CALLER = SpanContext(b"c" * 16, b"p" * 8, sampled=True)


class Traced:
    """A rig with traces."""

    def __init__(self, rig: Rig, tracer: Tracer | None) -> None:
        self.rig = rig
        self.tracer = tracer
        self.lines: list[dict[str, str]] = []
        self.listen()

    def listen(self) -> None:
        """Keep the headers of what is sent, and let the store know of the tracer."""
        self.rig.store.traces = self.tracer
        begin = self.rig.receiver.begin

        def heard(request: Any, then: Any) -> None:
            self.lines.append(dict(line.split(": ", 1) for line in request.headers.decode().splitlines()))
            begin(request, then)

        self.rig.receiver.begin = heard  # type: ignore[method-assign]

    def spans(self) -> list[Read]:
        assert self.tracer is not None
        return exported(self.tracer.queue)


@pytest.fixture
async def start(open_store: Open) -> AsyncIterator[Callable[..., Any]]:
    made: list[Traced] = []

    async def begin(script: Callable[[Seen], Answer], share: float | None = 1.0) -> Traced:
        clock = PatientClock()
        tracer = None if share is None else Tracer(clock, share)
        settings = Settings(jitter=lambda: 0.5, traces=None if tracer is None else AttemptTraces(tracer))
        made.append(Traced(await make(open_store, clock, script, settings), tracer))
        return made[-1]

    yield begin
    for one in made:
        one.rig.receiver.release()
        await one.rig.dispatcher.stop()
        await one.rig.store.close()


def failing_first() -> Callable[[Seen], Answer]:
    count = Counter[str]()

    def script(seen: Seen) -> Answer:
        count[seen.message] += 1
        return 500 if count[seen.message] == 1 else 204

    return script


@pytest.mark.parametrize("caller", [None, CALLER], ids=["own", "callers"])
async def test_a_retry_after_a_crash_is_in_the_trace_of_the_first_attempt(
    start: Callable[..., Any], caller: SpanContext | None
) -> None:
    traced: Traced = await start(failing_first())
    rig = traced.rig
    await rig.endpoint("ep_a")
    CAUSE.set(Cause(caller))
    (event,) = await rig.accept()
    await rig.settle()
    await rig.crash()
    traced.listen()
    await rig.clock.advance(30)
    trace = (CALLER.trace if caller else trace_of(event)).hex()
    created, first, second = traced.spans()
    assert {created.trace, first.trace, second.trace} == {trace}
    assert created.id == first.parent == second.parent == span_of(event).hex()
    assert first.id != second.id
    assert [(span.name, span.kind) for span in (first, second)] == [("send tag.added", "CLIENT")] * 2
    assert [span.attributes["switchhook.delivery.attempt"] for span in (first, second)] == [1, 2]
    assert (first.error, second.error) == ("server_error", None)
    # What goes out names the very span that is told of.
    assert [parse_traceparent(line["traceparent"]) for line in traced.lines] == [
        SpanContext(bytes.fromhex(trace), bytes.fromhex(span.id), sampled=True) for span in (first, second)
    ]


async def test_what_a_span_says_of_an_attempt(start: Callable[..., Any]) -> None:
    traced: Traced = await start(lambda _: 503)
    await traced.rig.endpoint("ep_a")
    (event,) = await traced.rig.accept()
    await traced.rig.settle()
    span = traced.spans()[1]
    row = (await traced.rig.delivery("ep_a", event)).attempts[0]
    assert row.next_at is not None
    assert span.attributes == {
        "messaging.system": "switchhook",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "tag.added",
        "messaging.destination.subscription.name": "ep_a",
        "messaging.message.id": event,
        "http.request.method": "POST",
        "http.response.status_code": 503,
        "error.type": "503",
        "switchhook.workspace.id": "wsp_test",
        "switchhook.delivery.id": f"dlv_{event.removeprefix('msg_')}a",
        "switchhook.delivery.attempt": 1,
        "switchhook.delivery.state": "retrying",
        "switchhook.delivery.outcome": "server_error",
        "switchhook.delivery.fault": row.fault,
        "switchhook.delivery.next_at": iso_millis(row.next_at),
    }
    assert span.start // 1_000_000 == row.started_at
    assert span.end >= span.start


async def test_a_delivery_to_a_url_that_is_refused_has_its_span_too(start: Callable[..., Any]) -> None:
    traced: Traced = await start(lambda _: 204)
    await traced.rig.endpoint("ep_a", url="https://10.0.0.1/")
    (event,) = await traced.rig.accept()
    await traced.rig.settle()
    span = traced.spans()[1]
    assert (span.trace, span.error) == (trace_of(event).hex(), "address_forbidden")
    assert traced.lines == []


async def test_what_is_not_recorded_is_still_told_to_receivers(start: Callable[..., Any]) -> None:
    traced: Traced = await start(lambda _: 204, 0.0)
    await traced.rig.endpoint("ep_a")
    (event,) = await traced.rig.accept()
    await traced.rig.settle()
    assert traced.spans() == []
    (line,) = traced.lines
    context = parse_traceparent(line["traceparent"])
    assert context is not None
    assert (context.trace, context.sampled) == (trace_of(event), False)


async def test_a_traceparent_of_the_endpoints_own_stays(start: Callable[..., Any]) -> None:
    traced: Traced = await start(lambda _: 204)
    own = f"00-{'1' * 32}-{'2' * 16}-00"
    await traced.rig.endpoint("ep_a", headers=(endpoints.Header("TraceParent", own),))
    await traced.rig.accept()
    await traced.rig.settle()
    (line,) = traced.lines
    assert {name: value for name, value in line.items() if name.lower() == "traceparent"} == {
        "TraceParent": own
    }


async def test_traces_change_nothing_else_of_what_is_sent_and_without_them_nothing_is(
    start: Callable[..., Any],
) -> None:
    sent = []
    for share in (None, 1.0):
        traced: Traced = await start(lambda _: 204, share)
        name = await traced.rig.endpoint(f"ep_{share}".replace(".", ""))
        (event,) = await traced.rig.accept()
        await traced.rig.settle()
        found = [(seen, line) for seen, line in zip(traced.rig.receiver.seen, traced.lines, strict=True)]
        ((seen, line),) = [one for one in found if one[0].key == name]
        sent.append(set(line))
        assert seen.body == b'{"id":"%s"}' % event.encode()
        assert ("traceparent" in line) is (share is not None)
        await traced.rig.change(name, enabled=False)
    assert sent[1] - sent[0] == {"traceparent"}
