"""The disk of the data directory fills up under load, and has room again."""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.faults.kills import failures, recover
from bench.faults.namespaces import Mounts, mounts
from bench.faults.world import SQLITE, Tally, World, fault, subscribe, until
from bench.serving import Server
from bench.traffic import DATA, TOPIC

MEGABYTES = 24
TIMES = 3


def small_disk(world: World) -> tuple[Mounts, Path]:
    """Have the servers of a world keep their data on a small disk; its namespace, and where it is in there."""
    place = world.folder / "small"
    place.mkdir()
    inside = world.enter(mounts(f"mount -t tmpfs -o size={MEGABYTES}m none {place}"))
    world.program = inside.enter(sys.executable, "-m", "switchhook", "serve")
    world.settings |= {"environment": {"SWITCHHOOK_DATA": str(place)}, "seen": inside.seen(place)}
    return inside, place


def fill(inside: Mounts, place: Path) -> Path:
    """Write until there is no room; the file."""
    filler = inside.seen(place) / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 512):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass
    return filler


def refusal(server: Server) -> tuple[int, dict[str, object]]:
    """How one more event is answered."""
    body = json.dumps({"topic": TOPIC, "data": DATA}).encode()
    head = {"Authorization": f"Api-Key {server.key}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(server.url + "/v2/api/events", body, head)
        ) as answer:
            return answer.status, {}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["error"]


@fault("disk-full", (SQLITE,), root=True)
def full(world: World) -> Tally:
    """Full under load, three times; accepting is refused meanwhile and goes on by itself."""
    inside, place = small_disk(world)
    sink = world.sink(fail_rate=0.05)
    server = world.serve()
    subscribe(server, sink.url)
    crowd = world.crowd(server, events=2400)
    answers: list[tuple[int, dict[str, object]]] = []
    for n in range(TIMES):
        crowd.until(300 + 600 * n)
        filler = fill(inside, place)
        before = crowd.refused
        until(lambda before=before: crowd.refused > before + 20, "events are refused")  # type: ignore[misc]
        answers.append(refusal(server))
        time.sleep(1)
        filler.unlink()
    tally = world.conclude(crowd, sink)
    for status, error in answers:
        clear = status == 503 and error["code"] == "STORE_UNAVAILABLE" and error["retryable"] is True
        tally.expect(clear, f"a full disk was answered {status} {error}")
    tally.notes.append(f"{TIMES} times; said: {answers[0][1].get('message')}")
    return tally


@fault("disk-full-during-recover", (SQLITE,), root=True)
def full_during_recover(world: World) -> Tally:
    """Full while a recovery puts deliveries back; and killed before there is room."""
    inside, place = small_disk(world)
    server, crowd, sink, endpoint = failures(world, 3000)
    job = recover(server, endpoint)
    filler = fill(inside, place)
    time.sleep(1)
    server.kill()
    filler.unlink()
    server = world.serve()
    tally = world.conclude(crowd, sink)
    done = server.call("GET", f"/v2/api/recoveries/{job}")["data"]
    tally.expect(done["status"] == "completed", f"the recovery says {done}")
    return tally
