"""How fast events go in, are made durable, signed, sent and settled; with every message counted by id.

    python bench/deliver.py drain   [--events 50000] [--fan-out 1] [--rounds 3]   as fast as it goes, in batches
    python bench/deliver.py latency [--rate 200] [--seconds 20] [--rounds 3]      at a fixed pace, one event a request
    python bench/deliver.py latency --idle 2 [--seconds 60]                   one event at a time, after 2 s of silence
    python bench/deliver.py accept  [--seconds 5] [--rounds 3]                    accepting alone, by wrk
    python bench/deliver.py accept  --batch 100 [--events 50000] [--rounds 3]     the same in batches of 1.3 kB events

With --postgresql on a PostgreSQL started for it, which fsyncs; with --workers N there, or --split: one process accepts,
another one delivers.

A round of `drain` also lets `wrk` POST a body of the same size at the same sink: what two cores can send when nothing
is signed or kept. Rates are quoted beside it as a ratio of the same round. Everything runs on 127.0.0.1.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.publisher import payload
from bench.serving import Fleet, Server, Sink
from tests.postgres import cluster

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_of_tree(pid: int) -> float:
    """The same of a process, its children, and those it had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = sum(map(int, fields[11:15])) / TICK
    return own + sum(cpu_of_tree(int(child)) for child in children)


