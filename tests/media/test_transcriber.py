"""The transcriber as it is: its process, the model of this machine, real speech on both sides of a real MP3."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import wave
from array import array
from collections.abc import AsyncIterator
from difflib import SequenceMatcher
from pathlib import Path

import lameenc
import pytest

from switchhook.clock import ManualClock, SystemClock
from switchhook.events.payloads import Speaker
from switchhook.media.tones import sound
from switchhook.media.transcription import attendant as watched
from switchhook.media.transcription import protocol as p
from switchhook.media.transcription.attendant import Attendant, CannotStart, Gone
from switchhook.media.transcription.http import Place
from switchhook.media.transcription.sound import PIECE, SoundError, channels, pieces, quietest
from switchhook.media.transcription.speech import RATE
from tests.media.model_peer import ModelPeer

CALLER = "Hello, this is Marie Dupont. I have a question about my last invoice. Could you please check it?"
AGENT = "Good afternoon. This is support. Of course, let me pull up your account. One moment, please."
WHISPER = p.Configure(p.Local("", 1), True, None, "", (), (), "")


@pytest.fixture(autouse=True)
def _installed() -> None:
    if importlib.util.find_spec("faster_whisper") is None:
        message = "FASTER-WHISPER IS MISSING: nothing was transcribed. pip install 'switchhook[transcripts]'"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message)
        pytest.skip(message)


def read(name: str) -> "array[int]":
    with wave.open(str(sound(name))) as file:
        samples = array("h")
        samples.frombytes(file.readframes(file.getnframes()))
        return samples


def quiet(seconds: float) -> "array[int]":
    return array("h", bytes(2 * round(8_000 * seconds)))


def hum(seconds: int) -> "array[int]":
    return array("h", ([3_000] * 10 + [-3_000] * 10) * 400 * seconds)


def mp3(path: Path, *sides: "array[int]") -> Path:
    """An MP3 as the recorder makes it."""
    length = max(len(side) for side in sides)
    both = array("h", bytes(2 * len(sides) * length))
    for number, side in enumerate(sides):
        both[number : len(sides) * len(side) : len(sides)] = side
    encoder = lameenc.Encoder()
    encoder.set_channels(len(sides))
    encoder.set_in_sample_rate(8_000)
    encoder.set_out_sample_rate(8_000)
    encoder.set_bit_rate(32)
    encoder.set_quality(5)
    encoder.silence()
    path.write_bytes(bytes(encoder.encode(both.tobytes()) + encoder.flush()))
    return path


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The caller speaks from second 3 on, our side from second 9 on."""
    folder = tmp_path_factory.mktemp("talk")
    caller, agent = read("demo_caller.wav"), read("demo_agent.wav")
    return mp3(folder / "talk.mp3", quiet(3) + caller, quiet(9) + agent)


@pytest.fixture
async def attendant() -> AsyncIterator[Attendant]:
    made = Attendant(WHISPER, SystemClock(), 600)
    yield made
    await made.close()


def words(text: str) -> list[str]:
    return "".join(c for c in text.lower() if c.isalpha() or c == " ").split()


def said(done: p.Done | p.Failed, side: Speaker) -> list[str]:
    assert isinstance(done, p.Done)
    return words(" ".join(line.text for line in done.lines if line.source is side))


def alike(heard: list[str], script: str) -> bool:
    """Whether most of it was heard, in its order. Which word a small model mishears differs from machine to machine."""
    return SequenceMatcher(None, heard, words(script), autojunk=False).ratio() > 0.6


