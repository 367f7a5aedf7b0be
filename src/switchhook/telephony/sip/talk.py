"""The talking part of a call: who hears whom, from the bridge to the hang-up.

    two talk ──REFER of one of our users──▶ TransferAsked ──committed, and a plan──▶ the target rings, who is passed on
       ▲                                                                              hears it ring
       ├── refused, or nobody answers: as it was, if the user is still there ◀────────┤
       ├── the user is gone: their telephone rings again, and nobody else does ◀──────┤
       └── Transferred ◀── somebody answers: the two talk, and once it is committed the user's leg ends

A consultation joins two calls (`joined`, `given_away`): nobody is dialled, one goes on with the other's party.
"""

from dataclasses import dataclass, field

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.causes import outcome, refusal
from switchhook.telephony.sip.legs import Leg, Legs, Stage
from switchhook.telephony.sip.plan import Passing, RecordingState, Reject, TransferPlan
from switchhook.workspace.facts import (
    Answered,
    Direction,
    EndCause,
    LegKind,
    Ringing,
    TransferAsked,
    Transferred,
)

MOST_TRANSFERS = 5  # in one call, those that failed included
TRANSFER_SECONDS = 45.0  # that a target may ring: the stack tells a telephone of its transfer for 60
BACK_SECONDS = 30.0  # that a telephone rings again which has passed on and hung up, when nobody answered
PLAN_SECONDS = 10.0  # how long the application may think


@dataclass
class _Transfer:
    """One that is under way: `by` wants `other` to be with whoever is at `to`."""

    number: int
    by: Leg
    other: Leg
    durable: bool = False  # TransferAsked is committed
    plan: TransferPlan | None = None
    dialled: list[Leg] = field(default_factory=list)
    apart: bool = False  # `other` hears it ring, and no longer `by`
    back: bool = False  # it has failed, and `by`, who has hung up, is rung again

    @property
    def asked(self) -> str:
        """The id of the fact that it is asked for."""
        return f"transfer_asked:{self.number}"


