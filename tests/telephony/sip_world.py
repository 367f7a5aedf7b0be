"""What the tests of the line need around it: ports, callers, telephones, and a server that commits into a list."""

import array
import asyncio
import math
import os
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from switchhook.clock import SystemClock
from switchhook.telephony.sip import Reject, RingPlan, SipConfig, SipLine
from switchhook.telephony.sip.plan import Taping, TransferPlan
from switchhook.workspace.facts import AnyFact, Ended, LegEnded, Offered, Recorded, TransferAsked
from tests.ports import free_port as free_port  # noqa: PLC0414  # the tests of the line take it from here
from tests.ports import rtp_ports as rtp_ports  # noqa: PLC0414

SCENARIOS = Path(__file__).parent / "scenarios"
OURS = "+33112345678"
PATIENCE = 60.0  # seconds until a test that waits in vain gives up


def need_sipp() -> str:
    """The path of sipp; without it the test fails in CI and is skipped with a reason elsewhere."""
    path = shutil.which("sipp")
    if path is None:
        message = "SIPP IS MISSING: no real call was placed. Install it: apt-get install sip-tester"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def tone_wav(path: Path, hertz: float, seconds: float = 20.0) -> Path:
    """A telephone WAV file with one tone."""
    samples = array.array(
        "h", (round(8000 * math.sin(math.tau * hertz * i / 8000)) for i in range(int(8000 * seconds)))
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return path


def tone_ulaw(path: Path, hertz: float, seconds: float = 20.0) -> Path:
    """The same as raw mu-law (ITU-T G.711), for sipp."""
    path.write_bytes(
        bytes(_ulaw(round(8000 * math.sin(math.tau * hertz * i / 8000))) for i in range(int(8000 * seconds)))
    )
    return path


def _ulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> (exponent + 3) & 0x0F) & 0xFF


def power(samples: "array.array[int]", hertz: float, window: int = 800) -> float:
    """How much of a tone is in the samples, by Goertzel's recurrence; 1.0 is a full-scale sine.

    Each tenth of a second counts by itself: after a frame that a busy machine lost, the tone goes on in another phase.
    """
    coefficient = 2 * math.cos(math.tau * hertz / 8000)
    size = min(window, len(samples))
    total = 0.0
    starts = range(0, len(samples) - size + 1, size or 1)
    for start in starts:
        before = last = 0.0
        for sample in samples[start : start + size]:
            before, last = last, sample + coefficient * last - before
        energy = last * last + before * before - coefficient * last * before
        total += max(0.0, energy) * (2 / (size * 32768)) ** 2 if size else 0.0
    return math.sqrt(total / len(starts))


