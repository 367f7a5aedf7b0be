"""Real calls over the real line: SIP and RTP on loopback, sipp and telephones at the ends."""

import array
import asyncio
import os
import random
import signal
import socket
import struct
from pathlib import Path

import pytest

from switchhook.clock import SystemClock
from switchhook.telephony.sip import Dial, LineError, LineState, Mailbox, Reject, Ring, SipLine
from switchhook.workspace.facts import Answered, AnyFact, Direction, EndCause, LegKind, Offered
from tests.telephony.conftest import Open
from tests.telephony.sip_world import (
    OURS,
    PATIENCE,
    Programs,
    Server,
    free_port,
    power,
    rtp_ports,
    tone_ulaw,
    tone_wav,
)

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

CALLER_HZ, OUR_HZ = 440.0, 1250.0


async def keep_part(data: Path, kept: Path) -> None:
    """Hold on to the recording in progress: a second name survives the removal of the first."""
    async with asyncio.timeout(PATIENCE):
        while not (parts := list((data / "recordings").glob("*.part.wav"))):
            await asyncio.sleep(0.02)
    os.link(parts[0], kept)


def tracks(part: Path) -> tuple["array.array[int]", "array.array[int]"]:
    both = array.array("h", part.read_bytes()[44:])
    return both[0::2], both[1::2]


def mp3_seconds(file: Path) -> float:
    """Length of an MP3 of MPEG-2.5 Layer III frames, all of which must be 8 kHz, 32 kbit/s and stereo."""
    data, at, frames = file.read_bytes(), 0, 0
    while at + 4 <= len(data):
        (head,) = struct.unpack_from(">I", data, at)
        assert head >> 21 == 0x7FF, f"no frame at byte {at}"
        assert (head >> 19 & 3, head >> 17 & 3, head >> 12 & 15, head >> 10 & 3) == (0, 1, 4, 2)
        assert head >> 6 & 3 != 3, "mono"
        at += 72 * 32_000 // 8000 + (head >> 9 & 1)
        frames += 1
    return frames * 576 / 8000


async def test_a_call_is_answered_bridged_and_recorded_in_stereo(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    anna = programs.phone("--answer", "0.3", "--say", str(tone_wav(tmp_path / "a.wav", OUR_HZ)))
    s = server(Ring((anna,), 10))
    await s.line.start()
    ulaw = tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ)
    caller = programs.calls(s.port, "caller", "-d", "1500", SPEECH=str(ulaw))
    await keep_part(s.data, tmp_path / "kept.wav")
    await programs.succeeds(caller)
    await s.until("ended")
    assert s.story[:3] == ["offered", "ringing:leg1", "answered:leg1"]
    assert sorted(s.story[3:-2]) == ["leg_ended:caller=hangup", "leg_ended:leg1=hangup"]
    assert s.story[-2:] == ["recorded", "ended=hangup"]
    offered = s.facts[0]
    assert isinstance(offered, Offered)
    assert (offered.direction, offered.from_raw, offered.to_raw) == (Direction.INBOUND, "+33612345678", OURS)
    left, right = tracks(tmp_path / "kept.wav")
    assert len(left) == len(right) == round(s.recorded.seconds * 8000)
    assert power(left, CALLER_HZ) > 20 * power(left, OUR_HZ)
    assert power(right, OUR_HZ) > 20 * power(right, CALLER_HZ)
    assert min(power(left, CALLER_HZ), power(right, OUR_HZ)) > 0.05
    mp3 = s.data / s.recorded.path
    assert abs(mp3_seconds(mp3) - s.recorded.seconds) < 0.3
    assert not list((s.data / "recordings").glob("*.part.wav"))


async def test_our_side_hangs_up(server: Open, programs: Programs, tmp_path: Path) -> None:
    anna = programs.phone("--answer", "0", "--talk", "0.7")
    s = server(Ring((anna,), 10), record=False)
    await s.line.start()
    await programs.succeeds(
        programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    )
    await s.until("ended")
    assert s.story[-1] == "ended=hangup"
    assert "recorded" not in s.story


