"""The queue of recordings at work: in order, once, over kills of whoever is at it, and given up when it must be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from switchhook import events
from switchhook.clock import ManualClock
from switchhook.events import CallCompleted
from switchhook.events.payloads import Speaker
from switchhook.media.transcription import protocol as p
from switchhook.media.transcription.attendant import CannotStart, Gone
from switchhook.media.transcription.speech import Said
from switchhook.serving.transcripts import DEATHS, LEASE, PAUSES, Transcripts
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import endpoints, transcripts
from switchhook.storage.store import AcceptedEvent, Store, Transaction
from switchhook.storage.transcripts import Job
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact
from switchhook.workspace.switchboard import Switchboard
from tests.workspace.telling import START, answers, ends, recorded, rings
from tests.workspace.test_transcripts_told import WANTED, an_endpoint

WORKSPACE = "wsp_a"
ANNA = "sip:anna@10.0.0.5"
WAIT = 30.0

Open = Callable[[], Awaitable[Store]]
Answer = Callable[[p.Order], "p.Done | p.Failed | Exception"]


def done(order: p.Order) -> p.Done:
    said = (Said(Speaker.EXTERNAL, 0.5, f"About {Path(order.path).stem}."),)
    return p.Done(order.recording, "en", said, said[0].text, "extractive", (), {})


class Script:
    """A transcriber that says what the test wants it to say; None: it is at it until it is cancelled."""

    def __init__(self, answer: Callable[[p.Order], "p.Done | p.Failed | Exception | None"] = done) -> None:
        self.answer = answer
        self.orders: list[str] = []
        self.asked = asyncio.Event()

    async def transcribe(self, order: p.Order) -> p.Done | p.Failed:
        self.orders.append(Path(order.path).stem)
        self.asked.set()
        found = self.answer(order)
        if found is None:
            await asyncio.Event().wait()
        if isinstance(found, Exception):
            raise found
        assert found is not None
        return found

    async def close(self) -> None:
        pass


async def eventually(what: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that a real database takes part in."""
    for _ in range(3_000):
        if await what():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen")


async def patiently(world: "World", work: "asyncio.Task[bool]") -> None:
    """Have time pass until it is done."""

    async def over() -> bool:
        await world.clock.advance(10)
        return work.done()

    await eventually(over)
    assert work.result()


class World:
    """A server's transcripts, which can be killed and started again."""

    def __init__(self, open_store: Open, data: Path) -> None:
        self._open_store = open_store
        self.data = data
        self.clock = ManualClock(START)
        self.told: list[AcceptedEvent] = []
        self.script = Script()
        (data / "recordings").mkdir(parents=True)

    async def start(self) -> None:
        self.store = await self._open_store()
        self.store.on_committed(lambda committed: self.told.extend(committed.events))
        self.board = Switchboard(
            self.store, self.clock, WORKSPACE, "FR", lambda id_: f"https://x.example/{id_}", transcripts=WAIT
        )
        await self.board.load()
        self.work = Transcripts(self.store, self.clock, self.board, self.data, self.script)

    async def kill(self) -> None:
        """As if the process had died: what it had claimed stays claimed."""
        await self.store.close()

    async def call(self, name: str, *, over: bool = True) -> None:
        facts: list[AnyFact] = [rings(), answers(ANNA, 4), recorded(30, 34)]
        (self.data / "recordings" / f"{name}.mp3").touch()
        for fact in [*facts, ends(34)] if over else facts:
            more = {"path": f"recordings/{name}.mp3"} if fact.id == "recorded" else {}
            await self.board.report(msgspec.structs.replace(fact, call=name, **more))

    def topics(self) -> list[str]:
        return [event.topic for event in self.told]

    def completed(self) -> list[CallCompleted]:
        parsed = [events.parse(event.body).data for event in self.told if event.topic == "call.completed"]
        return [data for data in parsed if isinstance(data, CallCompleted)]

    async def lease_over(self, recording: str, holder: str) -> None:
        """Nothing was heard of `holder` for as long as a lease lasts."""

        async def work(tx: Transaction) -> bool:
            now = self.clock.now()
            return await transcripts.renew(tx, WORKSPACE, recording, holder, lease=-1, now=now)

        assert await self.store.run(work)

    async def jobs(self, seconds: float = 1e6) -> list[Job]:
        now = self.clock.now() + round(seconds * 1000)
        return await self.store.read(lambda r: transcripts.candidates(r, WORKSPACE, now, 50))


