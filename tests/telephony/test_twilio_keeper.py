"""What Twilio owes is asked for, on a real socket, whatever it does: recordings, and calls whose end was not told."""

import io
import wave
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from switchhook import events
from switchhook.clock import ManualClock, SystemClock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import Client, SystemResolver
from switchhook.events import CallCompleted
from switchhook.media.recording import to_mp3
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage import fetches
from switchhook.storage.conversations import find_item, silence_item
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import StorageError
from switchhook.telephony.twilio import keeper as keeping
from switchhook.telephony.twilio import reports
from switchhook.telephony.twilio.fetching import FetchRecording, Shelf, Side
from switchhook.telephony.twilio.keeper import Keeper
from switchhook.telephony.twilio.messages import Account
from switchhook.telephony.twilio.rest import FILE_LIMITS, Absent, Rest, Unavailable
from switchhook.workspace.calls import Limits
from switchhook.workspace.directory import configure
from switchhook.workspace.facts import AnyFact, LegKind
from switchhook.workspace.switchboard import Ask, Switchboard
from tests.telephony.twilio_calls import (
    ANNA,
    BEN,
    CALL,
    OURS,
    comes_in,
    is_over,
    leg_sid,
    progress,
    stamp,
)
from tests.telephony.twilio_peer import SID, TOKEN, TwilioPeer
from tests.workspace.telling import OUTSIDE, START

RECORDING = "RE" + "a" * 32


