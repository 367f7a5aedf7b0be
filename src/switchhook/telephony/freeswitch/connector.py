"""Watches a FreeSWITCH: what its calls are, and their recordings.

A FreeSWITCH that begins anew knows no call of before, and of a connection that broke nothing is told later: from the
break on a call is known only when the next list of what is up has it.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from switchhook.clock import Clock
from switchhook.storage.store import StorageError
from switchhook.telephony.freeswitch.calls import Calls
from switchhook.telephony.freeswitch.happenings import Everything, Happening, Lost
from switchhook.telephony.freeswitch.names import Plan
from switchhook.telephony.freeswitch.recordings import Recordings
from switchhook.telephony.freeswitch.session import Session
from switchhook.telephony.watching import AGAIN, Desk, Watcher
from switchhook.workspace.facts import AnyFact, Ended

log = logging.getLogger(__name__)

SOURCE = "freeswitch"


class Connector(Watcher[Session, Happening, Calls]):
    """Watches one FreeSWITCH. `recordings` fetches those that it makes; None when they cannot be had."""

    title = "FreeSWITCH"
    everything = Everything

    def __init__(
        self,
        session: Callable[[], Session],
        plan: Plan,
        clock: Clock,
        desk: Desk,
        recordings: Recordings | None = None,
    ) -> None:
        super().__init__(session, Calls(SOURCE, plan), clock, desk)
        self._plan = plan
        self._recordings = recordings

    async def _remembered(self) -> Calls:
        has = self._recordings.has if self._recordings is not None else None
        return Calls(SOURCE, self._plan, await self._desk.open_calls(), has)

    def _beside(self) -> list[Coroutine[Any, Any, None]]:
        return [self._recordings.run(self._until_stored)] if self._recordings is not None else []

    async def _stopped(self) -> None:
        if self._recordings is not None:
            await self._recordings.close()

    async def _opened(self, session: Session) -> None:
        self._take(await session.catch_up())

    def _parted(self, opened: bool) -> None:
        if opened:
            self._heard_at = self._clock.now()
            self._waiting.put_nowait(Lost(self._heard_at))

    async def _tell(self, fact: AnyFact) -> None:
        if isinstance(fact, Ended) and not fact.final:
            await self._keep_tape(fact.call)
        await self._until_stored(fact)

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
