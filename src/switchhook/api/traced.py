"""The API with a span for every request that may change something, of somebody who has a key.

A `traceparent` that comes with it is continued. Reads, and what is refused before anybody knows who asks, leave none:
strangers could fill a collector with them.
"""

import re
from typing import Protocol

from switchhook.api.messages import Receive, Scope, Send
from switchhook.api.route import Route, Router, real_path
from switchhook.api.routes import ROUTES
from switchhook.tracing.context import SpanContext, new_trace, parse_traceparent
from switchhook.tracing.spans import Span, SpanKind, request_attributes
from switchhook.tracing.tracer import CAUSE, Cause, Tracer

UNKNOWN_SENDER = 401
_OURS = re.compile(r"req_[0-9A-Za-z]{12}").fullmatch


class App(Protocol):
    """What is traced: an ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""


class Traced:
    """An ASGI application around another one."""

    def __init__(self, app: App, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer
        self._router = Router(ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        route = self._route(scope)
        if route is None:
            await self._app(scope, receive, send)
            return
        cause = Cause(_parent(scope))
        start = self._tracer.now()
        status: int | None = None
        request_id = ""

        async def watched(message: Scope) -> None:
            nonlocal status, request_id
            if message["type"] == "http.response.start":
                status = message["status"]
                request_id = dict(message["headers"]).get(b"x-request-id", b"").decode("latin-1")
                if not _OURS(request_id):
                    request_id = ""  # its sender's, who may have put anything into it
            await send(message)

        token = CAUSE.set(cause)
        try:
            await self._app(scope, receive, watched)
        finally:
            CAUSE.reset(token)
            if status != UNKNOWN_SENDER:
                self._end(route, cause, start, status, request_id)

    def _route(self, scope: Scope) -> Route | None:
        if scope["type"] != "http":
            return None
        found = self._router.find(real_path(scope["path"]))
        route = found[0].get(scope["method"]) if found is not None else None
        return route if route is not None and route.writes and route.access == "key" else None

    def _end(self, route: Route, cause: Cause, start: int, status: int | None, request_id: str) -> None:
        context = cause.context
        if context is None:
            trace = new_trace()
            context = SpanContext(trace, cause.span, self._tracer.records(trace))
        failed = str(status) if status is not None and status >= 500 else None
        self._tracer.add(
            Span(
                context=context,
                name=f"{route.method} {route.path}",
                kind=SpanKind.SERVER,
                start=start,
                end=self._tracer.now(),
                parent=None if cause.parent is None else cause.parent.span,
                links=tuple(cause.links),
                attributes=request_attributes(route.method, route.path, status, request_id),
                error=failed,
            )
        )


def _parent(scope: Scope) -> SpanContext | None:
    given = [value for name, value in scope["headers"] if name == b"traceparent"]
    return parse_traceparent(given[0].decode("latin-1")) if len(given) == 1 else None
