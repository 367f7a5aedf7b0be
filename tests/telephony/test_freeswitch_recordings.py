"""Recordings of FreeSWITCH: from a directory that is mounted or over HTTP, whole, and from nowhere else."""

import asyncio
import shutil
import wave
from array import array
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from switchhook.clock import ManualClock, SystemClock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import Client, SystemResolver
from switchhook.media.peaks import beside, sides
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import fetches
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import StorageError
from switchhook.telephony.freeswitch import recordings as bringing
from switchhook.telephony.freeswitch.connector import SOURCE, Connector
from switchhook.telephony.freeswitch.esl import EslSession
from switchhook.telephony.freeswitch.recordings import GIVE_UP, LIMITS, NOT_THERE, Place, Recordings
from switchhook.telephony.freeswitch.session import Access
from switchhook.telephony.freeswitch.tapes import Tape
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact, Recorded, Settled
from tests.telephony.freeswitch_peer import Socket
from tests.telephony.freeswitch_world import BEGAN, JANE, MAIN, PLAN, Switch
from tests.telephony.test_freeswitch_esl import WORKSPACE, Desk, has_completed, is_up, until

THEIRS = "/var/spool/pbx"
TAPE = Tape("call-1", f"{THEIRS}/2026/a.wav", BEGAN)
LOUD, QUIET = 12_000, 50


def a_wav(path: Path, *levels: int, seconds: float = 2.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(levels))
        out.setsampwidth(2)
        out.setframerate(8_000)
        frames = round(seconds * 8_000)
        sound = [level if at % 20 < 10 else -level for at in range(frames) for level in levels]
        out.writeframes(array("h", sound).tobytes())
    return path


def louder(path: Path) -> str:
    """The side on which an MP3 is louder, by the waveform beside it."""
    left, right = sides(beside(path).read_bytes())
    return "left" if sum(left) > sum(right) else "right"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGAN)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "x.db")
    users, numbers = (UserConfig(JANE.email, JANE.name),), (NumberConfig(MAIN, "Main", (JANE.email,)),)
    await made.run(lambda tx: configure(tx, WORKSPACE, users, numbers, "FR"))
    yield made
    await made.close()


class Shelf:
    """Recordings in a directory that is mounted, and what they report."""

    def __init__(self, store: SqliteStore, clock: ManualClock, folder: Path) -> None:
        self.store = store
        self.mount = folder / "mnt"
        self.data = folder / "data"
        self.mount.mkdir(exist_ok=True)
        self.told: list[AnyFact] = []
        self.recordings = Recordings(
            Place(THEIRS, self.mount), store, WORKSPACE, clock, self.data, source=SOURCE
        )

    async def report(self, fact: AnyFact) -> None:
        self.told.append(fact)

    async def bring(self) -> bool:
        return await self.recordings.bring(self.report)

    async def left(self) -> int:
        return await self.store.read(lambda reader: fetches.count(reader, WORKSPACE))

    @property
    def recorded(self) -> Recorded:
        (found,) = [fact for fact in self.told if isinstance(fact, Recorded)]
        return found


@pytest.fixture
def shelf(store: SqliteStore, clock: ManualClock, tmp_path: Path) -> Shelf:
    return Shelf(store, clock, tmp_path)


@pytest.mark.parametrize(("swap", "side"), [(False, "left"), (True, "right")])
async def test_a_recording_is_read_where_it_is_mounted(shelf: Shelf, swap: bool, side: str) -> None:
    a_wav(shelf.mount / "2026" / "a.wav", LOUD, QUIET)
    await shelf.recordings.keep(Tape("call-1", TAPE.path, BEGAN, swap=swap, stereo=True))
    assert not await shelf.bring()
    assert [type(fact) for fact in shelf.told] == [Recorded, Settled]
    made = shelf.recorded
    assert (made.call, made.seconds, made.voicemail, made.mixed, made.began_at) == (
        "call-1",
        2.0,
        False,
        False,
        BEGAN,
    )
    assert (shelf.data / made.path).read_bytes()[:1] == b"\xff"
    assert louder(shelf.data / made.path) == side
    assert (shelf.mount / "2026" / "a.wav").exists()  # it is FreeSWITCH's


