"""What FreeSWITCH says of its channels. All times are wall milliseconds, FreeSWITCH's own."""

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A line of a channel's transfer history: `bl_xfer` with `extension/context/dialplan`, `att_xfer`, or `uuid_br`
    with the id of the channel that it was connected with. `id` is unique to it; `at` is to the second, or `exact`.
    """

    id: str
    at: int
    kind: str
    rest: str
    exact: bool = False


class Channel(msgspec.Struct, frozen=True):
    """A channel as it was at some moment; what was not said is empty or None."""

    id: str
    name: str  # sofia/external/+33612345678@10.0.0.1
    outbound: bool = False  # FreeSWITCH called, rather than was called
    number: str = ""  # its caller ID
    exten: str = ""  # what was called
    context: str = ""
    profile: str = ""
    gateway: str = ""
    host: str = ""  # the other end's
    user: str = ""  # whose telephone it is
    authorized: bool = False  # the other end has logged in as that user
    diverted: str = ""  # the number that was called first
    by: str = ""  # the channel for which it is called
    twin: str = ""  # the other half of a call of FreeSWITCH to itself
    disposition: str = ""  # BLIND_TRANSFER, ATTENDED_TRANSFER, ...
    history: tuple[Entry, ...] = ()
    created_at: int = 0
    rang_at: int | None = None
    answered_at: int | None = None
    bridged_at: int | None = None
    partner: str = ""  # with whom it is connected since `bridged_at`


class Began(msgspec.Struct, frozen=True):
    """A channel came to be; `channel` is as it was then."""

    at: int
    channel: Channel


class Seen(msgspec.Struct, frozen=True):
    """A channel is there, and is like this now."""

    at: int
    channel: Channel


class Rang(msgspec.Struct, frozen=True):
    """A channel that is called has begun to ring, or to play something before it is answered."""

    at: int
    channel: Channel


class PickedUp(msgspec.Struct, frozen=True):
    """A channel was answered."""

    at: int
    channel: Channel


class Entered(msgspec.Struct, frozen=True):
    """Channels are connected to whoever else is in the room: the two of a bridge, the members of a conference."""

    at: int
    channels: tuple[Channel, ...]
    room: str


class Left(msgspec.Struct, frozen=True):
    """A channel is not in the room any more; without a room, in none. `all_`: nor is anybody else."""

    at: int
    channel: Channel
    room: str = ""
    all_: bool = False


class Pressed(msgspec.Struct, frozen=True):
    """The dialplan says what was chosen in a menu of it."""

    at: int
    channel: Channel
    key: str
    label: str | None


class Taped(msgspec.Struct, frozen=True):
    """A recording of a channel has begun, or is complete in the file `path` of FreeSWITCH's machine.

    `message`: nobody is connected, the caller speaks to the machine. `stereo`: what the channel says is on the left and
    what it hears on the right, the other way round when `swapped`.
    """

    at: int
    channel: Channel
    path: str
    complete: bool
    message: bool = False
    stereo: bool = False
    swapped: bool = False
    seconds: float = 0.0
    began_at: int = 0  # as far as it can be told


class Gone(msgspec.Struct, frozen=True):
    """A channel was hung up; `cause` is FreeSWITCH's name of it."""

    at: int
    channel: Channel
    cause: str


class Lost(msgspec.Struct, frozen=True):
    """The connection broke at `at`: from now on nothing is heard of."""

    at: int


class Everything(msgspec.Struct, frozen=True):
    """All channels that there are. One that is missing, and of which nothing was heard since the break, is gone.

    `heard_at` is when the connection broke; None when there was none before.
    """

    at: int
    channels: tuple[Channel, ...]
    heard_at: int | None = None


Happening = Began | Seen | Rang | PickedUp | Entered | Left | Pressed | Taped | Gone | Lost | Everything
