"""What Asterisk says becomes one history for each call, however it is repeated and shuffled."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.events import CallCompleted, CallResult
from switchhook.telephony.asterisk.calls import Calls
from switchhook.telephony.asterisk.causes import unanswered
from switchhook.telephony.asterisk.happenings import Channel, Everything
from switchhook.telephony.asterisk.names import Kind, Plan, endpoint, number_of
from switchhook.workspace.calls import Draft
from switchhook.workspace.facts import Answered, Direction, EndCause, Ended, LegEnded, LegKind, Offered
from tests.telephony.asterisk_world import (
    BEGAN,
    CALLER,
    FRIEND,
    MAIN,
    PLAN,
    Pbx,
    capture,
    facts_of,
    happenings,
    told,
)

TRUNK, JANE, OMAR = "PJSIP/trunk-1", "PJSIP/101-2", "PJSIP/102-3"


def topics(drafts: list[Draft]) -> list[str]:
    return [draft.topic for draft in drafts]


def completed(drafts: list[Draft]) -> CallCompleted:
    (data,) = [draft.data for draft in drafts if isinstance(draft.data, CallCompleted)]
    return data


ANSWERED = ["call.received", "call.answered", "call.completed"]
MISSED = ["call.received", "call.missed", "call.completed"]


@pytest.mark.parametrize(
    ("name", "events", "result", "cause"),
    [
        ("ami-answered", ANSWERED, CallResult.ANSWERED, EndCause.HANGUP),
        ("ami-busy", MISSED, CallResult.FAILED, EndCause.BUSY),
        ("ami-cancel", MISSED, CallResult.FAILED, EndCause.CANCELLED),
    ],
)
def test_a_capture_has_the_history_that_its_name_says(
    name: str, events: list[str], result: CallResult, cause: EndCause
) -> None:
    facts = facts_of(happenings(capture(name)))
    ((_, drafts),) = told(facts).items()
    data = completed(drafts)
    assert topics(drafts) == events
    assert len({fact.id for fact in facts}) == len(facts)
    assert (data.result, data.from_number, data.to) == (result, CALLER, MAIN)
    assert [fact.cause for fact in facts if isinstance(fact, Ended | LegEnded)] == [cause, cause]
    assert data.user_email == "jane@example.com"
    if result is CallResult.ANSWERED:
        assert (data.start_date, data.length) == ("2026-11-23T12:19:38.028Z", "4s")


def test_a_call_of_which_nothing_more_comes_is_over_when_it_is_not_up_any_more() -> None:
    calls = Calls("asterisk", PLAN)
    facts = [fact for said in happenings(capture("ami-noanswer")) for fact in calls.take(said, 0.0)]
    assert [type(fact) for fact in facts + calls.lapse(50.0)] == [Offered]
    assert calls.take(Everything(BEGAN + 90_000, (), BEGAN + 60_000), 60.0) == []
    facts += calls.lapse(70.0)
    ((_, drafts),) = told(facts).items()
    assert topics(drafts) == MISSED
    (end,) = [fact for fact in facts if isinstance(fact, Ended)]
    assert end.at == BEGAN + 60_000  # when it was last heard of


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["ami-answered", "ami-busy", "ami-cancel"]),
    st.randoms(use_true_random=False),
    st.integers(0, 40),
)
def test_any_repetition_and_shuffling_of_a_capture_makes_the_same_events(
    name: str, chance: random.Random, reach: int
) -> None:
    straight = happenings(capture(name))
    twice = [said for said in straight for _ in range(chance.choice((1, 1, 2, 3)))]
    order = sorted(range(len(twice)), key=lambda place: place + chance.uniform(0, reach))
    assert events(told(facts_of(twice[place] for place in order))) == events(told(facts_of(straight)))


def events(drafts: dict[str, list[Draft]]) -> set[tuple[str, Any]]:
    return {(draft.topic, repr(draft.data)) for made in drafts.values() for draft in made}


# -- stories


def test_the_first_of_two_telephones_that_ring_at_once_has_the_call() -> None:
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").dials(TRUNK, OMAR, "1", "102")
    pbx.at(1).rings(JANE, "1").rings(OMAR, "1").at(5).talk(TRUNK, OMAR, "1", "b")
    pbx.dialled(TRUNK, JANE, "1", "CANCEL").at(5.1).hangs_up(JANE, "1", 26)
    pbx.at(30).hangs_up(OMAR, "1").hangs_up(TRUNK, "1")
    facts = facts_of(happenings(pbx.messages))
    assert {f.leg: f.cause for f in facts if isinstance(f, LegEnded)} == {
        "1795436378.2": EndCause.ANSWERED_ELSEWHERE,
        "1795436378.3": EndCause.HANGUP,
    }
    data = completed(pbx.story())
    assert (data.result, data.user_email, data.length) == (CallResult.ANSWERED, "omar@example.com", "25s")


def test_who_lost_a_ring_without_a_cause_was_still_too_late() -> None:
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").dials(TRUNK, OMAR, "1", "102")
    pbx.at(5).talk(TRUNK, OMAR, "1", "b").dialled(TRUNK, JANE, "1", "NOANSWER").hangs_up(JANE, "1", 16)
    pbx.at(30).hangs_up(OMAR, "1").hangs_up(TRUNK, "1")
    ends = {f.leg: f.cause for f in facts_of(happenings(pbx.messages)) if isinstance(f, LegEnded)}
    assert ends["1795436378.2"] is EndCause.ANSWERED_ELSEWHERE


def test_a_telephone_that_rang_in_vain_before_was_not_too_late() -> None:
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101")
    pbx.at(20).dialled(TRUNK, JANE, "1", "NOANSWER").hangs_up(JANE, "1", 0)
    pbx.at(21).dials(TRUNK, OMAR, "1", "102").at(25).talk(TRUNK, OMAR, "1", "b")
    pbx.at(30).hangs_up(OMAR, "1").hangs_up(TRUNK, "1")
    ends = {f.leg: f.cause for f in facts_of(happenings(pbx.messages)) if isinstance(f, LegEnded)}
    assert ends["1795436378.2"] is EndCause.NO_ANSWER


def test_who_gives_up_after_everybody_was_tried_has_given_up() -> None:
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101")
    pbx.at(20).dialled(TRUNK, JANE, "1", "NOANSWER").hangs_up(JANE, "1", 0).at(25)
    facts = facts_of(happenings(pbx.hangs_up(TRUNK, "1", 127, 487).messages))
    assert [fact.cause for fact in facts if isinstance(fact, LegEnded | Ended)] == [
        EndCause.NO_ANSWER,
        EndCause.CANCELLED,
    ]


def test_the_halves_of_a_call_of_asterisk_to_itself_are_nobodys_telephones() -> None:
    """A queue with a member `Local/101@agents`: the halves vanish once the telephone has answered."""
    half, other = "Local/101@agents-7;1", "Local/101@agents-7;2"
    pbx = Pbx().inbound().dials(TRUNK, half, "1", "Local/101@agents").new(other, "1", exten="101")
    pbx.dials(other, JANE, "1", "101").at(1).rings(JANE, "1").rings(half, "1")
    pbx.at(4).talk(other, JANE, "1", "b1").talk(TRUNK, half, "1", "b2")
    pbx.at(4.1).leaves(JANE, "1", "b1").enters(JANE, "1", "b2").hangs_up(half, "1").hangs_up(other, "1")
    pbx.at(24).hangs_up(JANE, "1").hangs_up(TRUNK, "1")
    facts = facts_of(happenings(pbx.messages))
    assert {getattr(fact, "leg", "1795436378.2") for fact in facts[1:]} == {"1795436378.2"}
    drafts = pbx.story()
    assert topics(drafts) == ANSWERED
    assert completed(drafts).length == "20s"


def test_a_call_out_is_its_users() -> None:
    phone, trunk = "PJSIP/101-1", "PJSIP/trunk-2"
    pbx = Pbx().new(phone, state="Ring", exten="0698765432", number="101")
    pbx.at(1).dials(phone, trunk, "1", f"{FRIEND}@trunk", exten="0698765432", number="101")
    pbx.at(3).rings(trunk, "1").at(8).talk(phone, trunk, "1", "b")
    pbx.at(18).hangs_up(trunk, "1").hangs_up(phone, "1")
    drafts = pbx.story()
    data = completed(drafts)
    assert topics(drafts) == ["call.triggered", "call.answered", "call.completed"]
    assert (data.from_number, data.to, data.user_email, data.length, data.result) == (
        MAIN,
        FRIEND,
        "jane@example.com",
        "10s",
        CallResult.ANSWERED,
    )


def test_a_call_out_that_was_begun_from_a_program_is_of_the_telephone_that_rang_first() -> None:
    half, other, phone, trunk = "Local/101@out-1;1", "Local/101@out-1;2", "PJSIP/101-2", "PJSIP/trunk-3"
    pbx = Pbx().new(half).new(other, "1", exten="101").dials(other, phone, "1", "101")
    pbx.at(2).talk(other, phone, "1", "b1").at(3).dials(half, trunk, "1", f"{FRIEND}@trunk", exten=FRIEND)
    pbx.at(8).talk(half, trunk, "1", "b2").at(8.1).enters(phone, "1", "b2")
    pbx.hangs_up(half, "1").hangs_up(other, "1").at(20).hangs_up(trunk, "1").hangs_up(phone, "1")
    data = completed(pbx.story())
    assert (data.type, data.to, data.user_email) == ("OUTBOUND", FRIEND, "jane@example.com")


def test_a_program_that_calls_out_and_then_a_telephone_makes_a_call_out() -> None:
    trunk, phone = "PJSIP/trunk-1", "PJSIP/101-2"
    pbx = Pbx().dials("", trunk, "1", f"{FRIEND}@trunk").at(2).rings(trunk, "1")
    pbx.at(5).dials(trunk, phone, "1", "101").at(8).talk(trunk, phone, "1", "b")
    pbx.at(20).hangs_up(phone, "1").hangs_up(trunk, "1")
    data = completed(pbx.story())
    assert (data.type, data.to, data.result, data.length) == ("OUTBOUND", FRIEND, CallResult.ANSWERED, "12s")


def test_telephones_among_themselves_make_no_facts() -> None:
    pbx = Pbx().new("PJSIP/101-1", state="Ring", exten="102").dials("PJSIP/101-1", "PJSIP/102-2", "1", "102")
    pbx.at(2).talk("PJSIP/101-1", "PJSIP/102-2", "1", "b").hangs_up("PJSIP/102-2", "1")
    assert facts_of(happenings(pbx.hangs_up("PJSIP/101-1", "1").messages)) == []


def test_a_call_in_another_context_is_not_from_outside() -> None:
    pbx = Pbx().new(TRUNK, state="Ring", exten=MAIN, context="fax").hangs_up(TRUNK, "1")
    assert facts_of(happenings(pbx.messages)) == []
    assert len(facts_of(happenings(pbx.messages), Plan(("trunk",)))) == 2


def transfer(pbx: Pbx, by: str, exten: str, result: str = "Success") -> Pbx:
    return pbx.says(
        "BlindTransfer",
        Result=result,
        Extension=exten,
        **pbx.channel(by, "1", "Transferer"),
        **pbx.channel(TRUNK, "1", "Transferee"),
    )


@pytest.mark.parametrize(
    ("exten", "dialled", "string", "result", "to"),
    [
        ("102", OMAR, "102", CallResult.ANSWERED, "omar@example.com"),
        ("600", OMAR, "102", CallResult.ANSWERED, "omar@example.com"),
        ("0698765432", "PJSIP/trunk2-3", f"{FRIEND}@trunk2", CallResult.TRANSFERRED_EXTERNAL, FRIEND),
        ("700", "PJSIP/trunk2-3", f"{FRIEND}@trunk2", CallResult.TRANSFERRED_EXTERNAL, FRIEND),
        ("0698765432", "", "", CallResult.TRANSFERRED_EXTERNAL, FRIEND),
        ("999", "", "", CallResult.ANSWERED, "999"),
    ],
)
def test_a_call_is_passed_on(exten: str, dialled: str, string: str, result: CallResult, to: str) -> None:
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(2).talk(TRUNK, JANE, "1", "b")
    transfer(pbx.at(10), JANE, exten).leaves(JANE, "1", "b").leaves(TRUNK, "1", "b").hangs_up(JANE, "1")
    if dialled:
        pbx.at(11).dials(TRUNK, dialled, "1", string).at(12).talk(TRUNK, dialled, "1", "c")
        pbx.at(30).hangs_up(dialled, "1")
    data = completed(pbx.at(30).hangs_up(TRUNK, "1").story())
    assert data.result is result
    assert data.transfer_from.user_email == "jane@example.com"
    assert to in {data.transfer_to.user_email, data.transfer_to.number}


def test_a_transfer_that_failed_is_none() -> None:
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(2).talk(TRUNK, JANE, "1", "b")
    transfer(pbx, JANE, "0698765432", "Fail").at(9).hangs_up(JANE, "1").hangs_up(TRUNK, "1")
    data = completed(pbx.story())
    assert (data.result, data.transfer_from.user_email) == (CallResult.ANSWERED, None)


def test_who_makes_three_of_two_has_not_passed_the_call_on() -> None:
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(2).talk(TRUNK, JANE, "1", "b")
    fields = {**pbx.channel(JANE, "1", "OrigTransferer"), **pbx.channel(JANE, "1", "SecondTransferer")}
    fields |= pbx.channel(TRUNK, "1", "Transferee") | pbx.channel(OMAR, "1", "TransferTarget")
    pbx.at(9).says("AttendedTransfer", Result="Success", DestType="Threeway", **fields)
    data = completed(pbx.at(20).hangs_up(JANE, "1").hangs_up(TRUNK, "1").story())
    assert (data.result, data.transfer_from.user_email) == (CallResult.ANSWERED, None)


def introduces(pbx: Pbx, second: str, target: str, link: str) -> Pbx:
    return pbx.says(
        "AttendedTransfer",
        Result="Success",
        DestType="Bridge",
        **pbx.channel(JANE, "1", "OrigTransferer"),
        **pbx.channel(second, link, "SecondTransferer"),
        **pbx.channel(TRUNK, "1", "Transferee"),
        **pbx.channel(target, link, "TransferTarget"),
    )


def test_a_call_is_handed_over_to_a_colleague_after_a_word() -> None:
    """The colleague was called in a call of telephones among themselves, and comes into this one."""
    second, omar = "PJSIP/101-4", "PJSIP/102-5"
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(2).talk(TRUNK, JANE, "1", "b")
    pbx.at(5).new(second, state="Ring", exten="102").dials(second, omar, "4", "102")
    pbx.at(7).talk(second, omar, "4", "c")
    introduces(pbx.at(10), second, omar, "4").leaves(omar, "4", "c").enters(omar, "1", "b")
    pbx.leaves(JANE, "1", "b").hangs_up(JANE, "1").hangs_up(second, "4")
    pbx.at(30).hangs_up(omar, "1").hangs_up(TRUNK, "1")
    (_, came) = [fact for fact in facts_of(happenings(pbx.messages)) if isinstance(fact, Answered)]
    assert (came.target, came.at) == ("sip:102@asterisk", BEGAN + 10_000)  # not when the two began to talk
    drafts = pbx.story()
    data = completed(drafts)
    assert topics(drafts) == ANSWERED
    assert (data.result, data.length) == (CallResult.ANSWERED, "28s")
    assert (data.transfer_from.user_email, data.transfer_to.user_email) == (
        "jane@example.com",
        "omar@example.com",
    )


def test_a_call_is_handed_over_to_an_outside_number_whose_own_call_goes_on() -> None:
    second, friend = "PJSIP/101-4", "PJSIP/trunk-5"
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(2).talk(TRUNK, JANE, "1", "b")
    pbx.at(5).new(second, state="Ring", exten=FRIEND)
    pbx.dials(second, friend, "4", f"{FRIEND}@trunk").at(7).talk(second, friend, "4", "c")
    introduces(pbx.at(10), second, friend, "4").leaves(friend, "4", "c").enters(friend, "1", "b")
    pbx.leaves(JANE, "1", "b").hangs_up(JANE, "1").hangs_up(second, "4")
    pbx.at(30).hangs_up(friend, "1").hangs_up(TRUNK, "1")
    drafts = told(facts_of(happenings(pbx.messages)))
    first, other = completed(drafts["1795436378.1"]), completed(drafts["1795436378.4"])
    assert (first.result, first.transfer_to.number) == (CallResult.TRANSFERRED_EXTERNAL, FRIEND)
    assert (other.type, other.result, other.to) == ("OUTBOUND", CallResult.ANSWERED, FRIEND)


OUT = "Local/0698765432@xfer-5;1"


@pytest.mark.parametrize(
    ("orig", "second", "whom", "target", "to"),
    [
        (JANE, "PJSIP/101-4", "", "", "omar@example.com"),  # who they are is seen by the bridges
        ("PJSIP/101-4", JANE, "PJSIP/102-5", TRUNK, "omar@example.com"),  # the colleague was there first
        (JANE, JANE, TRUNK, "Local/102@xfer-5;1", "omar@example.com"),  # by a feature code
        (JANE, JANE, TRUNK, OUT, FRIEND),
    ],
)
def test_who_was_handed_over_to_whom(orig: str, second: str, whom: str, target: str, to: str) -> None:
    own, omar = "PJSIP/101-4", "PJSIP/102-5"
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(2).talk(TRUNK, JANE, "1", "b")
    if "Local" not in target:
        pbx.at(5).new(own, state="Ring", exten="102").dials(own, omar, "4", "102").at(7).talk(
            own, omar, "4", "c"
        )
    fields = {**pbx.channel(orig, "1", "OrigTransferer"), **pbx.channel(second, "1", "SecondTransferer")}
    if whom:
        fields |= pbx.channel(whom, "1", "Transferee") | pbx.channel(target, "1", "TransferTarget")
    pbx.at(10).says("AttendedTransfer", Result="Success", **fields)
    data = completed(pbx.at(30).hangs_up(TRUNK, "1").story())
    assert data.transfer_from.user_email == "jane@example.com"
    assert to in {data.transfer_to.user_email, data.transfer_to.number}
    assert (data.result is CallResult.TRANSFERRED_EXTERNAL) is (to == FRIEND)


def test_what_is_not_linked_is_dialled() -> None:
    """Old versions of Asterisk give no Linkedid."""
    messages = [
        {key: value for key, value in message.items() if not key.endswith("Linkedid")}
        for message in capture("ami-busy")
    ]
    ends = [fact.cause for fact in facts_of(happenings(messages)) if isinstance(fact, LegEnded | Ended)]
    assert ends == [EndCause.BUSY, EndCause.BUSY]


def test_who_picks_a_call_up_has_it() -> None:
    picker = "PJSIP/102-9"
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(3).new(picker, state="Ring", exten="*8")
    pbx.hangs_up(JANE, "1", 26).enters(picker, "9", "b").enters(TRUNK, "1", "b")
    drafts = pbx.at(13).hangs_up(TRUNK, "1").hangs_up(picker, "9").story()
    assert topics(drafts) == ANSWERED
    assert (completed(drafts).user_email, completed(drafts).length) == ("omar@example.com", "10s")


def test_who_lies_in_the_same_car_park_is_not_in_the_same_call() -> None:
    """The colleague parks somebody of theirs where the caller waits, whom Jane takes back."""
    other, back = "PJSIP/109-7", "PJSIP/101-9"
    pbx = Pbx().inbound().dials(TRUNK, JANE, "1", "101").at(2).talk(TRUNK, JANE, "1", "b")
    pbx.at(9).leaves(JANE, "1", "b").leaves(TRUNK, "1", "b").hangs_up(JANE, "1")
    pbx.enters(TRUNK, "1", "park", holding=True).new(other, state="Ring", exten="70")
    pbx.at(12).enters(other, "7", "park", holding=True)
    pbx.at(15).leaves(TRUNK, "1", "park").new(back, state="Ring", exten="71")
    pbx.enters(back, "9", "c").enters(TRUNK, "1", "c").at(30).hangs_up(back, "9").hangs_up(TRUNK, "1")
    targets = {fact.target for fact in facts_of(happenings(pbx.messages)) if isinstance(fact, Answered)}
    assert targets == {"sip:101@asterisk"}
    assert completed(pbx.story()).length == "28s"


def test_an_ai_agent_and_a_forward_are_told_apart_from_users() -> None:
    robot, trunk = "PJSIP/robot-2", "PJSIP/trunk2-3"
    pbx = Pbx().inbound().dials(TRUNK, robot, "1", "robot").at(1).talk(TRUNK, robot, "1", "b")
    pbx.at(9).hangs_up(robot, "1").hangs_up(TRUNK, "1")
    assert completed(pbx.story()).result is CallResult.TRANSFERRED_AI
    pbx = Pbx().inbound().dials(TRUNK, trunk, "1", f"{FRIEND}@trunk2").at(1).talk(TRUNK, trunk, "1", "b")
    pbx.at(9).hangs_up(trunk, "1").hangs_up(TRUNK, "1")
    assert completed(pbx.story()).result is CallResult.TRANSFERRED_EXTERNAL


def test_what_was_chosen_in_a_menu_is_told_by_the_dialplan() -> None:
    pbx = Pbx().inbound().at(3)
    pbx.says("UserEvent", UserEvent="SwitchhookMenu", Key="2", Label="Sales", **pbx.channel(TRUNK, "1"))
    pbx.says("UserEvent", UserEvent="Another", Key="3", **pbx.channel(TRUNK, "1"))
    data = completed(pbx.at(5).hangs_up(TRUNK, "1").story())
    assert [(choice.dtmf_key, choice.text_key) for choice in data.ivr_result] == [("2", "Sales")]


# -- catching up


def up(name: str, link: str = "", **fields: Any) -> Channel:
    number = name.partition(";")[0].rpartition("-")[2]
    id_ = f"1795436378.{number}"
    return Channel(id_, f"1795436378.{link}" if link else id_, name, **fields)


@pytest.mark.parametrize("application", ["AppDial", "AppDial2", "AppQueue"])
def test_a_trunk_that_asterisk_called_is_no_call_from_outside(application: str) -> None:
    calls = Calls("asterisk", PLAN)
    trunk = up(TRUNK, exten="s", context="inbound", state="Up", application=application)
    (offered,) = calls.take(Everything(BEGAN, (trunk,)), 0.0) + calls.lapse(2.0)
    assert isinstance(offered, Offered)
    assert offered.direction is Direction.OUTBOUND


def test_a_call_that_is_up_when_we_come_is_told_of_from_there() -> None:
    calls = Calls("asterisk", PLAN)
    trunk = up(TRUNK, number=CALLER, exten=MAIN, context="inbound", state="Up", bridge="b")
    jane = up(JANE, "1", state="Up", bridge="b", application="AppDial")
    facts = calls.take(Everything(BEGAN + 9_000, (jane, trunk)), 0.0)
    facts += [
        f for said in happenings(Pbx().at(20).hangs_up(TRUNK, "1").messages) for f in calls.take(said, 9)
    ]
    drafts = told(facts + calls.lapse(20.0))["1795436378.1"]
    assert topics(drafts) == ANSWERED
    assert (completed(drafts).start_date, completed(drafts).length) == ("2026-11-23T12:19:38.000Z", "11s")


def test_a_call_that_an_earlier_run_offered_is_ended_by_this_one() -> None:
    """Whoever dialled has handed it over, so its first channel is not there any more."""
    calls = Calls("asterisk", PLAN, ["1795436378.1"])
    trunk = up("PJSIP/trunk-2", "1", state="Up", bridge="b", application="AppDial")
    calls.take(Everything(BEGAN, (trunk, up(OMAR, "1", state="Up", bridge="b"))), 0.0)
    assert calls.up("1795436378.1")
    pbx = Pbx().at(9).hangs_up("PJSIP/trunk-2", "1").hangs_up(OMAR, "1")
    for said in happenings(pbx.messages):
        calls.take(said, 5.0)
    (end,) = [fact for fact in calls.lapse(9.0) if isinstance(fact, Ended)]
    assert (end.call, end.at) == ("1795436378.1", BEGAN + 9_000)
    assert not calls.up("1795436378.1")


def test_what_is_over_is_forgotten_and_begins_nothing_when_it_comes_again() -> None:
    calls = Calls("asterisk", PLAN)
    said = happenings(capture("ami-answered"))
    for one in said:
        calls.take(one, 0.0)
    assert calls.lapse(2.0)
    assert [fact for one in said for fact in calls.take(one, 3.0)] == []
    assert calls.restless
    calls.lapse(400.0)
    assert not calls.restless


# -- small rules


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("PJSIP/trunk-00000006", Kind.TRUNK),
        ("PJSIP/trunk-paris-00000006", Kind.TRUNK),
        ("SIP/trunk-00000006", Kind.USER),
        ("PJSIP/agent-00000007", Kind.USER),
        ("PJSIP/robot-00000007", Kind.AI),
        ("Local/101@trunk-00000001;2", Kind.LOCAL),
        ("Snoop/1795436317.1-00000001", Kind.OWN),
        ("Surrogate/PJSIP/agent-00000001", Kind.OWN),
        ("DAHDI/pseudo-1234", Kind.OWN),
        ("DAHDI/i1/0612345678-3", Kind.USER),
        ("WebSocket/INCOMING/3f2a-0x7f", Kind.OWN),
        ("AudioSocket/10.0.0.7:9092-3f2a", Kind.AI),
        ("UnicastRTP/10.0.0.8:5000-0x7f", Kind.OWN),
    ],
)
def test_who_is_at_the_end_of_a_channel(name: str, kind: Kind) -> None:
    assert PLAN.kind(name) is kind


@pytest.mark.parametrize(
    ("string", "number"),
    [
        ("+33612345678@trunk", "+33612345678"),
        ("trunk/sip:0612345678@10.0.0.1", "0612345678"),
        ("trunk/0612345678", "0612345678"),
        ("15@trunk", "15"),
        ("us:pw@10.0.0.1/0612345678@out/a", "0612345678"),  # of IAX2
        ("g1/0612345678", "0612345678"),  # of DAHDI
        ("33199999901/sip:bob@10.0.0.1", None),  # a trunk whose name is a number
        ("agent", None),
        ("", None),
    ],
)
def test_the_number_in_what_was_dialled(string: str, number: str | None) -> None:
    assert number_of(string) == number


def test_a_password_in_what_was_dialled_is_not_told() -> None:
    phone, trunk = "PJSIP/101-1", "IAX2/trunk-2"
    pbx = Pbx().new(phone, state="Ring", exten="").dials(phone, trunk, "1", "us:s3cret@host/s", exten="")
    (offered, *_) = facts_of(happenings(pbx.messages), Plan(("trunk",)))
    assert isinstance(offered, Offered)
    assert offered.to_raw == "host/s"


def test_an_endpoint_keeps_the_dashes_of_its_name() -> None:
    assert endpoint("PJSIP/trunk-paris-00000006") == "PJSIP/trunk-paris"


@pytest.mark.parametrize(
    ("status", "cause", "tech", "end"),
    [
        ("BUSY", 17, 486, EndCause.BUSY),
        ("CANCEL", 127, 500, EndCause.CANCELLED),
        ("NOANSWER", 127, 487, EndCause.CANCELLED),
        ("NOANSWER", 0, 0, EndCause.NO_ANSWER),
        ("NOANSWER", 21, 603, EndCause.DECLINED),
        ("CHANUNAVAIL", 20, 0, EndCause.UNREACHABLE),
        ("CONGESTION", 34, 503, EndCause.UNREACHABLE),
        ("CANCEL", 26, 0, EndCause.ANSWERED_ELSEWHERE),
        ("", 19, 0, EndCause.NO_ANSWER),
        ("CONGESTION", 41, 500, EndCause.FAILED),
    ],
)
def test_why_a_leg_that_nobody_answered_ended(status: str, cause: int, tech: int, end: EndCause) -> None:
    assert unanswered(status, cause, tech) is end


def test_a_number_that_is_not_told_is_nobodys() -> None:
    pbx = Pbx().new(TRUNK, state="Ring", exten=MAIN, context="inbound")
    (offered, *_) = facts_of(happenings(pbx.messages))
    assert isinstance(offered, Offered)
    assert (offered.from_raw, offered.direction) == ("anonymous", Direction.INBOUND)
    assert LegKind.OUTSIDE not in {getattr(offered, "kind", None)}
