"""The dispatcher: every accepted event to every endpoint in its snapshot.

    commit ──▶ offer ──▶ lane of the endpoint ──▶ sender ──▶ outcome ──▶ settler ──▶ attempts, schedule
                            ▲   (cap each, and one limit for all)                        │
                            └────────── backlog: rows of the schedule that are due ◀─────┘

From memory right after the commit; from the store after a crash, after a failure, and when memory would not hold it.
A fresh delivery and a repeated one go the same way. One slow endpoint fills its own lane and nobody else's.
"""

import asyncio
import logging
from collections import Counter, deque
from functools import partial

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.aftermath import Aftermath, failure_of_ours
from switchhook.delivery.allowance import Allowance
from switchhook.delivery.backlog import Backlog
from switchhook.delivery.exchange import Exchange, Kind
from switchhook.delivery.health import adopt
from switchhook.delivery.lane import Delivery, Lane, LaneState
from switchhook.delivery.membership import membership
from switchhook.delivery.outcome import Outcome, classify, refusal
from switchhook.delivery.reading import Reading, Unread
from switchhook.delivery.sending import Sender, Sent, Settings
from switchhook.delivery.settlement import SLOW
from switchhook.delivery.settler import Settler
from switchhook.delivery.tasks import Tasks
from switchhook.storage import outbox
from switchhook.storage.outbox import Settlement, Waiting
from switchhook.storage.store import AcceptedEvent, Committed, Store

log = logging.getLogger(__name__)

PACE_TICK = 0.005  # seconds: a fast rate lets several through at once rather than have a timer for each
UNRECORDED_MAX = 512  # answers that wait to be recorded: with what is under way, all that a crash can repeat


