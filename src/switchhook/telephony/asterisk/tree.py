"""What is known of one channel and of one call: the same, also when it was said twice or a little out of order."""

import msgspec

from switchhook.telephony.asterisk.happenings import Channel
from switchhook.workspace.facts import Direction


class Leg(msgspec.Struct):
    """A channel, from the first to the last that was heard of it. Times are Asterisk's, in wall ms."""

    id: str
    name: str
    call: str  # the call it is part of
    linked: bool = True  # Asterisk has said which call that is
    created: Channel | None = None
    created_at: int = 0
    by: Channel | None = None  # who dialled it
    string: str = ""  # what was dialled
    dialled_at: int | None = None
    dialled_heard: float = 0.0  # when that was heard, on our monotonic clock
    rang_at: int | None = None
    joined_at: int | None = None  # first connected to somebody
    adopted: bool = False  # it came to its call by being connected with it
    bridge: str = ""
    status: str = ""
    gone_at: int | None = None
    cause: int = 0
    tech: int = 0
    gone_heard: float = 0.0  # when that was heard, on our monotonic clock

    @property
    def here(self) -> bool:
        """Whether its call goes on for its sake."""
        return self.gone_at is None and not (self.adopted and not self.bridge)


class Move(msgspec.Struct, frozen=True):
    """Somebody passed the call on. `to` and what is there are not known before somebody was dialled (`None`)."""

    id: str
    at: int
    by: str
    exten: str
    to: str | None
    outside: bool = False
    attended: bool = False


class Recording(msgspec.Struct):
    """A file that Asterisk writes. `leg` is whose channel is recorded or listened in on, empty before that is known."""

    name: str
    format: str
    target: str
    began_at: int
    leg: str = ""
    snooped: bool = False  # by a channel that listens in: to whom of the two is not told
    bridge: bool = False
    kept: bool | None = None  # whether there is a file; None while it is written


class Call(msgspec.Struct):
    """A call, or what may become one: the channels that belong together."""

    id: str
    legs: set[str] = msgspec.field(default_factory=set)
    direction: Direction | None = None
    leg: str = ""  # the channel it began with
    moves: dict[str, Move] = msgspec.field(default_factory=dict)
    told: set[str] = msgspec.field(default_factory=set)  # ids of facts
    over_at: int | None = None
    over_heard: float = 0.0
    ended: bool = False