@pytest.mark.parametrize(("message", "mixed"), [(True, False), (False, True)])
async def test_one_voice_is_a_message_or_both_are_mixed(shelf: Shelf, message: bool, mixed: bool) -> None:
    a_wav(shelf.mount / "2026" / "a.wav", LOUD)
    await shelf.recordings.keep(Tape("call-1", TAPE.path, BEGAN, message=message))
    await shelf.bring()
    assert (shelf.recorded.voicemail, shelf.recorded.mixed) == (message, mixed)


async def test_an_mp3_is_kept_as_it_is(shelf: Shelf) -> None:
    (shelf.mount / "a.mp3").write_bytes(b"\xff\xfb sound")
    await shelf.recordings.keep(Tape("call-1", f"{THEIRS}/a.mp3", BEGAN, stereo=True, seconds=6.6))
    await shelf.bring()
    assert (shelf.recorded.seconds, shelf.recorded.mixed) == (6.6, False)
    assert (shelf.data / shelf.recorded.path).read_bytes() == b"\xff\xfb sound"


async def test_a_file_that_is_late_is_looked_for_again_until_it_is_whole(
    shelf: Shelf, clock: ManualClock
) -> None:
    whole = a_wav(shelf.mount / "whole.wav", LOUD, QUIET).read_bytes()
    await shelf.recordings.keep(TAPE)
    assert await shelf.bring()
    (shelf.mount / "2026").mkdir()
    empty = a_wav(shelf.mount / "empty.wav", LOUD, QUIET, seconds=0).read_bytes()
    for part in (b"", whole[:30], empty, whole[:20_000]):
        (shelf.mount / "2026" / "a.wav").write_bytes(part)
        await clock.advance(20)
        assert await shelf.bring()
    assert shelf.told == []
    (shelf.mount / "2026" / "a.wav").write_bytes(whole)
    await clock.advance(40)
    assert not await shelf.bring()
    assert shelf.recorded.seconds == 2.0


async def test_a_file_that_does_not_come_is_given_up_and_the_call_goes_on_without(
    shelf: Shelf, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.recordings.keep(TAPE)
    while await shelf.bring():
        await clock.advance(10)
    assert [type(fact) for fact in shelf.told] == [Settled]
    assert NOT_THERE * 1000 <= clock.now() - BEGAN <= 4 * NOT_THERE * 1000
    assert TAPE.path in caplog.text


async def test_no_link_leads_out_of_the_directory(shelf: Shelf, clock: ManualClock, tmp_path: Path) -> None:
    a_wav(tmp_path / "secret" / "a.wav", LOUD, QUIET)
    (shelf.mount / "2026").symlink_to(tmp_path / "secret")
    await shelf.recordings.keep(TAPE)
    await shelf.recordings.keep(Tape("call-2", f"{THEIRS}/../secret/a.wav", BEGAN))
    while await shelf.bring():
        await clock.advance(30)
    assert {type(fact) for fact in shelf.told} == {Settled}
    assert not list((shelf.data / "recordings").glob("*.mp3"))


async def test_what_was_written_down_is_fetched_by_the_next_process(
    shelf: Shelf, store: SqliteStore, clock: ManualClock, tmp_path: Path
) -> None:
    await shelf.recordings.keep(TAPE)
    await shelf.recordings.keep(TAPE)
    assert await shelf.left() == 1
    a_wav(shelf.mount / "2026" / "a.wav", LOUD, QUIET)
    after = Shelf(store, clock, tmp_path)
    await after.bring()
    assert after.recorded.call == "call-1"
    assert await after.left() == 0


async def test_it_is_not_forgotten_before_it_is_told_of(shelf: Shelf) -> None:
    a_wav(shelf.mount / "2026" / "a.wav", LOUD, QUIET)
    await shelf.recordings.keep(TAPE)

    async def full(_: AnyFact) -> None:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError):
        await shelf.recordings.bring(full)
    assert await shelf.left() == 1
    await shelf.bring()
    assert shelf.recorded.call == "call-1"


