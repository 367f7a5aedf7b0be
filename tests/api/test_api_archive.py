"""Recordings on their way into an object store and out of the world, against a real one, on both databases."""

import dataclasses
import json
import logging
import math
from collections.abc import AsyncIterator, Iterator

import pytest

from switchhook.api.app import build
from switchhook.delivery.http import Client, SystemResolver
from switchhook.events.catalogue import CATALOGUE
from switchhook.media.links import sign_path
from switchhook.media.peaks import beside
from switchhook.media.s3 import ANYWHERE, LIMITS, S3, Bucket
from switchhook.serving.archive import AGAIN, AGAIN_MOST, UNHEARD, Archive, Step, delay, next_step
from switchhook.storage import recordings, transcripts
from switchhook.storage.recordings import Due
from switchhook.storage.store import Row
from switchhook.storage.transcripts import Job
from tests.api.world import LINK_KEY, World
from tests.media.s3_server import BUCKET, S3Server, serving

LONG = 300.0  # seconds
CALL = json.loads(CATALOGUE["call.completed"].example)
SOUND = bytes(range(256)) * 3_000  # 768,000 bytes: three pieces of the object store's
PEAKS = bytes([1, 9, 2, 8])


@pytest.mark.parametrize(
    ("local", "key", "doomed", "moves", "step"),
    [
        (True, "", False, True, Step.STORE),
        (True, "", False, False, Step.NOTHING),
        (True, "k", False, True, Step.DROP),
        (True, "k", False, False, Step.DROP),
        (False, "k", False, True, Step.NOTHING),
        (True, "", True, True, Step.REMOVE),
        (True, "k", True, True, Step.REMOVE),
        (False, "k", True, False, Step.REMOVE),
    ],
)
def test_what_is_to_be_done(local: bool, key: str, doomed: bool, moves: bool, step: Step) -> None:
    one = Due("rec_1", "recordings/1.mp3", 0, 0, key, local, doomed, 0)
    assert next_step(one, moves=moves) is step


def test_it_is_tried_again_ever_more_seldom() -> None:
    waits = [delay(tries) for tries in range(30)]
    assert waits[:3] == [AGAIN, 2 * AGAIN, 4 * AGAIN]
    assert waits == sorted(waits)
    assert waits[-1] == AGAIN_MOST


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with serving() as made:
        yield made


