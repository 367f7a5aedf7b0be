"""What became of deliveries: read for the API and the page, never on the way of an event."""

import msgspec

from switchhook.storage.outbox import StoredResponse, decode_response, low_water
from switchhook.storage.store import Reader
from switchhook.storage.variants import body_for

STATUSES = ("pending", "succeeded", "failed")


class AttemptRow(msgspec.Struct, frozen=True):
    """One attempt that ended."""

    number: int
    state: str
    started_at: int
    latency_ms: float
    kind: str
    status: int | None
    fault: str | None
    message_customer: str | None
    message_operator: str | None
    next_at: int | None
    response: bytes | None

    def answer(self) -> StoredResponse | None:
        """What the receiver answered; None when nothing came."""
        return None if self.response is None else decode_response(self.response)


class DeliveryRow(msgspec.Struct, frozen=True):
    """An event on its way to one endpoint. `next_at` is when it is tried again; None when it is over."""

    workspace: str
    endpoint: str
    event: str
    topic: str
    accepted_at: int
    status: str
    next_at: int | None
    attempts: tuple[AttemptRow, ...]
    body: bytes


async def find_delivery(reader: Reader, workspace: str, endpoint: str, event: str) -> DeliveryRow | None:
    """One delivery with its attempts; None when the event was never meant for that endpoint."""
    rows = await reader.fetch("event", workspace, event)
    if not rows:
        return None
    _, _, _, topic, body, targets, accepted_at, variant = rows[0]
    if endpoint not in targets.split():
        return None
    attempts = tuple(
        AttemptRow(*row) for row in await reader.fetch("attempts_of", workspace, endpoint, event)
    )
    waiting = await reader.fetch("schedule_of", workspace, endpoint, event)
    if waiting:
        status, next_at = "pending", waiting[0][1]
    elif attempts:
        status, next_at = attempts[-1].state, None
    else:
        status, next_at = "pending", accepted_at
    return DeliveryRow(
        workspace,
        endpoint,
        event,
        topic,
        accepted_at,
        status,
        next_at,
        attempts,
        body_for(body, variant, endpoint),
    )


class Figures(msgspec.Struct, frozen=True):
    """Deliveries of an endpoint by what became of them; and of recent attempts, how long the successful ones took
    (milliseconds) and how many were not."""

    pending: int
    succeeded: int
    failed: int
    latencies: list[float]
    refused: int


RECENT = 10_000  # attempts that figures are made of


async def figures(reader: Reader, workspace: str, endpoint: str, since: str) -> Figures:
    """Figures of an endpoint, the recent ones from the events with an id from `since` on."""
    mark = await low_water(reader)
    totals: dict[str, int] = {}
    for status in STATUSES:
        ((totals[status],),) = await reader.fetch(f"count_deliveries_{status}", workspace, endpoint, mark)
    rows = await reader.fetch("recent_attempts", workspace, endpoint, since, RECENT)
    latencies = [latency for state, latency in rows if state == "succeeded"]
    return Figures(**totals, latencies=latencies, refused=len(rows) - len(latencies))


class Tried(msgspec.Struct, frozen=True):
    """When an attempt began, and whether and how fast it succeeded."""

    at: int
    succeeded: bool
    latency_ms: float


async def over_time(reader: Reader, workspace: str, endpoint: str, first: str) -> tuple[int, list[Tried]]:
    """How many deliveries of an endpoint wait, and its newest attempts for events with an id from `first` on."""
    ((pending,),) = await reader.fetch(
        "count_deliveries_pending", workspace, endpoint, await low_water(reader)
    )
    rows = await reader.fetch("attempts_over_time", workspace, endpoint, first, RECENT)
    return pending, [Tried(at, state == "succeeded", latency) for at, state, latency in rows]


async def list_deliveries(
    reader: Reader, workspace: str, endpoint: str, status: str | None, *, page: int, size: int
) -> tuple[list[DeliveryRow], int]:
    """One page (from 1) of an endpoint's deliveries, newest first, and how many there are in all."""
    query = "deliveries" if status is None else f"deliveries_{status}"
    mark = await low_water(reader)
    ids = await reader.fetch(query, workspace, endpoint, mark, size, (page - 1) * size)
    found = [await find_delivery(reader, workspace, endpoint, id_) for (id_,) in ids]
    ((total,),) = await reader.fetch(f"count_{query}", workspace, endpoint, mark)
    return [row for row in found if row is not None], total
