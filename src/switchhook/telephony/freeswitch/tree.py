"""What is known of one channel and of one call: the same, also when it was said twice or a little out of order."""

import msgspec

from switchhook.telephony.freeswitch.happenings import Channel, Entry, Taped
from switchhook.workspace.facts import Direction


class Leg(msgspec.Struct):
    """A channel, from the first to the last that was heard of it. Times are FreeSWITCH's, in wall ms."""

    id: str
    call: str  # the call it is part of
    created: Channel | None = None  # as it was when it began
    began_at: int = 0
    by: str = ""  # the channel for which it was called
    rang_at: int | None = None
    answered_at: int | None = None
    joined_at: int | None = None  # first connected to somebody
    spoke_at: int | None = None  # began to leave a message
    adopted: bool = False  # it came to its call by being connected with it
    room: str = ""
    room_at: int = 0
    disposition: str = ""
    entries: dict[str, Entry] = msgspec.field(default_factory=dict)
    tapes: dict[str, Taped] = msgspec.field(default_factory=dict)
    fresh: bool = False  # heard of since the connection was made
    gone_at: int | None = None
    cause: str = ""
    gone_heard: float = 0.0  # when that was heard, on our monotonic clock

    @property
    def here(self) -> bool:
        """Whether its call goes on for its sake. One that was only named may be gone long since."""
        return self.created is not None and self.gone_at is None and not (self.adopted and not self.room)


class Call(msgspec.Struct):
    """A call, or what may become one: the channels that belong together."""

    id: str
    legs: set[str] = msgspec.field(default_factory=set)
    direction: Direction | None = None
    leg: str = ""  # the channel it began with
    told: set[str] = msgspec.field(default_factory=set)  # ids of facts
    over_at: int | None = None
    over_heard: float = 0.0
    ended: bool = False