async def test_all_telephones_ring_and_the_first_wins(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    quick, slow = programs.phone("--answer", "0.3"), programs.phone("--answer", "20")
    s = server(Ring((slow, quick), 10), record=False)
    await s.line.start()
    caller = programs.calls(s.port, "caller", "-d", "300", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    await programs.succeeds(caller)
    await s.until("ended")
    assert {"ringing:leg1", "ringing:leg2", "answered:leg2", "leg_ended:leg1=answered_elsewhere"} <= set(
        s.story
    )


async def test_many_calls_at_once_are_kept_apart(server: Open, programs: Programs, tmp_path: Path) -> None:
    s = server(Ring((programs.phone("--answer", "0.2"),), 10), rtp_ports=rtp_ports(200))
    await s.line.start()
    ulaw = str(tone_ulaw(tmp_path / "c", 440))
    callers = [programs.calls(s.port, "caller", "-d", "800", SPEECH=ulaw) for _ in range(6)]
    for caller in callers:
        await programs.succeeds(caller)
    await s.until("ended", len(callers))
    stories: dict[str, list[str]] = {}
    for fact in s.facts:
        stories.setdefault(fact.call, []).append(fact.id)
    assert len(stories) == len(callers)
    for story in stories.values():
        assert (story[0], story[-1], len(story)) == ("offered", "ended", 7)


async def test_the_caller_gives_up(server: Open, programs: Programs) -> None:
    s = server(Ring((programs.phone("--ring-only"),), 10, Mailbox()))
    await s.line.start()
    await programs.succeeds(programs.calls(s.port, "caller_cancels", "-d", "300"))
    await s.until("ended")
    assert s.story[-1] == "ended=cancelled"
    assert {"leg_ended:caller=cancelled", "leg_ended:leg1=cancelled"} <= set(s.story)


@pytest.mark.parametrize(
    ("status", "cause", "told"),
    [
        ("486", "busy", "486"),
        ("603", "declined", "603"),
        ("480", "no_answer", "480"),
        ("404", "unreachable", "480"),  # the caller's number is right; it is the telephone that is not there
    ],
)
async def test_a_refusal_is_told_apart(
    server: Open, programs: Programs, status: str, cause: str, told: str
) -> None:
    s = server(Ring((programs.answers("phone_refuses", STATUS=status),), 10, Reject()))
    await s.line.start()
    await programs.succeeds(programs.calls(s.port, "caller_refused", STATUS=told))
    await s.until("ended")
    assert {f"leg_ended:leg1={cause}", f"leg_ended:caller={cause}"} <= set(s.story)
    assert s.story[-1] == f"ended={cause}"


async def test_a_telephone_that_is_off_is_unreachable_at_once(server: Open, programs: Programs) -> None:
    s = server(Ring((f"sip:anna@127.0.0.1:{free_port()}",), 30, Reject()))
    await s.line.start()
    await programs.succeeds(programs.calls(s.port, "caller_refused", STATUS="480"))
    await s.until("ended")
    assert s.story[-1] == "ended=unreachable"


async def test_nobody_answers_and_the_mailbox_takes_the_message(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    greeting = tone_wav(tmp_path / "greeting.wav", 800, 0.5)
    box = Mailbox(greeting=str(greeting), seconds=1.0)
    s = server(Ring((programs.phone("--ring-only"),), 0.5, box))
    await s.line.start()
    caller = programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ)))
    await keep_part(s.data, tmp_path / "kept.wav")
    await programs.succeeds(caller)
    await s.until("ended")
    assert {"answered:mailbox", "leg_ended:leg1=no_answer", "leg_ended:mailbox=hangup"} <= set(s.story)
    assert s.recorded.voicemail
    left, right = tracks(tmp_path / "kept.wav")
    assert power(left, CALLER_HZ) > 0.05
    assert not any(right)


