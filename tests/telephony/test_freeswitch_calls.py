"""What FreeSWITCH says becomes one history for each call, however it is repeated and shuffled."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.events import CallCompleted, CallResult
from switchhook.telephony.freeswitch.calls import Calls
from switchhook.telephony.freeswitch.causes import unanswered
from switchhook.telephony.freeswitch.events import as_channel, as_listed, several
from switchhook.telephony.freeswitch.happenings import (
    Began,
    Channel,
    Everything,
    Gone,
    Happening,
    Lost,
    Taped,
)
from switchhook.telephony.freeswitch.names import Kind, Plan, host, number_of, resource
from switchhook.telephony.freeswitch.tapes import Tape, below, chosen
from switchhook.workspace.calls import Draft
from switchhook.workspace.facts import (
    Answered,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    Offered,
    Ringing,
    Transferred,
)
from tests.telephony.freeswitch_world import (
    BEGAN,
    CALLER,
    FRIEND,
    MAIN,
    PLAN,
    Switch,
    capture,
    facts_of,
    happenings,
    told,
)


def topics(drafts: list[Draft]) -> list[str]:
    return [draft.topic for draft in drafts]


def completed(drafts: list[Draft]) -> CallCompleted:
    (data,) = [draft.data for draft in drafts if isinstance(draft.data, CallCompleted)]
    return data


ANSWERED = ["call.received", "call.answered", "call.completed"]
MISSED = ["call.received", "call.missed", "call.completed"]
OUT = ["call.triggered", "call.answered", "call.completed"]
HANDED = f"{BEGAN // 1000 + 10}:h:att_xfer:101@example.com/102@example.com"


@pytest.mark.parametrize(
    ("name", "events", "result", "causes"),
    [
        ("answered", ANSWERED, CallResult.ANSWERED, [EndCause.HANGUP] * 2),
        ("cancel", MISSED, CallResult.FAILED, [EndCause.CANCELLED] * 2),
        ("transfer", ANSWERED, CallResult.ANSWERED, [EndCause.HANGUP] * 3),
    ],
)
def test_a_capture_has_the_history_that_its_name_says(
    name: str, events: list[str], result: CallResult, causes: list[EndCause]
) -> None:
    facts = facts_of(happenings(capture(name)))
    ((_, drafts),) = told(facts).items()
    data = completed(drafts)
    assert topics(drafts) == events
    assert len({fact.id for fact in facts}) == len(facts)
    assert (data.result, data.from_number, data.to) == (result, CALLER, MAIN)
    assert [fact.cause for fact in facts if isinstance(fact, Ended | LegEnded)] == causes
    assert data.user_email == "jane@example.com"
    if name == "answered":
        assert (data.start_date, data.length) == ("2026-11-23T12:35:18.467Z", "6s")
    if name == "transfer":
        assert data.transfer_from.user_email == "jane@example.com"
        assert data.transfer_to.user_email == "omar@example.com"
        (move,) = [fact for fact in facts if isinstance(fact, Transferred)]
        assert (move.at, move.attended) == (1795437361307, False)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["answered", "cancel", "transfer"]),
    st.randoms(use_true_random=False),
    st.integers(0, 990),
)
def test_any_repetition_and_shuffling_of_a_capture_within_a_second_makes_the_same_events(
    name: str, chance: random.Random, late: int
) -> None:
    messages = capture(name)
    twice = [
        (message, chance.uniform(0, late)) for message in messages for _ in range(chance.choice((1, 1, 2, 3)))
    ]
    twice.sort(key=lambda one: int(one[0]["Event-Date-Timestamp"]) / 1000 + one[1])
    assert events(told(facts_of(happenings(message for message, _ in twice)))) == events(
        told(facts_of(happenings(messages)))
    )


def events(drafts: dict[str, list[Draft]]) -> set[tuple[str, Any]]:
    return {(draft.topic, repr(draft.data)) for made in drafts.values() for draft in made}


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["answered", "cancel", "transfer"]), st.data())
def test_wherever_the_connection_breaks_in_a_capture_the_call_is_completed_once(name: str, data: Any) -> None:
    """What comes meanwhile is lost, and the call is over, or still there, when the connection is back."""
    said = happenings(capture(name))
    cut = data.draw(st.integers(1, len(said)))
    back = data.draw(st.integers(cut, len(said)))
    calls = Calls("freeswitch", PLAN)
    facts = [fact for one in said[:cut] for fact in calls.take(one, 0.0)]
    broken = BEGAN + 60_000
    facts += calls.take(Lost(broken), 1.0)
    gone = {one.channel.id for one in said[:back] if isinstance(one, Gone)}
    began = [one.channel for one in said[:back] if isinstance(one, Began)]
    there = tuple(channel for channel in began if channel.id not in gone)
    facts += calls.take(Everything(broken + 5_000, there, broken), 5.0)
    facts += [fact for one in said[back:] for fact in calls.take(one, 6.0)]
    facts += calls.lapse(20.0)
    ((_, drafts),) = told(facts).items()
    assert topics(drafts).count("call.received") == 1
    assert topics(drafts).count("call.completed") == 1


# -- stories


def test_the_first_of_two_telephones_that_ring_at_once_has_the_call() -> None:
    switch = Switch().inbound().calls("a", "b", "101").calls("a", "c", "102").at(1).rings("b").rings("c")
    switch.at(5).talk("a", "c").hangs_up("b", "LOSE_RACE").at(30).hangs_up("c").hangs_up("a")
    assert {f.leg: f.cause for f in switch.facts() if isinstance(f, LegEnded)} == {
        "b": EndCause.ANSWERED_ELSEWHERE,
        "c": EndCause.HANGUP,
    }
    data = completed(switch.story())
    assert (data.result, data.user_email, data.length) == (CallResult.ANSWERED, "omar@example.com", "25s")


@pytest.mark.parametrize(
    ("cause", "at", "end"),
    [
        ("NO_ANSWER", 5.1, EndCause.ANSWERED_ELSEWHERE),
        ("NO_ANSWER", 4.0, EndCause.NO_ANSWER),
        ("USER_BUSY", 5.1, EndCause.BUSY),
        ("PICKED_OFF", 5.1, EndCause.ANSWERED_ELSEWHERE),
    ],
)
def test_who_did_not_get_the_call(cause: str, at: float, end: EndCause) -> None:
    switch = Switch().inbound().calls("a", "b", "101")
    ended = switch.at(at).hangs_up("b", cause) if at < 5 else switch
    ended.at(4.5).calls("a", "c", "102").at(5).talk("a", "c")
    if at >= 5:
        switch.at(at).hangs_up("b", cause)
    facts = switch.at(30).hangs_up("c").hangs_up("a").facts()
    assert {f.leg: f.cause for f in facts if isinstance(f, LegEnded)}["b"] is end


def test_who_gives_up_after_everybody_was_tried_has_given_up() -> None:
    switch = Switch().inbound().calls("a", "b", "101").at(20).hangs_up("b", "NO_ANSWER")
    facts = switch.at(25).hangs_up("a", "ORIGINATOR_CANCEL").facts()
    assert [fact.cause for fact in facts if isinstance(fact, LegEnded | Ended)] == [
        EndCause.NO_ANSWER,
        EndCause.CANCELLED,
    ]


def test_the_dialplan_may_send_a_caller_on_and_nobody_has_passed_the_call_on() -> None:
    """In FreeSWITCH's own example, `public` sends every call to an extension of `default`."""
    switch = Switch().inbound().sent("a", "101", "r1").calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(9).hangs_up("b").sent("a", "survey", "r2").at(12).hangs_up("a")
    assert not [fact for fact in switch.facts() if isinstance(fact, Transferred)]
    data = completed(switch.story())
    assert (data.to, data.result) == (MAIN, CallResult.ANSWERED)


