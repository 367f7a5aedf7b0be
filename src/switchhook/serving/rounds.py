"""What is done again and again for as long as we serve. A fault in one is told, and ends none of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from switchhook.api.app import Api
from switchhook.clock import Clock
from switchhook.delivery.recovery import Recoveries
from switchhook.serving.seat import Seat
from switchhook.storage import answers, endpoints
from switchhook.storage.store import Store

log = logging.getLogger(__name__)

AGAIN = 1.0  # seconds until one that failed is begun anew
HOUSEKEEPING = 60.0  # seconds between two rounds of tidying up
HOUSEKEEPING_ROWS = 2_000
FIGURES = 1.0  # seconds between two tellings of a worker's figures


class Rounds:
    """Keeps them going until `stop`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Keep `work` going, which does not end by itself. `what` is for the log."""
        self._tasks.append(asyncio.get_running_loop().create_task(self._keep_on(what, work)))

    def stop(self) -> None:
        """End all of them where they are."""
        for task in self._tasks:
            task.cancel()

    async def _keep_on(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("%s failed; it is begun anew", what)
            await self._clock.sleep(AGAIN)


async def tidy(store: Store, clock: Clock, recoveries: Recoveries) -> None:
    """Remove what nobody can ask for any more, a little at a time; go on with recoveries that a lost process left."""
    while True:
        await clock.sleep(HOUSEKEEPING)
        recoveries.kick()
        await store.run(lambda tx: answers.forget_old_answers(tx, clock.now()))
        while await store.run(lambda tx: endpoints.forget_deleted(tx, HOUSEKEEPING_ROWS)):
            await clock.sleep(0.05)


async def publish(api: Api, seat: Seat, clock: Clock) -> None:
    """Let the other workers tell this one's figures."""
    while True:
        seat.publish(api.figures())
        await clock.sleep(FIGURES)
