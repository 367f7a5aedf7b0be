"""A process that delivers nothing: what it accepts is in the schedule with the same commit, and others are told.

    accept ──▶ events + schedule, due now ──▶ COMMIT, NOTIFY ──▶ a process that delivers claims it

It is one of the processes all the same: it writes in the name of a number that others can take over, and takes over
others whose lease ran out. There is nothing to be lost in its memory.
"""

from switchhook.clock import Clock
from switchhook.delivery.membership import LEASE, membership
from switchhook.storage.store import SharedStore


class Handover:
    """Stands where the dispatcher stands, in a process without one. The store must accept for others."""

    delivers = False

    def __init__(self, store: SharedStore, clock: Clock, lease: float = LEASE) -> None:
        self._membership = membership(store, clock, self, lease)
        self._running = False

    async def start(self) -> None:
        """Be one of the processes.

        Raises:
            StorageError: the store cannot be read or written.
        """
        await self._membership.join()
        self._running = True
        self._membership.begin()

    async def stop(self, grace: float = 5.0) -> None:
        """Leave. `grace` is not needed: nothing is under way."""
        self._running = False
        await self._membership.leave()

    async def bury(self, process: int) -> None:
        """See `Membership.bury`."""
        await self._membership.bury(process)

    @property
    def alive(self) -> bool:
        """Whether what is accepted is handed over."""
        return self._running

    def snapshot(self) -> dict[str, float]:
        """Counters and gauges for the metrics page."""
        return {"deliveries_recovered_total": self._membership.recovered}

    # -- among other processes (see `membership.Dispatching`)

    def settled_mark(self) -> int | None:
        """See `Dispatching.settled_mark`: an event and its traces are one commit."""
        return None

    def joined_again(self, mark: int) -> None:
        """See `Dispatching.joined_again`: there is no memory to begin anew with."""

    def waits(self, workspace: str, endpoint: str, at: int) -> None:
        """See `Dispatching.waits`: not for us."""

    def changed(self, workspace: str, endpoint: str) -> None:
        """See `Dispatching.changed`: not for us."""

    def shared_by(self, processes: int) -> None:
        """See `Dispatching.shared_by`: nothing is limited here."""
