"""Which telephones ring for a call: the workspace's numbers and users, as a plan for the line. Pure."""

from collections.abc import Mapping

import msgspec

from switchhook.telephony.sip.address import parse_uri
from switchhook.telephony.sip.plan import Dial, Mailbox, Passing, Reject, Ring, RingPlan, TransferPlan
from switchhook.workspace.directory import Directory
from switchhook.workspace.e164 import is_e164
from switchhook.workspace.facts import Direction, EndCause, LegKind, Offered, TransferAsked


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the line that routing needs. `trunk` is the `HOST:PORT` that calls to the outside go through.

    `extensions` are e-mail addresses of users, by what the others dial to reach them.
    """

    trunk: str = ""
    greeting: str | None = None
    voicemail_seconds: float = 120.0
    extensions: Mapping[str, str] = {}
    transfer_seconds: float = 30.0


def plan(offered: Offered, directory: Directory, routing: Routing) -> RingPlan:
    """What shall become of a call: ring the users of its number, or go out through the trunk."""
    called = directory.spell(offered.to_raw)
    if offered.internal:
        there = _telephones(offered.to_raw, directory, routing)
        return Ring(tuple(one for one in there if one != offered.user_ref), routing.transfer_seconds)
    if offered.direction is Direction.OUTBOUND:
        if not routing.trunk:
            return Reject(EndCause.UNREACHABLE)
        user = directory.user_of_sip(offered.user_ref)
        own = directory.number_of_user(user) if user else None
        return Dial((f"sip:{called}@{routing.trunk}",), identity=own.number if own else None)
    number = directory.number(called)
    if number is None:
        return Reject(EndCause.UNREACHABLE)
    mailbox = Mailbox(greeting=routing.greeting, seconds=routing.voicemail_seconds)
    otherwise = mailbox if number.settings.voicemail else Reject()
    # One user may be listed twice and two users may share a telephone: each rings once.
    targets = tuple(dict.fromkeys(address for user in number.users for address in user.telephones))
    if not targets:
        # Nobody can answer: straight to the mailbox, by a ring that has nothing to ring.
        return Ring((), 0.0, otherwise)
    return Ring(targets, number.settings.ring_seconds, otherwise)


def passing(asked: TransferAsked, directory: Directory, routing: Routing) -> TransferPlan:
    """Where a call goes that a telephone passes on: to who has that telephone, extension or number, or outside."""
    user = directory.user_of_sip(asked.to)
    try:
        named = parse_uri(asked.to).user
    except ValueError:
        return Reject(EndCause.UNREACHABLE)
    there = user.telephones if user is not None else _telephones(named, directory, routing)
    there = tuple(one for one in there if one != asked.by)
    if there:
        return Passing(there, LegKind.USER, seconds=routing.transfer_seconds)
    number = directory.spell(named)
    outside = is_e164(number) and directory.number(number) is None
    by = directory.user_of_sip(asked.by)
    if by is None or user is not None or not outside or not routing.trunk:
        return Reject(EndCause.UNREACHABLE)
    own = directory.number_of_user(by)
    return Passing(
        (f"sip:{number}@{routing.trunk}",),
        LegKind.FORWARD,
        number,
        own.number if own else None,
        routing.transfer_seconds,
    )


def _telephones(dialled: str, directory: Directory, routing: Routing) -> tuple[str, ...]:
    """The telephones at an extension or a number of ours."""
    email = routing.extensions.get(dialled)
    if email is not None:
        found = [user for user in directory.users if user.email == email]
    else:
        number = directory.number(directory.spell(dialled))
        found = list(number.users) if number is not None else []
    return tuple(dict.fromkeys(address for user in found for address in user.telephones))