def test_the_halves_of_a_call_of_freeswitch_to_itself_are_nobodys_telephones() -> None:
    switch = Switch().inbound()
    switch.new(
        "la", "loopback/101-a", "outbound", variable_originator="a", variable_other_loopback_leg_uuid="lb"
    )
    switch.new("lb", "loopback/101-b", variable_other_loopback_leg_uuid="la", **{"Caller-Context": "default"})
    switch.calls("lb", "b", "101").at(1).rings("la").rings("b").at(4).talk("lb", "b").talk("a", "la")
    switch.at(4.1).joined("a", "b").hangs_up("la").hangs_up("lb").at(24).hangs_up("b").hangs_up("a")
    facts = switch.facts()
    assert {getattr(fact, "leg", "b") for fact in facts[1:]} == {"b"}
    assert not [fact for fact in facts if isinstance(fact, Transferred)]
    assert topics(switch.story()) == ANSWERED
    assert completed(switch.story()).length == "20s"


def test_a_call_out_is_its_users() -> None:
    switch = Switch().phone("a", "101", "0698765432").at(1).calls_out("a", "b", "33698765432")
    switch.at(3).rings("b").at(8).talk("a", "b").at(18).hangs_up("b").hangs_up("a")
    drafts = switch.story()
    data = completed(drafts)
    assert topics(drafts) == OUT
    assert (data.from_number, data.to, data.user_email, data.length, data.result) == (
        MAIN,
        FRIEND,
        "jane@example.com",
        "10s",
        CallResult.ANSWERED,
    )


def test_a_call_out_that_was_begun_from_a_program_is_of_the_telephone_that_rang_first() -> None:
    switch = Switch().calls("", "a", "101").at(2).answers("a").at(3).calls_out("a", "b")
    switch.at(8).talk("a", "b").at(20).hangs_up("b").hangs_up("a")
    data = completed(switch.story())
    assert (data.type, data.to, data.user_email) == ("OUTBOUND", FRIEND, "jane@example.com")


def test_a_program_that_calls_out_is_answered_without_anybody_else() -> None:
    switch = Switch().calls_out("", "a").at(2).rings("a").at(5).answers("a").at(20).hangs_up("a")
    data = completed(switch.story())
    assert (data.type, data.to, data.result, data.length) == ("OUTBOUND", FRIEND, CallResult.ANSWERED, "15s")


