"""Steps that nobody waits for: kept until they end, so that none is lost on the way or outlives its owner."""

import asyncio
import logging
from collections.abc import Coroutine

log = logging.getLogger(__name__)


class Tasks:
    """The steps of one owner. To be used on the loop's thread."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Begin `work`; should it fail, the log says so."""
        task = asyncio.get_running_loop().create_task(_guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """End all that is under way."""
        for task in list(self._tasks):
            task.cancel()


async def _guard(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a step of the dispatcher failed")
