"""Keeps a connection to Asterisk, and reports what comes of it.

    connect ─▶ be let in ─▶ all that is up ─▶ events … ─▶ lost: again, after a pause that grows
                               │                 └─▶ facts, each stored before the next event is looked at
                               └─▶ calls of ours that are not up any more are ended (`sweep`, also every minute)

What happens while there is no connection is not told by Asterisk later. The list of what is up, asked for on every
connection, says what is over and what has come: nothing that rang is without an end.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

import msgspec

from switchhook.clock import Clock
from switchhook.storage.store import StorageError
from switchhook.telephony.asterisk.calls import GRACE, Calls
from switchhook.telephony.asterisk.happenings import (
    Entered,
    Everything,
    Happening,
    RecordingOn,
    RecordingOver,
)
from switchhook.telephony.asterisk.names import Plan
from switchhook.telephony.asterisk.recorder import Recorder
from switchhook.telephony.asterisk.recordings import Recordings
from switchhook.telephony.asterisk.session import ConnectionLost, Refused, Session
from switchhook.workspace.calls import Limits, Standing
from switchhook.workspace.facts import AnyFact, Ended, Settled
from switchhook.workspace.switchboard import Ask

log = logging.getLogger(__name__)

SOURCE = "asterisk"
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


class Connector:
    """Watches one Asterisk.

    `recordings` fetches those that it makes; None when they cannot be had. `recorder` makes some; None when none are
    to be made. `limits`: how long is waited for what does not come.
    """

    def __init__(
        self,
        session: Callable[[], Session],
        plan: Plan,
        clock: Clock,
        desk: Desk,
        *,
        recordings: Recordings | None = None,
        recorder: Recorder | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._recorder = recorder
        self._recordings = recordings
        self._session = session
        self._plan = plan
        self._clock = clock
        self._desk = desk
        self._calls = Calls(SOURCE, plan)
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: asyncio.Queue[Happening] = asyncio.Queue(WAITING)
        self._complete = False  # what is up is known, and every change of it is heard
        self._talking = asyncio.Event()  # somebody may have begun to
        self._said = "stopped"
        self._heard_at: int | None = None  # when the connection before this one was lost, wall ms

    @property
    def state(self) -> str:
        """`up`, or why not."""
        return self._said

    async def start(self) -> None:
        """Begin to watch. Whether Asterisk can be reached is told by `state`; it is tried again and again."""
        self._said = "connecting"
        recorded = await self._recordings.load() if self._recordings is not None else ()
        self._calls = Calls(SOURCE, self._plan, await self._desk.open_calls(), recorded)
        self._waiting = asyncio.Queue(WAITING)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._watch()),
            loop.create_task(self._store()),
            loop.create_task(self._look_after()),
        ]
        if self._recorder is not None:
            self._tasks.append(loop.create_task(self._record(self._recorder)))

    async def stop(self) -> None:
        """Stop watching; calls go on, and are caught up with when it starts again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._recordings is not None:
            await self._recordings.stop()
        if self._recorder is not None:
            await self._recorder.close()
        self._said, self._complete = "stopped", False

    # -- the connection

    async def _watch(self) -> None:
        pause = FIRST_PAUSE
        while True:
            session = self._session()
            try:
                await session.open()
                while True:
                    for happening in await session.next():
                        if isinstance(happening, Everything):
                            self._waiting.put_nowait(self._caught_up(happening))
                            pause = FIRST_PAUSE
                        else:
                            self._waiting.put_nowait(happening)
            except Refused as error:
                self._said, pause = f"refused: {error}", LONGEST_PAUSE
                log.error("Asterisk cannot be watched: %s", error)
            except ConnectionLost as error:
                self._say_lost(str(error))
            except asyncio.QueueFull:
                self._say_lost("more comes than can be stored")
            except Exception:
                self._said = "failed"
                log.exception("watching Asterisk failed; it is tried again")
            finally:
                if self._complete:
                    self._heard_at = self._clock.now()
                self._complete = False
                await session.close()
            await self._clock.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _caught_up(self, everything: Everything) -> Everything:
        if self._said != "up":
            self._said = "up"
            log.info("Asterisk is watched")
        return Everything(everything.at, everything.channels, self._heard_at)

    def _say_lost(self, why: str) -> None:
        if self._said != f"lost: {why}":
            log.warning("no connection to Asterisk: %s", why)
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
            if self._recordings is not None and isinstance(happening, RecordingOn | RecordingOver):
                for wanted in self._calls.wanted():
                    await self._recordings.note(wanted)
            for fact in facts:
                await self._tell(fact)
            if isinstance(happening, Everything | Entered):
                self._talking.set()
            if isinstance(happening, Everything):
                self._complete = self._said == "up"
                await self._fetch_what_is_over()
                # What is not up now, and was before this process watched, ended when it was last heard of.
                await self._look_now()

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

    async def _tell(self, fact: AnyFact) -> None:
        """Report a fact. The end of a call whose recording is to be fetched is reported when that is noted."""
        if not isinstance(fact, Ended) or fact.final:
            await self._until_stored(fact)
        elif self._recordings is None:
            await self._until_stored(msgspec.structs.replace(fact, final=True))
        else:
            wanted = self._calls.leave(fact.call)
            if wanted is not None:
                await self._recordings.note(wanted)
            await self._until_stored(fact)
            self._recordings.begin(fact.call, self._until_stored, partial(self._settle, fact.call))

    async def _settle(self, call: str) -> None:
        now = self._clock.now()
        await self._until_stored(Settled(source=SOURCE, call=call, id="settled", at=now))

    async def _fetch_what_is_over(self) -> None:
        """Begin to fetch the recordings of calls that ended while this process was not there."""
        over = (
            [call for call in self._recordings.pending() if not self._calls.up(call)]
            if self._recordings
            else []
        )
        if self._recordings is None or not over:
            return
        open_ = await self._open_calls()
        for call in over:
            # Whoever is still open to the desk is ended by the sweep, once the recording is there.
            then = self._look_now if call in open_ else partial(self._settle, call)
            self._recordings.begin(call, self._until_stored, then)

    async def _record(self, recorder: Recorder) -> None:
        """Have those recorded who have begun to talk."""
        while True:
            await self._talking.wait()
            self._talking.clear()
            await recorder.begin(self._calls.talking())

    async def _open_calls(self) -> Iterable[str]:
        while True:
            try:
                return await self._desk.open_calls()
            except StorageError as error:
                log.warning("the calls that are open cannot be read, it is tried again: %s", error)
            await self._clock.sleep(AGAIN)

    async def _until_stored(self, fact: AnyFact) -> None:
        while True:
            try:
                await self._desk.report(fact)
                return
            except StorageError as error:
                log.warning("a fact of Asterisk could not be stored, it is reported again: %s", error)
            await self._clock.sleep(AGAIN)

    # -- what was lost

    async def _look_after(self) -> None:
        while True:
            await self._clock.sleep(SWEEP)
            limits = self._limits
            await self._swept(msgspec.structs.replace(limits, lost=0) if self._complete else limits)

    async def _look_now(self) -> None:
        await self._swept(msgspec.structs.replace(self._limits, quiet=0, lost=0))

    async def _swept(self, limits: Limits) -> None:
        try:
            await self._desk.sweep(self._standing, limits)
        except StorageError as error:
            log.warning("looking for calls without an end has to wait: %s", error)

    async def _standing(self, call: str) -> Standing:
        on_its_way = self._recordings is not None and self._recordings.busy(call)
        return "up" if on_its_way or self._calls.up(call) else "unknown"
