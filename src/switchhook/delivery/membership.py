"""This process among those that deliver from one store.

    alone:   join ─▶ what a crash left behind goes into the schedule
    shared:  join ─▶ tick, tick, … ─▶ leave
                      └─ renew the lease · take over whoever's ran out · look at what waits · look at the endpoints
             taken over by another one ─▶ everything in memory is theirs now ─▶ join again under a new number

The ticks are the poll behind the notifications of the store: what a notification brings at once, a tick brings within
two seconds. Leases run on the database's clock, ticks on ours; a process that could not renew in time does not judge
others until it has renewed for a whole lease again: after an outage everybody gets the time to come back.
"""

import asyncio
import logging
import os
import socket
from typing import Protocol

from switchhook.clock import Clock
from switchhook.storage import outbox, processes
from switchhook.storage.store import Lane, ProcessLost, SharedStore, StorageError, Store

log = logging.getLogger(__name__)

LEASE = 6.0  # seconds
TICKS = 3  # ticks in a lease
GROUP = 500  # events looked at in one transaction of a recovery
VERSIONS_EVERY = 5  # ticks between two looks at all endpoints
HEARD = 1  # ticks of ours, after which every other process has had one too
REJOIN = 1.0  # seconds between two tries
LEAVE = 1.5  # seconds for handing over what is left: a stop may take ten in all


class Dispatching(Protocol):
    """What a membership needs of the dispatcher."""

    @property
    def delivers(self) -> bool:
        """Whether it wants to hear what waits and which endpoints changed."""

    def settled_mark(self) -> int | None:
        """Every event up to it has a durable trace; None while nothing at all is on its way, in any stage."""

    def joined_again(self, mark: int) -> None:
        """Everything in memory belongs to others; begin anew, with events above `mark`."""

    def waits(self, workspace: str, endpoint: str, at: int) -> None:
        """A delivery of that endpoint that nobody has is due at `at` (wall ms)."""

    def changed(self, workspace: str, endpoint: str) -> None:
        """That endpoint is no longer what it was."""

    def shared_by(self, processes: int) -> None:
        """So many processes deliver, this one included; 0 while the others may not have heard of this one."""


class Membership(Protocol):
    """Being one of those who deliver. `recovered` counts deliveries taken over so far."""

    recovered: int

    async def join(self) -> int:
        """Be one of them; the `seq` that this process's events will be above."""

    def begin(self) -> None:
        """Do from now on what has to be done all the time."""

    async def bury(self, process: int) -> None:
        """Take over a process that has ended for certain, without waiting for its lease.

        Raises:
            StorageError: not now; it is done when the lease has run out.
        """

    async def leave(self) -> None:
        """Leave what is not done to others."""


def membership(store: Store, clock: Clock, dispatching: Dispatching, lease: float = LEASE) -> Membership:
    """The membership that fits `store`. `lease` is seconds."""
    if isinstance(store, SharedStore):
        return Shared(store, clock, dispatching, lease)
    return Alone(store, clock)