def a_wav(seconds: float = 3.0, channels: int = 2) -> bytes:
    """Two voices: the first one loud, the second one silent."""
    out = io.BytesIO()
    with wave.open(out, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(8_000)
        loud = [12_000, 0] * 4 + [-12_000, 0] * 4
        wav.writeframes(array("h", loud * int(1_000 * seconds)).tobytes())
    return out.getvalue()


class Desk:
    """The desk of one line."""

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        self.gone = False

    async def report(self, fact: AnyFact) -> None:
        if self.gone:
            raise StorageError("the disk is full")
        await self.board.report(fact)

    async def sweep(self, ask: Ask, limits: Limits) -> int:
        return await self.board.sweep("twilio", ask, limits)


class Place:
    """A workspace with a number at Twilio, and what looks after it. Time is moved by hand."""

    def __init__(self, folder: Path, store: SqliteStore, peer: TwilioPeer) -> None:
        self.folder, self.store, self.peer = folder, store, peer
        self.clock = ManualClock(START)
        owners = {ANNA: "anna@example.com", BEN: "ben@example.com"}
        self.board = Switchboard(
            store, self.clock, "wsp_a", "FR", lambda id_: f"https://x/{id_}", telephones=owners
        )
        self.desk = Desk(self.board)
        self.shelf = Shelf(store, self.board, "wsp_a", self.clock)
        self.keepers: list[Keeper] = []

    def keeper(self, **more: Any) -> Keeper:
        made = Keeper(
            a_rest(self.peer), self.shelf, self.board, self.desk, self.clock, folder=self.folder, **more
        )
        self.keepers.append(made)
        return made

    async def begins(self, form: dict[str, str]) -> None:
        await self.board.load()
        fact = reports.offered(reports.posted(form, self.clock.now()), START, self.board.directory)
        assert fact is not None
        await self.board.report(fact)

    async def leg(self, address: str, *said: Any, out: bool = False) -> None:
        kind = LegKind.OUTSIDE if out else LegKind.USER
        for fact in reports.of_leg(reports.posted(progress(address, *said), START), CALL, kind, address):
            await self.board.report(fact)

    async def ends(self, *said: Any, **more: str) -> None:
        for fact in reports.of_call(reports.posted(is_over(*said, **more), START), self.board.directory):
            await self.board.report(fact)

    async def told(self) -> list[events.Event]:
        found = await self.store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
        rows = [await self.store.read(lambda r, id_=row[2]: r.fetch("event", "wsp_a", id_)) for row in found]  # type: ignore[misc]
        return [events.parse(row[0][4]) for row in rows]

    async def completed(self) -> list[CallCompleted]:
        return [one.data for one in await self.told() if isinstance(one.data, CallCompleted)]

    async def waiting(self) -> int:
        return await self.store.read(lambda reader: fetches.count(reader, "wsp_a"))

    def files(self) -> list[str]:
        found = (self.folder / "recordings").glob("*")
        return sorted(one.name for one in found if one.suffix != ".peaks")


def a_rest(peer: TwilioPeer, policy: str = "127.0.0.0/8") -> Rest:
    clock, open_to = SystemClock(), AddressPolicy.parse(policy)
    return Rest(
        Account(SID, TOKEN, peer.url),
        Client(clock, open_to, SystemResolver(clock), limits=FILE_LIMITS),
        open_to,
    )


@pytest.fixture
async def peer() -> AsyncIterator[TwilioPeer]:
    made = TwilioPeer(now=lambda: START)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def place(tmp_path: Path, peer: TwilioPeer) -> AsyncIterator[Place]:
    store = SqliteStore(tmp_path / "x.db")
    users = (UserConfig("anna@example.com", "Anna"), UserConfig("ben@example.com", "Ben"))
    numbers = (NumberConfig(OURS, "Main", ("anna@example.com", "ben@example.com")),)
    await store.run(lambda tx: configure(tx, "wsp_a", users, numbers, "FR"))
    made = Place(tmp_path, store, peer)
    yield made
    for one in made.keepers:
        await one.stop()
    await store.close()


async def a_talk(place: Place) -> None:
    """A call that was answered and is over; its recording is still to come."""
    await place.begins(comes_in())
    await place.leg(ANNA, "in-progress", 4)
    await place.leg(ANNA, "completed", 24, 20)
    await place.ends("completed", 24, 20)
    assert await place.completed() == []


async def test_a_recording_is_fetched_and_completes_the_call(place: Place) -> None:
    await a_talk(place)
    place.peer.recordings[RECORDING] = (CALL, a_wav())
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    await place.keeper().fetch()
    (done,) = await place.completed()
    assert (done.result, done.length) == ("ANSWERED", "20s")
    assert done.recording_url is not None
    assert place.peer.asked == [f"GET /Recordings/{RECORDING}.wav?RequestedChannels=2"]
    assert place.peer.logins == [f"{SID}:{TOKEN}"]
    assert place.files() == [f"{RECORDING}.mp3"]
    assert await place.waiting() == 0
    assert RECORDING in place.peer.recordings  # it stays there, unless it is to be deleted
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    assert await place.waiting() == 0  # told again, it is here


async def test_one_that_is_to_be_deleted_there_is_deleted_once_it_is_here(place: Place) -> None:
    await a_talk(place)
    place.peer.recordings[RECORDING] = (CALL, a_wav())
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    keeper = place.keeper(deletes=True)
    place.peer.faults = ["well", "503"]
    await keeper.fetch()
    assert (len(await place.completed()), await place.waiting()) == (1, 1)  # the call does not wait for that
    place.clock.step_wall(60)
    await keeper.fetch()
    assert (place.peer.recordings, await place.waiting(), place.files()) == ({}, 0, [f"{RECORDING}.mp3"])
    assert [one.split()[0] for one in place.peer.asked] == ["GET", "DELETE", "DELETE"]


@pytest.mark.parametrize("fault", ["404", "401", "429", "500", "drop", "half", "redirect /2010-04-01/loop"])
async def test_one_that_cannot_be_had_is_tried_again_after_a_pause_that_grows(
    place: Place, fault: str
) -> None:
    await a_talk(place)
    place.peer.recordings[RECORDING] = (CALL, a_wav())
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    keeper = place.keeper()
    place.peer.faults = [fault] * (4 if fault.startswith("redirect") else 1)
    await keeper.fetch()
    await keeper.fetch()
    assert len(place.peer.asked) == (4 if fault.startswith("redirect") else 1)  # not before the pause is over
    assert (await place.waiting(), place.files(), await place.completed()) == (1, [], [])
    assert keeper.state.startswith("refused" if fault == "401" else "stopped" if fault == "404" else "lost")
    place.clock.step_wall(keeping.FIRST_PAUSE)
    again = place.keeper()  # another process, which knows nothing but the database
    await again.fetch()
    assert (await place.waiting(), place.files(), again.state) == (0, [f"{RECORDING}.mp3"], "up")
    assert len(await place.completed()) == 1


async def test_one_that_never_comes_is_given_up(place: Place) -> None:
    await a_talk(place)
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    keeper = place.keeper()
    place.clock.step_wall(keeping.NOT_THERE + 1)
    await keeper.fetch()
    (done,) = await place.completed()
    assert (done.result, done.recording_url, await place.waiting()) == ("ANSWERED", None, 0)


async def test_what_is_no_recording_is_not_kept(place: Place) -> None:
    await a_talk(place)
    place.peer.recordings[RECORDING] = (CALL, b"<html>")
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    await place.keeper().fetch()
    assert (await place.waiting(), place.files()) == (1, [])


async def test_it_is_not_forgotten_before_it_is_told_of(place: Place) -> None:
    await a_talk(place)
    place.peer.recordings[RECORDING] = (CALL, a_wav())
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    place.desk.gone = True
    keeper = place.keeper()
    with pytest.raises(StorageError):
        await keeper.fetch()
    assert (await place.waiting(), await place.completed()) == (1, [])
    place.desk.gone = False
    await keeper.fetch()
    assert (await place.waiting(), len(await place.completed())) == (0, 1)


async def test_the_side_that_the_call_began_with_is_ours_when_a_telephone_calls_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    def listening(part: Path, target: Path) -> float:
        heard.append(part.read_bytes()[44:])
        return to_mp3(part, target)

    monkeypatch.setattr(keeping, "to_mp3", listening)
    for side in Side:
        sid = f"RE{side}"
        place.peer.recordings[sid] = (CALL, a_wav(1))
        await place.begins(comes_in())
        await place.shelf.keep(FetchRecording(sid, CALL, side))
        await place.keeper().fetch()
        samples = array("h", heard[-1])
        loud = (max(samples[0::2]) > 10_000, max(samples[1::2]) > 10_000)
        assert loud == ((True, False) if side is Side.OUTSIDE else (False, True))


async def test_one_without_two_channels_is_taken_as_it_is_and_said_to_be_mixed(place: Place) -> None:
    await a_talk(place)
    place.peer.recordings[RECORDING] = (CALL, a_wav(channels=1))
    place.peer.faults = ["400"]
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    await place.keeper().fetch()
    assert place.peer.asked == [
        f"GET /Recordings/{RECORDING}.wav?RequestedChannels=2",
        f"GET /Recordings/{RECORDING}.wav",
    ]
    state = await place.board.find("twilio", CALL)
    assert state is not None
    assert state.recording is not None
    assert (state.recording.mixed, len(await place.completed())) == (True, 1)


async def test_one_that_comes_after_the_call_was_expunged_is_kept_from_everybody(place: Place) -> None:
    await a_talk(place)
    place.clock.step_wall(60)
    keeper = place.keeper()
    await keeper.look()
    (done,) = await place.completed()
    await place.store.run(lambda tx: silence_item(tx, "wsp_a", done.id, "CALL"))
    place.peer.recordings[RECORDING] = (CALL, a_wav())
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    await keeper.fetch()
    item = await place.store.read(lambda reader: find_item(reader, "wsp_a", done.id))
    state = await place.board.find("twilio", CALL)
    assert item is not None
    assert state is not None
    assert state.recording is not None
    id_ = state.recording.id
    assert item.recording_url is None
    assert await place.store.read(lambda reader: reader.fetch("recording", "wsp_a", id_)) == []


# -- calls whose end was not told


def known_there(place: Place, status: str, **more: Any) -> None:
    place.peer.calls[CALL] = {
        "sid": CALL,
        "status": status,
        "duration": "20",
        "start_time": stamp(4),
        "end_time": stamp(24) if status == "completed" else None,
        "direction": "inbound",
        "from": OUTSIDE,
        "to": OURS,
        "parent_call_sid": None,
        **more,
    }


async def silent(place: Place, keeper: Keeper, seconds: float) -> None:
    place.clock._move(seconds)
    await keeper.look()


async def test_a_call_whose_end_was_not_told_is_asked_for_and_told_of_with_all_that_was_lost(
    place: Place,
) -> None:
    await place.begins(comes_in())
    known_there(place, "completed")
    child = {
        **place.peer.calls[CALL],
        "sid": leg_sid(ANNA),
        "to": ANNA,
        "parent_call_sid": CALL,
        "direction": "outbound-dial",
    }
    place.peer.calls[leg_sid(ANNA)] = child
    place.peer.recordings[RECORDING] = (CALL, a_wav())
    keeper = place.keeper()
    await silent(place, keeper, 30)
    assert place.peer.asked == []
    await silent(place, keeper, 31)
    assert (await place.waiting(), await place.completed()) == (1, [])  # it waits for the recording
    await keeper.fetch()
    (done,) = await place.completed()
    assert (done.result, done.length, done.user_email, done.recording_url is None) == (
        "ANSWERED",
        "20s",
        "anna@example.com",
        False,
    )


async def test_a_call_that_is_up_is_asked_for_ever_more_seldom_and_stays(place: Place) -> None:
    await place.begins(comes_in())
    known_there(place, "in-progress")
    keeper = place.keeper()
    for _ in range(8):
        await silent(place, keeper, 100)
    assert 2 <= len(place.peer.asked) <= 5
    assert await place.completed() == []


@pytest.mark.parametrize("what", ["nothing", "nobody there"])
async def test_a_call_that_nobody_knows_of_any_more_ends_after_a_time(place: Place, what: str) -> None:
    await place.begins(comes_in())
    if what == "nobody there":
        await place.peer.stop()
    keeper = place.keeper()
    await silent(place, keeper, 61)
    assert await place.completed() == []
    await silent(place, keeper, 6 * 3600)
    assert [one.result for one in await place.completed()] == ["FAILED"]


async def test_who_answered_is_asked_for_when_the_call_is_over_and_nobody_said_it(place: Place) -> None:
    await place.begins(comes_in())
    await place.ends("completed", 24, 20)
    known_there(place, "completed")
    place.peer.calls[leg_sid(BEN)] = {
        **place.peer.calls[CALL],
        "sid": leg_sid(BEN),
        "to": BEN,
        "parent_call_sid": CALL,
    }
    keeper = place.keeper(records=False)
    await silent(place, keeper, 5)
    assert place.peer.asked == []
    await silent(place, keeper, 6)
    (done,) = await place.completed()
    assert (done.result, done.user_email) == ("ANSWERED", "ben@example.com")


async def test_a_recording_that_does_not_come_holds_a_call_up_for_less_than_half_a_minute(
    place: Place,
) -> None:
    await a_talk(place)
    keeper = place.keeper()
    for _ in range(5):
        await silent(place, keeper, keeping.SWEEP)
    assert len(await place.completed()) == 1
    place.peer.recordings[RECORDING] = (CALL, a_wav())  # it comes later, and is kept all the same
    await place.shelf.keep(FetchRecording(RECORDING, CALL))
    await keeper.fetch()
    assert place.files() == [f"{RECORDING}.mp3"]
    (done,) = await place.completed()
    item = await place.store.read(lambda reader: find_item(reader, "wsp_a", done.id))
    assert item is not None
    assert (done.recording_url, item.recording_url is None) == (None, False)


# -- what is asked for


async def test_a_file_that_lies_elsewhere_is_followed_to_without_the_token(peer: TwilioPeer) -> None:
    other = TwilioPeer()
    await other.start()
    other.recordings["RE9"] = (CALL, b"a file")
    peer.faults = [f"redirect {other.url}/2010-04-01/Accounts/{SID}/Recordings/RE9.wav"]
    rest, pieces = a_rest(peer), list[bytes]()
    await rest.recording("RE1", 2, pieces.append)
    assert b"".join(pieces) == b"a file"
    assert (peer.logins, other.logins) == ([f"{SID}:{TOKEN}"], [""])
    await rest.aclose()
    await other.stop()


async def test_the_address_policy_holds_for_calls_too(peer: TwilioPeer) -> None:
    rest = a_rest(peer, policy="")
    with pytest.raises(Unavailable) as caught:
        await rest.account()
    assert caught.value.refused
    assert (peer.asked, TOKEN in str(caught.value)) == ([], False)
    await rest.aclose()


async def test_what_is_asked_of_an_account(peer: TwilioPeer) -> None:
    rest = a_rest(peer)
    peer.numbers[OURS] = {"voice_url": "https://x"}
    assert (await rest.account())["status"] == "active"
    assert await rest.number(OURS) == {"voice_url": "https://x"}
    assert await rest.number("+33") is None
    with pytest.raises(Absent):
        await rest.call("CAnone")
    peer.faults = ["401"]
    with pytest.raises(Unavailable) as caught:
        await rest.account()
    assert caught.value.refused
    await rest.delete_recording("REnone")
    await rest.aclose()
