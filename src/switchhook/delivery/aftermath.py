"""What follows from an attempt that has ended: the row to record, and what it says about the endpoint.

exchange ──▶ outcome ─┬─▶ the attempt, when the next one is made, and what the breaker must know ──▶ settler
                      └─▶ 410 Gone ──▶ the endpoint is disabled
"""

import logging
from collections import Counter

from switchhook.clock import Clock
from switchhook.delivery import operational
from switchhook.delivery.exchange import Exchange, Failure, Kind
from switchhook.delivery.health import notice
from switchhook.delivery.lane import Delivery, Lane
from switchhook.delivery.outcome import Outcome
from switchhook.delivery.request import Prepared
from switchhook.delivery.sending import Sent, Settings
from switchhook.delivery.settlement import settlement
from switchhook.delivery.settler import Settler
from switchhook.delivery.tasks import Tasks
from switchhook.events.operational import Disabled
from switchhook.storage.outbox import Settlement
from switchhook.storage.store import StorageError, Store

log = logging.getLogger(__name__)

AGAIN = 1.0  # seconds


class Aftermath:
    """Acts on outcomes. `tasks` are the steps that nobody waits for; deliveries are counted by their state."""

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, tasks: Tasks, counts: Counter[str]
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._tasks = tasks
        self._counts = counts

    def settle(self, settler: Settler[Sent], lane: Lane, delivery: Delivery, outcome: Outcome) -> Settlement:
        """Have an outcome recorded, and act on what it says about the endpoint; the row that will be recorded."""
        now = self._clock.now()
        row = settlement(
            lane,
            delivery,
            outcome,
            now=now,
            schedule=self._settings.schedule,
            jitter=self._settings.jitter(),
        )
        self._counts[row.state] += 1
        if self._settings.traces is not None:
            self._settings.traces.ended(lane, delivery, row)
        seen = notice(lane, outcome, now)
        if seen is not None:
            settler.put_seen((lane.workspace, lane.endpoint), seen)
        if outcome.disable:
            self._tasks.spawn(self._gone(lane, outcome.message_customer or "the endpoint answered 410 Gone"))
        settler.put(Sent(lane, delivery), row)
        return row

    async def _gone(self, lane: Lane, why: str) -> None:
        """Disable an endpoint at once: what it asked for does not wait for its outcome to be recorded."""
        now = self._clock.now()
        while True:
            try:
                await self._store.run(
                    lambda tx: operational.disable(
                        tx, lane.workspace, lane.endpoint, reason=Disabled.GONE, why=why, now=now
                    )
                )
                return
            except StorageError as error:
                log.warning("endpoint %s is gone, and disabled later: %s", lane.endpoint, error)
                await self._clock.sleep(AGAIN)


def failure_of_ours(prepared: Prepared, error: Exception) -> Exchange:
    """What came of an attempt that could not even begin, because of a fault of the sender's own."""
    assert prepared.target is not None
    failure = Failure(Kind.SENDER_ERROR, type(error).__name__)
    return Exchange(target=prepared.target, latency=0.0, timeout=prepared.timeout, failure=failure)
