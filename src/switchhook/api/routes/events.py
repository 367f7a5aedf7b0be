"""The way in for events: the hot routes."""

from switchhook.api.route import BODY, Route
from switchhook.api.scopes import EVENTS_WRITE
from switchhook.api.shapes import events as shapes

EVENT = Route(
    "publish_event",
    "POST",
    "/v2/api/events",
    "Publish an event",
    "For phone systems that speak HTTP only. Answered 202 when the event is durable together with the endpoints that "
    "are subscribed at that moment, and 200 with the first id when the fact was known already (by `dedupe_key`, or by "
    "the catalogue's rule without one).",
    scopes=(EVENTS_WRITE,),
    answer=shapes.AcceptedId,
    status=202,
    codes=(*BODY, "INVALID_EVENT_TYPE", "INVALID_EVENT_DATA", "REQUEST_TIMEOUT"),
    tag="Events",
)
BATCH = Route(
    "publish_events",
    "POST",
    "/v2/api/events/batch",
    "Publish up to 1,000 events",
    "All are accepted or none. `data` has one entry for each event, in order.",
    scopes=(EVENTS_WRITE,),
    answer=list[shapes.BatchAccepted],
    status=202,
    codes=(*BODY, "INVALID_EVENT_TYPE", "INVALID_EVENT_DATA", "BATCH_TOO_LARGE", "REQUEST_TIMEOUT"),
    tag="Events",
)

ROUTES: tuple[Route, ...] = (EVENT, BATCH)
