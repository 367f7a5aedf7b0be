"""The event socket of FreeSWITCH (ESL): lines `Key: value`, an empty one, and `Content-Length` bytes of a body.

    ◀ Content-Type: auth/request
    ▶ auth PASSWORD                       or: userauth USER@DOMAIN:PASSWORD
    ▶ event json CHANNEL_CREATE …         from now on events come, between the answers and in their order
    ▶ api show channels as json           what is up; then of each channel: api uuid_dump ID json
    ▶ api uptime                          when nothing was heard for a while; its heartbeat comes every 20 s

Nothing that is sent changes anything in FreeSWITCH.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from switchhook.clock import Clock, Deadline
from switchhook.telephony.freeswitch.events import (
    EVENTS,
    SUBCLASSES,
    Message,
    as_channel,
    as_listed,
    read,
    text,
)
from switchhook.telephony.freeswitch.happenings import Channel, Everything, Happening
from switchhook.telephony.freeswitch.session import Access
from switchhook.telephony.watching import ConnectionLost, Refused

log = logging.getLogger(__name__)

LONGEST_BLOCK = 64 * 1024  # bytes of the lines before a body
LONGEST_BODY = 16 * 1024 * 1024  # bytes; FreeSWITCH itself takes no more
WAIT = 10.0  # seconds for the connection, and for each answer
QUIET = 45.0  # seconds without a word until we ask whether anybody is there, and again until it is given up
WHILE_ASKED = 100_000  # events that may come before the list of what is up is complete

_ID = re.compile(r"[!-~]+")  # a profile may take the Call-ID of SIP for it
_ANSWERS = frozenset({"command/reply", "api/response"})

T = TypeVar("T")


class Frame(msgspec.Struct, frozen=True):
    """One message of the socket."""

    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def type(self) -> str:
        """Its `Content-Type`."""
        return self.headers.get("Content-Type", "")

    @property
    def answer(self) -> str:
        """What it answers to a command: the reply's text, or the output of the command."""
        if self.type == "api/response":
            return self.body.decode("utf-8", "replace").strip()
        return self.headers.get("Reply-Text", "").strip()


