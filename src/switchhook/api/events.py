"""One event: `/v2/api/events/{event_id}`, shown with its deliveries, and the removal of its content."""

from switchhook.api.bodies import data, read_shape
from switchhook.api.deliveries import delivery_of, payload_of
from switchhook.api.errors import ApiError
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.events import Event, ExpungeAsked
from switchhook.clock import iso_millis
from switchhook.delivery.exchange import Kind
from switchhook.events.ids import normalise_id
from switchhook.storage import expunging
from switchhook.storage.history import find_delivery
from switchhook.storage.store import Reader, Transaction

WHY = "The content of the event was removed on request before it was delivered."


class Events:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits

    async def get(self, request: Request) -> Response:
        """GET /v2/api/events/{event_id}."""

        async def read(reader: Reader) -> Event:
            return await _shown(reader, await _requested(reader, request))

        return data(await self._store.read(read, heavy=True))

    async def expunge(self, request: Request) -> Work:
        """POST /v2/api/events/{event_id}/expunge."""
        body = await request.json(self._clock, self._limits, optional=True)
        asked = read_shape(body, ExpungeAsked) if body else ExpungeAsked()

        async def work(tx: Transaction) -> Response:
            event = await _requested(tx, request)
            if event.expunged_at is None:
                _check(event, cancel=asked.cancel_pending is True)
                await expunging.expunge(tx, event, kind=Kind.EXPUNGED, why=WHY, now=self._clock.now())
                event = await _requested(tx, request)
            return data(await _shown(tx, event))

        return work


async def _requested(reader: Reader, request: Request) -> expunging.Event:
    id_ = normalise_id(request.params["event_id"])
    found = await expunging.find_event(reader, request.workspace, id_)
    if found is None:
        raise ApiError("EVENT_NOT_FOUND", f"There is no event {id_[:100]!r}.", param="event_id")
    return found


def _check(event: expunging.Event, *, cancel: bool) -> None:
    """Refuse what would take away what somebody still waits for.

    Raises:
        ApiError: 409.
    """
    if event.under_way:
        raise ApiError(
            "EVENT_UNDER_WAY",
            "The event is being sent to an endpoint for the first time; its content is needed until that is over.",
            param="event_id",
            suggestion="Ask again in a moment.",
            retry_after=1,
            headers=[(b"retry-after", b"1")],
        )
    if event.waiting and not cancel:
        count = len(event.waiting)
        raise ApiError(
            "EVENT_PENDING",
            f"{count} {'delivery' if count == 1 else 'deliveries'} of the event still wait to be sent.",
            param="event_id",
            suggestion='Wait until they are over, or send {"cancel_pending": true} to give them up.',
        )


async def _shown(reader: Reader, event: expunging.Event) -> Event:
    deliveries = [
        await find_delivery(reader, event.workspace, trace.endpoint, event.id)
        for trace in event.traces
        if trace.there
    ]
    return Event(
        id=event.id,
        topic=event.topic,
        created_at=iso_millis(event.accepted_at),
        expunged_at=None if event.expunged_at is None else iso_millis(event.expunged_at),
        payload=payload_of(event.body),
        deliveries=[delivery_of(row) for row in deliveries if row is not None],
    )
