"""An event socket on a real socket: it lets in or not, tells what is up, drops, delays and repeats."""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

Message = Mapping[str, Any]
VERSION = "FreeSWITCH Version 1.10.12-release~64bit (-release 64bit)"


def framed(type_: str, body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\n" if body else ""
    return f"{length}Content-Type: {type_}\n\n".encode() + body


def written(message: Message, *, plain: bool = False) -> bytes:
    """An event as it is sent."""
    if plain:
        return framed("text/event-plain", lines(message).encode())
    return framed("text/event-json", json.dumps(message, ensure_ascii=False).encode())


def lines(message: Message) -> str:
    """An event as lines."""
    fields = [f"{key}: {quote(value, safe='')}" for key, value in message.items() if isinstance(value, str)]
    return "\n".join(fields) + "\n\n"


class Socket:
    """Lets in whoever has `password`, as itself or as `user`. `up` is what there is, as events of the channels."""

    def __init__(self, password: str = "s3cret-of-the-switch", user: str = "") -> None:
        self.password = password
        self.user = user
        self.greeting = framed("auth/request")
        self.up: list[Message] = []
        self.unlisted: set[str] = set()  # channels that are gone before they can be dumped
        self.while_listing: list[Message] = []  # events that come between two answers
        self.forbidden: set[str] = set()  # first words of commands, and events
        self.rights = (
            ""  # what it says of them when somebody is let in; FreeSWITCH cuts it off after 512 bytes
        )
        self.dump_plain = False  # channels are dumped as lines
        self.mute = False
        self.asked: list[str] = []  # all commands, as they came
        self.logins = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        """Break every connection off, without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def sends(self, data: bytes, *, piece: int = 1 << 20) -> None:
        """Send something to who is let in, in pieces of so many bytes."""
        for writer in list(self._writers):
            with contextlib.suppress(ConnectionError):
                for start in range(0, len(data), piece):
                    writer.write(data[start : start + piece])
                    await writer.drain()
                    await asyncio.sleep(0)

    async def tells(self, messages: Iterable[Message], *, piece: int = 1 << 20, plain: bool = False) -> None:
        """Send events to who is let in."""
        await self.sends(b"".join(written(message, plain=plain) for message in messages), piece=piece)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writer.write(self.greeting)
        try:
            while True:
                command = (await reader.readuntil(b"\n\n")).decode().strip()
                self.asked.append(command)
                if not self.mute and not self._answer(command, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, command: str, writer: asyncio.StreamWriter) -> bool:
        def reply(text: str) -> None:
            writer.write(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())

        word, _, rest = command.partition(" ")
        if word in {"auth", "userauth"}:
            wanted = f"{self.user}:{self.password}" if self.user else self.password
            if rest != wanted or (word == "userauth") is not bool(self.user):
                reply("-ERR invalid")
                writer.write(framed("text/disconnect-notice", b"Disconnected, goodbye.\n"))
                return False
            self.logins += 1
            self._writers.append(writer)
            said = f"Reply-Text: +OK accepted\n{self.rights}\n"[:510]
            writer.write(f"Content-Type: command/reply\n{said}".encode())
        elif word == "event":
            reply(
                "-ERR permission denied"
                if self.forbidden & set(rest.split()[1:])
                else "+OK event listener enabled json"
            )
        elif word == "api" and rest.split()[0] in self.forbidden:
            reply("-ERR permission denied")
        elif word == "api":
            writer.write(framed("api/response", self._api(rest).encode()))
            for message in self.while_listing:
                writer.write(written(message))
            self.while_listing = []
        else:
            reply("-ERR command not found")
        return True

    def _api(self, command: str) -> str:
        if command == "show channels as json":
            if not self.up:
                return '{"row_count":0}\n'
            return (
                json.dumps({"row_count": len(self.up), "rows": [row(message) for message in self.up]}) + "\n"
            )
        if command.startswith("uuid_dump "):
            id_ = command.split()[1]
            for message in self.up:
                if message["Unique-ID"] == id_ and id_ not in self.unlisted:
                    if self.dump_plain:
                        return lines(message)
                    return json.dumps({**message, "Event-Name": "CHANNEL_DATA"})
            return "-ERR No such channel!\n"
        return {"version": VERSION + "\n", "strepoch": "1700000000"}.get(command, "1000000")


def row(message: Message) -> dict[str, str]:
    """A channel as it is listed."""
    return {
        "uuid": message["Unique-ID"],
        "direction": message["Call-Direction"],
        "created_epoch": str(int(message["Caller-Channel-Created-Time"]) // 1_000_000),
        "name": message["Channel-Name"],
        "cid_num": message.get("Caller-Caller-ID-Number", ""),
        "dest": message.get("Caller-Destination-Number", ""),
        "context": message.get("Caller-Context", ""),
        "call_uuid": message.get("Channel-Call-UUID", message["Unique-ID"]),
        "initial_dest": message.get("first-destination", message.get("Caller-Destination-Number", "")),
        "initial_context": message.get("first-context", message.get("Caller-Context", "")),
    }