async def test_each_side_says_what_it_said_when_it_said_it(attendant: Attendant, talk: Path) -> None:
    heard: list[float] = []
    attendant._told = heard.append
    done = await attendant.transcribe(p.Order("rec_1", str(talk), 15))
    assert isinstance(done, p.Done)
    assert alike(said(done, Speaker.EXTERNAL), CALLER), done.lines
    assert alike(said(done, Speaker.USER), AGENT), done.lines
    starts = {side: next(line.start for line in done.lines if line.source is side) for side in Speaker}
    assert starts[Speaker.EXTERNAL] == pytest.approx(3.06, abs=1.5)
    assert starts[Speaker.USER] == pytest.approx(9.1, abs=1.5)
    assert done.language == "en"
    assert done.summary_engine == "extractive"
    assert done.summary
    assert set(words(done.summary)) <= {word for side in Speaker for word in said(done, side)}
    assert heard
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(14.6, abs=0.5)
    # The same process takes the next one, niced, and without the codecs that are not for us.
    pid = attendant.pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 15)
    assert not [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/av.libs/" in line]
    broken = talk.with_name("broken.mp3")
    broken.write_bytes(b"no sound at all")
    failed = await attendant.transcribe(p.Order("rec_2", str(broken), 1))
    assert isinstance(failed, p.Failed)
    assert not failed.ever
    gone = await attendant.transcribe(p.Order("rec_3", str(talk.with_name("gone.mp3")), 1))
    assert isinstance(gone, p.Failed)
    assert not gone.ever
    assert "No such file" in gone.why
    # A message is of the outside party alone, also with one channel; a talk with one channel has no sides.
    mono = mp3(talk.with_name("mono.mp3"), quiet(0.5) + read("demo_agent.wav"))
    message = await attendant.transcribe(p.Order("rec_4", str(mono), 6, voicemail=True))
    assert alike(said(message, Speaker.EXTERNAL), AGENT), message
    assert said(message, Speaker.USER) == []
    mixed = await attendant.transcribe(p.Order("rec_5", str(mono), 6))
    assert isinstance(mixed, p.Failed)
    assert not mixed.ever
    assert "one channel" in mixed.why
    assert attendant.pid == pid


async def started(attendant: Attendant) -> int:
    for _ in range(3_000):
        if attendant.pid is not None:
            return attendant.pid
        await asyncio.sleep(0.01)
    pytest.fail("it was not started")


async def test_killed_in_the_middle_it_is_gone_and_the_next_order_starts_another(
    attendant: Attendant, talk: Path, tmp_path: Path
) -> None:
    work = asyncio.create_task(attendant.transcribe(p.Order("rec_1", str(talk), 15)))
    pid = await started(attendant)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises((Gone, CannotStart)):
        await work
    silent = mp3(tmp_path / "silent.mp3", quiet(2), quiet(2))
    done = await attendant.transcribe(p.Order("rec_2", str(silent), 2))
    assert isinstance(done, p.Done)
    assert (done.lines, done.language, done.summary, done.summary_engine) == ((), None, "", None)
    assert attendant.pid not in (None, pid)


async def test_when_its_server_is_gone_it_ends_in_the_middle(
    attendant: Attendant, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "GRACE", 30.0)  # nobody ends it but itself
    processes: list[subprocess.Popen[bytes]] = []

    def first_side_done(_: float) -> None:
        assert attendant._process is not None
        assert attendant._writer is not None
        processes.append(attendant._process)
        attendant._writer.transport.abort()

    attendant._told = first_side_done
    with pytest.raises(Gone):
        await attendant.transcribe(p.Order("rec_1", str(talk), 15))
    assert await asyncio.to_thread(processes[0].wait, 30) == 0


async def test_without_work_its_memory_is_given_back(tmp_path: Path) -> None:
    peer = ModelPeer()
    await peer.start()
    clock = ManualClock()
    place = Place(peer.url, "sesame", "m", 30)
    settings = p.Configure(p.Remote(place), False, None, "", (), ("127.0.0.0/8",), "")
    attendant = Attendant(settings, clock, 60)
    loud = hum(4)
    path = mp3(tmp_path / "loud.mp3", loud, quiet(2))
    try:
        done = await attendant.transcribe(p.Order("rec_1", str(path), 2))
        assert [(line.source, line.text) for line in done.lines] == [  # type: ignore[union-attr]
            (Speaker.EXTERNAL, "Hello there."),
            (Speaker.EXTERNAL, "My bill."),
        ]
        assert len(peer.forms) == 1  # the silent side is nobody's
        pid = attendant.pid
        assert pid is not None
        await clock.advance(59)
        assert attendant.pid == pid
        await clock.advance(1)
        assert [attendant.pid] == [None]
        assert isinstance(await attendant.transcribe(p.Order("rec_2", str(path), 2)), p.Done)
        peer.speech = lambda _: (503, b"")
        failed = await attendant.transcribe(p.Order("rec_3", str(path), 2))
        assert failed == p.Failed("rec_3", "127.0.0.1 answered 503", ever=True)
    finally:
        await attendant.close()
        await peer.stop()


async def test_a_model_that_is_not_there_is_told_with_the_reason(tmp_path: Path) -> None:
    settings = p.Configure(p.Local(str(tmp_path), 1), True, None, "", (), (), "")
    attendant = Attendant(settings, SystemClock(), 60)
    with pytest.raises(CannotStart, match=r"has no model\.bin"):
        await attendant.transcribe(p.Order("rec_1", "x", 1))
    assert attendant.pid is None


def test_a_long_recording_comes_in_pieces_that_lose_nothing(tmp_path: Path) -> None:
    minutes = 6
    left = hum(60 * minutes)
    gap = 8_000 * 290
    left[gap : gap + 8_000] = quiet(1)
    path = mp3(tmp_path / "long.mp3", left, quiet(60 * minutes))
    assert channels(path) == 2
    first, second = pieces(path)
    assert first.seconds < PIECE
    assert 290 < second.start == first.seconds < 291  # where it is quiet
    assert first.seconds + second.seconds == pytest.approx(60 * minutes, abs=0.3)
    assert max(map(abs, first.right)) < 200


def test_where_a_piece_is_cut() -> None:
    loud = array("h", [1_000] * (30 * RATE))
    loud[25 * RATE : 26 * RATE] = array("h", bytes(2 * RATE))
    assert 25 * RATE <= quietest(loud, loud) <= 26 * RATE
    assert quietest(array("h", [5]), array("h", [5])) <= 1


def test_what_holds_no_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(b"x" * 100)
    with pytest.raises(SoundError, match=r"x\.mp3 cannot be read"):
        list(pieces(path))
    with pytest.raises(FileNotFoundError):
        channels(tmp_path / "y.mp3")
