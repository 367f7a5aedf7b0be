"""What the server's process and the transcriber say to each other, over a Unix socket pair: a JSON object a line.

    server ─▶ transcriber   Configure (first, once) · Order, one at a time
    transcriber ─▶ server   Ready or Refused (first, once) · Progress · Done or Failed, one for each Order

When the server's end closes, the transcriber exits at once: what it was at is still in the queue.
"""

import asyncio
from typing import Any, Literal

import msgspec

from switchhook.media.transcription.http import Place
from switchhook.media.transcription.speech import Said
from switchhook.settings.transcripts import Field

LINE_LIMIT = 64 << 20
"""Longest line in bytes; a word takes about ten, and four hours hold under 50,000."""


class Local(msgspec.Struct, frozen=True, tag="whisper"):
    """Whisper on this machine: the directory of its model (empty: the packaged one), and its threads."""

    model: str
    threads: int


class Remote(msgspec.Struct, frozen=True, tag="openai"):
    """An endpoint that transcribes."""

    place: Place


class Configure(msgspec.Struct, frozen=True, tag_field="is", tag="configure"):
    """Start with these settings. `chat` is an endpoint that summarises; without it `summaries` says whether we do."""

    speech: Local | Remote
    summaries: bool
    chat: Place | None
    prompt: str
    fields: tuple[Field, ...]
    allow_networks: tuple[str, ...]
    egress_proxy: str

    def __repr__(self) -> str:  # it holds keys
        return f"Configure({type(self.speech).__name__})"


class Order(msgspec.Struct, frozen=True, tag_field="is", tag="order"):
    """Transcribe the file. `tags` are the names of those that the call may be given, by their keys.

    `voicemail`: only the outside party is on it.
    """

    recording: str
    path: str
    seconds: float
    voicemail: bool = False
    tags: dict[str, str] = {}


class Ready(msgspec.Struct, frozen=True, tag_field="is", tag="ready"):
    """Orders are taken."""


class Refused(msgspec.Struct, frozen=True, tag_field="is", tag="refused"):
    """It cannot start, and exits."""

    why: str


class Progress(msgspec.Struct, frozen=True, tag_field="is", tag="progress"):
    """So many seconds of a recording are done."""

    recording: str
    seconds: float


class Done(msgspec.Struct, frozen=True, tag_field="is", tag="done"):
    """What was said, and what follows from it. `fell_back`: why the summary is not the model's."""

    recording: str
    language: str | None
    lines: tuple[Said, ...]
    summary: str
    summary_engine: Literal["extractive", "openai"] | None
    tags: tuple[str, ...]
    data: dict[str, Any]
    fell_back: str = ""


class Failed(msgspec.Struct, frozen=True, tag_field="is", tag="failed"):
    """There is no transcript: not now, or (`ever` is false) not at all."""

    recording: str
    why: str
    ever: bool


Down = Configure | Order
Up = Ready | Refused | Progress | Done | Failed

_encoder = msgspec.json.Encoder()
_down: msgspec.json.Decoder[Down] = msgspec.json.Decoder(Down)
_up: msgspec.json.Decoder[Up] = msgspec.json.Decoder(Up)


def encode(message: Down | Up) -> bytes:
    """A message as a line."""
    return _encoder.encode(message) + b"\n"


async def read_down(reader: asyncio.StreamReader) -> Down | None:
    """The server's next message; None when it is gone."""
    line = await _line(reader)
    return _down.decode(line) if line else None


async def read_up(reader: asyncio.StreamReader) -> Up | None:
    """The transcriber's next message; None when it is gone."""
    line = await _line(reader)
    return _up.decode(line) if line else None


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
