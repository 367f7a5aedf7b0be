"""Watches an Asterisk: what its calls are, their recordings, and who is recorded by us."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

import msgspec

from switchhook.clock import Clock
from switchhook.storage.store import StorageError
from switchhook.telephony.asterisk.calls import Calls
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
from switchhook.telephony.asterisk.session import Session
from switchhook.telephony.watching import AGAIN, Desk, Watcher
from switchhook.workspace.calls import Limits
from switchhook.workspace.facts import AnyFact, Ended, Settled

log = logging.getLogger(__name__)

SOURCE = "asterisk"


class Connector(Watcher[Session, Happening, Calls]):
    """Watches one Asterisk.

    `recordings` fetches those that it makes; None when they cannot be had. `recorder` makes some; None when none are
    to be made.
    """

    title = "Asterisk"
    everything = Everything

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
        super().__init__(session, Calls(SOURCE, plan), clock, desk, limits)
        self._plan = plan
        self._recorder = recorder
        self._recordings = recordings
        self._talking = asyncio.Event()  # somebody may have begun to

    async def _remembered(self) -> Calls:
        recorded = await self._recordings.load() if self._recordings is not None else ()
        return Calls(SOURCE, self._plan, await self._desk.open_calls(), recorded)

    def _beside(self) -> list[Coroutine[Any, Any, None]]:
        return [self._record(self._recorder)] if self._recorder is not None else []

    async def _stopped(self) -> None:
        if self._recordings is not None:
            await self._recordings.stop()
        if self._recorder is not None:
            await self._recorder.close()

    def _parted(self, opened: bool) -> None:
        if self._complete:
            self._heard_at = self._clock.now()

    async def _before(self, happening: Happening | None) -> None:
        if self._recordings is not None and isinstance(happening, RecordingOn | RecordingOver):
            for wanted in self._calls.wanted():
                await self._recordings.note(wanted)

    async def _tell(self, fact: AnyFact) -> None:
        """Report a fact. The end of a call whose recording is to be fetched is reported when that is written down."""
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

    async def _after(self, happening: Happening | None) -> None:
        if isinstance(happening, Everything | Entered):
            self._talking.set()

    def _owed(self, call: str) -> bool:
        return self._recordings is not None and self._recordings.busy(call)

    async def _caught_up(self) -> None:
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
