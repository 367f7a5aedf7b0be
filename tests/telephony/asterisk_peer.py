"""A manager interface on a real socket: it lets in or not, tells what is up, drops, delays and repeats."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterable, Mapping

Message = Mapping[str, str]


def written(message: Message) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in message.items()).encode() + b"\r\n"


class Manager:
    """Lets `user` with `secret` in. `up` is what is told to whoever asks for all channels."""

    def __init__(self, user: str = "switchhook", secret: str = "s3cret-of-asterisk") -> None:
        self.user = user
        self.secret = secret
        self.greeting = b"Asterisk Call Manager/11.0.0\r\n"
        self.up: list[Message] = []
        self.bridges: list[Message] = []
        self.may_list: bool | str = True  # or why not
        self.taken = False  # by another session of the same user, and no second one is allowed
        self.mute = False
        self.version, self.time = "22.10.1", 0.0  # in seconds since the Unix epoch
        self.asked: list[dict[str, str]] = []  # all actions, as they came
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

    async def tells(self, messages: Iterable[Message], *, piece: int = 1 << 20) -> None:
        """Send events to who is let in, in pieces of so many bytes."""
        data = b"".join(map(written, messages))
        for writer in list(self._writers):
            with contextlib.suppress(ConnectionError):
                for start in range(0, len(data), piece):
                    writer.write(data[start : start + piece])
                    await writer.drain()
                    await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writer.write(self.greeting)
        challenge = "840415273"
        try:
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                action = dict(line.split(": ", 1) for line in block.decode().split("\r\n") if line)
                self.asked.append(action)
                if not self.mute:
                    self._answer(action, challenge, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, action: dict[str, str], challenge: str, writer: asyncio.StreamWriter) -> None:
        def say(**fields: str) -> None:
            writer.write(
                written({**fields, **({"ActionID": action["ActionID"]} if "ActionID" in action else {})})
            )

        match action["Action"]:
            case "Challenge":
                say(Response="Success", Challenge=challenge)
            case "Login":
                key = hashlib.md5((challenge + self.secret).encode()).hexdigest()
                if action["Username"] != self.user or (
                    action.get("Secret") != self.secret and action.get("Key") != key
                ):
                    say(Response="Error", Message="Authentication failed")
                    writer.close()
                    return
                if self.taken:
                    say(Response="Error", Message="Login Already In Use")
                    writer.close()
                    return
                self.logins += 1
                self._writers.append(writer)
                say(Response="Success", Message="Authentication accepted")
                writer.write(written({"Event": "FullyBooted", "Status": "Fully Booted"}))
            case "BridgeList":
                say(Response="Success", EventList="start", Message="Bridge listing will follow")
                for bridge in self.bridges:
                    say(Event="BridgeListItem", **bridge)
                say(Event="BridgeListComplete", EventList="Complete", ListItems=str(len(self.bridges)))
            case "CoreShowChannels" if self.may_list is not True:
                say(Response="Error", Message=self.may_list or "Permission denied")
            case "CoreShowChannels":
                say(Response="Success", EventList="start", Message="Channels will follow")
                for channel in self.up:
                    say(Event="CoreShowChannel", **channel)
                say(Event="CoreShowChannelsComplete", EventList="Complete", ListItems=str(len(self.up)))
            case "Ping":
                say(Response="Success", Ping="Pong", Timestamp=f"{self.time:.6f}")
            case "CoreSettings":
                say(Response="Success", AsteriskVersion=self.version)