class Alone:
    """The only process of its store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.recovered = 0

    async def join(self) -> int:
        """See `Membership.join`."""
        more = True
        while more:
            found, more = await self._store.run(
                lambda tx: outbox.recover_unsettled(tx, self._clock.now(), GROUP)
            )
            self.recovered += found
        return await self._store.read(outbox.low_water)

    def begin(self) -> None:
        """See `Membership.begin`: nothing."""

    async def bury(self, process: int) -> None:
        """See `Membership.bury`: there is no other."""

    async def leave(self) -> None:
        """See `Membership.leave`: the next start recovers it."""


class Shared:
    """One process of several."""

    def __init__(self, store: SharedStore, clock: Clock, dispatching: Dispatching, lease: float) -> None:
        self._store = store
        self._clock = clock
        self._dispatching = dispatching
        self._lease = lease
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._trusted_from = 0.0  # monotonic: before it we judge nobody
        self._renewed_at = 0.0
        self._versions: dict[tuple[str, str], str] | None = None
        self._ticks = 0
        self.recovered = 0
        store.on_lost(self._lost.set)

    async def join(self) -> int:
        """See `Membership.join`."""
        self._ticks = 0
        mark = await self._store.join(f"{socket.gethostname()} process {os.getpid()}", self._lease)
        self._lost.clear()
        self._renewed_at = self._clock.monotonic()
        await self.take_over_expired()
        if self._dispatching.delivers:
            await self._count()
        return mark

    def begin(self) -> None:
        """See `Membership.begin`."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def bury(self, process: int) -> None:
        """See `Membership.bury`."""
        await self._store.run(lambda tx: processes.expire_other(tx, process), lane=Lane.OUTCOMES)
        await self.take_over_expired()

    async def leave(self) -> None:
        """See `Membership.leave`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        own = self._store.process
        if not own:
            return
        try:
            async with asyncio.timeout(LEAVE):
                await self._store.run(processes.expire, lane=Lane.OUTCOMES)
                self._store.leave()
                await self._take_over(own)
        except (StorageError, TimeoutError) as error:
            log.warning(
                "could not hand over what is left; another process does when the lease runs out: %s", error
            )

    async def tick(self) -> None:
        """Everything that is to be done now and again, once.

        Raises:
            StorageError: the store cannot be reached, or this process was taken over.
        """
        await self._renew()
        if self._clock.monotonic() >= self._trusted_from:
            await self.take_over_expired()
        if not self._dispatching.delivers:
            return
        await self._count()
        for workspace, endpoint, at in await self._store.read(processes.waiting_lanes):
            self._dispatching.waits(workspace, endpoint, at)
        if self._ticks % VERSIONS_EVERY == 0:
            await self._look_at_endpoints()
        self._ticks += 1

    async def _count(self) -> None:
        """Tell among how many processes the rate of an endpoint is shared.

        The others hear of a new one at their next tick; until then it has no share.
        """
        count = await self._store.read(processes.count)
        heard = count == 1 or self._ticks >= HEARD
        self._dispatching.shared_by(count if heard else 0)

    async def take_over_expired(self) -> None:
        """Take over every process whose lease ran out."""
        for process in await self._store.run(processes.expired, lane=Lane.OUTCOMES):
            found = await self._take_over(process)
            if found and process:
                log.warning(
                    "process %d is gone, or did not renew its lease: took over %d deliveries", process, found
                )

    async def _take_over(self, process: int) -> int:
        total, more = 0, True
        while more:
            found, more = await self._store.run(
                lambda tx: processes.take_over_step(tx, process, self._clock.now(), GROUP), lane=Lane.OUTCOMES
            )
            total += found
        self.recovered += total
        return total

    async def _renew(self) -> None:
        mark = self._dispatching.settled_mark()
        if mark is None:
            number = await self._store.read(processes.last_number)
            # Asked again: an event that was numbered meanwhile shows, and then the number tells nothing.
            mark = self._dispatching.settled_mark()
            mark = number if mark is None else mark
        await self._store.run(lambda tx: processes.renew(tx, self._lease, mark), lane=Lane.OUTCOMES)
        now = self._clock.monotonic()
        if now - self._renewed_at > self._lease:
            self._trusted_from = now + self._lease
        self._renewed_at = now

    async def _look_at_endpoints(self) -> None:
        found = await self._store.read(processes.endpoint_versions)
        known, self._versions = self._versions, found
        if known is None:
            return
        for key in known.keys() | found.keys():
            if known.get(key) != found.get(key):
                self._dispatching.changed(*key)

    async def _keep(self) -> None:
        while True:
            await self._wait()
            try:
                if self._lost.is_set():
                    await self._join_again()
                await self.tick()
            except ProcessLost:
                self._lost.set()
            except StorageError as error:
                log.warning("cannot keep up with the other processes: %s", error)
            except Exception:
                log.exception("a tick among the processes failed; it is tried again")

    async def _wait(self) -> None:
        """Until the next tick, or until we are taken over."""
        lost = asyncio.ensure_future(self._lost.wait())
        pause = asyncio.ensure_future(self._clock.sleep(self._lease / TICKS))
        try:
            await asyncio.wait([lost, pause], return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            pause.cancel()

    async def _join_again(self) -> None:
        log.warning("this process was taken over by another one; what it had in memory is theirs")
        while True:
            try:
                mark = await self._store.join(f"{socket.gethostname()} process {os.getpid()}", self._lease)
                break
            except StorageError as error:
                log.warning("cannot join again: %s", error)
                await self._clock.sleep(REJOIN)
        self._lost.clear()
        # Nothing may come between the new number and the dispatcher's new memory: no await here.
        self._dispatching.joined_again(mark)
        self._ticks = 0
        self._renewed_at = self._clock.monotonic()
        self._trusted_from = self._renewed_at
