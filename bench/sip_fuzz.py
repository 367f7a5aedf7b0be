"""Broken SIP against a real line while real calls go on: does anything crash, leak, or harm a call?

    python -m bench.sip_fuzz [--minutes 5] [--rate 400] [--seed 1]

A line as `serve` runs it (its own worker process), a telephone that registers and answers, and one caller after the
other who is to be heard. Meanwhile mutated messages arrive from an address that is believed and from a stranger's, by
UDP and TCP: requests and answers of every kind, the torture messages of RFC 4475, and noise. Told at the end: messages
sent, calls made and how many of them were not as they should be, restarts of the worker, faults in its log, its memory
and its CPU time.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import sys
import tempfile
from collections import Counter
from pathlib import Path

from switchhook.clock import SystemClock
from switchhook.telephony.sip import Reject, Ring, RingPlan, SipConfig, SipLine
from switchhook.workspace.facts import Answered, AnyFact, EndCause, Ended, Offered
from tests.telephony.sip_noise import spoiled, whole
from tests.telephony.sip_world import free_port, rtp_ports, tone_wav

OURS, PASSWORD = "+33112345678", "fuzz password"
BELIEVED, STRANGER = "127.0.0.1", "127.0.0.3"


class Fuzz:
    """One run."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.port, self.tcp = free_port(), free_port()
        self.facts: list[AnyFact] = []
        self.sent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.pids: set[int] = set()
        config = SipConfig(
            listen=f"127.0.0.1:{self.port}",
            listen_tcp=f"127.0.0.1:{self.tcp}",
            rtp_ports="12000-12999",
            allow=(f"{BELIEVED}/32",),
            passwords={"camille": PASSWORD},
            users=("sip:camille@registered",),
            numbers=(OURS,),
            record=False,
            max_calls=1000,
        )
        self.line = SipLine(config, self._on_fact, self._route, SystemClock(), folder / "data")

    async def _on_fact(self, fact: AnyFact) -> None:
        self.facts.append(fact)

    async def _route(self, offered: Offered) -> RingPlan:
        if offered.to_raw == OURS:
            return Ring(("sip:camille@registered",), 10)
        return Reject(EndCause.UNREACHABLE)

    async def telephone(self, *options: str) -> asyncio.subprocess.Process:
        """A scripted telephone; what it says can be read."""
        module = ["-m", "switchhook.telephony.sip.phone", "--listen", f"127.0.0.1:{free_port()}"]
        return await asyncio.create_subprocess_exec(
            sys.executable, *module, "--rtp", rtp_ports(), *options, stdout=asyncio.subprocess.PIPE
        )

    async def call(self) -> None:
        """One call from outside, which Camille answers; whether it went as it should."""
        target = f"sip:{OURS}@127.0.0.1:{self.port}"
        say = str(self.folder / "say.wav")
        caller = await self.telephone(
            "--user", "+33612345678", "--dial", target, "--say", say, "--talk", "2", "--calls", "1", "--lifetime", "20"
        )  # fmt: skip
        assert caller.stdout is not None
        events = [json.loads(line)["event"] for line in (await caller.stdout.read()).splitlines()]
        await caller.wait()
        self.calls["made"] += 1
        if "answered" not in events or "heard" not in events:
            self.calls["harmed"] += 1

    def memory(self) -> int:
        """Resident bytes of the worker."""
        pid = self.line.worker_pid
        if pid is None:
            return 0
        self.pids.add(pid)
        try:
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0

    def cpu(self) -> float:
        """CPU seconds of the worker."""
        pid = self.line.worker_pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() if pid else ["0"] * 13
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def datagrams(self, host: str, rate: float) -> None:
        """Mutated messages by UDP, until cancelled."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((host, 0))
            sender.setblocking(False)
            own = sender.getsockname()[1]
            while True:
                sender.sendto(spoiled(self.random, whole(self.random, host, own)), ("127.0.0.1", self.port))
                self.sent[f"udp from {host}"] += 1
                try:
                    while sender.recv(65_535):
                        self.sent["answers"] += 1
                except BlockingIOError:
                    pass
                await asyncio.sleep(1 / rate)

    async def streams(self, host: str, rate: float) -> None:
        """Mutated messages by TCP, some of them cut off, until cancelled."""
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.tcp, local_addr=(host, 0))
            except OSError:
                self.sent["connections refused"] += 1
                await asyncio.sleep(1 / rate)
                continue
            for _ in range(self.random.randrange(1, 6)):
                data = spoiled(self.random, whole(self.random, host, 5060))
                writer.write(data[: self.random.choice((len(data), len(data), len(data) // 2))])
                self.sent[f"tcp from {host}"] += 1
                await asyncio.sleep(1 / rate)
            writer.transport.abort()

    async def run(self, minutes: float, rate: float) -> dict[str, object]:
        """All of it; what was found."""
        await self.line.start()
        seconds = minutes * 60
        register = (
            "--register",
            f"127.0.0.1:{self.port}",
            "--password",
            PASSWORD,
            "--lifetime",
            str(seconds + 60),
        )
        say = str(self.folder / "say.wav")
        camille = await self.telephone("--user", "camille", "--answer", "0.2", "--say", say, *register)
        assert camille.stdout is not None
        await camille.stdout.readline()
        drain = asyncio.ensure_future(camille.stdout.read())
        await self.call()
        began = asyncio.get_running_loop().time()
        noise = [
            asyncio.ensure_future(self.datagrams(BELIEVED, rate * 0.6)),
            asyncio.ensure_future(self.datagrams(STRANGER, rate * 0.2)),
            asyncio.ensure_future(self.streams(BELIEVED, rate * 0.1)),
            asyncio.ensure_future(self.streams(STRANGER, rate * 0.1)),
        ]
        memory = []
        try:
            while asyncio.get_running_loop().time() - began < seconds:
                await self.call()
                memory.append(self.memory())
        finally:
            for task in noise:
                task.cancel()
            await asyncio.gather(*noise, return_exceptions=True)
        cpu = self.cpu()
        await self.call()  # and the line serves the next one
        memory.append(self.memory())
        await self.line.stop()
        camille.terminate()
        await camille.wait()
        drain.cancel()
        ended = Counter(fact.call for fact in self.facts if isinstance(fact, Ended))
        offered = {fact.call for fact in self.facts if isinstance(fact, Offered)}
        return {
            "sent": dict(self.sent),
            "calls": dict(self.calls),
            "offered": len(offered),
            "answered": len({fact.call for fact in self.facts if isinstance(fact, Answered)}),
            "offered and not ended once": sum(ended[call] != 1 for call in offered),
            "workers": len(self.pids),
            "cpu_seconds": round(cpu, 1),
            "rss_mb": [round(one / 1e6, 1) for one in memory[:: max(1, len(memory) // 8)]],
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=400.0, help="messages a second")
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="switchhook-sip-fuzz-") as folder:
        tone_wav(Path(folder) / "say.wav", 440)
        log = Path(folder) / "log"
        kept, file = os.dup(2), os.open(log, os.O_CREAT | os.O_WRONLY)
        os.dup2(file, 2)  # the worker inherits it
        try:
            found = asyncio.run(Fuzz(Path(folder), a.seed).run(a.minutes, a.rate))
        finally:
            os.dup2(kept, 2)
        lines = log.read_text(errors="replace").splitlines()
        found["faults in the log"] = sum("not dealt with" in line or "Traceback" in line for line in lines)
        found["log"] = Counter(" ".join(line.split()[:6]) for line in lines).most_common(8)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
