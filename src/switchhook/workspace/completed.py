"""The data of the events that a call makes, from what is known of it. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from switchhook.clock import iso_millis
from switchhook.events.further import CallAnswered, CallMissed, CallTranscribed
from switchhook.events.payloads import (
    CallCompleted,
    CallReceived,
    CallResult,
    CallTriggered,
    CallType,
    IvrChoice,
    TranscriptLine,
    TransferParty,
)
from switchhook.workspace.call_state import CallState
from switchhook.workspace.callers import Caller
from switchhook.workspace.directory import Directory, Number, User
from switchhook.workspace.facts import Direction, LegKind
from switchhook.workspace.results import (
    handled_by_ai,
    handler,
    last_transfer,
    passed_on,
    result_of,
    talk_seconds,
    talked_to,
)

NOBODY = TransferParty(number=None, user_email=None, user_name=None)


class Context(msgspec.Struct, frozen=True):
    """What the rules need to know of the world: who is who, and how a recording is linked to.

    `caller` is the contact at the other end, when the workspace knows them at this moment; `tags` are the keys of those
    that the call has, the primary one first. `original` is our id of the call that this one goes on from, if it is
    known; `now` is our own clock (wall milliseconds). `awaits`: what is recorded is transcribed, and the end of the
    call is to tell of it.
    """

    directory: Directory
    link: Callable[[str], str]  # recording id → URL
    new_recording_id: Callable[[], str]
    caller: Caller | None = None
    tags: tuple[str, ...] = ()
    original: str | None = None
    now: int = 0
    awaits: bool = False


def began(state: CallState, context: Context) -> CallReceived | CallTriggered:
    """`call.received` or `call.triggered`."""
    kind = CallReceived if state.direction is Direction.INBOUND else CallTriggered
    caller = context.caller
    return kind(
        from_number=state.from_number,
        to_number=state.to_number,
        started_at=iso_millis(state.started_at or 0),
        user_email=user_email(state, context.directory),
        person=caller.person() if caller else UNSET,
        company=caller.employer() if caller else None,
        deals=caller.business() if caller else None,
    )


def answered(state: CallState, context: Context) -> CallAnswered:
    """`call.answered`."""
    leg = talked_to(state)
    assert leg is not None
    return CallAnswered(
        from_number=state.from_number,
        to_number=state.to_number,
        direction=CallType.INBOUND if state.direction is Direction.INBOUND else CallType.OUTBOUND,
        started_at=iso_millis(state.started_at or 0),
        answered_at=iso_millis(leg.answered_at or 0),
        user_email=user_email(state, context.directory),
    )


def was_missed(state: CallState, context: Context) -> CallMissed:
    """`call.missed`."""
    caller = context.caller
    return CallMissed(
        call_id=state.id,
        from_number=state.from_number,
        to_number=state.to_number,
        started_at=iso_millis(state.started_at or 0),
        ended_at=iso_millis(state.ended_at or 0),
        user_email=user_email(state, context.directory),
        voicemail=result_of(state) is CallResult.VOICEMAIL,
        person=caller.person() if caller else UNSET,
        company=caller.employer() if caller else None,
        deals=caller.business() if caller else None,
    )


def completed(state: CallState, context: Context) -> CallCompleted:
    """`call.completed`."""
    directory = context.directory
    inbound = state.direction is Direction.INBOUND
    own = directory.number(state.to_number if inbound else state.from_number)
    own_name = own.name if own else ""
    other_name = context.caller.name if context.caller else ""
    seconds = talk_seconds(state)
    original_to = directory.number(state.original_to) if state.original_to else None
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
        summary=state.transcript.summary if state.transcript else "",
        transcriptions=(said := transcript_lines(state)),
        concatenated_transcript=in_one_text(said),
        data_collected=collected(state),
        type=CallType.INBOUND if inbound else CallType.OUTBOUND,
        result=result_of(state),
        integration_id=None,
        transfer_from=_transfer_from(state, directory),
        transfer_to=_transfer_to(state, directory),
        user_email=user_email(state, directory),
        original_to_number=state.original_to,
        original_to_name=original_to.name if original_to else None,
        transfer_original_call_id=context.original,
        ivr_result=[
            IvrChoice(dtmf_key=choice.key, text_key=choice.label) for choice in sorted(state.choices)
        ],
    )


def transcribed(state: CallState, context: Context) -> CallTranscribed:
    """`call.transcribed`."""
    known = state.transcript
    assert known is not None
    said = transcript_lines(state)
    return CallTranscribed(
        call_id=state.id,
        language=known.language,
        transcriptions=said,
        concatenated_transcript=in_one_text(said),
        summary=known.summary,
        summary_engine=known.summary_engine,
        data_collected=collected(state),
        transcribed_at=iso_millis(context.now),
    )


def transcript_lines(state: CallState) -> list[TranscriptLine]:
    """What was said, with the times of the call's clock."""
    if state.transcript is None:
        return []
    began = recording_began(state)
    return [
        TranscriptLine(source=one.source, time=iso_millis(began + round(one.start * 1000)), text=one.text)
        for one in state.transcript.lines
    ]