def test_an_outside_party_that_is_not_there_is_not_answered() -> None:
    switch = Switch().phone("a", "101", FRIEND).calls_out("a", "b").at(3).hangs_up("b", "USER_BUSY")
    facts = switch.hangs_up("a", "USER_BUSY").facts()
    assert [fact.cause for fact in facts if isinstance(fact, LegEnded | Ended)] == [EndCause.BUSY] * 2


@pytest.mark.parametrize("answered", [True, False])
def test_who_is_connected_while_it_only_rings_has_not_answered(answered: bool) -> None:
    """A network that plays something before anybody answers (183) is connected with the caller at once."""
    switch = Switch().phone("a", "101", FRIEND).at(1).calls_out("a", "b")
    switch.at(3).says("CHANNEL_PROGRESS_MEDIA", "b").says("CHANNEL_PROGRESS_MEDIA", "a").bridges("a", "b")
    if answered:
        switch.at(12).answers("b").answers("a").at(22).hangs_up("b").hangs_up("a")
    else:
        switch.at(30).hangs_up("a", "ORIGINATOR_CANCEL").hangs_up("b")
    facts = switch.says("CHANNEL_UNBRIDGE", "a").facts()
    assert [(fact.leg, fact.at) for fact in facts if isinstance(fact, Ringing)] == [("b", BEGAN + 3_000)]
    assert [(fact.leg, fact.at) for fact in facts if isinstance(fact, Answered)] == [
        ("b", BEGAN + 12_000)
    ] * answered
    data = completed(switch.story())
    assert (data.result, data.length) == (
        (CallResult.ANSWERED, "10s") if answered else (CallResult.FAILED, "0s")
    )
    assert {fact.cause for fact in facts if isinstance(fact, Ended)} == {
        EndCause.HANGUP if answered else EndCause.CANCELLED
    }


def test_the_second_telephone_is_not_robbed_of_the_call_by_one_that_only_played_something() -> None:
    switch = (
        Switch().inbound().calls("a", "b", "101").at(2).says("CHANNEL_PROGRESS_MEDIA", "b").bridges("a", "b")
    )
    switch.at(20).hangs_up("b", "NO_ANSWER").calls("a", "c", "102").at(25).talk("a", "c")
    facts = switch.at(40).hangs_up("c").hangs_up("a").facts()
    assert {f.leg: f.cause for f in facts if isinstance(f, LegEnded)} == {
        "b": EndCause.NO_ANSWER,
        "c": EndCause.HANGUP,
    }
    data = completed(switch.story())
    assert (data.user_email, data.length) == ("omar@example.com", "15s")


def test_that_somebody_answered_is_known_from_whatever_is_told_of_it_later() -> None:
    switch = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b").at(9).hangs_up("b").hangs_up("a")
    heard = [one for one in switch.messages if one["Event-Name"] != "CHANNEL_ANSWER"]
    (answered,) = [fact for fact in facts_of(happenings(heard)) if isinstance(fact, Answered)]
    assert (answered.leg, answered.at) == ("b", BEGAN + 2_000)


def test_only_a_half_of_a_call_of_freeswitch_to_itself_has_another_half() -> None:
    """A real channel for which a half has stepped aside has all its variables from then on, also that one."""
    said = {"Unique-ID": "b", "variable_other_loopback_leg_uuid": "lb"}
    twins = [
        found.twin if (found := as_channel({**said, "Channel-Name": name})) else None
        for name in ("loopback/101-a", "sofia/internal/101@10.0.0.9", "verto.rtc/101")
    ]
    assert twins == ["lb", "", ""]


def test_an_end_of_a_connection_that_is_told_late_does_not_end_the_next_one() -> None:
    """A colleague picks a call out of another one's hands: who had it is told to have left after that."""
    switch = Switch().phone("a", "101", FRIEND).calls_out("a", "b").at(2).talk("a", "b")
    switch.at(5).phone("c", "102", "*8").at(9).joined("b", "c").hangs_up("a", "PICKED_OFF")
    ended = {"Bridge-A-Unique-ID": "a", "Bridge-B-Unique-ID": "b"}
    for way in (ended, {}):
        calls = Calls("freeswitch", PLAN)
        late = Switch()
        late.messages = [*switch.messages]
        late._channels = {"b": switch._channels["b"]}
        late.at(8.9).says("CHANNEL_UNBRIDGE", "b", **way)
        for one in happenings(late.messages):
            calls.take(one, 0.0)
        calls.lapse(5.0)
        gone = Switch()
        gone._channels = {"b": switch._channels["b"]}
        for one in happenings(gone.at(20).hangs_up("b").messages):
            calls.take(one, 20.0)
        assert not [fact for fact in calls.lapse(30.0) if isinstance(fact, Ended)]  # c is there


