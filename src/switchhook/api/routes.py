"""The one table of routes. Routing, scopes, methods allowed, `/me` and the OpenAPI document are all read off it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from switchhook.api import shapes
from switchhook.api.scopes import CONVERSATIONS_READ, EVENTS_WRITE, WEBHOOKS

Access = Literal["public", "key", "link"]


@dataclass(frozen=True)
class Param:
    """A parameter of the query."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Route:
    """One method of one path. `name` is the key of its handler and its `operationId`.

    `access`: anybody (`public`), an API key with one of `scopes`, or a signed `link` in place of the key. `answer` is
    what stands in `data` (a list of it when `many`), `codes` are the errors beyond those that every route has.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str = ""
    access: Access = "key"
    scopes: tuple[str, ...] = ()
    body: type | None = None
    answer: Any = None
    status: int = 200
    content_type: str = "application/json"
    enveloped: bool = True
    paged: bool = False
    query: tuple[Param, ...] = ()
    codes: tuple[str, ...] = ()
    tag: str = "Webhooks"
    hidden: bool = field(default=False)

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method in ("POST", "PUT", "PATCH", "DELETE")


_PAGE = (
    Param("page", "Page, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
    Param("size", "Items on a page.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
)
_BODY = (
    "INVALID_REQUEST_BODY",
    "MISSING_FIELD",
    "UNKNOWN_FIELD",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
)

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
    codes=(*_BODY, "INVALID_EVENT_TYPE", "INVALID_EVENT_DATA", "REQUEST_TIMEOUT"),
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
    codes=(*_BODY, "INVALID_EVENT_TYPE", "INVALID_EVENT_DATA", "BATCH_TOO_LARGE", "REQUEST_TIMEOUT"),
    tag="Events",
)

ROUTES: tuple[Route, ...] = (
    EVENT,
    BATCH,
    Route(
        "list_event_types",
        "GET",
        "/v2/api/webhooks/event_types",
        "List the topics an endpoint can subscribe to",
        scopes=(WEBHOOKS,),
        answer=list[shapes.EventType],
    ),
    Route(
        "list_webhooks",
        "GET",
        "/v2/api/webhooks",
        "List all webhooks",
        "Without their secrets, oldest first.",
        scopes=(WEBHOOKS,),
        answer=list[shapes.Webhook],
    ),
    Route(
        "create_webhook",
        "POST",
        "/v2/api/webhooks",
        "Create a webhook",
        "The answer carries the `signing_secret`.",
        scopes=(WEBHOOKS,),
        body=shapes.NewWebhook,
        answer=shapes.Webhook,
        status=201,
        codes=(*_BODY, "INVALID_EVENT_TYPE", "INVALID_URL"),
    ),
    Route(
        "get_webhook",
        "GET",
        "/v2/api/webhooks/{webhook_id}",
        "Get a webhook with its signing secret",
        scopes=(WEBHOOKS,),
        answer=shapes.Webhook,
        codes=("WEBHOOK_NOT_FOUND",),
    ),
    Route(
        "update_webhook",
        "PUT",
        "/v2/api/webhooks/{webhook_id}",
        "Change a webhook",
        "What is left out stays as it is. `enabled: true` brings back one that was disabled.",
        scopes=(WEBHOOKS,),
        body=shapes.WebhookChange,
        answer=shapes.Webhook,
        codes=(*_BODY, "INVALID_EVENT_TYPE", "INVALID_URL", "WEBHOOK_NOT_FOUND"),
    ),
    Route(
        "delete_webhook",
        "DELETE",
        "/v2/api/webhooks/{webhook_id}",
        "Delete a webhook and its history",
        scopes=(WEBHOOKS,),
        status=204,
        codes=("WEBHOOK_NOT_FOUND",),
    ),
    Route(
        "list_deliveries",
        "GET",
        "/v2/api/webhooks/{webhook_id}/deliveries",
        "List a webhook's deliveries, newest first",
        scopes=(WEBHOOKS,),
        answer=list[shapes.Delivery],
        paged=True,
        query=(
            Param("status", "Only these.", {"type": "string", "enum": ["pending", "succeeded", "failed"]}),
            *_PAGE,
        ),
        codes=("WEBHOOK_NOT_FOUND", "INVALID_PAGE_SIZE", "INVALID_PARAMETER"),
        tag="Deliveries",
    ),
    Route(
        "get_delivery",
        "GET",
        "/v2/api/deliveries/{delivery_id}",
        "Get a delivery with its payload and attempts",
        scopes=(WEBHOOKS,),
        answer=shapes.DeliveryDetail,
        codes=("DELIVERY_NOT_FOUND",),
        tag="Deliveries",
    ),
    Route(
        "retry_delivery",
        "POST",
        "/v2/api/deliveries/{delivery_id}/retry",
        "Send a delivery again, now",
        "Whatever became of it. The same `webhook-id`, the same bytes, and the whole schedule before it.",
        scopes=(WEBHOOKS,),
        answer=shapes.Delivery,
        status=202,
        codes=("DELIVERY_NOT_FOUND",),
        tag="Deliveries",
    ),
    Route(
        "recover_webhook",
        "POST",
        "/v2/api/webhooks/{webhook_id}/recover",
        "Replay what failed or was never attempted since a date",
        "A job that survives a restart and has no upper limit. What has succeeded is not sent again.",
        scopes=(WEBHOOKS,),
        body=shapes.RecoveryAsked,
        answer=shapes.Recovery,
        status=202,
        codes=(*_BODY, "WEBHOOK_NOT_FOUND"),
        tag="Deliveries",
    ),
    Route(
        "get_recovery",
        "GET",
        "/v2/api/recoveries/{recovery_id}",
        "How far a recovery has come",
        scopes=(WEBHOOKS,),
        answer=shapes.Recovery,
        codes=("RECOVERY_NOT_FOUND",),
        tag="Deliveries",
    ),
    Route(
        "rotate_secret",
        "POST",
        "/v2/api/webhooks/{webhook_id}/rotate-secret",
        "Make a new signing secret",
        "Both secrets sign until the overlap is over, a day when nothing is said. The body may be left out.",
        scopes=(WEBHOOKS,),
        body=shapes.RotationAsked,
        answer=shapes.Webhook,
        codes=(*_BODY, "WEBHOOK_NOT_FOUND"),
    ),
    Route(
        "test_webhook",
        "POST",
        "/v2/api/webhooks/{webhook_id}/test",
        "Send the example of a topic to this webhook",
        "Signed and recorded like any other, whether the webhook subscribed to the topic or not.",
        scopes=(WEBHOOKS,),
        body=shapes.TestAsked,
        answer=shapes.TestSent,
        status=202,
        codes=(*_BODY, "INVALID_EVENT_TYPE", "WEBHOOK_NOT_FOUND"),
    ),
    Route(
        "get_stats",
        "GET",
        "/v2/api/webhooks/{webhook_id}/stats",
        "Figures of a webhook's deliveries",
        scopes=(WEBHOOKS,),
        answer=shapes.Stats,
        codes=("WEBHOOK_NOT_FOUND",),
    ),
    Route(
        "get_me",
        "GET",
        "/v2/api/me",
        "What this key is and may do",
        answer=shapes.Me,
        tag="Account",
    ),
    Route(
        "get_recording",
        "GET",
        "/v1/assets/recordings/{recording_id}.mp3",
        "Get the recording of a call",
        "Opened by the signed link of `recording_url`, or by an API key of the same workspace. Takes Range.",
        access="link",
        scopes=(CONVERSATIONS_READ,),
        content_type="audio/mpeg",
        query=(
            Param("expires", "When the link ends, in Unix seconds.", {"type": "string"}),
            Param("signature", "The link's signature.", {"type": "string"}),
        ),
        codes=("FORBIDDEN", "RECORDING_LINK_EXPIRED", "RECORDING_NOT_FOUND", "INVALID_RANGE"),
        tag="Recordings",
    ),
    Route(
        "get_health",
        "GET",
        "/healthz",
        "Whether the process answers",
        access="public",
        answer=shapes.Health,
        enveloped=False,
        tag="Operation",
    ),
    Route(
        "get_readiness",
        "GET",
        "/readyz",
        "Whether events can be taken and delivered",
        "503 with the same body when not; `problems` names what is wrong.",
        access="public",
        answer=shapes.Readiness,
        enveloped=False,
        tag="Operation",
    ),
    Route(
        "get_metrics",
        "GET",
        "/metrics",
        "Figures for Prometheus",
        access="public",
        content_type="text/plain",
        tag="Operation",
    ),
    Route(
        "get_openapi",
        "GET",
        "/openapi.json",
        "This document",
        access="public",
        answer=dict[str, Any],
        enveloped=False,
        tag="Operation",
    ),
    Route(
        "get_docs",
        "GET",
        "/docs",
        "This document, to be read by people",
        access="public",
        content_type="text/html",
        tag="Operation",
    ),
    Route(
        "get_root", "GET", "/", "Leads to /docs", access="public", status=307, tag="Operation", hidden=True
    ),
)

_ALIASES = (("/v2/webhooks", "/v2/api/webhooks"),)  # a path of an old guide that real clients copied
_PLACE = re.compile(r"\\\{(\w+)\\\}")


def real_path(path: str) -> str:
    """The path that an alias stands for, or the path itself."""
    for alias, real in _ALIASES:
        if path == alias or path.startswith(f"{alias}/"):
            return real + path[len(alias) :]
    return path


class Router:
    """Finds the routes of a path."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        templates: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = templates.setdefault(route.path, {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path} stands twice in the table")
            methods[route.method] = route
            if route.method == "GET":
                methods["HEAD"] = route
        for path, methods in templates.items():
            if "{" in path:
                pattern = _PLACE.sub(r"(?P<\1>[^/]{1,200})", re.escape(path))
                self._patterns.append((re.compile(pattern), methods))
            else:
                self._fixed[path] = methods
        self.paths = [route.path for route in routes if not route.hidden]

    def find(self, path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
        """The routes of a path by method, and the path's parameters; None when there is nothing at it."""
        methods = self._fixed.get(path)
        if methods is not None:
            return methods, {}
        for pattern, methods in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None:
                return methods, found.groupdict()
        return None
