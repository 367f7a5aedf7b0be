"""Laws of a call, whatever order its facts come in and however often."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from switchhook import events
from switchhook.events import CallCompleted
from switchhook.workspace.calls import Draft, Limits, apply, close, overdue
from switchhook.workspace.completed import Context
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    EndCause,
    Ended,
    LegKind,
    Offered,
    Ringing,
    Settled,
)
from tests.workspace.telling import (
    CONTEXT,
    START,
    a_state,
    answers,
    chooses,
    collects,
    dials,
    ends,
    passes_on,
    recorded,
    ringing,
    rings,
    settles,
    stops,
    tell,
)

PHONES = {
    "sip:anna@10.0.0.5": LegKind.USER,
    "sip:ben@10.0.0.6": LegKind.USER,
    "voicemail": LegKind.MAILBOX,
    "sip:agent@10.0.0.9": LegKind.AI,
    "+33711111111": LegKind.FORWARD,
}
TARGETS = st.sampled_from([*PHONES, "+33123456780", "+33799999999"])
CAUSES = st.sampled_from(list(EndCause))


@st.composite
def calls(draw: st.DrawFn) -> list[AnyFact]:
    """The facts of one call in the order they happened: `Offered` first, `Ended` last; `Settled` is still to come."""
    inbound = draw(st.booleans())
    facts: list[AnyFact] = [rings() if inbound else dials("sip:anna@10.0.0.5")]
    legs = PHONES if inbound else {"trunk": LegKind.OUTSIDE}
    moment = 0.0
    for target in draw(st.permutations(list(legs)))[: draw(st.integers(0, len(legs)))]:
        moment += draw(st.integers(1, 30))
        facts.append(ringing(target, moment, legs[target]))
        if draw(st.booleans()):
            moment += draw(st.integers(1, 30))
            facts.append(answers(target, moment, legs[target]))
        if draw(st.booleans()):
            moment += draw(st.integers(1, 30))
            facts.append(stops(target, moment, draw(CAUSES), legs[target]))
    if draw(st.booleans()):
        facts.append(recorded(draw(st.integers(0, 100)) / 10, moment))
    for n in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([None, *LegKind]))
        more: list[AnyFact] = [
            chooses(str(n), moment + n, "Sales"),
            passes_on(draw(TARGETS), moment + n, kind=kind),
            collects(moment + n, name=n),
        ]
        facts += [draw(st.sampled_from(more))]
    end = ends(moment + draw(st.integers(0, 300)), draw(CAUSES), final=draw(st.booleans()))
    return [*facts, end]


def beginning(facts: list[AnyFact]) -> str:
    return tell(facts[0])[0].topic


@given(calls(), st.data())
def test_any_order_and_any_repetition_make_each_event_once(facts: list[AnyFact], data: st.DataObject) -> None:
    facts = [*facts, settles(900)]
    repeated = facts + data.draw(st.lists(st.sampled_from(facts), max_size=10))
    told = data.draw(st.permutations(repeated))
    made = tell(*told)
    topics = Counter(draft.topic for draft in made)
    # What was said cannot be unsaid: an answer that is told of after the end of its call is news to nobody.
    assert topics["call.answered"] + topics["call.missed"] <= 1
    assert topics[beginning(facts)] == topics["call.completed"] == 1
    assert topics.keys() <= {beginning(facts), "call.completed", "call.answered", "call.missed"}
    assert {draft.dedupe_key for draft in made} == {draft.dedupe_key for draft in tell(*facts)}
    for draft in made:
        events.publish(draft.data)  # and each is what the catalogue says


@given(calls(), st.data())
def test_some_of_the_facts_make_no_event_twice(facts: list[AnyFact], data: st.DataObject) -> None:
    facts = [*facts, settles(900)]
    told = data.draw(st.lists(st.sampled_from(facts), max_size=20))
    topics = Counter(draft.topic for draft in tell(*told))
    known = {type(fact) for fact in told}
    assert topics[beginning(facts)] == int(Offered in known)
    over = any(isinstance(fact, Ended) and (fact.final or Settled in known) for fact in told)
    rang = Settled in known and not known.isdisjoint({Ringing, Answered})
    assert topics["call.completed"] == int(over and (Offered in known or rang))


@given(calls(), st.data())
def test_what_is_known_when_it_settles_is_the_same_in_any_order_the_end_included(
    facts: list[AnyFact], data: st.DataObject
) -> None:
    facts[-1] = msgspec.structs.replace(facts[-1], final=False)
    told = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=10))))
    assert tell(*told, settles(900))[-1] == tell(*facts, settles(900))[-1]


@given(calls(), st.data())
def test_whatever_is_lost_a_call_that_rang_is_completed_exactly_once(
    facts: list[AnyFact], data: st.DataObject
) -> None:
    """Some facts are lost; the call is swept until it is over; then the lost ones turn up after all."""
    state, limits, now = a_state(), Limits(), START
    told = data.draw(st.lists(st.sampled_from(facts), min_size=1, max_size=20))
    made: list[Draft] = []

    def hear(fact: AnyFact) -> None:
        context = Context(CONTEXT.directory, CONTEXT.link, CONTEXT.new_recording_id, now=now)
        made.extend(apply(state, fact, context))

    def completed() -> int:
        return Counter(draft.topic for draft in made)["call.completed"]

    for fact in told:
        hear(fact)
    for _ in range(2):  # one for the end, one for what the end waits for
        now += int(max(limits.lost, limits.settle) * 1000)
        match overdue(state, now, limits):
            case "ask":
                end = close(state, "unknown", now, limits)
                assert end is not None
                hear(end)
            case "settle":
                hear(settles((now - START) / 1000))
    assert overdue(state, now + 10**9, limits) == "wait"
    assert not state.open
    rang = any(isinstance(fact, Offered | Ringing | Answered) for fact in told)
    assert completed() == int(rang)
    for fact in data.draw(st.permutations(facts)):
        hear(fact)
    assert completed() == 1


@given(calls(), st.data())
def test_what_is_known_before_the_end_makes_the_same_completed_call_in_any_order(
    facts: list[AnyFact], data: st.DataObject
) -> None:
    *before, end = facts
    told = data.draw(st.permutations(before))
    assert tell(*told, end, settles(900))[-1] == tell(*facts, settles(900))[-1]


@given(calls(), st.data())
def test_what_is_known_after_the_call_was_offered_does_not_change_how_it_began(
    facts: list[AnyFact], data: st.DataObject
) -> None:
    first, *rest = facts
    assert tell(first, *data.draw(st.permutations(rest)))[0] == tell(*facts)[0]


@given(calls(), st.data())
def test_a_repeated_fact_changes_nothing_that_is_known(facts: list[AnyFact], data: st.DataObject) -> None:
    once, often = a_state(), a_state()
    tell(*facts, state=once)
    for fact in facts:
        tell(fact, *data.draw(st.lists(st.just(fact), max_size=2)), state=often)
        tell(*data.draw(st.lists(st.sampled_from(facts[: facts.index(fact) + 1]), max_size=3)), state=often)
    assert once == often


def test_a_fact_is_known_by_its_id_also_when_it_is_told_differently_the_second_time() -> None:
    first = answers("sip:anna@10.0.0.5", 5)
    second = msgspec.structs.replace(
        first, leg="sip:ben@10.0.0.6", target="sip:ben@10.0.0.6", at=first.at - 1
    )
    assert tell(rings(), first, second, ends(9)) == tell(rings(), first, ends(9))


@given(calls())
def test_a_length_is_never_negative_and_both_ways_to_say_it_agree(facts: list[AnyFact]) -> None:
    last = tell(*facts, settles(900))[-1].data
    assert isinstance(last, CallCompleted)
    numbers = dict(zip("smh", reversed([int(part[:-1]) for part in last.length.split()]), strict=False))
    seconds = numbers["s"] + 60 * numbers.get("m", 0) + 3600 * numbers.get("h", 0)
    # One is rounded to whole seconds, the other to hundredths of a minute.
    assert abs(last.length_in_minutes * 60 - seconds) < 0.5 + 0.3 + 0.01
    assert seconds >= 0


def test_the_context_of_these_tests_links_to_recordings() -> None:
    assert CONTEXT.link("rec_1").endswith("/rec_1")
