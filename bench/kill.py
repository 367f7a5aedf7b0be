"""kill -9 of `switchhook serve`, again and again in the middle of traffic; then count by id.

    python bench/kill.py [--kills 20] [--events 2000] [--seed N]

Events are published over HTTP by several connections; an event counts as accepted only when its 202 (or the 200 that a
repeated dedupe key gets) was read. A publisher whose connection breaks asks again with the same dedupe key, as a real
one would. After the last start everything accepted must arrive: lost is what did not, duplicates are what arrived twice
with the same id, changed is an id that arrived with other bytes.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.serving import Server, Sink

DATA = {"call_id": "cll_0", "tag_key": "urgent", "tag_name": "Urgent", "user_email": None}


@dataclass
class Report:
    """What a run came to."""

    seed: int
    kills: int
    accepted: int
    arrived: int
    lost: int
    duplicates: int
    changed: int
    unknown: int
    in_flight_limit: int
    seconds: float


class Publisher(threading.Thread):
    """Publishes numbered events until told to stop, through every crash."""

    def __init__(self, number: int, port: int, key: str, share: int) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.key, self.share = number, port, key, share
        self.accepted: dict[str, str] = {}  # dedupe key → id
        self.contradicted = 0
        self.stopping = False

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        for n in range(self.share):
            dedupe = f"{self.number}-{n}"
            body = json.dumps(
                {"topic": "tag.added", "data": {**DATA, "call_id": f"cll_{dedupe}"}, "dedupe_key": dedupe}
            )
            while not self.stopping:
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                    connection.request(
                        "POST",
                        "/v2/api/events",
                        body,
                        {"Authorization": f"Api-Key {self.key}", "Content-Type": "application/json"},
                    )
                    answer = connection.getresponse()
                    content = answer.read()
                    if answer.status in (200, 202):
                        self.accepted[dedupe] = json.loads(content)["data"]["id"]
                        break
                    time.sleep(0.02)
                except (OSError, http.client.HTTPException):
                    if connection is not None:
                        connection.close()
                    connection = None
                    time.sleep(0.02)
        if connection is not None:
            connection.close()


def run(folder: Path, *, kills: int, events: int, seed: int, publishers: int = 8) -> Report:
    """Run it in `folder` and count."""
    moment = random.Random(seed)
    began = time.monotonic()
    sink = Sink(folder / "sink.log")
    server = Server(folder / "data")
    port = int(server.url.rsplit(":", 1)[1])
    try:
        server.endpoint(sink.url, ["tag.added"])
        crowd = [Publisher(n, port, server.key, events // publishers) for n in range(publishers)]
        for publisher in crowd:
            publisher.start()
        for kill in range(kills):
            # Spread over the run by progress, not by time, so that every kill falls into traffic.
            target = (kill + moment.random()) * events / (kills + 1)
            while sum(len(p.accepted) for p in crowd) < target:
                time.sleep(0.001)
            time.sleep(moment.random() * 0.01)
            server.kill()
            server = Server(folder / "data", port=port)
        for publisher in crowd:
            publisher.join(120)
            publisher.stopping = True
        accepted = {id_ for publisher in crowd for id_ in publisher.accepted.values()}
        rows = _wait_for(sink, accepted)
        server.stop()
    finally:
        for process in (server, sink):
            if process.child.poll() is None:
                process.kill()
    digests: dict[str, set[str]] = {}
    for id_, _, digest in rows:
        digests.setdefault(id_, set()).add(digest)
    return Report(
        seed=seed,
        kills=kills,
        accepted=len(accepted),
        arrived=len(rows),
        lost=len(accepted - digests.keys()),
        duplicates=len(rows) - len(digests),
        changed=sum(len(found) > 1 for found in digests.values()),
        # An event whose 202 was lost in a crash is known under the id that its repeated dedupe key answered with.
        unknown=len(digests.keys() - accepted),
        in_flight_limit=32,
        seconds=round(time.monotonic() - began, 1),
    )


def _wait_for(sink: Sink, accepted: set[str]) -> list[tuple[str, int, str]]:
    """Wait until everything has arrived, or nothing new came for 15 seconds."""
    last, quiet = -1, time.monotonic()
    while True:
        rows = sink.received()
        if accepted <= {id_ for id_, _, _ in rows}:
            time.sleep(1.0)  # a duplicate may still be under way
            return sink.received()
        if len(rows) != last:
            last, quiet = len(rows), time.monotonic()
        elif time.monotonic() - quiet > 15:
            return rows
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = random.randrange(10**6) if args.seed is None else args.seed
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), kills=args.kills, events=args.events, seed=seed)
    for name, value in asdict(report).items():
        print(f"{name:16} {value}")
    sys.exit(1 if report.lost or report.changed else 0)


if __name__ == "__main__":
    main()
