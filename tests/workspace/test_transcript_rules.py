"""When what was said is told, and with which times: the rules, without a database."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook import events
from switchhook.events import CallCompleted
from switchhook.events.further import CallTranscribed
from switchhook.workspace.facts import AnyFact, LegKind, NotTranscribed, Transcribed
from tests.workspace.telling import (
    CONTEXT,
    a_state,
    answers,
    at,
    collects,
    ends,
    not_transcribed,
    recorded,
    rings,
    settles,
    tell,
    transcribed,
)

ANNA = "sip:anna@10.0.0.5"
WAITS = msgspec.structs.replace(CONTEXT, awaits=True)
TALK: list[AnyFact] = [rings(), answers(ANNA, 4), recorded(30, 34)]


def topics(*facts: AnyFact, awaits: bool = True) -> list[str]:
    return [draft.topic for draft in tell(*facts, context=WAITS if awaits else CONTEXT)][2:]


@pytest.mark.parametrize(
    ("facts", "made"),
    [
        ([ends(34)], []),
        ([ends(34), settles(64)], []),
        ([ends(34), transcribed()], ["call.completed", "call.transcribed"]),
        ([ends(34), not_transcribed()], ["call.completed"]),
        ([ends(34), not_transcribed(), transcribed()], ["call.completed", "call.transcribed"]),
        ([ends(34), transcribed(), not_transcribed()], ["call.completed", "call.transcribed"]),
        ([transcribed()], []),
        ([transcribed(), ends(34)], ["call.completed", "call.transcribed"]),
        ([not_transcribed(), ends(34)], ["call.completed"]),
        ([ends(34, final=False), transcribed()], []),
        ([ends(34, final=False), transcribed(), settles(60)], ["call.completed", "call.transcribed"]),
        ([ends(34, final=False), settles(60)], []),
        ([ends(34, final=False), settles(60), transcribed()], ["call.completed", "call.transcribed"]),
    ],
)
def test_a_call_that_is_recorded_waits_for_its_transcript(facts: list[AnyFact], made: list[str]) -> None:
    assert topics(*TALK, *facts) == made
    assert topics(*TALK, *[fact for fact in facts for _ in range(2)]) == made


def test_without_an_engine_nothing_is_waited_for() -> None:
    assert topics(*TALK, ends(34), awaits=False) == ["call.completed"]


def test_a_call_without_a_recording_waits_for_nothing() -> None:
    assert topics(rings(), answers(ANNA, 4), ends(34)) == ["call.completed"]


FACTS = [*TALK, ends(34, final=False), settles(60), transcribed(), not_transcribed()]


@given(st.permutations(FACTS), st.lists(st.sampled_from(FACTS), max_size=8))
def test_in_any_order_a_call_is_completed_once_and_then_transcribed_once(
    facts: list[AnyFact], again: list[AnyFact]
) -> None:
    state = a_state()
    made = tell(*facts, *again, context=WAITS, state=state)
    known = Counter(draft.topic for draft in made)
    assert known["call.completed"] == known["call.transcribed"] == known["call.received"] == 1
    order = [draft.topic for draft in made]
    assert order.index("call.completed") < order.index("call.transcribed")
    assert b"invoice" not in msgspec.json.encode(state)  # the words are with the item now
    for draft in made:
        events.publish(draft.data)


@given(st.permutations(FACTS[1:]))
def test_whatever_comes_only_a_transcript_or_its_absence_ends_the_waiting(facts: list[AnyFact]) -> None:
    held = [fact for fact in facts if not isinstance(fact, Transcribed | NotTranscribed)]
    state = a_state()
    made = [draft.topic for draft in tell(rings(), *held, context=WAITS, state=state)]
    # A recording that is told of after all that makes an end is too late to be waited for.
    order = [fact.id for fact in held]
    end = max(order.index(id_) for id_ in ("ended", "settled"))
    assert ("call.completed" in made) == (order.index("recorded") > end)


def in_time(*facts: AnyFact) -> tuple[CallCompleted, CallTranscribed]:
    made = [draft.data for draft in tell(*facts, context=WAITS)][-2:]
    completed, told = made
    assert isinstance(completed, CallCompleted)
    assert isinstance(told, CallTranscribed)
    return completed, told


def test_what_comes_in_time_is_in_the_end_of_the_call() -> None:
    completed, told = in_time(*TALK, ends(34), transcribed())
    assert [(str(line.source), line.time, line.text) for line in completed.transcriptions] == [
        ("EXTERNAL", "2025-03-15T14:30:04.500Z", "I have a question about my invoice."),
        ("USER", "2025-03-15T14:30:08.250Z", "Let me look."),
    ]
    assert completed.concatenated_transcript == "I have a question about my invoice.\nLet me look."
    assert completed.summary == told.summary == "A bill."
    assert (told.call_id, told.language, told.summary_engine) == (completed.id, "en", "extractive")
    assert told.transcriptions == completed.transcriptions
    assert told.concatenated_transcript == completed.concatenated_transcript


def test_what_comes_too_late_is_not() -> None:
    made = tell(*TALK, ends(34), not_transcribed(), transcribed(), context=WAITS)
    completed, told = made[-2].data, made[-1].data
    assert isinstance(completed, CallCompleted)
    assert isinstance(told, CallTranscribed)
    assert (completed.summary, completed.transcriptions, completed.concatenated_transcript) == ("", [], "")
    assert (told.summary, len(told.transcriptions)) == ("A bill.", 2)
    assert made[-2].more is None


def test_who_made_the_summary_is_told_to_those_who_want_additive_fields() -> None:
    made = tell(*TALK, ends(34), transcribed(), context=WAITS)
    assert made[-2].more == ("summary_engine", "extractive")
    made = tell(*TALK, ends(34), transcribed(summary=""), context=WAITS)
    assert made[-2].more is None


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        ([answers(ANNA, 4), msgspec.structs.replace(recorded(30, 34), began_at=at(6))], 6.5),
        ([answers(ANNA, 4), recorded(30, 34)], 4.5),
        ([answers("voicemail", 4, LegKind.MAILBOX), recorded(10, 34, voicemail=True)], 24.5),
    ],
    ids=["as the source says", "from the answer", "a message, to the end"],
)
def test_times_are_those_of_the_call(facts: list[AnyFact], first: float) -> None:
    completed, _ = in_time(rings(), *facts, ends(34), transcribed())
    assert completed.transcriptions[0].time == f"2025-03-15T14:30:{first:06.3f}Z"


def test_what_a_source_was_told_counts_for_more_than_what_the_transcript_holds() -> None:
    completed, told = in_time(
        *TALK, collects(9, account="A-1"), ends(34), transcribed(data={"account": "B-2", "city": "Lyon"})
    )
    assert completed.data_collected == told.data_collected == {"account": "A-1", "city": "Lyon"}
