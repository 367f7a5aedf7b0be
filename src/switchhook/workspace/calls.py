"""One call's history: facts in, state and events out. Pure.

    Offered ──▶ call.received (inbound) or call.triggered (outbound)
    Answered ──▶ call.answered, the first time a person answers
    Ringing, LegEnded, Recorded ──▶ remembered
    Ended   ──▶ call.missed when none of us answered an inbound one, and call.completed

A fact that comes twice changes nothing (`CallState.seen`). Facts may come in any order: what came before `Offered` is
remembered, and `call.completed` is made when both `Offered` and `Ended` are there.
"""

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from switchhook.clock import iso_millis
from switchhook.events.further import CallAnswered, CallMissed
from switchhook.events.payloads import (
    CallCompleted,
    CallReceived,
    CallResult,
    CallTriggered,
    CallType,
    TransferParty,
)
from switchhook.workspace.callers import Caller
from switchhook.workspace.directory import Directory, Number
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
    Ringing,
)

VOICEMAIL_SECONDS = 2.0  # a shorter message is somebody who hung up at the beep


class Leg(msgspec.Struct):
    """One telephone or trunk of a call, as far as it got."""

    kind: LegKind
    target: str
    rang_at: int | None = None
    answered_at: int | None = None
    cause: EndCause | None = None


class Recording(msgspec.Struct, frozen=True):
    """A recording of this call, by its id and its place below the data directory."""

    id: str
    path: str
    seconds: float
    voicemail: bool


class CallState(msgspec.Struct, kw_only=True):
    """Everything known of one call. Times are wall milliseconds."""

    id: str
    source: str
    source_call: str
    direction: Direction | None = None
    from_number: str = ""
    to_number: str = ""
    user_ref: str | None = None
    started_at: int | None = None
    legs: dict[str, Leg] = msgspec.field(default_factory=dict)
    recording: Recording | None = None
    ended_at: int | None = None
    cause: EndCause | None = None
    answered: bool = False  # told
    completed: bool = False  # told
    seen: set[str] = msgspec.field(default_factory=set)


class Draft(msgspec.Struct, frozen=True):
    """An event to be accepted, still without an id. `call` is what its data may carry as `call_id` as well."""

    topic: str
    data: CallReceived | CallTriggered | CallCompleted | CallAnswered | CallMissed
    dedupe_key: str
    call: str | None = None


class Context(msgspec.Struct, frozen=True):
    """What the rules need to know of the world: who is who, and how a recording is linked to.

    `caller` is the contact at the other end, when the workspace knows them at this moment; `tags` are the keys of those
    that the call has, the primary one first.
    """

    directory: Directory
    link: Callable[[str], str]  # recording id → URL
    new_recording_id: Callable[[], str]
    caller: Caller | None = None
    tags: tuple[str, ...] = ()


def apply(state: CallState, fact: AnyFact, context: Context) -> list[Draft]:
    """Take `fact` into `state` and name the events that it makes."""
    if fact.id in state.seen:
        return []
    state.seen.add(fact.id)
    drafts: list[Draft] = []
    match fact:
        case Offered():
            drafts += _offered(state, fact, context)
        case Ringing():
            leg = _leg(state, fact)
            leg.rang_at = leg.rang_at or fact.at
        case Answered():
            leg = _leg(state, fact)
            leg.answered_at = leg.answered_at or fact.at
        case LegEnded():
            leg = _leg(state, fact)
            leg.cause = leg.cause or fact.cause
        case Recorded():
            if state.recording is None:
                state.recording = Recording(
                    context.new_recording_id(), fact.path, fact.seconds, fact.voicemail
                )
        case Ended():
            if state.ended_at is None:
                state.ended_at, state.cause = fact.at, fact.cause
    over = state.ended_at is not None
    if (
        state.direction is not None
        and not (state.answered or state.completed)
        and _talked_to(state) is not None
    ):
        state.answered = True
        drafts.append(Draft("call.answered", _answered(state, context), state.id, state.id))
    if state.direction is not None and over and not state.completed:
        state.completed = True
        if _missed(state):
            drafts.append(Draft("call.missed", _missed_data(state, context), state.id))
        drafts.append(Draft("call.completed", _completed(state, context), state.id))
    return drafts


def outside_number(state: CallState, fact: AnyFact, directory: Directory) -> str | None:
    """The number at the other end, as far as it is known with `fact`."""
    if isinstance(fact, Offered):
        raw = fact.from_raw if fact.direction is Direction.INBOUND else fact.to_raw
        return directory.spell(raw)
    if state.direction is None:
        return None
    return state.from_number if state.direction is Direction.INBOUND else state.to_number


def result_of(state: CallState) -> CallResult:
    """The catalogue's `result` of a call that is over."""
    if state.cause is EndCause.BLOCKED:
        return CallResult.BLOCKED
    if _talked_to(state) is not None:
        return CallResult.ANSWERED
    mailbox = any(leg.kind is LegKind.MAILBOX and leg.answered_at is not None for leg in state.legs.values())
    if mailbox and state.recording is not None and state.recording.seconds >= VOICEMAIL_SECONDS:
        return CallResult.VOICEMAIL
    return CallResult.FAILED


