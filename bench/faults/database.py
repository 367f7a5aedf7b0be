"""PostgreSQL goes away under load and comes back."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from bench.faults.world import POSTGRESQL, Tally, World, fault, subscribe
from tests.postgres import Cluster, name_of

TIMES = 4
EVENTS = 2400


def again_and_again(world: World, strike: Callable[[Cluster], None], servers: int = 2) -> Tally:
    """Strike the database `TIMES` times in the middle of traffic to `servers` processes."""
    sink = world.sink(fail_rate=0.05)  # so that rows are claimed as well
    crew = [world.serve() for _ in range(servers)]
    subscribe(crew[0], sink.url)
    crowd = world.crowd(*crew, events=EVENTS)
    for n in range(TIMES):
        crowd.until(int((n + random.random()) * EVENTS / (TIMES + 1)))
        strike(world.cluster)
    tally = world.conclude(crowd, sink)
    for server in crew:
        tally.expect(server.child.poll() is None, f"a server ended with {server.child.poll()}")
    tally.notes.append(f"{TIMES} times, {servers} servers")
    return tally


def _away(cluster: Cluster, how: signal.Signals) -> None:
    cluster.stop(how)
    time.sleep(random.random())
    cluster.start()


@fault("postgresql-stopped", (POSTGRESQL,))
def stopped(world: World) -> Tally:
    """Stopped (`pg_ctl stop -m fast`) and started."""
    return again_and_again(world, lambda cluster: _away(cluster, signal.SIGINT))


@fault("postgresql-crashed", (POSTGRESQL,))
def crashed(world: World) -> Tally:
    """Stopped without a checkpoint (`-m immediate`) and started."""
    return again_and_again(world, lambda cluster: _away(cluster, signal.SIGQUIT))


def children(pid: int) -> list[int]:
    """The processes that `pid` started."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@fault("postgresql-killed", (POSTGRESQL,))
def killed(world: World) -> Tally:
    """All of its processes killed with -9 at once, and started."""

    def strike(cluster: Cluster) -> None:
        assert cluster.process is not None
        family = [cluster.process.pid, *children(cluster.process.pid)]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        cluster.process.wait()
        cluster.process = None
        while any(Path(f"/proc/{pid}").exists() for pid in family):
            time.sleep(0.01)
        cluster.start()

    return again_and_again(world, strike)


@fault("postgresql-backend-killed", (POSTGRESQL,))
def backend_killed(world: World) -> Tally:
    """One session killed with -9, which makes the server throw all others out."""

    def strike(cluster: Cluster) -> None:
        ((pid,),) = cluster.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'switchhook' ORDER BY random() LIMIT 1",
            database="postgres",
        )
        os.kill(int(str(pid)), signal.SIGKILL)

    return again_and_again(world, strike)


@fault("postgresql-sessions-ended", (POSTGRESQL,))
def sessions_ended(world: World) -> Tally:
    """Every session of the servers ended (`pg_terminate_backend`)."""

    def strike(cluster: Cluster) -> None:
        cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchhook'",
            database=name_of(world.settings["database"]),
        )

    return again_and_again(world, strike)


@fault("postgresql-hangs", (POSTGRESQL,))
def hangs(world: World) -> Tally:
    """Stands still for eight seconds, longer than a lease (SIGSTOP of all of its processes)."""

    def strike(cluster: Cluster) -> None:
        assert cluster.process is not None
        family = [cluster.process.pid, *children(cluster.process.pid)]
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(8)
        for pid in reversed(family):
            os.kill(pid, signal.SIGCONT)

    return again_and_again(world, strike)