class Server:
    """The server's side of the line: commits into a list, routes as it is told."""

    def __init__(
        self,
        data: Path,
        plan: RingPlan,
        *,
        transfer: TransferPlan | None = None,
        taping: Taping = Taping(),  # noqa: B008
        **config: object,
    ) -> None:
        self.port = free_port()
        self.tcp = self.tls = 0  # set by who opens them
        self.facts: list[AnyFact] = []
        self.plan = plan
        self.plans: dict[str, RingPlan] = {}  # by what was dialled, before `plan`
        self.transfer = transfer
        self.data = data
        self.before_commit: Callable[[AnyFact], Awaitable[None]] | None = None
        self._changed = asyncio.Event()
        settings = {
            "listen": f"127.0.0.1:{self.port}",
            "rtp_ports": rtp_ports(),
            "numbers": (OURS,),
            **config,
        }
        self.config = SipConfig(**settings)  # type: ignore[arg-type]
        self.line = SipLine(
            self.config,
            self._on_fact,
            self._route,
            SystemClock(),
            data,
            transfer=self._pass_on,
            tapes=lambda _: taping,
        )

    async def _on_fact(self, fact: AnyFact) -> None:
        if self.before_commit is not None:
            await self.before_commit(fact)
        self.facts.append(fact)
        self._changed.set()

    async def _route(self, offered: Offered) -> RingPlan:
        assert offered in self.facts, "asked for a plan before the offer was committed"
        if offered.to_raw in self.plans:
            return self.plans[offered.to_raw]
        return self.plan if offered.to_raw == OURS or offered.user_ref else Reject()

    async def _pass_on(self, asked: TransferAsked) -> TransferPlan:
        assert asked in self.facts, "asked for a plan before the wish was committed"
        return self.transfer or Reject()

    async def until(self, fact_id: str, count: int = 1) -> AnyFact:
        """The fact of that id, once it is committed (the `count`th)."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = [fact for fact in self.facts if fact.id == fact_id]
                if len(found) >= count:
                    return found[count - 1]
                self._changed.clear()
                try:
                    await self._changed.wait()
                except asyncio.CancelledError:
                    print("so far:", self.story)
                    raise

    @property
    def story(self) -> list[str]:
        """What happened, short; facts told twice (as they may be) once."""
        words: dict[tuple[str, str], str] = {}
        for fact in self.facts:
            cause = f"={fact.cause}" if isinstance(fact, LegEnded | Ended) else ""
            words.setdefault((fact.call, fact.id), f"{fact.id}{cause}")
        return list(words.values())

    @property
    def recorded(self) -> Recorded:
        """The one recording."""
        (fact,) = {fact for fact in self.facts if isinstance(fact, Recorded)}
        return fact


class Programs:
    """Programs started by a test: each is ended by its own process id when the test is over."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Any program; its output goes to a file of the test's directory."""
        log = (self.directory / f"program{len(self._running)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._running.append(process)
        return process

    def phone(self, *options: str, port: int | None = None) -> str:
        """A scripted telephone of the user anna; returns its SIP address."""
        port = port or free_port()
        module = "switchhook.telephony.sip.phone"
        listen = ["--listen", f"127.0.0.1:{port}", "--rtp", rtp_ports(), "--lifetime", "180"]
        self.start([sys.executable, "-m", module, *listen, *options])
        wait_bound(port)
        return f"sip:anna@127.0.0.1:{port}"

    def sipp(
        self, scenario: str, port: int, options: tuple[str, ...], words: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """sipp with one of our scenarios; `words` are replaced in it (`STATUS`, `SPEECH`)."""
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        for word, value in words.items():
            text = text.replace(word, value)
        file = self.directory / f"{scenario}-{len(self._running)}.xml"
        file.write_text(text)
        media = rtp_ports().partition("-")[0]
        command = [
            need_sipp(),
            "-sf",
            str(file),
            "-i",
            "127.0.0.1",
            "-p",
            str(port),
            "-mi",
            "127.0.0.1",
        ]
        command += [
            "-mp",
            media,
            "-m",
            "1",
            "-nostdin",
            "-timeout",
            "120s",
            "-trace_err",
        ]
        return self.start([*command, *options])

    def victim(self, data: Path, telephone: str, uncommitted: str) -> tuple[subprocess.Popen[bytes], int]:
        """A server with a line of its own, to be killed (see `sip_victim`), and its port."""
        port = free_port()
        script = str(Path(__file__).parent / "sip_victim.py")
        process = self.start(
            [sys.executable, script, str(port), rtp_ports(), str(data), telephone, uncommitted]
        )
        wait_bound(port)
        return process, port

    def calls(self, line: int, scenario: str, *options: str, **words: str) -> subprocess.Popen[bytes]:
        """A sipp caller who dials our number at the line on that port."""
        return self.sipp(scenario, free_port(), (f"127.0.0.1:{line}", "-s", OURS, *options), words)

    def answers(self, scenario: str, *options: str, **words: str) -> str:
        """A sipp telephone or trunk; returns its SIP address."""
        port = free_port()
        self.sipp(scenario, port, options, words)
        wait_bound(port)
        return f"sip:anna@127.0.0.1:{port}"

    async def succeeds(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a program's end, which must be a good one."""
        status = await asyncio.to_thread(process.wait, PATIENCE)
        errors = [f.read_text(errors="replace")[-2000:] for f in self.directory.glob("*_errors.log")]
        assert status == 0, errors

    def end(self) -> None:
        """End whatever still runs."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_bound(port: int) -> None:
    """Return when somebody has the port; reading the kernel's table disturbs nobody."""
    wanted = f"0100007F:{port:04X}"
    for _ in range(6000):
        if wanted in Path("/proc/net/udp").read_text():
            return
        subprocess.run(["sleep", "0.01"], check=True)
    raise TimeoutError(f"nobody listens on port {port}")
