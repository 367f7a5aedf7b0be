"""A call before anybody talks: the plan is followed, telephones ring, the mailbox takes a message."""

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.causes import outcome
from switchhook.telephony.sip.legs import MAILBOX, Leg, Legs, Stage
from switchhook.telephony.sip.plan import Dial, Mailbox, Reject, Ring, RingPlan
from switchhook.workspace.facts import EndCause, LegKind, Ringing

PLAN_SECONDS = 30.0  # how long the application may think
SILENT_SECONDS = 6.0  # telephones of ours that do not even ring by then are not there
SILENT_TRUNK_SECONDS = 12.0  # a trunk may take longer to say something before the next one is tried


class Reception:
    """Follows the plan until somebody has the call (`Legs.winner`), the mailbox listens, or there is nothing left."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self._plan: RingPlan | None = None
        self._next = 0  # the target to dial next
        self._durable = False  # Offered is committed

    def on_planned(self, plan: RingPlan) -> None:
        """What shall become of the call; the first word counts."""
        if self._plan is None:
            self._plan = plan
            self._set_out()

    def on_offer_committed(self) -> None:
        """The offer is durable: from now on somebody may be dialled."""
        if not self._durable:
            self._durable = True
            self._set_out()

    def on_timer(self, timer: str) -> None:
        """A timer has run out."""
        stage = self._legs.stage
        if timer == "plan" and stage is Stage.OFFERED and self._durable:
            self._legs.close(EndCause.FAILED)
        elif stage is Stage.RINGING and (timer == "ring" or (timer == "silent" and not self._rings)):
            self._give_up()
        elif timer == "limit" and stage is Stage.MESSAGE:
            self._legs.close(EndCause.HANGUP)

    # ------------------------------------------------------------ ringing

    def _set_out(self) -> None:
        """Follow the plan, as soon as there is one and the offer is committed."""
        legs, plan = self._legs, self._plan
        if legs.stage is not Stage.OFFERED or not self._durable or plan is None:
            return
        if isinstance(plan, Reject):
            legs.close(plan.cause or EndCause.FAILED)
            return
        legs.stage = Stage.RINGING
        if isinstance(plan, Ring):
            for target in dict.fromkeys(plan.targets):
                legs.dial(target, LegKind.USER, legs.offered.from_raw)
            legs.do(m.SetTimer("ring", plan.seconds), m.SetTimer("silent", SILENT_SECONDS))
        self.ring_on()

    def ring_on(self) -> None:
        """Go on if nobody is left who might answer."""
        legs, plan = self._legs, self._plan
        if legs.stage is not Stage.RINGING or any(leg.waiting for leg in legs.dialled()):
            return
        found = outcome(leg.ending for leg in legs.dialled() if leg.ending is not None)
        if isinstance(plan, Dial):
            again = found in {EndCause.UNREACHABLE, EndCause.FAILED}
            if again and self._next < len(plan.targets):
                target = plan.targets[self._next]
                self._next += 1
                legs.dial(target, LegKind.OUTSIDE, plan.identity)
                # Each trunk gets the whole time, and a timer of its own: an old one must not cut a new one short.
                more = self._next < len(plan.targets)
                silent = SILENT_TRUNK_SECONDS if more else plan.seconds
                legs.do(m.SetTimer("ring", plan.seconds), m.SetTimer("silent", silent))
                return
            legs.close(found)
        elif isinstance(plan, Ring) and isinstance(plan.otherwise, Mailbox) and found in plan.otherwise.after:
            legs.stage = Stage.MAILBOX
            legs.mailbox_up = True
            legs.tell_answered(MAILBOX, LegKind.MAILBOX, MAILBOX)
        else:
            rest = plan.otherwise if isinstance(plan, Ring) else None
            legs.close((rest.cause if isinstance(rest, Reject) else None) or found)

    def on_progress(self, leg: Leg) -> None:
        """A leg that was dialled rings."""
        if leg.rang or not leg.waiting:
            return
        leg.rang = True
        legs = self._legs
        legs.tell(Ringing(**legs.base(f"ringing:{leg.name}"), leg=leg.name, kind=leg.kind, target=leg.target))

    def on_absent(self, leg: Leg) -> None:
        """Nobody is at the address that was dialled."""
        if leg.waiting and not leg.rang:
            self._legs.drop(leg, EndCause.UNREACHABLE)
            self.ring_on()

    def on_answered(self, leg: Leg) -> None:
        """A leg that was dialled is up: the first one has the call."""
        legs = self._legs
        if legs.stage is Stage.RINGING and leg.ending is None:
            legs.stage, legs.winner = Stage.ANSWERING, leg.name
            for other in legs.dialled():
                if other is not leg:
                    legs.drop(other, EndCause.ANSWERED_ELSEWHERE)
            legs.tell_answered(leg.name, leg.kind, leg.target)
        else:  # two answered at the same moment, or an answer crossed our CANCEL: whoever was late hears a hang-up
            legs.drop_again(leg, EndCause.ANSWERED_ELSEWHERE)

    def _give_up(self) -> None:
        for leg in self._legs.dialled():
            if leg.waiting:
                self._legs.drop(leg, EndCause.NO_ANSWER if leg.rang else EndCause.UNREACHABLE)
        self.ring_on()

    @property
    def _rings(self) -> bool:
        return any(leg.rang for leg in self._legs.dialled() if leg.waiting)

    # ------------------------------------------------------------ the mailbox

    def on_caller_up(self) -> None:
        """The caller hears us: nobody has the call, so it is the mailbox that speaks."""
        if self._legs.stage is Stage.MAILBOX:
            self._legs.stage = Stage.GREETING
            self._legs.do(m.Play(self._mailbox().greeting))

    def on_played(self) -> None:
        """The greeting is over."""
        legs = self._legs
        if legs.stage is Stage.GREETING:
            legs.stage = Stage.MESSAGE
            legs.recording = True
            legs.do(m.Record(voicemail=True), m.SetTimer("limit", self._mailbox().seconds))

    def _mailbox(self) -> Mailbox:
        box = self._plan.otherwise if isinstance(self._plan, Ring) else None
        return box if isinstance(box, Mailbox) else Mailbox()
