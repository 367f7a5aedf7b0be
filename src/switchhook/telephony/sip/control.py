"""One call, from its offer to its end: a state machine without clock, socket or sound.

    OFFERED ──plan──▶ RINGING ──first answer──▶ ANSWERING ──caller is up──▶ TALKING ─┐
       │                 │ nobody                                                    │
       │                 └──▶ MAILBOX ──caller is up──▶ GREETING ──beep──▶ MESSAGE ──┤
       └────────────── refused, cancelled, failed ───────────────────────────────────┴▶ CLOSING ──▶ FINISHING ──▶ OVER

Laws, each held by a test:

* The first fact is the one `Offered`, the last the one `Ended`. Nothing is dialled before `Offered` is committed, and
  no final answer leaves for the caller (200 or refusal) before the fact that it stands for is.
* Whatever the order of events, each leg that was dialled is dropped or reported closed, at most one is bridged, and
  `OVER` is reached once the legs have closed (a leg that will not is given up after `CLOSE_SECONDS`).

The caller's leg is named `caller`, also when the caller is one of our users who dials out.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypedDict

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.causes import outcome, unanswered
from switchhook.telephony.sip.plan import Dial, Mailbox, Reject, Ring, RingPlan
from switchhook.workspace.facts import (
    Answered,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    Offered,
    Recorded,
    Ringing,
)

CALLER = "caller"
MAILBOX = "mailbox"

PLAN_SECONDS = 30.0  # how long the application may think
SILENT_SECONDS = 6.0  # telephones of ours that do not even ring by then are not there
SILENT_TRUNK_SECONDS = 12.0  # a trunk may take longer to say something before the next one is tried
CLOSE_SECONDS = 8.0  # how long a leg may take to close


class _Base(TypedDict):
    source: str
    call: str
    id: str
    at: int


class Stage(Enum):
    """Where a call is; see the drawing above."""

    OFFERED = auto()
    RINGING = auto()
    ANSWERING = auto()
    TALKING = auto()
    MAILBOX = auto()
    GREETING = auto()
    MESSAGE = auto()
    CLOSING = auto()
    FINISHING = auto()
    OVER = auto()


@dataclass
class _Leg:
    name: str
    kind: LegKind
    target: str
    rang: bool = False
    up: bool = False
    closed: bool = False
    dropped: bool = False
    told: bool = False  # its end has been reported
    ending: EndCause | None = None  # why we end it, once we do

    @property
    def waiting(self) -> bool:
        """Whether it may still answer."""
        return not self.closed and not self.up and self.ending is None


class CallControl:
    """One call. `handle` takes events and says what to do; it never raises for an event that comes too late."""

    def __init__(self, offered: Offered, *, record: bool = True, max_seconds: float = 4 * 3600.0) -> None:
        self.offered = offered
        self.stage = Stage.OFFERED
        self.winner: str | None = None
        self._record = record
        self._max_seconds = max_seconds
        user = offered.user_ref if offered.direction is Direction.OUTBOUND else None
        kind = LegKind.OUTSIDE if user is None else LegKind.USER
        self._caller = _Leg(CALLER, kind, user or offered.from_raw)
        self._legs: dict[str, _Leg] = {CALLER: self._caller}
        self._plan: RingPlan | None = None
        self._next = 0  # the target to dial next
        self._durable = False  # Offered is committed
        self._when_committed: dict[str, m.Action] = {}
        self._mailbox_up = False
        self._recording = False
        self._cause = EndCause.FAILED
        self._out: list[m.Action] = []
        self._now = offered.at

    def begin(self) -> list[m.Action]:
        """What to do first: report the offer."""
        return [m.Tell(self.offered), m.SetTimer("plan", PLAN_SECONDS)]

    def handle(self, event: m.Event, now: int) -> list[m.Action]:
        """Take one event that happened at `now` (wall milliseconds); returns what to do, in order."""
        self._out, self._now = [], now
        if self.stage is Stage.OVER:
            return []
        match event:
            case m.Committed(fact):
                self._on_committed(fact)
            case m.Planned(plan):
                if self._plan is None:
                    self._plan = plan
                    self._set_out()
            case m.Progress(name):
                self._on_progress(name)
            case m.Established(name):
                self._on_established(name)
            case m.Closed(name, status):
                self._on_closed(name, status)
            case m.Absent(name):
                leg = self._legs.get(name)
                if leg is not None and leg is not self._caller and leg.waiting and not leg.rang:
                    self._drop(leg, EndCause.UNREACHABLE)
                    self._ring_on()
            case m.TimedOut(timer):
                self._on_timer(timer)
            case m.Played():
                self._on_played()
            case m.RecordingReady(path, seconds):
                self._on_recording(path, seconds)
            case m.HangUpNow():
                self._close(EndCause.HANGUP if self._answered else EndCause.FAILED)
        return self._out

    # ------------------------------------------------------------ ringing

    def _set_out(self) -> None:
        """Follow the plan, as soon as there is one and the offer is committed."""
        if self.stage is not Stage.OFFERED or not self._durable or self._plan is None:
            return
        plan = self._plan
        if isinstance(plan, Reject):
            self._close(plan.cause or EndCause.FAILED)
            return
        self.stage = Stage.RINGING
        if isinstance(plan, Ring):
            for target in dict.fromkeys(plan.targets):
                self._dial(target, LegKind.USER, self.offered.from_raw)
            self._out.append(m.SetTimer("ring", plan.seconds))
            self._out.append(m.SetTimer("silent", SILENT_SECONDS))
        self._ring_on()

    def _dial(self, target: str, kind: LegKind, identity: str | None) -> None:
        leg = _Leg(f"leg{len(self._legs)}", kind, target)
        self._legs[leg.name] = leg
        self._out.append(m.Call(leg.name, target, identity))

    def _ring_on(self) -> None:
        """Go on if nobody is left who might answer."""
        if self.stage is not Stage.RINGING or any(leg.waiting for leg in self._dialled()):
            return
        found = outcome(leg.ending for leg in self._dialled() if leg.ending is not None)
        plan = self._plan
        if isinstance(plan, Dial):
            again = found in {EndCause.UNREACHABLE, EndCause.FAILED}
            if again and self._next < len(plan.targets):
                target = plan.targets[self._next]
                self._next += 1
                self._dial(target, LegKind.OUTSIDE, plan.identity)
                # Each trunk gets the whole time, and a timer of its own: an old one must not cut a new one short.
                self._out.append(m.SetTimer("ring", plan.seconds))
                more = self._next < len(plan.targets)
                self._out.append(m.SetTimer("silent", SILENT_TRUNK_SECONDS if more else plan.seconds))
                return
            self._close(found)
        elif isinstance(plan, Ring) and isinstance(plan.otherwise, Mailbox) and found in plan.otherwise.after:
            self.stage = Stage.MAILBOX
            self._mailbox_up = True
            self._tell_answered(MAILBOX, LegKind.MAILBOX, MAILBOX)
        else:
            rest = plan.otherwise if isinstance(plan, Ring) else None
            self._close((rest.cause if isinstance(rest, Reject) else None) or found)

    def _on_progress(self, name: str) -> None:
        leg = self._legs.get(name)
        if leg is None or leg is self._caller or leg.rang or not leg.waiting:
            return
        leg.rang = True
        self._tell(Ringing(**self._base(f"ringing:{name}"), leg=name, kind=leg.kind, target=leg.target))

    def _on_established(self, name: str) -> None:
        leg = self._legs.get(name)
        if leg is None or leg.closed or leg.up:
            return
        leg.up = True
        if leg is self._caller:
            self._on_caller_up()
        elif self.stage is Stage.RINGING and leg.ending is None:
            self.stage, self.winner = Stage.ANSWERING, name
            for other in self._dialled():
                if other is not leg:
                    self._drop(other, EndCause.ANSWERED_ELSEWHERE)
            self._tell_answered(name, leg.kind, leg.target)
        else:  # two answered at the same moment, or an answer crossed our CANCEL: whoever was late hears a hang-up
            leg.dropped = False
            self._drop(leg, EndCause.ANSWERED_ELSEWHERE)

    def _on_caller_up(self) -> None:
        if self.stage is Stage.ANSWERING and self.winner is not None:
            self.stage = Stage.TALKING
            self._out.append(m.Bridge(self.winner))
            if self._record:
                self._recording = True
                self._out.append(m.Record(voicemail=False))
            self._out.append(m.SetTimer("limit", self._max_seconds))
        elif self.stage is Stage.MAILBOX:
            self.stage = Stage.GREETING
            self._out.append(m.Play(self._mailbox().greeting))
        elif self.stage is Stage.CLOSING:  # his 200 crossed our decision to end the call
            self._caller.dropped = False
            self._drop(self._caller, EndCause.HANGUP)

    # ------------------------------------------------------------ the mailbox

    def _mailbox(self) -> Mailbox:
        box = self._plan.otherwise if isinstance(self._plan, Ring) else None
        return box if isinstance(box, Mailbox) else Mailbox()

    def _on_played(self) -> None:
        if self.stage is Stage.GREETING:
            self.stage = Stage.MESSAGE
            self._recording = True
            self._out.append(m.Record(voicemail=True))
            self._out.append(m.SetTimer("limit", self._mailbox().seconds))

    # ------------------------------------------------------------ time and commits

    def _on_timer(self, timer: str) -> None:
        if timer == "plan" and self.stage is Stage.OFFERED and self._durable:
            self._close(EndCause.FAILED)
        elif self.stage is Stage.RINGING and (timer == "ring" or (timer == "silent" and not self._rings)):
            self._give_up()
        elif timer == "limit" and self.stage in {Stage.TALKING, Stage.MESSAGE}:
            self._close(EndCause.HANGUP)
        elif timer == "close" and self.stage is Stage.CLOSING:
            for leg in self._legs.values():
                if leg.dropped and not leg.closed:
                    leg.closed = True
                    self._tell_leg_ended(leg)
            self._finish()

    def _give_up(self) -> None:
        for leg in self._dialled():
            if leg.waiting:
                self._drop(leg, EndCause.NO_ANSWER if leg.rang else EndCause.UNREACHABLE)
        self._ring_on()

    def _on_committed(self, fact: str) -> None:
        if fact == self.offered.id and not self._durable:
            self._durable = True
            self._set_out()
        action = self._when_committed.pop(fact, None)
        if isinstance(action, m.Answer) and self.stage in {Stage.ANSWERING, Stage.MAILBOX}:
            self._out.append(action)
        elif isinstance(action, m.Drop) and not self._caller.closed:
            self._caller.dropped = True
            self._out.append(action)
            self._out.append(m.SetTimer("close", CLOSE_SECONDS))

    # ------------------------------------------------------------ the end

    def _on_closed(self, name: str, status: int | None) -> None:
        leg = self._legs.get(name)
        if leg is None or leg.closed:
            return
        leg.closed = True
        if leg.ending is None:
            if leg.up:
                leg.ending = EndCause.HANGUP
            elif leg is self._caller:
                leg.ending = EndCause.CANCELLED
            else:
                leg.ending = unanswered(status, leg.rang)
        self._tell_leg_ended(leg)
        if self.stage is Stage.CLOSING:
            self._finish()
        elif leg is self._caller:
            self._close(EndCause.HANGUP if self._answered else EndCause.CANCELLED)
        elif name == self.winner:
            self._close(EndCause.HANGUP)
        else:
            self._ring_on()

    def _close(self, cause: EndCause) -> None:
        """Begin to end the call: every leg that is open is dropped."""
        if self.stage in {Stage.CLOSING, Stage.FINISHING, Stage.OVER}:
            return
        self.stage, self._cause = Stage.CLOSING, cause
        if self._mailbox_up:
            ended = self._base(f"leg_ended:{MAILBOX}")
            self._tell(
                LegEnded(**ended, leg=MAILBOX, kind=LegKind.MAILBOX, target=MAILBOX, cause=EndCause.HANGUP)
            )
        for leg in self._dialled():
            self._drop(leg, EndCause.HANGUP if leg.up else cause)
        caller = self._caller
        if not caller.closed and caller.up:
            self._drop(caller, EndCause.HANGUP)
        elif not caller.closed:
            # He hears a refusal, which is a final answer: what it stands for is committed first.
            caller.ending = cause
            self._tell_leg_ended(caller)
            self._when_committed[f"leg_ended:{CALLER}"] = m.Drop(CALLER)
        self._out.append(m.SetTimer("close", CLOSE_SECONDS))
        self._finish()

    def _finish(self) -> None:
        if self.stage is not Stage.CLOSING or not all(leg.closed for leg in self._legs.values()):
            return
        self.stage = Stage.FINISHING
        if self._recording:
            self._out.append(m.FinishRecording())
        else:
            self._end()

    def _on_recording(self, path: str, seconds: float) -> None:
        if self.stage is Stage.FINISHING:
            if seconds > 0:
                voicemail = self._mailbox_up
                self._tell(
                    Recorded(**self._base("recorded"), path=path, seconds=seconds, voicemail=voicemail)
                )
            self._end()

    def _end(self) -> None:
        self.stage = Stage.OVER
        self._tell(Ended(**self._base("ended"), cause=self._cause))
        self._out.append(m.Over())

    # ------------------------------------------------------------ small things

    @property
    def _answered(self) -> bool:
        return self.winner is not None or self._mailbox_up

    @property
    def _rings(self) -> bool:
        return any(leg.rang for leg in self._dialled() if leg.waiting)

    def _dialled(self) -> list[_Leg]:
        return [leg for leg in self._legs.values() if leg is not self._caller]

    def _drop(self, leg: _Leg, cause: EndCause) -> None:
        if leg.closed or leg.dropped:
            return
        leg.ending = leg.ending or cause
        leg.dropped = True
        self._out.append(m.Drop(leg.name))

    def _tell_answered(self, name: str, kind: LegKind, target: str) -> None:
        self._tell(Answered(**self._base(f"answered:{name}"), leg=name, kind=kind, target=target))
        self._when_committed[f"answered:{name}"] = m.Answer()

    def _tell_leg_ended(self, leg: _Leg) -> None:
        if not leg.told:
            leg.told = True
            ended = self._base(f"leg_ended:{leg.name}")
            cause = leg.ending or EndCause.FAILED
            self._tell(LegEnded(**ended, leg=leg.name, kind=leg.kind, target=leg.target, cause=cause))

    def _tell(self, fact: Ringing | Answered | LegEnded | Recorded | Ended) -> None:
        self._out.append(m.Tell(fact))

    def _base(self, fact_id: str) -> "_Base":
        return {"source": self.offered.source, "call": self.offered.call, "id": fact_id, "at": self._now}
