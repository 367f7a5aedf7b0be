"""A SIP stack of other people at both ends: a caller and a telephone of aiosipua and aiortp."""

import asyncio
import math
from array import array
from typing import Any

import pytest
from aiosipua import SipUAC, SipUAS, build_sdp
from aiosipua.rtp_bridge import CallSession
from aiosipua.transport import UdpSipTransport

from switchhook.telephony.sip import Ring
from tests.telephony.conftest import Open
from tests.telephony.sip_world import OURS, PATIENCE, free_port, power, rtp_ports

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]


class Foreigner:
    """One user agent: rings, answers or calls; says a tone, and listens."""

    def __init__(self, hertz: float) -> None:
        self.port = free_port()
        self.media = int(rtp_ports().partition("-")[0])
        self.transport = UdpSipTransport(local_addr=("127.0.0.1", self.port))
        self.uac = SipUAC(self.transport)
        self.uas = SipUAS(self.transport, uac=self.uac)
        self.over = asyncio.Event()
        self.uas.on_invite = self._on_invite
        self.uas.on_reinvite = lambda call: call.accept(self.session.sdp_answer)
        self.uas.on_bye = lambda call, request: self.over.set()
        self.heard = array("h")
        self.session: Any = None
        self._hertz = hertz
        self._tasks: list[asyncio.Task[None]] = []

    def _on_invite(self, call: Any) -> None:
        self._tasks.append(asyncio.create_task(self._answer(call)))

    async def _answer(self, call: Any) -> None:
        self.session = CallSession("127.0.0.1", self.media, call.sdp_offer, supported_codecs=[0])
        call.ringing()
        await asyncio.sleep(0.2)
        call.accept(self.session.sdp_answer)
        await self.talk()

    async def call(self, line: int) -> Any:
        sdp = build_sdp("127.0.0.1", self.media, 0, "PCMU")
        here = f"sip:+33612345678@127.0.0.1:{self.port}"
        call = self.uac.send_invite(here, f"sip:{OURS}@127.0.0.1:{line}", ("127.0.0.1", line), sdp_offer=sdp)
        await call.wait_answered(PATIENCE)
        assert call.sdp_answer is not None
        self.session = CallSession("127.0.0.1", self.media, call.sdp_answer, supported_codecs=[0])
        self._tasks.append(asyncio.create_task(self.talk()))
        return call

    async def talk(self) -> None:
        self.session.on_audio = lambda pcm, timestamp: self.heard.frombytes(pcm)
        await self.session.start()
        for frame in range(1000):
            first = frame * 160
            tone = (
                round(8000 * math.sin(math.tau * self._hertz * i / 8000)) for i in range(first, first + 160)
            )
            self.session.send_audio_pcm(array("h", tone).tobytes(), first)
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.session is not None:
            await self.session.close()
        await self.uas.stop()


async def test_two_foreigners_hear_each_other(server: Open) -> None:
    caller, anna = Foreigner(440), Foreigner(1250)
    s = server(Ring((f"sip:anna@127.0.0.1:{anna.port}",), 10))
    await s.line.start()
    try:
        await caller.uas.start()
        await anna.uas.start()
        call = await caller.call(s.port)
        async with asyncio.timeout(PATIENCE):
            while min(len(caller.heard), len(anna.heard)) < 12_000:
                await asyncio.sleep(0.05)
        call.hangup(caller.uac)
        await asyncio.wait_for(anna.over.wait(), PATIENCE)
        await s.until("ended")
    finally:
        await caller.close()
        await anna.close()
    assert s.story[-2:] == ["recorded", "ended=hangup"]
    late = slice(4000, 12_000)  # after both have begun
    assert power(caller.heard[late], 1250) > 10 * power(caller.heard[late], 440)
    assert power(anna.heard[late], 440) > 10 * power(anna.heard[late], 1250)
    assert power(caller.heard[late], 1250) > 0.05
