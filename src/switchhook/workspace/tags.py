"""Tags: slugs of their names, put on calls and taken off, with an event for every real change.

added to a call that has it not ──▶ tag.added; to one that has it ──▶ nothing
taken off a call that has it    ──▶ tag.removed; off one that has it not ──▶ nothing
"""

import re

from switchhook.events.envelope import publish as check
from switchhook.events.payloads import TagAdded, TagRemoved
from switchhook.storage import conversations
from switchhook.storage.conversations import Tag
from switchhook.storage.people import fold
from switchhook.storage.store import Transaction
from switchhook.workspace.publish import new_event, tell

NAME_MAX = 255

OUTCOMES = frozenset(
    {
        "answered",
        "blocked",
        "busy",
        "failed",
        "missed",
        "missed_call",
        "no_answer",
        "transferred",
        "voicemail",
    }
)
"""Keys that would say what became of a call, which its result says."""


class TagNotFound(LookupError):
    """There is no tag of this key."""


class TagExists(Exception):
    """There is a tag of this name, whatever its case."""


class TagIsOutcome(ValueError):
    """The name says what became of a call."""


def slug(name: str) -> str:
    """The key of a tag's name: `Meeting booked!` is `meeting_booked`. Pure; empty when no letter or digit is in it."""
    return "_".join(re.findall(r"[^\W_]+", fold(name)))[:NAME_MAX]


async def create(tx: Transaction, workspace: str, name: str, color: str | None, now: int) -> Tag:
    """A new tag; one that was deleted comes back.

    Raises:
        TagExists: there is one of this name.
        TagIsOutcome: the name says what became of a call.
        ValueError: no letter or digit is in the name.
    """
    key = slug(name)
    if not key:
        raise ValueError("a tag's name needs a letter or a digit")
    if key in OUTCOMES:
        raise TagIsOutcome(key)
    known = await conversations.find_tag(tx, workspace, key)
    if known is not None and known.deleted_at is None:
        raise TagExists(key)
    tag = Tag(key, name.strip(), color, now)
    await conversations.put_tag(tx, workspace, tag)
    return tag


async def add(
    tx: Transaction, workspace: str, call: str, key: str, *, user_email: str | None, now: int
) -> bool:
    """Put a tag on a call, and tell it; False when the call has it.

    Raises:
        TagNotFound: there is none of this key, or it was deleted.
    """
    tag = await conversations.find_tag(tx, workspace, key)
    if tag is None or tag.deleted_at is not None:
        raise TagNotFound(key)
    if not await conversations.add_call_tag(tx, workspace, call, key, user_email=user_email, now=now):
        return False
    data = TagAdded(call_id=call, tag_key=tag.key, tag_name=tag.name, user_email=user_email)
    await tell(tx, new_event(workspace, check(data), now))
    return True


async def remove(
    tx: Transaction, workspace: str, call: str, key: str, *, user_email: str | None, now: int
) -> bool:
    """Take a tag off a call, and tell it; False when the call has it not.

    Raises:
        TagNotFound: there never was one of this key.
    """
    tag = await conversations.find_tag(tx, workspace, key)
    if tag is None:
        raise TagNotFound(key)
    if not await conversations.drop_call_tag(tx, workspace, call, key):
        return False
    data = TagRemoved(call_id=call, tag_key=tag.key, tag_name=tag.name, user_email=user_email)
    await tell(tx, new_event(workspace, check(data), now))
    return True
