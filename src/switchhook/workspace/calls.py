"""One call's history: facts in, state and events out. Pure.

    Offered ──▶ call.received (inbound, unless a rule of ours blocks it) or call.triggered (outbound)
    Answered ──▶ call.answered, the first time a person answers
    Ringing, LegEnded, Chose, Transferred, Collected, Recorded ──▶ remembered
    Ended, and Settled when the end was not final ──▶ call.missed when nobody took an inbound one, and call.completed
    Transcribed ──▶ call.transcribed, after call.completed, which waits for it or for NotTranscribed

A call among our own telephones makes no events.
A fact that comes twice changes nothing (`CallState.seen`). Facts may come in any order: what came before `Offered` is
remembered, and `call.completed` is made when both `Offered` and the end are there. When `Offered` was lost, `Settled`
completes a call that rang with what is known.

A call whose end does not come is `overdue`: its source is asked, and when that does not know either, it ends after a
time.
"""

from typing import Literal

import msgspec

from switchhook.events.further import CallAnswered, CallMissed, CallTranscribed
from switchhook.events.payloads import CallCompleted, CallReceived, CallTriggered
from switchhook.workspace import completed as made
from switchhook.workspace.call_state import CallState, Choice, Leg, Recording, Told, Transcript, Transfer
from switchhook.workspace.completed import Context
from switchhook.workspace.directory import Directory
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Chose,
    Collected,
    Direction,
    EndCause,
    Ended,
    LegEnded,
    LegKind,
    NotTranscribed,
    Offered,
    Recorded,
    Ringing,
    Settled,
    Transcribed,
    TransferAsked,
    Transferred,
)
from switchhook.workspace.results import handler, missed, talked_to


class Draft(msgspec.Struct, frozen=True):
    """An event to be accepted, still without an id. `more` is a field that its data may carry as well, and its text."""

    topic: str
    data: CallReceived | CallTriggered | CallCompleted | CallAnswered | CallMissed | CallTranscribed
    dedupe_key: str
    more: tuple[str, str] | None = None


class Limits(msgspec.Struct, frozen=True):
    """How long is waited for what a source owes, in seconds.

    `settle`: for the recording, after the end. `quiet`: until it is asked about a call of which nothing was heard.
    `lost`: until such a call ends although the source does not know it has.
    """

    settle: float = 30
    quiet: float = 600
    lost: float = 6 * 3600


class Over(msgspec.Struct, frozen=True):
    """What a source says of a call that it knows has ended."""

    at: int
    cause: EndCause


Standing = Over | Literal["up", "unknown"]


def apply(state: CallState, fact: AnyFact, context: Context) -> list[Draft]:
    """Take `fact` into `state` and name the events that it makes."""
    if fact.id in state.seen:
        return []
    state.seen.add(fact.id)
    if state.ended_at is None:
        state.heard_at = context.now
    drafts: list[Draft] = []
    match fact:
        case Offered():
            drafts += _offered(state, fact, context)
        case Ringing():
            leg = _leg(state, fact)
            leg.rang_at = _earlier(leg.rang_at, fact.at)
        case Answered():
            leg = _leg(state, fact)
            leg.answered_at = _earlier(leg.answered_at, fact.at)
        case LegEnded():
            leg = _leg(state, fact)
            if leg.ended_at is None or (fact.at, fact.cause) < (leg.ended_at, leg.cause or ""):
                leg.ended_at, leg.cause = fact.at, fact.cause
        case Chose():
            state.choices.append(Choice(fact.at, fact.id, fact.key, fact.label))
        case Transferred():
            state.transfers.append(_transfer(fact, context.directory))
        case TransferAsked():
            pass  # it may come about, or not
        case Collected():
            state.collected.append(Told(fact.at, fact.id, fact.data))
        case Recorded():
            if state.recording is None:
                state.recording = Recording(
                    context.new_recording_id(),
                    fact.path,
                    fact.seconds,
                    fact.voicemail,
                    fact.began_at,
                    fact.mixed,
                )
                if state.awaits is None:
                    state.awaits = context.awaits and not fact.mixed
        case Ended():
            if state.ended_at is None:
                state.ended_at, state.cause, state.final = fact.at, fact.cause, fact.final
        case Settled():
            state.settled = True
        case Transcribed():
            state.awaits = False
            if not state.transcribed and state.transcript is None:
                state.transcript = Transcript(
                    fact.language, fact.lines, fact.summary, fact.summary_engine, fact.data
                )
        case NotTranscribed():
            state.awaits = False
    return drafts + _consequences(state, context)


