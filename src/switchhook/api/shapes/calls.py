"""Calls that the line is told to begin, to end, or to record."""

from typing import Literal

from msgspec import Struct, field


class NewCall(Struct, frozen=True, kw_only=True):
    """A call to be begun. One of `user_email` and `from` must be there."""

    to: str
    user_email: str | None = None
    from_: str | None = field(name="from", default=None)
    record: bool | None = None


class OrderedCall(Struct, frozen=True, kw_only=True):
    """A call that is about to begin."""

    id: str
    user_email: str
    from_number: str
    to_number: str


class RecordingAsked(Struct, frozen=True, kw_only=True):
    """How a call is to be recorded from now on."""

    state: Literal["on", "paused", "off"]


class CallOrder(Struct, frozen=True, kw_only=True):
    """Of which call the line was told something."""

    id: str
