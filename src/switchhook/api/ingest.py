"""The way of an event in: `POST /v2/api/events` and `/v2/api/events/batch`.

    head ─▶ key (remembered) ─▶ body (counted) ─▶ parsed and checked once ─▶ rendered once ─▶ one transaction ─▶ 202

This is the hot path: one dictionary of headers, no router, no framework. What is unusual (an idempotency key, a fault)
leaves it for the slower helpers that the other routes use.
"""

from collections.abc import Callable, Sequence

import msgspec

from switchhook.api.auth import Authenticator, require_scope
from switchhook.api.bodies import data
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Idempotency, read_idempotency_key
from switchhook.api.messages import Request, Response, require_json
from switchhook.api.metrics import Metrics
from switchhook.api.route import Route
from switchhook.api.routes import BATCH, EVENT
from switchhook.api.services import Services
from switchhook.api.shapes.events import BatchAccepted
from switchhook.events.catalogue import CATALOGUE
from switchhook.events.envelope import MAX_BATCH, Publish, parse_publish, parse_publish_batch
from switchhook.events.faults import FieldError, InvalidEvent, UnknownTopic
from switchhook.events.strict import DECODING_ERRORS
from switchhook.storage.outbox import Accepted, NewEvent
from switchhook.storage.store import Lane, Transaction
from switchhook.workspace.publish import new_event, publish

Render = Callable[[Sequence[Accepted]], Response]


class Ingest:
    """The handlers of the event routes."""

    def __init__(self, services: Services, authenticator: Authenticator, metrics: Metrics) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._authenticator = authenticator
        self._metrics = metrics
        self._idempotency = Idempotency(services.store, services.clock)

    async def one(self, request: Request) -> Response:
        """POST /v2/api/events."""
        began = self._clock.monotonic()
        body, key = await self._take(request, EVENT, self._limits.body_bytes)
        if key is not None and (replay := await self._earlier(request, EVENT, key)):
            return replay
        event = new_event(request.workspace, parse_one(body), self._clock.now())
        return await self._accept(request, EVENT, [event], key=key, render=_one, began=began)

    async def batch(self, request: Request) -> Response:
        """POST /v2/api/events/batch."""
        began = self._clock.monotonic()
        body, key = await self._take(request, BATCH, self._limits.batch_bytes)
        if key is not None and (replay := await self._earlier(request, BATCH, key)):
            return replay
        now = self._clock.now()
        events = [new_event(request.workspace, asked, now) for asked in parse_many(body)]
        return await self._accept(request, BATCH, events, key=key, render=_many, began=began)

    async def _take(self, request: Request, route: Route, limit: int) -> tuple[bytes, str | None]:
        """The body and the idempotency key, of somebody who may send them."""
        headers = request.headers
        header = headers.get(b"authorization")
        caller = self._authenticator.known(header) or await self._authenticator.caller(header)
        request.key = caller.key
        request.rate_headers = caller.limiter.take(caller.limiter.ingest)
        require_scope(caller.key, route.scopes)
        require_json(headers)
        body = await request.body(self._clock, limit, self._limits.body_seconds)
        return body, read_idempotency_key(headers.get(b"idempotency-key"))

    async def _earlier(self, request: Request, route: Route, key: str) -> Response | None:
        return await self._idempotency.earlier(request.workspace, key, _name(route))

    async def _accept(
        self,
        request: Request,
        route: Route,
        events: list[NewEvent],
        *,
        key: str | None,
        render: Render,
        began: float,
    ) -> Response:
        accepted: list[Accepted] = []

        async def work(tx: Transaction) -> Response:
            nonlocal accepted
            accepted = await publish(tx, events)
            return render(accepted)

        if key is None:
            response = await self._store.run(work, lane=Lane.ACCEPTS)
        else:
            response = await self._idempotency.once(request.workspace, key, _name(route), work)
        duplicates = 0
        for one in accepted:
            duplicates += one.duplicate
        self._metrics.duplicates += duplicates
        self._metrics.accepted += len(accepted) - duplicates
        self._metrics.took(self._clock.monotonic() - began)
        return response


def parse_one(body: bytes) -> Publish:
    """The event of a body.

    Raises:
        ApiError: 400, with every fault.
    """
    try:
        return parse_publish(body)
    except InvalidEvent as error:
        raise refusal(error) from None


def parse_many(body: bytes) -> list[Publish]:
    """The events of a batch.

    Raises:
        ApiError: 400, with every fault.
    """
    try:
        return parse_publish_batch(body)
    except InvalidEvent as error:
        raise _too_many(body) or refusal(error) from None


def refusal(error: InvalidEvent) -> ApiError:
    """The 400 of an event that is not as the catalogue says."""
    if isinstance(error, UnknownTopic):
        like = error.nearest
        refused = from_faults([FieldFault(error.field, "INVALID_EVENT_TYPE", error.errors[0].message)])
        refused.suggestion = f"Use {like}." if like else f"The topics are {', '.join(CATALOGUE)}."
        return refused
    return from_faults([FieldFault(one.field, _code(one), one.message) for one in error.errors])


def _code(fault: FieldError) -> str:
    if fault.message.startswith("required"):
        return "MISSING_FIELD"
    if fault.message.startswith("unknown field"):
        return "UNKNOWN_FIELD"
    # Whatever the path leads through, only the data is the catalogue's; the rest is this route's own body.
    return "INVALID_EVENT_DATA" if ".data" in f".{fault.field}" else "INVALID_REQUEST_BODY"


class _Count(msgspec.Struct):
    events: list[msgspec.Raw]


_READ_COUNT = msgspec.json.Decoder(_Count).decode


def _too_many(body: bytes) -> ApiError | None:
    """The error of a batch that is too large, which is told before anything that is wrong inside it."""
    try:
        count = len(_READ_COUNT(body).events)
    except DECODING_ERRORS:
        return None
    if count <= MAX_BATCH:
        return None
    return ApiError(
        "BATCH_TOO_LARGE",
        f"A batch holds at most {MAX_BATCH} events, this one has {count}.",
        param="events",
        suggestion=f"Send several batches of up to {MAX_BATCH}.",
    )


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


def _one(accepted: Sequence[Accepted]) -> Response:
    first = accepted[0]
    return Response(200 if first.duplicate else 202, b'{"data":{"id":"%b"}}' % first.id.encode())


def _many(accepted: Sequence[Accepted]) -> Response:
    return data([BatchAccepted(one.id, one.duplicate) for one in accepted], 202)
