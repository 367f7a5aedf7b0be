"""From what Asterisk says of its channels to facts about calls. Pure: happenings in, facts out.

A call is what Asterisk links together (`Linkedid`), a leg is a channel. Facts are told when what makes them is there;
what rests on something *not* being there (that nobody is left, who of several was first) waits for `GRACE`, in
which what comes a little late or out of order still counts. So the facts are the same in either case.

    inbound    the first channel is a trunk's, it rings, and its context is one where calls come in
    outbound   a user's telephone dials a trunk, directly or by a call of Asterisk to itself
    neither    telephones among themselves: no facts

Which channels there are, and whose call each is part of, is told by `Picture`.
"""

from collections import deque
from collections.abc import Iterable

from switchhook.telephony.asterisk import happenings as h
from switchhook.telephony.asterisk.causes import CANCELLED, ELSEWHERE, unanswered
from switchhook.telephony.asterisk.names import Kind, Plan, is_outside, number_of, resource, without_secret
from switchhook.telephony.asterisk.picture import Picture
from switchhook.telephony.asterisk.tree import Call, Leg, Move
from switchhook.telephony.asterisk.wanted import Wanted, chosen, message_at
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
    Transferred,
)

KEEP = 300.0  # seconds that a call which is over is remembered, so that what comes late begins no other one
NOBODY = "anonymous"
MAILBOX = "mailbox"