@pytest.fixture
async def world(open_store: Open, tmp_path: Path) -> AsyncIterator[World]:
    made = World(open_store, tmp_path / "data")
    await made.start()
    users = (UserConfig("anna@example.com", "Anna", (ANNA,)),)
    numbers = (NumberConfig("+33123456789", "Main", ("anna@example.com",)),)
    await made.store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    wanted = an_endpoint("ep_more", WANTED)
    await made.store.run(lambda tx: endpoints.add_endpoint(tx, wanted))
    await made.board.load()
    yield made
    await made.store.close()


async def test_what_was_said_is_told_with_the_end_of_the_call(world: World) -> None:
    await world.call("one")
    assert world.topics() == ["call.received"]
    assert await world.work.work()
    (completed,) = world.completed()
    assert completed.concatenated_transcript == "About one."
    assert "call.transcribed" in world.topics()
    assert await world.jobs() == []
    assert not await world.work.work()
    assert world.work.snapshot()["transcripts_total"] == 1


async def test_a_call_that_waited_long_enough_is_told_without_and_its_transcript_later(world: World) -> None:
    await world.call("one")
    await world.clock.advance(WAIT - 0.1)
    assert await world.work.tell_waiting() == 0
    await world.clock.advance(0.1)
    assert await world.work.tell_waiting() == 1
    assert await world.work.tell_waiting() == 0
    assert [one.concatenated_transcript for one in world.completed()] == [""]
    assert await world.work.work()
    assert len(world.completed()) == 1
    assert world.topics().count("call.transcribed") == world.topics().count("summary.updated") == 1


async def test_what_calls_wait_for_comes_first_and_then_the_oldest(world: World) -> None:
    for name in ("old", "older"):
        await world.call(name)
        await world.clock.advance(1)
    await world.clock.advance(WAIT)
    await world.work.tell_waiting()
    await world.call("waits")
    while await world.work.work():
        pass
    assert world.script.orders == ["waits", "old", "older"]


async def test_killed_in_the_middle_it_is_taken_again_and_told_once(world: World) -> None:
    await world.call("one")
    (job,) = await world.jobs(0)
    world.script.answer = lambda _: None
    work = asyncio.create_task(world.work.work())
    await world.script.asked.wait()
    holder = world.work._holder
    await world.kill()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    world.script = Script()
    await world.start()
    if world.store.shared:
        assert not await world.work.work()  # the lease holds: the other may only be slow
        await world.lease_over(job.recording, holder)
    else:
        await world.work.start()  # nobody else can have it
        await world.work.stop()
    while await world.work.work():
        pass
    assert world.script.orders[-1:] == ["one"] or world.topics().count("call.transcribed") == 1
    assert [one.concatenated_transcript for one in world.completed()] == ["About one."]
    assert world.topics().count("call.transcribed") == 1