class Dispatcher:
    """Owns the lanes. To be used on the loop's thread."""

    delivers = True

    def __init__(
        self, store: Store, clock: Clock, sender: Sender, policy: AddressPolicy, settings: Settings
    ) -> None:
        self._store = store
        self._clock = clock
        self._sender = sender
        self._settings = settings
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._hungry: deque[Lane] = deque()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks = Tasks()
        self._running = False
        self._settler: Settler[Sent] | None = None
        self._backlog = Backlog(store, clock, self._loaded)
        self._membership = membership(store, clock, self, settings.lease)
        self._era = 0
        self._processes = 1
        self.counts: Counter[str] = Counter()
        self._aftermath = Aftermath(store, clock, settings, self._tasks, self.counts)
        self._reading = Reading(
            store, clock, self._tasks, self._open, policy=policy, timeout=settings.timeout
        )

    # -- life

    async def start(self) -> None:
        """Take up what a crash or a stop left behind, and begin to listen to commits.

        Raises:
            StorageError: the store cannot be read or written.
        """
        mark = await self._membership.join()
        self._settler = Settler(self._store, self._clock, mark, self._recorded, self._stalled)
        self._running = True
        self._store.on_committed(self._committed)
        for workspace, endpoint in await self._store.read(outbox.endpoint_keys):
            self._lane(workspace, endpoint)  # opens it, which looks at its schedule
        self._membership.begin()

    async def stop(self, grace: float = 5.0) -> None:
        """Send nothing new, give what is under way `grace` seconds, and record what came back."""
        self._running = False
        self._backlog.stop()
        if self._in_flight:
            try:
                async with asyncio.timeout(grace):
                    await self._idle.wait()
            except TimeoutError:
                log.warning(
                    "%d attempts were still under way; they are repeated at the next start", self._in_flight
                )
        self._tasks.cancel()
        if self._settler is not None:
            await self._settler.close(grace)
        await self._membership.leave()

    async def bury(self, process: int) -> None:
        """See `Membership.bury`."""
        await self._membership.bury(process)

    @property
    def alive(self) -> bool:
        """Whether deliveries go out and their outcomes can be recorded."""
        return self._running and self._settler is not None and not self._settler.stalled

    def snapshot(self) -> dict[str, float]:
        """Counters and gauges for the metrics page."""
        return {
            "deliveries_succeeded_total": self.counts["succeeded"],
            "deliveries_retrying_total": self.counts["retrying"],
            "deliveries_failed_total": self.counts["failed"],
            "deliveries_parked_total": self.counts["parked"],
            "deliveries_recovered_total": self._membership.recovered,
            "deliveries_in_flight": self._in_flight,
            "endpoints_locked": self._reading.locked,
            "deliveries_queued": sum(lane.queued for lane in self._lanes.values()),
            "events_above_low_water": self._settler.low_water.open if self._settler else 0,
        }

    # -- what comes in

    def _committed(self, committed: Committed) -> None:
        """Called by the store straight after a commit."""
        for workspace, endpoint in committed.endpoints:
            self.changed(workspace, endpoint)
        for key in committed.recalled & self._lanes.keys():
            self._backlog.recall(self._lanes[key])
        if committed.events:
            self._backlog.make_way()
        for event in committed.events:
            self._offer(event)
        for workspace, endpoint in committed.due:
            lane = self._lane(workspace, endpoint)
            if lane.state is LaneState.OPEN:  # any other looks when it opens
                self._backlog.watch(lane, self._clock.now())
        if committed.schedule:
            self._backlog.look(self._lanes.values())

    def _offer(self, event: AcceptedEvent) -> None:
        assert self._settler is not None
        self._settler.low_water.track(event.seq, len(event.targets) - len(event.lined_up))
        for target in event.targets:
            lane = self._lane(event.workspace, target)
            if event.lined_up and target in event.lined_up:
                if lane.state is LaneState.OPEN:
                    self._backlog.watch(lane, self._clock.now())
                continue
            delivery = Delivery.fresh(event, target, self._era)
            if lane.state is LaneState.CLOSED or len(lane.fresh) >= lane.room or not self._running:
                self._park(lane, delivery)
            else:
                lane.fresh.append(delivery)
                self._pump(lane)

    def _park(self, lane: Lane, delivery: Delivery) -> None:
        """Let a delivery wait in the store: its endpoint is disabled, or memory holds enough for it."""
        assert self._settler is not None
        self.counts["parked"] += 1
        if lane.ordered:  # what stands behind it must not be looked at before it is in line
            lane.claimed.add(delivery.event)
        row = Waiting(lane.workspace, lane.endpoint, delivery.event, delivery.attempts, self._clock.now())
        lane.unrecorded += 1
        self._settler.put(Sent(lane, delivery), row)

    def _shed(self, lane: Lane) -> None:
        """Let wait in the store what a lane that slowed down should not keep in memory any more."""
        while len(lane.fresh) > lane.room:
            self._park(lane, lane.fresh.popleft())  # the oldest: it is they who hold the low-water mark back

    # -- among other processes (see `membership.Dispatching`)

    def settled_mark(self) -> int | None:
        """See `Dispatching.settled_mark`."""
        assert self._settler is not None
        idle = self._settler.idle and self._store.horizon() is None
        return None if idle else self._settler.stored_mark

    def joined_again(self, mark: int) -> None:
        """See `Dispatching.joined_again`. What is under way comes back as of an era that is over."""
        assert self._settler is not None
        self._settler.abandon()
        self._settler = Settler(self._store, self._clock, mark, self._recorded, self._stalled)
        self._era += 1
        self._backlog.forget(self._lanes.values())

    def waits(self, workspace: str, endpoint: str, at: int) -> None:
        """See `Dispatching.waits`."""
        lane = self._lane(workspace, endpoint)
        if lane.state is LaneState.OPEN:
            self._backlog.watch(lane, at)
        elif lane.state is LaneState.CLOSED and lane.locked is None:
            self._tasks.spawn(self._open(lane))  # it was enabled again, and that was not told to us

    def changed(self, workspace: str, endpoint: str) -> None:
        """See `Dispatching.changed`."""
        lane = self._lane(workspace, endpoint)
        if lane.ordered:
            self._backlog.release(lane)  # a replay may have put something before it
        self._tasks.spawn(self._open(lane))

    def shared_by(self, processes: int) -> None:
        """See `Dispatching.shared_by`."""
        changed, self._processes = processes != self._processes, processes
        for lane in self._lanes.values() if changed else ():
            lane.fit(self._settings.in_flight_each, processes, self._clock.monotonic())
            self._shed(lane)
            self._pump(lane)

    # -- lanes

    def _lane(self, workspace: str, endpoint: str) -> Lane:
        lane = self._lanes.get((workspace, endpoint))
        if lane is None:
            lane = self._lanes[workspace, endpoint] = Lane(workspace, endpoint, self._settings.in_flight_each)
            self._tasks.spawn(self._open(lane))
        return lane

    async def _open(self, lane: Lane) -> None:
        """Read the endpoint anew, and act on what it has become."""
        try:
            endpoint = await self._reading.read(lane)
        except Unread:
            self._shed(lane)
            return
        if endpoint is None:
            self._gone(lane)
            return
        if endpoint.locked is not None:
            self._close(lane)
            return
        lane.asked = endpoint
        if endpoint.ordered:
            self._backlog.release(lane)  # it comes again, in order
        lane.fit(self._settings.in_flight_each, self._processes, self._clock.monotonic())
        if self._store.shared or lane.state is not LaneState.OPEN:
            missed = adopt(lane, endpoint, shared=self._store.shared)
            if missed is not None:
                assert self._settler is not None
                self._settler.put_seen((lane.workspace, lane.endpoint), missed)
        if not endpoint.enabled or endpoint.paused:
            self._close(lane)
            return
        lane.state = LaneState.OPEN
        self._shed(lane)
        self._backlog.reopen(lane)
        self._pump(lane)

    def _close(self, lane: Lane) -> None:
        """Nothing is sent for now: what comes, and what is here, waits in the store."""
        lane.state = LaneState.CLOSED
        self._sender.forget(lane.endpoint)
        while lane.fresh:
            self._park(lane, lane.fresh.popleft())
        self._backlog.release(lane)

    def _gone(self, lane: Lane) -> None:
        """The endpoint was deleted, and its deliveries with it."""
        assert self._settler is not None
        lane.state = LaneState.GONE
        self._sender.forget(lane.endpoint)
        for delivery in lane.fresh:
            if delivery.seq is not None:
                self._settler.low_water.trace(delivery.seq)
        lane.forget()
        self._lanes.pop((lane.workspace, lane.endpoint), None)  # its endpoint never comes back

    def _loaded(self, lane: Lane, due: list[outbox.Due]) -> None:
        """Rows of the schedule have come due and were read."""
        lane.take_up(due, self._era)
        self._pump(lane)

    # -- sending

    def _pump(self, lane: Lane) -> None:
        """Send as much of a lane as its cap and the limit for all allow."""
        while lane.may_send() and self.alive:
            if self._full():
                if not lane.hungry:
                    lane.hungry = True
                    self._hungry.append(lane)
                return
            if lane.allowance is not None and not self._in_pace(lane):
                break
            self._send(lane, lane.next())
        self._backlog.drained(lane)

    def _in_pace(self, lane: Lane) -> bool:
        """Whether the rate of a lane allows an attempt now, which is then begun; else the lane waits until it does."""
        allowance = lane.allowance
        wait = lane.in_pace(self._clock.monotonic())
        if wait > 0:
            self._clock.call_later(max(wait, PACE_TICK), partial(self._allowed, lane, allowance))
        return wait <= 0

    def _allowed(self, lane: Lane, allowance: Allowance | None) -> None:
        if lane.allowance is allowance:  # else it has another rate now
            lane.paced = False
            self._pump(lane)

    def _full(self) -> bool:
        """Whether as much is under way, or waits to be recorded, as may be."""
        assert self._settler is not None
        return self._in_flight >= self._settings.in_flight_all or self._settler.pending >= UNRECORDED_MAX

    def _send(self, lane: Lane, delivery: Delivery) -> None:
        prepared = lane.prepared
        assert prepared is not None
        now = self._clock.now()
        delivery.started_at = now
        lane.in_flight += 1
        self._in_flight += 1
        self._idle.clear()
        if prepared.refused is not None:
            asyncio.get_running_loop().call_soon(self._conclude, lane, delivery, refusal(prepared.refused))
            return
        try:
            traces = self._settings.traces
            traceparent = None if traces is None else traces.begin(delivery)
            request = prepared.request(delivery.event, delivery.body, now, traceparent)
            self._sender.begin(request, partial(self._answered, lane, delivery))
        except Exception as error:
            log.exception("sending failed in a way that is our own fault")
            failed = failure_of_ours(prepared, error)
            asyncio.get_running_loop().call_soon(self._answered, lane, delivery, failed)

    def _answered(self, lane: Lane, delivery: Delivery, exchange: Exchange) -> None:
        outcome = classify(exchange, self._clock.now())
        if outcome.kind is Kind.SENDER_STOPPED:
            self._release(lane)
        else:  # without an outcome the delivery is repeated at the next start
            self._conclude(lane, delivery, outcome)

    def _conclude(self, lane: Lane, delivery: Delivery, outcome: Outcome) -> None:
        self._release(lane)
        if outcome.slow_down:
            if not lane.held:
                self._clock.call_later(lane.pause(outcome.retry_after), partial(self._resume, lane))
                self._shed(lane)
        elif outcome.kind in SLOW:
            lane.slow_down()
            self._shed(lane)
        elif outcome.ok:
            lane.speed_up()
        if delivery.era == self._era:
            assert self._settler is not None
            lane.unrecorded += 1
            row = self._aftermath.settle(self._settler, lane, delivery, outcome)
            if lane.ordered and row.next_at is not None:
                self._backlog.release(lane)  # what stands behind it in line waits with it
        self._pump(lane)
        self._feed_hungry()

    def _resume(self, lane: Lane) -> None:
        """The pause that a receiver asked for is over."""
        lane.held = False
        self._pump(lane)

    def _release(self, lane: Lane) -> None:
        lane.in_flight -= 1
        self._in_flight -= 1
        if self._in_flight == 0:
            self._idle.set()

    def _feed_hungry(self) -> None:
        while self._hungry and not self._full():
            lane = self._hungry.popleft()
            lane.hungry = False
            if lane.may_send() and self.alive and (lane.allowance is None or self._in_pace(lane)):
                # One each, in turn: whoever waited longest is not overtaken by whoever has most to send.
                self._send(lane, lane.next())
                if lane.may_send():
                    lane.hungry = True
                    self._hungry.append(lane)

    # -- what was recorded

    def _recorded(self, group: "list[tuple[Sent, Settlement | Waiting]]") -> None:
        """Outcomes are durable: only now may the schedule be asked about these deliveries again."""
        for sent, row in group:
            lane = sent.lane
            lane.claimed.discard(row.event)
            lane.unrecorded -= 1
            if row.next_at is not None:
                self._backlog.watch(lane, row.next_at)
            if lane.ordered:
                self._backlog.moved_on(lane)
        self._feed_hungry()

    def _stalled(self, stalled: bool) -> None:
        if not stalled:
            for lane in self._lanes.values():
                self._pump(lane)
