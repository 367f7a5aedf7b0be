"""A call before anybody talks: the steps of the plan are followed until somebody takes the call.

Telephones ring, outside parties are dialled, menus and announcements speak (see `desk`), the mailbox takes a message.
"""

from collections.abc import Iterable

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.causes import outcome
from switchhook.telephony.sip.desk import Desk
from switchhook.telephony.sip.legs import MAILBOX, Leg, Legs, Stage
from switchhook.telephony.sip.plan import (
    Announce,
    Dial,
    Enter,
    Fetch,
    Forward,
    Mailbox,
    Reject,
    Ring,
    RingPlan,
    Script,
    Step,
)
from switchhook.workspace.facts import EndCause, LegKind, Ringing

PLAN_SECONDS = 30.0  # how long the application may think
SILENT_SECONDS = 6.0  # telephones of ours that do not even ring by then are not there
SILENT_TRUNK_SECONDS = 12.0  # a trunk may take longer to say something before the next one is tried


class Reception:
    """Follows the plan until somebody has the call (`Legs.winner`), the mailbox listens, or there is nothing left."""

    def __init__(self, legs: Legs, *, max_seconds: float) -> None:
        self._legs = legs
        self._desk = Desk(legs, self._follow, max_seconds=max_seconds)
        self._plan: RingPlan | None = None
        self._step: Step | None = None
        self._left: list[str] = []  # targets of the step that were not tried yet
        self._here = 0  # the first leg of the step...
        self._since = 0  # ...and of what was tried since the caller last chose
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
        elif stage in {Stage.RINGING, Stage.FETCHING} and (
            timer == "ring" or (timer == "silent" and not self._rings)
        ):
            self._give_up()
        elif timer == "keys":
            self._desk.on_silence()
        elif timer == "limit":
            self._legs.close(EndCause.HANGUP if self._legs.answered else EndCause.NO_ANSWER)

    # ------------------------------------------------------------ one step after the other

    def _set_out(self) -> None:
        """Follow the plan, as soon as there is one and the offer is committed."""
        legs, plan = self._legs, self._plan
        if legs.stage is not Stage.OFFERED or not self._durable or plan is None:
            return
        if isinstance(plan, Script):
            self._desk.menus = plan.menus
            plan = plan.first
        if isinstance(plan, Reject):
            legs.close(plan.cause or EndCause.FAILED)
        else:
            self._follow(plan)

    def _follow(self, step: Step) -> None:
        legs = self._legs
        self._step = step
        match step:
            case Reject(cause):
                legs.close(cause or self._outcome())
            case Mailbox(after=after) if self._outcome() not in after:
                legs.close(self._outcome())
            case Mailbox():
                legs.stage = Stage.MAILBOX
                legs.mailbox_up = True
                legs.tell_ours(MAILBOX, LegKind.MAILBOX)
            case Enter(menu):
                self._since = len(legs.dialled())
                self._desk.enter(menu)
            case Announce(sound, then):
                self._desk.announce(sound, then)
            case Fetch():
                self._fetch(step)
            case Ring() | Dial() | Forward():
                self._call(step)

    def _call(self, step: Ring | Dial | Forward) -> None:
        legs = self._legs
        legs.stage = Stage.RINGING
        self._here = len(legs.dialled())
        if legs.caller.up:
            legs.do(m.Ringback())
        if isinstance(step, Ring):
            self._left = []
            for target in dict.fromkeys(step.targets):
                legs.dial(target, LegKind.USER, legs.offered.from_raw)
            legs.do(m.SetTimer("ring", step.seconds), m.SetTimer("silent", SILENT_SECONDS))
        else:
            self._left = list(step.targets)
        self.ring_on()

    def _fetch(self, step: Fetch) -> None:
        legs = self._legs
        legs.stage = Stage.FETCHING
        for target in dict.fromkeys(step.targets):
            legs.dial(target, LegKind.USER, step.identity)
        legs.do(m.SetTimer("ring", step.seconds), m.SetTimer("silent", SILENT_SECONDS))
        self.ring_on()

    def ring_on(self) -> None:
        """Go on if nobody is left who might answer."""
        legs, step = self._legs, self._step
        if legs.stage is Stage.FETCHING and not any(leg.waiting for leg in legs.dialled()):
            legs.close(self._outcome())
            return
        if legs.stage is not Stage.RINGING or any(leg.waiting for leg in legs.dialled()):
            return
        if isinstance(step, Dial | Forward):
            again = _outcome(legs.dialled()[self._here :]) in {EndCause.UNREACHABLE, EndCause.FAILED}
            if again and self._left:
                self._dial_next(step)
            elif isinstance(step, Forward):
                self._follow(step.otherwise)
            else:
                legs.close(self._outcome())
        elif isinstance(step, Ring):
            busy = step.busy is not None and self._outcome() is EndCause.BUSY
            self._follow(step.busy if busy and step.busy is not None else step.otherwise)

    def _dial_next(self, step: Dial | Forward) -> None:
        legs, target = self._legs, self._left.pop(0)
        if isinstance(step, Forward):
            legs.dial(target, step.kind, step.identity, step.headers, shown=step.shown)
        else:
            legs.dial(target, LegKind.OUTSIDE, step.identity)
        # Each trunk gets the whole time, and a timer of its own: an old one must not cut a new one short.
        silent = SILENT_TRUNK_SECONDS if self._left else step.seconds
        legs.do(m.SetTimer("ring", step.seconds), m.SetTimer("silent", silent))

    def _outcome(self) -> EndCause:
        """What a person would say about everything that was tried since the caller last chose."""
        return _outcome(self._legs.dialled()[self._since :])

    # ------------------------------------------------------------ what telephones do

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
        legs, step = self._legs, self._step
        if legs.stage is Stage.FETCHING and leg.ending is None and isinstance(step, Fetch):
            for other in legs.dialled():
                if other is not leg:
                    legs.drop(other, EndCause.ANSWERED_ELSEWHERE)
            legs.adopt(leg)
            self._since = len(legs.dialled())
            self._follow(step.then)
        elif legs.stage is Stage.RINGING and leg.ending is None:
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

    # ------------------------------------------------------------ what the caller hears and presses

    def on_caller_up(self) -> None:
        """The caller hears us: nobody has the call, so it is the menu or the mailbox that speaks."""
        if self._legs.stage is Stage.OPENING:
            self._desk.speak()
        elif self._legs.stage is Stage.MAILBOX:
            self._legs.stage = Stage.GREETING
            self._legs.do(m.Play(self._mailbox().greeting))

    def on_played(self) -> None:
        """What the caller heard is over."""
        legs = self._legs
        if legs.stage is Stage.PROMPT:
            self._desk.on_played()
        elif legs.stage is Stage.GREETING:
            legs.stage = Stage.MESSAGE
            legs.recording = True
            legs.do(m.Record(voicemail=True), m.SetTimer("limit", self._mailbox().seconds))

    def on_digit(self, digit: str) -> None:
        """The caller pressed a key."""
        if self._legs.stage in {Stage.PROMPT, Stage.LISTENING}:
            self._desk.on_digit(digit)

    def _mailbox(self) -> Mailbox:
        return self._step if isinstance(self._step, Mailbox) else Mailbox()


def _outcome(legs: Iterable[Leg]) -> EndCause:
    return outcome(leg.ending for leg in legs if leg.ending is not None)
