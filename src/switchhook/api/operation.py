"""What watches over the server: `/healthz`, `/readyz`, `/metrics`."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import msgspec

from switchhook.api.figures import CONTENT_TYPE
from switchhook.api.messages import Request, Response
from switchhook.api.metrics import Metrics
from switchhook.api.services import Services
from switchhook.api.shapes.operation import Readiness
from switchhook.clock import Deadline, iso_seconds
from switchhook.storage.store import StorageError

log = logging.getLogger(__name__)

_FRESH_SECONDS = 1.0

_encode = msgspec.json.Encoder().encode


class Operation:
    """The handlers for those who operate the server. They ask for no key and tell nothing of any workspace."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._checked_at = float("-inf")
        self._problems: list[str] = []

    async def health(self, request: Request) -> Response:
        """GET /healthz: the loop turns."""
        return Response(200, b'{"status":"ok"}')

    async def readiness(self, request: Request) -> Response:
        """GET /readyz: the store takes writes, the dispatcher works, and the disks have room."""
        now = self._services.clock.monotonic()
        # Anybody may ask, and every check is a commit: one a second is enough to know.
        if now - self._checked_at >= _FRESH_SECONDS:
            self._checked_at = now
            self._problems = [*await self._check_store(), *await self._check_disks()]
        problems = list(self._problems)
        if not self._services.dispatcher.alive:
            problems.append("dispatcher: it does not deliver; see the log, and restart if it stays so")
        body = Readiness(
            "not ready" if problems else "ready",
            problems,
            self._telephony(),
            {name: iso_seconds(at) for name, at in self._services.telephony_since().items()},
            self._services.version,
        )
        return Response(503 if problems else 200, _encode(body))

    async def methods(self, request: Request) -> Response:
        """OPTIONS *, which asks about the server as a whole."""
        return Response(204, headers=[(b"allow", b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")])

    async def metrics(self, request: Request) -> Response:
        """GET /metrics."""
        return Response(200, self._metrics.render(self._services), CONTENT_TYPE)

    async def _check_store(self) -> list[str]:
        seconds = self._services.limits.check_seconds
        try:
            async with Deadline(self._services.clock, seconds):
                await self._services.store.check()
        except TimeoutError:
            return [f"store: no answer within {seconds:g} s"]
        except StorageError as error:
            return [f"store: {error}"]
        return []

    async def _check_disks(self) -> list[str]:
        limits = self._services.limits
        problems = []
        for what, folder in self._services.disks.items() if limits.free_bytes else ():
            try:
                async with Deadline(self._services.clock, limits.check_seconds):
                    free = await asyncio.to_thread(_free, folder)  # a disk of the network may hang
            except (OSError, TimeoutError):
                problems.append(f"disk: the one of the {what} does not answer")
            else:
                if free < limits.free_bytes:
                    problems.append(
                        f"disk: {free // 1_000_000} MB are left for the {what}, "
                        f"fewer than {limits.free_bytes // 1_000_000}; free some space"
                    )
        return problems

    def _telephony(self) -> dict[str, Any]:
        """What the lines say of themselves. A line that is down does not stop events that come by HTTP."""
        try:
            return dict(self._services.telephony())
        except Exception:
            log.exception("telephony could not tell its status")
            return {"status": "unknown"}


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
