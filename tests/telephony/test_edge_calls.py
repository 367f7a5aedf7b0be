"""Telephones that register, over UDP, TCP and TLS: real ones, on loopback."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from switchhook.telephony.sip import Dial, LineState, Reject, Ring
from switchhook.telephony.sip.edge.digest import ha1
from switchhook.telephony.sip.edge.doorman import REALM
from switchhook.workspace.facts import Direction, EndCause, Ended, Offered, Transferred
from tests.telephony.conftest import Open
from tests.telephony.sip_noise import spoiled, whole
from tests.telephony.sip_world import OURS, PATIENCE, Programs, Server, free_port, rtp_ports, tone_ulaw

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

CAMILLE = "sip:camille@registered"
BELIEVED = "127.0.0.2"  # where callers are; telephones are strangers at 127.0.0.1
PASSWORD = "long and secret"


class Registered:
    """A telephone of Camille's that registers; what it says is read as it comes."""

    def __init__(self, programs: Programs, server: Server, transport: str, *options: str) -> None:
        port = {"udp": server.port, "tcp": server.tcp, "tls": server.tls}[transport]
        command = ["-m", "switchhook.telephony.sip.phone", "--listen", f"127.0.0.1:{free_port()}"]
        command += ["--rtp", rtp_ports(), "--lifetime", "180", "--user", "camille", "--transport", transport]
        command += ["--register", f"127.0.0.1:{port}", "--password", PASSWORD, *options]
        self.address = f"127.0.0.1:{port};transport={transport}"
        self._log = programs.directory / f"program{len(programs._running)}.log"
        self.process = programs.start([sys.executable, *command])

    async def says(self, event: str) -> None:
        """Return once it has said that."""
        async with asyncio.timeout(PATIENCE):
            while f'"event": "{event}"' not in self._log.read_text():
                assert self.process.poll() is None, self._log.read_text()
                await asyncio.sleep(0.02)


@pytest.fixture
def line(server: Open, tmp_path: Path) -> Open:
    """Makes servers that speak all three, with Camille as the one user who has a password."""
    authority = trustme.CA()
    certificate = tmp_path / "sip.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def make(plan: object, **config: object) -> Server:
        tcp, tls = free_port(), free_port()
        settings: dict[str, object] = {
            "listen_tcp": f"127.0.0.1:{tcp}",
            "listen_tls": f"127.0.0.1:{tls}",
            "tls_cert": str(certificate),
            "allow": (f"{BELIEVED}/32",),
            "passwords": {"camille": PASSWORD},
            "users": (CAMILLE,),
            "record": False,
            **config,
        }
        made = server(plan, **settings)
        made.tcp, made.tls = tcp, tls
        return made

    return make


