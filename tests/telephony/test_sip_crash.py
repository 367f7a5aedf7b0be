"""The server dies in the middle of a call: nothing that happened is lost, and the call has one end."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from switchhook.telephony.sip import LineState, Reject
from switchhook.telephony.sip.recovery import journals
from switchhook.workspace.facts import EndCause, Ended, Recorded
from tests.telephony.conftest import Open
from tests.telephony.sip_world import PATIENCE, Programs, tone_ulaw, tone_wav

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]


async def _recording(data: Path, seconds: float) -> None:
    async with asyncio.timeout(PATIENCE):
        while not any(p.stat().st_size > seconds * 32_000 for p in (data / "recordings").glob("*.part.wav")):
            await asyncio.sleep(0.02)


async def test_what_the_dead_server_did_not_hear_the_next_one_does(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    next_server = server(Reject())
    anna = programs.phone("--answer", "0", "--say", str(tone_wav(tmp_path / "a.wav", 800)))
    victim, port = programs.victim(next_server.data, anna, "ringing")
    caller = programs.calls(port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", 440)))
    # `ringing` is never committed, so that nothing after it is: the caller must not be answered...
    async with asyncio.timeout(PATIENCE):
        while not any(b'"answered:leg1"' in path.read_bytes() for path in journals(next_server.data)):
            await asyncio.sleep(0.02)
    os.kill(victim.pid, signal.SIGKILL)
    # ...and when the server is gone, the worker refuses him, writes down what happened, and ends.
    assert await asyncio.to_thread(caller.wait, PATIENCE) != 0
    await next_server.line.start()
    assert next_server.story[0] == "ringing:leg1"
    assert "answered:leg1" in next_server.story
    assert next_server.story[-1] == "ended=hangup"
    await next_server.line.stop()
    assert not journals(next_server.data)


async def test_a_server_killed_while_two_talk(server: Open, programs: Programs, tmp_path: Path) -> None:
    next_server = server(Reject())
    anna = programs.phone("--answer", "0", "--say", str(tone_wav(tmp_path / "a.wav", 800)))
    victim, port = programs.victim(next_server.data, anna, "leg_ended")
    caller = programs.calls(port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", 440)))
    await _recording(next_server.data, 0.8)
    os.kill(victim.pid, signal.SIGKILL)
    await programs.succeeds(caller)  # he hears an orderly BYE
    await next_server.line.start()
    assert next_server.line.state is LineState.UP
    ends = [fact for fact in next_server.facts if isinstance(fact, Ended)]
    assert [end.cause for end in ends] == [EndCause.HANGUP]
    (recorded,) = [fact for fact in next_server.facts if isinstance(fact, Recorded)]
    assert recorded.seconds >= 0.8
    assert (next_server.data / recorded.path).stat().st_size > 3000
    assert not {"offered", "answered:leg1"} & set(next_server.story), "told although it was acknowledged"
