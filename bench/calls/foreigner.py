"""A caller who is a SIP and RTP stack of other people: aiosipua and aiortp."""

import asyncio
import time
from array import array
from pathlib import Path
from typing import Any

from aiosipua import SipUAC, SipUAS, build_sdp
from aiosipua.rtp_bridge import CallSession
from aiosipua.transport import UdpSipTransport

from bench.calls.world import free_port
from switchhook.media.tones import read_wav

FRAME = 160  # samples of 20 ms


async def foreign_call(  # noqa: PLR0917 - what a call is
    line: int, number: str, here: str, say: Path, seconds: float, rtp: int
) -> float:
    """Call a number, say what a file says, hang up so long after; when it began to be said (wall seconds)."""
    port = free_port()
    transport = UdpSipTransport(local_addr=("127.0.0.1", port))
    uac = SipUAC(transport)
    uas = SipUAS(transport, uac=uac)
    session: Any = None
    uas.on_reinvite = lambda call: call.accept(session.sdp_answer)
    await uas.start()
    try:
        offer = build_sdp("127.0.0.1", rtp, 0, "PCMU")
        address = f"sip:{here}@127.0.0.1:{port}"
        call = uac.send_invite(
            address, f"sip:{number}@127.0.0.1:{line}", ("127.0.0.1", line), sdp_offer=offer
        )
        await call.wait_answered(30)
        assert call.sdp_answer is not None
        session = CallSession("127.0.0.1", rtp, call.sdp_answer, supported_codecs=[0])
        await session.start()
        samples = array("h", read_wav(say))
        loop = asyncio.get_running_loop()
        said, began = time.time(), loop.time()
        for frame in range(int(seconds * 50)):
            piece = samples[frame * FRAME : (frame + 1) * FRAME]
            piece.extend([0] * (FRAME - len(piece)))
            session.send_audio_pcm(piece.tobytes(), frame * FRAME)
            await asyncio.sleep(max(0.0, began + (frame + 1) * 0.02 - loop.time()))
        call.hangup(uac)
        await asyncio.sleep(0.3)
        return said
    finally:
        if session is not None:
            await session.close()
        await uas.stop()