async def test_a_user_calls_out_over_the_trunk(server: Open, programs: Programs, tmp_path: Path) -> None:
    trunk = programs.answers("trunk", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ)))
    port = free_port()
    anna = f"sip:anna@127.0.0.1:{port}"
    s = server(Dial((f"sip:+33699@127.0.0.1:{free_port()}", trunk), 10, OURS), users=(anna,))
    await s.line.start()
    speech = str(tone_wav(tmp_path / "a.wav", OUR_HZ))
    dial = f"sip:+33699@127.0.0.1:{s.port}"
    programs.phone("--user", "anna", "--dial", dial, "--say", speech, "--talk", "1", port=port)
    await keep_part(s.data, tmp_path / "kept.wav")
    await s.until("ended")
    offered, answered = s.facts[0], next(f for f in s.facts if isinstance(f, Answered))
    assert isinstance(offered, Offered)
    assert (offered.direction, offered.user_ref, offered.to_raw) == (Direction.OUTBOUND, anna, "+33699")
    assert (answered.leg, answered.kind, answered.target) == ("leg2", LegKind.OUTSIDE, trunk)
    assert "leg_ended:leg1=unreachable" in s.story
    left, right = tracks(tmp_path / "kept.wav")
    assert power(left, CALLER_HZ) > 20 * power(left, OUR_HZ)
    assert power(right, OUR_HZ) > 20 * power(right, CALLER_HZ)


@pytest.mark.parametrize(("cause", "status"), [(EndCause.BLOCKED, 403), (EndCause.UNREACHABLE, 404)])
async def test_blocked_callers_and_unknown_numbers_are_refused_without_a_ring(
    server: Open, cause: EndCause, status: int
) -> None:
    s = server(Reject(cause))
    await s.line.start()
    caller = Raw(s.port)
    try:
        caller.invite()
        await caller.until(status)
        await s.until("ended")
        assert caller.statuses() == {100, status}
    finally:
        caller.close()
    assert s.story == ["offered", f"leg_ended:caller={cause}", f"ended={cause}"]


async def test_no_final_answer_before_the_commit(server: Open, programs: Programs, tmp_path: Path) -> None:
    s = server(Ring((programs.phone("--answer", "0"),), 10), record=False)
    opened, seen = asyncio.Event(), asyncio.Event()

    async def hold(fact: AnyFact) -> None:
        if isinstance(fact, Answered):
            seen.set()
            await opened.wait()

    s.before_commit = hold
    await s.line.start()
    caller = Raw(s.port)
    try:
        caller.invite()
        await asyncio.wait_for(seen.wait(), PATIENCE)
        await asyncio.sleep(0.3)  # long enough for an answer that must not be there
        assert caller.statuses() <= {100, 180}
        opened.set()
        await caller.until(200)
    finally:
        caller.close()


async def test_a_store_that_hangs_does_not_hold_up_the_stop(server: Open, programs: Programs) -> None:
    s = server(Ring((programs.phone("--answer", "0"),), 10))
    held = asyncio.Event()

    async def hang(fact: AnyFact) -> None:
        if isinstance(fact, Answered):
            held.set()
            await asyncio.Event().wait()

    s.before_commit = hang
    await s.line.start()
    programs.calls(s.port, "caller_refused", STATUS="503")
    await asyncio.wait_for(held.wait(), PATIENCE)
    await asyncio.wait_for(s.line.stop(), PATIENCE)
    later = server(Reject())
    later.line = SipLine(later.config, later._on_fact, later._route, SystemClock(), s.data)
    await later.line.start()
    assert later.story[0] == "answered:leg1"
    assert later.story[-1].startswith("ended=")