def spell_length(seconds: float) -> str:
    """A duration as people write it: `42s`, `5m 30s`, `1h 2m 3s`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h {minutes}m {left}s"
    return f"{minutes}m {left}s" if minutes else f"{left}s"


def _offered(state: CallState, fact: Offered, context: Context) -> list[Draft]:
    if state.direction is not None:
        return []
    directory = context.directory
    state.direction = fact.direction
    state.started_at = fact.at
    state.user_ref = fact.user_ref
    state.from_number = directory.spell(fact.from_raw)
    state.to_number = directory.spell(fact.to_raw)
    if fact.direction is Direction.OUTBOUND:
        # A telephone gives its own name as the caller; what the outside sees is the user's number.
        own = _own_number(state, directory)
        state.from_number = own.number if own else state.from_number
    key = f"{state.source}:{state.source_call}"
    kind = CallReceived if fact.direction is Direction.INBOUND else CallTriggered
    caller = context.caller
    data = kind(
        from_number=state.from_number,
        to_number=state.to_number,
        started_at=iso_millis(fact.at),
        user_email=_user_email(state, directory),
        person=caller.person() if caller else UNSET,
        company=caller.employer() if caller else None,
        deals=caller.business() if caller else None,
    )
    topic = "call.received" if fact.direction is Direction.INBOUND else "call.triggered"
    return [Draft(topic, data, key, state.id)]


def _leg(state: CallState, fact: Ringing | Answered | LegEnded) -> Leg:
    return state.legs.setdefault(fact.leg, Leg(fact.kind, fact.target))


def _talked_to(state: CallState) -> Leg | None:
    """The leg of the person who was talked to: our user, or whom our user called."""
    kind = LegKind.USER if state.direction is Direction.INBOUND else LegKind.OUTSIDE
    answered = [leg for leg in state.legs.values() if leg.kind is kind and leg.answered_at is not None]
    return min(answered, key=lambda leg: leg.answered_at or 0, default=None)


def _own_number(state: CallState, directory: Directory) -> Number | None:
    if state.direction is Direction.INBOUND:
        return directory.number(state.to_number)
    user = directory.user_of_sip(state.user_ref)
    return (directory.number_of_user(user) if user else None) or directory.number(state.from_number)


def _user_email(state: CallState, directory: Directory) -> str:
    """Who handled the call: who answered, who dialled, or who the number belongs to. Empty when nobody is known."""
    leg = _talked_to(state)
    reference = state.user_ref
    if leg is not None and leg.kind is LegKind.USER:
        reference = leg.target
    user = directory.user_of_sip(reference)
    if user is not None:
        return user.email
    own = _own_number(state, directory)
    return own.users[0].email if own and own.users else ""


def _answered(state: CallState, context: Context) -> CallAnswered:
    leg = _talked_to(state)
    assert leg is not None
    return CallAnswered(
        from_number=state.from_number,
        to_number=state.to_number,
        direction=CallType.INBOUND if state.direction is Direction.INBOUND else CallType.OUTBOUND,
        started_at=iso_millis(state.started_at or 0),
        answered_at=iso_millis(leg.answered_at or 0),
        user_email=_user_email(state, context.directory),
    )


def _missed(state: CallState) -> bool:
    """Whether somebody called and none of us answered. Whoever is blocked is not missed."""
    return (
        state.direction is Direction.INBOUND
        and _talked_to(state) is None
        and state.cause is not EndCause.BLOCKED
    )


def _missed_data(state: CallState, context: Context) -> CallMissed:
    caller = context.caller
    return CallMissed(
        call_id=state.id,
        from_number=state.from_number,
        to_number=state.to_number,
        started_at=iso_millis(state.started_at or 0),
        ended_at=iso_millis(state.ended_at or 0),
        user_email=_user_email(state, context.directory),
        voicemail=result_of(state) is CallResult.VOICEMAIL,
        person=caller.person() if caller else UNSET,
        company=caller.employer() if caller else None,
        deals=caller.business() if caller else None,
    )


def _seconds(state: CallState) -> float:
    """How long was talked, or how long the message left is."""
    leg = _talked_to(state)
    if leg is not None and leg.answered_at is not None and state.ended_at is not None:
        return max(0.0, (state.ended_at - leg.answered_at) / 1000)
    if result_of(state) is CallResult.VOICEMAIL and state.recording is not None:
        return state.recording.seconds
    return 0.0


def _completed(state: CallState, context: Context) -> CallCompleted:
    directory = context.directory
    inbound = state.direction is Direction.INBOUND
    own = directory.number(state.to_number if inbound else state.from_number)
    own_name = own.name if own else ""
    other_name = context.caller.name if context.caller else ""
    seconds = _seconds(state)
    return CallCompleted(
        id=state.id,
        start_date=iso_millis(state.started_at or 0),
        recording_url=context.link(state.recording.id) if state.recording else None,
        from_number=state.from_number,
        from_name=other_name if inbound else own_name,
        to=state.to_number,
        to_name=own_name if inbound else other_name,
        length_in_minutes=round(seconds / 60, 2),
        length=spell_length(seconds),
        tag=context.tags[0] if context.tags else None,
        tags=list(context.tags),
        summary="",
        transcriptions=[],
        concatenated_transcript="",
        data_collected={},
        type=CallType.INBOUND if inbound else CallType.OUTBOUND,
        result=result_of(state),
        integration_id=None,
        transfer_from=TransferParty(number=None, user_email=None, user_name=None),
        transfer_to=TransferParty(number=None, user_email=None, user_name=None),
        user_email=_user_email(state, directory),
        original_to_number=None,
        original_to_name=None,
        transfer_original_call_id=None,
        ivr_result=[],
    )
