"""What becomes of calls that menus, AI agents, forwards and transfers had a part in."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from switchhook import events
from switchhook.events import CallCompleted, CallResult, IvrChoice, TransferParty
from switchhook.workspace.call_state import CallState
from switchhook.workspace.facts import AnyFact, EndCause, LegKind
from tests.workspace.telling import (
    CONTEXT,
    MAIN,
    OUTSIDE,
    SECOND,
    a_state,
    answers,
    at,
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

ANNA, BEN, AGENT = "sip:anna@10.0.0.5", "sip:ben@10.0.0.6", "sip:agent@ai.example.net"
MOBILE = "+33711111111"
BOX, OUT, AI, FORWARD = LegKind.MAILBOX, LegKind.OUTSIDE, LegKind.AI, LegKind.FORWARD

NOBODY = TransferParty(number=None, user_email=None, user_name=None)
TO_ANNA = TransferParty(number=MAIN, user_email="anna@example.com", user_name="Anna")
TO_BEN = TransferParty(number=SECOND, user_email="ben@example.com", user_name="Ben")
TO_MOBILE = TransferParty(number=MOBILE, user_email=None, user_name=None)
TO_AGENT = TransferParty(number=AGENT, user_email=None, user_name=None)


@dataclass
class Story:
    """What happened, and what its `call.completed` says beside the usual."""

    name: str
    facts: list[AnyFact]
    result: CallResult
    missed: bool = False
    length: str = "0s"
    user: str = "anna@example.com"
    expected: dict[str, Any] = field(default_factory=dict)


STORIES = [
    Story(
        "transferred to another user, who answers",
        [rings(), answers(ANNA, 5), passes_on(BEN, 20), answers(BEN, 24), ends(65)],
        CallResult.ANSWERED,
        length="1m 0s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_BEN},
    ),
    Story(
        "transferred to another user's number, and nobody is there",
        [rings(), answers(ANNA, 5), passes_on("01 23 45 67 80", 20), ends(50, EndCause.NO_ANSWER)],
        CallResult.ANSWERED,
        length="45s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_BEN},
    ),
    Story(
        "transferred to an extension that the source knows to be a user",
        [rings(), answers(ANNA, 5), passes_on("1002", 20, kind=LegKind.USER), ends(25)],
        CallResult.ANSWERED,
        length="20s",
        expected={
            "transfer_from": TO_ANNA,
            "transfer_to": TransferParty(number="1002", user_email=None, user_name=None),
        },
    ),
    Story(
        "transferred to a number outside",
        [rings(), answers(ANNA, 5), passes_on("07 11 11 11 11", 20), answers(MOBILE, 30, FORWARD), ends(65)],
        CallResult.TRANSFERRED_EXTERNAL,
        length="1m 0s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_MOBILE},
    ),
    Story(
        "transferred to a number outside, which is busy",
        [rings(), answers(ANNA, 5), passes_on(MOBILE, 20), ends(25, EndCause.BUSY)],
        CallResult.TRANSFERRED_EXTERNAL,
        length="20s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_MOBILE},
    ),
    Story(
        "transferred outside and back to a user",
        [rings(), answers(ANNA, 5), passes_on(MOBILE, 20), passes_on(BEN, 30, by=MOBILE), ends(65)],
        CallResult.ANSWERED,
        length="1m 0s",
        expected={"transfer_from": TO_MOBILE, "transfer_to": TO_BEN},
    ),
    Story(
        "transferred to a user and from there outside",
        [rings(), answers(ANNA, 5), passes_on(BEN, 20), passes_on(MOBILE, 30, by=BEN), ends(65)],
        CallResult.TRANSFERRED_EXTERNAL,
        length="1m 0s",
        expected={"transfer_from": TO_BEN, "transfer_to": TO_MOBILE},
    ),
    Story(
        "a user answers and transfers to the AI agent: a user handled it",
        [rings(), answers(ANNA, 5), passes_on(AGENT, 20, kind=AI), answers(AGENT, 21, AI), ends(65)],
        CallResult.ANSWERED,
        length="1m 0s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_AGENT},
    ),
    Story(
        "nobody answers and the AI agent takes the call",
        [
            rings(),
            ringing(ANNA, 1),
            stops(ANNA, 20, EndCause.NO_ANSWER),
            answers(AGENT, 21, AI),
            collects(30, name="Marie", reason="invoice"),
            collects(40, reason="refund"),
            ends(66),
        ],
        CallResult.TRANSFERRED_AI,
        length="45s",
        expected={"transfer_to": TO_AGENT, "data_collected": {"name": "Marie", "reason": "refund"}},
    ),
    Story(
        "the AI agent takes the call and passes it to a user",
        [rings(), answers(AGENT, 2, AI), passes_on(ANNA, 20, by=AGENT), answers(ANNA, 25), ends(62)],
        CallResult.ANSWERED,
        length="1m 0s",
        expected={"transfer_from": TO_AGENT, "transfer_to": TO_ANNA},
    ),
    Story(
        "the AI agent takes the call and passes it to a user who does not answer",
        [rings(), answers(AGENT, 2, AI), passes_on(ANNA, 20, by=AGENT), ringing(ANNA, 21), ends(32)],
        CallResult.TRANSFERRED_AI,
        length="30s",
        expected={"transfer_from": TO_AGENT, "transfer_to": TO_ANNA},
    ),
    Story(
        "the AI agent passes the call to a number outside",
        [rings(), answers(AGENT, 2, AI), passes_on(MOBILE, 20, by=AGENT), ends(32)],
        CallResult.TRANSFERRED_EXTERNAL,
        length="30s",
        expected={"transfer_from": TO_AGENT, "transfer_to": TO_MOBILE},
    ),
    Story(
        "the AI agent cannot be reached",
        [rings(), stops(AGENT, 2, EndCause.UNREACHABLE, AI), ends(2, EndCause.UNREACHABLE)],
        CallResult.FAILED,
        missed=True,
    ),
    Story(
        "forwarded to a number outside, which answers",
        [rings(), ringing(MOBILE, 1, FORWARD), answers(MOBILE, 8, FORWARD), ends(38)],
        CallResult.TRANSFERRED_EXTERNAL,
        length="30s",
        expected={"transfer_to": TO_MOBILE},
    ),
    Story(
        "forwarded to a number outside, which does not answer",
        [
            rings(),
            ringing(MOBILE, 1, FORWARD),
            stops(MOBILE, 30, EndCause.NO_ANSWER, FORWARD),
            ends(30, EndCause.NO_ANSWER),
        ],
        CallResult.FAILED,
        missed=True,
    ),
    Story(
        "forwarded through a trunk that fails",
        [rings(), stops(MOBILE, 1, EndCause.FAILED, FORWARD), ends(1, EndCause.FAILED)],
        CallResult.FAILED,
        missed=True,
    ),
    Story(
        "a user and the mobile are rung at once and the user is first",
        [
            rings(),
            ringing(ANNA, 1),
            ringing(MOBILE, 1, FORWARD),
            answers(ANNA, 5),
            answers(MOBILE, 5.1, FORWARD),
            stops(MOBILE, 5.2, EndCause.ANSWERED_ELSEWHERE, FORWARD),
            ends(15),
        ],
        CallResult.ANSWERED,
        length="10s",
    ),
    Story(
        "a user and the mobile answer in the same millisecond",
        [rings(), answers(MOBILE, 5, FORWARD), answers(ANNA, 5), ends(15)],
        CallResult.ANSWERED,
        length="10s",
    ),
    Story(
        "two users answer in the same millisecond",
        [rings(), answers(BEN, 5), answers(ANNA, 5), ends(15)],
        CallResult.ANSWERED,
        length="10s",
    ),
    Story(
        "a menu, then a user",
        [rings(), chooses("2", 4, "Sales"), ringing(ANNA, 5), answers(ANNA, 9), ends(19)],
        CallResult.ANSWERED,
        length="10s",
        expected={"ivr_result": [IvrChoice(dtmf_key="2", text_key="Sales")]},
    ),
    Story(
        "a menu and its submenu, told late and in another order",
        [rings(), chooses("1", 8, "Invoices"), chooses("2", 4, "Accounts"), ends(9)],
        CallResult.FAILED,
        missed=True,
        expected={
            "ivr_result": [
                IvrChoice(dtmf_key="2", text_key="Accounts"),
                IvrChoice(dtmf_key="1", text_key="Invoices"),
            ]
        },
    ),
    Story(
        "the caller hangs up in the menu without a choice",
        [rings(), ends(9)],
        CallResult.FAILED,
        missed=True,
    ),
    Story(
        "a menu that leads to the voicemail",
        [
            rings(),
            chooses("9", 4),
            answers("box", 5, BOX),
            recorded(7, voicemail=True),
            ends(14),
        ],
        CallResult.VOICEMAIL,
        missed=True,
        length="7s",
        expected={
            "ivr_result": [IvrChoice(dtmf_key="9", text_key=None)],
            "recording_url": CONTEXT.link("rec_1"),
        },
    ),
    Story(
        "blocked, whatever else is said of it",
        [rings(), answers(ANNA, 1), passes_on(MOBILE, 2), ends(3, EndCause.BLOCKED)],
        CallResult.BLOCKED,
        length="2s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_MOBILE},
    ),
    Story(
        "diverted to us from another number",
        [msgspec.structs.replace(rings(), original_to_raw="01 23 45 67 80"), answers(ANNA, 1), ends(2)],
        CallResult.ANSWERED,
        length="1s",
        expected={"original_to_number": SECOND, "original_to_name": "Second"},
    ),
    Story(
        "a user calls out and transfers to a colleague",
        [dials(ANNA), answers(OUTSIDE, 5, OUT), passes_on(BEN, 10), ends(15)],
        CallResult.ANSWERED,
        length="10s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_BEN},
    ),
    Story(
        "a user calls out and transfers to a number outside",
        [dials(ANNA), answers(OUTSIDE, 5, OUT), passes_on(MOBILE, 10), ends(15)],
        CallResult.TRANSFERRED_EXTERNAL,
        length="10s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_MOBILE},
    ),
    Story(
        "a user calls out and transfers to the AI agent",
        [
            dials(ANNA),
            answers(OUTSIDE, 5, OUT),
            passes_on(AGENT, 10, kind=AI),
            answers(AGENT, 11, AI),
            ends(15),
        ],
        CallResult.ANSWERED,
        length="10s",
        expected={"transfer_from": TO_ANNA, "transfer_to": TO_AGENT},
    ),
]
USUAL: dict[str, Any] = {
    "transfer_from": NOBODY,
    "transfer_to": NOBODY,
    "data_collected": {},
    "ivr_result": [],
    "recording_url": None,
    "original_to_number": None,
    "original_to_name": None,
    "transfer_original_call_id": None,
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_has_this_end(story: Story) -> None:
    drafts = tell(*story.facts)
    data = drafts[-1].data
    assert isinstance(data, CallCompleted)
    assert (data.result, data.length, data.user_email) == (story.result, story.length, story.user)
    assert {name: getattr(data, name) for name in USUAL} == USUAL | story.expected
    topics = [draft.topic for draft in drafts]
    assert topics.count("call.completed") == 1
    assert ("call.missed" in topics) == story.missed
    assert events.read("call.completed", events.publish(data).data) == data


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_that_is_written_down_between_its_facts_goes_on_the_same(story: Story) -> None:
    decoder = msgspec.json.Decoder(CallState)
    state, made = a_state(), []
    for fact in story.facts:
        made += tell(fact, state=state)
        state = decoder.decode(msgspec.json.encode(state))
    assert made == tell(*story.facts)


def test_a_call_that_was_stored_before_there_were_transfers_goes_on() -> None:
    stored = b"""{"id":"cll_1","source":"sip","source_call":"call-1","direction":"INBOUND",
        "from_number":"+33612345678","to_number":"+33123456789","user_ref":null,"started_at":1742049000000,
        "legs":{"a":{"kind":"user","target":"sip:anna@10.0.0.5","rang_at":1742049001000,
        "answered_at":1742049004000,"cause":null}},"recording":null,"ended_at":null,"cause":null,
        "answered":true,"completed":false,"seen":["offered","ringing a","answered a"]}"""
    (draft,) = tell(ends(14), state=msgspec.json.decode(stored, type=CallState))
    assert isinstance(draft.data, CallCompleted)
    assert (draft.data.result, draft.data.length) == (CallResult.ANSWERED, "10s")


def test_an_end_that_is_not_final_waits_for_the_recording_until_it_settles() -> None:
    state = a_state()
    assert [d.topic for d in tell(rings(), answers(ANNA, 4), ends(34, final=False), state=state)] == [
        "call.received",
        "call.answered",
    ]
    assert tell(recorded(30, 40), state=state) == []
    (draft,) = tell(settles(41), state=state)
    assert isinstance(draft.data, CallCompleted)
    assert (draft.data.recording_url, draft.data.length) == (CONTEXT.link("rec_1"), "30s")
    assert tell(settles(42), ends(90), state=state) == []


def test_a_call_whose_beginning_was_lost_is_completed_when_it_rang_and_nothing_more_comes() -> None:
    state = a_state()
    assert tell(ringing(ANNA, 2), answers(ANNA, 4), ends(34), state=state) == []
    (draft,) = tell(settles(70), state=state)
    assert isinstance(draft.data, CallCompleted)
    assert (draft.data.result, draft.data.length) == (CallResult.ANSWERED, "30s")
    assert draft.data.start_date == "2025-03-15T14:30:02.000Z"
    # The beginning comes after all: it is told, and the end is not told again.
    assert [draft.topic for draft in tell(rings(), state=state)] == ["call.received"]


def test_what_never_rang_and_never_began_makes_no_event() -> None:
    assert tell(stops(ANNA, 2, EndCause.UNREACHABLE), ends(3, EndCause.FAILED), settles(60)) == []


def test_a_late_recording_does_not_tell_the_end_again() -> None:
    assert [d.topic for d in tell(rings(), ends(5), recorded(9, 8))].count("call.completed") == 1


def test_times_are_those_of_the_source_in_whatever_order_they_come() -> None:
    later = msgspec.structs.replace(answers(ANNA, 20), id="again")
    for facts in ([later, answers(ANNA, 4)], [answers(ANNA, 4), later]):
        state = a_state()
        tell(rings(), *facts, state=state)
        assert state.legs[ANNA].answered_at == at(4)
