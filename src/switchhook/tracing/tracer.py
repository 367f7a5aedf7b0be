"""Spans on their way out of this process, and whose trace something new belongs to.

    request ──▶ Cause ─┐                          on commit
    fact, text ────────┼──▶ Intake of its transaction ──▶ queue ──▶ exporter
                       └──▶ events: the trace of each, written down where it does not follow from its id

The queue is bounded: what it would not hold is counted and gone. Nobody waits for it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from switchhook.clock import Clock
from switchhook.tracing.context import (
    SpanContext,
    bound_of,
    chosen,
    new_span,
    span_of,
    trace_of,
)
from switchhook.tracing.spans import Span, SpanKind, Value, event_attributes

ROOM = 8_192  # spans that wait to be sent: a few MB
LINKS = 100  # of a request: whoever is about more than so many things is not read link by link
_MS = 1_000_000


class Cause:
    """A request that is being answered: the span of it, and the trace it is in as soon as that is known.

    One that came without a trace gets that of the first thing it brings about.
    """

    __slots__ = ("context", "links", "parent", "span")

    def __init__(self, parent: SpanContext | None) -> None:
        self.parent = parent
        self.links: list[SpanContext] = []
        self.span = new_span()
        self.context = None if parent is None else SpanContext(parent.trace, self.span, parent.sampled)


CAUSE: ContextVar[Cause | None] = ContextVar("cause", default=None)
"""The request in whose task this runs."""


class Begun:
    """An attempt under way: the event's span above it, its own, and when it began (ns)."""

    __slots__ = ("context", "parent", "start")

    def __init__(self, above: SpanContext, start: int) -> None:
        self.parent = above.span
        self.context = SpanContext(above.trace, new_span(), above.sampled)
        self.start = start


class Tracer:
    """Decides what is recorded and holds spans until they are sent. For one loop's thread."""

    def __init__(self, clock: Clock, share: float, room: int = ROOM) -> None:
        """`share`, from 0 to 1, of the traces that begin here are recorded; the others as whoever began them wants."""
        self._clock = clock
        self._bound = bound_of(share)
        self._room = room
        self._anchor = 0
        self.queue: deque[Span] = deque()
        self.dropped = 0
        self.wake: Callable[[], None] = lambda: None

    def now(self) -> int:
        """Wall time in nanoseconds: the clock's millisecond, and within it as it passes."""
        wall, passed = self._clock.now() * _MS, int(self._clock.monotonic() * 1e9)
        if not wall <= self._anchor + passed < wall + _MS:
            self._anchor = wall - passed
        return self._anchor + passed

    def own(self, id_: str) -> SpanContext:
        """The span that stands for `id_`, in the trace that follows from it."""
        trace = trace_of(id_)
        return SpanContext(trace, span_of(id_), chosen(trace, self._bound))

    def records(self, trace: bytes) -> bool:
        """Whether a trace that begins here is recorded."""
        return chosen(trace, self._bound)

    def intake(self, cause: Cause | None, told: "Told") -> "Intake":
        """What a transaction reports to; `cause` is the request it is made for, `told` is called at its commit."""
        return Intake(self, cause, told)

    def add(self, span: Span) -> None:
        """Have a span sent, if it is one that is recorded."""
        if not span.context.sampled:
            return
        if len(self.queue) >= self._room:
            self.dropped += 1
            return
        self.queue.append(span)
        self.wake()


