"""What is to be fetched of a call's recordings, and which side each file is. Pure.

A file is the outside party's side, ours, or both at once. Whose channel was recorded says that; a channel that listens
in may hear its channel, the other side or both, which Asterisk does not tell: only when both sides were listened in on,
each is taken for its own channel's (`spy=in`), as what we have begun is. Two sides are better than both in one, and
that is better than one.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from switchhook.telephony.asterisk.tree import Recording

Side = Literal["left", "right", "both"]  # the outside party, our side, or both mixed


class File(msgspec.Struct, frozen=True):
    """A file at Asterisk. `began_at` is in wall ms of Asterisk."""

    name: str
    format: str
    side: Side
    began_at: int


class Wanted(msgspec.Struct, frozen=True):
    """The files of a call; `voicemail` when nobody was talked to."""

    call: str
    files: tuple[File, ...]
    voicemail: bool = False


def chosen(recordings: Sequence[tuple[Recording, bool]]) -> tuple[File, ...]:
    """The files to fetch. Each recording comes with whether its channel is the outside party's."""
    own = [(one, outside) for one, outside in recordings if not one.bridge]
    sides = {outside for _, outside in own}
    if sides == {True, False}:
        return tuple(file(one, "left" if outside else "right") for one, outside in own)
    mixed = [one for one, _ in recordings if one.bridge or one.snooped]
    if mixed:
        return (file(min(mixed, key=lambda one: (not one.bridge, one.began_at, one.name)), "both"),)
    return tuple(file(one, "left" if outside else "right") for one, outside in own[:1])


def message_at(recordings: Sequence[Recording], caller: str) -> int | None:
    """When the caller's own channel began to be recorded; None when it was not."""
    began = [one.began_at for one in recordings if one.leg == caller and not (one.snooped or one.bridge)]
    return min(began, default=None)


def file(one: Recording, side: Side) -> File:
    """The file of a recording."""
    return File(one.name, one.format, side, one.began_at)