async def test_who_lost_its_lease_tells_nothing(world: World) -> None:
    await world.call("one")
    (job,) = await world.jobs(0)
    slow = Transcripts(world.store, world.clock, world.board, world.data, world.script)
    entered, leave = asyncio.Event(), asyncio.Event()

    class Slow(Script):
        async def transcribe(self, order: p.Order) -> p.Done | p.Failed:
            entered.set()
            await leave.wait()
            return msgspec.structs.replace(done(order), summary="The slow one.")

    slow = Transcripts(world.store, world.clock, world.board, world.data, Slow())
    slow._renew = lambda _: asyncio.Event().wait()  # type: ignore[method-assign,assignment,return-value]
    late = asyncio.create_task(slow.work())
    await entered.wait()
    await world.lease_over(job.recording, slow._holder)
    assert await world.work.work()
    leave.set()
    assert await late
    assert [one.summary for one in world.completed()] == ["About one."]
    assert world.topics().count("call.transcribed") == 1
    assert slow.snapshot()["transcripts_total"] == 0
    assert job.attempts == 0


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_lease_holds_between_servers_whose_clocks_differ(world: World, hours: int) -> None:
    if not world.store.shared:
        pytest.skip("one process owns an embedded database")
    await world.call("one")
    clock = ManualClock(START + (1 + hours) * 3_600_000)
    await world.clock.advance(3_600)
    other = Transcripts(world.store, clock, world.board, world.data, Script(lambda _: None))
    assert other._taker is not None
    under_way = asyncio.create_task(other.work())
    await other._taker.asked.wait()  # type: ignore[attr-defined]
    assert not await world.work.work()
    await other._store.run(lambda tx: other._keep(tx, other._job))  # type: ignore[arg-type]
    assert not await world.work.work()
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)


async def test_a_lease_is_renewed_for_as_long_as_it_takes(world: World) -> None:
    await world.call("one")
    world.script.answer = lambda _: None
    work = asyncio.create_task(world.work.work())
    await world.script.asked.wait()
    world.work.heard(12.5)
    figures = world.work.snapshot()
    assert (figures["transcript_seconds"], figures["transcript_seconds_done"]) == (30, 12.5)
    for _ in range(2 * LEASE // 1000):
        await world.clock.advance(1)
        assert await world.jobs(0) == []
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_a_recording_that_ends_every_transcriber_is_given_up(world: World) -> None:
    await world.call("poison")
    world.script.answer = lambda _: Gone("it ended")
    for _ in range(DEATHS):
        assert await world.work.work()
    assert not await world.work.work()
    assert len(world.script.orders) == DEATHS
    assert [one.concatenated_transcript for one in world.completed()] == [""]
    assert await world.jobs() == []
    assert world.work.snapshot()["transcripts_given_up_total"] == 1


async def test_what_may_work_another_time_is_tried_again_later_and_not_for_ever(world: World) -> None:
    await world.call("one")
    world.script.answer = lambda order: p.Failed(order.recording, "503", ever=True)
    for tries, pause in enumerate(PAUSES, 1):
        assert await world.work.work()
        assert not await world.work.work()
        assert len(world.script.orders) == tries
        await world.clock.advance(pause)
    assert await world.work.work()
    assert await world.jobs() == []
    assert [one.concatenated_transcript for one in world.completed()] == [""]


async def test_what_cannot_be_transcribed_is_given_up_at_once(world: World) -> None:
    await world.call("one")
    world.script.answer = lambda order: p.Failed(order.recording, "no sound", ever=False)
    assert await world.work.work()
    assert [one.concatenated_transcript for one in world.completed()] == [""]
    assert await world.jobs() == []


async def test_without_a_transcriber_recordings_wait_and_none_is_given_up(world: World) -> None:
    await world.call("one")
    world.script.answer = lambda _: CannotStart("not installed")
    for _ in range(DEATHS + 2):
        await patiently(world, asyncio.create_task(world.work.work()))
    world.script.answer = done
    assert await world.work.work()
    assert world.topics().count("call.transcribed") == 1


async def test_a_recording_that_is_on_another_server_is_left_to_it(world: World) -> None:
    await world.call("one")
    (world.data / "recordings" / "one.mp3").unlink()
    world.script.answer = lambda order: p.Failed(order.recording, "it is not there", ever=False)
    assert await world.work.work() is not world.store.shared
    await world.clock.advance(25 * 3600)
    assert await world.work.work() is world.store.shared
    assert await world.jobs() == []


async def test_stopping_puts_back_what_is_under_way_and_counts_no_attempt(world: World) -> None:
    await world.call("one")
    world.script.answer = lambda _: None
    await world.work.start()
    await world.script.asked.wait()
    await world.work.stop()
    (job,) = await world.jobs(0)
    assert job.attempts == 0
