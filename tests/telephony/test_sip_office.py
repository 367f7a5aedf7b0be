"""The whole office around real calls: line, switchboard, orders and telephones; what the events say, field by field."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from switchhook.clock import SystemClock
from switchhook.serving.line import Line, sip_line
from switchhook.serving.ordering import Ordering
from switchhook.settings.config import load
from switchhook.storage.sqlite import SqliteStore
from switchhook.workspace.orders import Begin, HangUp, Record, What
from switchhook.workspace.switchboard import Switchboard
from tests.telephony.sip_world import OURS, PATIENCE, Programs, free_port, rtp_ports, tone_ulaw, tone_wav
from tests.workspace.test_switchboard import accepted

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

MARIE, OUTSIDE = "+33612345678", "+33699000000"
NOBODY = {"number": None, "user_email": None, "user_name": None}
ANNA, BEN = (
    {"number": number, "user_email": f"{name.lower()}@x.example", "user_name": name}
    for name, number in (("Anna", OURS), ("Ben", None))
)


class Office:
    """Anna has the number, Ben an extension; there is a trunk."""

    def __init__(self, folder: Path) -> None:
        self.port, self.anna, self.ben, self.trunk = (free_port() for _ in range(4))
        users = [
            {"email": f"{name}@x.example", "name": name.title(), "sip": [f"sip:{name}@127.0.0.1:{port}"]}
            | {"extension": extension}
            for name, port, extension in (("anna", self.anna, "101"), ("ben", self.ben, "102"))
        ]
        settings = {
            "data": str(folder / "data"),
            "sip_listen": f"127.0.0.1:{self.port}",
            "sip_rtp_ports": rtp_ports(),
            "sip_trunk": f"127.0.0.1:{self.trunk}",
            "users": json.dumps(users),
            "numbers": json.dumps([{"number": OURS, "name": "Desk", "users": ["anna@x.example"]}]),
        }
        (folder / "data").mkdir()
        self.recordings = folder / "data" / "recordings"
        self.store = SqliteStore(folder / "x.db")
        clock = SystemClock()
        self.board = Switchboard(self.store, clock, "wsp_a", "FR", lambda id_: f"https://x.example/{id_}")
        self.line: Line = sip_line(load(settings, {}), self.store, self.board, clock, "wsp_a")
        self.ordering = Ordering(self.store, clock, self.board, self.line, trunk=True)

    async def order(self, call: str, what: What) -> None:
        """Have something done, as the API does."""
        await self.store.run(lambda tx: self.ordering.give(tx, call, what))

    async def told(self, topic: str) -> dict[str, Any]:
        """The data of the first event of that topic, once it is there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = [event for event in await accepted(self.store) if event.topic == topic]
                if found:
                    data: dict[str, Any] = msgspec.to_builtins(found[0].data)
                    return data
                await asyncio.sleep(0.05)

    async def active(self) -> str:
        """Our id of the call that goes on."""
        ((_, state),) = await self.store.read(lambda reader: reader.fetch("active_calls", "wsp_a", 0, 9))
        id_: str = json.loads(state)["id"]
        return id_

    async def recorded(self, seconds: float) -> None:
        """Return when that much of the call is on disk."""
        async with asyncio.timeout(PATIENCE):
            while not any(p.stat().st_size > seconds * 32_000 for p in self.recordings.glob("*.part.wav")):
                await asyncio.sleep(0.02)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(tmp_path)
    await made.line.start()
    made.ordering.start()
    yield made
    await made.ordering.stop()
    await made.line.stop()
    await made.store.close()


async def test_an_ordered_call_rings_the_user_and_then_outside(
    office: Office, programs: Programs, tmp_path: Path
) -> None:
    programs.phone("--answer", "0.1", "--say", str(tone_wav(tmp_path / "a", 1250)), port=office.anna)
    programs.phone("--user", "outside", "--answer", "0.3", port=office.trunk)
    await office.order("cll_ordered", Begin("anna@x.example", OURS, OUTSIDE))
    triggered = await office.told("call.triggered")
    assert (triggered["from_number"], triggered["to_number"]) == (OURS, OUTSIDE)
    assert triggered["user_email"] == "anna@x.example"
    await office.recorded(1.0)
    await office.order("cll_ordered", HangUp())
    done = await office.told("call.completed")
    assert (done["id"], done["type"], done["result"]) == ("cll_ordered", "OUTBOUND", "ANSWERED")
    assert (done["from_number"], done["from_name"], done["to"]) == (OURS, "Desk", OUTSIDE)
    assert (done["user_email"], done["transfer_to"]) == ("anna@x.example", NOBODY)
    assert done["recording_url"].startswith("https://x.example/rec_")
    assert done["length_in_minutes"] > 0


