"""Rules out of a file, real calls over SIP and RTP, and the events that come of them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from switchhook import events
from switchhook.clock import SystemClock
from switchhook.events import CallCompleted, IvrChoice
from switchhook.serving.installation import InstallationError
from switchhook.serving.line import Line, check_telephony, sip_line
from switchhook.settings.config import load
from switchhook.storage.sqlite import SqliteStore
from switchhook.workspace.collecting import collect
from switchhook.workspace.switchboard import Switchboard
from tests.telephony.sip_world import OURS, PATIENCE, Programs, free_port, rtp_ports, tone_ulaw, tone_wav

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

WORKSPACE = "wsp_a"
SAYS = f"{sys.executable} {Path(__file__).parent / 'says.py'}"
CALLER, MOBILE = "+33612345678", "+33698765432"


class Office:
    """A server with a line, as far as calls go: settings, store, events."""

    def __init__(self, folder: Path, trunk: str = "") -> None:
        self.port = free_port()
        self._folder = folder
        self._trunk = trunk
        self._lines: list[Line] = []
        self.store = SqliteStore(folder / "x.db")

    async def open(
        self, number: str, rest: str = "", telephone: str = "sip:anna@127.0.0.1:9", speak: str = ""
    ) -> None:
        """Open the line with these rules of our number."""
        trunk = f'trunk = "{self._trunk}"' if self._trunk else ""
        speaks = f"speak = '{speak}'" if speak else ""
        file = self._folder / "my.toml"
        file.write_text(
            f"""
            data = "{self._folder / "data"}"
            [sip]
            listen = "127.0.0.1:{self.port}"
            rtp_ports = "{rtp_ports()}"
            voicemail_seconds = 3
            {trunk}
            {speaks}
            [[users]]
            email = "anna@example.com"
            name = "Anna"
            sip = ["{telephone}"]
            [[numbers]]
            number = "{OURS}"
            users = ["anna@example.com"]
            {number}
            {rest}
            """,
            encoding="utf-8",
        )
        config = load({}, {}, file)
        check_telephony(config)
        clock = SystemClock()
        self.board = Switchboard(
            self.store, clock, WORKSPACE, "FR", lambda recording: f"https://x/{recording}"
        )
        line = sip_line(config, self.store, self.board, clock, WORKSPACE)
        self._lines.append(line)
        await line.start()

    async def close(self) -> None:
        for line in self._lines:
            await line.stop()
        await self.store.close()

    async def told(self) -> list[events.Event]:
        """The events so far."""
        rows = await self.store.read(lambda reader: reader.fetch("unsettled", 0, 1_000))
        found = []
        for row in rows:
            stored = await self.store.read(lambda reader, id_=row[2]: reader.fetch("event", WORKSPACE, id_))  # type: ignore[misc]
            found.append(events.parse(stored[0][4]))
        return found

    async def completed(self) -> tuple[list[str], CallCompleted]:
        """The topics up to `call.completed`, and its data, once it is there."""
        found: list[events.Event] = []

        async def over() -> bool:
            found[:] = await self.told()
            return bool(found) and found[-1].topic == "call.completed"

        await until(over)
        data = found[-1].data
        assert isinstance(data, CallCompleted)
        return [event.topic for event in found], data


async def until(so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await so():
            await asyncio.sleep(0.05)


@pytest.fixture
def sound(tmp_path: Path) -> str:
    return str(tone_wav(tmp_path / "sound.wav", 700, 0.6))


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(trunk: str = "") -> Office:
        made.append(Office(tmp_path, trunk))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def calls(programs: Programs, office: Office, *options: str) -> None:
    programs.phone("--user", CALLER, "--dial", f"sip:{OURS}@127.0.0.1:{office.port}", *options)


def waits(programs: Programs, office: Office, tmp_path: Path) -> None:
    programs.calls(office.port, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", 440)))


def menu(sound: str, keys: str) -> str:
    return f'[[menus]]\nname = "main"\ngreeting = "play {sound}"\n[menus.keys]\n{keys}'


async def test_a_menu_walked_by_keys_is_an_answered_call_with_its_choices(
    office: Callable[..., Office], programs: Programs, sound: str
) -> None:
    anna = programs.phone("--answer", "0", "--talk", "0.5")
    o = office()
    rest = menu(sound, '1 = { label = "Wait", do = "repeat" }\n2 = { label = "Support", do = "ring" }')
    await o.open('answer = "menu main"', rest, anna)
    calls(programs, o, "--press", "12")
    topics, data = await o.completed()
    assert topics == ["call.received", "call.completed"]
    assert (data.result, data.user_email) == ("ANSWERED", "anna@example.com")
    assert data.ivr_result == [
        IvrChoice(dtmf_key="1", text_key="Wait"),
        IvrChoice(dtmf_key="2", text_key="Support"),
    ]
    assert data.recording_url


async def test_who_hangs_up_in_the_menu_was_missed(
    office: Callable[..., Office], programs: Programs, sound: str
) -> None:
    o = office()
    await o.open('answer = "menu main"', menu(sound, '1 = { label = "Wait", do = "repeat" }'))
    calls(programs, o, "--press", "1")

    async def chose() -> bool:
        for call in await o.board.open_calls("sip"):
            state = await o.board.find("sip", call)
            return state is not None and bool(state.choices)
        return False

    await until(chose)
    programs.end()
    _, data = await o.completed()
    assert (data.result, data.length, data.recording_url) == ("FAILED", "0s", None)
    assert data.ivr_result == [IvrChoice(dtmf_key="1", text_key="Wait")]


async def test_a_closed_office_takes_a_message(
    office: Callable[..., Office], programs: Programs, sound: str, tmp_path: Path
) -> None:
    o = office()
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(366)]  # all of them are holidays
    holidays = ", ".join(f'"{day:%m-%d}"' for day in days)
    hours = f'hours = {{ zone = "UTC", open = ["mon-sun 00:00-24:00"], holidays = [{holidays}] }}'
    await o.open(f'{hours}\nclosed = ["say Closed.", "voicemail"]\ngreeting = "play {sound}"', speak=SAYS)
    spoken = list((tmp_path / "data" / "sip" / "spoken").glob("*.wav"))
    assert len(spoken) == 1
    calls(programs, o, "--say", str(tone_wav(tmp_path / "say.wav", 440)))
    _, data = await o.completed()
    assert data.result == "VOICEMAIL"
    assert data.recording_url
    assert not data.ivr_result


async def test_what_cannot_be_said_is_told_at_start(office: Callable[..., Office]) -> None:
    o = office()
    with pytest.raises(InstallationError, match=r"numbers: .*, answer: .*ended with status 1: no voice"):
        await o.open('answer = "say Nothing."', speak=f"{SAYS} --fail")


async def test_a_call_is_forwarded_to_an_outside_number(
    office: Callable[..., Office], programs: Programs, tmp_path: Path
) -> None:
    outside = programs.phone("--answer", "0", "--talk", "0.5", "--user", "outside")
    o = office(outside.partition("@")[2])
    await o.open(f'answer = "forward {MOBILE}"')
    waits(programs, o, tmp_path)
    _, data = await o.completed()
    assert data.result == "TRANSFERRED_EXTERNAL"
    assert data.transfer_to.number == MOBILE
    (rung,) = said(programs, "outside", "ringing")
    assert MOBILE in rung["headers"]["To"]
    assert OURS in rung["headers"]["Diversion"]
    assert CALLER in rung["headers"]["P-Asserted-Identity"]


async def test_an_agent_hands_in_what_it_collected(
    office: Callable[..., Office], programs: Programs, tmp_path: Path
) -> None:
    agent = programs.phone("--answer", "0", "--user", "agent")
    o = office()
    await o.open('answer = "agent desk"', f'[[agents]]\nname = "desk"\nuri = "{agent}"')
    waits(programs, o, tmp_path)

    async def answered() -> bool:
        return bool(said(programs, "agent", "answered"))

    await until(answered)
    (rung,) = said(programs, "agent", "ringing")
    call = rung["headers"]["X-Switchhook-Call"]
    await o.store.run(lambda tx: collect(tx, WORKSPACE, call, {"account": "12345"}, SystemClock().now()))
    programs.end()  # who has hung up
    _, data = await o.completed()
    assert (data.id, data.result, data.data_collected) == (call, "TRANSFERRED_AI", {"account": "12345"})


async def test_a_blocked_caller_rings_nobody_and_nobody_is_told_that_he_called(
    office: Callable[..., Office], programs: Programs
) -> None:
    anna = programs.phone("--answer", "0")
    o = office()
    await o.open('block = ["+336*"]', telephone=anna)
    await programs.succeeds(programs.calls(o.port, "caller_refused", STATUS="403"))
    topics, data = await o.completed()
    assert topics == ["call.completed"]
    assert (data.result, data.from_number) == ("BLOCKED", CALLER)
    assert not said(programs, "anna", "ringing")


def said(programs: Programs, phone: str, event: str) -> list[dict[str, Any]]:
    """What a telephone of this test has said of an event."""
    lines = []
    for log in sorted(programs.directory.glob("program*.log")):
        lines += [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["phone"] == phone and line["event"] == event]
