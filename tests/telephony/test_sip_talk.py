"""The talking part of a call as a state machine: transfers, consultations, holds; and one law for all orders."""

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.consultation import Joint, consultation, together
from switchhook.telephony.sip.control import CALLER, CallControl, Stage
from switchhook.telephony.sip.plan import Dial, Passing, Reject, Ring, TransferPlan
from switchhook.telephony.sip.talk import MOST_TRANSFERS
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    Offered,
    TransferAsked,
    Transferred,
)

ANNA, BEN, CARL = (f"sip:{name}@127.0.0.1:507{n}" for n, name in enumerate(("anna", "ben", "carl")))
TRUNK = "sip:+33699000000@127.0.0.1:5090"
OUT = Passing((TRUNK,), LegKind.FORWARD, "+33699000000", "+33112345678")
TO_BEN = Passing((BEN,), LegKind.USER)


def offered(direction: Direction = Direction.INBOUND, *, internal: bool = False, call: str = "c1") -> Offered:
    return Offered(
        source="sip",
        call=call,
        id="offered",
        at=1,
        leg=CALLER,
        direction=direction,
        from_raw="+33612345678",
        to_raw="101" if internal else "+33112345678",
        user_ref=ANNA if direction is Direction.OUTBOUND else None,
        internal=internal,
    )


@dataclass
class Stack:
    """A stack and a server around one call; it holds what every call must hold."""

    control: CallControl
    commits: bool = True
    facts: list[AnyFact] = field(default_factory=list)
    done: list[m.Action] = field(default_factory=list)
    uncommitted: list[str] = field(default_factory=list)
    committed: set[str] = field(default_factory=set)
    legs: dict[str, str] = field(default_factory=lambda: {CALLER: "open"})  # open, up, closed
    dropped: dict[str, str] = field(default_factory=dict)  # how a leg was when it was last dropped
    heard: list[str] = field(default_factory=list)  # who hear each other

    def feed(self, *events: m.Event) -> "Stack":
        for event in events:
            match event:
                case m.Closed(leg):
                    self.legs[leg] = "closed"
                case m.Established(leg):
                    self.legs[leg] = "up"
                case m.Committed(fact) if fact in self.uncommitted:
                    self.uncommitted.remove(fact)
                    self.committed.add(fact)
            self.act(self.control.handle(event, 2))
        return self

    def act(self, actions: list[m.Action]) -> None:
        for action in actions:
            self.done.append(action)
            match action:
                case m.Tell(fact):
                    assert fact.id not in {f.id for f in self.facts}, "a fact twice"
                    self.facts.append(fact)
                    self.uncommitted.append(fact.id)
                case m.Call(leg):
                    asked = [f.id for f in self.facts if isinstance(f, TransferAsked)]
                    assert "offered" in self.committed
                    assert not asked or asked[-1] in self.committed, "dialled before it was committed"
                    self.legs[leg] = "open"
                case m.Bridge(one, other):
                    assert one != other
                    new = {one, other} & {f.leg for f in self.facts if isinstance(f, Answered)}
                    assert {f"answered:{leg}" for leg in new} <= self.committed, "heard before the commit"
                    self.heard = [one, other]
                case m.Ringback(leg):
                    self.heard = [leg]
                case m.Release(leg):
                    transferred = [f.id for f in self.facts if isinstance(f, Transferred)]
                    assert set(transferred) & self.committed, (
                        "told that it came about before it was committed"
                    )
                    assert leg not in self.heard
                    self.dropped[leg] = self.legs[leg]
                case m.Drop(leg):
                    self.dropped[leg] = self.legs[leg]
        while self.commits and self.uncommitted:
            self.feed(m.Committed(self.uncommitted[0]))

    def said(self, kind: type[m.Action]) -> list[m.Action]:
        return [action for action in self.done if isinstance(action, kind)]

    def over(self) -> "Stack":
        """Everything that was dropped closes, and what was recorded is ready."""
        for _ in range(60):
            for fact in list(self.uncommitted):
                self.feed(m.Committed(fact))
            for leg, state in list(self.legs.items()):
                # A CANCEL ends no leg that was answered meanwhile.
                if state != "closed" and self.dropped.get(leg) == state:
                    self.feed(m.Closed(leg))
            if self.said(m.FinishRecording):
                self.feed(m.RecordingReady("recordings/x.mp3", 3.0))
        return self

    @property
    def end(self) -> list[str]:
        """How it came out: transfers, the ends of legs, the end."""
        words = []
        for fact in self.facts:
            match fact:
                case Transferred():
                    words.append(f"{fact.by} to {fact.to} ({fact.kind})")
                case LegEnded():
                    words.append(f"{fact.leg}:{fact.cause}")
                case Ended():
                    words.append(f"ended:{fact.cause}")
        return words


