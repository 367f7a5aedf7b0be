"""Servers on one PostgreSQL: the network between one of them and the rest, and kills while one takes over another."""

import sys
import time

from bench.faults.kills import serve_until_killed
from bench.faults.namespaces import Network, network
from bench.faults.world import POSTGRESQL, Receiver, Tally, World, fault, subscribe, until
from bench.serving import Server
from tests.postgres import name_of

LEASE = 6  # seconds


def rows(world: World, statement: str) -> list[tuple[object, ...]]:
    """What a statement finds in the database of the servers."""
    return world.cluster.execute(statement, database=name_of(world.settings["database"]))


def members(world: World) -> set[object]:
    """The numbers of the processes that the database knows."""
    return {number for (number,) in rows(world, "SELECT id FROM processes WHERE id <> 0 AND NOT lost")}


def remote(world: World, net: Network) -> Server:
    """A server in a network of its own."""
    cluster = world.cluster
    cluster.stop()
    cluster.settings["listen_addresses"] = f"127.0.0.1,{net.inner.here}"
    hba = cluster.folder / "pg" / "data" / "pg_hba.conf"
    hba.write_text(f"{hba.read_text()}host all all {net.inner.there}/32 scram-sha-256\n")
    cluster.start()
    url = cluster.tcp_url(name_of(world.settings["database"])).replace("127.0.0.1", net.inner.here)
    made = world.serve(
        program=net.enter(sys.executable, "-m", "switchhook", "serve"),
        database=url,
        host="0.0.0.0",
        allow_networks=f"{net.outer.here}/32",
    )
    made.place = (net.inner.there, made.port)
    made.url = f"http://{net.inner.there}:{made.port}"
    return made


def cut_off(world: World, *, outer: bool) -> Tally:
    """Two servers; one is cut off from the database for three leases, from receivers as well if `outer`."""
    net: Network = world.enter(network())
    far = remote(world, net)
    near = world.serve(allow_networks=f"{net.outer.here}/32")
    sink: Receiver = world.receiver("good", host=net.outer.here)
    subscribe(near, sink.url)
    crowd = world.crowd(far, near, events=3000, pause=0.01, timeout=3)
    crowd.until(600)
    before = members(world)
    cables = [net.inner, net.outer] if outer else [net.inner]
    for cable in cables:
        cable.cut()
    began = time.monotonic()
    until(lambda: len(members(world)) == 1, "the other one takes over")
    took = time.monotonic() - began
    time.sleep(max(0.0, 3 * LEASE - took))
    for cable in cables:
        cable.mend()
    until(lambda: len(members(world)) == 2, "it joins again", 90)
    tally = world.conclude(crowd, sink)
    tally.expect(len(members(world) & before) == 1, "it came back under its old number")
    until(lambda: rows(world, "SELECT count(*) FROM schedule") == [(0,)], "nothing waits any more")
    ((done,),) = rows(world, "SELECT count(*) FROM attempts WHERE state = 'succeeded'")
    tally.expect(done == len(crowd.accepted), f"{done} successes are recorded")
    tally.notes.append(f"taken over after {took:.0f} s")
    return tally


@fault("partition", (POSTGRESQL,), root=True)
def partition(world: World) -> Tally:
    """One of two servers cut off from everybody, past its lease."""
    return cut_off(world, outer=True)


@fault("partition-database", (POSTGRESQL,), root=True)
def partition_database(world: World) -> Tally:
    """One of two servers cut off from the database only, past its lease: it goes on sending what it has."""
    return cut_off(world, outer=False)


def killed_in_takeover(world: World, side: str) -> Tally:
    """Kill a server under load, then the one that takes over from it."""
    sink = world.sink(fail_rate=0.1)
    first = world.serve()
    subscribe(first, sink.url)
    crowd = world.crowd(first, events=1600)
    crowd.until(800)
    first.kill()
    serve_until_killed(world, 0, side, "takeover", 1)
    world.serve(port=first.port)
    return world.conclude(crowd, sink)


@fault("kill-before-takeover", (POSTGRESQL,))
def before_takeover(world: World) -> Tally:
    """Killed when it is about to commit the takeover of one that was killed before."""
    return killed_in_takeover(world, "before")


@fault("kill-after-takeover", (POSTGRESQL,))
def after_takeover(world: World) -> Tally:
    """Killed straight after it took over one that was killed before."""
    return killed_in_takeover(world, "after")
