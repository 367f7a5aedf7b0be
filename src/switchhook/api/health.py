"""`/v2/api/webhooks/{id}/health`: how an endpoint does at a glance, and how that went over time."""

from collections.abc import Sequence

from switchhook.api.bodies import data
from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.health import HealthBucket, WebhookHealth
from switchhook.api.webhooks import webhook_id, webhook_not_found
from switchhook.clock import iso_millis
from switchhook.delivery.breaker import CLOCK_MS
from switchhook.events.ids import MESSAGE, lower_bound
from switchhook.storage import endpoints, history
from switchhook.storage.history import Tried
from switchhook.storage.store import Reader

HOUR_MS = 3_600_000
BUCKETS = 48
LATE_MS = 28 * HOUR_MS  # how long after its event the last attempt of the schedule may be
HOURS_MAX = 168


class Health:
    """The handler."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock

    async def get(self, request: Request) -> Response:
        """GET."""
        id_ = webhook_id(request)
        hours = _hours(request.query().get("hours", "24"))
        now = self._clock.now()
        since = now - hours * HOUR_MS

        async def read(reader: Reader) -> WebhookHealth:
            found = await endpoints.find_endpoint(reader, request.workspace, id_)
            if found is None:
                raise webhook_not_found(id_)
            first = lower_bound(MESSAGE, max(0, since - LATE_MS))
            pending, tried = await history.over_time(reader, request.workspace, id_, first)
            buckets = in_buckets(tried, since, now)
            attempts = sum(one.attempts for one in buckets)
            succeeded = sum(one.succeeded for one in buckets)
            clock = found.failing_clock
            return WebhookHealth(
                pending=pending,
                attempts=attempts,
                succeeded=succeeded,
                success_rate=round(succeeded / attempts, 4) if attempts else None,
                complete=len(tried) < history.RECENT,
                failing_since=None if found.failing_first is None else iso_millis(found.failing_first),
                disabled_at=None if clock is None else iso_millis(clock + CLOCK_MS),
                disabled_reason=found.disabled_why,
                buckets=buckets,
            )

        return data(await self._store.read(read, heavy=True))


def in_buckets(tried: Sequence[Tried], since: int, until: int) -> list[HealthBucket]:
    """The attempts that began from `since` on and before or at `until`, in buckets of equal length, oldest first."""
    width = (until - since) / BUCKETS
    inside: list[list[Tried]] = [[] for _ in range(BUCKETS)]
    for one in tried:
        if since <= one.at <= until:
            inside[min(BUCKETS - 1, int((one.at - since) / width))].append(one)
    return [_bucket(int(since + index * width), held) for index, held in enumerate(inside)]


def _bucket(begins: int, held: list[Tried]) -> HealthBucket:
    took = sorted(one.latency_ms for one in held if one.succeeded)

    def at(part: float) -> float | None:
        return round(took[min(len(took) - 1, int(len(took) * part))], 1) if took else None

    return HealthBucket(iso_millis(begins), len(held), len(took), at(0.5), at(0.95))


def _hours(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= HOURS_MAX):
        raise ApiError(
            "INVALID_PARAMETER",
            f"hours must be between 1 and {HOURS_MAX}, got {text[:20]!r}.",
            param="hours",
            suggestion="Leave it out for the last day.",
        )
    return int(text)