def talking(offer: Offered | None = None, *, record: bool = True) -> Stack:
    """Anna has a call: from outside, or to outside, or to Ben."""
    offer = offer or offered()
    stack = Stack(CallControl(offer, record=record))
    stack.act(stack.control.begin())
    there = Ring((BEN if offer.internal else ANNA,))
    stack.feed(m.Planned(there if offer.direction is Direction.INBOUND or offer.internal else Dial((TRUNK,))))
    return stack.feed(m.Progress("leg1"), m.Established("leg1"), m.Established(CALLER))


def test_a_call_is_passed_on_to_who_answers() -> None:
    s = talking()
    s.feed(m.Referred("leg1", "sip:101@x"))
    assert not s.said(m.Call)[1:]
    s.feed(m.PassOn("transfer_asked:1", Passing((BEN, CARL), LegKind.USER)))
    assert s.said(m.Call)[1:] == [m.Call("leg2", BEN, "+33612345678"), m.Call("leg3", CARL, "+33612345678")]
    assert s.heard == [CALLER]
    s.feed(m.Progress("leg3"), m.Established("leg3"))
    assert s.heard == [CALLER, "leg3"]
    assert s.said(m.Release) == [m.Release("leg1")]
    s.feed(m.Closed("leg1"), m.Closed("leg2"))
    assert s.control.stage is Stage.TALKING
    s.feed(m.Closed("leg3")).over()
    assert f"{ANNA} to {CARL} (user)" in s.end
    assert s.end[-1] == "ended:hangup"
    assert len(s.said(m.Record)) == 1
    assert "leg2:answered_elsewhere" in s.end


def test_nothing_is_dialled_for_a_transfer_before_it_is_committed_and_nobody_told() -> None:
    s = talking()
    s.commits = False
    s.feed(m.Referred("leg1", "sip:101@x"), m.PassOn("transfer_asked:1", TO_BEN))
    assert len(s.said(m.Call)) == 1
    s.feed(m.Committed("transfer_asked:1"))
    assert len(s.said(m.Call)) == 2
    s.feed(m.Established("leg2"), m.Committed("answered:leg2"))
    assert s.heard == [CALLER]
    assert not s.said(m.Release)
    s.feed(m.Committed("transferred:1"))
    assert s.heard == [CALLER, "leg2"]
    assert s.said(m.Release) == [m.Release("leg1")]


def test_outside_is_named_by_its_number_and_sees_ours() -> None:
    s = talking().feed(m.Referred("leg1", "sip:0699000000@x"), m.PassOn("transfer_asked:1", OUT))
    assert s.said(m.Call)[1] == m.Call("leg2", TRUNK, "+33112345678")
    s.feed(m.Established("leg2"))
    assert f"{ANNA} to +33699000000 (forward)" in s.end
    answered = next(f for f in s.facts if isinstance(f, Answered) and f.leg == "leg2")
    assert answered.kind is LegKind.FORWARD


def test_who_calls_out_passes_on_whom_they_called() -> None:
    s = talking(offered(Direction.OUTBOUND))
    assert s.heard == ["leg1", CALLER]  # the outside party is on the left
    s.feed(m.Referred(CALLER, "sip:102@x"), m.PassOn("transfer_asked:1", TO_BEN), m.Established("leg2"))
    assert s.heard == ["leg1", "leg2"]
    s.feed(m.Closed(CALLER))
    assert s.control.stage is Stage.TALKING
    s.feed(m.Closed("leg1")).over()
    assert f"{ANNA} to {BEN} (user)" in s.end


