"""A receiver that was down is back: everything it missed is recovered under new traffic, and counted by id.

    python bench/recover.py [--failed 100000] [--rate 200] [--seconds 15] [--rounds 3]

Every event fails for good at endpoint A (500, a schedule of one attempt). Then A answers again, and new events go to A
and to a healthy endpoint B at a fixed pace: at first alone, then while A is recovered. Latency is from the planned
moment of the request to the receipt; of the second run only what was sent while the recovery lasted counts.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.deliver import percentile, percentiles, publish, reconcile, settled
from bench.serving import Server, Sink

TOPIC = "call.completed"
PATIENCE = 300.0  # seconds


class Round:
    """One round."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args, self.folder = args, folder
        self.server = Server(folder / "data", retry_schedule="0")
        self.sink = Sink(folder / "down.log", status=500)
        self.lost = 0
        self.ratios: dict[str, float] = {}

    def run(self) -> None:
        try:
            failed, a = self._fail()
            self.server.endpoint(f"http://127.0.0.1:{self.sink.port}/b", [TOPIC])
            _finish(self._publish("warm", 200))
            alone = self._latencies("alone", self._publish("alone"))
            self._recover(failed, a, alone)
        finally:
            self.server.stop()
            self.sink.stop()

    def _fail(self) -> tuple[set[str], str]:
        """Have everything fail at A; its ids, and A's id. Then A answers again."""
        made = self.server.endpoint(f"http://127.0.0.1:{self.sink.port}/a", [TOPIC])
        log = self.folder / "failed"
        more = ("--count", str(self.args.failed), "--batch", "100", "--connections", "4", "--prefix", "cll_f")
        _finish(publish(self.server, log, *more))
        reconcile(log, [self.sink], 1, PATIENCE)
        settled(self.server)
        self.sink.stop()
        self.sink = Sink(self.folder / "up.log", port=self.sink.port)
        return {line.split()[0] for line in log.read_text().splitlines()}, made["id"]

    def _publish(self, name: str, count: int = 0) -> "subprocess.Popen[bytes]":
        count = count or int(self.args.rate * self.args.seconds)
        more = ("--count", str(count), "--rate", str(self.args.rate), "--prefix", f"cll_{name}")
        return publish(self.server, self.folder / name, *more, "--connections", "32")

    def _latencies(
        self, name: str, publisher: "subprocess.Popen[bytes]", until: int = 0
    ) -> dict[str, list[float]]:
        """How long each new event that was sent before `until` took to each endpoint, in ms."""
        _finish(publisher)
        counted = reconcile(self.folder / name, [self.sink], 2)
        sent = {id_: at for id_, (at, _) in counted.accepted.items()}
        found: dict[str, list[float]] = {}
        for endpoint in ("a", "b"):
            arrived: dict[str, int] = {}
            for id_, at, _ in self.sink.received(f"/{endpoint}"):
                arrived.setdefault(id_, at)
            self.lost += len(sent.keys() - arrived.keys())
            found[endpoint] = [
                (arrived[id_] - at) / 1e6
                for id_, at in sent.items()
                if id_ in arrived and (not until or at < until)
            ]
            print(f"    {name:9} {endpoint.upper()}  {percentiles(found[endpoint])}", flush=True)
        return found

    def _recover(self, failed: set[str], a: str, alone: dict[str, list[float]]) -> None:
        """Recover A under new traffic."""
        publisher = self._publish("recovery")
        time.sleep(0.5)
        began = time.monotonic_ns()
        job = self.server.call("POST", f"/v2/api/webhooks/{a}/recover", {"since": "2020-01-01T00:00:00Z"})[
            "data"
        ]
        arrived: dict[str, list[int]] = {}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            time.sleep(1)  # reading the log costs a core of two: seldom
            if sum(1 for line in self.sink.log.open("rb") if line.endswith(b"/a\n")) < len(failed):
                continue
            arrived = {}
            for id_, at, _ in self.sink.received("/a"):
                arrived.setdefault(id_, []).append(at)
            if failed <= arrived.keys():
                break
        ended = max((at for id_ in failed for at in arrived.get(id_, ())), default=began)
        missing = len(failed - arrived.keys())
        twice = sum(len(arrived[id_]) - 1 for id_ in failed if id_ in arrived)
        self.lost += missing
        during = self._latencies("recovery", publisher, ended)
        job = self.server.call("GET", f"/v2/api/recoveries/{job['id']}")["data"]
        self.ratios = {name: percentile(during[name], 0.99) / percentile(alone[name], 0.99) for name in "ab"}
        print(
            f"  {len(failed)} failed, {job['queued']} put back, lost {missing}, twice {twice}; "
            f"{len(failed) / ((ended - began) / 1e9):.0f}/s, {(ended - began) / 1e9:.1f} s; "
            f"p99 during / alone: A {self.ratios['a']:.2f}  B {self.ratios['b']:.2f}",
            flush=True,
        )


def _finish(publisher: "subprocess.Popen[bytes]") -> None:
    if publisher.wait(600):
        raise SystemExit("the publisher failed")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--failed", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(
        f"{args.failed} failures, {args.rate:g}/s new, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    rounds = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            one = Round(args, Path(folder))
            one.run()
            rounds.append(one)
    for name in "ab":
        values = [one.ratios[name] for one in rounds]
        print(
            f"  {name.upper()} p99 during / alone: median {statistics.median(values):.2f}  "
            f"({min(values):.2f} to {max(values):.2f})"
        )
    sys.exit(1 if any(one.lost for one in rounds) else 0)


if __name__ == "__main__":
    main()
