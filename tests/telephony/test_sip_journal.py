"""The worker's diary, what is made of it after a crash, and the watch over a worker that hangs."""

import asyncio
import os
import signal
from ipaddress import IPv4Network
from pathlib import Path

import msgspec
import pytest

from switchhook.clock import ManualClock
from switchhook.media.recording import Recorder
from switchhook.media.tones import tone
from switchhook.telephony.sip import LineError, LineState, Reject, SipConfig, SipLine, protocol, supervisor
from switchhook.telephony.sip.gate import program
from switchhook.telephony.sip.journal import Journal, JournalBusy, Recording, read
from switchhook.telephony.sip.recovery import journals, wind_up
from switchhook.workspace.facts import (
    Answered,
    AnyFact,
    Direction,
    EndCause,
    Ended,
    LegKind,
    Offered,
    Recorded,
)
from tests.telephony.sip_world import PATIENCE, free_port, rtp_ports

OFFERED = Offered(
    source="sip",
    call="c",
    id="offered",
    at=1,
    leg="caller",
    direction=Direction.INBOUND,
    from_raw="1",
    to_raw="2",
)
ANSWERED = Answered(
    source="sip", call="c", id="answered:leg1", at=2, leg="leg1", kind=LegKind.USER, target="sip:a@b"
)
ENDED = Ended(source="sip", call="c", id="ended", at=3, cause=EndCause.HANGUP)


def diary(data: Path) -> Path:
    return data / "sip" / "journal" / "1-1.jsonl"


async def test_a_settled_diary_is_thrown_away(tmp_path: Path) -> None:
    journal = Journal(diary(tmp_path))
    for fact in (OFFERED, ENDED):
        journal.acked(journal.fact(fact))
    await journal.close()
    assert not journals(tmp_path)


async def test_a_line_cut_by_a_crash_costs_that_line_only(tmp_path: Path) -> None:
    journal = Journal(diary(tmp_path))
    journal.acked(journal.fact(OFFERED))
    journal.fact(ANSWERED)
    await journal.close()
    with diary(tmp_path).open("ab") as file:
        file.write(b'{"entry":"fact","seq":3,"fa')
    content = read(diary(tmp_path))
    assert list(content.unacknowledged.values()) == [ANSWERED]
    assert content.open["c"].answered


async def test_a_diary_in_use_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(diary(tmp_path))
    journal.fact(OFFERED)
    with pytest.raises(JournalBusy):
        Journal(diary(tmp_path))
    clock, told = ManualClock(), list[AnyFact]()

    async def commit(fact: AnyFact) -> None:
        told.append(fact)

    waiting = asyncio.create_task(wind_up(tmp_path, clock, commit))
    await clock.advance(1.0)
    assert not told
    await journal.close()
    await clock.advance(1.0)
    await waiting
    assert [fact.id for fact in told] == ["offered", "ended"]


@pytest.mark.parametrize("answered", [True, False])
async def test_a_call_left_open_gets_its_recording_and_one_end(tmp_path: Path, answered: bool) -> None:
    journal = Journal(diary(tmp_path))
    journal.acked(journal.fact(OFFERED))
    if answered:
        journal.acked(journal.fact(ANSWERED))
        journal.recording(Recording("c", "recordings/x.part.wav", "recordings/x.mp3", False))
        recorder = Recorder(tmp_path / "recordings" / "x.part.wav")
        recorder.left(tone(440, 2.0), 2.0)
        recorder.close()
    await journal.close()
    told: list[AnyFact] = []

    async def fails_at_the_end(fact: AnyFact) -> None:
        told.append(fact)
        if isinstance(fact, Ended) and len([f for f in told if isinstance(f, Ended)]) == 1:
            raise OSError("the server dies here")

    with pytest.raises(OSError, match="dies here"):
        await wind_up(tmp_path, ManualClock(), fails_at_the_end)
    assert await wind_up(tmp_path, ManualClock(), fails_at_the_end) == {"c"}
    assert not journals(tmp_path)
    ends = [fact for fact in told if isinstance(fact, Ended)]
    assert ends[0] == ends[1], "repeated, it must be the same fact"
    assert ends[0].cause is (EndCause.HANGUP if answered else EndCause.FAILED)
    recorded = [fact for fact in told if isinstance(fact, Recorded)]
    assert [fact.seconds for fact in recorded] == ([2.0] if answered else [])
    assert (tmp_path / "recordings" / "x.mp3").exists() is answered


