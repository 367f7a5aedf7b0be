"""Two calls of one telephone that become one (RFC 5589, 7: an attended transfer, and one before the answer). Pure."""

from dataclasses import dataclass

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.address import parse_uri
from switchhook.telephony.sip.control import CallControl
from switchhook.telephony.sip.legs import CALLER, Leg
from switchhook.workspace.facts import Direction, LegKind


@dataclass(frozen=True)
class Joint:
    """How it is done: one call takes in the leg `guest` of the other, which ends.

    The one that goes on is that in which it was asked for; `swapped`: the other one, because that has somebody from
    outside in it and this has not.
    """

    guest: str
    joined: m.Joined
    given_away: m.GivenAway
    swapped: bool = False


def together(here: CallControl, leg: str, there: CallControl, other: str) -> Joint | str | None:
    """How one telephone's parties at `leg` and `other` come together; None when they may not.

    When nobody has answered at `other` yet, it is the address that is being dialled there: the party at `leg` is passed
    on to that as if it had been asked for without a consultation.
    """
    return _still_ringing(here, leg, there, other) or consultation(here, leg, there, other)


def consultation(here: CallControl, leg: str, there: CallControl, other: str) -> Joint | None:
    """How the parties that one telephone talks with at `leg` and at `other` come together; None when they may not."""
    if here is there or not (here.may_pass_on(leg) and there.may_pass_on(other)):
        return None
    if parse_uri(here.party(leg)[0].target) != parse_uri(there.party(other)[0].target):
        return None  # of two users; neither may end the call of the other
    swapped = here.offered.internal and not there.offered.internal
    if swapped:
        here, leg, there, other = there, other, here, leg
    (_, stays), (_, guest) = here.party(leg), there.party(other)
    kind = LegKind.FORWARD if guest.kind is LegKind.OUTSIDE else guest.kind
    stays_as = LegKind.FORWARD if stays.kind is LegKind.OUTSIDE else stays.kind
    name = f"{guest.name}@{there.offered.call}"
    return Joint(
        guest.name,
        m.Joined(leg, name, kind, guest.target, _spelled(there, guest)),
        m.GivenAway(other, _spelled(here, stays), stays_as, here.offered.call),
        swapped,
    )


def _still_ringing(here: CallControl, leg: str, there: CallControl, other: str) -> str | None:
    """The address that the telephone which talks at `leg` is dialling at `other`; None when it dials nothing there."""
    offered = there.offered
    if here is there or other != CALLER or offered.direction is not Direction.OUTBOUND:
        return None
    if not there.is_ringing or not here.may_pass_on(leg) or not offered.user_ref:
        return None
    if parse_uri(here.party(leg)[0].target) != parse_uri(offered.user_ref):
        return None
    return f"sip:{offered.to_raw}@line"


def _spelled(call: CallControl, leg: Leg) -> str:
    """A party as people name it: the outside one by its number, everybody else by their address."""
    if leg.kind is not LegKind.OUTSIDE:
        return leg.target
    offered = call.offered
    inbound = leg.name == CALLER and offered.direction is Direction.INBOUND
    return offered.from_raw if inbound else offered.to_raw
