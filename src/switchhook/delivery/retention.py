"""Retention: what is over and older than a time goes, in the order of acceptance, a little at a time.

    seq ──▶ gone │ kept: waits, or a recovery wants it │ old and over: goes now │ young: the end of a run
                 └──────────────── a run reads from here ────────────────────────────▶

Nothing that may still have to be sent goes, however old it is; `may_go` is the whole rule. A run goes on where the last
one ended; once an hour it begins anew and finds what was kept and is over by now. Every step is a transaction of its
own, so that a crash at any moment leaves whole events. In a shared store one process at a time prunes.
"""

import asyncio
import logging
import math
from collections.abc import Iterable, Sequence

import msgspec

from switchhook.clock import Clock, iso_seconds
from switchhook.storage import pruning
from switchhook.storage.pruning import OldEvent, Span
from switchhook.storage.store import Reader, Store, Transaction

log = logging.getLogger(__name__)

FOREVER = math.inf
LOOK = 100  # events looked at in one step
ROWS = 100  # rows removed in one step: a few milliseconds of a loop
PAUSE = 0.02  # seconds between two steps, so that accepting is never held up
EVERY = 60.0  # seconds between two runs, at most
ANEW = 3_600.0  # seconds between two runs from the beginning
CLAIM = 3 * EVERY  # seconds that a process prunes alone


class Step(msgspec.Struct, frozen=True):
    """What one step did. `position` is the last `seq` it dealt with, `ended` says that only young events follow."""

    position: int
    events: int
    attempts: int
    kept: int
    ended: bool


class Run(msgspec.Struct, frozen=True):
    """What one run did: removed events, removed attempts, and events kept because they are not over."""

    events: int = 0
    attempts: int = 0
    kept: int = 0


def may_go(event: OldEvent, spans: Iterable[Span], cutoff: int) -> bool:
    """Whether an event may be removed: older than `cutoff` (wall ms) and over for each of its targets. Pure.

    A delivery is over when its endpoint was deleted, or when its last attempt ended it, it does not wait, and no
    recovery (`spans`, of the event's workspace) has still to look at it.
    """
    if event.accepted_at >= cutoff:
        return False
    for trace in event.traces:
        if not trace.there:
            continue
        if trace.waits or trace.state not in ("succeeded", "failed"):
            return False
        if any(_means(span, trace.endpoint, event.id, trace.state) for span in spans):
            return False
    return True


def _means(span: Span, endpoint: str, event: str, state: str) -> bool:
    ahead = span.endpoint == endpoint and span.above < event <= span.upto
    return ahead and (not span.became or state in span.became)


def choose(
    events: Sequence[OldEvent], spans: dict[str, list[Span]], cutoff: int, now: int
) -> tuple[list[OldEvent], Step]:
    """Of `events`, in the order of acceptance, those that go in one step, and what that step is. Pure.

    The first young event ends it. One from the future does not: somebody's clock was wrong for a while, and what came
    afterwards must not have to wait for that.
    """
    going: list[OldEvent] = []
    attempts = kept = position = 0
    ended = len(events) < LOOK
    for event in events:
        if cutoff <= event.accepted_at <= now:
            ended = True
            break
        if going and len(going) + attempts >= ROWS:
            ended = False
            break
        position = event.seq
        if may_go(event, spans.get(event.workspace, ()), cutoff):
            going.append(event)
            attempts += sum(trace.number for trace in event.traces)
        else:
            kept += 1
    return going, Step(position, len(going), attempts, kept, ended)


async def look(
    reader: Reader, after: int, cutoff: int, now: int, *, dry: bool = False
) -> tuple[list[OldEvent], Step]:
    """What goes in the step after `after` (a `seq`), and what that step is.

    A `dry` one also counts what goes as soon as the workspace has learned of it.
    """
    events = await pruning.oldest(reader, after, await pruning.bound(reader, unlearned=dry), LOOK)
    spans = await pruning.spans(reader, {event.workspace for event in events})
    return choose(events, spans, cutoff, now)


class Retention:
    """Removes what is over and older than `keep` seconds, in the background. With `FOREVER` it does nothing."""

    def __init__(self, store: Store, clock: Clock, keep: float) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep
        self._task: asyncio.Task[None] | None = None
        self._position = 0
        self._began: float | None = None
        self._events = self._attempts = self._kept = 0
        self._ran_at: int | None = None
        self._oldest: int | None = None

    def start(self) -> None:
        """Begin to prune now and again."""
        if self._keep != FOREVER:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Stop where it is; nothing is lost by that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def snapshot(self) -> dict[str, float]:
        """Counters and gauges for the metrics page; nothing of a process that has not pruned."""
        if self._ran_at is None:
            return {}
        age = 0 if self._oldest is None else max(0, self._clock.now() - self._oldest)
        return {
            "retention_events_removed_total": self._events,
            "retention_attempts_removed_total": self._attempts,
            "retention_events_kept": self._kept,
            "retention_oldest_event_seconds": age / 1000,
            "retention_last_run_timestamp_seconds": self._ran_at / 1000,
        }

    async def run(self, *, claim: bool = True, dry: bool = False) -> Run | None:
        """Remove everything that may go now; what was removed. None when another process is at it.

        `claim` False prunes beside another process, which does no harm; `dry` only tells what would go.

        Raises:
            StorageError: the store cannot be reached; what was removed by then stays removed.
        """
        began = self._clock.monotonic()
        if self._began is None or began - self._began >= ANEW:
            self._position, self._began, self._kept = 0, began, 0
        now = self._clock.now()
        cutoff = max(0, now - int(self._keep * 1000))
        position, done = self._position, Run()

        async def remove(tx: Transaction) -> Step | None:
            if claim and tx.shared and not await pruning.claim(tx, CLAIM):
                return None
            going, step = await look(tx, position, cutoff, now)
            await pruning.remove(tx, going)
            return step

        async def count(reader: Reader) -> Step:
            return (await look(reader, position, cutoff, now, dry=True))[1]

        while True:
            step = await self._store.read(count, heavy=True) if dry else await self._store.run(remove)
            if step is None:
                return None
            position = max(position, step.position)
            done = Run(done.events + step.events, done.attempts + step.attempts, done.kept + step.kept)
            if not dry:
                self._position = position
                self._events += step.events
                self._attempts += step.attempts
                self._kept += step.kept
            if step.ended:
                break
            await self._clock.sleep(PAUSE)
        if not dry:
            await self._end(done, cutoff, now, began)
        return done

    async def _end(self, done: Run, cutoff: int, now: int, began: float) -> None:
        while await self._store.run(lambda tx: pruning.remove_recoveries(tx, cutoff, ROWS)) >= ROWS:
            await self._clock.sleep(PAUSE)
        oldest = await self._store.read(pruning.accepted_first)
        self._oldest, self._ran_at = oldest, now
        if done.events:
            log.info(
                "retention: removed %d events and %d attempts in %.1f s; kept %d that are not over; "
                "the oldest event is from %s",
                done.events,
                done.attempts,
                self._clock.monotonic() - began,
                self._kept,
                "now on" if oldest is None else iso_seconds(oldest),
            )

    async def _work(self) -> None:
        while True:
            await self._clock.sleep(min(EVERY, max(1.0, self._keep / 10)))
            try:
                await self.run()
            except Exception:
                log.exception("retention failed; it is tried again")
