"""One connection to a carrier, over SMPP 3.4.

▶ bind                      once, with our name and password
▶ submit_sm, query_sm       several under way at a time, each with a number that its answer repeats
◀ deliver_sm, data_sm       answered when what they bring is durable, in the order they came
▶◀ enquire_link             when nothing was heard for a while: is anybody there?
▶◀ unbind                   the end
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from switchhook.clock import Clock, Deadline
from switchhook.telephony.smpp.pdu import (
    ANSWER,
    HEADER,
    Bind,
    Command,
    Header,
    Message,
    PduError,
    Status,
    bind_body,
    frame,
    read_header,
    read_message,
)

log = logging.getLogger(__name__)

WAIT = 10.0  # seconds for the connection, and for the answer to a bind
ANSWER_WAIT = 30.0  # seconds for the answer to anything else
QUIET = 30.0  # seconds without a word until we ask whether anybody is there
WAITING_MOST = 200  # messages that came in and are not answered yet; no more are read meanwhile
GOODBYE = 2.0  # seconds for the answer to an unbind

Binding = Literal["transceiver", "transmitter", "receiver"]
_BINDS = {
    "transceiver": Command.BIND_TRANSCEIVER,
    "transmitter": Command.BIND_TRANSMITTER,
    "receiver": Command.BIND_RECEIVER,
}
_WRONG_LOGIN = frozenset(
    {
        Status.BIND_FAILED,
        Status.INVALID_PASSWORD,
        Status.INVALID_SYSTEM_ID,
        Status.INVALID_SYSTEM_TYPE,
        Status.ALREADY_BOUND,
    }
)

Take = Callable[[Message], Awaitable[Status]]
"""Takes what came in; returns what the carrier is told, once it is durable."""


class Lost(Exception):
    """The connection is gone. `sent` says whether what was asked may have reached the carrier."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class LoginRefused(Exception):
    """The carrier does not let us in; the text says what to change. To be tried again, seldom."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Access(msgspec.Struct, frozen=True):
    """Where the carrier is and who we are to it."""

    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    address_range: str = ""
    tls: bool = False

    def __repr__(self) -> str:
        return f"Access({self.host!r}, {self.port}, {self.system_id!r})"


class Session:
    """One connection. `take` is given what comes in, one after the other."""

    def __init__(self, access: Access, binding: Binding, clock: Clock, take: Take) -> None:
        self._access = access
        self._binding: Binding = binding
        self._clock = clock
        self._take = take
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._sequence = 0
        self._asked: dict[int, asyncio.Future[tuple[Header, bytes]]] = {}
        self._inbox: asyncio.Queue[tuple[Header, bytes]] = asyncio.Queue(WAITING_MOST)
        self._heard = 0.0
        self._why = "the connection is closed"
        self._tasks: list[asyncio.Task[None]] = []
        self.over = asyncio.Event()

    async def open(self) -> None:
        """Connect and bind.

        Raises:
            Lost: the carrier cannot be reached, or does not speak SMPP.
            LoginRefused: it does not let us in.
        """
        access = self._access
        context = ssl.create_default_context() if access.tls else None
        try:
            async with Deadline(self._clock, WAIT):
                self._reader, self._writer = await asyncio.open_connection(
                    access.host, access.port, ssl=context
                )
        except (OSError, TimeoutError) as error:
            raise Lost(f"cannot reach {access.host}:{access.port}: {_reason(error)}") from None
        self._heard = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work()) for work in (self._read, self._work, self._keep_alive)]
        bind = Bind(
            command=_BINDS[self._binding],
            system_id=access.system_id,
            password=access.password,
            system_type=access.system_type,
            address_range=access.address_range,
        )
        try:
            header, _ = await self.ask(bind.command, bind_body(bind), wait=WAIT)
        except Lost as error:
            # Many carriers hang up on a wrong password without a word.
            await self.close()
            raise Lost(f"{access.host}:{access.port} does not answer the bind: {error}") from None
        if header.status != Status.OK:
            await self.close()
            why = f"it answers the bind of {access.system_id!r} with {status_name(header.status)}"
            if header.status in _WRONG_LOGIN:
                raise LoginRefused(
                    f"{why}; check system_id, password and system_type in [texts.smpp]", header.status
                )
            raise Lost(why)

    async def ask(self, command: Command, body: bytes, *, wait: float = ANSWER_WAIT) -> tuple[Header, bytes]:
        """Send a request; its answer, whatever its status.

        Raises:
            Lost: no answer came, or will. `sent` is false when the request has surely not been sent.
        """
        writer = self._writer
        if writer is None or self.over.is_set():
            raise Lost(self._why)
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        number = self._sequence
        answer: asyncio.Future[tuple[Header, bytes]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            writer.write(frame(command, number, body))
            async with Deadline(self._clock, wait):
                return await answer
        except TimeoutError:
            raise Lost(f"no answer to {command.name.lower()} in {wait:g} s", sent=True) from None
        finally:
            del self._asked[number]

    async def close(self) -> None:
        """Unbind and hang up. What came in and is not durable yet is not answered: it comes again."""
        if self._writer is not None and not self.over.is_set():
            try:
                await self.ask(Command.UNBIND, b"", wait=GOODBYE)
            except Lost:
                pass  # many hang up without an answer
        self._end("the connection was closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            try:
                async with Deadline(self._clock, GOODBYE):
                    await writer.wait_closed()
            except (OSError, TimeoutError):
                pass  # it was gone already

    def _end(self, why: str) -> None:
        if self.over.is_set():
            return
        self._why = why
        self.over.set()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(Lost(why, sent=True))
                answer.exception()  # who asked may have been cancelled: then nobody looks at it
        if self._writer is not None:
            self._writer.close()

    @property
    def why(self) -> str:
        """Why it is over."""
        return self._why

    async def _read(self) -> None:
        assert self._reader is not None
        try:
            while not self.over.is_set():
                header = read_header(await self._reader.readexactly(HEADER))
                body = await self._reader.readexactly(header.length - HEADER)
                self._heard = self._clock.monotonic()
                await self._dispatch(header, body)
        except PduError as error:
            self._end(f"the carrier does not speak SMPP: {error}")
        except (asyncio.IncompleteReadError, OSError) as error:
            self._end(f"the carrier closed the connection: {_reason(error)}")

    async def _dispatch(self, header: Header, body: bytes) -> None:
        if header.command & ANSWER:
            answer = self._asked.get(header.sequence)
            if answer is not None and not answer.done():
                answer.set_result((header, body))
            return
        match header.command:
            case Command.DELIVER_SM | Command.DATA_SM:
                await self._inbox.put((header, body))
            case Command.ENQUIRE_LINK:
                self._answer(header, Status.OK)
            case Command.UNBIND:
                self._answer(header, Status.OK)
                self._end("the carrier unbound us")
            case 0x0000000B | 0x00000102:  # outbind, alert_notification: they have no answer
                pass
            case _:
                self._write(frame(Command.GENERIC_NACK, header.sequence, status=Status.INVALID_COMMAND))

    async def _work(self) -> None:
        while True:
            header, body = await self._inbox.get()
            try:
                message = read_message(header.command, body)
            except PduError as error:
                log.warning("a message of the carrier cannot be read: %s", error)
                self._answer(header, error.status)
                continue
            try:
                status = await self._take(message)
            except Exception:
                log.exception(
                    "taking a message of the carrier failed; the carrier is asked to bring it again"
                )
                status = Status.RECEIVER_TEMPORARY
            self._answer(header, status)

    async def _keep_alive(self) -> None:
        while not self.over.is_set():
            left = self._heard + QUIET - self._clock.monotonic()
            if left > 0:
                await self._clock.sleep(left)
                continue
            try:
                await self.ask(Command.ENQUIRE_LINK, b"", wait=WAIT)
            except Lost as error:
                self._end(f"the carrier is silent: {error}")
            self._heard = self._clock.monotonic()

    def _answer(self, header: Header, status: Status) -> None:
        """Answer a request. The answer to a message has an empty id (section 4.6.2)."""
        with_id = header.command in (Command.DELIVER_SM, Command.DATA_SM)
        self._write(frame(header.command | ANSWER, header.sequence, b"\0" if with_id else b"", status))

    def _write(self, octets: bytes) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(octets)


def status_name(status: int) -> str:
    """A result of a request as it is said: its name where it is known, its number."""
    try:
        return f"{Status(status).name.lower().replace('_', ' ')} ({status:#010x})"
    except ValueError:
        return f"{status:#010x}"


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "it hung up"
    return str(error) or type(error).__name__
