"""Somebody who stands between a store and its database, and cuts the line at the worst moment."""

import asyncio
from contextlib import suppress
from enum import Enum


class Cut(Enum):
    """What happens to the next COMMIT."""

    NOTHING = "nothing"
    BEFORE = "the server never gets it"
    AFTER = "the server does it, but its answer gets lost"


class Between:
    """Forwards TCP connections to `port`; `open` says whether new ones are taken."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()
        self.cut = Cut.NOTHING
        self.cuts = 0
        self.open = True
        self.close_after_cut = False
        self.flows = asyncio.Event()  # while it is clear, nothing comes through and nobody is told
        self.flows.set()
        self.port = 0
        self.taken = 0  # connections so far

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        self.flows.set()
        await self._server.wait_closed()
        while self._lines:
            await asyncio.sleep(0.001)

    def hang_up(self) -> None:
        for line in list(self._lines):
            line.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        self.taken += 1
        up_reader, up = await asyncio.open_connection("127.0.0.1", self._target)
        self._lines |= {writer, up}
        deaf = asyncio.Event()

        async def forth() -> None:
            while data := await reader.read(65536):
                await self.flows.wait()
                if up.is_closing():
                    return
                if b"COMMIT\x00" in data and self.cut is not Cut.NOTHING:
                    cut, self.cut = self.cut, Cut.NOTHING
                    self.cuts += 1
                    self.open = not self.close_after_cut
                    deaf.set()
                    if cut is Cut.AFTER:
                        up.write(data)
                        await up.drain()
                        await up_answer.wait()
                    return
                up.write(data)
                await up.drain()

        up_answer = asyncio.Event()

        async def back() -> None:
            while data := await up_reader.read(65536):
                if deaf.is_set():
                    up_answer.set()
                    continue
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.ensure_future(forth()), asyncio.ensure_future(back())]
        with suppress(OSError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in (writer, up):
            line.transport.abort()
            self._lines.discard(line)
