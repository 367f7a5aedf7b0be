"""kill -9 at named points, and at random ones."""

import os
import random
import signal
import sys
from contextlib import suppress

from bench import kill
from bench.faults.world import SQLITE, Tally, World, died, fault, subscribe, until
from bench.serving import HERE, NotReady, Server, Sink
from bench.traffic import Count, Crowd

EVERY = 250  # events between two kills, more or less


def victim(*args: object) -> list[str]:
    """The program that dies at a point."""
    return [sys.executable, str(HERE / "faults" / "victim.py"), *map(str, args)]


def serve_until_killed(world: World, port: int, *point: object) -> None:
    """A server that dies at a point, perhaps before it is ready; returns when it has."""
    try:
        died(world.serve(port=port, program=victim(*point)))
    except NotReady as error:
        if error.code != -signal.SIGKILL:
            raise


def at(world: World, side: str, what: str, greatest: int) -> Tally:
    """Kill the server again and again at one side of the Nth commit of a kind, N up to `greatest`."""
    sink = world.sink()
    server = world.serve()
    subscribe(server, sink.url)
    server.stop()

    crowd = world.crowd(server, events=EVERY * (world.times + 1))
    for _ in range(world.times):
        serve_until_killed(world, server.port, side, what, random.randint(1, greatest))
    world.serve(port=server.port)
    tally = world.conclude(crowd, sink)
    tally.notes.append(f"{world.times} kills")
    return tally


@fault("kill-before-commit")
def before_commit(world: World) -> Tally:
    """Killed when events are about to be committed."""
    return at(world, "before", "accept", 40)


@fault("kill-after-commit")
def after_commit(world: World) -> Tally:
    """Killed when events are durable and nobody was told."""
    return at(world, "after", "accept", 40)


@fault("kill-before-settle")
def before_settle(world: World) -> Tally:
    """Killed between send and settle: the receiver has answered, the outcome is not recorded."""
    return at(world, "before", "settle", 20)


@fault("kill-after-settle")
def after_settle(world: World) -> Tally:
    """Killed when outcomes are durable and memory does not know."""
    return at(world, "after", "settle", 20)


@fault("kill-during-send")
def during_send(world: World) -> Tally:
    """Killed by the receiver in the middle of a request."""
    target = world.folder / "target"
    sink = world.receiver("assassin", options=["--target", str(target)])
    server = world.serve()
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=EVERY * (world.times + 1))
    for n in range(world.times):
        crowd.until(int((n + random.random()) * EVERY))
        target.with_suffix(".new").write_text(str(server.child.pid))
        os.replace(target.with_suffix(".new"), target)
        died(server)
        server = world.serve(port=server.port)
    tally = world.conclude(crowd, sink)
    tally.notes.append(f"{world.times} kills")
    return tally


def failures(world: World, events: int) -> tuple[Server, Crowd, Sink, str]:
    """A server whose deliveries have all failed, who published them, a good receiver, and the endpoint's id."""
    bad = world.sink("bad", status=500)
    server = world.serve(retry_schedule="0")
    (endpoint,) = subscribe(server, bad.url)
    id_ = endpoint["id"]
    crowd = world.crowd(server, events=events)
    crowd.finish()
    path = f"/v2/api/webhooks/{id_}/stats"
    until(lambda: server.call("GET", path)["data"]["failed"] == events, "everything fails")
    bad.kill()
    return server, crowd, world.sink("good", port=bad.port), id_


def recover(server: Server, endpoint: str) -> str:
    """Ask for everything that failed; the id of the job."""
    since = {"since": "2020-01-01T00:00:00Z"}
    job: str = server.call("POST", f"/v2/api/webhooks/{endpoint}/recover", since)["data"]["id"]
    return job


@fault("kill-during-recover")
def during_recover(world: World) -> Tally:
    """Killed before and after the commits of a recovery."""
    server, crowd, sink, endpoint = failures(world, 600 * world.times)
    server.stop()
    server = world.serve(port=server.port, program=victim("after", "recover", 1))
    with suppress(OSError):  # it may be dead before it has answered
        recover(server, endpoint)
    died(server)
    for n in range(1, world.times):
        serve_until_killed(world, server.port, "before" if n % 2 else "after", "recover", 1 + n % 2)
    server = world.serve(port=server.port)
    tally = world.conclude(crowd, sink)
    (done,) = server.call("GET", f"/v2/api/webhooks/{endpoint}/recoveries")["data"]
    tally.expect(
        done["status"] == "completed" and done["queued"] == crowd.events, f"the recovery says {done}"
    )
    tally.notes.append(f"{world.times} kills")
    return tally


@fault("kill-random", (SQLITE,))
def at_random(world: World) -> Tally:
    """Killed twenty times at random moments (bench/kill.py)."""
    report = kill.run(world.folder, kills=20, events=2000, seed=random.randrange(10**6))
    names = Count.__dataclass_fields__
    return Tally(
        Count(**{name: getattr(report, name) for name in names}), notes=[f"20 kills, seed {report.seed}"]
    )