class Talk:
    """What happens once somebody has the call (`Legs.winner`) and the caller is up."""

    def __init__(self, legs: Legs, *, record: bool, max_seconds: float, record_key: str) -> None:
        """`record_key` is what our users press to pause the recording and to go on; none when it is empty."""
        self._legs = legs
        self.record = record
        self.consent = ""  # what both are to hear before they are recorded
        self._announcing = False
        self._record_key = record_key
        self._pressed: dict[str, str] = {}  # the last keys of a leg, as many as that has
        self._paused = False
        self._max_seconds = max_seconds
        self._parties: tuple[Leg, ...] = ()
        self._held: set[str] = set()  # legs whose telephones hold us
        self._transfer: _Transfer | None = None
        self._transfers = 0
        self._releases: dict[str, Leg] = {}  # by the fact that has to be committed first

    def begin(self, winner: str) -> None:
        """Let the two hear each other."""
        legs = self._legs
        legs.stage = Stage.TALKING
        self._connect(legs.caller, legs.need(winner))
        if self.record:
            self._record()
        legs.do(m.SetTimer("limit", self._max_seconds))

    def _record(self) -> None:
        """Record the talk, after what is to be heard before that; once is enough."""
        self._announcing = bool(self.consent)
        if self._announcing:
            self._legs.do(m.Announce(self.consent))
        else:
            self._legs.recording, self._paused = True, False
            self._legs.do(m.Record(voicemail=False))

    def on_played(self) -> None:
        """Both know that they are recorded from now on."""
        if self._announcing:
            self.consent = ""
            self._record()

    def on_digit(self, leg: Leg, digit: str) -> None:
        """A key was pressed at one end: it is pressed at the other, since only sound is bridged."""
        if leg in self._parties and self._transfer is None:
            self._legs.do(m.Press(self.other(leg).name, digit))
            if leg.kind is LegKind.USER and self._record_key:
                self._on_key(leg, digit)

    def _on_key(self, leg: Leg, digit: str) -> None:
        pressed = (self._pressed.get(leg.name, "") + digit)[-len(self._record_key) :]
        self._pressed[leg.name] = pressed
        if pressed == self._record_key and self._legs.recording:
            self._pressed[leg.name] = ""
            self._pause(not self._paused, leg.name)

    def _pause(self, paused: bool, told: str | None = None) -> None:
        self._paused = paused
        self._legs.do(m.PauseRecording(paused, told))

    def on_limit(self) -> None:
        """The longest time that a conversation may take is over."""
        self._legs.close(EndCause.HANGUP)

    def on_recording(self, state: RecordingState) -> None:
        """Somebody wants the talk recorded or not; what was recorded of one that is not is gone."""
        legs = self._legs
        if legs.stage is not Stage.TALKING or legs.offered.internal:
            return
        if state != "on":
            self._announcing = False
        if state == "off":
            if legs.recording:
                legs.recording = False
                legs.do(m.DiscardRecording())
        elif legs.recording:
            self._pause(state == "paused")
        elif state == "on" and not self._announcing:
            self._record()

    def on_hold(self, leg: Leg, held: bool) -> None:
        """A telephone holds us, or no longer does."""
        if held:
            self._held.add(leg.name)
        else:
            self._held.discard(leg.name)
        if self._legs.stage is Stage.TALKING and leg in self._parties and self._transfer is None:
            self._legs.do(m.Hold(leg.name, held))

    def on_closed(self, leg: Leg) -> None:
        """A leg is gone while two talk, or one waits for somebody else."""
        transfer = self._transfer
        if transfer is None:
            if leg in self._parties:
                self._legs.close(EndCause.HANGUP)
        elif leg is transfer.other:
            self._legs.close(EndCause.HANGUP)
        elif leg is transfer.by and transfer.durable:
            self._go_on(transfer)  # most telephones hang up as soon as they have asked
        elif leg in transfer.dialled:
            self._go_on(transfer)

    # ------------------------------------------------------------ a transfer

    def on_referred(self, leg: Leg, to: str) -> None:
        """A telephone wants who it talks with to be with somebody else. Only those of our users may."""
        legs = self._legs
        if not self.may_pass_on(leg) or not to:
            legs.do(m.Refuse(leg.name, 603))
            return
        self._transfers += 1
        transfer = self._transfer = _Transfer(self._transfers, leg, self.other(leg))
        legs.tell(TransferAsked(**legs.base(transfer.asked), by=leg.target, to=to))
        legs.do(m.SetTimer("transfer", PLAN_SECONDS))

    def on_plan(self, asked: str, plan: TransferPlan) -> None:
        """What shall become of the transfer that was asked for."""
        transfer = self._transfer
        if transfer is not None and transfer.asked == asked and transfer.plan is None:
            transfer.plan = plan
            self._set_out(transfer)

    def on_committed(self, fact: str) -> None:
        """Do what waited for that fact to be durable."""
        transfer, leg = self._transfer, self._releases.pop(fact, None)
        if transfer is not None and transfer.asked == fact and not transfer.durable:
            transfer.durable = True
            self._set_out(transfer)
        if leg is not None and self._legs.stage is Stage.TALKING:
            self._connect(*self._parties)
        if leg is not None and not leg.closed and not leg.dropped:
            leg.dropped = True
            leg.ending = EndCause.HANGUP
            self._legs.do(m.Release(leg.name))

    def dials(self, leg: Leg) -> bool:
        """Whether that leg was dialled for a transfer."""
        return self._transfer is not None and leg in self._transfer.dialled

    def on_progress(self, leg: Leg) -> None:
        """The target rings."""
        if leg.waiting and not leg.rang:
            leg.rang = True
            legs = self._legs
            legs.tell(
                Ringing(**legs.base(f"ringing:{leg.name}"), leg=leg.name, kind=leg.kind, target=leg.target)
            )

    def on_absent(self, leg: Leg) -> None:
        """Nobody is at the address of a target."""
        transfer = self._transfer
        if transfer is not None and leg.waiting and not leg.rang:
            self._legs.drop(leg, EndCause.UNREACHABLE)
            self._go_on(transfer)

    def on_answered(self, leg: Leg) -> None:
        """A leg that was dialled for a transfer is up: the first one has the call."""
        transfer = self._transfer
        plan = transfer.plan if transfer is not None else None
        if transfer is None or leg.ending is not None or not isinstance(plan, Passing):
            self._legs.drop_again(leg, EndCause.ANSWERED_ELSEWHERE)
            return
        for other in transfer.dialled:
            if other is not leg:
                self._legs.drop(other, EndCause.ANSWERED_ELSEWHERE)
        if transfer.back:
            self._came_back(transfer, leg)
            return
        to = leg.target if plan.to is None else plan.to
        self._passed_on(transfer.by, transfer.other, leg, to)

    def on_timer(self) -> None:
        """The target has rung for long enough, or nobody says who it is."""
        transfer = self._transfer
        if transfer is None or self._legs.stage is not Stage.TALKING:
            return
        for leg in transfer.dialled:
            if leg.waiting:
                self._legs.drop(leg, EndCause.NO_ANSWER if leg.rang else EndCause.UNREACHABLE)
        if transfer.plan is None:
            transfer.plan = Reject(EndCause.FAILED)
        self._go_on(transfer)

    def _set_out(self, transfer: _Transfer) -> None:
        legs, plan = self._legs, transfer.plan
        if legs.stage is not Stage.TALKING or not transfer.durable or plan is None:
            return
        inside = legs.offered.internal  # what our telephones say to each other is nobody's outside
        if isinstance(plan, Passing) and not (inside and plan.kind is not LegKind.USER):
            offered = legs.offered
            outside = offered.from_raw if offered.direction is Direction.INBOUND else offered.to_raw
            for target in dict.fromkeys(plan.targets):
                transfer.dialled.append(legs.dial(target, plan.kind, plan.identity or outside, plan.headers))
            transfer.apart = True
            legs.do(m.Ringback(transfer.other.name))
            legs.do(m.SetTimer("transfer", min(plan.seconds, TRANSFER_SECONDS)))
        elif isinstance(plan, Passing):
            transfer.plan = Reject(EndCause.BLOCKED)
        self._go_on(transfer)

    def _go_on(self, transfer: _Transfer) -> None:
        """Give up if nobody is left who might answer."""
        legs, plan = self._legs, transfer.plan
        if plan is None or any(leg.waiting for leg in transfer.dialled):
            return
        self._transfer = None
        if transfer.by.closed and transfer.durable and not transfer.back:
            self._ring_back(transfer)
            return
        if transfer.by.closed:
            legs.close(EndCause.HANGUP)
            return
        found = outcome(leg.ending for leg in transfer.dialled if leg.ending is not None)
        cause = plan.cause if isinstance(plan, Reject) else found
        legs.do(m.Refuse(transfer.by.name, refusal(cause or EndCause.FAILED)))
        if transfer.apart:
            self._connect(transfer.other, transfer.by)

    def _ring_back(self, failed: _Transfer) -> None:
        """Let the telephone ring again that has hung up and whose transfer came to nothing."""
        legs, by, offered = self._legs, failed.by, self._legs.offered
        outside = offered.from_raw if offered.direction is Direction.INBOUND else offered.to_raw
        plan = Passing((by.target,), LegKind.USER)
        back = _Transfer(failed.number, by, failed.other, durable=True, plan=plan, apart=True, back=True)
        self._transfer = back
        back.dialled.append(legs.dial(by.target, LegKind.USER, outside))
        legs.do(m.Ringback(failed.other.name), m.SetTimer("transfer", BACK_SECONDS))

    def _came_back(self, transfer: _Transfer, leg: Leg) -> None:
        """The telephone that had passed on has the call again; once that is durable the two hear each other."""
        legs = self._legs
        self._transfer = None
        legs.tell(
            Answered(**legs.base(f"answered:{leg.name}"), leg=leg.name, kind=leg.kind, target=leg.target)
        )
        self._parties = _in_order(transfer.other, leg)
        self._releases[f"answered:{leg.name}"] = transfer.by

    def _passed_on(self, by: Leg, other: Leg, leg: Leg, to: str, *, attended: bool = False) -> None:
        """Who was passed on is with `leg` from now on; once that is durable they hear each other, and `by` is out."""
        legs = self._legs
        self._transfer = None
        legs.tell(
            Answered(**legs.base(f"answered:{leg.name}"), leg=leg.name, kind=leg.kind, target=leg.target)
        )
        self._parties = _in_order(other, leg)
        self._tell_transferred(by, to, leg.kind, attended=attended)
        self._releases[f"transferred:{self._transfers}"] = by

    def _tell_transferred(
        self, by: Leg, to: str, kind: LegKind, *, attended: bool, original: str | None = None
    ) -> None:
        legs = self._legs
        legs.tell(
            Transferred(
                **legs.base(f"transferred:{self._transfers}"),
                by=by.target,
                to=to,
                kind=kind,
                attended=attended,
                original=original,
            )
        )

    # ------------------------------------------------------------ a consultation

    def may_pass_on(self, leg: Leg) -> bool:
        """Whether the telephone of that leg may have its party be with somebody else: one of our users, who talks."""
        return (
            self._legs.stage is Stage.TALKING
            and leg.kind is LegKind.USER
            and leg in self._parties
            and self._transfer is None
            and not self._releases
            and self._transfers < MOST_TRANSFERS
        )

    def other(self, leg: Leg) -> Leg:
        """Who talks with that leg."""
        one, other = self._parties
        return other if leg is one else one

    def on_joined(self, by: Leg, guest: Leg, to: str) -> None:
        """The party of another call comes into this one instead of our user."""
        guest.up = True
        self._transfers += 1
        self._passed_on(by, self.other(by), guest, to, attended=True)

    def on_given_away(self, by: Leg, to: str, kind: LegKind, into: str) -> None:
        """Whom our user talked with is in the call `into` from now on, with `to`; this one is over."""
        self._transfers += 1
        if not self._legs.offered.internal:
            self._tell_transferred(by, to, kind, attended=True, original=into)
        gone = self.other(by)
        gone.closed, gone.ending = True, EndCause.HANGUP
        self._legs.tell_leg_ended(gone)
        self._legs.close(EndCause.HANGUP)

    # ------------------------------------------------------------ small things

    def _connect(self, one: Leg, other: Leg) -> None:
        """Let two hear each other."""
        self._parties = one, other = _in_order(one, other)
        self._legs.do(m.Bridge(one.name, other.name))
        if self._announcing:  # it was cut short, and one of them has not heard it at all
            self._legs.do(m.Announce(self.consent))
        for leg in self._parties:
            if leg.name in self._held:
                self._legs.do(m.Hold(leg.name, True))


def _in_order(one: Leg, other: Leg) -> tuple[Leg, Leg]:
    """The outside party first: that is the left channel of the recording."""
    outside_last = one.kind is not LegKind.OUTSIDE and other.kind is LegKind.OUTSIDE
    return (other, one) if outside_last else (one, other)
