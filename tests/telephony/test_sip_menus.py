"""Real calls before anybody talks: menus walked with RFC 4733 digits, announcements, rings in turn, forwards."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from switchhook.telephony.sip import Mailbox, Reject, Ring
from switchhook.telephony.sip.plan import Announce, Choice, Enter, Forward, Menu, Script
from switchhook.workspace.facts import Answered, Chose, EndCause, LegKind, Offered, Recorded
from tests.telephony.conftest import Open
from tests.telephony.sip_world import OURS, PATIENCE, Programs, Server, free_port, power, tone_ulaw, tone_wav
from tests.telephony.test_sip_line import keep_part, tracks

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

CALLER_HZ, OUR_HZ = 440.0, 1250.0
CALLER = "+33612345678"


def caller(programs: Programs, server: Server, *options: str) -> None:
    """A caller with keys."""
    programs.phone("--user", CALLER, "--dial", f"sip:{OURS}@127.0.0.1:{server.port}", *options)


def chosen(server: Server) -> list[tuple[str, str | None]]:
    return [(fact.key, fact.label) for fact in server.facts if isinstance(fact, Chose)]


async def test_a_menu_is_walked_with_keys_to_a_telephone_that_talks(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    anna = programs.phone(
        "--answer", "0.3", "--say", str(tone_wav(tmp_path / "a.wav", OUR_HZ)), "--talk", "2"
    )
    hello = str(tone_wav(tmp_path / "hello.wav", 700, 20.0))
    # The greetings take twenty seconds each: nobody waits for their end, and the end of one is not that of the next.
    support = Menu(hello, {"11": Choice("Bills", Ring((anna,), 10))}, seconds=0.01, tries=1)
    main = Menu(hello, {"2": Choice("Support", Enter("support"))}, seconds=0.01, tries=1)
    s = server(Script(Enter("main"), {"main": main, "support": support}))
    await s.line.start()
    say = str(tone_wav(tmp_path / "c.wav", CALLER_HZ))
    caller(programs, s, "--press", "211", "--say", say)
    await keep_part(s.data, tmp_path / "kept.wav")
    await s.until("ended")
    assert chosen(s) == [("2", "Support"), ("11", "Bills")]
    assert s.story[:2] == ["offered", "answered:menu"]
    assert {"answered:leg1", "leg_ended:menu=hangup"} <= set(s.story)
    assert s.story[-1] == "ended=hangup"
    left, right = tracks(tmp_path / "kept.wav")
    assert power(left, CALLER_HZ) > 20 * power(left, OUR_HZ)
    assert power(right, OUR_HZ) > 20 * power(right, CALLER_HZ)


async def test_a_key_may_come_by_sip_info(server: Open, programs: Programs, tmp_path: Path) -> None:
    hello = str(tone_wav(tmp_path / "hello.wav", 700, 20.0))
    s = server(
        Script(Enter("menu"), {"menu": Menu(hello, {"#": Choice("Stop", Reject(EndCause.NO_ANSWER))})})
    )
    await s.line.start()
    programs.calls(s.port, "caller_presses", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ)), KEY="#")
    await s.until("ended")
    assert chosen(s) == [("#", "Stop")]
    assert s.story[-1] == "ended=no_answer"


async def test_hanging_up_in_the_menu(server: Open, programs: Programs, tmp_path: Path) -> None:
    hello = str(tone_wav(tmp_path / "hello.wav", 700, 0.2))
    menu = Menu(hello, {"1": Choice("More", Enter("menu"))}, seconds=30)
    s = server(Script(Enter("menu"), {"menu": menu}))
    await s.line.start()
    caller(programs, s, "--press", "1")
    await s.until("chose:1")
    programs.end()
    await s.until("ended")
    assert chosen(s) == [("1", "More")]
    assert s.story[-1] == "ended=cancelled"
    assert not any(isinstance(fact, Recorded) for fact in s.facts)


async def test_a_closed_office_says_so_and_takes_a_message(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    closed = str(tone_wav(tmp_path / "closed.wav", 700, 0.5))
    s = server(Announce(closed, Mailbox(greeting=closed, seconds=1.0)))
    await s.line.start()
    waits = programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ)))
    await programs.succeeds(waits)
    await s.until("ended")
    assert [fact.leg for fact in s.facts if isinstance(fact, Answered)] == ["menu", "mailbox"]
    assert s.recorded.voicemail


async def test_one_telephone_after_the_other_then_an_outside_number(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    silent = programs.phone("--ring-only")
    busy = programs.answers("phone_refuses", STATUS="486")
    outside = programs.phone("--answer", "0", "--talk", "0.5", "--user", "outside")
    headers = {"Diversion": f"<sip:{OURS}@127.0.0.1>;reason=no-answer", "X-Switchhook-Call": "cll_1"}
    forward = Forward((outside,), identity=CALLER, headers=headers)
    s = server(Ring((silent,), 1.0, Ring((busy,), 5, forward)))
    await s.line.start()
    waits = programs.calls(s.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", CALLER_HZ)))
    await programs.succeeds(waits)
    await s.until("ended")
    assert {"leg_ended:leg2=busy", "answered:leg3"} <= set(s.story)
    assert [step for step in s.story if step.startswith("leg_ended:leg1=")]
    answered = next(fact for fact in s.facts if isinstance(fact, Answered))
    assert (answered.kind, answered.target) == (LegKind.FORWARD, outside)
    assert s.story[-1] == "ended=hangup"
    rung = [line for line in told(programs) if line["event"] == "ringing" and line["phone"] == "outside"]
    assert CALLER in rung[0]["headers"]["P-Asserted-Identity"]
    assert OURS in rung[0]["headers"]["Diversion"]


async def test_keys_reach_the_other_end_of_a_talk(server: Open, programs: Programs, tmp_path: Path) -> None:
    say = str(tone_wav(tmp_path / "a.wav", OUR_HZ))
    anna = programs.phone("--answer", "0", "--press", "7", "--say", say)
    s = server(Ring((anna,), 10), record=False)
    await s.line.start()
    caller(programs, s, "--press", "4#", "--say", say)
    keys: list[tuple[str, str]] = []
    async with asyncio.timeout(PATIENCE):
        while len(keys) < 3:
            await asyncio.sleep(0.05)
            keys = [(line["phone"], line["key"]) for line in told(programs) if line["event"] == "key"]
    assert sorted(keys) == [(CALLER, "7"), ("anna", "#"), ("anna", "4")]
    assert [key for phone, key in keys if phone == "anna"] == ["4", "#"]


async def test_a_diverted_call_says_where_it_was_first(server: Open, programs: Programs) -> None:
    s = server(Reject(EndCause.BUSY))
    await s.line.start()
    text = (Path(__file__).parent / "scenarios" / "caller_refused.xml").read_text()
    diverted = "Diversion: <sip:+33199999902@c.example>;reason=unconditional, <sip:+33199999901@c.example>\n"
    changed = re.sub(r"( +)Max-Forwards", rf"\1{diverted}\1Max-Forwards", text, count=1)
    assert changed != text
    file = programs.directory / "diverted.xml"
    file.write_text(changed)
    options = (f"127.0.0.1:{s.port}", "-s", OURS)
    await programs.succeeds(programs.sipp(str(file.with_suffix("")), free_port(), options, {"STATUS": "486"}))
    await s.until("ended")
    offered = s.facts[0]
    assert isinstance(offered, Offered)
    assert offered.diverted == ("+33199999902", "+33199999901")
    assert offered.original_to_raw == "+33199999901"


def told(programs: Programs) -> list[dict[str, Any]]:
    """What the telephones of this test have said."""
    lines = []
    for log in sorted(programs.directory.glob("program*.log")):
        lines += [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return lines