def in_one_text(said: list[TranscriptLine]) -> str:
    """A transcript without sides and times."""
    return "\n".join(line.text for line in said)


def recording_began(state: CallState) -> int:
    """When the first sample of the recording was heard (wall milliseconds), as well as it is known."""
    if state.recording is not None and state.recording.began_at is not None:
        return state.recording.began_at
    leg = handler(state)
    if leg is not None and leg.answered_at is not None:
        return leg.answered_at
    if state.recording is not None and state.ended_at is not None:
        return state.ended_at - round(state.recording.seconds * 1000)
    return state.started_at or 0


def own_number(state: CallState, directory: Directory) -> Number | None:
    """The number of ours that the call came to, or that its user calls out with."""
    if state.direction is Direction.INBOUND:
        return directory.number(state.to_number)
    user = directory.user_of_sip(state.user_ref)
    return directory.number(state.from_number) or (directory.number_of_user(user) if user else None)


def user_email(state: CallState, directory: Directory) -> str:
    """Who handled the call: who answered, who dialled, or who the number belongs to. Empty when nobody is known."""
    leg = talked_to(state)
    reference = state.user_ref
    if leg is not None and leg.kind is LegKind.USER:
        reference = leg.target
    user = directory.user_of_sip(reference)
    if user is not None:
        return user.email
    own = own_number(state, directory)
    return own.users[0].email if own and own.users else ""


def ours(address: str, directory: Directory) -> User | Number | None:
    """Whose address or number it is, when it is one of the workspace."""
    return directory.user_of_sip(address) or directory.number(directory.spell(address))


def spell_length(seconds: float) -> str:
    """A duration as people write it: `42s`, `5m 30s`, `1h 2m 3s`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h {minutes}m {left}s"
    return f"{minutes}m {left}s" if minutes else f"{left}s"


def collected(state: CallState) -> dict[str, Any]:
    """What was collected; what a source was told counts for more than what was found in the transcript."""
    data: dict[str, Any] = dict(state.transcript.data) if state.transcript else {}
    for told in sorted(state.collected, key=lambda told: (told.at, told.id)):
        data |= told.data
    return data


def _transfer_from(state: CallState, directory: Directory) -> TransferParty:
    transfer = last_transfer(state)
    return _party(transfer.by, directory) if transfer and transfer.by else NOBODY


def _transfer_to(state: CallState, directory: Directory) -> TransferParty:
    transfer = last_transfer(state)
    target = transfer.to if transfer else passed_on(state) or handled_by_ai(state)
    return _party(target, directory) if target else NOBODY


def _party(address: str, directory: Directory) -> TransferParty:
    found = ours(address, directory)
    if isinstance(found, User):
        number = directory.number_of_user(found)
        return TransferParty(
            number=number.number if number else None, user_email=found.email, user_name=found.name
        )
    if isinstance(found, Number):
        user = found.users[0] if found.users else None
        return TransferParty(
            number=found.number,
            user_email=user.email if user else None,
            user_name=user.name if user else None,
        )
    return TransferParty(number=directory.spell(address), user_email=None, user_name=None)
