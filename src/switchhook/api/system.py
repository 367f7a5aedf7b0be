"""`/v2/api/system`: how the server does, in one answer, for who looks after it."""

import asyncio
import logging
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from switchhook.api import figures
from switchhook.api.bodies import data
from switchhook.api.figures import Family
from switchhook.api.messages import Request, Response
from switchhook.api.metrics import Metrics
from switchhook.api.services import Services
from switchhook.api.shapes.system import Disk, Process, Setting, SystemState, Waiting
from switchhook.clock import Deadline, iso_millis
from switchhook.events.ids import time_of
from switchhook.storage.store import Reader

log = logging.getLogger(__name__)

COUNTED = 100_000  # deliveries that wait; who has more knows that there are many


class System:
    """The handler."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._started_at = services.clock.now()

    async def get(self, request: Request) -> Response:
        """GET."""
        services = self._services
        workspace = request.workspace

        async def read(reader: Reader) -> tuple[str, Waiting]:
            ((database,),) = await reader.fetch("database_version")
            return database, await _waiting(reader, workspace)

        database, waiting = await services.store.read(read, heavy=True)
        return data(
            SystemState(
                version=services.version,
                python=platform.python_version(),
                database=database,
                started_at=iso_millis(self._started_at),
                waiting=waiting,
                processes=self._processes(),
                disks=[await self._disk(name, folder) for name, folder in services.disks.items()],
                telephony=self._telephony(),
                settings=[Setting(one.name, one.value, one.source) for one in services.settings],
            )
        )

    def _processes(self) -> list[Process]:
        services = self._services
        others = {name: figures.decode(told) for name, told in services.others().items()}
        parts = {services.worker: self._metrics.families(services), **others}
        return [Process(worker, plain(families)) for worker, families in sorted(parts.items())]

    async def _disk(self, name: str, folder: Path) -> Disk:
        services = self._services
        try:
            async with Deadline(services.clock, services.limits.check_seconds):
                told = await asyncio.to_thread(os.statvfs, folder)  # a disk of the network may hang
        except (OSError, TimeoutError):
            return Disk(name, None, None)
        return Disk(name, told.f_bavail * told.f_frsize, told.f_blocks * told.f_frsize)

    def _telephony(self) -> dict[str, Any]:
        try:
            return dict(self._services.telephony())
        except Exception:
            log.exception("telephony could not tell its status")
            return {"status": "unknown"}


def plain(families: Iterable[Family]) -> dict[str, float]:
    """The figures that are one number each, without the prefix of their names. Pure."""
    return {
        one.name.removeprefix("switchhook_"): one.samples[0][2]
        for one in families
        if len(one.samples) == 1 and one.samples[0][:2] == ("", {})
    }


async def _waiting(reader: Reader, workspace: str) -> Waiting:
    ((count,),) = await reader.fetch("count_waiting", workspace, COUNTED + 1)
    ids = [id_ for (id_,) in await reader.fetch("oldest_waiting", workspace) if id_ is not None]
    oldest = iso_millis(time_of(min(ids))) if ids else None
    return Waiting(min(count, COUNTED), count <= COUNTED, oldest)
