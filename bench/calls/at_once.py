"""Many bridged, recorded calls side by side, and the frames that are missing in their recordings."""

import time
from pathlib import Path
from typing import Any

from bench.calls.sound import holes, tone
from bench.calls.world import Telephone, free_port, serve

TALK = 20.0  # seconds of each call
TONES = (440.0, 1250.0)


def at_once(place: Path, count: int) -> bool:
    """Place `count` calls, look at every recording; whether no frame is missing."""
    line, number = free_port(), "+33199000000"
    ports = [free_port() for _ in range(count)]
    config = (
        f'allow_networks = ["127.0.0.0/8"]\n[sip]\nlisten = "127.0.0.1:{line}"\nrtp_ports = "30000-31999"\n'
    )
    for index, port in enumerate(ports):
        config += f'[[users]]\nemail = "u{index}@acme.example"\nsip = ["sip:x@127.0.0.1:{port}"]\n'
    for index in range(count):
        config += f'[[numbers]]\nnumber = "{number[:-2]}{index:02}"\nusers = ["u{index}@acme.example"]\n'
    server, told = serve(place / "data", config, {"SWITCHHOOK_TRANSCRIPTS_ENGINE": "off"})
    theirs, ours = (tone(place, hertz, TALK + 10) for hertz in TONES)
    phones: list[Telephone] = []
    try:
        for index, port in enumerate(ports):
            does = ("--answer", "0.2", "--say", str(ours))
            phones.append(Telephone(port, "x", does, 20_000 + 100 * index))
        for phone in phones:
            phone.until("ready", 60)
        before = cpu(server.child.pid)
        for index in range(count):
            uri = f"sip:{number[:-2]}{index:02}@127.0.0.1:{line}"
            calls = ("--dial", uri, "--talk", str(TALK), "--say", str(theirs), "--calls", "1")
            phones.append(Telephone(free_port(), f"+3361200{index:04}", calls, 20_050 + 100 * index))
        for phone in phones[count:]:
            phone.until("exit", 120)
        deadline = time.time() + 60
        while len(completed(told.events)) < count and time.time() < deadline:
            time.sleep(0.2)
        used = cpu(server.child.pid) - before
    finally:
        for phone in phones:
            phone.end()
        server.stop()
    ends = completed(told.events)
    results = [one["result"] for one in ends]
    found = [holes(path) for path in sorted((place / "data" / "recordings").rglob("*.mp3"))]
    seconds = sum(one.seconds for one in found)
    missing = sum(one.missing for one in found)
    print(
        f"{results.count('ANSWERED')} of {count} answered, {len(found)} recordings of {seconds:.0f} s in all"
    )
    print(f"{missing} of {seconds * 50 * 2:.0f} frames missing; server and line used {used:.1f} s CPU")
    return results.count("ANSWERED") == count == len(found) and missing == 0


def completed(events: list[tuple[float, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The calls that are over."""
    return [one["data"] for _, one in list(events) if one["topic"] == "call.completed"]


def cpu(pid: int) -> float:
    """Seconds of processor time of a process and its children that live."""
    pids, used = [pid], 0.0
    while pids:
        one = pids.pop()
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / 100
        pids += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
    return used
