"""kill -9 of `switchhook serve`, again and again in the middle of traffic; then count by id.

    python bench/kill.py [--kills 20] [--events 2000] [--seed N]

Events are published over HTTP by several connections; an event counts as accepted only when its 202 (or the 200 that a
repeated dedupe key gets) was read. A publisher whose connection breaks asks again with the same dedupe key, as a real
one would. After the last start everything accepted must arrive: lost is what did not, duplicated is what arrived twice
with the same id, changed is an id that arrived with other bytes.
"""

import argparse
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.serving import Server, Sink
from bench.traffic import Count, Crowd, reconcile, wait_for


@dataclass(frozen=True)
class Report(Count):
    """What a run came to. An event whose 202 was lost in a crash is known by what its repeated dedupe key answered."""

    seed: int
    kills: int
    in_flight_limit: int
    seconds: float


def run(folder: Path, *, kills: int, events: int, seed: int, port: int = 0) -> Report:
    """Run it in `folder` and count."""
    moment = random.Random(seed)
    began = time.monotonic()
    sink = Sink(folder / "sink.log")
    server = Server(folder / "data", port=port)
    port = server.port
    try:
        server.endpoint(sink.url, ["tag.added"])
        crowd = Crowd([server.place], server.key, events)
        for kill in range(kills):
            # Spread over the run by progress, not by time, so that every kill falls into traffic.
            crowd.until(int((kill + moment.random()) * events / (kills + 1)))
            time.sleep(moment.random() * 0.01)
            server.kill()
            server = Server(folder / "data", port=port)
        accepted = crowd.finish()
        rows = wait_for(sink, accepted)
        server.stop()
    finally:
        for process in (server, sink):
            if process.child.poll() is None:
                process.kill()
    return Report(
        **asdict(reconcile(accepted, rows)),
        seed=seed,
        kills=kills,
        in_flight_limit=32,
        seconds=round(time.monotonic() - began, 1),
    )


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