class Intake:
    """What comes in with one transaction. Nothing of it is sent before the commit, and nothing when there is none."""

    __slots__ = (
        "_about",
        "_cause",
        "_links",
        "_made",
        "_root",
        "_told",
        "_tracer",
        "_waits",
        "_within",
        "kept",
    )

    def __init__(self, tracer: Tracer, cause: Cause | None, told: "Told") -> None:
        self._tracer = tracer
        self._told = told
        self._cause = cause
        self._root = None if cause is None else cause.context
        self._within: SpanContext | None = None
        self._about: Mapping[str, Value] = {}
        self._made: list[Callable[[int], Span]] = []
        self._links: list[SpanContext] = []
        self._waits = False
        self.kept: list[tuple[str, str, str]] = []
        """The workspace, the id and the trace of events whose trace does not follow from their ids."""

    def reported(
        self, about: str, name: str, attributes: Mapping[str, Value], *, first: bool = False
    ) -> None:
        """Something was reported about a call or a text; what is accepted from now on is because of it.

        `about` is its id, which the trace follows from. The report that is the `first` stands for the whole.
        """
        whole = self._tracer.own(about)
        context = whole if first else SpanContext(whole.trace, new_span(), whole.sampled)
        self._link(whole)
        links = () if self._root is None else (self._root,)
        self._within = context
        self._about = {key: value for key, value in attributes.items() if key.endswith(".id")}
        parent = None if first else whole.span
        start = self._tracer.now()
        self._add(
            lambda end: Span(
                context=context,
                name=name,
                kind=SpanKind.CONSUMER,
                start=start,
                end=end,
                parent=parent,
                attributes=attributes,
                links=links,
            )
        )

    def whole(self, id_: str, name: str, start: int, end: int, attributes: Mapping[str, Value]) -> None:
        """What took from `start` to `end` (wall ms) is over, and `id_` stands for it."""
        span = Span(
            context=self._tracer.own(id_),
            name=name,
            kind=SpanKind.INTERNAL,
            start=start * _MS,
            end=max(start, end) * _MS,
            attributes=attributes,
        )
        self._add(lambda _: span)

    def accepted(self, event: "Event", endpoints: int) -> str | None:
        """An event is accepted; what is to be written down of its trace, None when that follows from its id."""
        own = self._tracer.own(event.id)
        above = self._within
        if above is None:
            self._join(own)
            above = self._root
        context = own if above is None else SpanContext(above.trace, own.span, above.sampled)
        topic = event.topic
        attributes = {
            **event_attributes(event.workspace, event.id, topic, len(event.body), endpoints),
            **self._about,
        }
        start = self._tracer.now()
        self._add(
            lambda end: Span(
                context=context,
                name=f"create {topic}",
                kind=SpanKind.PRODUCER,
                start=start,
                end=end,
                parent=None if above is None else above.span,
                attributes=attributes,
            )
        )
        if context == own:
            return None
        text = str(context)
        self.kept.append((event.workspace, event.id, text))
        return text

    def take(self) -> list[tuple[str, str, str]]:
        """What is to be written down, once."""
        kept, self.kept = self.kept, []
        return kept

    def about(self, id_: str) -> None:
        """The request is about a call that somebody else will report of."""
        self._link(self._tracer.own(id_))
        self._at_commit()

    def _link(self, whole: SpanContext) -> None:
        """The request is in the trace of `whole`, or tells of it when it is in its caller's."""
        self._join(whole)
        if self._root is not None and self._root.trace != whole.trace and len(self._links) < LINKS:
            self._links.append(whole)

    def _join(self, whole: SpanContext) -> None:
        """A request that came without a trace is in that of the first thing it is about."""
        if self._root is None and self._cause is not None:
            self._root = SpanContext(whole.trace, self._cause.span, whole.sampled)

    def _add(self, make: Callable[[int], Span]) -> None:
        self._at_commit()
        self._made.append(make)

    def _at_commit(self) -> None:
        if not self._waits:
            self._waits = True
            self._told.append(self._committed)

    def _committed(self, _: object) -> None:
        if self._cause is not None:
            self._cause.context = self._cause.context or self._root
            self._cause.links += self._links
        end = self._tracer.now()
        for make in self._made:
            self._tracer.add(make(end))


class Event(Protocol):
    """What is asked of an event that is accepted."""

    @property
    def workspace(self) -> str:
        """The id of its workspace."""

    @property
    def id(self) -> str:
        """Its own."""

    @property
    def topic(self) -> str:
        """Its topic."""

    @property
    def body(self) -> bytes:
        """Of which the length is told."""


Told = list[Callable[[Any], None]]
"""Where a transaction keeps what is to be called once it is committed."""
