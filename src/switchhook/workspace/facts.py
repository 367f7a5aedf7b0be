"""What a telephony source reports: facts about the legs of a call, with the source's own ids and times.

A *call* is what the outside party would call one call; a *leg* is one connection of it: the one that it began with
(`Offered.leg`: the outside party's of an inbound call, the user's telephone of an outbound one), and one for every
telephone or trunk that is dialled. Facts may come twice, late or out of order; each
carries an id that is the same whenever the same fact is reported again.

All times are wall milliseconds (see `switchhook.clock`).
"""

from enum import StrEnum

import msgspec


class Direction(StrEnum):
    """Which way a call goes, seen from the business."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class LegKind(StrEnum):
    """Who is at the other end of a leg."""

    OUTSIDE = "outside"  # the caller of an inbound call, the callee of an outbound one
    USER = "user"  # the telephone of one of our users
    MAILBOX = "mailbox"  # our own voicemail


class EndCause(StrEnum):
    """Why a leg ended, told apart by our own state machine and never by a stack's text."""

    HANGUP = "hangup"  # somebody hung up a leg that had been answered
    CANCELLED = "cancelled"  # the calling side gave up before an answer
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"  # not registered, no route, network failure
    FAILED = "failed"  # anything else that went wrong, a lost source included
    ANSWERED_ELSEWHERE = "answered_elsewhere"  # another telephone of the same ring won
    BLOCKED = "blocked"  # refused by one of our own rules


class CallFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    """The part that every fact carries.

    `source` names the connector instance (`sip`), `call` is the source's own id of the call (a SIP Call-ID), `id` is
    unique to this fact within the call, `at` is when it happened.
    """

    source: str
    call: str
    id: str
    at: int


class Offered(CallFact, frozen=True, kw_only=True, tag="offered"):
    """A call exists: an outside party rings us, or one of our users dials out. Numbers are as the source spells them.

    Reported for every call, also for one that our rules then refuse (it ends `BLOCKED`, and nothing has rung).
    """

    leg: str
    direction: Direction
    from_raw: str
    to_raw: str
    user_ref: str | None = None  # outbound: the SIP address of the user's telephone


class Ringing(CallFact, frozen=True, kw_only=True, tag="ringing"):
    """A leg that was dialled has begun to ring. `target` is the address that was dialled."""

    leg: str
    kind: LegKind
    target: str


class Answered(CallFact, frozen=True, kw_only=True, tag="answered"):
    """A leg was answered: a user's telephone, the outside party of an outbound call, or our mailbox."""

    leg: str
    kind: LegKind
    target: str


class LegEnded(CallFact, frozen=True, kw_only=True, tag="leg_ended"):
    """One leg is over; the call may go on."""

    leg: str
    kind: LegKind
    target: str
    cause: EndCause


class Recorded(CallFact, frozen=True, kw_only=True, tag="recorded"):
    """A recording is complete on disk. `path` is relative to the data directory; `seconds` is its length."""

    path: str
    seconds: float
    voicemail: bool = False


class Ended(CallFact, frozen=True, kw_only=True, tag="ended"):
    """The whole call is over: every leg has ended, and `Recorded`, if there is a recording, has been reported.

    `cause` is `HANGUP` for a call that a person or the mailbox answered, else why nobody did. After a crash of the
    source a call's `LegEnded` facts may be missing: this one ends them all.
    """

    cause: EndCause


AnyFact = Offered | Ringing | Answered | LegEnded | Recorded | Ended