class Shelf:
    """An archive, the world whose recordings it looks after, and one recording."""

    def __init__(self, world: World, server: S3Server) -> None:
        self.world = world
        self.server = server
        self.file = world.folder / "recordings" / "one.mp3"
        self.made: list[Archive] = []
        self.archive = self.another()

    def another(self, *, keep: float = 0.0, retention: float = math.inf, moves: bool = True) -> Archive:
        """An archive as one that is started anew has it."""
        clock = self.world.clock
        bucket = Bucket(
            name=BUCKET,
            endpoint=self.server.url,
            region="us-east-1",
            access_key=self.server.access_key,
            secret_key=self.server.secret_key,
            path_style=True,
        )
        objects = S3(bucket, Client(clock, ANYWHERE, SystemResolver(clock), limits=LIMITS), clock)
        self.archive = Archive(
            self.world.store,
            clock,
            self.world.folder,
            objects,
            moves=moves,
            keep=keep,
            retention=retention,
            prefix="phone/",
        )
        self.made.append(self.archive)
        self.world.app = build(dataclasses.replace(self.world.services(), objects=objects))
        return self.archive

    async def run(self) -> None:
        await self.archive.run()

    async def later(self, seconds: float) -> None:
        await self.world.clock.advance(seconds)
        await self.archive.run()

    def link(self, kind: str = ".mp3", seconds: int = 3600) -> str:
        return sign_path(LINK_KEY, "rec_1", self.world.clock.now() // 1000 + seconds).replace(".mp3", kind)

    def puts(self) -> list[str]:
        return [path for method, path in self.server.asked if method == "PUT"]

    async def row(self) -> Row | None:
        rows = await self.world.store.read(lambda tx: tx.fetch("recording", "wsp_a", "rec_1"))
        return rows[0] if rows else None

    async def record(self, id_: str = "rec_1", name: str = "one", call: str = "cll_1") -> None:
        file = self.file.with_name(f"{name}.mp3")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(SOUND)
        beside(file).write_bytes(PEAKS)
        now = self.world.clock.now()
        path = f"recordings/{name}.mp3"
        await self.world.store.run(lambda tx: tx.execute("add_recording", "wsp_a", id_, call, path, 4.0, now))

    async def due(self, within: float = 1e9) -> list[Due]:
        upto = self.world.clock.now() + int(within * 1000)
        return await self.world.store.read(lambda tx: recordings.due(tx, "wsp_a", upto, (0, ""), 100))


@pytest.fixture
async def shelf(world: World, server: S3Server) -> AsyncIterator[Shelf]:
    server.empty()
    made = Shelf(world, server)
    await made.record()
    yield made
    for archive in made.made:
        await archive.stop()
    server.refuse = lambda method, path: False
    server.done = lambda method, path: None


async def test_a_recording_moves_and_its_link_goes_on_working(shelf: Shelf) -> None:
    await shelf.run()
    assert shelf.server.objects() == {"phone/one.mp3": SOUND, "phone/one.peaks": PEAKS}
    assert shelf.file.exists(), "its file goes later"
    await shelf.run()
    assert not shelf.file.exists()
    assert not beside(shelf.file).exists()
    assert await shelf.due() == []
    call = shelf.world.call
    whole = await call("GET", shelf.link())
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, SOUND, "audio/mpeg")
    assert whole.headers["content-length"] == str(len(SOUND))
    head = await call("HEAD", shelf.link())
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(SOUND)))
    drawn = await call("GET", shelf.link("/peaks"))
    assert drawn.data == {"per_second": 20, "left": [1, 2], "right": [9, 8]}
    assert (await call("GET", shelf.link(seconds=-1))).status == 403
    tagged = {"if-none-match": whole.headers["etag"]}
    assert (await call("GET", shelf.link(), headers=tagged)).status == 304


@pytest.mark.parametrize(("first", "last"), [(0, 9), (262_140, 524_290), (700_000, 767_999)])
async def test_a_part_comes_from_the_store(shelf: Shelf, first: int, last: int) -> None:
    await shelf.run()
    await shelf.run()
    part = await shelf.world.call("GET", shelf.link(), headers={"range": f"bytes={first}-{last}"})
    assert (part.status, part.body) == (206, SOUND[first : last + 1])
    assert part.headers["content-range"] == f"bytes {first}-{last}/{len(SOUND)}"
    beyond = await shelf.world.call("GET", shelf.link(), headers={"range": "bytes=900000-"})
    assert beyond.code == "INVALID_RANGE"


async def test_the_file_stays_as_long_as_it_is_to_be_kept(shelf: Shelf) -> None:
    shelf.another(keep=LONG)
    await shelf.run()
    await shelf.later(LONG - 1)
    assert shelf.file.exists()
    await shelf.later(1)
    assert not shelf.file.exists()


def a_job(recording: str = "rec_1", call: str = "cll_1") -> Job:
    return Job(recording, call, "sip", "call-1", "recordings/one.mp3", 4.0)


async def test_the_file_stays_until_it_is_transcribed(shelf: Shelf) -> None:
    store = shelf.world.store
    await store.run(lambda tx: transcripts.add(tx, "wsp_a", a_job(), late=True))
    await shelf.run()
    await shelf.later(60)
    assert shelf.file.exists()
    await store.run(lambda tx: transcripts.forget(tx, "wsp_a", "cll_1"))
    await shelf.later(60)
    assert not shelf.file.exists()


async def test_the_file_of_what_is_never_transcribed_goes_in_the_end(shelf: Shelf) -> None:
    await shelf.world.store.run(lambda tx: transcripts.add(tx, "wsp_a", a_job(), late=True))
    await shelf.run()
    await shelf.later(UNHEARD)
    assert not shelf.file.exists()


