"""Where the facts of an Asterisk arrive in tests: a switchboard on a real store, and what came of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from switchhook import events
from switchhook.clock import ManualClock
from switchhook.events import CallCompleted
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Reader, StorageError
from switchhook.telephony.asterisk.connector import SOURCE, Connector
from switchhook.workspace.calls import Limits
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact
from switchhook.workspace.switchboard import Ask, Switchboard
from tests.telephony.asterisk_world import JANE, MAIN, OMAR, TELEPHONES

WORKSPACE = "wsp_a"


async def stored(id_: str, reader: Reader) -> Sequence[tuple[Any, ...]]:
    return await reader.fetch("event", WORKSPACE, id_)


class Desk:
    """A switchboard, and a disk that may be full."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self.store = store
        self.board = Switchboard(store, clock, WORKSPACE, "FR", str, telephones=TELEPHONES)
        self.full = 0
        self.reports: list[AnyFact] = []

    async def report(self, fact: AnyFact) -> None:
        if self.full:
            self.full -= 1
            raise StorageError("the disk is full")
        await self.board.report(fact)
        self.reports.append(fact)

    async def sweep(self, ask: Ask, limits: Limits) -> int:
        return await self.board.sweep(SOURCE, ask, limits)

    async def open_calls(self) -> frozenset[str]:
        return await self.board.open_calls(SOURCE)

    async def events(self) -> list[events.Event]:
        found = await self.store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
        made = []
        for row in found:
            rows = await self.store.read(partial(stored, row[2]))
            made.append(events.parse(rows[0][4]))
        return made

    async def topics(self) -> list[str]:
        return [event.topic for event in await self.events()]

    async def completed(self) -> list[CallCompleted]:
        return [event.data for event in await self.events() if isinstance(event.data, CallCompleted)]


@asynccontextmanager
async def open_desk(path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    """A desk at which Jane and Omar are known, and the main number."""
    store = SqliteStore(path)
    users = (UserConfig(JANE.email, JANE.name), UserConfig(OMAR.email, OMAR.name))
    numbers = (NumberConfig(MAIN, "Main", (JANE.email,)),)
    await store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    made = Desk(store, clock)
    await made.board.load()
    yield made
    await store.close()


async def until(clock: ManualClock, done: Callable[[], Awaitable[bool] | bool], step: float = 0.05) -> None:
    """Let the sockets and the clock go on until something is so."""
    async with asyncio.timeout(30):
        while True:
            found = done()
            if found if isinstance(found, bool) else await found:
                return
            await clock.advance(step)
            await asyncio.sleep(0.001)


def is_up(connector: Connector) -> Callable[[], bool]:
    return lambda: connector.state == "up"


def has_completed(desk: Desk, count: int = 1) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return (await desk.topics()).count("call.completed") >= count

    return told


def at_desk(desk: Desk, id_: str, count: int) -> bool:
    return sum(fact.id == id_ for fact in desk.reports) >= count
