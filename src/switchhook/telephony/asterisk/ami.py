"""The manager interface of Asterisk (AMI): lines `Key: Value`, a message ends with an empty one.

    ◀ Asterisk Call Manager/11.0.0
    ▶ Action: Challenge · Login          the secret itself travels only when that is asked for (`challenge = false`)
    ▶ Action: CoreShowChannels           what is up; the answer is a list of events with our ActionID
    ◀ Event: …                           as they come
    ▶ Action: Ping                       when nothing was heard for a while

Nothing that is sent changes anything in Asterisk.
"""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from switchhook.clock import Clock, Deadline
from switchhook.telephony.asterisk.ami_events import as_channel, read
from switchhook.telephony.asterisk.happenings import Channel, Everything, Happening
from switchhook.telephony.asterisk.session import Access, Looked
from switchhook.telephony.watching import ConnectionLost, Refused

log = logging.getLogger(__name__)

LONGEST = 256 * 1024  # bytes of one message
GREETING = 1024  # bytes of the first line
WAIT = 10.0  # seconds for the connection, and for each answer until we are let in
QUIET = 30.0  # seconds without a word until we ask whether anybody is there, and again until it is given up
CLASSES = "call,user"

T = TypeVar("T")


class AmiSession:
    """One connection to the manager interface."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listed: list[Channel] | None = None
        self._count = 0

    async def open(self) -> None:
        """Connect, log in, and ask for all that is up.

        Raises:
            ConnectionLost: it cannot be reached, or does not speak this protocol.
            Refused: it does not let us in.
        """
        access = self._access
        context = ssl.create_default_context() if access.tls else None
        try:
            async with Deadline(self._clock, WAIT):
                self._reader, self._writer = await asyncio.open_connection(
                    access.host, access.port, limit=LONGEST, ssl=context
                )
        except (OSError, TimeoutError) as error:
            raise ConnectionLost(f"cannot reach {access.host}:{access.port}: {_reason(error)}") from None
        greeting = await self._within(self._until(b"\n", GREETING))
        if not greeting.startswith(b"Asterisk Call Manager"):
            raise ConnectionLost(f"{access.host}:{access.port} is no manager interface of Asterisk")
        await self._log_in()
        await self.ask()

    async def ask(self) -> None:
        """Ask for all channels; `next` gives the answer.

        Raises:
            ConnectionLost: the connection is gone.
        """
        self._count += 1
        self._listed = []
        await self._send({"Action": "CoreShowChannels", "ActionID": self._list_id})

    async def next(self) -> list[Happening]:
        """What comes next; nothing when that is of no interest to us, or nothing was heard for a while.

        Raises:
            ConnectionLost: the connection is gone.
            Refused: we may not ask what we have to.
        """
        message = await self._next_or_ping()
        now = self._clock.now()
        if message.get("ActionID", "") == self._list_id:
            return self._list(message, now)
        return read(message, now)

    async def look(self) -> Looked:
        """Connect, and see what there is to see.

        Raises:
            ConnectionLost, Refused: see there.
        """
        await self.open()
        channels = await self._within(self._channels())
        await self._send({"Action": "CoreSettings", "ActionID": "settings"})
        about = await self._reply("settings")
        await self._send({"Action": "Ping", "ActionID": "ping"})
        now, there = self._clock.now(), (await self._reply("ping")).get("Timestamp", "")
        try:
            apart = round(float(there) - now / 1000, 1)
        except ValueError:
            apart = None
        return Looked(about.get("AsteriskVersion", ""), apart, channels)

    async def _channels(self) -> tuple[Channel, ...]:
        while True:
            for happening in await self.next():
                if isinstance(happening, Everything):
                    return happening.channels

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

    @property
    def _list_id(self) -> str:
        return f"switchhook-{self._count}"

    def _list(self, message: Mapping[str, str], now: int) -> list[Happening]:
        if message.get("Response") == "Error":
            raise Refused(
                f"user {self._access.user!r} may not list the channels ({message.get('Message', 'no reason')}); "
                "give it write = reporting in manager.conf"
            )
        if self._listed is None:
            return []
        if message.get("Event") == "CoreShowChannel":
            channel = as_channel(message)
            if channel is not None:
                self._listed.append(channel)
        if message.get("Event") == "CoreShowChannelsComplete":
            listed, self._listed = self._listed, None
            return [Everything(now, tuple(listed))]
        return []

    async def _log_in(self) -> None:
        access = self._access
        login = {"Action": "Login", "ActionID": "login", "Username": access.user, "Events": CLASSES}
        if access.challenge:
            await self._send({"Action": "Challenge", "ActionID": "challenge", "AuthType": "MD5"})
            answer = await self._answer("challenge")
            both = (answer.get("Challenge", "") + access.secret).encode()
            key = hashlib.md5(both, usedforsecurity=False).hexdigest()  # what the protocol has
            login |= {"AuthType": "MD5", "Key": key}
        else:
            login |= {"Secret": access.secret}
        await self._send(login)
        await self._answer("login")

    async def _answer(self, to: str) -> Mapping[str, str]:
        message = await self._reply(to)
        if message["Response"] == "Success":
            return message
        raise Refused(
            f"Asterisk does not let user {self._access.user!r} in "
            f"({message.get('Message', 'no reason')}); check user and secret in [asterisk] and in manager.conf"
        )

    async def _reply(self, to: str) -> Mapping[str, str]:
        """The answer to an action, whatever it is; what comes before it is left out."""
        for _ in range(1000):
            message = await self._within(self._message())
            if message.get("ActionID") == to and "Response" in message:
                return message
        raise ConnectionLost("Asterisk does not answer")

    async def _within(self, awaited: Awaitable[T]) -> T:
        try:
            async with Deadline(self._clock, WAIT):
                return await awaited
        except TimeoutError:
            raise ConnectionLost("Asterisk does not answer") from None

    async def _next_or_ping(self) -> Mapping[str, str]:
        try:
            async with Deadline(self._clock, QUIET):
                return await self._message()
        except TimeoutError:
            await self._send({"Action": "Ping", "ActionID": "ping"})
        try:
            async with Deadline(self._clock, QUIET):
                return await self._message()
        except TimeoutError:
            raise ConnectionLost("Asterisk is silent") from None

    async def _message(self) -> Mapping[str, str]:
        return parse(await self._until(b"\r\n\r\n", LONGEST))

    async def _until(self, mark: bytes, limit: int) -> bytes:
        assert self._reader is not None
        try:
            found = await self._reader.readuntil(mark)
        except asyncio.LimitOverrunError:
            raise ConnectionLost("Asterisk sent a message without an end") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ConnectionLost(f"Asterisk closed the connection: {_reason(error)}") from None
        if len(found) > limit:
            raise ConnectionLost("Asterisk sent a message that is too long")
        return found

    async def _send(self, fields: Mapping[str, str]) -> None:
        if self._writer is None:
            raise ConnectionLost("the connection is closed")
        text = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
        try:
            self._writer.write(f"{text}\r\n".encode())
            async with Deadline(self._clock, WAIT):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise ConnectionLost(f"Asterisk closed the connection: {_reason(error)}") from None


def parse(message: bytes) -> dict[str, str]:
    """The fields of a message. Of one that comes twice the first one counts; what is no field is left out."""
    fields: dict[str, str] = {}
    for line in message.decode("utf-8", "replace").split("\r\n"):
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    return fields


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
