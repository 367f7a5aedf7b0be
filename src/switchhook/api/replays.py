"""Looking after an endpoint: retry one delivery, rotate the secret, a test event, figures."""

import msgspec
from msgspec import UNSET

from switchhook.api.bodies import data, read_shape
from switchhook.api.deliveries import delivery_of, find_requested
from switchhook.api.endpoint_options import OVERLAP_SECONDS, new_key, see_that_it_signs, signature_of
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.webhooks import (
    LatencyFigures,
    RecentFigures,
    RotationAsked,
    Stats,
    TestAsked,
    TestSent,
)
from switchhook.api.topics import taken_by, unknown_topic
from switchhook.api.webhooks import webhook_id, webhook_not_found, webhook_of
from switchhook.clock import iso_millis
from switchhook.delivery.breaker import CLOCK_MS
from switchhook.events import first_version
from switchhook.events.catalogue import TOPICS
from switchhook.events.envelope import render
from switchhook.events.ids import MESSAGE, delivery_id, lower_bound, new_id
from switchhook.storage import endpoints, history, outbox, replay
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace.publish import show

DAY_MS = 86_400_000


class Replays:
    """The handlers. What is put back is sent by the dispatcher as soon as the transaction is committed."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits

    async def retry(self, request: Request) -> Work:
        """POST /v2/api/deliveries/{delivery_id}/retry."""

        async def work(tx: Transaction) -> Response:
            found = await find_requested(tx, request)
            if not found.body:
                raise ApiError(
                    "EVENT_EXPUNGED",
                    f"The content of event {found.event} was removed; there is nothing left to send.",
                    param="delivery_id",
                )
            if found.attempts:
                # One that was never attempted is on its way, or waits for its endpoint to be enabled.
                now = self._clock.now()
                await replay.replay(
                    tx,
                    workspace=request.workspace,
                    endpoint=found.endpoint,
                    event=found.event,
                    attempts=len(found.attempts),
                    now=now,
                )
                found = msgspec.structs.replace(found, status="pending", next_at=now)
            return data(delivery_of(found), 202)

        return work

    async def rotate_secret(self, request: Request) -> Work:
        """POST /v2/api/webhooks/{webhook_id}/rotate-secret."""
        id_ = webhook_id(request)
        body = await request.json(self._clock, self._limits, optional=True)
        asked = read_shape(body, RotationAsked) if body else RotationAsked()

        async def work(tx: Transaction) -> Response:
            found = await self._endpoint(tx, request.workspace, id_)
            see_that_it_signs(found)
            now = self._clock.now()
            seconds = OVERLAP_SECONDS if asked.overlap_seconds is UNSET else asked.overlap_seconds
            until = now + seconds * 1000
            changed = await endpoints.rotate_secret(tx, found, new_key(signature_of(found)), until, now)
            return data(webhook_of(changed, secret=True))

        return work

    async def test(self, request: Request) -> Work:
        """POST /v2/api/webhooks/{webhook_id}/test."""
        id_ = webhook_id(request)
        asked = read_shape(await request.json(self._clock, self._limits), TestAsked)
        known = taken_by(id_)
        if asked.topic not in known:
            raise from_faults([FieldFault("topic", "INVALID_EVENT_TYPE", unknown_topic(asked.topic, known))])
        topic = first_version.TOPICS[asked.topic] if known is first_version.TOPICS else asked.topic

        async def work(tx: Transaction) -> Response:
            await self._endpoint(tx, request.workspace, id_)
            now = self._clock.now()
            ping = topic == first_version.PING
            body = first_version.ping(now) if ping else render(topic, TOPICS[topic].example, now)
            event = outbox.NewEvent(request.workspace, new_id(MESSAGE, now), topic, body, now)
            await show(tx, event, id_)
            return data(TestSent(event.id, delivery_id(event.id, id_), asked.topic), 202)

        return work

    async def stats(self, request: Request) -> Response:
        """GET /v2/api/webhooks/{webhook_id}/stats."""
        id_ = webhook_id(request)
        now = self._clock.now()

        async def read(reader: Reader) -> Stats:
            found = await self._endpoint(reader, request.workspace, id_)
            figures = await history.figures(
                reader, request.workspace, id_, lower_bound(MESSAGE, now - DAY_MS)
            )
            clock = found.failing_clock
            return Stats(
                pending=figures.pending,
                succeeded=figures.succeeded,
                failed=figures.failed,
                last_24_hours=_recent(figures.latencies, figures.refused),
                failing_since=None if found.failing_first is None else iso_millis(found.failing_first),
                disabled_at=None if clock is None else iso_millis(clock + CLOCK_MS),
                disabled_reason=found.disabled_why,
                locked_reason=found.locked,
            )

        return data(await self._store.read(read, heavy=True))

    async def _endpoint(self, reader: Reader, workspace: str, id_: str) -> endpoints.Endpoint:
        found = await endpoints.find_endpoint(reader, workspace, id_)
        if found is None:
            raise webhook_not_found(id_)
        return found


def _recent(latencies: list[float], refused: int) -> RecentFigures:
    ordered = sorted(latencies)
    total = len(ordered) + refused

    def at(part: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 1)

    return RecentFigures(
        attempts=total,
        succeeded=len(ordered),
        success_rate=round(len(ordered) / total, 4) if total else None,
        latency_ms=LatencyFigures(at(0.5), at(0.95), at(0.99)) if ordered else None,
    )
