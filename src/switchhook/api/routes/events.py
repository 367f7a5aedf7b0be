"""The way in for events: the hot routes."""

from switchhook.api.route import BODY, Param, Route
from switchhook.api.scopes import EVENTS_WRITE, WEBHOOKS
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

ROUTES: tuple[Route, ...] = (
    EVENT,
    BATCH,
    Route(
        "stream_events",
        "GET",
        "/v2/api/events/stream",
        "Follow the events as they happen",
        "Server-sent events: `event` with the id, topic, time and payload (null above 16 KiB), and `gap` "
        "where a client was too slow for everything and gets on with the newest. `Last-Event-ID` goes on after that "
        "event. Ends when the key is revoked.",
        scopes=(WEBHOOKS,),
        content_type="text/event-stream",
        query=(
            Param(
                "recent",
                "How many that have happened to begin with.",
                {"type": "integer", "minimum": 0, "maximum": 100, "default": 0},
            ),
            Param("after", "Like Last-Event-ID.", {"type": "string"}),
            Param(
                "follow", "`false` ends after what there is.", {"type": "string", "enum": ["true", "false"]}
            ),
        ),
        codes=("INVALID_PARAMETER",),
        tag="Events",
    ),
    Route(
        "get_event",
        "GET",
        "/v2/api/events/{event_id}",
        "Get an event with its payload and deliveries",
        scopes=(WEBHOOKS,),
        answer=shapes.Event,
        codes=("EVENT_NOT_FOUND",),
        tag="Events",
    ),
    Route(
        "expunge_event",
        "POST",
        "/v2/api/events/{event_id}/expunge",
        "Remove the content of an event for good",
        "The payload and the stored answers of its receivers go; that it happened, when, and how its deliveries went, "
        "stays, and so does its dedupe key. An event that still waits to be delivered is refused unless "
        "`cancel_pending` is true: then its deliveries end as failed. An attempt under way at that moment may still "
        "arrive. Asked again, it answers the same. The body may be left out.",
        scopes=(WEBHOOKS,),
        body=shapes.ExpungeAsked,
        answer=shapes.Event,
        codes=(*BODY, "EVENT_NOT_FOUND", "EVENT_PENDING", "EVENT_UNDER_WAY"),
        tag="Events",
    ),
)