def test_telephones_among_themselves_make_no_facts() -> None:
    switch = Switch().phone("a", "101", "102").calls("a", "b", "102").at(2).talk("a", "b")
    assert switch.hangs_up("b").hangs_up("a").facts() == []


def test_a_call_in_another_context_is_not_from_outside() -> None:
    switch = Switch().inbound(**{"Caller-Context": "fax"}).hangs_up("a")
    assert switch.facts() == []
    assert len(facts_of(happenings(switch.messages), Plan(("external",)))) == 2


@pytest.mark.parametrize(
    ("exten", "dialled", "result", "to"),
    [
        ("102", "102", CallResult.ANSWERED, "omar@example.com"),
        ("600", "102", CallResult.ANSWERED, "omar@example.com"),
        ("0698765432", FRIEND, CallResult.TRANSFERRED_EXTERNAL, FRIEND),
        ("0698765432", "", CallResult.TRANSFERRED_EXTERNAL, FRIEND),
        ("102", "", CallResult.ANSWERED, "omar@example.com"),
        ("999", "", CallResult.ANSWERED, "999"),
    ],
)
def test_a_call_is_passed_on(exten: str, dialled: str, result: CallResult, to: str) -> None:
    switch = Switch().inbound().sent("a", "101", "r").calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(10).hangs_up("b", variable_endpoint_disposition="BLIND_TRANSFER").sent("a", exten)
    if dialled:
        switch.at(11)
        (switch.calls_out if dialled == FRIEND else switch.calls)("a", "c", dialled)
        switch.at(12).talk("a", "c").at(30).hangs_up("c")
    data = completed(switch.at(30).hangs_up("a").story())
    assert data.result is result
    assert data.transfer_from.user_email == "jane@example.com"
    assert to in {data.transfer_to.user_email, data.transfer_to.number}


def test_what_the_dialplan_did_before_is_not_taken_for_what_a_telephone_did() -> None:
    """That the telephone has left is told before the extension is to which the caller was sent."""
    switch = Switch().inbound().sent("a", "600", "r").calls("a", "b", "101").calls("a", "c", "ext").at(2)
    switch.talk("a", "b").hangs_up("c", "LOSE_RACE").at(10)
    switch.hangs_up("b", variable_endpoint_disposition="BLIND_TRANSFER").sent("a", "102").at(11).calls(
        "a", "d", "102"
    )
    (move,) = [fact for fact in switch.at(30).hangs_up("a").facts() if isinstance(fact, Transferred)]
    assert (move.id, move.to, move.at) == ("transfer:t1", "sip:102@freeswitch", BEGAN + 10_000)


def test_who_was_called_first_and_then_connected_with_a_caller_was_not_passed_on() -> None:
    switch = Switch().phone("c", "101", FRIEND).calls_out("c", "d").at(2).talk("c", "d")
    switch.at(5).inbound().calls("a", "b", "101").at(7).talk("a", "b")
    mark = {"variable_endpoint_disposition": "ATTENDED_TRANSFER"}
    switch.at(10).joined("a", "d", HANDED).hangs_up("b", **mark).hangs_up("c", **mark)
    drafts = told(switch.at(30).hangs_up("d").hangs_up("a").facts())
    assert completed(drafts["a"]).result is CallResult.TRANSFERRED_EXTERNAL
    assert completed(drafts["c"]).result is CallResult.ANSWERED


def test_a_call_out_is_passed_on_by_its_user() -> None:
    switch = Switch().phone("a", "101", FRIEND).calls_out("a", "b").at(2).talk("a", "b")
    switch.at(10).hangs_up("a", "BLIND_TRANSFER").sent("b", "102").calls("b", "c", "102")
    switch.at(12).talk("b", "c").at(30).hangs_up("c").hangs_up("b")
    data = completed(switch.story())
    assert (data.type, data.result, data.length) == ("OUTBOUND", CallResult.ANSWERED, "28s")
    assert (data.transfer_from.user_email, data.transfer_to.user_email) == (
        "jane@example.com",
        "omar@example.com",
    )


@pytest.mark.parametrize("marked", [True, False])
def test_a_call_is_handed_over_to_a_colleague_after_a_word(marked: bool) -> None:
    """The colleague was called in a call of telephones among themselves, and comes into this one."""
    switch = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(5).phone("c", "101", "102").calls("c", "d", "102").at(7).talk("c", "d")
    mark = {"variable_endpoint_disposition": "ATTENDED_TRANSFER"} if marked else {}
    switch.at(10).joined("a", "d", HANDED).hangs_up("b", **mark).hangs_up("c", **mark)
    switch.at(30).hangs_up("d").hangs_up("a")
    (_, came) = [fact for fact in switch.facts() if isinstance(fact, Answered)]
    assert (came.target, came.at) == ("sip:102@freeswitch", BEGAN + 10_000)  # not when the two began to talk
    drafts = switch.story()
    data = completed(drafts)
    assert topics(drafts) == ANSWERED
    assert (data.result, data.length) == (CallResult.ANSWERED, "28s")
    assert (data.transfer_from.user_email, data.transfer_to.user_email) == (
        "jane@example.com",
        "omar@example.com",
    )
    assert len([fact for fact in switch.facts() if isinstance(fact, Transferred)]) == 1


