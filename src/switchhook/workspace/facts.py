"""What a telephony source reports: facts about the legs of a call, with the source's own ids and times.

A *call* is what the outside party would call one call; a *leg* is one connection of it: the one that it began with
(`Offered.leg`: the outside party's of an inbound call, the user's telephone of an outbound one), and one for every
telephone or trunk that is dialled. Facts may come twice, late or out of order; each
carries an id that is the same whenever the same fact is reported again.

All times are wall milliseconds (see `switchhook.clock`).
"""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from switchhook.events.payloads import Speaker


class Direction(StrEnum):
    """Which way a call goes, seen from the business."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class LegKind(StrEnum):
    """Who is at the other end of a leg."""

    OUTSIDE = "outside"  # the caller of an inbound call, the callee of an outbound one
    USER = "user"  # the telephone of one of our users
    MAILBOX = "mailbox"  # our own voicemail
    AI = "ai"  # an AI agent; only who dialled it can know
    FORWARD = "forward"  # an outside number that the call was passed on to
    MENU = "menu"  # our own phone menu or announcement: nobody was talked to


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
    ordered: str | None = (
        None  # our own id of the call, where somebody ordered it: the user's telephones ring first
    )
    record: bool | None = None  # whether who ordered it wants it recorded, where they say so
    internal: bool = False  # between telephones of ours: it makes no events; outbound, as the source sees it
    original_to_raw: str | None = None  # the number that was called first, when the call was diverted to ours
    diverted: tuple[str, ...] = ()  # the numbers that it was diverted by on its way, the last one first
    blocked: bool = False  # a rule of ours refuses it: nobody is told that it came


class Ringing(CallFact, frozen=True, kw_only=True, tag="ringing"):
    """A leg that was dialled has begun to ring. `target` is the address that was dialled."""

    leg: str
    kind: LegKind
    target: str


class Answered(CallFact, frozen=True, kw_only=True, tag="answered"):
    """A leg was answered: a user's telephone, the outside party of an outbound call, our mailbox or menu."""

    leg: str
    kind: LegKind
    target: str


class LegEnded(CallFact, frozen=True, kw_only=True, tag="leg_ended"):
    """One leg is over; the call may go on."""

    leg: str
    kind: LegKind
    target: str
    cause: EndCause


class Chose(CallFact, frozen=True, kw_only=True, tag="chose"):
    """A choice in a phone menu: the keys pressed, and the label they stand for if the source knows it.

    Keys pressed while no menu is listening are no choice and are not reported.
    """

    key: str
    label: str | None = None


class TransferAsked(CallFact, frozen=True, kw_only=True, tag="transfer_asked"):
    """`by` wants the call to be passed on to `to`, both as the source spells them. Nobody is dialled for it yet."""

    by: str
    to: str


class Transferred(CallFact, frozen=True, kw_only=True, tag="transferred"):
    """The call was passed on, and whoever did it is out of it.

    `by` and `to` are SIP addresses or numbers, as the source spells them. `kind` is who is at `to`; when the source
    cannot tell, a user or number of the workspace is a `USER` and everything else `FORWARD`. `original` is the source's
    own id of the call that this one goes on from, when that is another one.
    """

    by: str | None
    to: str
    kind: LegKind | None = None
    attended: bool = False
    original: str | None = None


class Collected(CallFact, frozen=True, kw_only=True, tag="collected"):
    """What an AI agent or a menu asked for and was told. A later fact replaces its own fields and leaves the others."""

    data: dict[str, Any]


class Recorded(CallFact, frozen=True, kw_only=True, tag="recorded"):
    """A recording is complete on disk. `path` is relative to the data directory; `seconds` is its length.

    `began_at` is when its first sample was heard, when the source knows. In one that is `mixed` both sides are heard on
    both channels, so that nobody can say who speaks.
    """

    path: str
    seconds: float
    voicemail: bool = False
    began_at: int | None = None
    mixed: bool = False


class Ended(CallFact, frozen=True, kw_only=True, tag="ended"):
    """The whole call is over: every leg has ended.

    `cause` is `HANGUP` for a call that a person or the mailbox answered, else why nobody did. After a crash of the
    source a call's `LegEnded` facts may be missing: this one ends them all. `final` says that nothing more is known of
    the call later, its recording included; when something is still to come, `Settled` follows.
    """

    cause: EndCause
    final: bool = True


class Settled(CallFact, frozen=True, kw_only=True, tag="settled"):
    """Nothing more will be known of the call, or was not in time: what there is makes its `call.completed`."""


SummaryEngine = Literal["extractive", "openai"]


class Utterance(msgspec.Struct, frozen=True):
    """What one side said in one go; `start` is in seconds from the beginning of the recording."""

    source: Speaker
    start: float
    text: str


class Transcribed(CallFact, frozen=True, kw_only=True, tag="transcribed"):
    """What was said in the call's recording, in the order of time, and what follows from it.

    `language` is a code like `en`. `tags` are keys of tags that suit the call, `data` what was asked to be looked for.
    """

    language: str | None
    lines: tuple[Utterance, ...]
    summary: str = ""
    summary_engine: SummaryEngine | None = None
    tags: tuple[str, ...] = ()
    data: dict[str, Any] = {}


class NotTranscribed(CallFact, frozen=True, kw_only=True, tag="not_transcribed"):
    """There is no transcript, or not in time: the call waits for it no longer. One that comes later still counts."""

    why: str


AnyFact = (
    Offered
    | Ringing
    | Answered
    | LegEnded
    | Chose
    | TransferAsked
    | Transferred
    | Collected
    | Recorded
    | Ended
    | Settled
    | Transcribed
    | NotTranscribed
)
