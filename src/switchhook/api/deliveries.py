"""What became of deliveries: `/v2/api/webhooks/{id}/deliveries` and `/v2/api/deliveries/{id}`."""

from typing import Any, cast

import msgspec

from switchhook.api.bodies import data, page_of, read_page
from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.deliveries import (
    Attempt,
    AttemptError,
    Delivery,
    DeliveryDetail,
    DeliveryStatus,
    ReceivedAnswer,
    ReceivedHeader,
)
from switchhook.api.webhooks import webhook_id, webhook_not_found
from switchhook.clock import iso_millis
from switchhook.events.faults import nearest
from switchhook.events.ids import delivery_id, split_delivery_id
from switchhook.storage.endpoints import find_endpoint
from switchhook.storage.history import STATUSES, AttemptRow, DeliveryRow, find_delivery, list_deliveries
from switchhook.storage.store import Reader


class Deliveries:
    """The handlers of the history. Every read runs beside the loop, because a history can be long."""

    def __init__(self, services: Services) -> None:
        self._store = services.store

    async def list(self, request: Request) -> Response:
        """GET /v2/api/webhooks/{webhook_id}/deliveries."""
        query = request.query()
        page, size = read_page(query)
        status = _status(query.get("status"))
        id_ = webhook_id(request)

        async def read(reader: Reader) -> tuple[list[DeliveryRow], int] | None:
            if await find_endpoint(reader, request.workspace, id_) is None:
                return None
            return await list_deliveries(reader, request.workspace, id_, status, page=page, size=size)

        found = await self._store.read(read, heavy=True)
        if found is None:
            raise webhook_not_found(id_)
        rows, total = found
        return page_of([delivery_of(row) for row in rows], page, size, total)

    async def get(self, request: Request) -> Response:
        """GET /v2/api/deliveries/{delivery_id}."""
        return data(_detail(await self._store.read(lambda r: find_requested(r, request), heavy=True)))


async def find_requested(reader: Reader, request: Request) -> DeliveryRow:
    """The delivery that the path names.

    Raises:
        ApiError: 404, there is none.
    """
    given = request.params["delivery_id"]
    try:
        event, endpoint = split_delivery_id(given)
    except ValueError:
        raise _not_found(given) from None
    found = None
    if await find_endpoint(reader, request.workspace, endpoint) is not None:
        found = await find_delivery(reader, request.workspace, endpoint, event)
    if found is None:
        raise _not_found(given)
    return found


def _status(text: str | None) -> str | None:
    if text is None or text == "":
        return None
    if text not in STATUSES:
        like = nearest(text, STATUSES)
        raise ApiError(
            "INVALID_PARAMETER",
            f"status must be one of {', '.join(STATUSES)}; got {text[:100]!r}.",
            param="status",
            suggestion=f"Use {like}." if like else "Leave it out to see all.",
        )
    return text


def _not_found(given: str) -> ApiError:
    return ApiError(
        "DELIVERY_NOT_FOUND",
        f"There is no delivery {given[:100]!r}.",
        param="delivery_id",
        suggestion="GET /v2/api/webhooks/{webhook_id}/deliveries lists those there are.",
    )


def _state(row: DeliveryRow) -> DeliveryStatus:
    # An attempt that will be repeated is recorded as `retrying`; to the outside such a delivery is pending.
    return cast(DeliveryStatus, row.status) if row.status in STATUSES else "pending"


def delivery_of(row: DeliveryRow) -> Delivery:
    """A delivery as the API shows it in lists."""
    last = row.attempts[-1] if row.attempts else None
    return Delivery(
        id=delivery_id(row.event, row.endpoint),
        webhook_id=row.endpoint,
        event_id=row.event,
        topic=row.topic,
        status=_state(row),
        attempts=len(row.attempts),
        created_at=iso_millis(row.accepted_at),
        last_attempt_at=None if last is None else iso_millis(last.started_at),
        next_attempt_at=None if row.next_at is None else iso_millis(row.next_at),
        last_response_status=None if last is None else last.status,
    )


def _detail(row: DeliveryRow) -> DeliveryDetail:
    short = delivery_of(row)
    return DeliveryDetail(
        id=short.id,
        webhook_id=short.webhook_id,
        event_id=short.event_id,
        topic=short.topic,
        status=short.status,
        created_at=short.created_at,
        last_attempt_at=short.last_attempt_at,
        next_attempt_at=short.next_attempt_at,
        last_response_status=short.last_response_status,
        payload=payload_of(row.body),
        attempts=[_attempt(attempt) for attempt in row.attempts],
    )


def payload_of(body: bytes) -> dict[str, Any] | None:
    """The very bytes that are sent, standing for the object they spell; read again they might come out differently
    (25000.00). None when they were removed."""
    return msgspec.Raw(body) if body else None  # type: ignore[return-value]


def _attempt(row: AttemptRow) -> Attempt:
    answer = row.answer()
    error = None
    if row.fault is not None or row.message_customer is not None:
        error = AttemptError(row.fault, row.message_customer, row.message_operator)
    return Attempt(
        number=row.number,
        status_code=row.status,
        result=row.kind,
        started_at=iso_millis(row.started_at),
        duration_ms=round(row.latency_ms),
        error=error,
        response=None
        if answer is None
        else ReceivedAnswer(
            headers=[ReceivedHeader(name, value) for name, value in answer.headers],
            body=answer.body.decode("utf-8", "replace"),
            truncated=answer.truncated,
        ),
    )
