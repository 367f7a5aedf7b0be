"""From what FreeSWITCH says of its channels to facts about calls. Pure: happenings in, facts out.

Facts are told when what makes them is there; what rests on something *not* being there (that nobody is left, who of
several was first) waits for `GRACE`, in which what comes a little late or out of order still counts. So the facts are
the same in either case.

    inbound    the first channel is a trunk's, FreeSWITCH was called by it, in a context where calls come in
    outbound   a user's telephone calls a trunk, directly or by a call of FreeSWITCH to itself
    neither    telephones among themselves: no facts

Which channels there are, and whose call each is part of, is told by `Picture`; who passed a call on, by `moves`.
"""

from collections import deque
from collections.abc import Callable, Iterable

from switchhook.telephony.freeswitch import happenings as h
from switchhook.telephony.freeswitch.causes import CANCELLED, UNSURE, unanswered
from switchhook.telephony.freeswitch.moves import moves
from switchhook.telephony.freeswitch.names import Kind, Plan
from switchhook.telephony.freeswitch.picture import Picture
from switchhook.telephony.freeswitch.tapes import Tape, chosen
from switchhook.telephony.freeswitch.tree import Call, Leg
from switchhook.telephony.freeswitch.who import Who
from switchhook.telephony.watching import GRACE
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Chose,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    Offered,
    Ringing,
)

KEEP = 300.0  # seconds that a call which is over is remembered, so that what comes late begins no other one
NOBODY = "anonymous"
UNTOLD = "0000000000"  # what FreeSWITCH puts where there is no caller ID
MAILBOX = "voicemail"


