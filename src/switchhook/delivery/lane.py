"""One endpoint's lane: what waits for it in memory, how many attempts may be under way, and its prepared request.

    fresh   ──▶ ┐
                ├─ in turn ──▶ at most `cap` under way
    backlog ──▶ ┘

Fresh events and those that come back from the schedule take turns, so that neither starves the other. A receiver that
does not answer in time loses its cap and gets it back one by one with its successes. What does not fit into memory
waits in the store.

An ordered endpoint's lane has a cap of one and no fresh deliveries: all of them wait in line in the schedule, and what
is in memory is the front of that line.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum

from switchhook.delivery.allowance import Allowance
from switchhook.delivery.breaker import HEALTHY
from switchhook.delivery.pace import WHOLE
from switchhook.delivery.request import Prepared
from switchhook.storage.endpoints import Endpoint
from switchhook.storage.outbox import Due
from switchhook.storage.store import AcceptedEvent
from switchhook.storage.variants import body_for
from switchhook.tracing.tracer import Begun

FRESH_MAX = 10_000  # deliveries of one endpoint kept in memory
FRESH_MAX_SLOW = (
    8  # the same if its cap has shrunk or it cannot be read: while they wait, the low-water mark does
)
SLOW_CAP = 2
PAUSE_FIRST = 1.0  # seconds without a delivery after 429, 502, 503 or 504; doubled each time
PAUSE_MOST = 60.0


class LaneState(Enum):
    """Whether anything is sent."""

    UNKNOWN = "unknown"  # its endpoint has not been read yet
    OPEN = "open"
    CLOSED = "closed"  # disabled, paused or locked: what comes waits in the store
    GONE = "gone"  # deleted


class Delivery:
    """One event on its way to one endpoint.

    `attempts` is how many were made, `base` how many of them before the present series. `seq` is the
    event's place above the low-water mark as long as this delivery has left no trace there. `scheduled` says that it
    has a row in the schedule, which was due at `due_at` (wall ms). `era` is the dispatcher's when it got it. `trace` is
    what the event's row keeps of its trace, `begun` the span of the attempt under way when there are traces.
    """

    __slots__ = (
        "accepted_at",
        "attempts",
        "base",
        "begun",
        "body",
        "due_at",
        "era",
        "event",
        "scheduled",
        "seq",
        "started_at",
        "topic",
        "trace",
    )

    def __init__(
        self,
        event: str,
        body: bytes,
        accepted_at: int,
        *,
        attempts: int = 0,
        base: int = 0,
        due_at: int | None = None,
        seq: int | None = None,
        scheduled: bool = False,
        era: int = 0,
        topic: str = "",
        trace: str | None = None,
    ) -> None:
        self.event = event
        self.body = body
        self.accepted_at = accepted_at
        self.attempts = attempts
        self.base = base
        self.due_at = due_at
        self.seq = seq
        self.scheduled = scheduled
        self.era = era
        self.started_at = 0
        self.topic = topic
        self.trace = trace
        self.begun: Begun | None = None

    @classmethod
    def fresh(cls, event: AcceptedEvent, target: str, era: int) -> "Delivery":
        """That of an event that was just accepted."""
        body = body_for(event.body, event.variant, target)
        return cls(
            event.id, body, event.accepted_at, seq=event.seq, era=era, topic=event.topic, trace=event.trace
        )


class Lane:
    """The state of one endpoint in the dispatcher."""

    __slots__ = (
        "allowance",
        "asked",
        "backlog",
        "backlog_at",
        "backoff",
        "cap",
        "claimed",
        "endpoint",
        "fresh",
        "full_cap",
        "health",
        "health_saved",
        "held",
        "hungry",
        "in_flight",
        "load",
        "loading",
        "locked",
        "most_fresh",
        "ordered",
        "paced",
        "prepared",
        "state",
        "succeeded_at",
        "turn",
        "unread",
        "unrecorded",
        "workspace",
    )

    def __init__(self, workspace: str, endpoint: str, cap: int) -> None:
        self.workspace = workspace
        self.endpoint = endpoint
        self.state = LaneState.UNKNOWN
        self.prepared: Prepared | None = None
        self.asked: Endpoint | None = None  # as it was when it was last read
        self.unread = False  # that could not be done
        self.locked: str | None = None  # why its secrets do not open
        self.fresh: deque[Delivery] = deque()
        self.backlog: deque[Delivery] = deque()
        self.claimed: set[str] = set()  # events of the schedule that are in memory
        self.in_flight = 0
        self.unrecorded = 0  # what became of so many is not in the store yet, and they may come again
        self.cap = self.full_cap = cap
        self.turn = False
        self.hungry = False
        self.held = False  # the receiver asked for a pause
        self.allowance: Allowance | None = None  # its owner asked for a rate
        self.paced = False  # waits for the next moment that the rate allows
        self.ordered = False
        self.most_fresh: int | None = None  # a smaller bound on `fresh` that an option brings with it
        self.load = WHOLE  # rows of the schedule read at once
        self.backoff = 0.0  # seconds of the last pause that it did not measure itself
        self.loading = False
        self.health = self.health_saved = HEALTHY  # as far as this process knows
        self.succeeded_at: int | None = None  # when an attempt last did (wall ms)
        self.backlog_at: int | None = None  # when the first row of the schedule is due (wall ms)

    @property
    def queued(self) -> int:
        """How many deliveries wait in memory."""
        return len(self.fresh) + len(self.backlog)

    @property
    def room(self) -> int:
        """How many fresh deliveries may wait in memory; the others wait in the store."""
        if self.held:
            return 0
        room = FRESH_MAX if self.cap > SLOW_CAP and not self.unread else FRESH_MAX_SLOW
        return room if self.most_fresh is None else min(room, self.most_fresh)

    def may_send(self) -> bool:
        """Whether the next delivery may go out now."""
        return (
            self.state is LaneState.OPEN
            and not self.held
            and not self.paced
            and self.in_flight < self.cap
            and bool(self.fresh or self.backlog)
        )

    def next(self) -> Delivery:
        """The delivery whose turn it is."""
        self.turn = not self.turn
        if self.fresh and (self.turn or not self.backlog):
            return self.fresh.popleft()
        return self.backlog.popleft()

    def fit(self, in_flight_each: int, processes: int, now: float) -> None:
        """Take up what the endpoint asked for. Where several processes deliver, each has a share of what it limits.

        While `processes` is 0 nobody knows how many there are, and what is limited by a rate waits. `now` is monotonic
        seconds.
        """
        endpoint = self.asked
        if endpoint is None:
            return
        self.ordered = endpoint.ordered
        full = in_flight_each
        if endpoint.max_in_flight is not None:
            full = max(1, endpoint.max_in_flight // max(1, processes))
        if endpoint.ordered:
            full = 1
        self.cap = min(self.cap, full) if self.cap < self.full_cap else full
        self.full_cap = full
        self._fit_rate(endpoint.rate_limit, processes, now)
        if self.ordered:
            self.most_fresh = 0

    def _fit_rate(self, rate: float | None, processes: int, now: float) -> None:
        self.most_fresh = None
        self.load = WHOLE
        if rate is None or processes == 0:
            self.allowance = None
            self.paced = rate is not None
            self.most_fresh = 0 if self.paced else None
        else:
            share = rate / processes
            if self.allowance is None or self.allowance.rate != share:
                self.allowance = Allowance(share) if self.allowance is None else self.allowance.at(share, now)
                self.paced = False
            # A second's worth: they are soon gone, and so is their hold on the low-water mark; and in a shared store
            # nobody sits on rows that others could send.
            self.most_fresh = max(1, int(share))
            self.load = min(WHOLE, self.most_fresh)

    def take_up(self, due: Iterable[Due], era: int) -> None:
        """Have what came due in the schedule wait here."""
        for row in due:
            self.claimed.add(row.event)
            self.backlog.append(
                Delivery(
                    row.event,
                    row.body,
                    row.accepted_at,
                    attempts=row.attempts,
                    base=row.base,
                    due_at=row.next_at,
                    scheduled=True,
                    era=era,
                    topic=row.topic,
                    trace=row.trace,
                )
            )

    def in_pace(self, now: float) -> float:
        """Take the next moment that the rate allows, `now` being monotonic seconds; how long to wait if not yet."""
        if self.allowance is None:
            return 0.0
        wait = self.allowance.wait(now)
        if wait > 0:
            self.paced = True
            return wait
        self.allowance.take(now)
        return 0.0

    def slow_down(self) -> None:
        """The receiver did not answer in time: next to nothing more until it does."""
        self.cap = min(self.cap, SLOW_CAP)

    def forget(self) -> None:
        """Nothing that waits here is ours any more."""
        self.fresh.clear()
        self.backlog.clear()
        self.claimed.clear()
        self.unrecorded = 0

    def pause(self, asked: float | None) -> float:
        """The receiver is overloaded: send nothing for so many seconds, then begin again one at a time."""
        self.backoff = min(max(PAUSE_FIRST, self.backoff * 2), PAUSE_MOST)
        self.held = True
        self.cap = 1
        return max(self.backoff, asked or 0.0)

    def speed_up(self) -> None:
        """The receiver answered: one more may be under way."""
        self.backoff = 0.0
        if self.cap < self.full_cap:
            self.cap += 1