class Raw:
    """A caller without a stack: sends what it likes, sees every answer."""

    def __init__(self, line: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._line = ("127.0.0.1", line)
        self.port = self._socket.getsockname()[1]
        self.answers: list[str] = []

    def send(self, data: bytes) -> None:
        self._socket.sendto(data, self._line)

    def request(self, method: str, body: str = "") -> bytes:
        lines = [
            f"{method} sip:{OURS}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-one",
            f"From: <sip:+33612345678@127.0.0.1>;tag=t{self.port}",
            f"To: <sip:{OURS}@127.0.0.1>",
            f"Call-ID: raw-{self.port}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:+33612345678@127.0.0.1:{self.port}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def invite(self) -> None:
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        )
        self.send(self.request("INVITE", sdp))

    def statuses(self) -> set[int]:
        while True:
            try:
                self.answers.append(self._socket.recv(65535).decode(errors="replace"))
            except BlockingIOError:
                return {int(a.split()[1]) for a in self.answers if a.startswith("SIP/2.0 ")}

    async def until(self, status: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while status not in self.statuses():
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._socket.close()


async def test_an_invite_sent_again_is_the_same_call(server: Open, programs: Programs) -> None:
    s = server(Ring((programs.phone("--ring-only"),), 10))
    await s.line.start()
    caller = Raw(s.port)
    try:
        caller.invite()
        await s.until("ringing:leg1")
        caller.invite()
        caller.invite()
        await asyncio.sleep(0.3)
        caller.send(caller.request("CANCEL"))
        await s.until("ended")
        await caller.until(487)
        caller.send(caller.request("ACK"))
    finally:
        caller.close()
    assert [f.id for f in s.facts if isinstance(f, Offered)] == ["offered"]
    assert len({a.partition("\nTo:")[2].partition("\r")[0] for a in caller.answers if " 180 " in a}) == 1


async def test_garbage_harms_nobody(server: Open, programs: Programs) -> None:
    s = server(Ring((programs.phone("--ring-only"),), 10))
    await s.line.start()
    pid = s.line.worker_pid
    caller = Raw(s.port)
    good = caller.request("INVITE", "v=0\r\n")
    try:
        for junk in (
            b"\0" * 1500,
            b"\r\n\r\n",
            random.Random(5).randbytes(1200),
            b"INVITE",
            b"INVITE sip:x SIP/2.0\r\n\r\n",
            good[:120],
            good.replace(b"Content-Length: 5", b"Content-Length: 99999999"),
            good.replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999999999999 INVITE"),
            good.replace(b"<sip:+33612345678@127.0.0.1>", b'"' + b"\xff" * 3000),
            good.replace(b"SIP/2.0/UDP", b"SIP/9.9/???"),
            b"SIP/2.0 200 OK\r\n" + good.partition(b"\r\n")[2],
        ):
            caller.send(junk)
    finally:
        caller.close()
    seen = len(s.facts)
    await programs.succeeds(programs.calls(s.port, "caller_cancels", "-d", "100"))
    await s.until("ended")
    assert s.line.worker_pid == pid
    assert s.line.state is LineState.UP
    assert len([f for f in s.facts[seen:] if isinstance(f, Offered)]) >= 1


async def test_who_is_not_allowed_is_not_even_heard(server: Open) -> None:
    s = server(Ring(("sip:anna@127.0.0.1:9",), 10), allow=("192.0.2.0/24",))
    await s.line.start()
    caller = Raw(s.port)
    try:
        caller.invite()
        await asyncio.sleep(0.5)
        assert not caller.statuses()
    finally:
        caller.close()
    assert not s.facts


async def test_a_port_that_is_taken_is_said_at_start(server: Open) -> None:
    first = server(Reject())
    await first.line.start()
    second = server(Reject(), listen=first.config.listen)
    with pytest.raises(LineError, match="cannot open the SIP line"):
        await second.line.start()
    assert second.line.state is LineState.STOPPED


async def test_a_killed_worker_comes_back_and_its_call_has_one_end(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    anna = programs.phone("--answer", "0", "--say", str(tone_wav(tmp_path / "a.wav", OUR_HZ)))
    s = server(Ring((anna,), 10))
    await s.line.start()
    speech = str(tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ))
    programs.calls(s.port, "caller_waits", SPEECH=speech)
    await talking(s)
    pid = s.line.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await s.until("ended")
    assert s.story[-2:] == ["recorded", "ended=hangup"]
    assert s.recorded.seconds > 0.3
    assert abs(mp3_seconds(s.data / s.recorded.path) - s.recorded.seconds) < 0.3
    async with asyncio.timeout(PATIENCE):
        while s.line.state is not LineState.UP:
            await asyncio.sleep(0.05)
    assert s.line.worker_pid not in {None, pid}
    caller = Raw(s.port)  # and the line serves the next call
    try:
        caller.invite()
        await s.until("answered:leg1", 2)
    finally:
        caller.close()
    assert len([f for f in s.facts if f.id == "ended"]) == 1


async def talking(s: Server, seconds: float = 1.0) -> None:
    """Return when that much of the call has been recorded."""
    async with asyncio.timeout(PATIENCE):
        while not any(
            part.stat().st_size > seconds * 32_000 for part in (s.data / "recordings").glob("*.part.wav")
        ):
            await asyncio.sleep(0.02)
