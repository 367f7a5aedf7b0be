"""The traces of calls and texts, on both stores: each one trace, and nothing in it that is about a person."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage.store import Store
from switchhook.tracing.context import SpanContext, span_of, trace_of
from switchhook.tracing.otlp import encode_span
from switchhook.tracing.tracer import CAUSE, Cause, Tracer
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact, EndCause
from switchhook.workspace.orders import HangUp, give
from switchhook.workspace.switchboard import Switchboard
from switchhook.workspace.texts import Progress, Status
from tests.delivery.dispatching import PatientClock
from tests.tracing.judging import Read, exported, short
from tests.workspace.carrying import MARIE, OURS, ScriptedCarrier, a_text, settle_in, texts_of, write
from tests.workspace.telling import (
    MAIN,
    OUTSIDE,
    START,
    answers,
    chooses,
    ends,
    recorded,
    ringing,
    rings,
    stops,
)

WORKSPACE = "wsp_a"
ANNA = "sip:anna@10.0.0.5"
CALLER = SpanContext(b"c" * 16, b"p" * 8, sampled=True)
CALL: list[AnyFact] = [
    rings(),
    ringing(ANNA, 1),
    chooses("7", 2, "a label of ours"),
    answers(ANNA, 4),
    recorded(30, 34),
    stops(ANNA, 34, EndCause.HANGUP),
    ends(34),
]


class Office:
    """A store with traces, and its switchboard."""

    def __init__(self, store: Store, share: float = 1.0) -> None:
        self.store = store
        self.clock = PatientClock()
        self.tracer = store.traces = Tracer(self.clock, share)
        self.board = Switchboard(
            store, self.clock, WORKSPACE, "FR", lambda id_: f"https://phone.example/{id_}"
        )

    def spans(self) -> list[Read]:
        return exported(self.tracer.queue)

    def named(self, *names: str) -> list[Read]:
        return [span for span in self.spans() if span.name in names]


@pytest.fixture
async def office(open_store: Callable[[], Awaitable[Store]]) -> AsyncIterator[Office]:
    store = await open_store()
    users = (UserConfig("anna@example.com", "Anna", (ANNA,)),)
    numbers = (NumberConfig(MAIN, "Main", ("anna@example.com",)),)
    await store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    made = Office(store)
    await made.board.load()
    yield made
    await store.close()


async def test_all_that_happens_in_a_call_is_one_trace_below_the_call_itself(office: Office) -> None:
    for fact in CALL:
        await office.board.report(fact)
    found = await office.board.find("sip", "call-1")
    assert found is not None
    spans = office.spans()
    assert {span.trace for span in spans} == {trace_of(found.id).hex()}
    (call,) = office.named("call")
    assert (call.id, call.parent, call.kind) == (span_of(found.id).hex(), "", "INTERNAL")
    assert (call.start, call.end) == (START * 1_000_000, (START + 34_000) * 1_000_000)
    assert call.attributes == {
        "switchhook.workspace.id": WORKSPACE,
        "switchhook.call.id": found.id,
        "switchhook.source": "sip",
        "switchhook.call.answered": True,
        "switchhook.call.direction": "INBOUND",
        "switchhook.end.cause": "hangup",
    }
    facts = [span for span in spans if span.kind == "CONSUMER"]
    assert [span.name for span in facts] == [
        *(
            "sip offered",
            "sip ringing",
            "sip chose",
            "sip answered",
            "sip recorded",
            "sip leg_ended",
            "sip ended",
        )
    ]
    assert {span.parent for span in facts} == {call.id}
    events = {span.name: span for span in spans if span.kind == "PRODUCER"}
    assert events.keys() == {"create call.received", "create call.completed"}
    below = {span.id: span.name for span in facts}
    assert {name: below[span.parent] for name, span in events.items()} == {
        "create call.received": "sip offered",
        "create call.completed": "sip ended",
    }
    assert all(span.attributes["switchhook.call.id"] == found.id for span in spans)


async def test_however_often_a_fact_is_told_it_is_one_span(office: Office) -> None:
    dice = random.Random(5)
    for fact in CALL:
        for _ in range(dice.randint(1, 3)):
            await office.board.report(fact)
    assert sum(span.kind == "CONSUMER" for span in office.spans()) == len(CALL)
    assert len(office.named("call")) == 1


async def test_of_a_call_everything_is_recorded_or_nothing(office: Office) -> None:
    office.tracer = office.store.traces = Tracer(office.clock, 0.5)
    for number in range(12):
        for fact in CALL:
            await office.board.report(msgspec.structs.replace(fact, call=f"call {number}"))
    counts = dict.fromkeys({span.trace for span in office.spans()}, 0)
    for span in office.spans():
        counts[span.trace] += 1
    assert set(counts.values()) <= {len(CALL) + 3}


async def test_a_request_about_a_call_is_in_its_trace_and_that_of_a_caller_tells_of_it(
    office: Office,
) -> None:
    own, theirs = Cause(None), Cause(CALLER)
    for cause in (own, theirs):
        CAUSE.set(cause)
        await office.store.run(lambda tx: give(tx, WORKSPACE, "cll_x", HangUp(), START))
    whole = SpanContext(trace_of("cll_x"), span_of("cll_x"), sampled=True)
    assert own.context == SpanContext(whole.trace, own.span, sampled=True)
    assert own.links == []
    assert theirs.context == SpanContext(CALLER.trace, theirs.span, sampled=True)
    assert theirs.links == [whole]


async def test_a_text_is_one_trace_from_the_request_to_what_its_carrier_says(office: Office) -> None:
    await settle_in(office.store)
    texts = texts_of(office.store, office.clock, ScriptedCarrier())
    office.tracer.queue.clear()
    cause = Cause(CALLER)
    CAUSE.set(cause)
    text = await write(office.store, texts, "The words of a text")
    CAUSE.set(None)
    for status in (Status.SENT, Status.SENT, Status.DELIVERED):
        await texts.report(text.id, Progress(status), "SM1")
    accepted, sent, created, delivered = office.spans()
    assert {span.trace for span in office.spans()} == {trace_of(text.id).hex()}
    assert [accepted.name, sent.name, created.name, delivered.name] == [
        *("text accepted", "text sent", "create sms.sent", "text delivered")
    ]
    assert cause.context is not None
    assert (accepted.parent, accepted.links) == ("", [short(cause.context)])
    assert sent.parent == delivered.parent == accepted.id == span_of(text.id).hex()
    assert created.parent == sent.id
    assert created.attributes["switchhook.text.id"] == text.id
    assert cause.links == [SpanContext(trace_of(text.id), span_of(text.id), sampled=True)]


async def test_a_text_that_comes_in_is_the_beginning_of_its_trace(office: Office) -> None:
    await settle_in(office.store)
    office.tracer.queue.clear()
    texts = texts_of(office.store, office.clock, ScriptedCarrier())
    for _ in range(2):
        await texts.receive(a_text(content="The words of a text"))
    received, created = office.spans()
    assert (received.name, received.parent, created.name, created.parent) == (
        *("text received", "", "create sms.received"),
        received.id,
    )
    assert {received.trace, created.trace} == {trace_of(str(received.attributes["switchhook.text.id"])).hex()}


async def test_nothing_of_a_person_is_in_the_bytes(office: Office) -> None:
    await settle_in(office.store)
    texts = texts_of(office.store, office.clock, ScriptedCarrier())
    for fact in CALL:
        await office.board.report(fact)
    await texts.receive(a_text(content="The words of a text"))
    text = await write(office.store, texts, "The words of a text")
    await texts.report(text.id, Progress(Status.SENT), "SM1")
    out = b"".join(encode_span(span) for span in office.tracer.queue)
    assert b"create sms.sent" in out
    personal = [OUTSIDE, MAIN, MARIE, OURS, "anna", "Anna", "Marie", "Dupont", "The words", "a label of ours"]
    foreign = ["call-1", "10.0.0.5", "recordings/", "phone.example", "SM1", "Front desk", "Main"]
    for word in [*personal, *foreign, *(number[1:] for number in (OUTSIDE, MAIN, MARIE, OURS))]:
        assert word.encode() not in out, word
