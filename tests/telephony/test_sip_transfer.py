"""Real calls that are passed on, held and joined: SIP and RTP on loopback, telephones at the ends."""

import asyncio
import json
from pathlib import Path

import pytest

from switchhook.telephony.sip import Ring
from switchhook.telephony.sip.plan import Passing, Reject
from switchhook.workspace.facts import EndCause, LegKind, Offered, TransferAsked, Transferred
from tests.telephony.conftest import Open
from tests.telephony.sip_world import OURS, PATIENCE, Programs, Server, free_port, power, tone_ulaw, tone_wav
from tests.telephony.test_sip_line import keep_part, tracks

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

CALLER_HZ, ANNA_HZ, BEN_HZ = 440.0, 1250.0, 2100.0


def events(programs: Programs, user: str) -> list[str]:
    """What the telephones of a user have said so far."""
    said = []
    for log in sorted(programs.directory.glob("program*.log")):
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                told = json.loads(line)
                said += [told["event"]] if told["phone"] == user else []
    return said


async def told(programs: Programs, user: str, event: str) -> None:
    """Return once the telephone of that user has said so."""
    async with asyncio.timeout(PATIENCE):
        while event not in events(programs, user):
            await asyncio.sleep(0.05)


async def hear_on(s: Server, seconds: float) -> slice:
    """Return when that much more has been recorded; then the call is ended. What is returned is the last second of it:

    the one side is recorded for a moment longer than the other when both are hung up on.
    """
    (part,) = (s.data / "recordings").glob("*.part.wav")
    enough = part.stat().st_size + seconds * 32_000
    async with asyncio.timeout(PATIENCE):
        while part.stat().st_size < enough:
            await asyncio.sleep(0.02)
    end = (part.stat().st_size - 44) // 4
    s.line.hang_up(s.facts[0].call)
    await s.until("ended")
    return slice(end - 8000, end)