def overdue(state: CallState, now: int, limits: Limits) -> Literal["wait", "ask", "settle"]:
    """What is to be done about a call of which nothing more was heard."""
    silent = (now - (state.heard_at or state.last_at or now)) / 1000
    if not state.open:
        return "wait"
    if state.ended_at is not None:
        return "settle" if silent >= limits.settle else "wait"
    return "ask" if silent >= limits.quiet else "wait"


def close(state: CallState, standing: Standing, now: int, limits: Limits) -> Ended | None:
    """The end of a call that its source was asked about, or None when it may still be up.

    What nobody knows the end of has lasted until the last thing that was heard of it.
    """
    if isinstance(standing, Over):
        at, cause = standing.at, standing.cause
        return Ended(source=state.source, call=state.source_call, id="overdue", at=at, cause=cause)
    silent = (now - (state.heard_at or state.last_at or now)) / 1000
    if standing == "up" or silent < limits.lost:
        return None
    cause = EndCause.HANGUP if handler(state) is not None else EndCause.FAILED
    at = now if state.last_at is None else state.last_at
    return Ended(source=state.source, call=state.source_call, id="overdue", at=at, cause=cause)


def outside_number(state: CallState, fact: AnyFact, directory: Directory) -> str | None:
    """The number at the other end, as far as it is known with `fact`."""
    if isinstance(fact, Offered):
        raw = fact.from_raw if fact.direction is Direction.INBOUND else fact.to_raw
        return directory.spell(raw)
    if state.direction is None:
        return None
    return state.from_number if state.direction is Direction.INBOUND else state.to_number


def _offered(state: CallState, fact: Offered, context: Context) -> list[Draft]:
    if state.direction is not None:
        return []
    directory = context.directory
    state.direction = fact.direction
    state.started_at = fact.at
    state.user_ref = fact.user_ref
    state.internal = fact.internal
    state.from_number = directory.spell(fact.from_raw)
    state.to_number = directory.spell(fact.to_raw)
    state.original_to = directory.spell(fact.original_to_raw) if fact.original_to_raw else None
    if fact.direction is Direction.OUTBOUND:
        # A telephone gives its own name as the caller; what the outside sees is the user's number.
        own = made.own_number(state, directory)
        state.from_number = own.number if own else state.from_number
    if fact.internal or fact.blocked:
        return []
    key = f"{state.source}:{state.source_call}"
    topic = "call.received" if fact.direction is Direction.INBOUND else "call.triggered"
    return [Draft(topic, made.began(state, context), key, ("call_id", state.id))]


def _consequences(state: CallState, context: Context) -> list[Draft]:
    """The events that what is known by now has made due."""
    drafts: list[Draft] = []
    if state.internal:
        state.completed = state.completed or state.ended_at is not None
        return []
    if (
        state.direction is not None
        and not (state.answered or state.completed)
        and talked_to(state) is not None
    ):
        state.answered = True
        also = ("call_id", state.id)
        drafts.append(Draft("call.answered", made.answered(state, context), state.id, also))
    over = state.ended_at is not None and (state.final or state.settled) and not state.awaits
    known = state if state.direction is not None else _guess(state)
    if over and known is not None and not state.completed:
        state.completed = True
        if missed(known):
            drafts.append(Draft("call.missed", made.was_missed(known, context), state.id))
        engine = state.transcript.summary_engine if state.transcript else None
        more = ("summary_engine", engine) if engine else None
        drafts.append(Draft("call.completed", made.completed(known, context), state.id, more))
    if state.completed and state.transcript is not None:
        drafts.append(Draft("call.transcribed", made.transcribed(state, context), state.id))
        state.transcript, state.transcribed = None, True
    return drafts


def _guess(state: CallState) -> CallState | None:
    """A call whose beginning was lost and is not waited for, as far as its legs tell; None when nothing rang."""
    began = [at for leg in state.legs.values() for at in (leg.rang_at, leg.answered_at) if at is not None]
    if not (state.settled and began):
        return None
    outbound = any(leg.kind is LegKind.OUTSIDE for leg in state.legs.values())
    direction = Direction.OUTBOUND if outbound else Direction.INBOUND
    return msgspec.structs.replace(state, direction=direction, started_at=min(began))


def _transfer(fact: Transferred, directory: Directory) -> Transfer:
    kind = fact.kind
    if kind is None:
        kind = LegKind.USER if made.ours(fact.to, directory) else LegKind.FORWARD
    return Transfer(fact.at, fact.id, fact.by, fact.to, kind, fact.original)


def _leg(state: CallState, fact: Ringing | Answered | LegEnded) -> Leg:
    return state.legs.setdefault(fact.leg, Leg(fact.kind, fact.target))


def _earlier(known: int | None, at: int) -> int:
    return at if known is None else min(known, at)
