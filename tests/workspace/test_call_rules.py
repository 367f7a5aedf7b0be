"""What becomes of a call: one row for each history, and the exact events it makes."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from switchhook import events
from switchhook.events import CallCompleted, CallReceived, CallResult, CallTriggered, CallType, TransferParty
from switchhook.events.further import CallAnswered, CallMissed
from switchhook.workspace.call_state import CallState
from switchhook.workspace.completed import Context, spell_length
from switchhook.workspace.directory import Directory
from switchhook.workspace.facts import AnyFact, EndCause, LegKind
from switchhook.workspace.results import result_of
from tests.workspace.telling import (
    CONTEXT,
    DIRECTORY,
    MAIN,
    OUTSIDE,
    SECOND,
    a_state,
    answers,
    dials,
    ends,
    recorded,
    ringing,
    rings,
    stops,
    tell,
)

ANNA, BEN, BENS_OTHER = "sip:anna@10.0.0.5", "sip:ben@10.0.0.6", "sip:ben@10.0.0.7:5070"
BOX, OUT = LegKind.MAILBOX, LegKind.OUTSIDE
URL = "https://phone.example.com/recordings/rec_1"


@dataclass
class History:
    """What happened, and what of the events is not as in most calls."""

    name: str
    facts: list[AnyFact]
    result: CallResult
    talked: float = 0
    length: str = "0s"
    user: str = "anna@example.com"
    first_user: str | None = None  # of the first event, when another one than of the last
    from_number: str = OUTSIDE
    to_number: str = MAIN
    name_of_ours: str = "Main"
    outbound: bool = False
    recording: str | None = None
    expected: dict[str, Any] = field(default_factory=dict)


INBOUND = [
    History(
        "the first user answers",
        [
            rings(),
            ringing(ANNA, 1),
            ringing(BEN, 1.2),
            answers(ANNA, 4),
            stops(BEN, 4.1, EndCause.ANSWERED_ELSEWHERE),
            stops(ANNA, 64, EndCause.HANGUP),
            recorded(60),
            ends(64),
        ],
        CallResult.ANSWERED,
        talked=60,
        length="1m 0s",
        recording=URL,
    ),
    History(
        "the second user answers",
        [rings(), ringing(ANNA, 1), ringing(BEN, 1), answers(BEN, 5), ends(335)],
        CallResult.ANSWERED,
        talked=330,
        length="5m 30s",
        user="ben@example.com",
        first_user="anna@example.com",
    ),
    History(
        "the second telephone of a user answers",
        [rings(), ringing(BENS_OTHER, 1), answers(BENS_OTHER, 5), ends(47)],
        CallResult.ANSWERED,
        talked=42,
        length="42s",
        user="ben@example.com",
        first_user="anna@example.com",
    ),
    History(
        "somebody answers whom the workspace does not know",
        [rings(), answers("sip:guest@10.9.9.9", 5), ends(6)],
        CallResult.ANSWERED,
        talked=1,
        length="1s",
        user="anna@example.com",
    ),
    History(
        "an answered call of no time at all",
        [rings(), answers(ANNA, 5), ends(5)],
        CallResult.ANSWERED,
    ),
    History(
        "an answered call that lost its line",
        [rings(), answers(ANNA, 5), ends(15, EndCause.FAILED)],
        CallResult.ANSWERED,
        talked=10,
        length="10s",
    ),
    History(
        "an answered call whose end is dated before its beginning",
        [rings(), answers(ANNA, 5), ends(1)],
        CallResult.ANSWERED,
    ),
    History(
        "a call of hours",
        [rings(), answers(ANNA, 1), ends(3_724)],
        CallResult.ANSWERED,
        talked=3_723,
        length="1h 2m 3s",
    ),
    History(
        "nobody answers and a message is left",
        [
            rings(),
            ringing(ANNA, 1),
            stops(ANNA, 26, EndCause.NO_ANSWER),
            answers("voicemail", 26, BOX),
            recorded(12.4, voicemail=True),
            stops("voicemail", 45, EndCause.HANGUP, BOX),
            ends(45),
        ],
        CallResult.VOICEMAIL,
        talked=12.4,
        length="12s",
        recording=URL,
    ),
    History(
        "a message of just two seconds is one",
        [rings(), answers("voicemail", 26, BOX), recorded(2.0, voicemail=True), ends(35)],
        CallResult.VOICEMAIL,
        talked=2,
        length="2s",
        recording=URL,
    ),
    History(
        "the caller hangs up at the beep",
        [rings(), answers("voicemail", 26, BOX), recorded(1.9, voicemail=True), ends(35)],
        CallResult.FAILED,
        recording=URL,
    ),
    History(
        "the caller hangs up during the greeting",
        [rings(), ringing(ANNA, 1), answers("voicemail", 26, BOX), ends(28)],
        CallResult.FAILED,
    ),
    History(
        "somebody answers after all while the voicemail speaks",
        [rings(), answers("voicemail", 26, BOX), answers(BEN, 30), ends(40)],
        CallResult.ANSWERED,
        talked=10,
        length="10s",
        user="ben@example.com",
        first_user="anna@example.com",
    ),
    History(
        "everybody is busy",
        [rings(), stops(ANNA, 1, EndCause.BUSY), stops(BEN, 1, EndCause.BUSY), ends(1, EndCause.BUSY)],
        CallResult.FAILED,
    ),
    History(
        "the only one who is rung declines",
        [rings(), ringing(ANNA, 1), stops(ANNA, 3, EndCause.DECLINED), ends(3, EndCause.DECLINED)],
        CallResult.FAILED,
    ),
    History(
        "nobody answers and there is no voicemail",
        [rings(), ringing(ANNA, 1), stops(ANNA, 26, EndCause.NO_ANSWER), ends(26, EndCause.NO_ANSWER)],
        CallResult.FAILED,
    ),
    History(
        "the caller gives up",
        [rings(), ringing(ANNA, 1), stops(ANNA, 8, EndCause.CANCELLED), ends(8, EndCause.CANCELLED)],
        CallResult.FAILED,
    ),
    History(
        "no telephone can be reached",
        [rings(), stops(ANNA, 1, EndCause.UNREACHABLE), ends(1, EndCause.UNREACHABLE)],
        CallResult.FAILED,
    ),
    History("the source lost the call", [rings(), ends(600, EndCause.FAILED)], CallResult.FAILED),
    History("the call is refused by a rule", [rings(), ends(0, EndCause.BLOCKED)], CallResult.BLOCKED),
    History(
        "an anonymous caller",
        [rings("anonymous"), answers(ANNA, 5), ends(6)],
        CallResult.ANSWERED,
        talked=1,
        length="1s",
        from_number="anonymous",
    ),
    History(
        "a caller without any number",
        [rings(""), ends(6, EndCause.CANCELLED)],
        CallResult.FAILED,
        from_number="",
    ),
    History(
        "numbers in the country's own spelling",
        [rings("06 12 34 56 78", "01.23.45.67.89"), ends(6, EndCause.CANCELLED)],
        CallResult.FAILED,
    ),
    History(
        "numbers with the international prefix",
        [rings("0033612345678", "0033123456789"), ends(6, EndCause.CANCELLED)],
        CallResult.FAILED,
    ),
    History(
        "a number that is not ours",
        [rings(to_raw="+33987654321"), ends(1, EndCause.UNREACHABLE)],
        CallResult.FAILED,
        user="",
        to_number="+33987654321",
        name_of_ours="",
    ),
    History(
        "a number of ours without users",
        [rings(to_raw="+33123456770"), ends(1, EndCause.UNREACHABLE)],
        CallResult.FAILED,
        user="",
        to_number="+33123456770",
        name_of_ours="Nobody's",
    ),
    History(
        "an extension",
        [rings(to_raw="1001"), ends(1, EndCause.UNREACHABLE)],
        CallResult.FAILED,
        user="",
        to_number="1001",
        name_of_ours="",
    ),
]

OUTBOUND = [
    History(
        "the outside answers",
        [dials(ANNA), ringing("trunk", 2, OUT), answers("trunk", 6, OUT), recorded(30), ends(36)],
        CallResult.ANSWERED,
        talked=30,
        length="30s",
        from_number=MAIN,
        recording=URL,
    ),
    History(
        "the user's number stands for the name of the telephone",
        [dials(BENS_OTHER, from_raw="ben"), ends(5, EndCause.NO_ANSWER)],
        CallResult.FAILED,
        user="ben@example.com",
        from_number=SECOND,
        name_of_ours="Second",
    ),
    History(
        "the outside does not answer",
        [
            dials(ANNA),
            ringing("trunk", 2, OUT),
            stops("trunk", 30, EndCause.NO_ANSWER, OUT),
            ends(30, EndCause.NO_ANSWER),
        ],
        CallResult.FAILED,
        from_number=MAIN,
    ),
    History(
        "the outside is busy",
        [dials(ANNA), stops("trunk", 2, EndCause.BUSY, OUT), ends(2, EndCause.BUSY)],
        CallResult.FAILED,
        from_number=MAIN,
    ),
    History(
        "the user's own telephone is no answer",
        [dials(ANNA), answers(ANNA, 1), ends(5, EndCause.CANCELLED)],
        CallResult.FAILED,
        from_number=MAIN,
    ),
    History(
        "a user without a number",
        [dials("sip:cleo@10.0.0.8", from_raw="cleo"), answers("trunk", 1, OUT), ends(2)],
        CallResult.ANSWERED,
        talked=1,
        length="1s",
        user="cleo@example.com",
        from_number="cleo",
        name_of_ours="",
    ),
    History(
        "a telephone that nobody knows",
        [dials("sip:guest@10.9.9.9", from_raw="guest"), ends(2, EndCause.BLOCKED)],
        CallResult.BLOCKED,
        user="",
        from_number="guest",
        name_of_ours="",
    ),
    History(
        "a telephone that nobody knows, with a number of ours",
        [dials(None, from_raw="01 23 45 67 80"), ends(2, EndCause.NO_ANSWER)],
        CallResult.FAILED,
        user="ben@example.com",
        from_number=SECOND,
        name_of_ours="Second",
    ),
    History(
        "a number in the country's own spelling",
        [dials(ANNA, to_raw="06 12 34 56 78"), ends(2, EndCause.CANCELLED)],
        CallResult.FAILED,
        from_number=MAIN,
    ),
    History(
        "an emergency number stays as it was dialled",
        [dials(ANNA, to_raw="112"), ends(2, EndCause.CANCELLED)],
        CallResult.FAILED,
        from_number=MAIN,
        to_number="112",
    ),
]
for row in OUTBOUND:
    row.outbound = True
    row.to_number = row.to_number if row.to_number != MAIN else OUTSIDE

NO_ONE = TransferParty(number=None, user_email=None, user_name=None)


@pytest.mark.parametrize(
    "row", INBOUND + OUTBOUND, ids=lambda row: f"{'out' if row.outbound else 'in'}: {row.name}"
)
def test_a_call_makes_exactly_these_events(row: History) -> None:
    first, *between, last = tell(*row.facts)
    answered = row.result is CallResult.ANSWERED
    missed = not answered and not row.outbound and row.result is not CallResult.BLOCKED
    assert [draft.topic for draft in between] == ["call.answered"] * answered + ["call.missed"] * missed
    started = "2025-03-15T14:30:00.000Z"
    kind = CallTriggered if row.outbound else CallReceived
    assert first.topic == ("call.triggered" if row.outbound else "call.received")
    assert first.data == kind(
        from_number=row.from_number,
        to_number=row.to_number,
        started_at=started,
        user_email=row.user if row.first_user is None else row.first_user,
        company=None,
        deals=None,
    )
    assert (last.topic, last.dedupe_key) == ("call.completed", "cll_1")
    assert last.data == CallCompleted(
        id="cll_1",
        start_date=started,
        recording_url=row.recording,
        from_number=row.from_number,
        from_name=row.name_of_ours if row.outbound else "",
        to=row.to_number,
        to_name="" if row.outbound else row.name_of_ours,
        length_in_minutes=round(row.talked / 60, 2),
        length=row.length,
        tag=None,
        tags=[],
        summary="",
        transcriptions=[],
        concatenated_transcript="",
        data_collected={},
        type=CallType.OUTBOUND if row.outbound else CallType.INBOUND,
        result=row.result,
        integration_id=None,
        transfer_from=NO_ONE,
        transfer_to=NO_ONE,
        user_email=row.user,
        original_to_number=None,
        original_to_name=None,
        transfer_original_call_id=None,
        ivr_result=[],
    )
    for draft in (first, last):  # as strictly as what a stranger publishes
        assert events.read(draft.topic, events.publish(draft.data).data) == draft.data
        assert events.topic_of(draft.data) == draft.topic


@pytest.mark.parametrize(
    "row", INBOUND + OUTBOUND, ids=lambda row: f"{'out' if row.outbound else 'in'}: {row.name}"
)
def test_a_call_that_is_written_down_between_its_facts_goes_on_the_same(row: History) -> None:
    decoder = msgspec.json.Decoder(CallState)
    state, made = a_state(), []
    for fact in row.facts:
        made += tell(fact, state=state)
        state = decoder.decode(msgspec.json.encode(state))
    assert made == tell(*row.facts)


def test_the_first_event_is_made_before_anybody_answers() -> None:
    assert [draft.topic for draft in tell(rings())] == ["call.received"]
    assert [draft.topic for draft in tell(dials(ANNA))] == ["call.triggered"]
    assert tell(ringing(ANNA, 1), answers(ANNA, 2), recorded(3)) == []


def test_whoever_answered_first_is_who_was_talked_to() -> None:
    for facts in ([answers(BEN, 4), answers(ANNA, 5)], [answers(ANNA, 5), answers(BEN, 4)]):
        *_, last = tell(rings(), *facts, ends(10))
        assert isinstance(last.data, CallCompleted)
        assert (last.data.user_email, last.data.length) == ("ben@example.com", "6s")


def test_the_names_of_a_call_are_those_of_its_numbers_also_when_the_directory_changes() -> None:
    state = a_state()
    tell(dials(ANNA), answers("trunk", 1, OUT), state=state)
    later = Directory(DIRECTORY.users, [n for n in DIRECTORY.numbers if n.number != SECOND], "FR")
    (last,) = tell(ends(5), state=state, context=Context(later, CONTEXT.link, CONTEXT.new_recording_id))
    assert isinstance(last.data, CallCompleted)
    assert (last.data.from_number, last.data.from_name) == (MAIN, "Main")


def test_a_call_that_nothing_is_known_of_has_failed() -> None:
    assert result_of(a_state()) is CallResult.FAILED


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (42, "42s"),
        (59.4, "59s"),
        (59.6, "1m 0s"),
        (60, "1m 0s"),
        (330, "5m 30s"),
        (3_599, "59m 59s"),
        (3_600, "1h 0m 0s"),
        (3_723, "1h 2m 3s"),
        (90_061, "25h 1m 1s"),
    ],
)
def test_a_length_is_spelled_as_people_write_it(seconds: float, text: str) -> None:
    assert spell_length(seconds) == text


def test_the_first_who_answers_is_told_at_once() -> None:
    state = a_state()
    assert [draft.topic for draft in tell(rings(), ringing(ANNA, 1), state=state)] == ["call.received"]
    (draft,) = tell(answers(ANNA, 7.3), state=state)
    assert (draft.topic, draft.dedupe_key, draft.more) == ("call.answered", "cll_1", ("call_id", "cll_1"))
    assert draft.data == CallAnswered(
        from_number=OUTSIDE,
        to_number=MAIN,
        direction=CallType.INBOUND,
        started_at="2025-03-15T14:30:00.000Z",
        answered_at="2025-03-15T14:30:07.300Z",
        user_email="anna@example.com",
    )
    assert tell(answers(ANNA, 7.3), answers(BEN, 8), state=state) == []


def test_an_outbound_call_is_answered_by_the_other_side() -> None:
    _, draft = tell(dials(ANNA), answers(OUTSIDE, 9, OUT))
    assert isinstance(draft.data, CallAnswered)
    assert (draft.data.direction, draft.data.answered_at) == (CallType.OUTBOUND, "2025-03-15T14:30:09.000Z")
    assert draft.data.user_email == "anna@example.com"


def test_a_call_nobody_answered_is_missed_with_or_without_a_message() -> None:
    histories: list[tuple[list[AnyFact], bool]] = [
        ([rings(), ringing(ANNA, 1), ends(25, EndCause.NO_ANSWER)], False),
        ([rings(), answers("box", 20, BOX), recorded(9, 40, voicemail=True), ends(40)], True),
    ]
    for facts, voicemail in histories:
        _, missed, completed = tell(*facts)
        assert (missed.topic, completed.topic) == ("call.missed", "call.completed")
        assert isinstance(missed.data, CallMissed)
        assert (missed.data.call_id, missed.data.voicemail) == ("cll_1", voicemail)
        assert missed.data.user_email == "anna@example.com"


def test_of_a_call_that_a_rule_refused_nobody_is_told_that_it_came() -> None:
    refused = msgspec.structs.replace(rings(), blocked=True)
    over = ends(0, EndCause.BLOCKED)
    for draft in (*tell(refused, over), *tell(over, refused)):
        assert isinstance(draft.data, CallCompleted)
        assert draft.data.result is CallResult.BLOCKED
    assert len(tell(refused, over)) == len(tell(over, refused)) == 1


def test_a_call_that_was_blocked_is_not_missed() -> None:
    topics = [draft.topic for draft in tell(rings(), ends(0, EndCause.BLOCKED))]
    assert topics == ["call.received", "call.completed"]