class Calls:
    """All calls of one Asterisk.

    `known` are those that were offered by an earlier run, by their ids; `recorded` those of which it knew recordings.
    """

    def __init__(
        self, source: str, plan: Plan, known: Iterable[str] = (), recorded: Iterable[str] = ()
    ) -> None:
        self._source = source
        self._recorded = set(recorded)
        self._plan = plan
        self._known = set(known)
        self._picture = Picture(plan)
        self._busy: set[str] = set()  # calls that may still tell something, by their ids
        self._left: dict[str, Wanted] = {}
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

    @staticmethod
    def _is_over(call: Call, now: float) -> bool:
        return call.over_at is not None and now - call.over_heard >= GRACE

    def up(self, call: str) -> bool:
        """Whether that call is there, or will be ended by us."""
        found = self._picture.calls.get(call)
        return found is not None and bool(found.legs) and not found.ended

    def wanted(self) -> list[Wanted]:
        """The recordings of the calls that are on, or have ended a moment ago."""
        found = []
        for id_ in sorted(self._busy):
            call = self._picture.calls[id_]
            if call.direction is not None and self._picture.recordings_of(call):
                found.append(self._wanted(call))
        return found

    def talking(self) -> list[str]:
        """The channels of calls in which people talk."""
        return self._picture.talking()

    def leave(self, call: str) -> Wanted | None:
        """The recordings of a call whose end was told just now; None when there are none, or were told of already."""
        return self._left.pop(call, None)

    def _wanted(self, call: Call) -> Wanted:
        recordings = self._picture.recordings_of(call)
        legs = [leg for leg in self._picture.legs_of(call) if self._is_leg(call, leg)]
        outside = [(one, self._is_outside(call, one.leg)) for one in recordings]
        return Wanted(call.id, chosen(outside), self._message(call, legs) is not None)

    def _is_outside(self, call: Call, leg: str) -> bool:
        """Whether a channel is the outside party's: the caller's of an inbound call, a trunk's of an outbound one."""
        if call.direction is Direction.INBOUND:
            return leg == call.leg
        return self._plan.kind(self._picture.legs[leg].name) is Kind.TRUNK

    def _message(self, call: Call, legs: list[Leg]) -> int | None:
        """When a caller whom nobody has answered began to be recorded, who so leaves a message; None for none."""
        if call.direction is not Direction.INBOUND or any(leg.joined_at is not None for leg in legs):
            return None
        return message_at(self._picture.recordings_of(call), call.leg)

    @property
    def restless(self) -> bool:
        """Whether `lapse` has something to do."""
        return bool(self._busy or self._over)

    def count(self) -> int:
        """How many calls are up."""
        return sum(call.direction is not None and not call.ended for call in self._picture.calls.values())

    # -- telling

    def _resolved(self, call: Call, move: Move, *, last: bool) -> Transferred | None:
        """The transfer as a fact, once it is known who is there; `last` when nobody will be dialled any more."""
        to, kind = move.to, LegKind.FORWARD if move.outside else LegKind.USER
        if to is None:
            later = [
                leg
                for leg in self._picture.legs_of(call)
                if (leg.dialled_at or 0) > move.at and self._somebody(leg)
            ]
            first = min(later, key=lambda leg: (leg.dialled_at or 0, leg.id), default=None)
            if first is not None:
                kind = self._leg_kind(call, first)
                to = (
                    self._target(first)
                    if kind is not LegKind.FORWARD
                    else number_of(first.string) or move.exten
                )
            elif last:
                to, kind = move.exten, LegKind.FORWARD if is_outside(move.exten) else LegKind.USER
            else:
                return None
        return Transferred(
            source=self._source,
            call=call.id,
            id=move.id,
            at=move.at,
            by=move.by,
            to=to,
            kind=kind,
            attended=move.attended,
        )

    def _tell(self, call: Call, now: float) -> list[AnyFact]:
        """The facts of `call` that are known now and were not told."""
        over_at = self._over_at(call)
        if over_at is not None and call.over_at is None:
            call.over_heard = now
        call.over_at = over_at
        known = call.direction is not None
        facts = [] if known else self._offered(call, now)
        if call.direction is None:
            return []
        if not known:
            self._picture.gather(call)
        if call.ended:
            return []
        legs = [leg for leg in self._picture.legs_of(call) if self._is_leg(call, leg)]
        for leg in legs:
            facts += self._told_of(call, leg, now)
        over = self._is_over(call, now)
        for move in call.moves.values():
            fact = self._resolved(call, move, last=over)
            if fact is not None:
                facts.append(fact)
        if over and call.over_at is not None:
            facts += self._ended(call, legs, call.over_at)
            call.ended = True
        new = [fact for fact in facts if fact.id not in call.told]
        call.told |= {fact.id for fact in new}
        return new

    def _ended(self, call: Call, legs: list[Leg], at: int) -> list[AnyFact]:
        """The end, which is not final when a recording is on its way; before it, that a message was left."""
        facts: list[AnyFact] = []
        message = self._message(call, legs)
        if message is not None:
            facts.append(
                Answered(
                    source=self._source,
                    call=call.id,
                    id="mailbox:answered",
                    at=message,
                    leg=f"{call.leg}:mailbox",
                    kind=LegKind.MAILBOX,
                    target=MAILBOX,
                )
            )
        recorded = bool(self._picture.recordings_of(call))
        if recorded:
            self._left[call.id] = self._wanted(call)
        final = not recorded and call.id not in self._recorded
        cause = EndCause.HANGUP if message is not None else self._why(call, legs)
        facts.append(Ended(source=self._source, call=call.id, id="ended", at=at, cause=cause, final=final))
        return facts

    def _offered(self, call: Call, now: float) -> list[AnyFact]:
        """`Offered`, when it is known which way the call goes."""
        root = self._picture.legs.get(call.id)
        started = root.created if root else None
        kind = self._plan.kind(root.name) if root else None
        if root and started and kind is Kind.TRUNK and started.state != "Down":
            if not (self._plan.comes_in(started.context) or call.id in self._known):
                return []
            call.direction, call.leg = Direction.INBOUND, root.id
            return [self._offer(call, root.created_at, started.number, started.exten, None)]
        if call.id in self._known and root is None and self._picture.complete:
            call.direction = Direction.OUTBOUND  # who dialled has left it to others
            return []
        for leg in self._picture.legs_of(call):
            if leg.dialled_at is None or self._plan.kind(leg.name) is not Kind.TRUNK:
                continue
            user = self._who_dials(call, leg)
            if user is None and not (leg.id == call.id and leg.by is None):
                continue
            if not leg.linked and leg.by is None and now - leg.dialled_heard < GRACE:
                continue  # whose call it is may still be found out
            call.direction, call.leg = Direction.OUTBOUND, user.id if user else leg.id
            by = leg.by
            to = number_of(leg.string) or (by.exten if by else "") or without_secret(leg.string)
            number = by.number if by else ""
            reference = self._plan.address(user.name) if user else None
            return [self._offer(call, leg.dialled_at, number, to, reference)]
        return []

    def _who_dials(self, call: Call, trunk: Leg) -> Leg | None:
        """The user's telephone that called out by `trunk`; None when it is none, or that cannot be said yet."""
        by = trunk.by
        if by is not None and by.id == call.id and self._plan.kind(by.name) is Kind.USER:
            return self._picture.legs[by.id]
        root = self._picture.legs.get(call.id)
        if root is None or root.created is None or self._plan.kind(root.name) is Kind.TRUNK:
            return None
        users = [leg for leg in self._picture.legs_of(call) if self._plan.kind(leg.name) is Kind.USER]
        if by is not None and (mine := [leg for leg in users if leg.id == by.id]):
            return mine[0]
        return min(users, key=lambda leg: (leg.created_at, leg.id), default=None)

    def _offer(self, call: Call, at: int, number: str, exten: str, user: str | None) -> Offered:
        return Offered(
            source=self._source,
            call=call.id,
            id="offered",
            at=at,
            leg=call.leg,
            direction=call.direction or Direction.INBOUND,
            from_raw=number or NOBODY,
            to_raw=exten,
            user_ref=user,
        )

    def _told_of(self, call: Call, leg: Leg, now: float) -> list[AnyFact]:
        source, id_, kind, target = self._source, call.id, self._leg_kind(call, leg), self._target(leg)
        facts: list[AnyFact] = []
        if leg.rang_at is not None and not leg.adopted:
            facts.append(
                Ringing(
                    source=source,
                    call=id_,
                    id=f"{leg.id}:ringing",
                    at=leg.rang_at,
                    leg=leg.id,
                    kind=kind,
                    target=target,
                )
            )
        if leg.joined_at is not None:
            facts.append(
                Answered(
                    source=source,
                    call=id_,
                    id=f"{leg.id}:answered",
                    at=leg.joined_at,
                    leg=leg.id,
                    kind=kind,
                    target=target,
                )
            )
        if leg.gone_at is not None and now - leg.gone_heard >= GRACE:
            facts.append(
                LegEnded(
                    source=source,
                    call=id_,
                    id=f"{leg.id}:ended",
                    at=leg.gone_at,
                    leg=leg.id,
                    kind=kind,
                    target=target,
                    cause=self._cause(call, leg),
                )
            )
        return facts

    def _pressed(self, said: h.Pressed) -> list[AnyFact]:
        call = self._picture.call_of(said.channel)
        id_ = f"{said.channel.id}:pressed:{said.at}:{said.key}"
        if call.direction is None or call.ended or id_ in call.told:
            return []
        call.told.add(id_)
        return [Chose(source=self._source, call=call.id, id=id_, at=said.at, key=said.key, label=said.label)]

    # -- who is what

    def _somebody(self, leg: Leg) -> bool:
        return self._plan.kind(leg.name) in {Kind.TRUNK, Kind.USER, Kind.AI}

    def _is_leg(self, call: Call, leg: Leg) -> bool:
        if leg.id == call.leg:
            # A trunk that Asterisk itself called is both the beginning and whoever answers.
            return call.direction is Direction.OUTBOUND and self._plan.kind(leg.name) is Kind.TRUNK
        return self._somebody(leg)

    def _leg_kind(self, call: Call, leg: Leg) -> LegKind:
        kind = self._plan.kind(leg.name)
        if kind is Kind.AI:
            return LegKind.AI
        if kind is not Kind.TRUNK:
            return LegKind.USER
        moved = any((leg.dialled_at or 0) > move.at for move in call.moves.values() if not move.attended)
        return LegKind.FORWARD if call.direction is Direction.INBOUND or moved else LegKind.OUTSIDE

    def _target(self, leg: Leg) -> str:
        if self._plan.kind(leg.name) is Kind.TRUNK:
            own = leg.created.number if leg.created else ""
            return number_of(leg.string) or number_of(own) or resource(leg.name)
        return self._plan.address(leg.name)

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
        if leg.joined_at is not None:
            return EndCause.HANGUP
        others = [
            other for other in self._picture.legs_of(call) if other.id != leg.id and self._is_leg(call, other)
        ]
        won = any(
            other.joined_at is not None and (leg.dialled_at or 0) <= other.joined_at <= (leg.gone_at or 0)
            for other in others
        )
        if leg.cause == ELSEWHERE or (won and leg.status in {"", "CANCEL", "NOANSWER"}):
            return EndCause.ANSWERED_ELSEWHERE
        return unanswered(leg.status, leg.cause, leg.tech)

    def _why(self, call: Call, legs: list[Leg]) -> EndCause:
        """Why the whole call ended; see `Ended`."""
        if any(leg.joined_at is not None for leg in legs):
            return EndCause.HANGUP
        causes = {leg.id: self._cause(call, leg) for leg in legs if leg.gone_at is not None}
        root = self._picture.legs.get(call.id)
        if root is not None and root.tech == CANCELLED:
            return EndCause.CANCELLED
        if causes:
            last = max((leg for leg in legs if leg.id in causes), key=lambda leg: (leg.gone_at or 0, leg.id))
            return causes[last.id]
        return unanswered("", root.cause, root.tech) if root is not None else EndCause.FAILED
