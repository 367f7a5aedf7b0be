"""Switchhook and what Python teams use instead, side by side: same machine, sink, body, count; counted by id.

    bench/compare/setup.sh DIR
    python bench/compare/run.py --environment DIR rates [--count 5000] [--rounds 3] [--only NAME …]
    python bench/compare/run.py --environment DIR kills [--count 3000] [--only NAME …]

`rates`: everything published at once by sixteen callers, from the first request to the last receipt, and CPU of worker
and broker for each delivery (Switchhook's is the whole server, accepting included); then ten a second for twenty
seconds, from the planned moment of the publish to the receipt. The contenders take turns. django-outbound-webhooks gets
a tenth of the count, or it would take all day.

`kills`: the workers are killed (SIGKILL) when a third has arrived, and started again; then, on a fresh one, the broker.
Two new events a second go on coming: some look after what is left only when there is something new. `lost` is what was
accepted and had not arrived when none of it had come for `--patience` seconds and the broker did not have it any more;
`held` is what it still had then. How each is set up stands at the head of its file.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from bench.compare.brokers import Postgres, Redis
from bench.compare.contenders import Contender, Switchhook, celery, django, procrastinate, taskiq
from bench.deliver import percentile
from bench.serving import Sink
from tests.postgres import cluster

TENTH = ("django",)
PACE = 10.0  # events a second: all of them can keep up with that
NAMES = ("switchhook", "switchhook-postgresql", "celery", "taskiq", "procrastinate", "django")


@contextlib.contextmanager
def contending(name: str, environment: Path) -> Iterator[Contender]:
    """A contender that runs and has delivered a first event."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sink = Sink(folder / "sink.log")
        stack.callback(sink.stop)
        made: Contender
        if name in ("celery", "taskiq"):
            redis = Redis(folder)
            stack.callback(redis.kill)
            made = {"celery": celery, "taskiq": taskiq}[name](environment, folder, sink, redis)
        elif name == "switchhook":
            made = Switchhook(environment, folder, sink)
        else:
            database = Postgres(stack.enter_context(cluster()))
            if name == "switchhook-postgresql":
                made = Switchhook(environment, folder, sink, database)
            else:
                recipes = {"procrastinate": procrastinate, "django": django}
                made = recipes[name](environment, folder, sink, database)
        made.start()
        stack.callback(made.kill_workers)
        publish_all(made, "cll_first", 1)
        if len(wait(made, "cll_first", 60)) != 1:
            raise SystemExit(f"{made.name} did not deliver its first event")
        yield made


def publish_all(made: Contender, prefix: str, count: int, rate: float = 0) -> None:
    if made.publish(prefix, count, rate).wait(600):
        log = (made.folder / "publisher.log").read_text()
        raise SystemExit(f"{made.name}: the publisher failed: {log[-2000:]}")


def accepted(made: Contender, prefix: str) -> dict[str, int]:
    """The planned moment of what was accepted."""
    lines = (made.folder / prefix).read_text().splitlines()
    return {id_: int(planned) for id_, planned, _ in (line.split() for line in lines)}


def wait(made: Contender, prefix: str, patience: float) -> dict[str, list[int]]:
    """Until everything accepted has arrived, or nothing has come for `patience` seconds; what came."""
    expected = accepted(made, prefix).keys()
    lines, quiet = -1, time.monotonic()
    while True:
        now = made.sink.log.read_bytes().count(b"\n")
        if now >= len(expected):
            found = made.arrivals()
            if expected <= found.keys():
                return found
        if now != lines:
            lines, quiet = now, time.monotonic()
        elif time.monotonic() - quiet > patience:
            return made.arrivals()
        time.sleep(0.2)