async def test_what_is_old_is_not_transcribed_any_more(shelf: Shelf) -> None:
    store = shelf.world.store
    shelf.another(retention=LONG)
    for job in (a_job(), a_job("rec_2", "cll_2")):
        await store.run(lambda tx, job=job: transcripts.add(tx, "wsp_a", job, late=True))  # type: ignore[misc]
    await shelf.later(LONG + 1)
    left = await store.read(lambda r: transcripts.candidates(r, "wsp_a", shelf.world.clock.now(), 9))
    assert [job.recording for job in left] == ["rec_2"]


async def test_a_store_that_refuses_is_asked_again_and_nothing_is_lost(shelf: Shelf) -> None:
    shelf.server.refuse = lambda method, path: True
    await shelf.run()
    await shelf.later(AGAIN - 1)
    assert len(shelf.puts()) == 1, "not before its time"
    await shelf.later(1)
    assert len(shelf.puts()) == 2
    assert (await shelf.world.call("GET", shelf.link())).body == SOUND, "from disk meanwhile"
    shelf.server.refuse = lambda method, path: False
    await shelf.later(2 * AGAIN)
    assert shelf.server.objects().keys() == {"phone/one.mp3", "phone/one.peaks"}
    assert shelf.archive.snapshot() == {
        "recordings_stored_total": 1,
        "recordings_removed_total": 0,
        "recordings_refused_total": 2,
    }


async def test_who_died_between_storing_and_writing_that_down_stores_again(shelf: Shelf) -> None:
    def die(method: str, path: str) -> None:
        shelf.server.done = lambda method, path: None
        raise OSError("the process was gone before it heard of it")

    shelf.server.done = die
    await shelf.run()  # the store has it, and nobody knows
    shelf.another()  # a process as it is after a start
    row = await shelf.row()
    assert row is not None
    assert row[5] == ""
    await shelf.later(AGAIN)
    await shelf.run()
    assert shelf.server.objects() == {"phone/one.mp3": SOUND, "phone/one.peaks": PEAKS}
    assert (await shelf.world.call("GET", shelf.link())).body == SOUND


async def test_a_start_goes_on_at_once_where_nobody_else_can_be_at_it(shelf: Shelf) -> None:
    shelf.server.refuse = lambda method, path: True
    await shelf.run()
    shelf.server.refuse = lambda method, path: False
    await shelf.another(keep=LONG).begin()
    await shelf.run()
    assert ("phone/one.mp3" in shelf.server.objects()) is not shelf.world.store.shared
    await shelf.another(keep=LONG).begin()
    await shelf.run()
    assert shelf.file.exists(), "what waits for its time goes on waiting"


async def test_two_processes_do_not_store_the_same(shelf: Shelf) -> None:
    first, second = shelf.archive, shelf.another()
    (one,) = await shelf.due()
    assert await shelf.world.store.run(lambda tx: recordings.claim(tx, "wsp_a", one, one.due_at + 9))
    await first._attend("wsp_a", one)
    await second._attend("wsp_a", one)
    assert shelf.puts() == []


async def test_what_is_old_goes_everywhere_and_nothing_younger(shelf: Shelf) -> None:
    shelf.another(retention=LONG, keep=100 * LONG)
    await shelf.run()
    await shelf.world.clock.advance(LONG - 10)
    await shelf.record("rec_2", "two", "cll_2")
    await shelf.run()
    assert len(shelf.server.objects()) == 4
    await shelf.later(11)
    assert shelf.server.objects().keys() == {"phone/two.mp3", "phone/two.peaks"}
    assert not shelf.file.exists()
    assert (await shelf.world.call("GET", shelf.link())).code == "RECORDING_NOT_FOUND"
    assert (await shelf.world.call("GET", shelf.link("/peaks"))).code == "RECORDING_NOT_FOUND"
    assert await shelf.row() is None


async def test_what_is_doomed_is_given_to_nobody_and_its_removal_is_tried_again(shelf: Shelf) -> None:
    await shelf.run()
    shelf.server.refuse = lambda method, path: method == "DELETE"
    now = shelf.world.clock.now()
    assert await shelf.world.store.run(lambda tx: recordings.doom_of(tx, "wsp_a", "cll_1", now)) == 1
    assert (await shelf.world.call("GET", shelf.link())).code == "RECORDING_NOT_FOUND"
    await shelf.run()
    assert len(shelf.server.objects()) == 2
    shelf.server.refuse = lambda method, path: False
    await shelf.later(AGAIN)
    assert shelf.server.objects() == {}
    assert not shelf.file.exists()
    assert await shelf.due() == []


