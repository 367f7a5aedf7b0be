"""One call, from its offer to its end: a state machine without clock, socket or sound.

    OFFERED ──▶ the steps of the plan, one after the other until somebody takes the call:

      RINGING ──first answer──▶ ANSWERING ──caller is up──▶ TALKING ─────────────────────┐
      OPENING ──caller is up──▶ PROMPT (a menu, an announcement) ◀──▶ LISTENING ─▶ step  │
      MAILBOX ──caller is up──▶ GREETING ──beep──▶ MESSAGE ──────────────────────────────┤
      refused, cancelled, failed ────────────────────────────────────────────────────────┴▶ CLOSING ▶ FINISHING ▶ OVER

A caller whom a menu has answered is up already when a telephone or the mailbox takes the call: nothing is waited for
but the commit.

`reception` is what happens before anybody talks, `talk` what happens then, `legs` what both share, the end included.

Laws, each held by a test:

* The first fact is the one `Offered`, the last the one `Ended`. Nothing is dialled before `Offered` is committed, and
  no final answer leaves for the caller (200 or refusal) before the fact that it stands for is. Who is up already hears
  nobody before that.
* Whatever the order of events, each leg that was dialled is dropped or reported closed, at most one is bridged, and
  `OVER` is reached once the legs have closed (a leg that will not is given up after `CLOSE_SECONDS`).
"""

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.causes import unanswered
from switchhook.telephony.sip.legs import CALLER, CLOSE_SECONDS, MAILBOX, Leg, Legs, Stage
from switchhook.telephony.sip.reception import PLAN_SECONDS, Reception
from switchhook.telephony.sip.talk import Talk
from switchhook.workspace.facts import EndCause, Offered

__all__ = ["CALLER", "CLOSE_SECONDS", "MAILBOX", "CallControl", "Stage"]


