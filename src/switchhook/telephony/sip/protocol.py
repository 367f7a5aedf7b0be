"""What the server's process and the SIP worker say to each other, over a Unix socket pair.

One JSON object a line, typed by `is`. The socket's end is a message as well: to the worker it means that the
server is gone (hang up, finish the recordings, journal the facts, exit), to the server that the worker is.

    server ─▶ worker   Configure (first, once) · Ack · Plan · PassOn · Originate · SetRecording · Directory · HangUp
                       · Ping · Stop
    worker ─▶ server   Ready or Refused (first, once) · Report · Pong

A `Report` carries a fact that is already in the worker's journal, and is repeated to the next server until its
`Ack` is journalled too. Every `Offered` is answered by an `Ack` (it is committed) and then a `Plan`, every
`TransferAsked` by an `Ack` and a `PassOn`. The worker
lets no final SIP answer out before the `Ack` of the fact that this answer stands for.
"""

import asyncio

import msgspec

from switchhook.telephony.sip.backend import Health
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.plan import RecordingState, RingPlan, TransferPlan
from switchhook.workspace.facts import AnyFact, Offered

LINE_LIMIT = 1 << 20
"""Longest line in bytes; a fact is under a kilobyte, a directory of ten thousand telephones under half of this."""


class Configure(msgspec.Struct, frozen=True, tag_field="is", tag="configure"):
    """Start with these settings. `spent` are ids of calls already ended, which no new call may take."""

    config: SipConfig
    data_dir: str
    spent: tuple[str, ...] = ()


class Ack(msgspec.Struct, frozen=True, tag_field="is", tag="ack"):
    """The fact reported as `seq` is durable."""

    seq: int


class Plan(msgspec.Struct, frozen=True, tag_field="is", tag="plan"):
    """What shall become of the call, and whether a talk in it is recorded (if the line records at all).

    `consent` is the file that both hear before that, if there is one.
    """

    call: str
    plan: RingPlan
    record: bool = True
    consent: str = ""


class Originate(msgspec.Struct, frozen=True, tag_field="is", tag="originate"):
    """Begin a call that somebody ordered. One of that id that exists already is left alone."""

    offered: Offered


class SetRecording(msgspec.Struct, frozen=True, tag_field="is", tag="set_recording"):
    """Record the talk of a call, or silence, or nothing."""

    call: str
    state: RecordingState


class PassOn(msgspec.Struct, frozen=True, tag_field="is", tag="pass_on"):
    """What shall become of the transfer that the fact `asked` asks for."""

    call: str
    asked: str
    plan: TransferPlan


class Directory(msgspec.Struct, frozen=True, tag_field="is", tag="directory"):
    """Our telephones and numbers from now on; calls that are on go on."""

    users: tuple[str, ...]
    numbers: tuple[str, ...]
    extensions: tuple[str, ...] = ()


class HangUp(msgspec.Struct, frozen=True, tag_field="is", tag="hang_up"):
    """End that call now, whatever its state."""

    call: str


class Ping(msgspec.Struct, frozen=True, tag_field="is", tag="ping"):
    """Is the worker's loop alive?"""

    number: int


class Stop(msgspec.Struct, frozen=True, tag_field="is", tag="stop"):
    """End all calls orderly and exit."""


class Ready(msgspec.Struct, frozen=True, tag_field="is", tag="ready"):
    """The line is open."""


class Refused(msgspec.Struct, frozen=True, tag_field="is", tag="refused"):
    """The line cannot be opened; the worker exits."""

    why: str


class Report(msgspec.Struct, frozen=True, tag_field="is", tag="report"):
    """A fact. `seq` counts within this worker."""

    seq: int
    fact: AnyFact


class Pong(msgspec.Struct, frozen=True, tag_field="is", tag="pong"):
    """The loop is alive; `calls` are on, `refused` were turned away at `max_calls` since the start."""

    number: int
    calls: int
    refused: int
    health: Health = Health()


Down = Configure | Ack | Plan | PassOn | Originate | SetRecording | Directory | HangUp | Ping | Stop
Up = Ready | Refused | Report | Pong

_encoder = msgspec.json.Encoder()
_down: msgspec.json.Decoder[Down] = msgspec.json.Decoder(Down)
_up: msgspec.json.Decoder[Up] = msgspec.json.Decoder(Up)


def encode(message: Down | Up) -> bytes:
    """One line, its end included."""
    return _encoder.encode(message) + b"\n"


async def read_down(reader: asyncio.StreamReader) -> Down | None:
    """The server's next message; None when it is gone.

    Raises:
        msgspec.ValidationError: the line is no message; the two sides are of different versions.
    """
    line = await _line(reader)
    return _down.decode(line) if line else None


async def read_up(reader: asyncio.StreamReader) -> Up | None:
    """The worker's next message; None when it is gone.

    Raises:
        msgspec.ValidationError: the line is no message.
    """
    line = await _line(reader)
    return _up.decode(line) if line else None


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readline()
    except ConnectionError:
        return b""
    return line if line.endswith(b"\n") else b""  # a line without its end was cut by the sender's death
