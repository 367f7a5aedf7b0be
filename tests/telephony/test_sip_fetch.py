"""A call that somebody ordered: the user's telephones ring, who answers is the caller; and what is recorded."""

import pytest

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.control import CALLER, CallControl, Stage
from switchhook.telephony.sip.plan import Dial, Fetch, Ring
from switchhook.workspace.facts import Direction, LegEnded, LegKind, Offered, Recorded
from tests.telephony.test_sip_talk import ANNA, BEN, TRUNK, Stack, offered, talking

TO = "+33699000000"
FETCH = Fetch((ANNA, BEN), Dial((TRUNK,), 30.0, "+33112345678"), TO)


def ordered() -> Stack:
    offer = Offered(
        source="sip",
        call="ord_1",
        id="offered",
        at=1,
        leg=CALLER,
        direction=Direction.OUTBOUND,
        from_raw="+33112345678",
        to_raw=TO,
        user_ref=ANNA,
        ordered="cll_1",
    )
    stack = Stack(CallControl(offer))
    stack.legs = {}
    stack.act(stack.control.begin())
    return stack


def adopt(s: Stack, leg: str) -> None:
    """What the exchange does."""
    assert m.Adopt(leg) in s.done
    s.legs[CALLER] = s.legs.pop(leg)


def test_the_user_is_called_first_and_then_the_number() -> None:
    s = ordered().feed(m.Planned(FETCH))
    assert s.said(m.Call) == [m.Call("leg1", ANNA, TO), m.Call("leg2", BEN, TO)]
    s.feed(m.Progress("leg1"), m.Progress("leg2"), m.Established("leg2"))
    adopt(s, "leg2")
    assert s.said(m.Drop) == [m.Drop("leg1")]
    assert s.said(m.Call)[2:] == [m.Call("leg3", TRUNK, "+33112345678")]
    assert s.heard == [CALLER]
    s.feed(m.Closed("leg1"), m.Progress("leg3"), m.Established("leg3"))
    assert s.heard == ["leg3", CALLER]
    assert not s.said(m.Answer)
    s.feed(m.Closed("leg3")).over()
    assert s.control.stage is Stage.OVER
    end = next(f for f in s.facts if isinstance(f, LegEnded) and f.leg == CALLER)
    assert (end.kind, end.target) == (LegKind.USER, BEN)


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([m.Closed("leg1", 486), m.Closed("leg2", 486)], "ended:busy"),
        ([m.Progress("leg1"), m.TimedOut("ring")], "ended:no_answer"),
        ([m.TimedOut("silent")], "ended:unreachable"),
        ([m.HangUpNow()], "ended:failed"),
    ],
)
def test_nobody_is_called_outside_when_no_telephone_answers(events: list[m.Event], end: str) -> None:
    s = ordered().feed(m.Planned(FETCH), *events).over()
    assert s.end[-1] == end
    assert len(s.said(m.Call)) == 2
    assert s.control.stage is Stage.OVER


def test_who_answered_may_hang_up_while_it_rings_outside() -> None:
    s = ordered().feed(m.Planned(FETCH), m.Established("leg1"))
    adopt(s, "leg1")
    s.feed(m.Closed(CALLER)).over()
    assert s.end[-1] == "ended:cancelled"
    assert m.Drop("leg3") in s.done


def test_an_outside_party_who_is_busy_ends_it() -> None:
    s = ordered().feed(m.Planned(FETCH), m.Established("leg1"))
    adopt(s, "leg1")
    s.feed(m.Closed("leg3", 486)).over()
    assert s.end[-1] == "ended:busy"
    assert m.Drop(CALLER) in s.done


def test_how_it_ends_is_told_by_the_outside_once_the_user_is_there() -> None:
    s = ordered().feed(m.Planned(FETCH), m.Closed("leg2", 486), m.Established("leg1"))
    adopt(s, "leg1")
    s.feed(m.Closed("leg3", 404)).over()
    assert s.end[-1] == "ended:unreachable"


def test_nobody_is_called_before_the_order_is_durable() -> None:
    s = ordered()
    assert s.control.stage is Stage.OFFERED
    late = Stack(CallControl(s.control.offered), commits=False)
    late.act(late.control.begin())
    late.feed(m.Planned(FETCH))
    assert not late.said(m.Call)
    late.feed(m.Committed("offered"))
    assert len(late.said(m.Call)) == 2