def test_a_call_is_handed_over_by_a_key() -> None:
    """The application att_xfer calls the colleague for the telephone that has the call."""
    switch = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(5).calls("b", "d", "102").at(7).bridges("b", "d").at(10).hangs_up("b").joined("a", "d")
    (move,) = [fact for fact in switch.at(30).hangs_up("a").facts() if isinstance(fact, Transferred)]
    assert (move.by, move.to, move.attended) == ("sip:101@freeswitch", "sip:102@freeswitch", True)


def test_a_call_is_handed_over_to_an_outside_number_whose_own_call_goes_on() -> None:
    switch = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(5).phone("c", "101", FRIEND).calls_out("c", "d").at(7).talk("c", "d")
    mark = {"variable_endpoint_disposition": "ATTENDED_TRANSFER"}
    switch.at(10).joined("a", "d", HANDED).hangs_up("b", **mark).hangs_up("c", **mark)
    switch.at(30).hangs_up("d").hangs_up("a")
    drafts = told(switch.facts())
    first, other = completed(drafts["a"]), completed(drafts["c"])
    assert (first.result, first.transfer_to.number) == (CallResult.TRANSFERRED_EXTERNAL, FRIEND)
    assert (other.type, other.result, other.to) == ("OUTBOUND", CallResult.ANSWERED, FRIEND)


def test_an_agent_of_a_queue_is_called_for_nobody_and_has_the_call_all_the_same() -> None:
    switch = Switch().inbound().at(1).calls("", "b", "101").rings("b").at(5).answers("b").joined("a", "b")
    switch.becomes("b", **{"Other-Type": "originator", "Other-Leg-Unique-ID": "a"})  # that it is since then
    facts = switch.at(15).hangs_up("a").hangs_up("b").facts()
    assert not [fact for fact in facts if isinstance(fact, Transferred | Ringing)]
    data = completed(switch.story())
    assert (data.result, data.user_email, data.length) == (CallResult.ANSWERED, "jane@example.com", "10s")


@pytest.mark.parametrize("said", ["variable_cc_member_session_uuid", "variable_ent_originate_aleg_uuid"])
def test_whom_a_queue_or_a_ring_of_rings_calls_rings_for_the_caller(said: str) -> None:
    switch = (
        Switch()
        .inbound()
        .at(1)
        .new("b", "sofia/internal/101@10.0.0.9", "outbound", variable_dialed_user="101", **{said: "a"})
    )
    facts = switch.rings("b").at(20).hangs_up("b", "NO_ANSWER").hangs_up("a").facts()
    assert [(fact.leg, fact.target) for fact in facts if isinstance(fact, Ringing)] == [
        ("b", "sip:101@freeswitch")
    ]


@pytest.mark.parametrize("said", [{}, {"Bridge-A-Unique-ID": "c", "Bridge-B-Unique-ID": "b"}])
def test_a_colleague_who_came_into_a_call_out_and_is_left_there_does_not_keep_it_open(
    said: dict[str, str],
) -> None:
    """They were connected by whoever may; when that is over, the colleague's channel may go on elsewhere."""
    switch = Switch().phone("a", "101", FRIEND).calls_out("a", "b").at(2).talk("a", "b")
    switch.at(5).phone("c", "102", "*8").at(9).joined("c", "b").hangs_up("a", "PICKED_OFF")
    switch.at(20).says("CHANNEL_UNBRIDGE", "b", **said).hangs_up("b")
    (end,) = [fact for fact in switch.facts() if isinstance(fact, Ended)]
    assert end.at == BEGAN + 20_000


def test_who_picks_a_call_up_has_it() -> None:
    switch = (
        Switch().inbound().calls("a", "b", "101").at(3).phone("c", "102", "*8").hangs_up("b", "PICKED_OFF")
    )
    drafts = switch.joined("c", "a").at(13).hangs_up("a").hangs_up("c").story()
    assert topics(drafts) == ANSWERED
    assert (completed(drafts).user_email, completed(drafts).length) == ("omar@example.com", "10s")


def test_who_was_connected_before_the_call_was_known_belongs_to_it() -> None:
    switch = Switch().inbound().at(1).calls("", "b", "102").answers("b").bridges("a", "b")
    created, *rest = switch.at(9).hangs_up("a").hangs_up("b").messages
    late = [*rest[:3], created, *rest[3:]]
    assert completed(told(facts_of(happenings(late)))["a"]).user_email == "omar@example.com"


def test_who_is_in_a_conference_with_the_caller_has_the_call() -> None:
    room = {"Conference-Name": "100", "Conference-Unique-ID": "r1"}
    switch = Switch().inbound().custom("conference::maintenance", "a", Action="add-member", **room)
    switch.at(4).phone("b", "102", "100").custom("conference::maintenance", "b", Action="add-member", **room)
    switch.at(14).custom("conference::maintenance", "b", Action="del-member", **room).hangs_up("b")
    data = completed(switch.hangs_up("a").story())
    assert (data.result, data.user_email, data.length) == (CallResult.ANSWERED, "omar@example.com", "10s")


