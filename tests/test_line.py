"""The SIP line is open in one process; a second one stands by, and a call of a living process is never ended."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from switchhook.clock import ManualClock
from switchhook.serving.installation import InstallationError
from switchhook.serving.line import SIP, STANDBY, Line, OnFact
from switchhook.storage import keys, processes
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.store import Lane, StorageError
from switchhook.telephony.sip.supervisor import LineError
from switchhook.workspace.calls import Limits, Standing
from switchhook.workspace.facts import Direction, Offered
from switchhook.workspace.switchboard import Switchboard
from tests.postgres import expire

WORKSPACE = "wsp_test"


class Telephones:
    """A line that is open or not, and a way to say what happens on it."""

    def __init__(self, on_fact: OnFact, *, broken: bool = False) -> None:
        self.say = on_fact
        self.broken = broken
        self.state = "stopped"

    async def start(self) -> None:
        if self.broken:
            raise LineError("the port is taken")
        self.state = "up"

    async def stop(self) -> None:
        self.state = "stopped"


class Office:
    """A process that is told to run the line."""

    def __init__(self, store: PostgresStore, clock: ManualClock, *, broken: bool = False) -> None:
        self.store = store
        self.clock = clock
        self.broken = broken
        self.opened: list[Telephones] = []
        self.configured = 0
        self.switchboard = Switchboard(store, clock, WORKSPACE, "FR", lambda _: "")
        self.line = Line(store, clock, self.switchboard, self.configure, self.open)

    async def configure(self) -> None:
        self.configured += 1

    def open(self, on_fact: OnFact) -> Telephones:
        self.opened.append(Telephones(on_fact, broken=self.broken))
        return self.opened[-1]

    async def ring(self, call: str, line: str = SIP) -> None:
        at = self.clock.now()
        await self.opened[-1].say(
            Offered(
                source=line,
                call=call,
                id="offered",
                at=at,
                leg="out",
                direction=Direction.INBOUND,
                from_raw="+33123456780",
                to_raw="+33123456789",
            )
        )

    async def open_calls(self) -> set[str]:
        return set(await self.switchboard.open_calls(SIP))


Make = Callable[..., Awaitable[Office]]


@pytest.fixture
async def office(database: str) -> AsyncIterator[Make]:
    made: list[Office] = []

    async def make(*, broken: bool = False) -> Office:
        store = await PostgresStore.open(database)
        clock = ManualClock()
        await store.join(f"process {len(made) + 1}", 3600.0)
        if not await store.read(keys.workspaces):
            await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", 0))
        made.append(Office(store, clock, broken=broken))
        return made[-1]

    yield make
    for one in made:
        await one.line.stop()
        await one.store.close()


async def taken_over(office: Office, by: Office) -> None:
    connection = await asyncpg.connect(office.store._url)
    await expire(connection, office.store.process)
    await connection.close()
    more = True
    while more:
        _, more = await by.store.run(
            lambda tx: processes.take_over_step(tx, office.store.process, 0, 100), lane=Lane.OUTCOMES
        )


async def test_the_second_stands_by_and_ends_no_call_of_the_first(office: Make) -> None:
    first, second = await office(), await office()
    await first.line.start()
    await first.ring("a")
    await second.line.start()
    assert (first.line.status(), second.line.status()) == ({SIP: "up"}, {SIP: STANDBY})
    assert (second.opened, second.configured) == ([], 0)
    assert await second.open_calls() == {"a"}
    await second.line.look()
    assert second.opened == []


async def test_the_second_takes_over_when_the_first_is_gone_and_ends_what_it_left(office: Make) -> None:
    first, second = await office(), await office()
    await first.line.start()
    await first.ring("a")
    await second.line.start()
    await taken_over(first, second)
    await second.line.look()
    assert second.line.status() == {SIP: "up"}
    assert second.configured == 1
    assert await second.open_calls() == set()


async def test_the_second_takes_over_when_the_first_stops(office: Make) -> None:
    first, second = await office(), await office()
    await first.line.start()
    await second.line.start()
    await first.line.stop()
    await second.line.look()
    assert second.line.status() == {SIP: "up"}


async def test_who_was_cut_off_cannot_report_and_closes_when_it_is_back(office: Make) -> None:
    first, second = await office(), await office()
    await first.line.start()
    await second.line.start()
    await taken_over(first, second)
    with pytest.raises(StorageError):
        await first.ring("late")
    await second.line.look()
    await second.ring("b")
    await first.store.join("back", 3600.0)
    with pytest.raises(StorageError):
        await first.ring("later")
    await first.line.look()
    assert (first.opened[0].state, first.line.status()) == ("stopped", {SIP: STANDBY})
    assert await first.open_calls() == {"b"}


async def test_who_was_taken_over_keeps_its_calls_when_nobody_else_wants_the_line(office: Make) -> None:
    first, second = await office(), await office()
    await first.line.start()
    await first.ring("a")
    await taken_over(first, second)  # by one that runs no line
    await first.store.join("back", 3600.0)
    await first.line.look()
    await first.ring("b")
    assert first.opened[0].state == "up"
    assert await first.open_calls() == {"a", "b"}


async def test_a_line_that_cannot_be_opened_here_is_left_to_others(office: Make) -> None:
    broken, other = await office(broken=True), await office()
    with pytest.raises(InstallationError, match="the port is taken"):
        await broken.line.start()
    await broken.line.stop()
    await other.line.start()
    assert other.line.status() == {SIP: "up"}
    third = await office(broken=True)
    await third.line.start()
    await other.line.stop()
    with pytest.raises(InstallationError, match="the port is taken"):
        await third.line.look()
    await other.line.look()
    assert other.line.status() == {SIP: "up"}


async def test_a_line_that_keeps_its_calls_ends_none_of_them_by_opening(office: Make) -> None:
    """The phone system goes on without us; only when it is watched no more its calls are ended."""
    first, second = await office(), await office()
    lines = [
        Line(one.store, one.clock, one.switchboard, one.configure, one.open, name="pbx", keeps=True)
        for one in (first, second)
    ]
    await lines[0].start()
    await first.ring("a", "pbx")
    await lines[1].start()
    assert (lines[0].status(), lines[1].status()) == ({"pbx": "up"}, {"pbx": STANDBY})
    await taken_over(first, second)
    with pytest.raises(StorageError):
        await first.ring("late", "pbx")
    await lines[1].look()
    assert lines[1].status() == {"pbx": "up"}
    assert await lines[1].open_calls() == {"a"}
    assert await lines[1].sweep(unknown, Limits(quiet=0, lost=0)) == 1
    await second.ring("b", "pbx")
    await lines[1].stop()
    off = Line(second.store, second.clock, second.switchboard, second.configure, None, name="pbx", keeps=True)
    await off.start()
    assert await off.open_calls() == set()


async def unknown(_: str) -> Standing:
    return "unknown"


async def test_a_process_without_telephones_leaves_line_and_calls_alone(office: Make) -> None:
    first, second = await office(), await office()
    await first.line.start()
    await first.ring("a")
    await first.line.stop()
    idle = Line(second.store, second.clock, second.switchboard, second.configure, second.open, runs=False)
    await idle.start()
    assert idle.status() == {}
    assert await second.open_calls() == {"a"}
    off = Line(second.store, second.clock, second.switchboard, second.configure, None)
    await off.start()  # told to run telephones, and there is no line any more: what one left is ended
    assert (off.status(), await second.open_calls()) == ({}, set())
    await first.line.start()  # and the line is free
    assert first.line.status() == {SIP: "up"}
