"""The endpoint of a lane, read from the store: at once, and again for as long as that does not give what to send with.

    read ─┬─▶ as it is
          ├─▶ the store refuses, or what it has cannot be used: again after a second
          └─▶ locked, its secrets do not open: told once (log, event); again after 1 s, 2 s, 4 s, … a minute

Secrets do not open when the key they are sealed with is missing, or the row was damaged. Meanwhile nothing of the
endpoint stays in memory and nobody else waits for it; what comes waits in the store, where a process with the key may
have it.
"""

import logging
from collections.abc import Callable, Coroutine

from switchhook.clock import Clock
from switchhook.delivery import operational
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.lane import Lane
from switchhook.delivery.refusals import Refusals
from switchhook.delivery.request import prepare
from switchhook.delivery.tasks import Tasks
from switchhook.storage.endpoints import Endpoint, find_endpoint
from switchhook.storage.store import StorageError, Store

log = logging.getLogger(__name__)

AGAIN = 1.0  # seconds
AGAIN_MOST = 60.0  # the same for an endpoint that stays locked


class Unread(Exception):
    """There is nothing to act on, for now."""


class Reading:
    """Reads for lanes. `again` is what reads one anew and acts on it. To be used on the loop's thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tasks: Tasks,
        again: Callable[[Lane], Coroutine[object, object, None]],
        *,
        policy: AddressPolicy,
        timeout: float,
    ) -> None:
        """`timeout` is seconds, for endpoints that did not ask for their own."""
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._read_again = again
        self._policy = policy
        self._timeout = timeout
        self._pauses: dict[Lane, float] = {}  # of those that are locked
        self._refusals = Refusals("endpoints")
        self._newest: dict[Lane, object] = {}  # the last read that was begun, while it is under way
        self._timers: set[Lane] = set()

    @property
    def locked(self) -> int:
        """How many endpoints are locked."""
        return len(self._pauses)

    async def read(self, lane: Lane) -> Endpoint | None:
        """The endpoint of `lane`, for which the lane is prepared then; None when it was deleted.

        Raises:
            Unread: it could not be read and is read again later, or a newer read of it is under way.
        """
        mine = self._newest[lane] = object()
        try:
            found = await self._store.read(lambda r: find_endpoint(r, lane.workspace, lane.endpoint))
            if self._newest.get(lane) is not mine:
                raise Unread
            if found is not None and found.locked is None:
                lane.prepared = prepare(found, self._policy, self._timeout)
        except Unread:
            raise
        except Exception as error:
            # Whatever it was: what waits for this endpoint must not be forgotten.
            if isinstance(error, StorageError):
                self._refusals.refused(error)
            else:
                log.exception("cannot read endpoint %s, it is tried again", lane.endpoint)
            lane.unread = True
            self._later(lane, AGAIN)
            raise Unread from None
        finally:
            if self._newest.get(lane) is mine:
                del self._newest[lane]
        self._refusals.worked()
        lane.unread = False
        if found is not None and found.locked is not None:
            self._is_locked(lane, found)
        elif lane.locked is not None:
            log.warning("endpoint %s is not locked any more", lane.endpoint)
            lane.locked = None
            del self._pauses[lane]
        return found

    def _is_locked(self, lane: Lane, endpoint: Endpoint) -> None:
        if lane.locked != endpoint.locked:
            lane.locked = endpoint.locked
            log.error("nothing is sent to endpoint %s: %s", endpoint.id, endpoint.locked)
            self._tasks.spawn(self._tell(endpoint))
        self._later(lane, self._pauses.setdefault(lane, AGAIN))

    def _later(self, lane: Lane, pause: float) -> None:
        if lane not in self._timers:  # however often it was read meanwhile
            self._timers.add(lane)
            self._clock.call_later(pause, lambda: self._now(lane))

    def _now(self, lane: Lane) -> None:
        self._timers.discard(lane)
        if lane in self._pauses:
            self._pauses[lane] = min(self._pauses[lane] * 2, AGAIN_MOST)
        self._tasks.spawn(self._read_again(lane))

    async def _tell(self, endpoint: Endpoint) -> None:
        now = self._clock.now()
        try:
            await self._store.run(lambda tx: operational.locked(tx, endpoint, now))
        except StorageError as error:
            log.warning("that endpoint %s is locked is told here only: %s", endpoint.id, error)