def wait_on(made: Contender, prefix: str, patience: float) -> dict[str, list[int]]:
    """The same with a trickle of new events beside."""
    expected = accepted(made, prefix).keys()
    trickle = made.publish("cll_more", 4 * int(patience), 2)
    try:
        missing, quiet = -1, time.monotonic()
        while True:
            found = made.arrivals()
            left = len(expected - found.keys())
            if left == 0 or time.monotonic() - quiet > patience:
                return found
            if left != missing:
                missing, quiet = left, time.monotonic()
            time.sleep(1)
    finally:
        trickle.kill()
        trickle.wait()


def rates(name: str, args: argparse.Namespace) -> tuple[float, ...]:
    """Deliveries a second, CPU (µs) each, and latency p50 and p99 (ms) at a slow pace."""
    count = args.count // 10 if name in TENTH else args.count
    with contending(name, args.environment) as made:
        before = made.cpu()
        publish_all(made, "cll_fast", count)
        found = wait(made, "cll_fast", 60)
        cpu = (made.cpu() - before) / count * 1e6
        sent = accepted(made, "cll_fast")
        missing = len(sent.keys() - found.keys())
        last = max(found[id_][0] for id_ in sent if id_ in found)
        rate = len(sent) / ((last - min(sent.values())) / 1e9)
        publish_all(made, "cll_slow", 200, PACE)
        found = wait(made, "cll_slow", 60)
        took = [(found[id_][0] - at) / 1e6 for id_, at in accepted(made, "cll_slow").items() if id_ in found]
        p50, p99 = percentile(took, 0.5), percentile(took, 0.99)
        print(
            f"  {made.name:26} {rate:7.0f} deliveries/s  {cpu:6.0f} µs CPU each"
            f"  at {PACE:g}/s p50 {p50:6.1f} p99 {p99:6.1f} ms  lost {missing}",
            flush=True,
        )
        return rate, cpu, p50, p99


def kills(name: str, args: argparse.Namespace) -> None:
    """What is lost when the workers, and when the broker is killed."""
    count = args.count // 10 if name in TENTH else args.count
    for what in ("workers", "broker"):
        with contending(name, args.environment) as made:
            publisher = made.publish("cll_kill", count)
            while made.sink.log.read_bytes().count(b"\n") < count // 3 and publisher.poll() is None:
                time.sleep(0.005)
            killed = time.monotonic_ns()
            if what == "workers":
                made.kill_workers()
                time.sleep(1)
                made.start()
            else:
                made.restart_broker()
            if publisher.wait(600):
                raise SystemExit(f"{made.name}: the publisher failed")
            found = wait_on(made, "cll_kill", args.patience)
            sent = accepted(made, "cll_kill")
            missing = len(sent.keys() - found.keys())
            held = min(missing, made.held())
            twice = sum(len(found[id_]) - 1 for id_ in sent if id_ in found)
            last = max(at for id_ in sent for at in found.get(id_, [killed]))
            print(
                f"  {made.name:26} {what:8} killed: accepted {len(sent)}  lost {missing - held}  held {held}  "
                f"twice {twice}  last came {(last - killed) / 1e9:.1f} s after",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("rates", "kills"))
    parser.add_argument("--environment", type=Path, required=True)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=100)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    args = parser.parse_args()
    args.environment = args.environment.resolve()
    if not (args.environment / "bin" / "celery").exists() or shutil.which("redis-server") is None:
        raise SystemExit(
            "first: apt-get install redis-server postgresql; bench/compare/setup.sh " + str(args.environment)
        )
    print(
        f"{args.what}: {args.count} events of 1.3 kB, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    if args.what == "kills":
        for name in args.only:
            kills(name, args)
        return
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in args.only}
    for _ in range(args.rounds):
        for name in args.only:
            found[name].append(rates(name, args))
    print(f"  medians of {args.rounds}: deliveries/s, µs CPU, p50 and p99 ms")
    for name, rounds in found.items():
        print(
            f"  {name:26}"
            + "".join(f"{statistics.median(column):10.1f}" for column in zip(*rounds, strict=True))
        )


if __name__ == "__main__":
    main()
