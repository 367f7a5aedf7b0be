"""The spans of attempts: each a client of its own under the event's, however much later and in whatever process."""

from switchhook.clock import iso_millis
from switchhook.delivery.lane import Delivery, Lane
from switchhook.events.ids import unchecked_delivery_id
from switchhook.storage.outbox import Settlement
from switchhook.tracing.context import parse_traceparent
from switchhook.tracing.spans import Span, SpanKind, attempt_attributes
from switchhook.tracing.tracer import Begun, Tracer


class AttemptTraces:
    """Begins and ends the spans of attempts."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, delivery: Delivery) -> str:
        """An attempt begins; the `traceparent` that goes with it."""
        begun = delivery.begun = self._begun(delivery)
        return str(begun.context)

    def _begun(self, delivery: Delivery) -> Begun:
        above = parse_traceparent(delivery.trace) if delivery.trace else None
        return Begun(above or self._tracer.own(delivery.event), self._tracer.now())

    def ended(self, lane: Lane, delivery: Delivery, row: Settlement) -> None:
        """What became of the attempt is known, and `row` will be recorded."""
        begun = delivery.begun or self._begun(delivery)  # one whose URL is refused never began
        delivery.begun = None
        if not begun.context.sampled:
            return
        attributes = attempt_attributes(
            workspace=lane.workspace,
            endpoint=lane.endpoint,
            event=delivery.event,
            topic=delivery.topic,
            delivery=unchecked_delivery_id(delivery.event, lane.endpoint),
            number=row.number,
            state=row.state,
            kind=row.kind,
            status=row.status,
            fault=row.fault,
            next_at=None if row.next_at is None else iso_millis(row.next_at),
        )
        span = Span(
            context=begun.context,
            name=f"send {delivery.topic}",
            kind=SpanKind.CLIENT,
            start=begun.start,
            end=self._tracer.now(),
            parent=begun.parent,
            attributes=attributes,
            error=None if row.state == "succeeded" else row.kind,
        )
        self._tracer.add(span)
