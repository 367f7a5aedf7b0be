"""What follows from an attempt that has ended: the row to record, and what it says about the endpoint.

exchange ──▶ outcome ─┬─▶ the attempt, and when the next one is made ──▶ settler
                      └─▶ breaker, 410 Gone ──▶ the endpoint is disabled
"""

import asyncio
import logging
from collections import Counter

from switchhook.clock import Clock
from switchhook.delivery.breaker import Verdict
from switchhook.delivery.exchange import Exchange, Failure, Kind
from switchhook.delivery.health import follow
from switchhook.delivery.lane import Delivery, Lane
from switchhook.delivery.outcome import Outcome, classify
from switchhook.delivery.request import Prepared
from switchhook.delivery.sending import Sent, Settings
from switchhook.delivery.settlement import settlement
from switchhook.delivery.settler import Settler
from switchhook.delivery.tasks import Tasks
from switchhook.storage import endpoints
from switchhook.storage.outbox import Settlement
from switchhook.storage.store import Store

log = logging.getLogger(__name__)


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

    def read(self, prepared: Prepared, future: "asyncio.Future[Exchange]") -> Outcome:
        """The outcome of an exchange that is over; a fault of the sender's own is one too."""
        error = future.exception()
        if error is None:
            return classify(future.result(), self._clock.now())
        assert prepared.target is not None
        log.error("sending failed in a way that is our own fault", exc_info=error)
        failed = Exchange(
            target=prepared.target,
            latency=0.0,
            timeout=self._settings.timeout,
            failure=Failure(Kind.SENDER_ERROR, type(error).__name__),
        )
        return classify(failed, self._clock.now())

    def settle(self, settler: Settler[Sent], lane: Lane, delivery: Delivery, outcome: Outcome) -> Settlement:
        """Have an outcome recorded, and act on what it says about the endpoint; the row that will be recorded."""
        row = settlement(
            lane,
            delivery,
            outcome,
            now=self._clock.now(),
            schedule=self._settings.schedule,
            jitter=self._settings.jitter(),
        )
        self._counts[row.state] += 1
        self._watch_health(settler, lane, outcome)
        if outcome.disable:
            self._tasks.spawn(
                self._disable(lane, outcome.message_customer or "the endpoint answered 410 Gone")
            )
        settler.put(Sent(lane, delivery), row)
        return row

    def _watch_health(self, settler: Settler[Sent], lane: Lane, outcome: Outcome) -> None:
        """Follow the breaker's rule; what it knows is recorded together with the outcome."""
        row, verdict = follow(lane, outcome, self._clock.now())
        if row is not None:
            settler.put_health(row)
        if verdict is Verdict.DISABLE:
            self._tasks.spawn(self._disable(lane, "every delivery failed for five days"))

    async def _disable(self, lane: Lane, why: str) -> None:
        now = self._clock.now()
        disabled = await self._store.run(
            lambda tx: endpoints.disable_endpoint(tx, lane.workspace, lane.endpoint, why, now)
        )
        if disabled:
            log.warning("endpoint %s is disabled: %s", lane.endpoint, why)
