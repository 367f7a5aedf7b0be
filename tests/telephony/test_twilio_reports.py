"""What Twilio says of calls makes the events of any other source, however it is repeated and shuffled."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import CallCompleted
from switchhook.telephony.twilio import reports
from switchhook.telephony.twilio.reports import SOURCE
from switchhook.telephony.twilio.routing import CallOut, Mailbox, Place, Refuse, Ring, VoiceSettings, plan
from switchhook.telephony.twilio.settling import nothing_more
from switchhook.workspace.call_state import CallState
from switchhook.workspace.calls import Draft, apply
from switchhook.workspace.completed import Context
from switchhook.workspace.directory import Directory, Number, NumberSettings, User
from switchhook.workspace.facts import AnyFact, EndCause, LegKind, Offered, Recorded, Settled
from tests.telephony.twilio_calls import (
    ANNA,
    BEN,
    CALL,
    OURS,
    calls_out,
    comes_in,
    is_over,
    leg_sid,
    progress,
    stamp,
)
from tests.workspace.telling import OUTSIDE, START, at

_ANNA = User("usr_anna", "anna@example.com", "Anna", ())
_BEN = User("usr_ben", "ben@example.com", "Ben", ())
_GONE = User("usr_gone", "gone@example.com", "Gone", (), status="BLOCKED")
TELEPHONES = {
    "anna@example.com": (ANNA,),
    "ben@example.com": (BEN, "+33799999999"),
    "gone@example.com": ("client:gone",),
}
DIRECTORY = Directory(
    (_ANNA, _BEN, _GONE),
    (
        Number(OURS, "Main", "FR", (_ANNA, _BEN, _GONE), NumberSettings()),
        Number("+33123456780", "Gone's", "FR", (_GONE,), NumberSettings()),
        Number("+33123456770", "Nobody's", "FR", (), NumberSettings(voicemail=False)),
    ),
    "FR",
    {address: email for email, addresses in TELEPHONES.items() for address in addresses},
)
CONTEXT = Context(DIRECTORY, lambda id_: f"https://x.example/{id_}", lambda: "rec_1")
SETTINGS = VoiceSettings(telephones=TELEPHONES, block=("+339*", "anonymous"))
NOW = at(0)


class Desk:
    """A call that is told of, and completed as soon as nothing more can come."""

    def __init__(self, *, records: bool = True) -> None:
        self.state = CallState(id="cll_1", source=SOURCE, source_call=CALL)
        self.drafts: list[Draft] = []
        self.records = records

    def tell(self, facts: Sequence[AnyFact], *, absent: bool = False) -> None:
        for fact in facts:
            assert (fact.source, fact.call) == (SOURCE, CALL)
            self.drafts += apply(self.state, fact, CONTEXT)
        if nothing_more(self.state, records=self.records, absent=absent):
            self.settle("settled")

    def settle(self, id_: str = "settled by time") -> None:
        self.drafts += apply(self.state, Settled(source=SOURCE, call=CALL, id=id_, at=NOW), CONTEXT)

    @property
    def topics(self) -> list[str]:
        return [draft.topic for draft in self.drafts]

    @property
    def completed(self) -> CallCompleted:
        (data,) = [draft.data for draft in self.drafts if isinstance(draft.data, CallCompleted)]
        return data


def begins(form: dict[str, str]) -> Offered:
    found = reports.offered(reports.posted(form, NOW), NOW, DIRECTORY)
    assert found is not None
    return found


def leg(
    address: str, status: str, at_: float, seconds: int | None = None, *, out: bool = False
) -> list[AnyFact]:
    kind = LegKind.OUTSIDE if out else LegKind.USER
    return reports.of_leg(reports.posted(progress(address, status, at_, seconds), NOW), CALL, kind, address)


def ends(status: str, at_: float, seconds: int = 0, /, **more: str) -> list[AnyFact]:
    return reports.of_call(reports.posted(is_over(status, at_, seconds, **more), NOW), DIRECTORY)


def recorded(seconds: float = 20, *, message: bool = False) -> list[AnyFact]:
    return [
        Recorded(
            source=SOURCE,
            call=CALL,
            id="recorded RE1",
            at=NOW,
            path="recordings/RE1.mp3",
            seconds=seconds,
            voicemail=message,
        )
    ]


# The webhook that each call begins with, whether talks are recorded, what is told in its course, and its outcome.
ANSWERED = [
    leg(ANNA, "initiated", 1),
    leg(ANNA, "ringing", 2),
    leg(BEN, "ringing", 2),
    leg(ANNA, "in-progress", 4),
    leg(BEN, "canceled", 4, 0),
    leg(ANNA, "completed", 24, 20),
    ends("completed", 24, 20),
]
MAILBOX: list[list[AnyFact]] = [
    leg(ANNA, "ringing", 2),
    leg(ANNA, "no-answer", 25, 0),
    [reports.mailbox_answers(CALL, at(26))],
    ends("completed", 40, 14),
]
STORIES: dict[str, tuple[dict[str, str], bool, list[list[AnyFact]], tuple[object, ...]]] = {
    "answered": (comes_in(), True, [*ANSWERED, recorded()], ("ANSWERED", "20s", "anna@example.com", True)),
    "answered and not recorded": (
        comes_in(),
        False,
        ANSWERED,
        ("ANSWERED", "20s", "anna@example.com", False),
    ),
    "a message": (
        comes_in(),
        False,
        [*MAILBOX, recorded(12, message=True)],
        ("VOICEMAIL", "12s", "anna@example.com", True),
    ),
    "the caller gave up": (
        comes_in(),
        True,
        [leg(ANNA, "ringing", 2), leg(ANNA, "canceled", 9, 0), ends("no-answer", 9)],
        ("FAILED", "0s", "anna@example.com", False),
    ),
    "busy": (
        comes_in(),
        True,
        [leg(ANNA, "busy", 2, 0), ends("busy", 3)],
        ("FAILED", "0s", "anna@example.com", False),
    ),
    "called out": (
        calls_out(),
        True,
        [
            leg(OUTSIDE, "ringing", 2, out=True),
            leg(OUTSIDE, "in-progress", 5, out=True),
            leg(OUTSIDE, "completed", 35, 30, out=True),
            ends("completed", 35, 30, From=ANNA, To=f"sip:{OUTSIDE}@acme.sip.twilio.com"),
            recorded(30),
        ],
        ("ANSWERED", "30s", "anna@example.com", True),
    ),
    "called out in vain": (
        calls_out(),
        True,
        [
            leg(OUTSIDE, "ringing", 2, out=True),
            leg(OUTSIDE, "busy", 5, 0, out=True),
            ends("completed", 6, 6, From=ANNA, To=f"sip:{OUTSIDE}@acme.sip.twilio.com"),
        ],
        ("FAILED", "0s", "anna@example.com", False),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_call_has_this_end(name: str) -> None:
    first, records, told, expected = STORIES[name]
    desk = Desk(records=records)
    desk.tell([begins(first)])
    assert desk.topics == ["call.triggered" if first["From"] == ANNA else "call.received"]
    for facts in told:
        assert "call.completed" not in desk.topics
        desk.tell(facts)
    done = desk.completed
    assert (done.result, done.length, done.user_email, done.recording_url is not None) == expected
    assert desk.state.open is False


@given(st.sampled_from(sorted(STORIES)), st.data())
def test_any_repetition_and_shuffling_of_what_is_posted_makes_the_same_events(
    name: str, data: st.DataObject
) -> None:
    first, records, told, _ = STORIES[name]
    plain, shuffled = Desk(records=records), Desk(records=records)
    for desk in (plain, shuffled):
        desk.tell([begins(first)])  # nothing is posted of a call before its first question was answered
    for facts in told:
        plain.tell(facts)
    for facts in data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told)))])):
        shuffled.tell(facts)
    assert sorted(shuffled.drafts, key=order) == sorted(plain.drafts, key=order)


@given(st.sampled_from(sorted(STORIES)), st.data())
def test_whatever_of_a_call_is_lost_it_is_completed_once(name: str, data: st.DataObject) -> None:
    first, records, told, _ = STORIES[name]
    desk = Desk(records=records)
    desk.tell([begins(first)])
    kept = [facts for facts in told if data.draw(st.booleans())]
    for facts in data.draw(st.permutations(kept)):
        desk.tell(facts)
    if desk.state.ended_at is None:  # then Twilio is asked
        desk.tell([reports.end(CALL, at(50), EndCause.HANGUP)])
    desk.settle()
    assert desk.topics.count("call.completed") == 1
    assert desk.topics.count("call.received") + desk.topics.count("call.triggered") == 1


def order(draft: Draft) -> bytes:
    return msgspec.json.encode(draft)


def test_a_call_whose_beginning_was_not_taken_is_told_of_at_its_end() -> None:
    desk = Desk()
    for facts in ANSWERED:
        desk.tell(facts)
    desk.settle()
    assert sorted(desk.topics) == ["call.answered", "call.completed", "call.received"]
    assert desk.completed.start_date == "2025-03-15T14:30:04.000Z"  # when it was answered, as far as is known


def test_a_call_made_through_the_api_is_told_of() -> None:
    more = {"From": OURS, "To": OUTSIDE, "Direction": "outbound-api"}
    desk = Desk(records=False)
    for status, when, seconds in (
        ("initiated", 0, 0),
        ("ringing", 2, 0),
        ("in-progress", 5, 0),
        ("completed", 15, 10),
    ):
        desk.tell(ends(status, when, seconds, **more))
    assert desk.topics == ["call.triggered", "call.answered", "call.completed"]
    assert (desk.completed.result, desk.completed.length, desk.completed.user_email) == (
        "ANSWERED",
        "10s",
        "anna@example.com",
    )
    assert ends("completed", 1, **{**more, "From": "+33799999999"}) == []  # of a number that is not ours


def test_what_twilio_knows_of_a_call_is_read_as_what_it_posts() -> None:
    resource = {
        "sid": CALL,
        "status": "completed",
        "duration": "20",
        "start_time": stamp(4),
        "end_time": stamp(24),
        "direction": "inbound",
        "from": OUTSIDE,
        "to": OURS,
        "forwarded_from": None,
        "parent_call_sid": None,
    }
    assert reports.of_call(reports.looked_up(resource, NOW), DIRECTORY) == ends("completed", 24, 20)
    child = {**resource, "sid": leg_sid(ANNA), "to": ANNA, "direction": "outbound-dial"}
    said = reports.of_leg(reports.looked_up(child, NOW), CALL, LegKind.USER, ANNA)
    assert said == leg(ANNA, "completed", 24, 20)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("Sun, 09 Feb 2020 09:30:03 +0000", 1_581_240_603_000),
        ("Sun, 09 Feb 2020 10:30:03 +0100", 1_581_240_603_000),
        ("Sun, 09 Feb 2020 09:30:03 Etc/UTC", 1_581_240_603_000),
        ("2020-02-09", START),
        ("", START),
        (None, START),
        ("Sun, 99 Feb 2020 09:30:03 +0000", START),
    ],
)
def test_times_as_they_are_written(value: str | None, read: int) -> None:
    assert reports.moment(value, START) == read


@pytest.mark.parametrize(
    ("form", "way"),
    [
        (comes_in(), Ring((ANNA, BEN, "+33799999999"), 25, Place("answer", 1))),
        (comes_in(To="+33123456780"), Mailbox()),
        (comes_in(To="+33123456770"), Refuse(EndCause.NO_ANSWER)),
        (comes_in(From="+33912345678"), Refuse(EndCause.BLOCKED)),
        (comes_in(From="anonymous"), Refuse(EndCause.BLOCKED)),
        (calls_out(), CallOut(OUTSIDE, OURS)),
        (calls_out(To="sip:0612345678@acme.sip.twilio.com"), CallOut(OUTSIDE, OURS)),
        (calls_out(From=BEN, To="0612345678"), CallOut(OUTSIDE, OURS)),
    ],
)
def test_what_becomes_of_a_call(form: dict[str, str], way: object) -> None:
    assert plan(begins(form), DIRECTORY, SETTINGS) == way


@pytest.mark.parametrize(
    "form",
    [
        comes_in(To="+33788888888"),
        calls_out(From="sip:mallory@acme.sip.twilio.com"),
        calls_out(From="client:gone2"),
        calls_out(To="sip:ben@acme.sip.twilio.com"),
    ],
)
def test_what_is_nobodys_is_no_call_of_ours(form: dict[str, str]) -> None:
    assert reports.offered(reports.posted(form, NOW), NOW, DIRECTORY) is None


def test_a_diverted_call_names_the_number_that_was_called_first() -> None:
    assert begins(comes_in(ForwardedFrom="+33711111111")).original_to_raw == "+33711111111"