def memory_mb(pid: int, which: str = "VmRSS") -> float:
    """Resident memory of a process; with `VmHWM` the most it ever was."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{which}:\s+(\d+)", text).group(1)) / 1024  # type: ignore[union-attr]


def publish(server: Server, log: Path, *more: str) -> "subprocess.Popen[bytes]":
    """Start a publisher."""
    script = str(Path(__file__).parent / "publisher.py")
    return subprocess.Popen([sys.executable, script, server.url, server.key, "--log", str(log), *more])


def wrk(folder: Path, url: str, seconds: float, headers: dict[str, str], body: bytes) -> float:
    """Requests a second that wrk gets through."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("this needs wrk: apt-get install wrk")
    script = folder / "post.lua"
    (folder / "body").write_bytes(body)
    lines = [f"wrk.headers[{name!r}] = {value!r}" for name, value in headers.items()]
    script.write_text(
        f'wrk.method = "POST"\nlocal f = io.open("{folder}/body", "rb")\nwrk.body = f:read("*a")\n'
        + "\n".join(lines)
    )
    out = subprocess.run(
        [program, "-t1", "-c64", f"-d{seconds:g}s", "-s", str(script), url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in out:
        raise SystemExit(f"wrk was refused: {out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))  # type: ignore[union-attr]


@dataclass
class Counted:
    """What arrived against what was accepted."""

    accepted: dict[str, tuple[int, int]]
    arrivals: dict[str, list[int]]

    @property
    def lost(self) -> int:
        return len(self.accepted.keys() - self.arrivals.keys())

    @property
    def total(self) -> int:
        return sum(map(len, self.arrivals.values()))


def reconcile(log: Path, sinks: list[Sink], fan_out: int, patience: float = 60) -> Counted:
    """Wait until all that was accepted arrived everywhere, then count."""
    accepted = {
        id_: (int(sent), int(got))
        for id_, sent, got in (line.split() for line in log.read_text().splitlines())
    }
    quiet, last = time.monotonic(), -1
    while True:
        arrivals: dict[str, list[int]] = {}
        for sink in sinks:
            for id_, at, _ in sink.received():
                arrivals.setdefault(id_, []).append(at)
        total = sum(len(arrivals.get(id_, ())) for id_ in accepted)
        if total >= len(accepted) * fan_out or time.monotonic() - quiet > patience:
            return Counted(accepted, arrivals)
        if total != last:
            last, quiet = total, time.monotonic()
        time.sleep(0.2)


def settled(server: Server) -> None:
    """Wait until every outcome is recorded: the low-water mark of every worker has caught up."""
    import urllib.request

    for _ in range(600):
        text = urllib.request.urlopen(server.url + "/metrics", timeout=10).read().decode()
        found = re.findall(r"^\w*events_above_low_water(?:\{[^}]*\})? ([\d.]+)", text, re.MULTILINE)
        if not any(map(float, found)):
            return
        time.sleep(0.05)
    raise SystemExit("outcomes were not recorded within 30 s")


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def percentiles(values: list[float]) -> str:
    at = [percentile(values, part) for part in (0.5, 0.95, 0.99)]
    return "p50 {:.2f}  p95 {:.2f}  p99 {:.2f} ms".format(*at)


def fleet(args: argparse.Namespace, folder: Path) -> Fleet:
    """What the options ask for."""
    database = args.cluster.database() if args.cluster else ""
    traces = {} if args.traces is None else {"traces_endpoint": args.collector, "traces_share": args.traces}
    return Fleet(folder / "data", database, workers=args.workers, split=args.split, **traces)


def drain(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """One round of `drain`."""
    sink = Sink(folder / "sink.log")
    collector = Sink(folder / "collector.log") if args.traces is not None else None
    args.collector = collector.url if collector else ""
    serving = fleet(args, folder)
    server = serving.front
    log = folder / "published"
    try:
        limit = wrk(folder, sink.url, 2, {"webhook-id": "msg_wrk"}, payload(1250))
        for _ in range(args.fan_out):
            server.endpoint(sink.url, ["call.completed"])
        before = sum(map(cpu_seconds, serving.pids))
        of_database = cpu_of_tree(args.cluster.process.pid) if args.cluster else 0.0
        began = time.monotonic()
        publisher = publish(server, log, "--count", str(args.events), "--batch", "100", "--connections", "4")
        if publisher.wait(600):
            raise SystemExit("the publisher failed")
        accepted_in = time.monotonic() - began
        counted = reconcile(log, [sink], args.fan_out)
        settled(server)
        cpu = sum(map(cpu_seconds, serving.pids)) - before
        of_database = cpu_of_tree(args.cluster.process.pid) - of_database if args.cluster else 0.0
        memory = max(map(memory_mb, serving.pids))
    finally:
        serving.stop()
        sink.stop()
        if collector:
            collector.stop()
    first = min(sent for sent, _ in counted.accepted.values())
    last = max(at for id_ in counted.accepted for at in counted.arrivals[id_])
    deliveries = args.events * args.fan_out
    rate = deliveries / ((last - first) / 1e9)
    duplicates = sum(len(counted.arrivals[id_]) - args.fan_out for id_ in counted.accepted)
    print(
        f"  {rate:8.0f} deliveries/s  {rate / limit:.2f} of wrk ({limit:.0f}/s)  "
        f"{cpu / deliveries * 1e6:5.1f} µs CPU each  "
        + (f"and {of_database / deliveries * 1e6:.1f} of the database  " if args.cluster else "")
        + f"{memory:.0f} MB  "
        f"accepted at {args.events / accepted_in:.0f}/s  lost {counted.lost}  duplicates {duplicates}",
        flush=True,
    )
    return {"rate": rate, "ratio": rate / limit, "cpu": cpu / deliveries * 1e6, "lost": counted.lost}


def latency(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """One round of `latency`."""
    sink = Sink(folder / "sink.log")
    serving = fleet(args, folder)
    server = serving.front
    log = folder / "published"
    rate = 1 / args.idle if args.idle else args.rate
    count = int(rate * args.seconds)
    try:
        server.endpoint(sink.url, ["call.completed"])
        publish(server, folder / "warm", "--count", "200", "--prefix", "cll_w").wait(60)
        more = ("--count", str(count), "--rate", str(rate), "--connections", "1" if args.idle else "32")
        if publish(server, log, *more).wait(600):
            raise SystemExit("the publisher failed")
        counted = reconcile(log, [sink], 1)
        settled(server)
    finally:
        serving.stop()
        sink.stop()
    accept = [(got - sent) / 1e6 for sent, got in counted.accepted.values()]
    # `whole` counts from the planned moment of the request; `after` from the answer that said accepted, which the
    # receipt often overtakes: dispatch begins with the commit and does not wait for the answer to be read.
    whole = [(counted.arrivals[id_][0] - sent) / 1e6 for id_, (sent, _) in counted.accepted.items()]
    after = [(counted.arrivals[id_][0] - got) / 1e6 for id_, (_, got) in counted.accepted.items()]
    duplicates = counted.total - len(counted.arrivals)
    print(
        f"  {rate:g}/s  accept {percentiles(accept)}  request to receipt {percentiles(whole)}  "
        f"accept to receipt {percentiles(after)}  lost {counted.lost}  duplicates {duplicates}",
        flush=True,
    )
    return {"p50": statistics.median(whole), "p99": percentile(whole, 0.99), "lost": counted.lost}


def accept_batches(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """One round of `accept --batch`: every event is another fact, and nobody subscribed to any."""
    serving = fleet(args, folder)
    log = folder / "published"
    try:
        before = sum(map(cpu_seconds, serving.pids))
        more = ("--count", str(args.events), "--batch", str(args.batch), "--connections", "4")
        if publish(serving.front, log, *more).wait(600):
            raise SystemExit("the publisher failed")
        cpu = sum(map(cpu_seconds, serving.pids)) - before
    finally:
        serving.stop()
    moments = [tuple(map(int, line.split()[1:])) for line in log.read_text().splitlines()]
    rate = len(moments) / (max(got for _, got in moments) - min(sent for sent, _ in moments)) * 1e9
    print(
        f"  {rate:8.0f} events accepted/s in batches of {args.batch}, {cpu / len(moments) * 1e6:.1f} µs CPU each",
        flush=True,
    )
    return {"rate": rate, "lost": args.events - len(moments)}


def accept(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """One round of `accept`."""
    if args.batch > 1:
        return accept_batches(args, folder)
    serving = fleet(args, folder)
    server = serving.front
    body = b'{"topic":"tag.added","data":{"call_id":"cll_1","tag_key":"a","tag_name":"A","user_email":null}}'
    headers = {"Authorization": f"Api-Key {server.key}", "Content-Type": "application/json"}
    try:
        before = sum(map(cpu_seconds, serving.pids))
        rate = wrk(folder, server.url + "/v2/api/events", args.seconds, headers, body)
        cpu = sum(map(cpu_seconds, serving.pids)) - before
    finally:
        serving.stop()
    print(
        f"  {rate:8.0f} accepted/s over 64 connections, {cpu / (rate * args.seconds) * 1e6:.1f} µs CPU each",
        flush=True,
    )
    return {"rate": rate, "lost": 0}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("drain", "latency", "accept"))
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--fan-out", type=int, default=1)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--idle", type=float, default=0)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--split", action="store_true")
    parser.add_argument(
        "--traces", type=float, help="share of the traces that are sent, to a collector of ours"
    )
    args = parser.parse_args()
    with cluster() if args.postgresql else contextlib.nullcontext() as args.cluster:
        sys.exit(run(args))


def run(args: argparse.Namespace) -> int:
    """The rounds; 1 when anything was lost."""
    print(f"{args.what}: {os.cpu_count()} cores, Python {sys.version.split()[0]}, {args.rounds} rounds")
    rounds = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(
                {"drain": drain, "latency": latency, "accept": accept}[args.what](args, Path(folder))
            )
    for name in rounds[0]:
        values = [r[name] for r in rounds]
        print(f"  {name:6} median {statistics.median(values):.2f}  ({min(values):.2f} to {max(values):.2f})")
    return 1 if any(r["lost"] for r in rounds) else 0


if __name__ == "__main__":
    main()
