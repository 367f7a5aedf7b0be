"""The transcriber, seen from the server's process: started when there is work, watched, ended when there is none.

transcribe(order) ──▶ no process? start it, Configure ──▶ Order ──▶ Done, Failed, or its end
                                                            └─ nothing for `idle` seconds: its memory is given back
"""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from switchhook.clock import Clock, Deadline, Timer
from switchhook.media.transcription import protocol as p

log = logging.getLogger(__name__)

START = 60.0  # seconds to load a model on a machine that is busy
PATIENCE = 120.0  # seconds that every order has
PACE = 20.0  # and so many for each second of sound
GRACE = 2.0


class CannotStart(Exception):
    """There is no transcriber, whatever the recording; the text says why."""


class Gone(Exception):
    """The transcriber ended, or had to be ended, before it had an answer."""


class Attendant:
    """Has orders done, one at a time. `told` hears how far the one that is done has come, in seconds."""

    def __init__(
        self, settings: p.Configure, clock: Clock, idle: float, told: Callable[[float], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._idle = idle
        self._told = told
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._timer: Timer | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process, when there is one."""
        return self._process.pid if self._process else None

    async def transcribe(self, order: p.Order) -> p.Done | p.Failed:
        """Have an order done.

        Raises:
            CannotStart: it cannot be had.
            Gone: nobody knows what it would have been.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closing is not None:
            await self._closing
        try:
            if self._process is None:
                await self._start()
            return await self._ask(order)
        except BaseException:
            await self.close()
            raise
        finally:
            if self._process is not None:
                self._timer = self._clock.call_later(self._idle, self._rest)

    async def close(self) -> None:
        """End the process, whatever it is at."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        process, self._process = self._process, None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, GRACE)  # its end of the socket is closed
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def _rest(self) -> None:
        self._timer = None
        self._closing = asyncio.get_running_loop().create_task(self.close())

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        speech = self._settings.speech
        threads = str(speech.threads if isinstance(speech, p.Local) else 1)
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-m", "switchhook.media.transcription.worker", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own module; starting takes milliseconds
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )
        ours.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=p.LINE_LIMIT)
        self._writer.write(p.encode(self._settings))
        match await self._heard(START):
            case p.Ready():
                return
            case p.Refused(why):
                raise CannotStart(why)
            case _:
                raise CannotStart("the transcriber ended while it started; its messages are above")

    async def _ask(self, order: p.Order) -> p.Done | p.Failed:
        assert self._writer is not None
        self._writer.write(p.encode(order))
        ends = self._clock.monotonic() + PATIENCE + PACE * order.seconds
        while (message := await self._heard(ends - self._clock.monotonic())) is not None:
            match message:
                case p.Progress():
                    self._told(message.seconds)
                case p.Done() | p.Failed():
                    return message
                case _:
                    break
        raise Gone("the transcriber ended, or took too long")

    async def _heard(self, seconds: float) -> p.Up | None:
        assert self._reader is not None
        with suppress(TimeoutError):
            async with Deadline(self._clock, max(seconds, 0.0)):
                return await p.read_up(self._reader)
        return None
