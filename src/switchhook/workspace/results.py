"""What became of a call: who was talked to, and the catalogue's `result`. Pure; the first rule that fits decides.

BLOCKED               a rule of ours refused it
TRANSFERRED_EXTERNAL  it was last with somebody who is none of ours
TRANSFERRED_AI        an AI agent handled it, and no user did
ANSWERED              a user answered, or whom our user called
VOICEMAIL             the mailbox answered, and a message was left
FAILED                everything else
"""

from switchhook.events.payloads import CallResult
from switchhook.workspace.call_state import CallState, Leg, Transfer
from switchhook.workspace.facts import Direction, EndCause, LegKind

VOICEMAIL_SECONDS = 2.0  # a shorter message is somebody who hung up at the beep


def result_of(state: CallState) -> CallResult:
    """The catalogue's `result` of a call that is over."""
    if state.cause is EndCause.BLOCKED:
        return CallResult.BLOCKED
    if passed_on(state) is not None:
        return CallResult.TRANSFERRED_EXTERNAL
    if handled_by_ai(state) is not None:
        return CallResult.TRANSFERRED_AI
    if talked_to(state) is not None:
        return CallResult.ANSWERED
    mailbox = _first(state, LegKind.MAILBOX) is not None
    if mailbox and state.recording is not None and state.recording.seconds >= VOICEMAIL_SECONDS:
        return CallResult.VOICEMAIL
    return CallResult.FAILED


def talked_to(state: CallState) -> Leg | None:
    """The leg of the person who was talked to: our user, or whom our user called."""
    return _first(state, LegKind.OUTSIDE if state.direction is Direction.OUTBOUND else LegKind.USER)


def handler(state: CallState) -> Leg | None:
    """The leg that the talk began with, whoever it was: a person, an AI agent, a number it was forwarded to."""
    if state.direction is Direction.OUTBOUND:
        return talked_to(state)
    found = [_first(state, kind) for kind in (LegKind.USER, LegKind.AI, LegKind.FORWARD)]
    return min((leg for leg in found if leg), key=lambda leg: leg.answered_at or 0, default=None)


def last_transfer(state: CallState) -> Transfer | None:
    """The transfer that decided where the call was in the end."""
    return max(state.transfers, key=lambda transfer: (transfer.at, transfer.id), default=None)


def passed_on(state: CallState) -> str | None:
    """The address outside that the call was with in the end, or None when it stayed with one of ours.

    Where nobody reported a transfer, a forwarded leg counts that was answered after everybody else: in a ring of
    several telephones the first one has the call.
    """
    transfer = last_transfer(state)
    if transfer is not None:
        if transfer.kind in {LegKind.FORWARD, LegKind.OUTSIDE}:
            return transfer.to
        return None
    answered = _answered(state, LegKind.FORWARD)
    won = [leg for leg in answered if leg.cause is not EndCause.ANSWERED_ELSEWHERE]
    forward = max(won, key=lambda leg: (leg.answered_at or 0, leg.target), default=None)
    if forward is None:
        return None
    ours = _answered(state, LegKind.USER) + _answered(state, LegKind.AI)
    later = all((leg.answered_at or 0) < (forward.answered_at or 0) for leg in ours)
    return forward.target if later else None


def handled_by_ai(state: CallState) -> str | None:
    """The address of the AI agent that handled the call, or None when a person did or nobody."""
    outbound = state.direction is Direction.OUTBOUND
    person = state.user_ref is not None if outbound else _first(state, LegKind.USER) is not None
    agent = _first(state, LegKind.AI)
    return agent.target if agent is not None and not person else None


def missed(state: CallState) -> bool:
    """Whether somebody called and nobody took the call. Whoever is blocked is not missed."""
    return state.direction is Direction.INBOUND and result_of(state) in {
        CallResult.FAILED,
        CallResult.VOICEMAIL,
    }


def talk_seconds(state: CallState) -> float:
    """How long was talked, or how long the message left is."""
    leg = handler(state)
    if leg is not None and leg.answered_at is not None and state.ended_at is not None:
        return max(0.0, (state.ended_at - leg.answered_at) / 1000)
    if result_of(state) is CallResult.VOICEMAIL and state.recording is not None:
        return state.recording.seconds
    return 0.0


def _answered(state: CallState, kind: LegKind) -> list[Leg]:
    return [leg for leg in state.legs.values() if leg.kind is kind and leg.answered_at is not None]


def _first(state: CallState, kind: LegKind) -> Leg | None:
    return min(_answered(state, kind), key=lambda leg: (leg.answered_at or 0, leg.target), default=None)