def calls(
    programs: Programs, server: Server, scenario: str, *options: str, **words: str
) -> "subprocess.Popen[bytes]":
    return programs.calls(server.port, scenario, "-i", BELIEVED, *options, **words)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_telephone_registers_and_is_rung(
    line: Open, programs: Programs, tmp_path: Path, transport: str
) -> None:
    s = line(Ring((CAMILLE,), 10))
    await s.line.start()
    more = ["--authorities", str(tmp_path / "ca.pem")] if transport == "tls" else []
    phone = Registered(programs, s, transport, "--answer", "0.2", *more)
    await phone.says("ready")
    caller = calls(programs, s, "caller", "-d", "600", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    await programs.succeeds(caller)
    await s.until("ended")
    assert {"ringing:leg1", "answered:leg1", "ended=hangup"} <= set(s.story)
    await phone.says("heard")


@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_a_registered_telephone_calls_out(
    line: Open, programs: Programs, tmp_path: Path, transport: str
) -> None:
    trunk = programs.answers("trunk", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    s = line(Dial((trunk,), 10, OURS), trunk=trunk.partition("@")[2].replace("127.0.0.1", "127.0.0.3"))
    await s.line.start()
    port = {"udp": s.port, "tls": s.tls}[transport]
    dial = f"sip:+33699000000@127.0.0.1:{port};transport={transport}"
    phone = Registered(programs, s, transport, "--dial", dial, "--talk", "2")
    await phone.says("heard")
    await s.until("ended")
    offered = s.facts[0]
    assert isinstance(offered, Offered)
    assert (offered.direction, offered.user_ref) == (Direction.OUTBOUND, CAMILLE)
    assert (offered.to_raw, s.story[-1]) == ("+33699000000", "ended=hangup")


@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_a_registered_telephone_consults_and_connects_the_two(
    line: Open, programs: Programs, tmp_path: Path, transport: str
) -> None:
    ben = programs.phone("--user", "ben", "--answer", "0")
    s = line(Ring((CAMILLE,), 20), users=(CAMILLE, ben), extensions=("102",))
    s.plans["102"] = Ring((ben,), 20)
    await s.line.start()
    there = {"udp": str(s.port), "tls": f"{s.tls};transport=tls"}[transport]
    consult = ("--answer", "0", "--then", "0.4", "--consult", f"sip:102@127.0.0.1:{there}")
    phone = Registered(programs, s, transport, *consult)
    await phone.says("ready")
    calls(programs, s, "caller_waits", SPEECH=str(tone_ulaw(tmp_path / "c.ulaw", 440)))
    transferred = await s.until("transferred:1")
    assert isinstance(transferred, Transferred)
    assert ((transferred.by or "").partition(";")[0], transferred.to) == (CAMILLE, ben)
    assert transferred.attended
    await phone.says("transferred")
    s.line.hang_up(transferred.call)
    await s.until("ended", 2)


async def test_a_telephone_registers_by_what_stands_for_its_password(line: Open, programs: Programs) -> None:
    hashes = tuple(ha1("camille", REALM, PASSWORD, algorithm) for algorithm in ("MD5", "SHA-256"))
    s = line(Ring((CAMILLE,), 10), passwords={}, hashes={"camille": hashes})
    await s.line.start()
    await Registered(programs, s, "udp", "--answer", "0.2").says("ready")


async def test_a_wrong_password_registers_nothing(line: Open, programs: Programs) -> None:
    s = line(Ring((CAMILLE,), 10, Reject()))
    await s.line.start()
    phone = Registered(programs, s, "udp", "--password", "not this one")
    assert await asyncio.to_thread(phone.process.wait, PATIENCE) != 0
    assert "401" in phone._log.read_text()
    await programs.succeeds(calls(programs, s, "caller_refused", STATUS="480"))
    await s.until("ended")
    assert s.story == ["offered", "leg_ended:caller=unreachable", "ended=unreachable"]


async def test_a_registration_survives_the_worker(line: Open, programs: Programs, tmp_path: Path) -> None:
    s = line(Ring((CAMILLE,), 10))
    await s.line.start()
    phone = Registered(programs, s, "udp", "--answer", "0.2", "--expires", "600")
    await phone.says("ready")
    pid = s.line.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while s.line.worker_pid in {None, pid} or s.line.state is not LineState.UP:
            await asyncio.sleep(0.02)
    caller = calls(programs, s, "caller", "-d", "300", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    await programs.succeeds(caller)
    await s.until("ended")
    assert "answered:leg1" in s.story


async def test_noise_harms_no_call(line: Open, programs: Programs, tmp_path: Path) -> None:
    """What `bench/sip_fuzz.py` does for hours, for a moment: the same 1,500 messages every time."""
    s = line(Ring((CAMILLE,), 20))
    await s.line.start()
    pid = s.line.worker_pid
    phone = Registered(programs, s, "udp", "--answer", "0.2")
    await phone.says("ready")
    caller = calls(programs, s, "caller", "-d", "3000", SPEECH=str(tone_ulaw(tmp_path / "c", 440)))
    await s.until("answered:leg1")
    noise = random.Random(4475)
    for host in (BELIEVED, "127.0.0.3"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((host, 0))
            for n in range(750):
                data = spoiled(noise, whole(noise, host, sender.getsockname()[1]))
                sender.sendto(data, ("127.0.0.1", s.port))
                if n % 25 == 0:
                    await asyncio.sleep(0.01)
    await programs.succeeds(caller)
    await phone.says("closed")
    call = s.facts[0].call
    async with asyncio.timeout(PATIENCE):
        while not any(isinstance(fact, Ended) and fact.call == call for fact in s.facts):
            await asyncio.sleep(0.02)
    assert [fact.cause for fact in s.facts if isinstance(fact, Ended) and fact.call == call] == [
        EndCause.HANGUP
    ]
    assert s.line.worker_pid == pid


async def test_a_connection_that_ends_takes_its_telephone_along(line: Open, programs: Programs) -> None:
    s = line(Ring((CAMILLE,), 10, Reject()))
    await s.line.start()
    phone = Registered(programs, s, "tcp", "--ring-only", "--expires", "600")
    await phone.says("ready")
    phone.process.kill()
    await asyncio.to_thread(phone.process.wait, PATIENCE)
    # The kernel closes the connection before the process is gone; the caller's INVITE comes later.
    await programs.succeeds(calls(programs, s, "caller_refused", STATUS="480"))
    await s.until("ended")
    assert s.story[-1] == "ended=unreachable"
