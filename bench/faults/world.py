"""What every fault shares: the processes of its world, and the count at the end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench.serving import HERE, Process, Server, Sink
from bench.traffic import TOPIC, Arrival, Count, Crowd, reconcile, wait_for
from tests.postgres import Cluster, cluster, name_of

P = TypeVar("P", bound=Process)

SQLITE, POSTGRESQL = "sqlite", "postgresql"
BOTH = (SQLITE, POSTGRESQL)
SCHEDULE = ",".join(["0", *["1"] * 90])  # a minute and a half of tries, a second apart


@dataclass
class Tally:
    """What a fault came to. `refused` counts requests that publishers had answered with an error."""

    count: Count
    refused: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was lost or changed, and nothing else was found wrong."""
        return not (self.count.lost or self.count.changed or self.problems)

    def expect(self, condition: object, otherwise: str) -> None:
        """Note a problem unless `condition` holds."""
        if not condition:
            self.problems.append(otherwise)


@dataclass(frozen=True)
class Fault:
    """One line of the matrix."""

    name: str
    about: str
    stores: tuple[str, ...]
    root: bool
    run: "Callable[[World], Tally]"


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, stores: tuple[str, ...] = BOTH, *, root: bool = False
) -> "Callable[[Callable[[World], Tally]], Callable[[World], Tally]]":
    """Enter a function into the matrix; the first line of its docstring says what goes wrong."""

    def enter(run: "Callable[[World], Tally]") -> "Callable[[World], Tally]":
        FAULTS[name] = Fault(name, (run.__doc__ or "").splitlines()[0].rstrip("."), stores, root, run)
        return run

    return enter


class Receiver(Process):
    """`receiver.py`: misbehaves as `how` says until SIGUSR1 tells it to be good. Logs what it took as the sink does."""

    def __init__(
        self, log: Path, how: str, *, port: int = 0, host: str = "127.0.0.1", options: Sequence[str] = ()
    ) -> None:
        program = str(HERE / "faults" / "receiver.py")
        args = [how, "--log", str(log), "--port", str(port), "--host", host, *options]
        super().__init__([sys.executable, program, *args], "listening ")
        self.log = log
        self.port = int(self.lines[-1].split()[1])
        self.url = f"http://{host}:{self.port}/hook"

    def received(self) -> list[Arrival]:
        """See `Sink.received`."""
        return Sink.received(self)  # type: ignore[arg-type]


class World:
    """A store, a folder, and whatever was started in it; all of it is ended with it."""

    def __init__(self, folder: Path, store: str, stack: ExitStack) -> None:
        self.folder = folder
        self.store = store
        self.data = folder / "data"  # of all servers
        self.processes: list[Process] = []
        self.times = 6  # that a thing is done which is done again and again
        self.program: Sequence[str] = ()  # of servers that are given none
        self.ports: Callable[[], int] = lambda: 0  # of servers that are given none
        self._stack = stack
        self._cluster: Cluster | None = None
        self.settings: dict[str, Any] = {"retry_schedule": SCHEDULE, "delivery_timeout": 2}
        if store == POSTGRESQL:
            self._cluster = stack.enter_context(cluster())
            self.settings["database"] = self._cluster.database()

    @property
    def cluster(self) -> Cluster:
        """The database server of a fault on PostgreSQL."""
        assert self._cluster is not None
        return self._cluster

    def serve(self, *, port: int = 0, program: Sequence[str] = (), **settings: Any) -> Server:
        """A server; `program` is what runs `switchhook serve` when it is not the plain command."""
        return self.add(
            Server(
                self.data,
                port=port or self.ports(),
                program=program or self.program,
                **(self.settings | settings),
            )
        )

    def sink(self, name: str = "sink", **options: Any) -> Sink:
        """A receiver that is always good."""
        return self.add(Sink(self.folder / f"{name}.log", **options))

    def receiver(self, how: str, name: str = "receiver", **options: Any) -> Receiver:
        """One that misbehaves."""
        return self.add(Receiver(self.folder / f"{name}.log", how, **options))

    def add(self, process: P) -> P:
        """Have a process ended with this world."""
        self.processes.append(process)
        return process

    def enter(self, context: Any) -> Any:
        """Have a context ended with this world."""
        return self._stack.enter_context(context)

    def crowd(self, *servers: Server, events: int = 2000, **options: Any) -> Crowd:
        """Publishers at work; they go from one server to the next when a connection breaks."""
        return Crowd([server.place for server in servers], servers[0].key, events, **options)

    def conclude(self, crowd: Crowd, *sinks: Any, quiet: float = 15.0) -> Tally:
        """Wait for the publishers, and for what they published to arrive at every sink; count."""
        accepted = crowd.finish()
        each = [reconcile(accepted, wait_for(sink, accepted, quiet)) for sink in sinks]
        tally = Tally(
            Count(
                accepted=len(accepted),
                delivered=sum(one.delivered for one in each),
                lost=sum(one.lost for one in each),
                duplicated=sum(one.duplicated for one in each),
                changed=sum(one.changed for one in each),
                unknown=max(one.unknown for one in each),
            ),
            crowd.refused,
        )
        if tally.count.lost:
            self._look_for(accepted - {id_ for sink in sinks for id_, _, _ in sink.received()})
        tally.expect(len(accepted) == crowd.events, f"only {len(accepted)} of {crowd.events} were accepted")
        tally.expect(not tally.count.unknown, f"{tally.count.unknown} arrived that nobody was told of")
        return tally

    def _look_for(self, lost: set[str]) -> None:
        """Write down what the database knows of events that were lost."""
        if self._cluster is None:
            return
        found = [f"{id_}\n" for id_ in sorted(lost)]
        for table, column in (("events", "id"), ("attempts", "event_id"), ("schedule", "event_id")):
            ids = ",".join(f"'{id_}'" for id_ in sorted(lost)[:50])
            rows = self.cluster.execute(
                f"SELECT * FROM {table} WHERE {column} IN ({ids})",
                database=name_of(self.settings["database"]),
            )
            found += [f"{table} {row}\n" for row in rows]
        for table in ("leases", "processes", "meta"):
            rows = self.cluster.execute(f"SELECT * FROM {table}", database=name_of(self.settings["database"]))
            found += [f"{table} {row}\n" for row in rows]
        (self.folder / "lost.txt").write_text("".join(found))

    def end(self) -> None:
        """Kill what still runs."""
        for process in reversed(self.processes):
            if process.child.poll() is None:
                process.kill()
            else:
                process.reap()


@contextmanager
def world(folder: Path, store: str) -> Iterator[World]:
    """A world that is gone afterwards."""
    with ExitStack() as stack:
        made = World(folder, store, stack)
        stack.callback(made.end)
        yield made


def subscribe(server: Server, *urls: str) -> list[dict[str, Any]]:
    """An endpoint for each URL."""
    return [server.endpoint(url, [TOPIC]) for url in urls]


def died(server: Server, seconds: float = 180.0) -> None:
    """Wait until a server is killed.

    Raises:
        RuntimeError: it ended otherwise.
        subprocess.TimeoutExpired: it lives.
    """
    if (code := server.child.wait(seconds)) != -9:
        raise RuntimeError(f"the server was not killed but ended with {code}")


def peak_memory(server: Server) -> float:
    """The most that a server ever held, in MB."""
    lines = Path(f"/proc/{server.child.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def until(condition: Callable[[], object], what: str, seconds: float = 180.0) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def is_root() -> bool:
    """Whether namespaces and mounts can be made."""
    return os.geteuid() == 0


def command(*args: str) -> None:
    """Run one command of the system.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(args)}: {done.stderr.strip()}")
