"""The legs of one call, what has been told of them, and how they all end.

What `control`, `reception` and `talk` share: the stage, the legs, the facts and actions that go out. The caller's leg
is named `caller`, also when the caller is one of our users who dials out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TypedDict

from switchhook.telephony.sip import moves as m
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    Offered,
    Recorded,
)

CALLER = "caller"
MAILBOX = "mailbox"
MENU = "menu"

CLOSE_SECONDS = 8.0  # how long a leg may take to close


class _Base(TypedDict):
    source: str
    call: str
    id: str
    at: int


class Stage(Enum):
    """Where a call is; see the drawing in `control`."""

    OFFERED = auto()
    FETCHING = auto()
    RINGING = auto()
    ANSWERING = auto()
    TALKING = auto()
    OPENING = auto()
    PROMPT = auto()
    LISTENING = auto()
    MAILBOX = auto()
    GREETING = auto()
    MESSAGE = auto()
    CLOSING = auto()
    FINISHING = auto()
    OVER = auto()


ENDING = frozenset({Stage.CLOSING, Stage.FINISHING, Stage.OVER})
_WAIT_FOR_CALLER = frozenset({Stage.ANSWERING, Stage.OPENING, Stage.MAILBOX})


@dataclass
class Leg:
    """One connection to a telephone, a trunk or the caller."""

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


class Legs:
    """The legs of one call, its stage, and what is to be done next (`out`)."""

    def __init__(self, offered: Offered) -> None:
        self.offered = offered
        self.stage = Stage.OFFERED
        self.winner: str | None = None  # the leg that has the call
        self.recording = False
        self._recording_began: int | None = None
        self.mailbox_up = False
        self.out: list[m.Action] = []
        self.now = offered.at
        user = offered.user_ref if offered.direction is Direction.OUTBOUND else None
        kind = LegKind.OUTSIDE if user is None else LegKind.USER
        self.caller = Leg(CALLER, kind, user or offered.from_raw)
        self._legs: dict[str, Leg] = {CALLER: self.caller}
        self._ours: dict[str, LegKind] = {}  # the mailbox or the menu, while it has the caller
        self._when_committed: dict[str, m.Action] = {}
        self._cause = EndCause.FAILED
        self._born = 0
        if offered.ordered:  # nobody is there yet: see `adopt`
            self.caller.closed = self.caller.told = True

    # ------------------------------------------------------------ who there is

    def get(self, name: str) -> Leg | None:
        """The leg of that name."""
        return self._legs.get(name)

    def need(self, name: str) -> Leg:
        """The leg of that name, which must be one."""
        return self._legs[name]

    def dialled(self) -> list[Leg]:
        """All but the caller's."""
        return [leg for leg in self._legs.values() if leg is not self.caller]

    @property
    def answered(self) -> bool:
        """Whether a person or the mailbox has answered."""
        return self.winner is not None or self.mailbox_up

    # ------------------------------------------------------------ what is done

    def do(self, *actions: m.Action) -> None:
        """Let that be done next, in this order."""
        self.out += actions
        if self._recording_began is None and any(isinstance(action, m.Record) for action in actions):
            self._recording_began = self.now
        elif any(isinstance(action, m.DiscardRecording) for action in actions):
            self._recording_began = None

    def add(self, kind: LegKind, target: str, name: str | None = None) -> Leg:
        """One more leg."""
        self._born += 1
        leg = Leg(name or f"leg{self._born}", kind, target)
        self._legs[leg.name] = leg
        return leg

    def adopt(self, leg: Leg) -> None:
        """A leg that was dialled, and is up, is the caller's."""
        del self._legs[leg.name]
        caller = self.caller
        caller.target, caller.up, caller.closed, caller.told = leg.target, True, False, False
        self.do(m.Adopt(leg.name))

    def dial(
        self,
        target: str,
        kind: LegKind,
        identity: str | None,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        shown: str | None = None,
    ) -> Leg:
        """Call somebody; `headers` go into the INVITE. `shown` is told of it in place of `target`."""
        leg = self.add(kind, shown or target)
        self.do(m.Call(leg.name, target, identity, tuple(headers.items())))
        return leg

    def drop(self, leg: Leg, cause: EndCause) -> None:
        """End a leg; one that is gone already is left alone."""
        if leg.closed or leg.dropped:
            return
        leg.ending = leg.ending or cause
        leg.dropped = True
        self.do(m.Drop(leg.name))

    def drop_again(self, leg: Leg, cause: EndCause) -> None:
        """End a leg whose answer crossed our first word: a CANCEL ends no call that is up."""
        leg.dropped = False
        self.drop(leg, cause)

    # ------------------------------------------------------------ what is told

    def base(self, fact_id: str) -> _Base:
        """The part that every fact of this call has."""
        return {"source": self.offered.source, "call": self.offered.call, "id": fact_id, "at": self.now}

    def tell(self, fact: AnyFact) -> None:
        """Report a fact."""
        self.do(m.Tell(fact))

    def tell_answered(self, name: str, kind: LegKind, target: str) -> None:
        """Report that somebody took the call; once that is committed, the caller is answered (see `on_committed`)."""
        self._ours_end()
        self.tell(Answered(**self.base(f"answered:{name}"), leg=name, kind=kind, target=target))
        self._when_committed[f"answered:{name}"] = m.Answer()

    def tell_leg_ended(self, leg: Leg) -> None:
        """Report the end of a leg, once."""
        if not leg.told:
            leg.told = True
            ended = self.base(f"leg_ended:{leg.name}")
            cause = leg.ending or EndCause.FAILED
            self.tell(LegEnded(**ended, leg=leg.name, kind=leg.kind, target=leg.target, cause=cause))

    def tell_ours(self, name: str, kind: LegKind) -> None:
        """Report that the mailbox or the menu takes the call."""
        self.tell_answered(name, kind, name)
        self._ours[name] = kind

    def _ours_end(self) -> None:
        for name, kind in self._ours.items():
            ended = self.base(f"leg_ended:{name}")
            self.tell(LegEnded(**ended, leg=name, kind=kind, target=name, cause=EndCause.HANGUP))
        self._ours.clear()

    def on_committed(self, fact: str) -> bool:
        """Do what waited for that fact to be durable; whether the caller waits for that and is up already."""
        action = self._when_committed.pop(fact, None)
        if isinstance(action, m.Answer) and self.stage in _WAIT_FOR_CALLER:
            if self.caller.up:
                return True
            self.do(action)
        elif isinstance(action, m.Drop) and not self.caller.closed:
            self.caller.dropped = True
            self.do(action, m.SetTimer("close", CLOSE_SECONDS))
        return False

    # ------------------------------------------------------------ the end

    def close(self, cause: EndCause) -> None:
        """Begin to end the call: every leg that is open is dropped."""
        if self.stage in ENDING:
            return
        self.stage, self._cause = Stage.CLOSING, cause
        self._ours_end()
        for leg in self.dialled():
            self.drop(leg, EndCause.HANGUP if leg.up else cause)
        caller = self.caller
        if not caller.closed and caller.up:
            self.drop(caller, EndCause.HANGUP)
        elif not caller.closed:
            # He hears a refusal, which is a final answer: what it stands for is committed first.
            caller.ending = cause
            self.tell_leg_ended(caller)
            self._when_committed[f"leg_ended:{CALLER}"] = m.Drop(CALLER)
        self.do(m.SetTimer("close", CLOSE_SECONDS))
        self.finish()

    def give_up_closing(self) -> None:
        """Wait no longer for legs that do not close."""
        for leg in self._legs.values():
            if leg.dropped and not leg.closed:
                leg.closed = True
                self.tell_leg_ended(leg)
        self.finish()

    def finish(self) -> None:
        """Complete the recording once every leg has closed, or come to the end without one."""
        if self.stage is not Stage.CLOSING or not all(leg.closed for leg in self._legs.values()):
            return
        self.stage = Stage.FINISHING
        if self.recording:
            self.do(m.FinishRecording())
        else:
            self._end()

    def on_recording(self, path: str, seconds: float) -> None:
        """The recording is complete, and with it the call."""
        if self.stage is Stage.FINISHING:
            if seconds > 0:
                self.tell(
                    Recorded(
                        **self.base("recorded"),
                        path=path,
                        seconds=seconds,
                        voicemail=self.mailbox_up,
                        began_at=self._recording_began,
                    )
                )
            self._end()

    def _end(self) -> None:
        self.stage = Stage.OVER
        self.tell(Ended(**self.base("ended"), cause=self._cause))
        self.do(m.Over())
