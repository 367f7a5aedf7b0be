"""What Asterisk says of its channels, whatever it was asked by. All times are wall milliseconds."""

import msgspec


class Channel(msgspec.Struct, frozen=True):
    """A channel as it was at some moment.

    `link` is the id of the channel that its call began with, itself included; empty when Asterisk does not say. `since`
    is when it began, 0 when that is not told.
    """

    id: str
    link: str
    name: str  # PJSIP/agent-00000007
    number: str = ""  # its caller ID
    exten: str = ""
    context: str = ""
    state: str = ""  # Down, Ring, Ringing, Up
    bridge: str = ""
    application: str = ""
    since: int = 0


class Created(msgspec.Struct, frozen=True):
    """A channel came to be; `channel` is as it was then."""

    at: int
    channel: Channel


class Dialled(msgspec.Struct, frozen=True):
    """A channel is called, by another one or by Asterisk itself. `string` is what it was told to dial."""

    at: int
    by: Channel | None
    channel: Channel
    string: str = ""


class Linked(msgspec.Struct, frozen=True):
    """A channel is part of the call of another one, which is found out where Asterisk does not link them."""

    at: int
    channel: Channel
    to: Channel


class Changed(msgspec.Struct, frozen=True):
    """A channel has begun to ring, or is up."""

    at: int
    channel: Channel


class DialOver(msgspec.Struct, frozen=True):
    """What became of a dialled channel: `ANSWER`, `BUSY`, `CANCEL`, `NOANSWER`, `CHANUNAVAIL`, `CONGESTION`."""

    at: int
    channel: Channel
    status: str


class Entered(msgspec.Struct, frozen=True):
    """A channel is connected to whoever else is in the bridge."""

    at: int
    channel: Channel
    bridge: str


class Left(msgspec.Struct, frozen=True):
    """A channel is not in the bridge any more."""

    at: int
    channel: Channel
    bridge: str


class PassedOn(msgspec.Struct, frozen=True):
    """Whoever is at `by` has passed `whom` on to an extension, without asking there first."""

    at: int
    by: Channel
    whom: Channel | None
    exten: str


class Introduced(msgspec.Struct, frozen=True):
    """Whoever is at `by` has connected `whom` to `target`, with whom they spoke by `second` before."""

    at: int
    by: Channel
    second: Channel
    whom: Channel | None
    target: Channel | None


class Pressed(msgspec.Struct, frozen=True):
    """The dialplan says what was chosen in a menu of it."""

    at: int
    channel: Channel
    key: str
    label: str | None


class RecordingOn(msgspec.Struct, frozen=True):
    """A recording has begun, by whomever. `target` is `channel:ID` or `bridge:ID`, `format` how the file is written."""

    at: int
    name: str
    format: str
    target: str


class RecordingOver(msgspec.Struct, frozen=True):
    """A recording has ended; `kept` says whether there is a file. It began `seconds` before, about."""

    at: int
    name: str
    format: str
    target: str
    kept: bool
    seconds: int = 0


class Gone(msgspec.Struct, frozen=True):
    """A channel was hung up, with a cause of Q.850 and, when there is one, the status of its protocol."""

    at: int
    channel: Channel
    cause: int
    tech: int = 0


class Everything(msgspec.Struct, frozen=True):
    """All channels that there are. Those that were known before it was asked for, and are not here, are gone.

    `heard_at` is when the last was heard before; None when that was just now.
    """

    at: int
    channels: tuple[Channel, ...]
    heard_at: int | None = None


Happening = (
    Created
    | Dialled
    | Linked
    | Changed
    | DialOver
    | Entered
    | Left
    | PassedOn
    | Introduced
    | Pressed
    | RecordingOn
    | RecordingOver
    | Gone
    | Everything
)
