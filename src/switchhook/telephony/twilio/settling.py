"""When nothing more can come of a call of Twilio, and whether a recording is to come. Pure."""

from switchhook.workspace.call_state import CallState
from switchhook.workspace.completed import own_number
from switchhook.workspace.directory import Directory
from switchhook.workspace.facts import LegKind


def is_recorded(state: CallState, directory: Directory, *, records: bool) -> bool:
    """Whether a call's talk is recorded: talks are (`records`), and those of its number."""
    own = own_number(state, directory)
    return records and (own is None or own.settings.record)


def nothing_more(state: CallState, *, records: bool, absent: bool = False) -> bool:
    """Whether a call that is over can be completed: who answered is known, and the recording is there or will not be.

    `records`: it is recorded, so that a recording may still come; `absent`: it was said that none will. What is not
    known when its time is up does not hold it up (`Limits.settle`).
    """
    if state.ended_at is None or state.completed or state.direction is None:
        return False
    answered = [
        leg for leg in state.legs.values() if leg.answered_at is not None and leg.kind is not LegKind.MENU
    ]
    if not answered:
        # Several telephones may ring for a call that comes in, and what was said of the one that answered may be late.
        outside = [leg for leg in state.legs.values() if leg.kind is LegKind.OUTSIDE]
        return any(leg.ended_at is not None for leg in outside)
    mailbox = any(leg.kind is LegKind.MAILBOX for leg in answered)
    return absent or state.recording is not None or not (records or mailbox)