class CallControl:
    """One call. `handle` takes events and says what to do; it never raises for an event that comes too late."""

    def __init__(
        self, offered: Offered, *, record: bool = True, max_seconds: float = 4 * 3600.0, record_key: str = ""
    ) -> None:
        self.offered = offered
        self._legs = Legs(offered)
        self._reception = Reception(self._legs, max_seconds=max_seconds)
        self._talk = Talk(self._legs, record=record, max_seconds=max_seconds, record_key=record_key)

    @property
    def stage(self) -> Stage:
        """Where the call is."""
        return self._legs.stage

    def may_pass_on(self, name: str) -> bool:
        """Whether the telephone of that leg may have its party be with somebody else."""
        leg = self._legs.get(name)
        return leg is not None and self._talk.may_pass_on(leg)

    @property
    def is_ringing(self) -> bool:
        """Whether it has not been answered yet, and may still be."""
        return self._legs.stage in {Stage.OFFERED, Stage.FETCHING, Stage.RINGING} and not self._legs.answered

    def party(self, name: str) -> tuple[Leg, Leg]:
        """The leg of that name, which must be talking, and whom it talks with."""
        leg = self._legs.need(name)
        return leg, self._talk.other(leg)

    def begin(self) -> list[m.Action]:
        """What to do first: report the offer."""
        return [m.Tell(self.offered), m.SetTimer("plan", PLAN_SECONDS)]

    def handle(self, event: m.Event, now: int) -> list[m.Action]:
        """Take one event that happened at `now` (wall milliseconds); returns what to do, in order."""
        legs = self._legs
        legs.out, legs.now = [], now
        if legs.stage is Stage.OVER:
            return []
        match event:
            case m.Committed(fact):
                if fact == self.offered.id:
                    self._reception.on_offer_committed()
                if legs.on_committed(fact):
                    self._on_caller_up()
                self._talk.on_committed(fact)
            case m.Planned(plan, record, consent):
                self._talk.record, self._talk.consent = self._talk.record and record, consent
                self._reception.on_planned(plan)
            case m.Progress(name):
                if (leg := self._dialled(name)) is not None:
                    self._part(leg).on_progress(leg)
            case m.Established(name):
                self._on_established(name)
            case m.Closed(name, status):
                self._on_closed(name, status)
            case m.Absent(name):
                if (leg := self._dialled(name)) is not None:
                    self._part(leg).on_absent(leg)
            case m.TimedOut(timer):
                self._on_timer(timer)
            case m.Digit(name, digit):
                self._on_digit(name, digit)
            case m.Played():
                (self._talk if legs.stage is Stage.TALKING else self._reception).on_played()
            case m.RecordingReady(path, seconds):
                legs.on_recording(path, seconds)
            case m.HangUpNow():
                legs.close(EndCause.HANGUP if legs.answered else EndCause.FAILED)
            case _:
                self._of_talk(event)
        return legs.out

    def _of_talk(self, event: m.Event) -> None:
        legs = self._legs
        match event:
            case m.PassOn(asked, plan):
                self._talk.on_plan(asked, plan)
            case m.Held(name, held):
                if (leg := legs.get(name)) is not None:
                    self._talk.on_hold(leg, held)
            case m.Referred(name, to):
                if (leg := legs.get(name)) is not None:
                    self._talk.on_referred(leg, to)
            case m.Joined(by, name, kind, target, to):
                if self.may_pass_on(by):
                    self._talk.on_joined(legs.need(by), legs.add(kind, target, name), to)
            case m.GivenAway(by, to, kind, into):
                if self.may_pass_on(by):
                    self._talk.on_given_away(legs.need(by), to, kind, into)
            case m.SetRecording(state):
                self._talk.on_recording(state)

    def _dialled(self, name: str) -> Leg | None:
        leg = self._legs.get(name)
        return None if leg is self._legs.caller else leg

    def _part(self, leg: Leg) -> Reception | Talk:
        """Who has dialled that leg."""
        return self._talk if self._talk.dials(leg) else self._reception

    def _on_established(self, name: str) -> None:
        legs, leg = self._legs, self._legs.get(name)
        if leg is None or leg.closed or leg.up:
            return
        leg.up = True
        if leg is not legs.caller:
            self._part(leg).on_answered(leg)
        elif legs.stage is Stage.CLOSING:  # his 200 crossed our decision to end the call
            legs.drop_again(leg, EndCause.HANGUP)
        else:
            self._on_caller_up()

    def _on_digit(self, name: str, digit: str) -> None:
        if self._legs.stage is not Stage.TALKING:
            if name == CALLER:
                self._reception.on_digit(digit)
        elif (leg := self._legs.get(name)) is not None:
            self._talk.on_digit(leg, digit)

    def _on_caller_up(self) -> None:
        legs = self._legs
        if legs.stage is Stage.ANSWERING and legs.winner is not None:
            self._talk.begin(legs.winner)
        else:
            self._reception.on_caller_up()

    def _on_timer(self, timer: str) -> None:
        legs = self._legs
        if timer == "close":
            if legs.stage is Stage.CLOSING:
                legs.give_up_closing()
        elif timer == "limit" and legs.stage is Stage.TALKING:
            self._talk.on_limit()
        elif timer == "transfer":
            self._talk.on_timer()
        else:
            self._reception.on_timer(timer)

    def _on_closed(self, name: str, status: int | None) -> None:
        legs, leg = self._legs, self._legs.get(name)
        if leg is None or leg.closed:
            return
        leg.closed = True
        if leg.ending is None:
            if leg.up:
                leg.ending = EndCause.HANGUP
            elif leg is legs.caller:
                leg.ending = EndCause.CANCELLED
            else:
                leg.ending = unanswered(status, leg.rang)
        legs.tell_leg_ended(leg)
        if legs.stage is Stage.CLOSING:
            legs.finish()
        elif legs.stage is Stage.TALKING:
            self._talk.on_closed(leg)
        elif leg is legs.caller:
            legs.close(EndCause.HANGUP if legs.answered else EndCause.CANCELLED)
        elif name == legs.winner:
            legs.close(EndCause.HANGUP)
        else:
            self._reception.ring_on()
