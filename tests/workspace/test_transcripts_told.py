"""What was said, in the database: queued with its recording, told in time or late, gone when it is removed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from switchhook import events
from switchhook.clock import ManualClock
from switchhook.events import CallCompleted
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import conversations, endpoints, expunging, transcripts
from switchhook.storage.conversations import Item
from switchhook.storage.endpoints import Endpoint, SigningSecret
from switchhook.storage.store import AcceptedEvent, Store, Transaction
from switchhook.storage.transcripts import Job
from switchhook.storage.variants import body_for
from switchhook.workspace import tags
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact
from switchhook.workspace.switchboard import Switchboard
from tests.workspace.telling import START, answers, ends, not_transcribed, recorded, rings, transcribed

WORKSPACE = "wsp_a"
ANNA = "sip:anna@10.0.0.5"
NINE = ("call.received", "call.completed")
WANTED = ("call.completed", "call.transcribed", "summary.updated", "tag.added")
TALK: list[AnyFact] = [rings(), answers(ANNA, 4), recorded(30, 34)]

Open = Callable[[], Awaitable[Store]]


class World:
    """A workspace with two endpoints, one of which asks for more than the nine, and what they are sent."""

    def __init__(self, store: Store, board: Switchboard, clock: ManualClock) -> None:
        self.store, self.board, self.clock = store, board, clock
        self.told: list[AcceptedEvent] = []
        store.on_committed(lambda committed: self.told.extend(committed.events))

    async def report(self, *facts: AnyFact) -> None:
        for fact in facts:
            await self.board.report(fact)

    def topics(self) -> list[str]:
        return [event.topic for event in self.told]

    def last(self, topic: str) -> Any:
        return events.parse(next(e.body for e in reversed(self.told) if e.topic == topic)).data

    async def queue(self, seconds: float = 0) -> list[Job]:
        now = self.clock.now() + round(seconds * 1000)
        return await self.store.read(lambda r: transcripts.candidates(r, WORKSPACE, now, 10))

    async def awaited(self, seconds: float = 0) -> list[Job]:
        now = self.clock.now() + round(seconds * 1000)
        return await self.store.read(lambda r: transcripts.awaited(r, WORKSPACE, now, 10))

    async def item(self, call: str) -> Item:
        found = await self.store.read(lambda r: conversations.find_item(r, WORKSPACE, call))
        assert found is not None
        return found

    async def expunge(self, topic: str) -> None:
        id_ = next(event.id for event in self.told if event.topic == topic)

        async def work(tx: Transaction) -> None:
            found = await expunging.find_event(tx, WORKSPACE, id_)
            assert found is not None
            await expunging.expunge(tx, found, kind="expunged", why="on request", now=self.clock.now())

        await self.store.run(work)


def an_endpoint(id_: str, topics: tuple[str, ...], **more: Any) -> Endpoint:
    made = Endpoint(
        workspace=WORKSPACE,
        id=id_,
        url="https://hooks.example/in",
        topics=topics,
        description=None,
        enabled=True,
        secrets=(SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
        disabled_why=None,
        created_at=START,
        updated_at=START,
    )
    return msgspec.structs.replace(made, **more)


@pytest.fixture
async def world(open_store: Open) -> AsyncIterator[World]:
    store = await open_store()
    clock = ManualClock(START)
    users = (UserConfig("anna@example.com", "Anna", (ANNA,)),)
    numbers = (NumberConfig("+33123456789", "Main", ("anna@example.com",)),)
    await store.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    for one in (an_endpoint("ep_nine", NINE), an_endpoint("ep_more", WANTED, additive_fields=True)):
        await store.run(lambda tx, one=one: endpoints.add_endpoint(tx, one))  # type: ignore[misc]
    board = Switchboard(store, clock, WORKSPACE, "FR", lambda id_: f"https://x.example/{id_}", transcripts=30)
    await board.load()
    yield World(store, board, clock)
    await store.close()


async def test_a_recording_is_queued_with_the_fact_that_tells_of_it_and_once(world: World) -> None:
    await world.report(*TALK, *TALK)
    (job,) = await world.queue()
    assert (job.source, job.source_call, job.path, job.seconds, job.attempts) == (
        "sip",
        "call-1",
        "recordings/x.mp3",
        30,
        0,
    )


async def test_how_long_a_call_waits_counts_from_its_end(world: World) -> None:
    await world.report(*TALK)
    assert await world.awaited(3600) == []
    await world.clock.advance(50)
    await world.report(ends(34))
    assert world.topics() == ["call.received"]
    assert await world.awaited(29.9) == []
    (job,) = await world.awaited(30)
    assert job.path == "recordings/x.mp3"


async def test_who_waited_long_enough_is_told_without_and_the_recording_stays_queued(world: World) -> None:
    await world.report(*TALK, ends(34), not_transcribed())
    assert world.topics() == ["call.received", "call.completed"]
    assert await world.awaited(3600) == []
    assert len(await world.queue()) == 1


async def test_what_comes_in_time_is_told_with_the_end(world: World) -> None:
    await world.report(*TALK, ends(34), transcribed())
    assert world.topics() == ["call.received", "call.completed", "call.transcribed"]
    completed = world.last("call.completed")
    assert isinstance(completed, CallCompleted)
    item = await world.item(completed.id)
    assert (item.summary, [said.text for said in item.transcript]) == (
        "A bill.",
        ["I have a question about my invoice.", "Let me look."],
    )
    assert [set(event.targets) for event in world.told] == [{"ep_nine"}, {"ep_more", "ep_nine"}, {"ep_more"}]


async def test_who_made_the_summary_is_a_field_for_those_who_asked_for_more(world: World) -> None:
    await world.report(*TALK, ends(34), transcribed())
    event = next(one for one in world.told if one.topic == "call.completed")
    assert body_for(event.body, event.variant, "ep_nine") == event.body
    more = msgspec.json.decode(body_for(event.body, event.variant, "ep_more"))
    assert list(more["data"].items())[-1] == ("summary_engine", "extractive")
    assert b"summary_engine" not in event.body


async def words(world: World, word: str) -> list[str]:
    rows = await world.store.read(lambda r: r.fetch("items by_newest word", WORKSPACE, 10, 0, f" {word}"))
    return [row[1] for row in rows]


async def test_what_comes_late_completes_the_conversation_and_is_found(world: World) -> None:
    await world.report(*TALK, ends(34), not_transcribed())
    call = world.last("call.completed").id
    assert await words(world, "invoice") == []
    await world.report(transcribed(data={"city": "Lyon"}), transcribed())
    assert sorted(world.topics()[2:]) == ["call.transcribed", "summary.updated"]
    item = await world.item(call)
    assert (item.summary, item.summary_version, len(item.transcript)) == ("A bill.", 1, 2)
    assert item.details["data_collected"] == {"city": "Lyon"}
    assert await words(world, "invoice") == [item.id]
    assert await words(world, "bill") == [item.id]


async def test_a_summary_that_somebody_wrote_meanwhile_stays(world: World) -> None:
    await world.report(*TALK, ends(34), not_transcribed())
    item = await world.item(world.last("call.completed").id)
    written = msgspec.structs.replace(item, summary="Mine.", summary_version=1)
    await world.store.run(lambda tx: conversations.save_summary(tx, written))
    await world.report(transcribed())
    item = await world.item(item.id)
    assert (item.summary, item.summary_version, len(item.transcript)) == ("Mine.", 1, 2)
    assert "summary.updated" not in world.topics()


async def test_a_tag_that_suits_the_call_is_put_on_it_before_its_end_is_told(world: World) -> None:
    await world.store.run(lambda tx: tags.create(tx, WORKSPACE, "Billing", None, START))
    await world.report(*TALK, ends(34), transcribed(tags=("billing", "unknown")))
    assert world.topics() == ["call.received", "tag.added", "call.completed", "call.transcribed"]
    assert world.last("call.completed").tags == ["billing"]


async def test_what_is_removed_from_a_call_is_not_transcribed_either(world: World) -> None:
    await world.report(*TALK, ends(34), not_transcribed())
    await world.expunge("call.completed")
    assert await world.queue() == []


async def test_removing_the_transcript_leaves_no_word_of_it(world: World) -> None:
    await world.report(*TALK, ends(34), not_transcribed(), transcribed(data={"city": "Lyon"}))
    await world.expunge("call.transcribed")
    item = await world.item(world.last("call.completed").id)
    assert (item.transcript, item.summary, item.details["data_collected"]) == ((), None, {})
    assert item.recording_url is not None
    assert await words(world, "invoice") == []


async def test_a_call_is_told_once_that_it_waits_no_longer_also_when_it_waits_for_something_else(
    world: World,
) -> None:
    await world.report(*TALK, ends(34, final=False), not_transcribed())
    assert world.topics() == ["call.received"]
    assert await world.awaited(3600) == []
