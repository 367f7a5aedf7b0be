"""Calls at once over the SIP line, recorded: whether a frame of sound is lost on the way.

    python -m bench.calls.lost_frames [--calls 20] [--seconds 20] [--apart 0.5] [--codecs pcmu,pcma] [--srtp off]

Callers (sipp) send a tone as RTP, the telephone (sipp too) sends back what it hears, so that the tone goes through the
line twice and stands on both sides of the recording. Its period does not fit into a frame: where one was lost or
doubled, the tone's phase jumps, and where one was replaced by silence, it stops. Both are counted in what was recorded,
from the first sound to the last.
"""

import argparse
import array
import asyncio
import cmath
import math
import os
import tempfile
from pathlib import Path

from switchhook.telephony.sip import Ring
from tests.telephony.sip_world import Programs, Server, tone_ulaw

HZ = 437.5  # 8.75 periods in a frame of 20 ms
RATE = 8000
STEP = 80  # samples: half a frame
LOUD = 0.05
SETTLED = 1.0  # seconds after which a call is not renegotiated any more, as it is shortly after its answer
TURN = 0.12  # periods between what the phase is and what it must be


def jumps(samples: "array.array[int]") -> tuple[list[float], int]:
    """When the tone jumps or stops, in seconds from its beginning to its end, and how many pieces it has."""
    table = [cmath.exp(-2j * math.pi * HZ * n / RATE) for n in range(STEP)]
    found = []
    for at in range(0, len(samples) - STEP, STEP):
        heard = sum(samples[at + n] * table[n] for n in range(STEP)) * 2 / (STEP * 32768)
        found.append(heard)
    loud = [number for number, one in enumerate(found) if abs(one) > LOUD]
    if not loud:
        return [], 0
    expected = HZ * STEP / RATE
    bad: list[float] = []
    sure = None
    for number in range(loud[0] + 1, loud[-1]):
        one = found[number]
        if abs(one) <= LOUD:
            bad.append((number - loud[0]) * STEP / RATE)
            sure = None
            continue
        phase = cmath.phase(one) / (2 * math.pi)
        if sure is not None:
            off = (phase - sure - expected + 0.5) % 1 - 0.5
            if abs(off) > TURN:
                bad.append((number - loud[0]) * STEP / RATE)
        sure = phase
    return bad, loud[-1] - loud[0]


def cpu_of(pid: int) -> float:
    """Processor seconds of a process so far."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def run(folder: Path, options: argparse.Namespace) -> None:
    """Place the calls, and print what came of them."""
    programs = Programs(folder / "programs")
    (folder / "programs").mkdir()
    speech = tone_ulaw(folder / "tone.ulaw", HZ, options.seconds + 10)
    agent = programs.answers("echo", "-rtp_echo", "-m", str(options.calls))
    settings = {"codecs": tuple(options.codecs.split(",")), "srtp": options.srtp}
    server = Server(folder / "data", Ring((agent,), 20), rtp_ports="30000-30399", **settings)
    await server.line.start()
    (worker,) = children(os.getpid())[-1:]
    kept: dict[str, Path] = {}

    async def keep() -> None:
        while True:  # a second name survives the removal of the first
            for part in (folder / "data" / "recordings").glob("*.part.wav"):
                if part.name not in kept:
                    kept[part.name] = folder / f"{part.name}.kept"
                    os.link(part, kept[part.name])
            await asyncio.sleep(0.1)

    keeping = asyncio.create_task(keep())
    callers = []
    for _ in range(options.calls):
        length = str(int(options.seconds * 1000))
        callers.append(programs.calls(server.port, "caller", "-d", length, SPEECH=str(speech)))
        await asyncio.sleep(options.apart)
    good = 0
    for one in callers:
        good += await asyncio.to_thread(one.wait, options.seconds + 60) == 0
    await server.until("ended", options.calls)
    used = cpu_of(worker)
    keeping.cancel()
    await server.line.stop()
    programs.end()
    pieces, places = 0, []
    for path in kept.values():
        both = array.array("h", path.read_bytes()[44:])
        for side in (both[0::2], both[1::2]):
            bad, all_ = jumps(side)
            places += bad
            pieces += all_
    seconds = pieces * STEP / RATE
    print(
        f"{good} of {options.calls} calls complete, {len(kept)} recorded; {seconds:.0f} s of sound on both sides, "
        f"{sum(at >= SETTLED for at in places)} places where it jumps or stops "
        f"({sum(at < SETTLED for at in places)} in the first second); {used:.1f} s CPU of the line, "
        f"{100 * used / (options.calls * options.seconds):.1f} % of a core for each call"
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument(
        "--apart", type=float, default=0.5, metavar="SECONDS", help="between two beginnings, and two ends"
    )
    parser.add_argument("--codecs", default="pcmu,pcma")
    parser.add_argument("--srtp", default="off")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="switchhook-calls-") as folder:
        asyncio.run(run(Path(folder), options))


if __name__ == "__main__":
    main()