@pytest.mark.parametrize(
    ("plan", "events", "status"),
    [
        (TO_BEN, [m.Closed("leg2", 486)], 486),
        (TO_BEN, [m.Progress("leg2"), m.TimedOut("transfer")], 480),
        (TO_BEN, [m.TimedOut("transfer")], 404),
        (TO_BEN, [m.Absent("leg2")], 404),
        (OUT, [m.Closed("leg2", 603)], 603),
        (Reject(EndCause.BLOCKED), [], 403),
        (Passing((), LegKind.USER), [], 404),
    ],
)
def test_a_transfer_that_fails_leaves_the_call_as_it_was(
    plan: TransferPlan, events: list[m.Event], status: int
) -> None:
    s = talking().feed(m.Referred("leg1", "sip:101@x"), m.PassOn("transfer_asked:1", plan), *events)
    assert s.said(m.Refuse) == [m.Refuse("leg1", status)]
    assert s.heard == [CALLER, "leg1"]
    assert s.control.stage is Stage.TALKING
    s.feed(m.Closed("leg1")).over()
    assert not any(isinstance(f, Transferred) for f in s.facts)
    assert s.end[-1] == "ended:hangup"


def test_a_telephone_may_hang_up_as_soon_as_it_has_asked() -> None:
    s = talking().feed(m.Referred("leg1", "sip:101@x"), m.Closed("leg1"))
    s.feed(m.PassOn("transfer_asked:1", TO_BEN), m.Progress("leg2"), m.Established("leg2"))
    assert s.heard == [CALLER, "leg2"]
    assert not s.said(m.Release)


@pytest.mark.parametrize(
    "events",
    [
        [m.Closed("leg1"), m.PassOn("transfer_asked:1", TO_BEN), m.Closed("leg2", 486)],
        [m.PassOn("transfer_asked:1", TO_BEN), m.Closed("leg1"), m.Closed("leg2", 486)],
        [m.Closed("leg1"), m.PassOn("transfer_asked:1", Reject(EndCause.UNREACHABLE))],
    ],
    ids=["busy, and gone before", "busy, and gone since", "nowhere"],
)
def test_who_has_hung_up_is_rung_again_when_nobody_answers(events: list[m.Event]) -> None:
    s = talking().feed(m.Referred("leg1", "sip:101@x"), *events)
    back = f"leg{len(s.said(m.Call))}"
    assert s.said(m.Call)[-1] == m.Call(back, ANNA, "+33612345678")
    assert s.heard == [CALLER]
    s.commits = False
    s.feed(m.Progress(back), m.Established(back))
    assert s.heard == [CALLER]
    s.feed(m.Committed(f"answered:{back}"))
    assert s.heard == [CALLER, back]
    assert not s.said(m.Release)
    assert not s.said(m.Refuse)
    s.commits = True
    s.feed(m.Referred(back, "sip:101@x"))  # and may pass it on again
    assert s.facts[-1].id == "transfer_asked:2"
    s.feed(m.Closed(CALLER)).over()
    assert not any(isinstance(f, Transferred) for f in s.facts)
    assert len(s.said(m.Record)) == 1


def test_who_hangs_up_before_the_wish_is_durable_is_not_given_up() -> None:
    s = talking()
    s.commits = False
    s.feed(m.Referred("leg1", "sip:101@x"), m.PassOn("transfer_asked:1", TO_BEN), m.Closed("leg1"))
    s.feed(m.Committed("transfer_asked:1"))
    assert s.said(m.Call)[-1] == m.Call("leg2", BEN, "+33612345678")
    assert s.control.stage is Stage.TALKING


@pytest.mark.parametrize("event", [m.Closed("leg3", 486), m.TimedOut("transfer"), m.Absent("leg3")])
def test_who_does_not_come_back_ends_the_call(event: m.Event) -> None:
    s = talking().feed(m.Referred("leg1", "sip:101@x"), m.PassOn("transfer_asked:1", TO_BEN))
    s.feed(m.Closed("leg1"), m.Closed("leg2", 486), event).over()
    assert len(s.said(m.Call)) == 3
    assert s.control.stage is Stage.OVER
    assert s.end[-1] == "ended:hangup"


def test_an_answer_that_crosses_our_cancel_is_hung_up_on() -> None:
    s = talking().feed(m.Referred("leg1", "sip:101@x"))
    s.feed(m.PassOn("transfer_asked:1", Passing((BEN, CARL), LegKind.USER)), m.Absent("leg2"))
    s.feed(m.Established("leg2"))
    assert s.said(m.Drop) == [m.Drop("leg2")] * 2
    s.feed(m.Established("leg3"))
    assert s.heard == [CALLER, "leg3"]


def test_who_is_passed_on_may_give_up() -> None:
    s = talking().feed(m.Referred("leg1", "sip:101@x"), m.PassOn("transfer_asked:1", TO_BEN))
    s.feed(m.Closed(CALLER)).over()
    assert s.control.stage is Stage.OVER
    assert "leg2:hangup" in s.end


