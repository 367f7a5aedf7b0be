"""Who is compared: what starts each, what kills it, and what it costs."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.compare.brokers import Postgres, Redis
from bench.publisher import payload
from bench.serving import Server, Sink

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


class Contender(ABC):
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

    @abstractmethod
    def publisher(self) -> list[str]:
        """The command that publishes."""

    @abstractmethod
    def start(self) -> None:
        """Start the workers, or start them again."""

    @abstractmethod
    def kill_workers(self) -> None:
        """SIGKILL to all of them."""

    @abstractmethod
    def restart_broker(self) -> None:
        """Kill the broker and start it again."""

    @abstractmethod
    def cpu(self) -> float:
        """Seconds of CPU that workers and broker have used."""

    @abstractmethod
    def held(self) -> int:
        """How many events the broker still has."""


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
