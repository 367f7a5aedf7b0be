"""What endpoints and servers can be told to do, under kill -9: strict order, and several workers."""

import os
import random
import signal

from bench.faults.database import children
from bench.faults.kills import EVERY
from bench.faults.world import BOTH, POSTGRESQL, Tally, World, fault, subscribe, until
from bench.serving import Server
from bench.traffic import TOPIC


@fault("kill-ordered", BOTH)
def ordered(world: World) -> Tally:
    """Killed while an endpoint gets its events in strict order, some of them at the second or third try."""
    sink = world.sink(fail_rate=0.02)
    servers = [world.serve() for _ in range(2 if world.store == POSTGRESQL else 1)]
    asked = {"url": sink.url, "topics": [TOPIC], "ordered": True}
    servers[0].call("POST", "/v2/api/webhooks", asked)
    crowd = world.crowd(*servers, events=60 * (world.times + 1), publishers=1)
    for n in range(world.times):
        crowd.until(int((n + random.random()) * 60))
        servers[n % len(servers)].kill()
        servers[n % len(servers)] = world.serve(port=servers[n % len(servers)].port)
    tally = world.conclude(crowd, sink)
    accepted = [id_ for publisher in crowd.members for id_ in publisher.accepted.values()]
    first = list(dict.fromkeys(id_ for id_, _, _ in sink.received()))
    tally.expect(first == accepted, "they did not come in the order in which they were accepted")
    tally.notes.append(f"{world.times} kills, in order")
    return tally


def workers(world: World) -> Server:
    """One server of two workers."""
    return world.serve(workers=2)


@fault("kill-worker", (POSTGRESQL,))
def worker(world: World) -> Tally:
    """One of two workers of a server killed, again and again."""
    sink = world.sink(fail_rate=0.05)
    server = workers(world)
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=EVERY * (world.times + 1))
    for n in range(world.times):
        crowd.until(int((n + random.random()) * EVERY))
        until(lambda: len(children(server.child.pid)) >= 2, "there are two workers again")
        os.kill(random.choice(children(server.child.pid)), signal.SIGKILL)
    tally = world.conclude(crowd, sink)
    tally.notes.append(f"{world.times} kills")
    return tally


@fault("kill-workers-parent", (POSTGRESQL,))
def parent(world: World) -> Tally:
    """The parent of two workers killed, and started again."""
    sink = world.sink(fail_rate=0.05)
    server = workers(world)
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=EVERY * (world.times + 1))
    for n in range(world.times):
        crowd.until(int((n + random.random()) * EVERY))
        family = children(server.child.pid)
        server.kill()
        until(lambda family=family: not any(map(_lives, family)), "the workers end without their parent", 20)  # type: ignore[misc]
        server = world.serve(port=server.port, workers=2)
    tally = world.conclude(crowd, sink)
    tally.notes.append(f"{world.times} kills")
    return tally


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