def test_nobody_else_may_pass_a_call_on() -> None:
    s = talking().feed(m.Referred(CALLER, "sip:0899@x"))
    assert s.said(m.Refuse) == [m.Refuse(CALLER, 603)]
    s.feed(m.Referred("leg1", ""))
    s.feed(m.Referred("leg1", "sip:101@x"), m.Referred("leg1", "sip:102@x"))
    assert s.said(m.Refuse)[1:] == [m.Refuse("leg1", 603)] * 2
    assert len([f for f in s.facts if isinstance(f, TransferAsked)]) == 1
    ringing = Stack(CallControl(offered()))
    ringing.act(ringing.control.begin())
    ringing.feed(m.Planned(Ring((ANNA,))), m.Referred("leg1", "sip:101@x"))
    assert ringing.said(m.Refuse) == [m.Refuse("leg1", 603)]


def test_a_call_is_passed_on_so_many_times_and_no_more() -> None:
    s = talking()
    for turn in range(1, MOST_TRANSFERS + 2):
        s.feed(m.Referred("leg1", "sip:101@x"), m.PassOn(f"transfer_asked:{turn}", Reject(EndCause.BLOCKED)))
    assert len([f for f in s.facts if isinstance(f, TransferAsked)]) == MOST_TRANSFERS
    assert s.said(m.Refuse)[-1] == m.Refuse("leg1", 603)


def test_telephones_among_themselves_do_not_get_outside_by_a_transfer() -> None:
    s = talking(offered(Direction.OUTBOUND, internal=True))
    s.feed(m.Referred("leg1", "sip:0699@x"), m.PassOn("transfer_asked:1", OUT))
    assert s.said(m.Refuse) == [m.Refuse("leg1", 403)]
    assert len(s.said(m.Call)) == 1


def test_who_is_held_hears_it_also_after_a_transfer_that_failed() -> None:
    s = talking().feed(m.Held("leg1", True))
    assert s.said(m.Hold) == [m.Hold("leg1", True)]
    s.feed(m.Referred("leg1", "sip:101@x"), m.PassOn("transfer_asked:1", TO_BEN), m.Closed("leg2", 486))
    assert s.done[-1] == m.Hold("leg1", True)
    s.feed(m.Held("leg1", False))
    assert s.done[-1] == m.Hold("leg1", False)


def joined(here: Stack, leg: str, there: Stack, other: str) -> str:
    """Connect the two calls as the exchange does; the name that the guest has in the first."""
    joint = consultation(here.control, leg, there.control, other)
    assert joint is not None
    if joint.swapped:
        here, there = there, here
    del there.legs[joint.guest]
    here.legs[joint.joined.leg] = "up"
    here.feed(joint.joined)
    there.feed(joint.given_away)
    return joint.joined.leg


@pytest.mark.parametrize("asked_on_the_second", [False, True])
def test_a_consultation_inside_brings_the_colleague_into_the_call(asked_on_the_second: bool) -> None:
    first, second = talking(), talking(offered(Direction.OUTBOUND, internal=True, call="c2"), record=False)
    one, other = (first, "leg1"), (second, CALLER)
    guest = joined(*other, *one) if asked_on_the_second else joined(*one, *other)
    assert first.heard == [CALLER, guest]
    assert first.said(m.Release) == [m.Release("leg1")]
    second.over()
    assert second.end == ["leg1:hangup", f"{CALLER}:hangup", "ended:hangup"]
    transferred = next(f for f in first.facts if isinstance(f, Transferred))
    assert (transferred.by, transferred.to, transferred.kind) == (ANNA, BEN, LegKind.USER)
    assert transferred.attended
    first.feed(m.Closed(guest)).over()
    assert first.control.stage is Stage.OVER


def dialling(to: str = "102", **more: object) -> CallControl:
    """Anna has dialled, and nobody has answered yet."""
    offer = msgspec.structs.replace(offered(Direction.OUTBOUND, internal=True, call="c2"), to_raw=to, **more)
    stack = Stack(CallControl(offer, record=False))
    stack.act(stack.control.begin())
    return stack.feed(m.Planned(Ring((BEN,))), m.Progress("leg1")).control


