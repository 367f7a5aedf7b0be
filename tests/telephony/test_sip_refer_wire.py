"""What a telephone sees on the wire when it passes a call on (RFC 3515): 202, and NOTIFY after NOTIFY."""

import asyncio
import re
import socket
from pathlib import Path

import pytest

from switchhook.telephony.sip import Dial, Ring
from switchhook.telephony.sip.plan import Passing, RingPlan
from switchhook.workspace.facts import LegKind, TransferAsked
from tests.telephony.conftest import Open
from tests.telephony.sip_world import OURS, PATIENCE, Programs, tone_ulaw
from tests.telephony.test_sip_transfer import told

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]


class Telephone:
    """Calls, says ACK and OK to everything, and keeps what it was told of its transfers."""

    def __init__(self, user: str, known_at: int = 0) -> None:
        """`known_at` is the port of its address, when that is another one than it sends from: a second call of it."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._line = ("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        self._known_at = known_at or self.port
        self._user = user
        self._to, self._target, self._route = "", "", list[str]()
        self.fragments: list[tuple[str, str]] = []  # status and state of the subscription, of each NOTIFY
        self.heard: list[str] = []  # first lines
        self.sound: list[str] = []  # which way it goes, by the answers to what was offered later

    def call(self, line: int, dialled: str) -> None:
        """Call a number at the line on that port."""
        self._line = ("127.0.0.1", line)
        self.send("INVITE", 1, dialled, body=self.sdp)

    def send(self, method: str, number: int, dialled: str, *headers: str, body: str = "") -> None:
        lines = [
            f"{method} {self._target or f'sip:{dialled}@127.0.0.1:{self._line[1]}'} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-{method}-{number}",
            f"From: <sip:{self._user}@127.0.0.1:{self._known_at}>;tag=t{self.port}",
            self._to or f"To: <sip:{dialled}@127.0.0.1>",
            f"Call-ID: wire-{self.port}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self._user}@127.0.0.1:{self._known_at}>",
            "Max-Forwards: 70",
            *(f"Route: {one}" for one in self._route),
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._line)

    def look(self) -> None:
        """Take in what has come, and answer it."""
        while True:
            try:
                text = self._socket.recv(65535).decode(errors="replace")
            except BlockingIOError:
                return
            head, _, body = text.partition("\r\n\r\n")
            first, *lines = head.split("\r\n")
            self.heard.append(first)
            named = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            if first.startswith("SIP/2.0 200") and named["cseq"] == "1 INVITE" and not self._to:
                self._to = f"To: {named['to']}"
                found = re.search(r"<([^>]+)>", named["contact"])
                assert found is not None
                self._target = found[1]
                self._route = [v for n, _, v in (x.partition(": ") for x in lines) if n == "Record-Route"][
                    ::-1
                ]
                self.send("ACK", 1, "")
            elif first.startswith("SIP/2.0 200") and named["cseq"] in {"3 INVITE", "4 INVITE"}:
                self.send("ACK", int(named["cseq"][0]), "")
                self.sound += re.findall(r"a=(sendrecv|sendonly|recvonly|inactive)", body)
            elif not first.startswith(("SIP/2.0", "ACK")):
                self._answer(first, lines)
            if first.startswith("NOTIFY"):
                self.fragments.append((body.strip(), named["subscription-state"].partition(";")[0]))

    def _answer(self, first: str, lines: list[str]) -> None:
        same = [x for x in lines if x.partition(":")[0].lower() in {"via", "from", "to", "call-id", "cseq"}]
        body = self.sdp if first.startswith("INVITE") else ""
        kind = ["Content-Type: application/sdp"] if body else []
        contact = f"Contact: <sip:{self._user}@127.0.0.1:{self._known_at}>"
        said = ["SIP/2.0 200 OK", *same, contact, *kind, f"Content-Length: {len(body)}"]
        self._socket.sendto(("\r\n".join(said) + "\r\n\r\n" + body).encode(), self._line)

    @property
    def sdp(self) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        )

    async def until(self, *wanted: str) -> None:
        """Return once lines that begin like these have come."""
        async with asyncio.timeout(PATIENCE):
            while not all(any(line.startswith(want) for line in self.heard) for want in wanted):
                self.look()
                await asyncio.sleep(0.02)

    async def offer(self, number: int, way: str) -> None:
        """Negotiate anew, once the other side has done with that itself."""
        await self.until("ACK")
        before = len(self.sound)
        self.send("INVITE", number, "", body=f"{self.sdp}a={way}\r\n")
        async with asyncio.timeout(PATIENCE):
            while len(self.sound) == before:
                self.look()
                await asyncio.sleep(0.02)

    async def told(self, status: str) -> None:
        """Return once a NOTIFY says that."""
        async with asyncio.timeout(PATIENCE):
            while not any(said.startswith(f"SIP/2.0 {status}") for said, _ in self.fragments):
                self.look()
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize(
    ("answers", "final"), [("--answer", "200"), ("--refuse", "486")], ids=["it comes about", "busy"]
)
async def test_a_telephone_is_told_what_becomes_of_its_transfer(
    server: Open, programs: Programs, tmp_path: Path, answers: str, final: str
) -> None:
    options = ("--answer", "0") if answers == "--answer" else ("--refuse",)
    ben = programs.phone("--user", "ben", *options)
    trunk = programs.answers("trunk", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    anna = Telephone("anna")
    here = (f"sip:anna@127.0.0.1:{anna.port}",)
    where = Passing((ben,), LegKind.USER)
    s = server(Dial((trunk,), 10, OURS), users=here, record=False, transfer=where)
    await s.line.start()
    try:
        anna.call(s.port, "+33699")
        await anna.until("SIP/2.0 200")
        await s.until("answered:leg1")
        anna.send("REFER", 2, "", "Refer-To: <sip:102@127.0.0.1>")
        await anna.until("SIP/2.0 202")
        await anna.told(final)
        assert anna.fragments[0] == ("SIP/2.0 100 Trying", "active")
        assert anna.fragments[-1][1] == "terminated"
        if final == "200":
            await anna.until("BYE")
            await s.until("transferred:1")
        else:
            s.line.hang_up(s.facts[0].call)
            await s.until("ended")
            assert "transferred:1" not in s.story
    finally:
        anna.close()


async def test_a_consultation_that_still_rings_need_not_be_waited_for(
    server: Open, programs: Programs, tmp_path: Path
) -> None:
    """RFC 5589, 7: the telephone names the call that nobody has answered yet, and is told how it ends."""
    rings = programs.phone("--user", "ben", "--ring-only")
    answers = programs.phone("--user", "ben", "--answer", "0")
    trunk = programs.answers("trunk", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    anna = Telephone("anna")
    second = Telephone("anna", anna.port)
    here = (f"sip:anna@127.0.0.1:{anna.port}",)
    where = Passing((answers,), LegKind.USER)
    s = server(Dial((trunk,), 10, OURS), users=here, extensions=("102",), record=False, transfer=where)
    s.plans["102"] = Ring((rings,), 20)
    await s.line.start()
    try:
        anna.call(s.port, "+33699")
        await anna.until("SIP/2.0 200")
        await s.until("answered:leg1")
        second.call(s.port, "102")
        await second.until("SIP/2.0 180")
        anna.send("REFER", 2, "", f"Refer-To: <sip:102@127.0.0.1?Replaces=wire-{second.port}%3Bto-tag%3Da>")
        await anna.until("SIP/2.0 202")
        await anna.told("200")
        await second.until("SIP/2.0 487")
        asked = await s.until("transfer_asked:1")
        assert isinstance(asked, TransferAsked)
        assert (asked.by, asked.to) == (here[0], "sip:102@line")
        assert (await s.until("transferred:1")).call == asked.call
    finally:
        anna.close()
        second.close()


async def test_who_calls_from_outside_passes_nobody_on(server: Open, programs: Programs) -> None:
    plan: RingPlan = Ring((programs.phone("--answer", "0"),), 10)
    trunk = Passing((programs.phone("--user", "outside"),), LegKind.FORWARD, "+33899000000")
    s = server(plan, record=False, transfer=trunk)
    await s.line.start()
    eve = Telephone("+33612345678")
    try:
        eve.call(s.port, OURS)
        await eve.until("SIP/2.0 200")
        eve.send("REFER", 2, "", "Refer-To: <sip:+33899000000@127.0.0.1>")
        await eve.until("SIP/2.0 403")
        s.line.hang_up(s.facts[0].call)
        await s.until("ended")
    finally:
        eve.close()
    assert not any(isinstance(fact, TransferAsked) for fact in s.facts)
    assert "answered:leg2" not in s.story


async def test_a_telephone_holds_with_a_second_invite_and_takes_the_call_back(
    server: Open, programs: Programs
) -> None:
    outside = programs.phone("--user", "outside", "--answer", "0")
    anna = Telephone("anna")
    s = server(Dial((outside,), 10, OURS), users=(f"sip:anna@127.0.0.1:{anna.port}",), record=False)
    await s.line.start()
    try:
        anna.call(s.port, "+33699")
        await anna.until("SIP/2.0 200")
        await s.until("answered:leg1")
        await anna.offer(3, "sendonly")
        await told(programs, "outside", "heard")  # Anna is silent: it is the tone
        await anna.offer(4, "sendrecv")
        assert anna.sound == ["recvonly", "sendrecv"]
        s.line.hang_up(s.facts[0].call)
        await s.until("ended")
    finally:
        anna.close()
