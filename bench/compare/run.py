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
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from bench.deliver import percentile
from bench.publisher import payload
from bench.serving import Server, Sink
from tests.postgres import Cluster, cluster

HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")


def tree_cpu(pid: int) -> float:
    """User and system seconds of a process and everything below it, the ended ones included."""
    total = 0.0
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total = sum(map(int, fields[11:15])) / TICK
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(tree_cpu(int(child)) for child in (task / "children").read_text().split())
    return total


def kill_tree(pid: int) -> None:
    """SIGKILL to a process and everything below it."""
    below: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            below += map(int, (task / "children").read_text().split())
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    for child in below:
        kill_tree(child)


class Redis:
    """A redis-server with its default persistence in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._folder = folder
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        where = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen(["redis-server", *where], stdout=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            time.sleep(0.05)
        raise SystemExit("redis-server did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def count(self, *command: str) -> int:
        """The number that a command gives."""
        out = subprocess.run(
            ["redis-cli", "-u", self.url, *command], capture_output=True, text=True, check=True
        ).stdout
        return int((out.split() or ["0"])[0])


class Postgres:
    """A database of a throw-away cluster."""

    def __init__(self, running: Cluster) -> None:
        self._running = running
        self.url = running.database(empty=True)

    def start(self) -> None:
        for _ in range(20):  # what the killed one left must end first
            with contextlib.suppress(AssertionError):
                return self._running.start()
            time.sleep(0.5)
        raise SystemExit("PostgreSQL did not start again")

    def kill(self) -> None:
        self._running.stop(signal.SIGKILL)

    @property
    def pid(self) -> int:
        assert self._running.process is not None
        return self._running.process.pid

    def count(self, statement: str) -> int:
        ((found,),) = self._running.execute(statement, database=self.url.split("?")[0].rpartition("/")[2])
        return int(str(found))


class Contender:
    """Anything that gets events to the sink."""

    def __init__(self, name: str, environment: Path, folder: Path, sink: Sink) -> None:
        self.name, self.bin, self.folder, self.sink = name, environment / "bin", folder, sink
        self.env = {**os.environ, "HOOK": sink.url, "PYTHONDONTWRITEBYTECODE": "1"}

    def publish(self, prefix: str, count: int, rate: float = 0) -> "subprocess.Popen[bytes]":
        body = self.folder / "body"
        data = payload(1250).decode()
        first = data.index('"id":"') + 6
        body.write_text(data[:first] + "@ID@" + data[data.index('"', first) :])
        more = ["--count", str(count), "--rate", str(rate), "--prefix", prefix, "--body", str(body)]
        words = [*self.publisher(), "publish", *more, "--log", str(self.folder / prefix)]
        with (self.folder / "publisher.log").open("ab") as log:
            return subprocess.Popen(words, cwd=HERE, env=self.env, stdout=log, stderr=log)

    def arrivals(self) -> dict[str, list[int]]:
        """When what was published under an id arrived."""
        found: dict[str, list[int]] = {}
        names = self.names()
        for id_, at, _ in self.sink.received():
            found.setdefault(names.get(id_, id_), []).append(at)
        return found

    def names(self) -> dict[str, str]:
        """The id under which an event was published by the one it arrives with, where they differ."""
        return {}

    def publisher(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def kill_workers(self) -> None:
        raise NotImplementedError

    def restart_broker(self) -> None:
        """Kill the broker and start it again."""
        raise NotImplementedError

    def cpu(self) -> float:
        raise NotImplementedError

    def held(self) -> int:
        raise NotImplementedError


class Switchhook(Contender):
    """One server; it is worker and broker in one."""

    def __init__(self, environment: Path, folder: Path, sink: Sink, database: Postgres | None = None) -> None:
        name = "switchhook (PostgreSQL)" if database else "switchhook (SQLite)"
        super().__init__(name, environment, folder, sink)
        self._database = database
        self._port = 0

    def start(self) -> None:
        more: dict[str, Any] = {"database": self._database.url} if self._database else {}
        self.server = Server(self.folder / "data", port=self._port, **more)
        if not self._port:
            self._port = int(self.server.url.rsplit(":", 1)[1])
            self.server.endpoint(self.sink.url, ["call.completed"])
        self.env |= {"SERVER": self.server.url, "KEY": self.server.key}

    def publisher(self) -> list[str]:
        return [sys.executable, str(HERE / "switchhook_http.py")]

    def kill_workers(self) -> None:
        self.server.kill()

    def restart_broker(self) -> None:
        if self._database is None:
            self.kill_workers()  # there is nothing else to kill
            self.start()
        else:
            self._database.kill()
            time.sleep(1)
            self._database.start()

    def cpu(self) -> float:
        return tree_cpu(self.server.child.pid) + (tree_cpu(self._database.pid) if self._database else 0)

    def held(self) -> int:
        return 0  # it is to deliver what it has, or that counts as lost


class Recipe(Contender):
    """A worker command beside a broker."""

    def __init__(
        self,
        name: str,
        environment: Path,
        folder: Path,
        sink: Sink,
        *,
        broker: Redis | Postgres,
        module: str,
        workers: list[list[str]],
        setup: list[str] | None = None,
        held: Callable[[], int],
    ) -> None:
        super().__init__(name, environment, folder, sink)
        self.broker, self.module, self.workers, self.setup, self._held = broker, module, workers, setup, held
        self.env |= {"BROKER": broker.url, "PYTHONPATH": str(HERE)}
        self.children: list[subprocess.Popen[bytes]] = []

    def _command(self, words: list[str]) -> list[str]:
        return [str(self.bin / words[0]), *words[1:]]

    def start(self) -> None:
        if self.setup:
            words = self._command(self.setup)
            subprocess.run(words, cwd=HERE, env=self.env, check=True, stdout=subprocess.DEVNULL)
            self.setup = None
        log = (self.folder / "workers.log").open("ab")
        self.children = [
            subprocess.Popen(self._command(words), cwd=HERE, env=self.env, stdout=log, stderr=log)
            for words in self.workers
        ]
        log.close()

    def publisher(self) -> list[str]:
        return [str(self.bin / "python"), "publishing.py", self.module]

    def names(self) -> dict[str, str]:
        if self.module != "django_relay":
            return {}
        command = self._command(["python", "publishing.py", "django_relay", "ids"])
        out = subprocess.run(
            command, cwd=HERE, env=self.env, check=True, capture_output=True, text=True
        ).stdout
        return dict(line.split() for line in out.splitlines())

    def kill_workers(self) -> None:
        for child in self.children:
            kill_tree(child.pid)
            child.wait()

    def restart_broker(self) -> None:
        self.broker.kill()
        time.sleep(1)
        self.broker.start()
        time.sleep(5)
        for child in self.children:  # a supervisor would start again what gave up
            if child.poll() is not None:
                self.kill_workers()
                self.start()
                break

    def cpu(self) -> float:
        return sum(tree_cpu(child.pid) for child in self.children) + tree_cpu(self.broker.pid)

    def held(self) -> int:
        return self._held()


def celery(environment: Path, folder: Path, sink: Sink, broker: Redis) -> Recipe:
    flags = [
        "--pool=prefork",
        "--concurrency=8",
        "--loglevel=WARNING",
        "--without-gossip",
        "--without-mingle",
    ]
    return Recipe(
        "celery + redis + requests",
        environment,
        folder,
        sink,
        broker=broker,
        module="celery_requests",
        workers=[["celery", "--app=celery_requests", "worker", *flags]],
        held=lambda: broker.count("HLEN", "unacked") + broker.count("LLEN", "celery"),
    )


def taskiq(environment: Path, folder: Path, sink: Sink, broker: Redis) -> Recipe:
    flags = ["--workers=2", "--max-async-tasks=64", "--log-level=WARNING"]
    return Recipe(
        "taskiq + redis + aiohttp",
        environment,
        folder,
        sink,
        broker=broker,
        module="taskiq_aiohttp",
        workers=[["taskiq", "worker", "taskiq_aiohttp:broker", *flags]],
        held=lambda: broker.count("XPENDING", "taskiq", "taskiq"),
    )


def procrastinate(environment: Path, folder: Path, sink: Sink, broker: Postgres) -> Recipe:
    app = ["procrastinate", "--app=procrastinate_aiohttp.app"]
    return Recipe(
        "procrastinate + aiohttp",
        environment,
        folder,
        sink,
        broker=broker,
        module="procrastinate_aiohttp",
        workers=[[*app, "worker", "--concurrency=32"]] * 2,
        setup=[*app, "schema", "--apply"],
        held=lambda: broker.count(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND queue_name = 'hooks'"
        ),
    )


def django(environment: Path, folder: Path, sink: Sink, broker: Postgres) -> Recipe:
    return Recipe(
        "django-outbound-webhooks",
        environment,
        folder,
        sink,
        broker=broker,
        module="django_relay",
        workers=[["python", "publishing.py", "django_relay", "relay"]] * 4,
        setup=["python", "publishing.py", "django_relay", "setup"],
        held=lambda: broker.count(
            "SELECT count(*) FROM django_domain_events_deliveryrecord WHERE succeeded_at IS NULL"
        ),
    )


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