async def test_a_user_passes_a_call_on_to_a_colleague(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    ben = programs.phone("--user", "ben", "--answer", "0.2", "--say", str(tone_wav(tmp_path / "b", BEN_HZ)))
    port = free_port()
    anna = f"sip:anna@127.0.0.1:{port}"
    s = server(Ring((anna,), 10), users=(anna,), transfer=Passing((ben,), LegKind.USER))
    await s.line.start()
    speech = str(tone_wav(tmp_path / "a", ANNA_HZ))
    refer = f"sip:102@127.0.0.1:{s.port}"
    programs.phone("--answer", "0", "--say", speech, "--then", "0.5", "--refer", refer, port=port)
    ulaw = str(tone_ulaw(tmp_path / "c", CALLER_HZ))
    programs.calls(s.port, "caller_waits", SPEECH=ulaw)
    await keep_part(s.data, tmp_path / "kept.wav")
    await s.until("transferred:1")
    await told(programs, "anna", "transferred")
    end = await hear_on(s, 1.6)
    asked = next(f for f in s.facts if isinstance(f, TransferAsked))
    assert (asked.by, asked.to) == (anna, refer)
    transferred = next(f for f in s.facts if isinstance(f, Transferred))
    assert (transferred.by, transferred.to, transferred.kind) == (anna, ben, LegKind.USER)
    assert {"leg_ended:leg1=hangup", "leg_ended:leg2=hangup", "ended=hangup"} <= set(s.story)
    assert s.story.index("transfer_asked:1") < s.story.index("answered:leg2")
    left, right = tracks(tmp_path / "kept.wav")
    assert power(left[end], CALLER_HZ) > 20 * power(left[end], BEN_HZ)
    assert power(right[end], BEN_HZ) > 20 * power(right[end], ANNA_HZ)
    assert power(right[: 2 * 8000], ANNA_HZ) > 0.01
    assert abs(len(left) / 8000 - s.recorded.seconds) < 0.1


async def test_a_user_passes_a_call_on_to_the_outside(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    ulaw = str(tone_ulaw(tmp_path / "c", CALLER_HZ))
    trunk = programs.answers("trunk", SPEECH=ulaw)
    port = free_port()
    anna = f"sip:anna@127.0.0.1:{port}"
    s = server(
        Ring((anna,), 10),
        users=(anna,),
        record=False,
        transfer=Passing((trunk,), LegKind.FORWARD, "+33699000000", OURS),
    )
    await s.line.start()
    refer = f"sip:+33699000000@127.0.0.1:{s.port}"
    programs.phone("--answer", "0", "--then", "0.3", "--refer", refer, port=port)
    programs.calls(s.port, "caller_waits", SPEECH=ulaw)
    await s.until("transferred:1")
    await told(programs, "anna", "transferred")
    s.line.hang_up(s.facts[0].call)
    await s.until("ended")
    transferred = next(f for f in s.facts if isinstance(f, Transferred))
    assert (transferred.to, transferred.kind) == ("+33699000000", LegKind.FORWARD)


async def test_a_transfer_that_fails_comes_back(server: Open, programs: Programs, tmp_path: Path) -> None:
    ben = programs.answers("phone_refuses", STATUS="486")
    port = free_port()
    anna = f"sip:anna@127.0.0.1:{port}"
    s = server(Ring((anna,), 10), users=(anna,), transfer=Passing((ben,), LegKind.USER))
    await s.line.start()
    speech = str(tone_wav(tmp_path / "a", ANNA_HZ))
    refer = f"sip:102@127.0.0.1:{s.port}"
    programs.phone("--answer", "0", "--say", speech, "--then", "0.3", "--refer", refer, port=port)
    programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", CALLER_HZ)))
    await keep_part(s.data, tmp_path / "kept.wav")
    await s.until("leg_ended:leg2")
    await told(programs, "anna", "not transferred")
    end = await hear_on(s, 1.2)
    assert "leg_ended:leg2=busy" in s.story
    assert not [f for f in s.facts if isinstance(f, Transferred)]
    _, right = tracks(tmp_path / "kept.wav")
    assert power(right[end], ANNA_HZ) > 0.05  # and Anna has the call


async def test_a_transfer_that_is_refused_is_said_so(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    port = free_port()
    anna = f"sip:anna@127.0.0.1:{port}"
    s = server(Ring((anna,), 10), users=(anna,), record=False, transfer=Reject(EndCause.BLOCKED))
    await s.line.start()
    refer = f"sip:+33899@127.0.0.1:{s.port}"
    programs.phone("--answer", "0", "--then", "0.3", "--refer", refer, port=port)
    programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", CALLER_HZ)))
    await told(programs, "anna", "not transferred")
    s.line.hang_up(s.facts[0].call)
    await s.until("ended")
    assert not [f for f in s.facts if isinstance(f, Transferred)]


async def test_a_user_consults_a_colleague_and_connects_the_two(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    ben = programs.phone("--user", "ben", "--answer", "0.1", "--say", str(tone_wav(tmp_path / "b", BEN_HZ)))
    port = free_port()
    anna = f"sip:anna@127.0.0.1:{port}"
    s = server(Ring((anna,), 10), users=(anna, ben), extensions=("102",))
    s.plans["102"] = Ring((ben,), 10)
    await s.line.start()
    consult = f"sip:102@127.0.0.1:{s.port}"
    programs.phone("--answer", "0", "--then", "0.4", "--consult", consult, port=port)
    programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", CALLER_HZ)))
    await keep_part(s.data, tmp_path / "kept.wav")
    transferred = await s.until("transferred:1")
    await told(programs, "anna", "transferred")
    await s.until("ended")
    end = await hear_on(s, 1.2)
    await s.until("ended", 2)
    assert isinstance(transferred, Transferred)
    assert (transferred.by, transferred.to, transferred.kind) == (anna, ben, LegKind.USER)
    assert transferred.attended
    first, second = (f for f in s.facts if isinstance(f, Offered))
    assert (first.internal, second.internal, second.user_ref) == (False, True, anna)
    assert transferred.call == first.call
    left, right = tracks(tmp_path / "kept.wav")
    assert power(left[end], CALLER_HZ) > 20 * power(left[end], BEN_HZ)
    assert power(right[end], BEN_HZ) > 0.05


async def test_the_recording_of_a_call_keeps_time_while_it_is_held(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    port, speech = free_port(), str(tone_wav(tmp_path / "a", ANNA_HZ))
    s = server(Ring((f"sip:anna@127.0.0.1:{port}",), 10))
    await s.line.start()
    programs.phone("--answer", "0", "--say", speech, "--then", "1", "--hold", "1", port=port)
    programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", CALLER_HZ)))
    await keep_part(s.data, tmp_path / "kept.wav")
    await told(programs, "anna", "resumed")
    await hear_on(s, 1.0)
    said = events(programs, "anna")
    assert said.index("held") < said.index("resumed")
    left, right = tracks(tmp_path / "kept.wav")
    windows = range(0, len(right) - 800, 800)
    voiced = [power(right[at : at + 800], ANNA_HZ) > 0.05 for at in windows]
    silent = "".join("." if any(right[at : at + 800]) else "0" for at in windows)
    pause = silent.find("000000", voiced.index(True))  # Anna, nothing for most of a second, Anna
    assert pause > 0
    assert any(voiced[pause:])
    heard = [power(left[at : at + 800], CALLER_HZ) > 0.05 for at in windows]
    assert (
        sum(heard[pause : pause + 6]) >= 3
    )  # the caller is recorded all the while; a busy machine may lose some