class Calls:
    """All calls of one FreeSWITCH. `known` are those that were offered by an earlier run, by their ids.

    `has` says of the path of a recording whether its file can be had. The end of a call that has such a recording is
    not final: see `tape_of`.
    """

    def __init__(
        self, source: str, plan: Plan, known: Iterable[str] = (), has: Callable[[str], bool] | None = None
    ) -> None:
        self._source = source
        self._plan = plan
        self._known = set(known)
        self._has = has
        self._picture = Picture()
        self._who = Who(plan, self._picture)
        self._busy: set[str] = set()  # calls that may still tell something, by their ids
        self._over: deque[tuple[float, str]] = deque()  # those that do not, and since when

    def take(self, happening: h.Happening, now: float) -> list[AnyFact]:
        """The facts that `happening` makes; `now` is our monotonic clock in seconds."""
        facts: list[AnyFact] = []
        touched = self._picture.take(happening, now)
        self._busy |= {id_ for id_ in touched if not self._picture.calls[id_].ended}
        for id_ in sorted(touched):
            facts += self._tell(self._picture.calls[id_], now)
        if isinstance(happening, h.Pressed):
            facts += self._pressed(happening)
        return facts

    def lapse(self, now: float) -> list[AnyFact]:
        """The facts that only time makes."""
        facts: list[AnyFact] = []
        for id_ in sorted(self._busy):
            call = self._picture.calls[id_]
            facts += self._tell(call, now)
            if call.ended or (call.direction is None and self._is_over(call, now)):
                self._busy.discard(id_)
                self._over.append((now, id_))
        while self._over and now - self._over[0][0] >= KEEP:
            _, id_ = self._over.popleft()
            found = self._picture.calls.get(id_)
            if found is not None and id_ not in self._busy:
                self._picture.forget(found)
                self._known.discard(id_)
        return facts

    def up(self, call: str) -> bool:
        """Whether that call is there, or will be ended by us."""
        found = self._picture.calls.get(call)
        return found is not None and bool(found.legs) and not found.ended

    @property
    def restless(self) -> bool:
        """Whether `lapse` has something to do."""
        return bool(self._busy or self._over)

    def tape_of(self, call: str) -> Tape | None:
        """The recording of a call that is to be fetched."""
        found = self._picture.calls.get(call)
        if found is None or self._has is None:
            return None
        legs = self._picture.legs_of(found)
        tapes = [
            (tape, self._who.kind(leg) is Kind.TRUNK)
            for leg in legs
            for tape in leg.tapes.values()
            if self._has(tape.path)
        ]
        talked = any(
            self._who.is_leg(found, leg) and self._who.talked_at(found, leg) is not None for leg in legs
        )
        return chosen(call, tapes, talked=talked)

    # -- telling

    @staticmethod
    def _is_over(call: Call, now: float) -> bool:
        return call.over_at is not None and now - call.over_heard >= GRACE

    def _tell(self, call: Call, now: float) -> list[AnyFact]:
        """The facts of `call` that are known now and were not told."""
        over_at = self._over_at(call)
        if over_at is not None and call.over_at is None:
            call.over_heard = now
        call.over_at = over_at
        facts: list[AnyFact] = []
        if call.direction is None:
            facts += self._offered(call)
            if not self._is_ours(call):
                return []
            self._picture.gather(call)
        if call.ended:
            return []
        legs = [leg for leg in self._picture.legs_of(call) if self._who.is_leg(call, leg)]
        for leg in legs:
            facts += self._told_of(call, leg, now)
        facts += self._message(call, now)
        over = self._is_over(call, now)
        facts += moves(self._source, call, self._who, last=over)
        if over and call.over_at is not None:
            facts.append(
                Ended(
                    source=self._source,
                    call=call.id,
                    id="ended",
                    at=call.over_at,
                    cause=self._why(call, legs),
                    final=self.tape_of(call.id) is None,
                )
            )
            call.ended = True
        new = [fact for fact in facts if fact.id not in call.told]
        call.told |= {fact.id for fact in new}
        return new

    @staticmethod
    def _is_ours(call: Call) -> bool:
        return call.direction is not None

    def _offered(self, call: Call) -> list[AnyFact]:
        """`Offered`, when it is known which way the call goes."""
        root = self._picture.legs.get(call.id)
        started = root.created if root else None
        if root and started and not started.outbound and self._who.kind(root) is Kind.TRUNK:
            if not (self._plan.comes_in(started.context) or call.id in self._known):
                return []
            call.direction, call.leg = Direction.INBOUND, root.id
            return [self._offer(call, root.began_at, started, started.exten, None)]
        if call.id in self._known and (root is None or root.created is None) and self._picture.complete:
            if not any(leg.here for leg in self._picture.legs_of(call)):
                return []
            call.direction = Direction.OUTBOUND  # who called has left it to others
            return []
        for leg in self._picture.legs_of(call):
            if leg.created is None or not leg.created.outbound or self._who.kind(leg) is not Kind.TRUNK:
                continue
            user = self._who.who_calls(call, leg)
            if user is None and leg.id != call.id:
                continue
            call.direction, call.leg = Direction.OUTBOUND, user.id if user else leg.id
            caller = (user.created if user else None) or leg.created
            reference = self._plan.address(caller) if user else None
            return [self._offer(call, leg.began_at, caller, self._who.target(leg), reference)]
        return []

    def _offer(self, call: Call, at: int, caller: h.Channel, to: str, user: str | None) -> Offered:
        direction = call.direction or Direction.INBOUND
        diverted = caller.diverted if direction is Direction.INBOUND else ""
        return Offered(
            source=self._source,
            call=call.id,
            id="offered",
            at=at,
            leg=call.leg,
            direction=direction,
            from_raw=caller.number if caller.number not in {"", UNTOLD} else NOBODY,
            to_raw=to,
            user_ref=user,
            original_to_raw=diverted if diverted and diverted != to else None,
        )

    def _told_of(self, call: Call, leg: Leg, now: float) -> list[AnyFact]:
        kind, target = self._who.leg_kind(call, leg), self._who.target(leg)

        def common(what: str, at: int) -> dict[str, object]:
            return {
                "source": self._source,
                "call": call.id,
                "id": f"{leg.id}:{what}",
                "at": at,
                "leg": leg.id,
                "kind": kind,
                "target": target,
            }

        facts: list[AnyFact] = []
        talked_at = self._who.talked_at(call, leg)
        if leg.rang_at is not None and not leg.adopted:
            facts.append(Ringing(**common("ringing", leg.rang_at)))  # type: ignore[arg-type]
        if talked_at is not None:
            facts.append(Answered(**common("answered", talked_at)))  # type: ignore[arg-type]
        if leg.gone_at is not None and now - leg.gone_heard >= GRACE:
            facts.append(LegEnded(**common("ended", leg.gone_at), cause=self._cause(call, leg)))  # type: ignore[arg-type]
        return facts

    def _message(self, call: Call, now: float) -> list[AnyFact]:
        """The mailbox, once the caller speaks to it."""
        root = self._picture.legs.get(call.leg)
        if call.direction is not Direction.INBOUND or root is None or root.spoke_at is None:
            return []
        common = {
            "source": self._source,
            "call": call.id,
            "leg": f"{root.id}:{MAILBOX}",
            "kind": LegKind.MAILBOX,
            "target": MAILBOX,
        }
        facts: list[AnyFact] = [Answered(**common, id=f"{root.id}:{MAILBOX}:answered", at=root.spoke_at)]  # type: ignore[arg-type]
        if root.gone_at is not None and now - root.gone_heard >= GRACE:
            facts.append(
                LegEnded(
                    **common,  # type: ignore[arg-type]
                    id=f"{root.id}:{MAILBOX}:ended",
                    at=root.gone_at,
                    cause=EndCause.HANGUP,
                )
            )
        return facts

    def _pressed(self, said: h.Pressed) -> list[AnyFact]:
        call = self._picture.call_of(said.channel.id)
        id_ = f"{said.channel.id}:pressed:{said.at}:{said.key}"
        if call is None or call.direction is None or call.ended or id_ in call.told:
            return []
        call.told.add(id_)
        return [Chose(source=self._source, call=call.id, id=id_, at=said.at, key=said.key, label=said.label)]

    # -- the end

    def _over_at(self, call: Call) -> int | None:
        """When the call ended, as far as is known; None while it is on.

        Whoever called decides over an inbound call; an outbound one goes on as long as anybody is there.
        """
        root = self._picture.legs.get(call.id)
        if call.direction is Direction.INBOUND and root is not None:
            return root.gone_at
        legs = self._picture.legs_of(call)
        if any(leg.here for leg in legs):
            return None
        return max((leg.gone_at for leg in legs if leg.gone_at is not None), default=0)

    def _cause(self, call: Call, leg: Leg) -> EndCause:
        if self._who.talked_at(call, leg) is not None:
            return EndCause.HANGUP
        others = [
            other
            for other in self._picture.legs_of(call)
            if other.id != leg.id and self._who.is_leg(call, other)
        ]
        talked = [self._who.talked_at(call, other) for other in others]
        won = any(at is not None and leg.began_at <= at <= (leg.gone_at or 0) for at in talked)
        if won and leg.cause in UNSURE:
            return EndCause.ANSWERED_ELSEWHERE
        return unanswered(leg.cause, rang=leg.rang_at is not None)

    def _why(self, call: Call, legs: list[Leg]) -> EndCause:
        """Why the whole call ended; see `Ended`."""
        root = self._picture.legs.get(call.id)
        if any(self._who.talked_at(call, leg) is not None for leg in legs):
            return EndCause.HANGUP
        if root is not None and root.spoke_at is not None:
            return EndCause.HANGUP
        if root is not None and root.cause == CANCELLED:
            return EndCause.CANCELLED
        gone = [leg for leg in legs if leg.gone_at is not None]
        if gone:
            return self._cause(call, max(gone, key=lambda leg: (leg.gone_at or 0, leg.id)))
        return unanswered(root.cause, rang=False) if root is not None else EndCause.FAILED
