"""Who passed a call on, to whom. Pure.

FreeSWITCH writes into a channel's transfer history that it was sent to an extension (`bl_xfer`) or connected with
another channel (`uuid_br`). Both also happen where nobody passes a call on: the dialplan sends a caller to an
extension, a queue connects one with an agent. A transfer is what a telephone did, and its channel ends with that
disposition.
"""

from collections.abc import Iterator

from switchhook.telephony.freeswitch.happenings import Entry
from switchhook.telephony.freeswitch.names import Kind, is_outside
from switchhook.telephony.freeswitch.tree import Call, Leg
from switchhook.telephony.freeswitch.who import Who
from switchhook.workspace.facts import Direction, LegKind, Transferred

BLIND, ATTENDED = "BLIND_TRANSFER", "ATTENDED_TRANSFER"


def moves(source: str, call: Call, who: Who, *, last: bool) -> Iterator[Transferred]:
    """The transfers of a call as facts, once it is known who is there; `last` when nobody will be called any more."""
    legs = who.picture.legs_of(call)
    for by in legs:
        sent = _sent_by(who, legs, by)
        target = _target(call, who, legs, by, sent, last=last) if sent is not None else None
        if sent is not None and target is not None:
            yield _fact(source, call, sent, who.target(by), target)
    for leg in legs:
        for entry in leg.entries.values():
            found = _attended(call, who, legs, leg, entry) if entry.kind == "uuid_br" else None
            if found is not None:
                yield _fact(source, call, entry, *found)


Target = tuple[str, LegKind]


def _fact(source: str, call: Call, entry: Entry, by: str, target: Target) -> Transferred:
    return Transferred(
        source=source,
        call=call.id,
        id=f"transfer:{entry.id}",
        at=entry.at,
        by=by,
        to=target[0],
        kind=target[1],
        attended=entry.kind == "uuid_br",
    )


def _sent_by(who: Who, legs: list[Leg], by: Leg) -> Entry | None:
    """To which extension the telephone at `by` has sent somebody: of several entries that of the moment it left."""
    if by.disposition != BLIND or by.gone_at is None or by.joined_at is None or not who.somebody(by):
        return None
    gone, joined = by.gone_at, by.joined_at
    entries = [
        entry
        for leg in legs
        if leg.id != by.id
        for entry in leg.entries.values()
        if entry.kind == "bl_xfer" and entry.at >= (joined if entry.exact else joined // 1000 * 1000)
    ]
    return min(entries, key=lambda entry: (abs(entry.at - gone), entry.id), default=None)


def _target(call: Call, who: Who, legs: list[Leg], by: Leg, sent: Entry, *, last: bool) -> Target | None:
    """Who was called then, or in the end the extension itself."""
    later = [
        leg
        for leg in legs
        if leg.began_at >= sent.at and who.somebody(leg) and not leg.adopted and leg.id != by.id
    ]
    first = min(later, key=lambda leg: (leg.began_at, leg.id), default=None)
    if first is not None:
        kind = who.leg_kind(call, first)
        return who.target(first), LegKind.FORWARD if kind is LegKind.OUTSIDE else kind
    if not last:
        return None
    exten = sent.rest.partition("/")[0]
    if is_outside(exten):
        return exten, LegKind.FORWARD
    return who.plan.of_user(exten) if exten in who.plan.extensions else exten, LegKind.USER


def _attended(call: Call, who: Who, legs: list[Leg], leg: Leg, entry: Entry) -> tuple[str, Target] | None:
    """`leg` was connected with another channel by whoever had it before."""
    other = who.picture.legs.get(entry.rest)
    if other is None or other.created is None or not who.somebody(other):
        return None
    theirs = who.picture.calls[other.call]
    if other.id == theirs.leg and theirs.direction is Direction.INBOUND:
        return None  # it is that call that was passed on
    if call.direction is Direction.INBOUND:
        outside = leg.id == call.leg
    else:
        outside = who.kind(leg) is Kind.TRUNK and not leg.adopted and leg.began_at <= other.began_at
    by = _who_introduced(who, legs, leg, other) if outside else None
    if by is None:
        return None
    kind = LegKind.FORWARD if who.kind(other) is Kind.TRUNK else who.leg_kind(call, other)
    return by, (who.target(other), kind)


def _who_introduced(who: Who, legs: list[Leg], leg: Leg, other: Leg) -> str | None:
    """The address of who connected `leg` with `other`; None when nobody did."""
    for one in legs:
        if one.id not in {leg.id, other.id} and one.disposition == ATTENDED and who.somebody(one):
            return who.target(one)
    # Who lets a consultation go while it still rings is marked only where that is a call of its own.
    asked = who.picture.legs.get(other.by)
    if asked is not None and asked.disposition == ATTENDED and who.kind(asked) is Kind.USER:
        return who.target(asked)
    for one in legs:  # by a key or the dialplan: who had the call has called the other one
        if (
            one.id == other.by
            and one.id != leg.id
            and one.joined_at is not None
            and who.kind(one) is Kind.USER
        ):
            return who.target(one)
    for entry in leg.entries.values():
        if entry.kind == "att_xfer":
            user = entry.rest.partition("@")[0]
            if user and user != "(null)":
                return who.plan.of_user(user)
    return None
