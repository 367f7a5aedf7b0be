"""A network that reorders, doubles and loses: what a caller says over it, as it was recorded."""

import asyncio
import itertools
import random
import socket
from array import array
from pathlib import Path

import pytest
from aiosipua import SipUAC, SipUAS, build_sdp
from aiosipua.transport import UdpSipTransport

from switchhook.media.joined import _ULAW_TABLE as HEARD
from switchhook.telephony.sip import Ring
from tests.telephony.conftest import Open
from tests.telephony.sip_world import OURS, PATIENCE, Programs, Server, free_port, rtp_ports, tone_wav
from tests.telephony.test_sip_line import keep_part, tracks

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

FRAMES = 300
FRAME = 160
CODES = [code for code in range(256) if abs(HEARD[code]) > 1000]  # one for each frame, over and over


def rtp(number: int) -> bytes:
    head = b"\x80\x00" + (65_500 + number & 0xFFFF).to_bytes(2) + (number * FRAME).to_bytes(4) + b"here"
    return head + bytes([CODES[number % len(CODES)]]) * FRAME


def judged(left: "array[int]", expected: list[int]) -> tuple[float, float]:
    """What was recorded of the frames that arrived is in order, each once; how many of them are whole, as a share, and
    how many frames longer or shorter all of it is than it was said.

    A machine that stands still for longer than a packet waits adds losses of its own, but never exchanges anything.
    """
    found = [(code, len(list(run))) for code, run in itertools.groupby(left) if abs(code) > 1000]
    count, whole = len(expected), []
    for code, length in found:
        while expected and HEARD[CODES[expected[0] % len(CODES)]] != code:
            expected.pop(0)
        assert expected, "a frame was heard out of order, or twice"
        whole.append((expected.pop(0), length == FRAME))
    began_at, ended_at = left.index(found[0][0]), len(left) - left[::-1].index(found[-1][0])
    frames = whole[-1][0] - whole[0][0] + 1
    return sum(all_of_it for _, all_of_it in whole) / count, abs(ended_at - began_at) / FRAME - frames


async def recorded(s: Server, sent: list[int], kept: Path, count: int) -> "array[int]":
    """The `count`th call, in which these frames are said; what was recorded of them, which stays in `kept`."""
    media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    media.bind(("127.0.0.1", int(rtp_ports().partition("-")[0])))
    offer = build_sdp("127.0.0.1", media.getsockname()[1], 0, "PCMU")
    port = free_port()
    uac = SipUAC(UdpSipTransport(local_addr=("127.0.0.1", port)))
    uas = SipUAS(uac.transport, uac=uac)
    uas.on_reinvite = lambda call: call.accept(offer)
    await uas.start()
    try:
        call = uac.send_invite(
            f"sip:+33612345678@127.0.0.1:{port}",
            f"sip:{OURS}@127.0.0.1:{s.port}",
            ("127.0.0.1", s.port),
            sdp_offer=offer,
        )
        await call.wait_answered(PATIENCE)
        assert call.sdp_answer is not None
        where = call.sdp_answer.rtp_address
        assert where is not None
        first, _, last = s.config.rtp_ports.partition("-")
        assert int(first) <= where[1] <= int(last)
        await keep_part(s.data, kept)
        loop = asyncio.get_running_loop()
        began = loop.time() + 0.5  # the stack renegotiates shortly after its answer
        await asyncio.sleep(0.5)
        at = 0
        for n in sent:
            at = max(at, n)  # what was overtaken goes out behind what overtook it
            await asyncio.sleep(max(0.0, began + at * 0.02 - loop.time()))
            media.sendto(rtp(n), where)
        await asyncio.sleep(0.2)
        call.hangup(uac)
        await s.until("ended", count)
    finally:
        await uas.stop()
        media.close()
    left, right = tracks(kept)
    assert len(left) == len(right)
    return left


async def test_what_is_recorded_is_in_order_whole_and_on_the_clock(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    dice = random.Random(4)
    lost = {n for n in range(20, FRAMES - 20) if dice.random() < 0.02}
    assert lost
    slots = sorted((n + dice.choice([0, 0, 0, 1.5, 2.5]), n) for n in range(FRAMES) if n not in lost)
    sent = [n for _, n in slots for _ in range(2 if dice.random() < 0.1 else 1)]
    assert sent != sorted(sent)
    phone = programs.phone("--answer", "0.1", "--say", str(tone_wav(tmp_path / "a.wav", 1250)))
    s = server(Ring((phone,), 10))
    await s.line.start()
    for attempt in range(
        1, 5
    ):  # the whole of it is asked of a moment in which the machine does not stand still
        left = await recorded(s, sent, tmp_path / f"kept{attempt}.wav", attempt)
        share, longer = judged(left, [n for n in range(FRAMES) if n not in lost])
        if share > 0.9 and abs(longer) <= 25:
            return
    pytest.fail(f"{share:.0%} of the frames are whole, and all of it is {longer:.1f} frames longer")
