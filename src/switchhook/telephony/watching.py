"""Keeps a connection to a phone system, and reports what comes of it.

    connect ─▶ be let in ─▶ all that is up ─▶ events … ─▶ lost: again, after a pause that grows
                               │                 └─▶ facts, each stored before the next event is looked at
                               └─▶ calls of ours that are not up any more are ended (`sweep`, also now and then)

What happens while there is no connection is not told later. The list of what is up, asked for on every connection, says
what is over and what has come: nothing that rang is without an end.
"""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from switchhook.clock import Clock
from switchhook.storage.store import StorageError
from switchhook.workspace.calls import Limits, Standing
from switchhook.workspace.facts import AnyFact
from switchhook.workspace.switchboard import Ask

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before another connection is tried
SWEEP = 60.0  # seconds between two looks for calls whose end was lost
AGAIN = 1.0  # seconds until a fact that could not be stored is reported again
GRACE = 1.0  # seconds that are waited before something is believed to be over
WAITING = 20_000  # happenings that may wait to be stored; beyond that the connection is made anew


class ConnectionLost(Exception):
    """The phone system cannot be reached any more; the text says what happened. To be tried again."""


class Refused(Exception):
    """The phone system does not let us do what we need; the text says what to change. To be tried again, seldom."""


class _TooMuch(Exception):
    """More comes than can be stored."""


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


H = TypeVar("H")  # what happens there
H_co = TypeVar("H_co", covariant=True)
H_contra = TypeVar("H_contra", contravariant=True)


class Session(Protocol[H_co]):
    """One connection. After any exception it is closed and another one is made."""

    async def open(self) -> None:
        """Connect, be let in, and hear of events from now on.

        Raises:
            ConnectionLost, Refused: see there.
        """

    async def next(self) -> Sequence[H_co]:
        """What comes next, possibly nothing.

        Raises:
            ConnectionLost, Refused: see there.
        """

    async def close(self) -> None:
        """Hang up."""


class Calls(Protocol[H_contra]):
    """All calls of one phone system, and the facts that its happenings make."""

    @property
    def restless(self) -> bool:
        """Whether something is to be decided that time decides."""

    def take(self, happening: H_contra, now: float) -> list[AnyFact]:
        """The facts that a happening makes; `now` is our monotonic clock in seconds."""

    def lapse(self, now: float) -> list[AnyFact]:
        """The facts that time makes."""

    def up(self, call: str) -> bool:
        """Whether a call goes on."""


S = TypeVar("S", bound=Session[Any])
C = TypeVar("C", bound=Calls[Any])


class Watcher(ABC, Generic[S, H, C]):
    """Watches one phone system. `limits`: how long is waited for what does not come."""

    title: str
    """What people call it."""
    everything: type[msgspec.Struct]
    """The happening that lists all that is up; its `heard_at` is when the connection before broke."""

    def __init__(
        self, session: Callable[[], S], calls: C, clock: Clock, desk: Desk, limits: Limits | None = None
    ) -> None:
        self._session = session
        self._calls = calls
        self._clock = clock
        self._desk = desk
        self._limits = limits or Limits()
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: asyncio.Queue[H] = asyncio.Queue()
        self._complete = False  # what is up is known, and every change of it is heard
        self._said = "stopped"
        self._pause = FIRST_PAUSE
        self._heard_at: int | None = None  # when the connection before this one was lost, wall ms

    @property
    def state(self) -> str:
        """`up`, or why not."""
        return self._said

    async def start(self) -> None:
        """Begin to watch. Whether it can be reached is told by `state`; it is tried again and again."""
        self._said = "connecting"
        self._calls = await self._remembered()
        self._waiting = asyncio.Queue()
        loop = asyncio.get_running_loop()
        work = [self._watch(), self._store(), self._look_after(), *self._beside()]
        self._tasks = [loop.create_task(one) for one in work]

    async def stop(self) -> None:
        """Stop watching; calls go on, and are caught up with when it starts again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stopped()
        self._said, self._complete = "stopped", False

    # -- what is another thing with each of them

    @abstractmethod
    async def _remembered(self) -> C:
        """The calls, as an earlier run left them."""

    def _beside(self) -> list[Coroutine[Any, Any, None]]:
        """What else is done all the time."""
        return []

    async def _stopped(self) -> None:
        """It is not watched any more."""

    async def _opened(self, session: S) -> None:
        """We were let in."""

    def _parted(self, opened: bool) -> None:
        """A connection is over. `opened`: it had been let in."""

    async def _before(self, happening: H | None) -> None:
        """What it says of calls is known, and nothing is reported yet."""

    async def _tell(self, fact: AnyFact) -> None:
        await self._until_stored(fact)

    async def _caught_up(self) -> None:
        """All that is up is known."""

    async def _after(self, happening: H | None) -> None:
        """All that it says is reported."""

    def _owed(self, call: str) -> bool:
        """Whether something of a call that is over is on its way."""
        return False

    # -- the connection

    async def _watch(self) -> None:
        self._pause = FIRST_PAUSE
        while True:
            session = self._session()
            opened = False
            try:
                await session.open()
                opened = True
                await self._opened(session)
                while True:
                    self._take(await session.next())
            except Refused as error:
                if self._said != f"refused: {error}":
                    log.error("%s cannot be watched: %s", self.title, error)
                self._said, self._pause = f"refused: {error}", LONGEST_PAUSE
            except ConnectionLost as error:
                self._say_lost(str(error))
            except _TooMuch:
                self._say_lost("more comes than can be stored")
            except Exception:
                self._said = "failed"
                log.exception("watching %s failed; it is tried again", self.title)
            finally:
                self._parted(opened)
                self._complete = False
                await session.close()
            await self._clock.sleep(self._pause * random.uniform(0.8, 1.2))
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _take(self, happenings: Iterable[H]) -> None:
        for happening in happenings:
            if self._waiting.qsize() >= WAITING:
                raise _TooMuch
            if isinstance(happening, self.everything):
                self._waiting.put_nowait(msgspec.structs.replace(happening, heard_at=self._heard_at))
                self._pause = FIRST_PAUSE
                if self._said != "up":
                    self._said = "up"
                    log.info("%s is watched", self.title)
            else:
                self._waiting.put_nowait(happening)

    def _say_lost(self, why: str) -> None:
        if self._said != f"lost: {why}":
            log.warning("no connection to %s: %s", self.title, why)
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
            await self._before(happening)
            for fact in facts:
                await self._tell(fact)
            await self._after(happening)
            if isinstance(happening, self.everything):
                self._complete = self._said == "up"
                await self._caught_up()
                # What is not up now, and was before this process watched, ended when it was last heard of.
                await self._look_now()

    async def _next(self) -> H | None:
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

    async def _until_stored(self, fact: AnyFact) -> None:
        while True:
            try:
                await self._desk.report(fact)
                return
            except StorageError as error:
                log.warning("a fact of %s could not be stored, it is reported again: %s", self.title, error)
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
        return "up" if self._owed(call) or self._calls.up(call) else "unknown"
