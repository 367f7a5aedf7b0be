"""Which telephones ring for a call: the workspace's numbers and users, as a plan for the line. Pure."""

import msgspec

from switchhook.telephony.sip.plan import Dial, Mailbox, Reject, Ring, RingPlan
from switchhook.workspace.directory import Directory
from switchhook.workspace.facts import Direction, EndCause, Offered


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the line that routing needs. `trunk` is the `HOST:PORT` that calls to the outside go through."""

    trunk: str = ""
    greeting: str | None = None
    voicemail_seconds: float = 120.0


def plan(offered: Offered, directory: Directory, routing: Routing) -> RingPlan:
    """What shall become of a call: ring the users of its number, or go out through the trunk."""
    called = directory.spell(offered.to_raw)
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
