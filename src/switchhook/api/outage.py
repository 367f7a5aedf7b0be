"""What the log hears of a store that refuses: a line when that begins and one when it is over, not one a request.

    request refused ─▶ "the store refuses" ─▶ counted, counted, … ─▶ a write is done ─▶ "it works again: 812 …"

An outage within a minute of the last line about one is counted, and told of with the next line, so that a store that
comes and goes does not fill the log either.
"""

import logging

from switchhook.api.errors import ApiError
from switchhook.clock import Clock
from switchhook.storage.store import StorageError

log = logging.getLogger(__name__)

QUIET = 60.0  # seconds


class Outage:
    """The store as requests find it. To be used on the loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._told_at: float | None = None
        self._told = False
        self._refused = 0

    def refused(self, request: str, error: StorageError) -> ApiError:
        """The store refused what a request, known by its id, asked of it; the answer to that."""
        self._count(request, error)
        return ApiError(
            "STORE_UNAVAILABLE",
            f"Nothing of this request was stored: {error}.",
            suggestion="Send the same request again; with the same dedupe_key or Idempotency-Key it is done once.",
            retry_after=1,
            headers=[(b"retry-after", b"1")],
        )

    def worked(self) -> None:
        """The store did a write."""
        if self._since is None:
            return
        now = self._clock.monotonic()
        if self._told:
            log.warning(
                "the store works again after %.0f s: it refused %d requests", now - self._since, self._refused
            )
            self._told, self._told_at, self._refused = False, now, 0
        self._since = None

    def _count(self, request: str, error: StorageError) -> None:
        now = self._clock.monotonic()
        if self._since is None:
            self._since = now
        self._refused += 1
        if self._told or (self._told_at is not None and now - self._told_at < QUIET):
            return
        log.error("request %s: the store refused: %s; what else it refuses is counted", request, error)
        self._told, self._told_at = True, now
