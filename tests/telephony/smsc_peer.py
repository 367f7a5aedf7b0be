"""A carrier that speaks SMPP 3.4 on a real socket, and can be made to misbehave."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from switchhook.telephony.smpp.pdu import (
    ANSWER,
    HEADER,
    Command,
    Header,
    Message,
    Status,
    frame,
    message_body,
    read_header,
    read_message,
)

Behaviour = str
"""well, drop (take it, and hang up), refuse, throttle, silent, nameless."""


@dataclass
class SmscPeer:
    """`behave` says of each submit what happens; `submitted` is what was taken."""

    behave: Callable[[int], Behaviour] = lambda number: "well"
    bind_status: int = Status.OK
    alive: bool = True  # whether it answers enquire_link
    query_state: int = 2
    submitted: list[Message] = field(default_factory=list)
    submits: int = 0
    binds: list[tuple[int, bytes]] = field(default_factory=list)
    answers: list[tuple[int, int]] = field(default_factory=list)  # sequence and status of answers to us
    unbound: int = 0
    port: int = 0

    async def start(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []
        self._news = asyncio.Condition()
        self._sequence = 0
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    @property
    def connected(self) -> bool:
        return bool(self._writers)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(true)

    async def until_bound(self, times: int = 1) -> None:
        await self.until(lambda: len(self.binds) >= times and bool(self._writers))

    async def deliver(self, message: Message, *, command: int = Command.DELIVER_SM) -> int:
        """Bring something; the number that its answer will have."""
        return await self.send(command, message_body(message))

    async def send(self, command: int, body: bytes = b"", sequence: int | None = None) -> int:
        self._sequence += 1
        number = self._sequence if sequence is None else sequence
        await self.raw(frame(command, number, body))
        return number

    async def raw(self, octets: bytes) -> None:
        self._writers[-1].write(octets)
        await self._writers[-1].drain()

    async def answered(self, number: int) -> int:
        """The status that a message was answered with."""
        await self.until(lambda: any(one[0] == number for one in self.answers))
        return next(status for sequence, status in self.answers if sequence == number)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                header = read_header(await reader.readexactly(HEADER))
                body = await reader.readexactly(header.length - HEADER)
                answer = self._answer(header, body, writer)
                if answer:
                    writer.write(answer)
                async with self._news:
                    self._news.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if writer in self._writers:
                self._writers.remove(writer)
            writer.close()
            async with self._news:
                self._news.notify_all()

    def _answer(self, header: Header, body: bytes, writer: asyncio.StreamWriter) -> bytes:
        def answer(more: bytes = b"", status: int = Status.OK) -> bytes:
            return frame(header.command | ANSWER, header.sequence, more, status)

        match header.command:
            case Command.BIND_TRANSCEIVER | Command.BIND_RECEIVER | Command.BIND_TRANSMITTER:
                self.binds.append((header.command, body))
                if self.bind_status == Status.OK:
                    self._writers.append(writer)
                return answer(b"smsc\0", self.bind_status)
            case Command.SUBMIT_SM:
                self.submits += 1
                return self._take(read_message(header.command, body), answer, writer)
            case Command.QUERY_SM:
                name = body[: body.index(b"\0")]
                return answer(name + b"\0\0" + bytes((self.query_state, 0)))
            case Command.ENQUIRE_LINK:
                return answer() if self.alive else b""
            case Command.UNBIND:
                self.unbound += 1
                return answer()
            case other if other & ANSWER:
                self.answers.append((header.sequence, header.status))
                return b""
            case _:
                return frame(Command.GENERIC_NACK, header.sequence, status=Status.INVALID_COMMAND)

    def _take(self, message: Message, answer: Callable[..., bytes], writer: asyncio.StreamWriter) -> bytes:
        how = self.behave(self.submits - 1)
        if how in ("well", "drop", "silent", "nameless"):
            self.submitted.append(message)
        match how:
            case "well":
                return answer(f"m{len(self.submitted)}\0".encode())
            case "nameless":
                return answer(b"\0")
            case "throttle":
                return answer(status=Status.THROTTLED)
            case "refuse":
                return answer(status=Status.INVALID_DESTINATION)
            case "drop":
                writer.transport.abort()
        return b""