def test_an_ai_agent_and_a_forward_are_told_apart_from_users() -> None:
    switch = (
        Switch().inbound().calls("a", "b", "robot").at(1).talk("a", "b").at(9).hangs_up("b").hangs_up("a")
    )
    assert completed(switch.story()).result is CallResult.TRANSFERRED_AI
    switch = Switch().inbound().calls_out("a", "b").at(1).talk("a", "b").at(9).hangs_up("b").hangs_up("a")
    assert completed(switch.story()).result is CallResult.TRANSFERRED_EXTERNAL


def test_what_was_chosen_in_a_menu_is_told_by_the_dialplan() -> None:
    switch = Switch().inbound().at(3).custom("switchhook::menu", "a", Key="2", Label="Sales")
    switch.custom("another::menu", "a", Key="3").says("DTMF", "a", **{"DTMF-Digit": "4"})
    data = completed(switch.at(5).hangs_up("a").story())
    assert [(choice.dtmf_key, choice.text_key) for choice in data.ivr_result] == [("2", "Sales")]


def test_a_diverted_call_says_which_number_was_called_first() -> None:
    (offered, *_) = Switch().inbound(**{"Caller-RDNIS": FRIEND}).facts()
    assert isinstance(offered, Offered)
    assert (offered.original_to_raw, offered.to_raw) == (FRIEND, MAIN)


@pytest.mark.parametrize("number", ["", "0000000000", "anonymous"])
def test_a_number_that_is_not_told_is_nobodys(number: str) -> None:
    (offered, *_) = Switch().inbound(**{"Caller-Caller-ID-Number": number}).facts()
    assert isinstance(offered, Offered)
    assert (offered.from_raw, offered.direction) == ("anonymous", Direction.INBOUND)


# -- recordings


def test_who_speaks_to_the_machine_is_at_the_mailbox_and_its_recording_is_awaited() -> None:
    foreground = {"Event-Calling-File": "switch_ivr_play_say.c"}
    switch = Switch().inbound().calls("a", "b", "101").at(9).hangs_up("b", "NO_ANSWER").at(12)
    switch.records("a", "/vm/1.wav", "RECORD_START", **foreground).at(20)
    switch.records("a", "/vm/1.wav", variable_record_ms="7900", **foreground).hangs_up("a")
    facts = switch.facts(has=lambda path: path.startswith("/vm/"))
    (answer,) = [fact for fact in facts if isinstance(fact, Answered)]
    assert (answer.kind, answer.at) == (LegKind.MAILBOX, BEGAN + 12_000)
    (end,) = [fact for fact in facts if isinstance(fact, Ended)]
    assert (end.cause, end.final) == (EndCause.HANGUP, False)
    for has in (None, lambda path: path.startswith("/elsewhere/")):
        assert next(fact for fact in switch.facts(has=has) if isinstance(fact, Ended)).final


def test_a_recording_says_whose_voice_is_where_and_when_it_began() -> None:
    calls = Calls("freeswitch", PLAN, has=lambda _: True)
    switch = (
        Switch()
        .inbound()
        .calls("a", "b", "101")
        .at(2)
        .talk("a", "b")
        .records("b", "/r/b.wav", "RECORD_START")
    )
    switch.at(9).records("b", "/r/b.wav", variable_RECORD_STEREO="true", variable_record_ms="6900")
    for one in happenings(switch.messages):
        calls.take(one, 0.0)
    assert calls.tape_of("a") == Tape(
        "a", "/r/b.wav", BEGAN + 2_000, swap=True, message=False, stereo=True, seconds=6.9
    )
    assert calls.tape_of("nobody") is None


def taped(path: str, *, outside: bool = True, **said: Any) -> tuple[Taped, bool]:
    return Taped(BEGAN, Channel("a", "x/y"), path, complete=True, **said), outside


@pytest.mark.parametrize(
    ("tapes", "talked", "path", "swap"),
    [
        ([taped("/a", seconds=3.0), taped("/b", seconds=9.0)], True, "/b", False),
        ([taped("/a", stereo=True), taped("/b", seconds=9.0)], True, "/a", False),
        ([taped("/a", stereo=True, outside=False, seconds=9.0), taped("/b", stereo=True)], True, "/b", False),
        ([taped("/a", outside=False)], True, "/a", True),
        ([taped("/a", swapped=True)], True, "/a", True),
        ([taped("/a", outside=False, swapped=True)], True, "/a", False),
        ([taped("/a", seconds=3.0), taped("/b", message=True, seconds=9.0)], True, "/a", False),
        ([taped("/a", seconds=9.0), taped("/b", message=True)], False, "/b", False),
        ([taped("/a")], False, "/a", False),
    ],
)
def test_the_recording_that_is_kept(
    tapes: list[tuple[Taped, bool]], talked: bool, path: str, swap: bool
) -> None:
    for order in (tapes, tapes[::-1]):
        kept = chosen("c", order, talked=talked)
        assert kept is not None
        assert (kept.path, kept.swap) == (path, swap)
    assert chosen("c", [], talked=talked) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/var/rec/a/b.wav", "a/b.wav"),
        ("/var/rec/b.wav", "b.wav"),
        ("/var/rec//b.wav", "b.wav"),
        ("/var/rec/../etc/passwd", None),
        ("/var/rec/a/../../x", None),
        ("/var/rec", None),
        ("/var/recordings/b.wav", None),
        ("b.wav", None),
        ("shout://host/b.mp3", None),
        ("{rate=8000}/var/rec/b.wav", None),
        ("/var/rec/b\\..\\c.wav", None),
        ("/var/rec/b\0.wav", None),
    ],
)
def test_only_what_lies_in_the_directory_is_taken(path: str, found: str | None) -> None:
    assert below("/var/rec", path) == found