def test_a_consultation_that_still_rings_is_where_the_call_goes() -> None:
    first = talking()
    assert together(first.control, "leg1", dialling(), CALLER) == "sip:102@line"
    assert together(first.control, "leg1", dialling("+33699000000", internal=False), CALLER) == (
        "sip:+33699000000@line"
    )
    assert together(first.control, "leg1", dialling(user_ref=BEN), CALLER) is None
    assert together(first.control, CALLER, dialling(), CALLER) is None
    assert together(first.control, "leg1", dialling(), "leg1") is None
    second = talking(offered(Direction.OUTBOUND, internal=True, call="c2"), record=False)
    assert isinstance(together(first.control, "leg1", second.control, CALLER), Joint)
    ended = dialling()
    ended.handle(m.HangUpNow(), 3)
    assert together(first.control, "leg1", ended, CALLER) is None
    ringing = CallControl(offered())
    assert together(ringing, CALLER, dialling(), CALLER) is None


def test_a_consultation_outside_tells_both_calls() -> None:
    first, second = talking(), talking(offered(Direction.OUTBOUND, call="c2"))
    joined(first, "leg1", second, CALLER)
    second.over()
    assert f"{ANNA} to +33112345678 (forward)" in first.end
    given = next(f for f in second.facts if isinstance(f, Transferred))
    assert (given.by, given.to, given.kind, given.original) == (ANNA, "+33612345678", LegKind.FORWARD, "c1")


def test_nobody_joins_the_calls_of_another_or_one_that_does_not_talk() -> None:
    first = talking()
    ben = offered(Direction.OUTBOUND, call="c2")
    ringing = Stack(CallControl(ben))
    ringing.act(ringing.control.begin())
    ringing.feed(m.Planned(Dial((TRUNK,))))
    assert consultation(first.control, "leg1", ringing.control, CALLER) is None
    second = talking(offered(Direction.OUTBOUND, internal=True, call="c3"))
    assert consultation(first.control, "leg1", second.control, "leg1") is None  # that is Ben's leg
    assert consultation(first.control, CALLER, second.control, CALLER) is None
    assert consultation(first.control, "leg1", first.control, "leg1") is None


def _possible(s: Stack, gone: str | None) -> list[m.Event]:
    """What a stack, a server and a clock could say now: a stack knows only legs that are there."""
    events: list[m.Event] = [m.TimedOut(timer) for timer in ("transfer", "limit", "close")]
    events += [m.Committed(fact) for fact in s.uncommitted[:1]] * 3
    asked = [f.id for f in s.facts if isinstance(f, TransferAsked)]
    for plan in (TO_BEN, OUT, Passing((BEN, CARL), LegKind.USER), Reject()):
        events += [m.PassOn(one, plan) for one in asked[-1:]]
    for leg, state in s.legs.items():
        if state == "open":
            events += [m.Established(leg), m.Established(leg), m.Progress(leg), m.Absent(leg)]
        if state != "closed":
            events += [m.Closed(leg), m.Closed(leg, 486), m.Held(leg, True), m.Held(leg, False)]
        if state == "up":
            events += [m.Referred(leg, "sip:101@x")] * 2
        if s.control.may_pass_on(leg):
            events += [m.Joined(leg, f"guest{len(s.legs)}", LegKind.USER, CARL, CARL)]
            events += [m.GivenAway(leg, CARL, LegKind.USER, "c9")]
    return [event for event in events if gone is None or getattr(event, "leg", None) != gone]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(Direction), st.lists(st.integers(0, 10_000), max_size=40))
def test_whatever_the_order_of_events_two_talk_at_most_and_nobody_is_left_behind(
    direction: Direction, choices: list[int]
) -> None:
    s = talking(offered(direction))
    s.commits = False
    gone: str | None = None
    for choice in choices:
        possible = _possible(s, gone)
        event = possible[choice % len(possible)]
        if isinstance(event, m.GivenAway):
            gone = s.control.party(event.by)[1].name
        if isinstance(event, m.Joined):
            s.legs[event.leg] = "up"
        s.feed(event)
    s.feed(m.HangUpNow()).over()
    assert s.control.stage is Stage.OVER, "a leg was left behind"
    assert sum(isinstance(f, Ended) for f in s.facts) == 1
    assert isinstance(s.facts[-1], Ended)
    ended = {f.leg for f in s.facts if isinstance(f, LegEnded)}
    assert set(s.legs) == ended
    for f in s.facts:
        if isinstance(f, Transferred) and f.original is None:
            assert any(isinstance(a, Answered) and a.target in {f.to, TRUNK} for a in s.facts)
