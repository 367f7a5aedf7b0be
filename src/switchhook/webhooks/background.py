"""Working after the answer: a bounded queue, and somebody who looks for what was left behind.

`Threads` for servers that give each request a thread, `Tasks` for those on an event loop; both do the same.
"""

import logging
import os
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from switchhook.webhooks.receiving import Background, Enqueue

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger("switchhook.webhooks")

# Held while somebody looks for what was left behind. Whoever forks waits for it: a thread in the middle of that would
# leave locks of the store's library behind in the child, closed for ever.
_looking = threading.Lock()
if hasattr(os, "register_at_fork"):  # where processes fork
    os.register_at_fork(
        before=_looking.acquire, after_in_parent=_looking.release, after_in_child=_looking.release
    )

Job = tuple[str, str, bytes]
"""A message's id, the token of its claim, its body."""


class Threads:
    """Worker threads. They end with the process; what they had is found by the next one. `process` is the one they are
    of: a fork takes none of them along."""

    def __init__(
        self,
        rules: Background,
        work: Callable[[Job], None],
        left: Callable[[int], list[Job]],
        give_back: Callable[[Job], None],
    ) -> None:
        """`work` does a job, `left` finds what was left behind, `give_back` is called with what was not begun."""
        self.process = os.getpid()
        self._rules = rules
        self._work = work
        self._left = left
        self._give_back = give_back
        self._room = threading.Semaphore(rules.queue)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running: list[threading.Thread] = []

    def reserve(self) -> bool:
        """Keep room for one, if there is any."""
        return not self._stop.is_set() and self._room.acquire(blocking=False)

    def free(self) -> None:
        """Give the room back."""
        self._room.release()

    def put(self, job: Enqueue) -> None:
        """Have it worked on, in room that was kept."""
        self._queue.put((job.id, job.token, job.body))
        self.start()

    def start(self) -> None:
        """Start the threads, if they are not running. Not before: a server may fork after this was made."""
        with self._lock:
            if self._running or self._stop.is_set():
                return
            targets = [self._serve] * self._rules.workers + [self._look]
            self._running = [
                threading.Thread(target=t, name="switchhook-webhooks", daemon=True) for t in targets
            ]
            for thread in self._running:
                thread.start()

    def close(self) -> None:
        """Wait for what is being worked on, and give the rest back."""
        with self._lock:
            self._stop.set()
            for _ in self._running:
                self._queue.put(None)
        for thread in self._running:
            thread.join()
        while not self._queue.empty():
            job = self._queue.get()
            if job is not None:
                self._safely(self._give_back, job)

    def _serve(self) -> None:
        while True:
            job = self._queue.get()
            if job is None:
                return
            if self._stop.is_set():
                self._safely(self._give_back, job)
                continue
            self._safely(self._work, job)
            self.free()

    def _look(self) -> None:
        while not self._stop.is_set():
            self._safely(self._sweep)
            self._stop.wait(self._rules.sweep)

    def _sweep(self) -> None:
        with _looking:
            left = self._left(self._rules.workers * 4)
        for job in left:
            if not self.reserve():
                return
            self._queue.put(job)

    def _safely(self, function: Callable[..., None], *values: Any) -> None:
        try:
            function(*values)
        except Exception:
            logger.exception("a message waits until its claim has run out")


class Tasks:
    """The same as tasks of a loop, the one that runs when the first message arrives."""

    def __init__(
        self,
        rules: Background,
        work: Callable[[Job], Awaitable[None]],
        left: Callable[[int], Awaitable[list[Job]]],
        give_back: Callable[[Job], Awaitable[None]],
    ) -> None:
        """See `Threads`."""
        self._rules = rules
        self._work = work
        self._left = left
        self._give_back = give_back
        self._room = rules.queue
        self._stopping = False
        self._running: list[asyncio.Task[None]] = []
        self._queue: asyncio.Queue[Job | None] | None = None
        self._stop: asyncio.Event | None = None

    def reserve(self) -> bool:
        """See `Threads`."""
        if self._stopping or self._room < 1:
            return False
        self._room -= 1
        return True

    def free(self) -> None:
        """See `Threads`."""
        self._room += 1

    def put(self, job: Enqueue) -> None:
        """See `Threads`."""
        self.start()
        assert self._queue is not None
        self._queue.put_nowait((job.id, job.token, job.body))

    def start(self) -> None:
        """See `Threads`."""
        import asyncio  # who has a loop has it loaded already; others need not

        if self._running or self._stopping:
            return
        self._queue, self._stop = asyncio.Queue(), asyncio.Event()
        self._running = [asyncio.create_task(self._serve(self._queue)) for _ in range(self._rules.workers)]
        self._running.append(asyncio.create_task(self._look(self._queue, self._stop)))

    async def close(self) -> None:
        """See `Threads`."""
        import asyncio  # see above

        self._stopping = True
        if self._queue is None or self._stop is None:
            return
        self._stop.set()
        for _ in self._running:
            self._queue.put_nowait(None)
        await asyncio.gather(*self._running)
        while not self._queue.empty():
            job = self._queue.get_nowait()
            if job is not None:
                await self._safely(self._give_back, job)

    async def _serve(self, jobs: "asyncio.Queue[Job | None]") -> None:
        while True:
            job = await jobs.get()
            if job is None:
                return
            if self._stopping:
                await self._safely(self._give_back, job)
                continue
            await self._safely(self._work, job)
            self.free()

    async def _look(self, jobs: "asyncio.Queue[Job | None]", stop: "asyncio.Event") -> None:
        import asyncio  # see above

        while not self._stopping:
            await self._safely(self._sweep, jobs)
            try:
                await asyncio.wait_for(stop.wait(), self._rules.sweep)
            except TimeoutError:
                pass

    async def _sweep(self, jobs: "asyncio.Queue[Job | None]") -> None:
        for job in await self._left(self._rules.workers * 4):
            if not self.reserve():
                return
            jobs.put_nowait(job)

    async def _safely(self, function: Callable[..., Awaitable[None]], *values: Any) -> None:
        try:
            await function(*values)
        except Exception:
            logger.exception("a message waits until its claim has run out")
