"""The manager interface of Asterisk (AMI): lines `Key: Value`, a message ends with an empty one.

    ◀ Asterisk Call Manager/11.0.0
    ▶ Action: Challenge · Login          the secret itself travels only when that is asked for (`challenge = false`)
    ▶ Action: BridgeList · CoreShowChannels     what is up; each answer is a list of events with our ActionID
    ◀ Event: …                           as they come
    ▶ Action: CoreShowChannels           when nothing was heard for a while: is somebody there, and do we hear of calls?

Nothing that is sent changes anything in Asterisk.
"""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from switchhook.clock import Clock, Deadline
from switchhook.telephony.asterisk.ami_events import read
from switchhook.telephony.asterisk.ami_lists import Listing, Told
from switchhook.telephony.asterisk.happenings import Channel, Everything, Happening
from switchhook.telephony.asterisk.session import Access, Looked
from switchhook.telephony.watching import ConnectionLost, Refused

log = logging.getLogger(__name__)

LONGEST = 256 * 1024  # bytes of one message
GREETING = 1024  # bytes of the first line
WAIT = 10.0  # seconds for the connection, and for each answer until we are let in
QUIET = 30.0  # seconds without a word until we ask whether anybody is there, and again until it is given up
SOON = 2.0  # seconds in which a channel that is listed is told of as well
CLASSES = "call,user"

T = TypeVar("T")


class AmiSession:
    """One connection to the manager interface."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listing: Listing | None = None
        self._count = 0
        self._told = Told()
        self._untold: tuple[Channel, ...] = ()

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
        await self._ask()

    async def next(self) -> list[Happening]:
        """What comes next; nothing when that is of no interest to us, or nothing was heard for a while.

        Raises:
            ConnectionLost: the connection is gone.
            Refused: we may not ask what we have to, or are not told of calls.
        """
        message = await self._next_or_ask()
        now = self._clock.now()
        if self._listing is not None and self._listing.is_answer(message):
            channels = self._listing.take(message)
            return self._listed(channels, now) if channels is not None else []
        self._told.hear(message)
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

    async def _ask(self) -> None:
        self._count += 1
        self._listing = Listing(self._count, self._access.user)
        for action in self._listing.actions():
            await self._send(action)

    def _listed(self, channels: tuple[Channel, ...], now: int) -> list[Happening]:
        """The first list says what is up; those that come later, whether events tell of the same."""
        self._listing = None
        if self._count > 1:
            self._untold = self._told.untold(channels)
            return []
        self._told.begin(channels)
        return [Everything(now, channels)]

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
        why = message.get("Message", "no reason")
        if "already in use" in why.lower():
            advice = (
                "somebody, maybe another Switchhook or this one, is logged in by that name, and manager.conf has "
                "allowmultiplelogin = no; give each its own user"
            )
        else:
            advice = (
                "check user and secret in [asterisk] and in manager.conf, and that permit there has the address "
                "of this machine"
            )
        raise Refused(f"Asterisk does not let user {self._access.user!r} in ({why}); {advice}")

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

    async def _next_or_ask(self) -> Mapping[str, str]:
        """The next message. When none comes, it is asked what is up; an answer has to come, and no news in it."""
        listed, self._untold = self._untold, ()
        try:
            async with Deadline(self._clock, SOON if listed else QUIET):
                message = await self._message()
                self._untold = listed
                return message
        except TimeoutError:
            pass
        untold = self._told.untold(listed)
        if untold:
            raise Refused(
                f"Asterisk tells user {self._access.user!r} nothing of calls, and {untold[0].name} is one; "
                "give it read = call,user in manager.conf, and no eventfilter"
            )
        if self._listing is not None:
            raise ConnectionLost("Asterisk is silent")
        if not listed:
            await self._ask()
        return {}

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
