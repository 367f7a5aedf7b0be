"""Carries recoveries on in the background, a group of each in turn, also over a restart.

A recovery begins when the commit that asked for it is told, never sooner: a look that comes before the commit finds
nothing to do. In a shared store everybody looks now and then, and goes on with one that nobody has moved since the last
look: whoever worked on it is gone. Two at the same one do no harm.
"""

import asyncio
import logging

from switchhook.clock import Clock
from switchhook.storage import replay
from switchhook.storage.store import Conflict, StorageError, Store
from switchhook.storage.vault import SealBroken

log = logging.getLogger(__name__)

GROUP = 50  # deliveries looked at in one transaction: it is short, so that accepting is never held up
GROUP_MOST = 400  # the same while none of them is put back, which takes most of the time
PAUSE = 0.02  # seconds between two groups
AFTER_ERROR = 2.0
LOOK_AGAIN = 60.0  # seconds


class Recoveries:
    """Works on every unfinished recovery of the store; a long one does not keep a short one waiting."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._seen: list[replay.Recovery] = []
        self._looking: asyncio.Task[None] | None = None
        if store.shared:
            self._looking = asyncio.get_running_loop().create_task(self._look())
        store.on_committed(lambda committed: self.kick() if committed.recovery else None)

    def kick(self) -> None:
        """There may be something to do."""
        self._again = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop where it is; the next start goes on from there."""
        for task in (self._looking, self._task):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(LOOK_AGAIN)
            try:
                found = await self._store.read(replay.unfinished)
            except StorageError as error:
                log.warning("cannot look for recoveries that were left: %s", error)
                continue
            if any(job in self._seen for job in found):
                self.kick()
            self._seen = found

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is not None:
            log.error("recoveries failed; they go on at the next start", exc_info=task.exception())
        elif self._again and not task.cancelled():
            self.kick()  # whoever asked found the task still there

    async def _work(self) -> None:
        while self._again:
            self._again = False
            try:
                jobs = {job.id: job for job in await self._store.read(replay.unfinished)}
                groups = dict.fromkeys(jobs, GROUP)
                while jobs and not self._again:
                    for job in list(jobs.values()):
                        try:
                            step = await self._step(job, groups[job.id])
                        except Exception as error:
                            if isinstance(error, StorageError) and not isinstance(
                                error, Conflict | SealBroken
                            ):
                                raise
                            log.exception("recovery %s failed; it goes on at the next start", job.id)
                            del jobs[job.id]
                            continue
                        if step is None or step.job.finished_at is not None:
                            queued = step.job.queued if step else 0
                            log.info("recovery %s put %d deliveries back", job.id, queued)
                            del jobs[job.id]
                        else:
                            groups[job.id] = GROUP if step.wrote else min(groups[job.id] * 2, GROUP_MOST)
                            jobs[job.id] = step.job
                        await self._clock.sleep(PAUSE)
            except StorageError as error:
                log.error("a recovery must wait for the store: %s", error)
                await self._clock.sleep(AFTER_ERROR)
                self._again = True

    async def _step(self, job: replay.Recovery, group: int) -> replay.Step | None:
        now = self._clock.now()
        return await self._store.run(lambda tx: replay.advance(tx, job.workspace, job.id, now, group))
