"""Recordings that Asterisk made are fetched once, told to their call, and belong to the right side."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from switchhook.clock import ManualClock
from switchhook.media.peaks import beside, sides
from switchhook.media.tones import tone
from switchhook.storage import transcripts
from switchhook.telephony.asterisk.ari import AriSession
from switchhook.telephony.asterisk.ari_files import TooLong, fetch
from switchhook.telephony.asterisk.calls import Calls
from switchhook.telephony.asterisk.connector import SOURCE, Connector
from switchhook.telephony.asterisk.recorder import Recorder
from switchhook.telephony.asterisk.recordings import SETTLE, Recordings
from switchhook.telephony.asterisk.session import Access
from switchhook.telephony.asterisk.tree import Recording
from switchhook.telephony.asterisk.wanted import Wanted, chosen
from switchhook.workspace.calls import Limits
from switchhook.workspace.facts import Chose, Ended, Recorded, Settled
from switchhook.workspace.switchboard import Switchboard
from tests.media.test_joined import wav
from tests.telephony.ari_peer import Ari
from tests.telephony.asterisk_desk import WORKSPACE, Desk, at_desk, has_completed, is_up, open_desk, until
from tests.telephony.asterisk_world import BEGAN, PLAN, TELEPHONES, Pbx, ari_capture, as_ari, over_ari

TRUNK, PHONE = "PJSIP/trunk-1", "PJSIP/101-2"
CALL = "1795436317.0"
EXTERNAL, USER = f"/ari/recordings/stored/{CALL}-external/file", f"/ari/recordings/stored/{CALL}-user/file"
LOUD, QUIET = wav(tone(300, 3.0, level=0.8)), wav(tone(500, 3.0, level=0.2))


# -- which file is which side


def recording(name: str, **more: Any) -> Recording:
    return Recording(name, "wav", "", BEGAN, name, **more)


@pytest.mark.parametrize(
    ("recordings", "files"),
    [
        ([("a", {"snooped": True}, True), ("b", {"snooped": True}, False)], {"a": "left", "b": "right"}),
        ([("a", {}, True), ("b", {"snooped": True}, False)], {"a": "left", "b": "right"}),
        ([("a", {"snooped": True}, True)], {"a": "both"}),
        ([("a", {"snooped": True}, True), ("c", {"bridge": True}, True)], {"c": "both"}),
        ([("a", {}, True)], {"a": "left"}),
        ([("a", {}, False)], {"a": "right"}),
        ([("a", {}, True), ("c", {"bridge": True}, True)], {"c": "both"}),
        ([], {}),
    ],
)
def test_which_side_a_file_is(
    recordings: list[tuple[str, dict[str, Any], bool]], files: dict[str, str]
) -> None:
    found = chosen([(recording(name, **more), outside) for name, more, outside in recordings])
    assert {one.name: one.side for one in found} == files


def event(type_: str, name: str, target: str, at: float = 0.0, **more: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "timestamp": as_ari(Pbx().at(at).inbound().messages[0])["timestamp"],
        "recording": {"name": name, "format": "wav", "target_uri": target, "state": "recording", **more},
    }


def left_by(events: list[dict[str, Any]]) -> tuple[list[Any], Wanted | None]:
    calls = Calls(SOURCE, PLAN)
    facts = [fact for said in over_ari(events) for fact in calls.take(said, 0.0)] + calls.lapse(9.0)
    return facts, calls.leave("1795436378.1")


def talk() -> list[dict[str, Any]]:
    pbx = Pbx().inbound().dials(TRUNK, PHONE, "1", "101").at(2).talk(TRUNK, PHONE, "1", "b")
    return [as_ari(message) for message in pbx.messages]


def over() -> list[dict[str, Any]]:
    return [as_ari(m) for m in Pbx().at(20).hangs_up(PHONE, "1").hangs_up(TRUNK, "1").messages]


def test_a_recording_of_a_bridge_is_of_the_call_in_it() -> None:
    on = event("RecordingStarted", "all", "bridge:b", 2.5)
    for events in ([*talk(), on, *over()], [on, *talk(), *over()]):
        facts, wanted = left_by(events)
        assert wanted is not None
        assert [(one.name, one.side, one.began_at) for one in wanted.files] == [
            ("all", "both", BEGAN + 2_500)
        ]
        assert [fact.final for fact in facts if isinstance(fact, Ended)] == [False]


@pytest.mark.parametrize("type_", ["RecordingFailed", "RecordingFinished"])
def test_of_what_failed_or_was_thrown_away_there_is_nothing_to_come(type_: str) -> None:
    on = event("RecordingStarted", "all", "bridge:b")
    off = event(type_, "all", "bridge:b", 9, state="canceled")
    facts, wanted = left_by([*talk(), on, off, *over()])
    assert wanted is None
    assert [fact.final for fact in facts if isinstance(fact, Ended)] == [True]


def test_a_caller_whom_nobody_answers_and_who_is_recorded_leaves_a_message() -> None:
    came = [as_ari(message) for message in Pbx().inbound().messages]
    on = event("RecordingStarted", "vm", "channel:1795436378.1", 5)
    gone = [as_ari(message) for message in Pbx().at(20).hangs_up(TRUNK, "").messages]
    facts, wanted = left_by([*came, on, *gone])
    assert [type(fact).__name__ for fact in facts] == ["Offered", "Answered", "Ended"]
    assert (facts[1].kind, facts[1].at, facts[2].cause) == ("mailbox", BEGAN + 5_000, "hangup")
    assert wanted is not None
    assert wanted.voicemail
    facts, wanted = left_by([*talk(), on, *over()])
    assert "mailbox" not in {getattr(fact, "kind", "") for fact in facts}
    assert wanted is not None
    assert not wanted.voicemail


def test_a_name_that_is_used_again_is_another_recording() -> None:
    again = event("RecordingStarted", "all", "channel:1795436378.99", 15)
    _, wanted = left_by([*talk(), event("RecordingStarted", "all", "bridge:b"), again, *over()])
    assert wanted is None


def test_the_recordings_of_a_capture_are_found_in_any_order() -> None:
    events = ari_capture("ari-answered")
    about = [one for one in events if "Recording" in one["type"] or "Snoop" in str(one)]
    rest = [one for one in events if one not in about]
    files = set()
    for order in (events, about + rest, rest + about, list(reversed(about)) + rest):
        calls = Calls(SOURCE, PLAN)
        for said in over_ari(order):
            calls.take(said, 0.0)
        calls.lapse(9.0)
        wanted = calls.leave(CALL)
        assert wanted is not None
        files.add(tuple((one.name, one.side) for one in wanted.files))
    assert files == {((f"{CALL}-external", "left"), (f"{CALL}-user", "right"))}


# -- over the wire


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGAN)


@pytest.fixture
async def desk(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "x.db", clock) as made:
        yield made


@pytest.fixture
async def ari() -> AsyncIterator[Ari]:
    made = Ari()
    yield made
    await made.stop()


Watch = Callable[[], Awaitable[Connector]]


@pytest.fixture
async def watch(ari: Ari, desk: Desk, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Watch]:
    made: list[Connector] = []
    access = Access("127.0.0.1", await ari.start(), "switchhook", ari.secret)

    async def start() -> Connector:
        kept = Recordings(access, clock, tmp_path / "data", SOURCE)
        made.append(Connector(lambda: AriSession(access, clock), PLAN, clock, desk, recordings=kept))
        await made[-1].start()
        await until(clock, is_up(made[-1]))
        return made[-1]

    yield start
    ari.drop()
    for one in made:
        await one.stop()


def recorded(desk: Desk) -> list[Recorded]:
    return [fact for fact in desk.reports if isinstance(fact, Recorded)]


def loudness(tmp_path: Path, fact: Recorded) -> tuple[list[bool], list[bool]]:
    """Whether each side is loud, for each twentieth of a second."""
    left, right = sides(beside(tmp_path / "data" / fact.path).read_bytes())
    return [one > 120 for one in left], [one > 120 for one in right]


async def test_both_sides_are_fetched_and_told_before_the_call_is_completed(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, tmp_path: Path
) -> None:
    ari.raw = {EXTERNAL: LOUD, USER: QUIET}
    await watch()
    await ari.tells(ari_capture("ari-answered"))
    await until(clock, lambda: at_desk(desk, "ended", 1))
    await until(clock, lambda: at_desk(desk, "settled", 1), 0)
    (fact,) = recorded(desk)
    assert (fact.call, fact.mixed, fact.voicemail, fact.began_at) == (CALL, False, False, 1_795_436_318_395)
    assert abs(fact.seconds - 3.0) < 0.1
    left, right = loudness(tmp_path, fact)
    assert sum(left) > 50
    assert not any(right)
    (call,) = await desk.completed()
    assert call.recording_url
    assert [type(one) for one in desk.reports[-3:]] == [Ended, Recorded, Settled]
    await until(clock, lambda: not list((tmp_path / "data" / "asterisk").iterdir()), 0)
    assert (tmp_path / "data" / "asterisk").stat().st_mode & 0o077 == 0


async def test_sides_that_began_at_different_times_stay_on_one_clock(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, tmp_path: Path
) -> None:
    ari.raw = {f"/ari/recordings/stored/{name}/file": LOUD for name in "ab"}
    begun = [
        event("RecordingStarted", name, f"channel:1795436378.{n}", 1.0 + n)
        for n, name in ((1, "a"), (2, "b"))
    ]
    await watch()
    await ari.tells([*talk(), *begun, *over()])
    await until(clock, lambda: at_desk(desk, "ended", 1))
    await until(clock, lambda: at_desk(desk, "settled", 1), 0)
    (fact,) = recorded(desk)
    left, right = loudness(tmp_path, fact)
    assert (fact.began_at, left.index(True), right.index(True)) == (BEGAN + 2_000, 0, 20)


async def test_what_is_mixed_is_on_both_sides_and_says_so(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, tmp_path: Path
) -> None:
    ari.raw = {"/ari/recordings/stored/calls%2F1/file": LOUD}
    await watch()
    await ari.tells([*talk(), event("RecordingStarted", "calls/1", "bridge:b", 2), *over()])
    await until(clock, lambda: at_desk(desk, "ended", 1))
    await until(clock, has_completed(desk), 0)
    (fact,) = recorded(desk)
    left, right = loudness(tmp_path, fact)
    assert fact.mixed
    assert left == right


@pytest.mark.parametrize("mixed", [True, False])
async def test_what_is_mixed_is_not_transcribed_because_nobody_can_say_who_speaks(
    desk: Desk, clock: ManualClock, mixed: bool
) -> None:
    board = Switchboard(desk.store, clock, WORKSPACE, "FR", str, telephones=TELEPHONES, transcripts=30.0)
    await board.load()
    facts, _ = left_by([*talk(), *over()])
    recorded_ = Recorded(
        source=SOURCE, call=facts[0].call, id="recorded", at=BEGAN, path="x.mp3", seconds=3.0, mixed=mixed
    )
    for fact in [*facts[:-1], recorded_, facts[-1]]:
        await board.report(fact)
    waiting = await desk.store.read(lambda reader: transcripts.count(reader, WORKSPACE))
    assert (waiting, len(await desk.completed())) == ((0, 1) if mixed else (1, 0))


@pytest.mark.parametrize("status", [401, 500, 503])
async def test_a_file_that_cannot_be_had_at_once_is_asked_for_again(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, status: int
) -> None:
    ari.raw = {EXTERNAL: LOUD, USER: QUIET}
    ari.broken = {USER: status}
    await watch()
    await ari.tells(ari_capture("ari-answered"))
    await until(clock, lambda: ari.asked.count(USER) == 2, 0.05)
    assert not recorded(desk)
    ari.broken.clear()
    await until(clock, lambda: ari.asked.count(USER) == 3, 0.05)
    await until(clock, has_completed(desk), 0)
    assert len(recorded(desk)) == 1


async def test_a_file_that_is_not_there_is_none_and_holds_nothing_up_for_long(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, tmp_path: Path
) -> None:
    await watch()
    await ari.tells(ari_capture("ari-answered"))
    await until(clock, has_completed(desk))
    await until(clock, lambda: not list((tmp_path / "data" / "asterisk").iterdir()))
    assert recorded(desk) == []
    (call,) = await desk.completed()
    assert call.recording_url is None


async def test_what_comes_too_late_for_the_end_of_the_call_is_kept_all_the_same(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    ari.raw = {EXTERNAL: LOUD, USER: QUIET}
    ari.broken = {EXTERNAL: 503}
    await watch()
    await ari.tells(ari_capture("ari-answered"))
    await until(clock, lambda: at_desk(desk, "ended", 1))
    ended = clock.monotonic()
    await until(clock, has_completed(desk), 0.5)
    assert clock.monotonic() - ended <= SETTLE + 5
    assert recorded(desk) == []
    ari.broken.clear()
    await until(clock, lambda: len(recorded(desk)) == 1, 0.5)
    assert (await desk.topics()).count("call.completed") == 1


async def test_how_long_a_call_waits_for_its_recording_is_set(
    ari: Ari, desk: Desk, clock: ManualClock, tmp_path: Path
) -> None:
    access = Access("127.0.0.1", await ari.start(), "switchhook", ari.secret)
    kept = Recordings(access, clock, tmp_path / "data", SOURCE, settle=300.0)
    limits = Limits(settle=300.0)
    connector = Connector(
        lambda: AriSession(access, clock), PLAN, clock, desk, recordings=kept, limits=limits
    )
    ari.broken = {EXTERNAL: 503}
    await connector.start()
    await until(clock, is_up(connector))
    await ari.tells(ari_capture("ari-answered"))
    await until(clock, lambda: at_desk(desk, "ended", 1))
    ended = clock.monotonic()
    await until(clock, has_completed(desk), 0.5)
    assert clock.monotonic() - ended >= 290
    ari.drop()
    await connector.stop()


async def test_a_recording_is_fetched_by_the_next_process(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch
) -> None:
    """It ended, and its recording could not be had before this one was gone."""
    ari.broken = {EXTERNAL: 503}
    ari.raw = {EXTERNAL: LOUD, USER: QUIET}
    first = await watch()
    await ari.tells(ari_capture("ari-answered"))
    await until(clock, lambda: at_desk(desk, "ended", 1))
    await first.stop()
    ari.broken.clear()
    await watch()
    await until(clock, has_completed(desk), 0)
    assert [fact.call for fact in recorded(desk)] == [CALL]
    (call,) = await desk.completed()
    assert call.recording_url


@pytest.mark.parametrize("up", [True, False])
async def test_a_recording_that_began_before_this_process_is_fetched_when_the_call_is_over(
    ari: Ari, desk: Desk, clock: ManualClock, watch: Watch, up: bool
) -> None:
    """The call goes on after it, or ended while nobody watched."""
    ari.raw = {EXTERNAL: LOUD, USER: QUIET}
    events = ari_capture("ari-answered")
    last = max(at for at, one in enumerate(events) if one["type"] == "RecordingStarted")
    first = await watch()
    menu = {"type": "ChannelUserevent", "eventname": "SwitchhookMenu", "userevent": {"Key": "1"}}
    await ari.tells([*events[: last + 1], {**menu, "channel": events[0]["channel"]}])
    await until(
        clock, lambda: any(isinstance(fact, Chose) for fact in desk.reports)
    )  # all before it was heard
    await first.stop()
    if up:
        ari.channels = [
            one["channel"]
            for one in events
            if one["type"] == "ChannelEnteredBridge" or (one["type"] == "StasisStart" and "Snoop" in str(one))
        ]
        ari.bridges = [{"id": "b", "bridge_type": "mixing", "channels": [CALL, "1795436317.1"]}]
    await watch()
    if up:
        known = [
            one for one in events[last + 1 :] if one.get("recording", {}).get("name") != f"{CALL}-external"
        ]
        await ari.tells(known)
        await until(clock, lambda: at_desk(desk, "ended", 1))
    await until(clock, has_completed(desk), 0)
    (call,) = await desk.completed()
    assert call.recording_url
    assert call.result == "ANSWERED"
    assert [fact.mixed for fact in recorded(desk)] == [False]


async def test_all_of_it_goes_through_tls_and_a_certificate_of_nobody_is_refused(
    desk: Desk, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ari = Ari()
    ari.raw = {EXTERNAL: LOUD, USER: QUIET}
    access = Access("127.0.0.1", await ari.start(context=context), "switchhook", ari.secret, tls=True)
    kept = Recordings(access, clock, tmp_path / "data", SOURCE)
    connector = Connector(lambda: AriSession(access, clock), PLAN, clock, desk, recordings=kept)
    await connector.start()
    await until(clock, lambda: "certificate verify failed" in connector.state)
    assert ari.asked == []
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    await until(clock, is_up(connector), 0.5)
    await ari.tells(ari_capture("ari-answered"))
    await until(clock, lambda: at_desk(desk, "ended", 1))
    await until(clock, lambda: at_desk(desk, "settled", 1), 0)
    assert len(recorded(desk)) == 1
    ari.drop()
    await connector.stop()
    await ari.stop()


SNOOP = "/ari/channels/1795436378.{}/snoop"
RECORD = "/ari/channels/switchhook-1795436378.{}/record"


@pytest.fixture
async def recorder(ari: Ari, desk: Desk, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Connector]:
    """One that begins recordings itself."""
    access = Access("127.0.0.1", await ari.start_writable(), "switchhook", ari.secret)
    made = Connector(
        lambda: AriSession(access, clock),
        PLAN,
        clock,
        desk,
        recordings=Recordings(access, clock, tmp_path / "data", SOURCE),
        recorder=Recorder(access, clock),
    )
    await made.start()
    await until(clock, is_up(made))
    yield made
    ari.drop()
    await made.stop()


def posted(ari: Ari) -> list[str]:
    return [path for path in ari.asked if "/snoop" in path or "/record?" in path]


@pytest.mark.parametrize("both", [True, False])
async def test_who_talks_is_recorded_on_request_each_side_by_itself(
    ari: Ari, desk: Desk, clock: ManualClock, recorder: Connector, both: bool
) -> None:
    ari.posts = {SNOOP.format(1): [200], RECORD.format(1): [409, 409, 201]}
    ari.posts |= {SNOOP.format(2): [200 if both else 500], RECORD.format(2): [201]}
    await ari.tells(talk()[:3])
    await ari.tells(talk())
    await until(clock, lambda: len(posted(ari)) == (6 if both else 5))
    assert posted(ari)[:2] == [
        SNOOP.format(1) + "?spy=in&app=switchhook&snoopId=switchhook-1795436378.1",
        RECORD.format(1) + "?name=switchhook-1795436378.1&format=wav&ifExists=overwrite",
    ]
    await ari.tells(talk())
    for number in (1, 2) if both else (1,):
        name, spy = f"switchhook-1795436378.{number}", f"Snoop/1795436378.{number}-0000000{number}"
        ari.raw[f"/ari/recordings/stored/{name}/file"] = LOUD
        channel = {**talk()[0]["channel"], "id": name, "name": spy}
        await ari.tells([{"type": "ChannelCreated", "channel": channel}])
        await ari.tells([event("RecordingStarted", name, f"channel:{name}", 2)])
    await ari.tells(over())
    await until(clock, lambda: at_desk(desk, "ended", 1))
    await until(clock, lambda: at_desk(desk, "settled", 1), 0)
    assert [fact.mixed for fact in recorded(desk)] == [False]
    assert len(posted(ari)) == (6 if both else 5)


async def test_who_may_not_record_says_so_and_the_calls_go_on(
    ari: Ari, desk: Desk, clock: ManualClock, recorder: Connector, caplog: pytest.LogCaptureFixture
) -> None:
    ari.posts = {SNOOP.format(1): [403], SNOOP.format(2): [403]}
    await ari.tells(talk())
    await until(clock, lambda: len(posted(ari)) == 2)
    await ari.tells(over())
    await until(clock, has_completed(desk))
    assert "read_only = no" in caplog.text


async def test_a_file_is_taken_to_its_limit_and_no_further(
    ari: Ari, clock: ManualClock, tmp_path: Path
) -> None:
    access = Access("127.0.0.1", await ari.start(), "switchhook", ari.secret)
    ari.raw = {"/ari/x": b"x" * 100_000}
    await fetch(access, clock, "/x", tmp_path / "x", 100_000)
    assert (tmp_path / "x").stat().st_size == 100_000
    with pytest.raises(TooLong):
        await fetch(access, clock, "/x", tmp_path / "x", 99_999)