class EslSession:
    """One connection to the event socket."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._early: list[Happening] = []  # what came while an answer was awaited
        self._let_in = False  # the answer to the log-in has begun, and was not read to its end
        self.unheard: tuple[str, ...] = ()
        """Events of modules that we may not hear."""

    async def open(self) -> None:
        """Connect, log in, and subscribe.

        Raises:
            ConnectionLost: it cannot be reached, or does not speak this protocol.
            Refused: it does not let us in, or does not tell us what we need.
        """
        await self.log_in()
        answer = await self._ask(f"event json {' '.join(EVENTS)}")
        if not answer.startswith("+OK"):
            raise Refused(
                f"FreeSWITCH does not tell us of its channels ({answer or 'no reason'}); "
                "give the user the esl-allowed-events of docs/freeswitch.md"
            )
        # One by one: the first that is refused ends a command. `all` does not allow events of modules.
        refused = [
            one for one in SUBCLASSES if not (await self._ask(f"event json CUSTOM {one}")).startswith("+OK")
        ]
        self.unheard = tuple(refused)
        if refused:
            log.warning(
                "FreeSWITCH does not tell us of %s; name it in esl-allowed-events", ", ".join(refused)
            )
        await self._ask("event json HEARTBEAT")  # who may not hear it is asked whether it is there

    async def log_in(self) -> None:
        """Connect and log in; see `open`."""
        access = self._access
        try:
            async with Deadline(self._clock, WAIT):
                self._reader, self._writer = await asyncio.open_connection(
                    access.host, access.port, limit=LONGEST_BLOCK
                )
        except (OSError, TimeoutError) as error:
            raise ConnectionLost(f"cannot reach {access.host}:{access.port}: {_reason(error)}") from None
        greeting = await self._within(self._frame())
        if greeting.type == "text/rude-rejection":
            raise Refused(
                "FreeSWITCH does not take connections from this address; name it in the list that "
                "apply-inbound-acl of event_socket.conf.xml names (without it, only its own machine is taken)"
            )
        if greeting.type != "auth/request":
            raise ConnectionLost(f"{access.host}:{access.port} is no event socket of FreeSWITCH")
        as_user = f"userauth {access.user}:{access.password}"
        await self._send(as_user if access.user else f"auth {access.password}")
        answer = await self._within(self._verdict())
        if not answer.startswith("+OK"):
            raise Refused(
                f"FreeSWITCH does not let us in ({answer or 'no reason'}); check user and password in [freeswitch], "
                "and in event_socket.conf.xml or the directory"
            )

    async def api(self, command: str) -> str:
        """What a command of FreeSWITCH's console prints. Events that come meanwhile are kept for `next`.

        Raises:
            ConnectionLost: the connection is gone.
        """
        return await self._ask(f"api {command}")

    async def catch_up(self) -> list[Happening]:
        """All that is up, between what happened before and after it was asked for.

        Raises:
            ConnectionLost: the connection is gone.
            Refused: we may not ask.
        """
        listed = rows(await self.api("show channels as json"))
        if listed is None:
            raise Refused(
                "FreeSWITCH does not list its channels; give the user esl-allowed-api show, uuid_dump and uptime, "
                "and let the core have its database"
            )
        before, self._early = self._early, []
        at = self._clock.now()
        found = [await self._whole(channel) for row in listed if (channel := as_listed(row)) is not None]
        after, self._early = self._early, []
        # One that could not be told of any more is gone; if it went just now, its own event says when.
        heard = {one.channel.id for one in after if hasattr(one, "channel")}
        there = tuple(channel for channel, is_there in found if is_there or channel.id in heard)
        return [*before, Everything(at, there), *after]

    async def next(self) -> list[Happening]:
        """What comes next; nothing when that is of no interest to us, or nothing was heard for a while.

        Raises:
            ConnectionLost: the connection is gone.
        """
        if self._early:
            early, self._early = self._early, []
            return early
        try:
            async with Deadline(self._clock, QUIET):
                frame = await self._frame()
        except TimeoutError:
            await self._send("api uptime")
            try:
                async with Deadline(self._clock, QUIET):
                    frame = await self._frame()
            except TimeoutError:
                raise ConnectionLost("FreeSWITCH is silent") from None
        return self._happened(frame)

    async def close(self) -> None:
        """Hang up."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            try:
                async with Deadline(self._clock, WAIT):
                    await writer.wait_closed()
            except (OSError, TimeoutError):
                pass  # it was gone already

    async def _whole(self, listed: Channel) -> tuple[Channel, bool]:
        """A channel that is listed, with all that is known of it; and whether it is there."""
        if not _ID.fullmatch(listed.id):
            return listed, True
        answer = await self.api(f"uuid_dump {listed.id} json")
        if answer.startswith("-ERR No such channel"):
            return listed, False
        written = answer.encode()
        dumped = parse_json(written) if answer.startswith("{") else parse_plain(written)
        now = as_channel(dumped) if dumped is not None else None
        if now is None or now.id != listed.id:
            return listed, True
        began = {"exten": listed.exten, "context": listed.context, "number": listed.number}
        return msgspec.structs.replace(now, **{key: value for key, value in began.items() if value}), True

    async def _ask(self, command: str) -> str:
        await self._send(command)
        while True:
            frame = await self._within(self._frame())
            if frame.type in _ANSWERS:
                return frame.answer
            self._early += self._happened(frame)
            if len(self._early) > WHILE_ASKED:
                raise ConnectionLost("FreeSWITCH tells more than it answers")

    async def _within(self, awaited: Awaitable[T]) -> T:
        try:
            async with Deadline(self._clock, WAIT):
                return await awaited
        except TimeoutError:
            raise ConnectionLost("FreeSWITCH does not answer") from None

    def _happened(self, frame: Frame) -> list[Happening]:
        message = None
        if frame.type == "text/event-json":
            message = parse_json(frame.body)
        elif frame.type == "text/event-plain":
            message = parse_plain(frame.body)
        elif frame.type == "text/disconnect-notice" and frame.headers.get("Content-Disposition") != "linger":
            raise ConnectionLost("FreeSWITCH has ended the connection")
        return [] if message is None else read(message, self._clock.now())

    async def _verdict(self) -> str:
        """The answer to a log-in, as soon as it is there.

        What the user may do comes after it, and is cut off after 512 bytes: where its list of events is long there is
        no empty line, and the answer to the next command begins in the midst of it.
        """
        while True:
            key, _, value = (await self._line()).decode("utf-8", "replace").partition(":")
            if key == "Reply-Text":
                self._let_in = True
                return value.strip()

    async def _begun(self) -> bytes:
        """Read over what is left of the answer to the log-in; what was already read of the next message."""
        self._let_in = False
        while (line := await self._line()).strip():
            at = line.find(b"Content-Type: ")
            if at >= 0:
                return line[at:]
        return b""

    async def _line(self) -> bytes:
        assert self._reader is not None
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise ConnectionLost("FreeSWITCH sent a message without an end") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ConnectionLost(f"FreeSWITCH closed the connection: {_reason(error)}") from None

    async def _frame(self) -> Frame:
        assert self._reader is not None
        begun = await self._begun() if self._let_in else b""
        try:
            headers = parse_block(begun + await self._reader.readuntil(b"\n\n"))
            if not headers:
                raise ConnectionLost("FreeSWITCH sent what is no message")
            length = headers.get("Content-Length", "0")
            if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > LONGEST_BODY:
                raise ConnectionLost("FreeSWITCH sent a message that is too long")
            return Frame(headers, await self._reader.readexactly(int(length)) if int(length) else b"")
        except asyncio.LimitOverrunError:
            raise ConnectionLost("FreeSWITCH sent a message without an end") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ConnectionLost(f"FreeSWITCH closed the connection: {_reason(error)}") from None

    async def _send(self, command: str) -> None:
        if self._writer is None:
            raise ConnectionLost("the connection is closed")
        try:
            self._writer.write(f"{command}\n\n".encode())
            async with Deadline(self._clock, WAIT):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise ConnectionLost(f"FreeSWITCH closed the connection: {_reason(error)}") from None


def parse_block(block: bytes) -> dict[str, str]:
    """The fields of a block of lines. Of one that comes twice the first one counts; what is no field is left out."""
    fields: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").split("\n"):
        key, colon, value = line.rstrip("\r").partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    return fields


def parse_plain(body: bytes) -> Message:
    """An event of `Key: value` lines, whose values are percent-encoded."""
    block = body.partition(b"\n\n")[0]
    return {key: unquote(value) for key, value in parse_block(block).items()}


def parse_json(body: bytes) -> Message | None:
    """An event or a list, or None when it cannot be read. What callers send may be in any character set."""
    try:
        found: Any = json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        log.warning("FreeSWITCH sent an event that is no JSON; it is left out")
        return None
    return found if isinstance(found, dict) else None


def rows(answer: str) -> list[Message] | None:
    """The rows of a list in JSON, None when it is none. An empty one has no rows at all."""
    found = parse_json(answer.encode()) if answer.startswith("{") else None
    if found is None or "row_count" not in found:
        return None
    listed = found.get("rows", [])
    return (
        [row for row in listed if isinstance(row, dict) and text(row, "uuid")]
        if isinstance(listed, list)
        else None
    )


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