async def test_an_ordered_call_that_the_user_does_not_take_goes_nowhere(
    office: Office, programs: Programs
) -> None:
    programs.phone("--refuse", port=office.anna)
    await office.order("cll_ordered", Begin("anna@x.example", OURS, OUTSIDE))
    done = await office.told("call.completed")
    assert (done["id"], done["result"], done["recording_url"]) == ("cll_ordered", "FAILED", None)


async def test_a_recording_that_is_not_wanted_is_gone(
    office: Office, programs: Programs, tmp_path: Path
) -> None:
    programs.phone("--answer", "0", "--say", str(tone_wav(tmp_path / "a", 1250)), port=office.anna)
    programs.calls(office.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    await office.recorded(0.5)
    call = await office.active()
    await office.order(call, Record("paused"))
    await office.order(call, Record("off"))
    async with asyncio.timeout(PATIENCE):
        while list(office.recordings.iterdir()):
            await asyncio.sleep(0.02)
    await office.order(call, HangUp())
    done = await office.told("call.completed")
    assert (done["id"], done["result"], done["recording_url"]) == (call, "ANSWERED", None)


async def test_a_call_that_is_passed_on_inside_says_from_whom_to_whom(
    office: Office, programs: Programs, tmp_path: Path
) -> None:
    programs.phone("--user", "ben", "--answer", "0.1", "--talk", "1", port=office.ben)
    refer = f"sip:102@127.0.0.1:{office.port}"
    programs.phone("--answer", "0", "--then", "0.3", "--refer", refer, port=office.anna)
    programs.calls(office.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    done = await office.told("call.completed")
    assert (done["result"], done["type"], done["from_number"]) == ("ANSWERED", "INBOUND", MARIE)
    assert (done["transfer_from"], done["transfer_to"]) == (ANNA, BEN)
    assert (done["user_email"], done["transfer_original_call_id"]) == ("anna@x.example", None)
    assert done["recording_url"] is not None


async def test_a_call_that_is_passed_on_outside_is_transferred(
    office: Office, programs: Programs, tmp_path: Path
) -> None:
    programs.phone("--user", "outside", "--answer", "0.1", "--talk", "1", port=office.trunk)
    refer = f"sip:{OUTSIDE}@127.0.0.1:{office.port}"
    programs.phone("--answer", "0", "--then", "0.3", "--refer", refer, port=office.anna)
    programs.calls(office.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    done = await office.told("call.completed")
    assert (done["result"], done["transfer_from"]) == ("TRANSFERRED_EXTERNAL", ANNA)
    assert done["transfer_to"] == NOBODY | {"number": OUTSIDE}


async def test_two_outside_parties_are_connected_and_both_calls_say_so(
    office: Office, programs: Programs, tmp_path: Path
) -> None:
    programs.phone("--user", "outside", "--answer", "0.1", port=office.trunk)
    consult = f"sip:{OUTSIDE}@127.0.0.1:{office.port}"
    programs.phone("--answer", "0", "--then", "0.3", "--consult", consult, port=office.anna)
    programs.calls(office.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    second = await office.told("call.completed")
    first = await office.active()
    assert (second["type"], second["result"]) == ("OUTBOUND", "TRANSFERRED_EXTERNAL")
    assert (second["from_number"], second["to"]) == (OURS, OUTSIDE)
    assert (second["transfer_from"], second["transfer_to"]) == (ANNA, NOBODY | {"number": MARIE})
    assert second["transfer_original_call_id"] == first
    await office.order(first, HangUp())
    async with asyncio.timeout(PATIENCE):
        while len(ended := [e for e in await accepted(office.store) if e.topic == "call.completed"]) < 2:
            await asyncio.sleep(0.05)
    done = msgspec.to_builtins(ended[1].data)
    assert (done["id"], done["type"], done["result"]) == (first, "INBOUND", "TRANSFERRED_EXTERNAL")
    assert (done["transfer_from"], done["transfer_to"]) == (ANNA, NOBODY | {"number": OUTSIDE})
    assert done["transfer_original_call_id"] is None


async def test_telephones_among_themselves_make_nothing(office: Office, programs: Programs) -> None:
    programs.phone("--user", "ben", "--answer", "0.1", "--talk", "0.5", "--calls", "1", port=office.ben)
    dial = f"sip:102@127.0.0.1:{office.port}"
    programs.phone("--dial", dial, "--calls", "1", port=office.anna)
    async with asyncio.timeout(PATIENCE):
        while '"answered"' not in (programs.directory / "program1.log").read_text():
            await asyncio.sleep(0.05)
        while await office.board.open_calls("sip"):
            await asyncio.sleep(0.05)
    assert await accepted(office.store) == []
    assert not office.recordings.exists()
