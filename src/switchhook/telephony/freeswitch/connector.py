"""Keeps a connection to FreeSWITCH, and reports what comes of it.

    connect ─▶ be let in ─▶ all that is up ─▶ events … ─▶ lost: again, after a pause that grows
                               │                 └─▶ facts, each stored before the next event is looked at
                               └─▶ calls of ours that are not up any more are ended (`sweep`, also every minute)

What happens while there is no connection is not told by FreeSWITCH later, and a FreeSWITCH that starts anew knows of no
call. The list of what is up, asked for on every connection, says what is over and what has come: nothing that rang is
without an end.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Protocol

from switchhook.clock import Clock
from switchhook.storage.store import StorageError
from switchhook.telephony.freeswitch.calls import GRACE, Calls
from switchhook.telephony.freeswitch.happenings import Everything, Happening, Lost
from switchhook.telephony.freeswitch.names import Plan
from switchhook.telephony.freeswitch.recordings import Recordings
from switchhook.telephony.freeswitch.session import ConnectionLost, Refused, Session
from switchhook.workspace.calls import Limits, Standing
from switchhook.workspace.facts import AnyFact, Ended
from switchhook.workspace.switchboard import Ask

log = logging.getLogger(__name__)

SOURCE = "freeswitch"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before another connection is tried
SWEEP = 60.0  # seconds between two looks for calls whose end was lost
AGAIN = 1.0  # seconds until a fact that could not be stored is reported again
WAITING = 20_000  # happenings that may wait to be stored; beyond that the connection is made anew


class Desk(Protocol):
    """Where calls are reported and kept; see `Switchboard`."""

    async def report(self, fact: AnyFact) -> None:
        """Take a fact in.

        Raises:
            StorageError: report it again.
        """

    async def sweep(self, ask: Ask, limits: Limits) -> int:
        """Complete the calls whose end does not come."""

    async def open_calls(self) -> Iterable[str]:
        """The calls that have not ended, by their ids."""


class _TooMuch(Exception):
    """More comes than can be stored."""


class Connector:
    """Watches one FreeSWITCH. `recordings` fetches those that it makes; None when they cannot be had."""

    def __init__(
        self,
        session: Callable[[], Session],
        plan: Plan,
        clock: Clock,
        desk: Desk,
        recordings: Recordings | None = None,
    ) -> None:
        self._recordings = recordings
        self._session = session
        self._plan = plan
        self._clock = clock
        self._desk = desk
        self._calls = Calls(SOURCE, plan)
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: asyncio.Queue[Happening] = asyncio.Queue()
        self._complete = False  # what is up is known, and every change of it is heard
        self._said = "stopped"
        self._heard_at: int | None = None  # when the connection before this one was lost, wall ms

    @property
    def state(self) -> str:
        """`up`, or why not."""
        return self._said

    async def start(self) -> None:
        """Begin to watch. Whether FreeSWITCH can be reached is told by `state`; it is tried again and again."""
        self._said = "connecting"
        has = self._recordings.has if self._recordings is not None else None
        self._calls = Calls(SOURCE, self._plan, await self._desk.open_calls(), has)
        self._waiting = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._watch()),
            loop.create_task(self._store()),
            loop.create_task(self._look_after()),
        ]
        if self._recordings is not None:
            self._tasks.append(loop.create_task(self._recordings.run(self._until_stored)))

    async def stop(self) -> None:
        """Stop watching; calls go on, and are caught up with when it starts again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._recordings is not None:
            await self._recordings.close()
        self._said, self._complete = "stopped", False

    # -- the connection

    async def _watch(self) -> None:
        pause = FIRST_PAUSE
        while True:
            session = self._session()
            connected = False
            try:
                await session.open()
                connected = True
                self._take(await session.catch_up())
                pause = FIRST_PAUSE
                while True:
                    self._take(await session.next())
            except Refused as error:
                if self._said != f"refused: {error}":
                    log.error("FreeSWITCH cannot be watched: %s", error)
                self._said, pause = f"refused: {error}", LONGEST_PAUSE
            except ConnectionLost as error:
                self._say_lost(str(error))
            except _TooMuch:
                self._say_lost("more comes than can be stored")
            except Exception:
                self._said = "failed"
                log.exception("watching FreeSWITCH failed; it is tried again")
            finally:
                if connected:
                    self._heard_at = self._clock.now()
                    self._waiting.put_nowait(Lost(self._heard_at))
                self._complete = False
                await session.close()
            await self._clock.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _take(self, happenings: Iterable[Happening]) -> None:
        for happening in happenings:
            if self._waiting.qsize() >= WAITING:
                raise _TooMuch
            if isinstance(happening, Everything):
                self._waiting.put_nowait(Everything(happening.at, happening.channels, self._heard_at))
                if self._said != "up":
                    self._said = "up"
                    log.info("FreeSWITCH is watched")
            else:
                self._waiting.put_nowait(happening)

    def _say_lost(self, why: str) -> None:
        if self._said != f"lost: {why}":
            log.warning("no connection to FreeSWITCH: %s", why)
        self._said = f"lost: {why}"

    # -- what comes of it

    async def _store(self) -> None:
        lapsed = self._clock.monotonic()
        while True:
            happening = await self._next()
            now = self._clock.monotonic()
            facts = self._calls.take(happening, now) if happening is not None else []
            if now - lapsed >= GRACE / 2:
                facts += self._calls.lapse(now)
                lapsed = now
            for fact in facts:
                if isinstance(fact, Ended) and not fact.final:
                    await self._keep_tape(fact.call)
                await self._until_stored(fact)
            if isinstance(happening, Everything):
                self._complete = self._said == "up"
                # What is not up now, and was before this process watched, ended when it was last heard of.
                await self._swept(Limits(quiet=0, lost=0))

    async def _next(self) -> Happening | None:
        """The next happening, or None when none comes for a moment and there is something that time decides."""
        if not self._calls.restless:
            return await self._waiting.get()
        next_ = asyncio.ensure_future(self._waiting.get())
        pause = asyncio.ensure_future(self._clock.sleep(GRACE / 2))
        try:
            await asyncio.wait([next_, pause], return_when=asyncio.FIRST_COMPLETED)
            return next_.result() if next_.done() else None
        finally:
            pause.cancel()
            if not next_.done():
                next_.cancel()

    async def _keep_tape(self, call: str) -> None:
        """Have the recording of a call fetched, which is written down before its end is told."""
        tape = self._calls.tape_of(call)
        while self._recordings is not None and tape is not None:
            try:
                await self._recordings.keep(tape)
                return
            except StorageError as error:
                log.warning("a recording of FreeSWITCH could not be noted, it is tried again: %s", error)
            await self._clock.sleep(AGAIN)

    async def _until_stored(self, fact: AnyFact) -> None:
        while True:
            try:
                await self._desk.report(fact)
                return
            except StorageError as error:
                log.warning("a fact of FreeSWITCH could not be stored, it is reported again: %s", error)
            await self._clock.sleep(AGAIN)

    # -- what was lost

    async def _look_after(self) -> None:
        while True:
            await self._clock.sleep(SWEEP)
            await self._swept(Limits(lost=0) if self._complete else Limits())

    async def _swept(self, limits: Limits) -> None:
        try:
            await self._desk.sweep(self._standing, limits)
        except StorageError as error:
            log.warning("looking for calls without an end has to wait: %s", error)

    async def _standing(self, call: str) -> Standing:
        return "up" if self._calls.up(call) else "unknown"