class Files:
    """A web server in front of a directory, as far as it is asked for files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status = 0
        self.cut = False
        self.asked: list[str] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split()[1])
        found = self.folder / head.split()[1].removeprefix("/rec/")
        body = found.read_bytes() if found.is_file() else b""
        status = self.status or (200 if body else 404)
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(body[: len(body) // 2] if self.cut else body)
        writer.close()


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    made = Files(tmp_path / "mnt")
    yield made
    await made.stop()


async def over_http(
    shelf: Shelf, files: Files, clock: ManualClock, networks: str = "127.0.0.0/8"
) -> Recordings:
    policy = AddressPolicy.parse(networks)
    place = Place(THEIRS, url=f"http://127.0.0.1:{await files.start()}/rec/")
    client = Client(SystemClock(), policy, SystemResolver(SystemClock()), limits=LIMITS)
    return Recordings(
        place, shelf.store, WORKSPACE, clock, shelf.data, source=SOURCE, client=client, policy=policy
    )


async def test_a_recording_is_fetched_over_http(shelf: Shelf, files: Files, clock: ManualClock) -> None:
    shelf.recordings = await over_http(shelf, files, clock)
    await shelf.recordings.keep(Tape("call-1", f"{THEIRS}/2026/a b.wav", BEGAN, stereo=True))
    assert await shelf.bring()  # 404: it may come
    a_wav(shelf.mount / "2026" / "a%20b.wav", LOUD, QUIET)
    for status, cut in ((503, False), (0, True)):
        files.status, files.cut = status, cut
        await clock.advance(60)
        assert await shelf.bring()
    files.status, files.cut = 0, False
    await clock.advance(60)
    assert not await shelf.bring()
    assert (shelf.recorded.seconds, files.asked[0]) == (2.0, "/rec/2026/a%20b.wav")
    assert not [one for one in (shelf.data / "recordings").iterdir() if one.suffix == ".tmp"]
    await shelf.recordings.close()


async def test_an_address_that_is_not_opened_is_not_asked(
    shelf: Shelf, files: Files, clock: ManualClock
) -> None:
    shelf.recordings = await over_http(shelf, files, clock, "")
    await shelf.recordings.keep(TAPE)
    while await shelf.bring():
        await clock.advance(1_000)
    assert files.asked == []
    assert clock.now() - BEGAN >= GIVE_UP * 1000
    await shelf.recordings.close()


async def test_what_is_too_long_is_not_taken(
    shelf: Shelf, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "MOST", 1_000)
    a_wav(shelf.mount / "2026" / "a.wav", LOUD, QUIET)
    await shelf.recordings.keep(TAPE)
    while await shelf.bring():
        await clock.advance(30)
    assert [type(fact) for fact in shelf.told] == [Settled]


# -- the whole way


async def test_a_recorded_call_is_completed_with_its_recording(
    shelf: Shelf, store: SqliteStore, clock: ManualClock
) -> None:
    desk, socket = Desk(store, clock), Socket()
    await desk.board.load()
    port = await socket.start()
    access = Access("127.0.0.1", port, socket.password)
    connector = Connector(lambda: EslSession(access, clock), PLAN, clock, desk, shelf.recordings)
    await connector.start()
    try:
        await until(clock, is_up(connector))
        switch = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b")
        switch.records("a", f"{THEIRS}/a.wav", "RECORD_START").at(9).hangs_up("b")
        switch.records("a", f"{THEIRS}/a.wav", variable_RECORD_STEREO="true", variable_record_ms="2000")
        await socket.tells(switch.hangs_up("a").messages)
        await until(clock, lambda: desk.at("ended"))
        assert "call.completed" not in await desk.topics()
        shutil.copy(a_wav(shelf.mount / "b.wav", LOUD, QUIET), shelf.mount / "a.wav")
        await until(clock, has_completed(desk))
    finally:
        await connector.stop()
        await socket.stop()
    (call,) = await desk.completed()
    assert call.result == "ANSWERED"
    assert call.recording_url is not None
    assert desk.at("recorded")


async def test_a_call_waits_for_its_recording_only_so_long(
    shelf: Shelf, store: SqliteStore, clock: ManualClock
) -> None:
    desk, socket = Desk(store, clock), Socket()
    await desk.board.load()
    access = Access("127.0.0.1", await socket.start(), socket.password)
    connector = Connector(lambda: EslSession(access, clock), PLAN, clock, desk, shelf.recordings)
    await connector.start()
    try:
        await until(clock, is_up(connector))
        switch = Switch().inbound().calls("a", "b", "101").at(2).talk("a", "b").at(9)
        await socket.tells(
            switch.records("a", f"{THEIRS}/a.wav", variable_record_ms="7000").hangs_up("a").messages
        )
        began = clock.monotonic()
        await until(clock, has_completed(desk), 1)
        assert clock.monotonic() - began >= 29
    finally:
        await connector.stop()
        await socket.stop()
    (call,) = await desk.completed()
    assert call.recording_url is None
    found = await store.read(partial(fetches.count, workspace=WORKSPACE))
    assert found == 1  # what comes later is kept