# -- catching up


def test_a_call_that_is_up_when_we_come_is_told_of_from_there_with_its_own_times() -> None:
    calls = Calls("freeswitch", PLAN)
    trunk = Channel(
        "a", "sofia/external/x@1.2.3.4", number=CALLER, exten=MAIN, context="inbound", profile="external",
        created_at=BEGAN, bridged_at=BEGAN + 4_000, partner="b",
    )  # fmt: skip
    jane = Channel(
        "b",
        "sofia/internal/101@10.0.0.9",
        outbound=True,
        user="101",
        by="a",
        created_at=BEGAN + 1_000,
        answered_at=BEGAN + 4_000,
    )
    facts = calls.take(Everything(BEGAN + 9_000, (jane, trunk)), 0.0)
    ending = Switch().inbound().at(20).hangs_up("a").messages[1:]
    facts += [fact for said in happenings(ending) for fact in calls.take(said, 9.0)]
    drafts = told(facts + calls.lapse(20.0))["a"]
    assert topics(drafts) == ANSWERED
    assert (completed(drafts).length, completed(drafts).user_email) == ("16s", "jane@example.com")


def test_a_call_that_ended_in_a_break_ended_when_the_connection_broke() -> None:
    calls = Calls("freeswitch", PLAN)
    switch = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b")
    facts = [fact for said in happenings(switch.messages) for fact in calls.take(said, 0.0)]
    facts += calls.take(Lost(BEGAN + 60_000), 60.0)
    facts += calls.take(Everything(BEGAN + 90_000, (), BEGAN + 60_000), 90.0) + calls.lapse(99.0)
    (end,) = [fact for fact in facts if isinstance(fact, Ended)]
    assert (end.at, end.cause) == (BEGAN + 60_000, EndCause.HANGUP)


def test_a_channel_of_which_was_heard_since_is_there_though_the_list_does_not_have_it_yet() -> None:
    """FreeSWITCH writes its list a little later than it tells of a channel."""
    calls = Calls("freeswitch", PLAN)
    calls.take(Lost(BEGAN), 0.0)
    for said in happenings(Switch().inbound().messages):
        calls.take(said, 1.0)
    assert calls.take(Everything(BEGAN + 1_000, (), BEGAN), 1.0) + calls.lapse(9.0) == []
    assert calls.up("a")


def test_a_call_that_an_earlier_run_offered_is_ended_by_this_one() -> None:
    """Whoever called has handed it over, so its first channel is not there any more."""
    calls = Calls("freeswitch", PLAN, ["a"])
    trunk = Channel("b", "sofia/external/x", outbound=True, gateway="carrier", by="a", created_at=BEGAN)
    calls.take(Everything(BEGAN, (trunk,)), 0.0)
    assert calls.up("a")
    said: list[Happening] = happenings(Switch().calls_out("a", "b").at(9).hangs_up("b").messages[1:])
    for one in said:
        calls.take(one, 5.0)
    (end,) = [fact for fact in calls.lapse(9.0) if isinstance(fact, Ended)]
    assert (end.call, end.at) == ("a", BEGAN + 9_000)
    assert not calls.up("a")


def test_what_is_over_is_forgotten_and_begins_nothing_when_it_comes_again() -> None:
    calls = Calls("freeswitch", PLAN)
    said = happenings(capture("answered"))
    for one in said:
        calls.take(one, 0.0)
    assert calls.lapse(2.0)
    assert [fact for one in said for fact in calls.take(one, 3.0)] == []
    assert calls.restless
    calls.lapse(400.0)
    assert not calls.restless


def test_a_row_of_the_list_is_the_channel_as_it_began() -> None:
    row = {
        "uuid": "b", "direction": "outbound", "name": "sofia/internal/x7f@10.0.0.9:5060", "created_epoch": "1795437318",
        "cid_num": "102", "dest": "600", "initial_dest": MAIN, "initial_cid_num": CALLER, "initial_context": "inbound",
        "context": "default", "call_uuid": "a", "presence_id": "101@example.com",
    }  # fmt: skip
    channel = as_listed(row)
    assert channel is not None
    assert (channel.exten, channel.context, channel.number, channel.user) == (MAIN, "inbound", CALLER, "101")
    assert (channel.by, channel.profile, channel.host, channel.created_at) == (
        "a",
        "internal",
        "10.0.0.9",
        BEGAN,
    )
    assert as_listed({"uuid": ""}) is None


