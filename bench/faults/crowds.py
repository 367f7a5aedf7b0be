"""Stops under load, many endpoints, large events, and publishers who break off."""

import json
import os
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bench.faults.database import children
from bench.faults.kills import EVERY
from bench.faults.receivers import latencies
from bench.faults.world import BOTH, POSTGRESQL, SQLITE, Tally, World, fault, peak_memory, subscribe
from bench.serving import Server
from bench.traffic import DATA, TOPIC, reconcile, wait_for

STOP_SECONDS = 10


def stop_in_time(server: Server) -> float:
    """SIGTERM; the seconds until the process has ended with 0.

    Raises:
        RuntimeError: it did not in time, or with another code.
    """
    began = time.monotonic()
    server.child.send_signal(signal.SIGTERM)
    code = server.child.wait(90)
    took = time.monotonic() - began
    if code or took > STOP_SECONDS:
        raise RuntimeError(f"the server took {took:.1f} s to stop and ended with {code}")
    return took


@fault("stop-under-load", BOTH)
def stop_under_load(world: World) -> Tally:
    """Stopped with SIGTERM in the middle of traffic, one of its receivers hanging."""
    sink = world.sink()
    server = world.serve()
    subscribe(server, sink.url, world.receiver("silent", "hangs").url)
    crowd = world.crowd(server, events=EVERY * (world.times + 1))
    took: list[float] = []
    for n in range(world.times):
        crowd.until(int((n + random.random()) * EVERY))
        took.append(stop_in_time(server))
        server = world.serve(port=server.port)
    tally = world.conclude(crowd, sink)
    tally.notes.append(f"{world.times} stops, within {max(took):.1f} s")
    return tally


@fault("stop-without-database", (POSTGRESQL,))
def stop_without_database(world: World) -> Tally:
    """Stopped with SIGTERM while the database stands still (SIGSTOP)."""
    sink = world.sink()
    server = world.serve()
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=1600, timeout=5)
    crowd.until(800)
    assert world.cluster.process is not None
    family = [world.cluster.process.pid, *children(world.cluster.process.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(1)
        took = stop_in_time(server)
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)
    world.serve(port=server.port)
    tally = world.conclude(crowd, sink)
    tally.notes.append(f"stopped within {took:.1f} s")
    return tally


def many(server: Server, count: int, url: str) -> None:
    """Make `count` endpoints, each with a path of its own."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: server.endpoint(f"{url}/{n}", [TOPIC]), range(count)))


@fault("endpoints-10000", (SQLITE,))
def ten_thousand(world: World) -> Tally:
    """10,000 endpoints for every event, killed in the middle."""
    sink = world.sink()
    server = world.serve()
    many(server, 10_000, f"http://127.0.0.1:{sink.port}")
    crowd = world.crowd(server, events=5, publishers=1)
    crowd.until(3)
    server.kill()
    server = world.serve(port=server.port)
    accepted = crowd.finish()
    wanted = {f"{id_}/{n}" for id_ in accepted for n in range(10_000)}
    deadline = time.monotonic() + 120
    while True:
        arrived = [tuple(line.split()) for line in sink.log.read_text().splitlines()]
        keys = [(f"{id_}{path}", int(at), digest) for id_, at, digest, path in arrived]
        if wanted <= {key for key, _, _ in keys} or time.monotonic() > deadline:
            break
        time.sleep(1)
    tally = Tally(reconcile(wanted, keys), crowd.refused)
    tally.notes.append(f"counted by event and endpoint; {peak_memory(server):.0f} MB")
    return tally


@fault("endpoints-1000-failing", (SQLITE,))
def thousand_failing(world: World) -> Tally:
    """1,000 endpoints that refuse connections, and one that does not."""
    sink = world.sink()
    refusing = world.receiver("refuse", "refuses")
    server = world.serve(retry_schedule="0,60")
    many(server, 1_000, refusing.url)
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=20, publishers=1, pause=1.0)
    tally = world.conclude(crowd, sink)
    waited = latencies(crowd, sink)
    tally.notes.append(f"neighbour p50 {waited[len(waited) // 2]:.0f} ms, max {waited[-1]:.0f} ms")
    tally.notes.append(f"{peak_memory(server):.0f} MB")
    return tally


@fault("endpoints-change", BOTH)
def change(world: World) -> Tally:
    """Other endpoints made, changed, disabled and deleted under load; and a kill."""
    sink, other = world.sink(), world.sink("other")
    server = world.serve()
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=1600, pause=0.005)
    done = threading.Event()

    def restless() -> None:
        while not done.is_set():
            try:
                id_ = server.endpoint(other.url, [TOPIC])["id"]
                for enabled in (False, True):
                    server.call("PUT", f"/v2/api/webhooks/{id_}", {"enabled": enabled})
                server.call("POST", f"/v2/api/webhooks/{id_}/rotate-secret", {})
                server.call("DELETE", f"/v2/api/webhooks/{id_}")
            except (OSError, ValueError):
                time.sleep(0.1)

    threads = [threading.Thread(target=restless) for _ in range(3)]
    for thread in threads:
        thread.start()
    crowd.until(800)
    server.kill()
    server = world.serve(port=server.port)
    tally = world.conclude(crowd, sink)
    done.set()
    for thread in threads:
        thread.join()
    tally.expect(other.received(), "nothing ever arrived at the others")
    return tally


@fault("events-of-a-megabyte", BOTH)
def large(world: World) -> Tally:
    """Events as large as they may be, to a good receiver and one that never reads; and a kill."""
    sink = world.sink()
    server = world.serve()
    subscribe(server, sink.url, world.receiver("unread", "deaf").url)
    accepted: set[str] = set()

    def publish(n: int) -> None:
        data = DATA | {"call_id": f"cll_{n}", "tag_name": "x" * (1024 * 1024 - 300)}
        while True:
            try:
                asked = {"topic": TOPIC, "data": data, "dedupe_key": str(n)}
                accepted.add(server.call("POST", "/v2/api/events", asked)["data"]["id"])
                return
            except OSError:
                time.sleep(0.1)

    with ThreadPoolExecutor(4) as threads:
        work = [threads.submit(publish, n) for n in range(200)]
        while len(accepted) < 100:
            time.sleep(0.01)
        server.kill()
        server = world.serve(port=server.port)
        for one in work:
            one.result()
    tally = Tally(reconcile(accepted, wait_for(sink, accepted)))
    tally.notes.append(f"{peak_memory(server):.0f} MB")
    tally.expect(peak_memory(server) < 600, "memory")
    return tally


@fault("publishers-break-off", (SQLITE,))
def break_off(world: World) -> Tally:
    """Publishers who go away in the middle of a request's body, beside others who do not."""
    sink = world.sink()
    server = world.serve()
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=1600)
    body = json.dumps({"topic": TOPIC, "data": DATA}).encode()
    head = f"POST /v2/api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key {server.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    whole = head.encode() + body
    for n in range(400):
        with socket.create_connection(server.place) as line:
            line.sendall(whole[: (n * 7) % (len(whole) - 1) + 1])
    tally = world.conclude(crowd, sink)
    tally.notes.append("400 broke off")
    return tally