async def test_what_was_recorded_goes_with_the_content_of_the_event(shelf: Shelf, key: str) -> None:
    await shelf.record("rec_2", "two", "cll_2")
    await shelf.run()
    told = await shelf.world.publish(key, topic="call.completed", data={**CALL, "id": "cll_1"})
    gone = await shelf.world.call("POST", f"/v2/api/events/{told.data['id']}/expunge", key=key)
    assert gone.status == 200
    assert (await shelf.world.call("GET", shelf.link())).code == "RECORDING_NOT_FOUND"
    await shelf.run()
    assert shelf.server.objects().keys() == {"phone/two.mp3", "phone/two.peaks"}
    assert [file.name for file in sorted(shelf.file.parent.iterdir())] == []


async def test_one_that_is_doomed_while_it_is_stored_leaves_no_object(shelf: Shelf) -> None:
    (one,) = await shelf.due()
    now = shelf.world.clock.now()
    await shelf.world.store.run(lambda tx: recordings.doom_of(tx, "wsp_a", "cll_1", now))
    await shelf.archive._put("wsp_a", one, shelf.file)  # as it went on in a process that had begun before
    assert shelf.server.objects() == {}


async def test_an_object_that_nobody_wrote_down_goes_with_its_recording(shelf: Shelf) -> None:
    def die(method: str, path: str) -> None:
        raise OSError("the process was gone before it heard of it")

    shelf.server.done = die
    await shelf.run()
    shelf.server.done = lambda method, path: None
    assert shelf.server.objects() != {}
    now = shelf.world.clock.now()
    await shelf.world.store.run(lambda tx: recordings.doom_of(tx, "wsp_a", "cll_1", now))
    await shelf.another().run()
    assert shelf.server.objects() == {}


async def test_without_a_store_the_disk_alone_is_looked_after(shelf: Shelf) -> None:
    shelf.archive = Archive(shelf.world.store, shelf.world.clock, shelf.world.folder, retention=LONG)
    await shelf.run()
    assert await shelf.due() == []
    assert shelf.file.exists()
    await shelf.later(LONG + 1)
    assert not shelf.file.exists()
    assert await shelf.row() is None
    assert shelf.server.asked == []


async def test_those_from_before_there_was_a_bucket_move_too(shelf: Shelf) -> None:
    shelf.another(moves=False)
    await shelf.run()
    assert await shelf.due() == []
    await shelf.archive.begin()
    assert await shelf.due() == []
    await shelf.another().begin()
    await shelf.run()
    assert "phone/one.mp3" in shelf.server.objects()


async def test_a_file_that_nobody_sees_is_left_to_others_and_given_up_in_the_end(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("switchhook.serving.archive.LOST", LONG)
    shelf.file.unlink()
    shared = shelf.world.store.shared
    with caplog.at_level(logging.ERROR):
        await shelf.run()
        assert ("is lost" in caplog.text) is not shared
        await shelf.later(LONG)
    assert caplog.text.count("is lost") == 1
    assert await shelf.due() == []
    assert shelf.puts() == []


async def test_what_cannot_be_had_now_is_503_and_what_the_store_lost_is_404(shelf: Shelf) -> None:
    await shelf.run()
    await shelf.run()
    shelf.server.refuse = lambda method, path: True
    for kind in (".mp3", "/peaks"):
        away = await shelf.world.call("GET", shelf.link(kind))
        assert (away.status, away.code, away.headers["retry-after"]) == (503, "RECORDING_UNAVAILABLE", "30")
    shelf.server.refuse = lambda method, path: False
    shelf.server.empty()
    assert (await shelf.world.call("GET", shelf.link())).code == "RECORDING_NOT_FOUND"
    assert (await shelf.world.call("GET", shelf.link("/peaks"))).code == "PEAKS_NOT_FOUND"
    shelf.world.app = build(shelf.world.services())
    assert (await shelf.world.call("GET", shelf.link())).code == "RECORDING_UNAVAILABLE"