def test_a_user_who_was_called_first_passes_the_call_on_like_any_other() -> None:
    s = ordered().feed(m.Planned(FETCH), m.Established("leg1"))
    adopt(s, "leg1")
    s.feed(m.Established("leg3"), m.Referred(CALLER, "sip:102@x"))
    assert [f.id for f in s.facts][-1] == "transfer_asked:1"


def test_a_recording_is_paused_and_goes_on_and_what_is_not_wanted_is_gone() -> None:
    s = talking().feed(m.SetRecording("paused"), m.SetRecording("on"))
    assert s.said(m.PauseRecording) == [m.PauseRecording(True), m.PauseRecording(False)]
    s.feed(m.SetRecording("off"), m.SetRecording("off"), m.SetRecording("paused"))
    assert len(s.said(m.DiscardRecording)) == 1
    s.feed(m.Closed(CALLER)).over()
    assert not s.said(m.FinishRecording)
    assert not [f for f in s.facts if isinstance(f, Recorded)]
    assert s.control.stage is Stage.OVER


def test_a_user_pauses_the_recording_by_keys_and_nobody_else_does() -> None:
    s = Stack(CallControl(offered(), record_key="*1"))
    s.act(s.control.begin())
    s.feed(m.Planned(Ring((ANNA,))), m.Established("leg1"), m.Established(CALLER))
    s.feed(*(m.Digit(CALLER, key) for key in "*1"), *(m.Digit("leg1", key) for key in "*21"))
    assert not s.said(m.PauseRecording)
    s.feed(*(m.Digit("leg1", key) for key in "5**1"))
    assert s.said(m.PauseRecording) == [m.PauseRecording(True, "leg1")]
    s.feed(m.Digit("leg1", "1"), m.SetRecording("on"), *(m.Digit("leg1", key) for key in "*1*1"))
    assert s.said(m.PauseRecording)[1:] == [
        m.PauseRecording(False),
        m.PauseRecording(True, "leg1"),
        m.PauseRecording(False, "leg1"),
    ]
    assert len(s.said(m.Press)) == 2 + 3 + 4 + 1 + 4  # all of them go through
    assert not talking().feed(*(m.Digit("leg1", key) for key in "*1")).said(m.PauseRecording)
    twice = Stack(CallControl(offered(), record_key="11"))
    twice.act(twice.control.begin())
    twice.feed(m.Planned(Ring((ANNA,))), m.Established("leg1"), m.Established(CALLER))
    assert len(twice.feed(*(m.Digit("leg1", "1") for _ in range(3))).said(m.PauseRecording)) == 1
    off = twice.feed(m.SetRecording("off"), *(m.Digit("leg1", "1") for _ in range(4)))
    assert len(off.said(m.PauseRecording)) == 1


def test_a_recording_that_begins_anew_began_then() -> None:
    s = talking().feed(m.SetRecording("off"))
    s.act(s.control.handle(m.SetRecording("on"), 99))
    s.feed(m.Closed(CALLER)).over()
    (recorded,) = (f for f in s.facts if isinstance(f, Recorded))
    assert recorded.began_at == 99


def test_a_recording_may_begin_in_the_middle_of_a_talk_but_not_among_ourselves() -> None:
    s = talking(record=False).feed(m.SetRecording("on"))
    assert s.said(m.Record) == [m.Record(voicemail=False)]
    inside = talking(offered(Direction.OUTBOUND, internal=True), record=False).feed(m.SetRecording("on"))
    assert not inside.said(m.Record)


@pytest.mark.parametrize(
    ("line", "number", "recorded"), [(True, True, 1), (True, False, 0), (False, True, 0)]
)
def test_a_talk_is_recorded_where_line_and_number_say_so(line: bool, number: bool, recorded: int) -> None:
    s = Stack(CallControl(offered(), record=line))
    s.act(s.control.begin())
    s.feed(m.Planned(Ring((ANNA,)), number), m.Established("leg1"), m.Established(CALLER))
    assert len(s.said(m.Record)) == recorded