async def test_who_was_in_a_menu_when_the_worker_died_has_talked_to_nobody(tmp_path: Path) -> None:
    journal = Journal(diary(tmp_path))
    menu = msgspec.structs.replace(ANSWERED, id="answered:menu", leg="menu", kind=LegKind.MENU)
    for fact in (OFFERED, menu):
        journal.acked(journal.fact(fact))
    await journal.close()
    told: list[AnyFact] = []

    async def commit(fact: AnyFact) -> None:
        told.append(fact)

    await wind_up(tmp_path, ManualClock(), commit)
    (ended,) = told
    assert isinstance(ended, Ended)
    assert ended.cause is EndCause.FAILED


def test_the_filter_passes_the_allowed_and_ourselves_and_drops_the_rest() -> None:
    def passes(source: int, port: int = 5060) -> bool:
        accumulator, at = 0, 0
        code = program([IPv4Network("10.0.0.0/8"), IPv4Network("192.0.2.7/32")], ("127.0.0.1", 5099))
        while True:
            operation, yes, no, k = code[at]
            match operation:
                case 0x20:
                    accumulator = source
                case 0x28:
                    accumulator = port
                case 0x54:
                    accumulator &= k
                case 0x15:
                    at += yes if accumulator == k else no
                case _:
                    return k > 0
            at += 1

    assert passes(0x0A010203)
    assert passes(0xC0000207)
    assert not passes(0xC0000208)
    assert passes(0x7F000001, 5099)
    assert not passes(0x7F000001)


@pytest.mark.sip
@pytest.mark.timeout(300)
async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    clock = ManualClock()

    async def on_fact(fact: AnyFact) -> None:
        raise AssertionError(fact)

    async def route(offered: Offered) -> Reject:
        return Reject()

    config = SipConfig(listen=f"127.0.0.1:{free_port()}", rtp_ports=rtp_ports())
    line = SipLine(config, on_fact, route, clock, tmp_path)
    await line.start()
    try:
        pid = line.worker_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE):
            while line.worker_pid in {pid, None} or line.state is not LineState.UP:
                await clock.advance(5.0)
                await asyncio.sleep(0.05)
    finally:
        await line.stop()
    assert not journals(tmp_path)


@pytest.mark.timeout(300)
async def test_an_unforeseen_fault_at_the_start_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> set[str]:
        raise ValueError("a recording that no encoder takes")

    async def on_fact(fact: AnyFact) -> None:
        raise AssertionError(fact)

    async def route(offered: Offered) -> Reject:
        return Reject()

    monkeypatch.setattr(supervisor, "wind_up", broken)
    config = SipConfig(listen=f"127.0.0.1:{free_port()}", rtp_ports=rtp_ports())
    line = SipLine(config, on_fact, route, ManualClock(), tmp_path)
    async with asyncio.timeout(30):
        with pytest.raises(LineError, match="no encoder"):
            await line.start()
    assert line.state is LineState.STOPPED


@pytest.mark.sip
@pytest.mark.timeout(300)
async def test_a_message_that_cannot_be_read_ends_the_worker_and_not_the_line(tmp_path: Path) -> None:
    clock = ManualClock()

    async def on_fact(fact: AnyFact) -> None:
        raise AssertionError(fact)

    async def route(offered: Offered) -> Reject:
        return Reject()

    config = SipConfig(listen=f"127.0.0.1:{free_port()}", rtp_ports=rtp_ports())
    line = SipLine(config, on_fact, route, clock, tmp_path)
    await line.start()
    try:
        pid = line.worker_pid
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(protocol, "_up", msgspec.json.Decoder(int))
            async with asyncio.timeout(PATIENCE):
                while line.worker_pid == pid:
                    await clock.advance(5.0)  # a ping, and the answer to it
                    await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENCE):
            while line.worker_pid in {pid, None} or line.state is not LineState.UP:
                await clock.advance(5.0)
                await asyncio.sleep(0.05)
    finally:
        await line.stop()


async def test_a_full_disk_breaks_no_call_and_what_it_did_not_take_is_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "1-1.jsonl")
    write = os.write
    later = msgspec.structs.replace(OFFERED, id="later")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, line: write(file, line[: len(line) // 2]))
        assert [journal.fact(OFFERED), journal.fact(later)] == [1, 2]  # reported all the same
        assert (
            read(journal.path).unacknowledged == {}
        )  # and no half line is left for the next one to run into
    journal.acked(1)
    assert read(journal.path).unacknowledged == {2: later}
    assert read(journal.path).calls == {OFFERED.call}
    await journal.close()
