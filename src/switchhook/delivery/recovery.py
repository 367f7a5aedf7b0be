"""Carries recoveries on in the background, a group at a time, also over a restart.

A recovery begins when the commit that asked for it is told, never sooner: a look that comes before the commit finds
nothing to do. In a shared store whoever kicks goes on with what a lost process left; two at the same one do no harm.
"""

import asyncio
import logging

from switchhook.clock import Clock
from switchhook.storage import replay
from switchhook.storage.store import StorageError, Store

log = logging.getLogger(__name__)

GROUP = 50  # deliveries put back in one transaction: it is short, so that accepting is never held up
PAUSE = 0.02  # seconds between two groups
AFTER_ERROR = 2.0


class Recoveries:
    """Works on every unfinished recovery of the store, the oldest first."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._again = False
        store.on_committed(lambda committed: self.kick() if committed.recovery else None)

    def kick(self) -> None:
        """There may be something to do."""
        self._again = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop where it is; the next start goes on from there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is not None:
            log.error("a recovery failed; it goes on at the next start", exc_info=task.exception())

    async def _work(self) -> None:
        while self._again:
            self._again = False
            try:
                for job in await self._store.read(replay.unfinished):
                    await self._finish(job)
            except StorageError as error:
                log.error("a recovery must wait for the store: %s", error)
                await self._clock.sleep(AFTER_ERROR)
                self._again = True

    async def _finish(self, job: replay.Recovery) -> None:
        while True:
            now = self._clock.now()
            state = await self._store.run(
                lambda tx: replay.advance(tx, job.workspace, job.id, now, GROUP)  # noqa: B023
            )
            if state is None or state.finished_at is not None:
                log.info("recovery %s put %d deliveries back", job.id, state.queued if state else 0)
                return
            await self._clock.sleep(PAUSE)