# -- small rules


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        (Channel("x", "sofia/external/0612345678", profile="external"), Kind.TRUNK),
        (Channel("x", "sofia/internal/0612345678", gateway="carrier", profile="internal"), Kind.TRUNK),
        (Channel("x", "sofia/internal/+33612345678@1.2.3.4", profile="internal"), Kind.TRUNK),
        (Channel("x", "sofia/internal/101@1.2.3.4", profile="internal"), Kind.USER),
        (Channel("x", "sofia/external/101@1.2.3.4", profile="external", authorized=True), Kind.USER),
        (Channel("x", "sofia/internal/robot@1.2.3.4", user="robot"), Kind.AI),
        (Channel("x", "verto.rtc/102", user="102"), Kind.USER),
        (Channel("x", "loopback/101-a"), Kind.LOCAL),
        (Channel("x", "null/101"), Kind.OWN),
        (Channel("x", ""), Kind.OWN),
    ],
)
def test_who_is_at_the_end_of_a_channel(channel: Channel, kind: Kind) -> None:
    assert PLAN.kind(channel) is kind


@pytest.mark.parametrize(
    ("called", "number"),
    [
        ("+33612345678", "+33612345678"),
        ("sip:0612345678@10.0.0.1", "0612345678"),
        ("agent", None),
        ("", None),
    ],
)
def test_the_number_in_what_was_called(called: str, number: str | None) -> None:
    assert number_of(called) == number


@pytest.mark.parametrize(
    ("name", "user", "where"),
    [
        ("sofia/internal/sip:1001@10.0.0.9:5060", "1001", "10.0.0.9"),
        ("sofia/internal/1001@[2001:db8::1]:5060", "1001", "2001:db8::1"),
        ("sofia/external/0612345678", "0612345678", ""),
    ],
)
def test_the_user_and_the_host_in_a_name(name: str, user: str, where: str) -> None:
    assert (resource(name), host(name)) == (user, where)


def test_a_variable_with_several_values_is_read_however_it_is_written() -> None:
    assert several({"x": "ARRAY::one|:two"}, "x") == ["one", "two"]
    assert several({"x": ["one", "two"]}, "x") == ["one", "two"]
    assert several({"x": "one"}, "x") == ["one"]
    assert several({}, "x") == several({"x": {"y": 1}}, "x") == []


@pytest.mark.parametrize(
    ("cause", "end"),
    [
        ("USER_BUSY", EndCause.BUSY),
        ("BUSY_EVERYWHERE", EndCause.BUSY),
        ("CALL_REJECTED", EndCause.DECLINED),
        ("DECLINE", EndCause.DECLINED),
        ("UNWANTED", EndCause.DECLINED),
        ("NO_ANSWER", EndCause.NO_ANSWER),
        ("NO_USER_RESPONSE", EndCause.NO_ANSWER),
        ("ORIGINATOR_CANCEL", EndCause.CANCELLED),
        ("NORMAL_CLEARING", EndCause.CANCELLED),
        ("LOSE_RACE", EndCause.ANSWERED_ELSEWHERE),
        ("USER_NOT_REGISTERED", EndCause.UNREACHABLE),
        ("GATEWAY_DOWN", EndCause.UNREACHABLE),
        ("DOES_NOT_EXIST_ANYWHERE", EndCause.UNREACHABLE),
        ("RECOVERY_ON_TIMER_EXPIRE", EndCause.UNREACHABLE),
        ("INCOMPATIBLE_DESTINATION", EndCause.FAILED),
        ("", EndCause.FAILED),
    ],
)
def test_why_a_leg_that_nobody_answered_ended(cause: str, end: EndCause) -> None:
    assert unanswered(cause, rang=False) is end


def test_a_telephone_that_rang_and_was_given_up_by_a_timer_was_not_answered() -> None:
    switch = Switch().inbound().calls("a", "b", "101").at(1).rings("b").at(30)
    facts = switch.hangs_up("b", "RECOVERY_ON_TIMER_EXPIRE").hangs_up("a").facts()
    assert {fact.cause for fact in facts if isinstance(fact, LegEnded)} == {EndCause.NO_ANSWER}


@pytest.mark.parametrize("name", ["RECORD_STEREO", "record_stereo"])
def test_variables_of_the_dialplan_are_read_in_whatever_case_they_are_written(name: str) -> None:
    """FreeSWITCH takes both; its own example gives every user the second one."""
    switch = Switch().inbound().at(2).records("a", "/r/a.wav", **{f"variable_{name}": "true"})
    (tape,) = [one for one in happenings(switch.messages) if isinstance(one, Taped)]
    assert (tape.stereo, tape.swapped) == (True, False)
