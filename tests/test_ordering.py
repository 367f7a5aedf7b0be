"""Orders for the line: any process takes them, the one that has the line carries each out once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.clock import ManualClock
from switchhook.serving.line import Line, OnFact
from switchhook.serving.ordering import Ordering
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import keys
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.telephony.sip.supervisor import LineState, SipLine
from switchhook.workspace import orders
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import Offered
from switchhook.workspace.orders import TAKEN_IN, Begin, HangUp, OrderFault, Record, RecordingState, What
from switchhook.workspace.switchboard import Switchboard

WORKSPACE, OURS, MARIE = "wsp_test", "+33112345678", "+33612345678"
USERS = (UserConfig("anna@x.example", "Anna", ("sip:anna@10.0.0.5",)),)
NUMBERS = (NumberConfig(OURS, "Desk", ("anna@x.example",)),)
BEGIN = Begin("anna@x.example", OURS, MARIE)


class Telephones(SipLine):
    """A line that is up, and remembers what it was told."""

    def __init__(self, on_fact: OnFact) -> None:
        self.say = on_fact
        self.told: list[str] = []

    @property
    def state(self) -> LineState:
        return LineState.UP

    async def start(self) -> None:
        self.told = []

    async def stop(self) -> None:
        self.told.append("stop")

    def originate(self, offered: Offered) -> None:
        self.told.append(f"originate {offered.ordered}")

    def hang_up(self, call: str) -> None:
        self.told.append(f"hang up {call}")

    def set_recording(self, call: str, state: RecordingState) -> None:
        self.told.append(f"record {call} {state}")


class Process:
    """One process: it has the line or stands by."""

    def __init__(self, store: PostgresStore | SqliteStore, clock: ManualClock, *, trunk: bool = True) -> None:
        self.store = store
        self.clock = clock
        self.opened: list[Telephones] = []
        self.board = Switchboard(store, clock, WORKSPACE, "FR", lambda _: "")
        self.line = Line(store, clock, self.board, self.configure, self.open)
        self.ordering = Ordering(store, clock, self.board, self.line, trunk=trunk)

    async def configure(self) -> None:
        await self.store.run(lambda tx: configure(tx, WORKSPACE, USERS, NUMBERS, "FR"))

    def open(self, on_fact: OnFact) -> Telephones:
        self.opened.append(Telephones(on_fact))
        return self.opened[-1]

    @property
    def told(self) -> list[str]:
        return self.opened[-1].told

    async def give(self, call: str, what: What) -> None:
        await self.store.run(lambda tx: self.ordering.give(tx, call, what))

    async def check(self, workspace: str = WORKSPACE) -> None:
        await self.store.read(lambda reader: self.ordering.check(reader, workspace))


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Process]:
    store = SqliteStore(tmp_path / "x.db")
    yield Process(store, ManualClock())
    await store.close()


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[Process, Process]]:
    clock, made = ManualClock(), []
    for number in (1, 2):
        store = await PostgresStore.open(database)
        await store.join(f"process {number}", 3600.0)
        if not await store.read(keys.workspaces):
            await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "Test", 0))
        made.append(Process(store, clock))
    yield made[0], made[1]
    for one in made:
        await one.line.stop()
        await one.store.close()


async def test_another_process_carries_out_what_one_was_told_and_only_once(
    two: tuple[Process, Process],
) -> None:
    first, second = two
    with pytest.raises(OrderFault, match="No process has a SIP line open"):
        await second.check()
    await first.line.start()
    await second.line.start()
    await second.check()
    await second.give("cll_1", BEGIN)
    assert await second.ordering.look() == 0
    assert sum(await asyncio.gather(first.ordering.look(), first.ordering.look())) == 1
    assert first.told == ["originate cll_1"]
    assert await first.ordering.look() == 0
    state = await first.store.read(lambda reader: orders.standing(reader, WORKSPACE, "cll_1"))
    assert state is not None
    assert (state.from_number, state.to_number, state.ended_at) == (OURS, MARIE, None)
    await second.give("cll_1", Record("paused"))
    await second.give("cll_1", HangUp())
    assert await first.ordering.look() == 2
    assert first.told[1:] == [f"record {state.source_call} paused", f"hang up {state.source_call}"]


async def test_what_nobody_could_begin_in_time_ends(alone: Process) -> None:
    await alone.give("cll_1", BEGIN)
    assert await alone.ordering.look() == 0  # the line is not open
    await alone.clock.advance(TAKEN_IN + 1)
    await alone.line.start()
    assert await alone.ordering.look() == 1
    assert alone.told == []
    state = await alone.store.read(lambda reader: orders.standing(reader, WORKSPACE, "cll_1"))
    assert state is not None
    assert state.completed


async def test_an_order_about_no_call_of_the_line_is_taken_and_changes_nothing(alone: Process) -> None:
    await alone.line.start()
    await alone.give("cll_nobody", HangUp())
    assert await alone.ordering.look() == 1
    assert alone.told == []
    assert await alone.ordering.look() == 0


async def test_no_order_is_taken_that_cannot_be_carried_out(alone: Process, tmp_path: Path) -> None:
    with pytest.raises(OrderFault, match="No process has a SIP line open"):
        await alone.check()
    await alone.line.start()
    await alone.check()
    with pytest.raises(OrderFault, match="no line"):
        await alone.check("wsp_other")
    bare = Process(alone.store, alone.clock, trunk=False)
    await bare.line.start()
    with pytest.raises(OrderFault, match="--sip-trunk"):
        await bare.check()


async def test_what_was_ordered_here_is_done_without_waiting(alone: Process) -> None:
    await alone.line.start()
    alone.ordering.start()
    try:
        await alone.give("cll_1", BEGIN)
        async with asyncio.timeout(30):
            while not alone.told:
                await asyncio.sleep(0.01)  # the clock stands still: no look comes by itself
    finally:
        await alone.ordering.stop()
    assert alone.told == ["originate cll_1"]
