"""Whether what waits and what is done slows down what is new: a full database against an empty one, in turn.

    python bench/scale.py [--seeded 1000000] [--events 20000] [--rounds 3] [--postgresql]

`--seeded N` events of 1.3 kB went to ten endpoints: one delivery of each waits for its second attempt in one to eleven
hours, and ten attempts of each are the history, written event by event through the tables and indexes of the schema.
Each round starts a server on it, publishes new events to one of these endpoints as fast as it goes, and does the same
on a database that has the endpoints and nothing else. A million takes about 6 GB of the temporary directory and a few
minutes.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.deliver import cpu_seconds, memory_mb, publish, reconcile, settled
from bench.publisher import payload
from bench.serving import Server, Sink
from switchhook.events.catalogue import dedupe_key, validate
from switchhook.events.envelope import render
from switchhook.events.ids import IdSource
from switchhook.storage.outbox import StoredResponse, encode_response
from tests.postgres import cluster

TOPIC = "call.completed"
ENDPOINTS = 10
STEP = 10_000  # events in one transaction
AGE_MS = 30 * 86_400_000  # how far the history goes back
HOUR_MS = 3_600_000
ANSWER = encode_response(
    StoredResponse(
        (
            ("server", "nginx/1.24.0"),
            ("date", "Sat, 15 Mar 2025 12:30:00 GMT"),
            ("content-type", "application/json"),
            ("content-length", "15"),
        ),
        b'{"status":"ok"}',
        False,
    )
)

COLUMNS = ("workspace_id", "id", "topic", "dedupe_key", "targets", "accepted_at", "body")
ATTEMPTS = """
INSERT INTO attempts (workspace_id, endpoint_id, event_id, number, state, started_at, latency_ms, kind, status, fault,
  message_customer, message_operator, next_at, response)
SELECT e.workspace_id, p.id, e.id, 1, CASE WHEN {waits} THEN 'retrying' ELSE 'succeeded' END,
  e.accepted_at + 2, 3.5, 'status', CASE WHEN {waits} THEN 503 ELSE 204 END,
  CASE WHEN {waits} THEN 'receiver' END,
  CASE WHEN {waits} THEN 'Your endpoint answered 503 Service Unavailable.' END,
  CASE WHEN {waits} THEN '503 Service Unavailable from 203.0.113.7:443' END,
  CASE WHEN {waits} THEN {due} END, {answer}
FROM events e CROSS JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM endpoints) p
WHERE e.seq > {after} AND e.seq <= {upto}
"""
SCHEDULE = """
INSERT INTO schedule (workspace_id, endpoint_id, event_id, attempts, next_at)
SELECT e.workspace_id, p.id, e.id, 1, {due}
FROM events e CROSS JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM endpoints) p
WHERE e.seq > {after} AND e.seq <= {upto} AND {waits}
"""


def statements(after: int, upto: int, answer: str) -> list[str]:
    """What gives the events of these numbers their deliveries."""
    now = time.time_ns() // 1_000_000
    words = {
        "waits": f"e.seq % {ENDPOINTS} + 1 = p.n",
        "due": f"{now + HOUR_MS} + e.seq % 36000 * 1000",
        "answer": answer,
        "after": after,
        "upto": upto,
    }
    return [ATTEMPTS.format(**words), SCHEDULE.format(**words)]


class Events:
    """Rows of `events`, as accepting makes them."""

    def __init__(self, workspace: str, endpoints: Sequence[str], count: int) -> None:
        self._workspace = workspace
        self._targets = " ".join(endpoints)
        self._ids = IdSource()
        self._begin = time.time_ns() // 1_000_000 - AGE_MS
        self._step = AGE_MS / count
        data = payload(1250)
        self._call = msgspec.json.decode(data)["id"]
        self._key = dedupe_key(TOPIC, validate(TOPIC, data)) or ""
        self._body = render(TOPIC, data, self._begin)

    def rows(self, first: int, count: int) -> list[tuple[Any, ...]]:
        made = []
        for n in range(first, first + count):
            at = self._begin + int(n * self._step)
            call = f"cll_seeded{n}"
            made.append(
                (
                    self._workspace,
                    self._ids.new("msg", at),
                    TOPIC,
                    self._key.replace(self._call, call),
                    self._targets,
                    at,
                    self._body.replace(self._call.encode(), call.encode()),
                )
            )
        return made


def fill_sqlite(path: Path, count: int) -> None:
    """Fill the database of a server that has stopped."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous=OFF; PRAGMA cache_size=-500000")
    workspace = str(connection.execute("SELECT id FROM workspaces").fetchall()[0][0])
    endpoints = [str(id_) for (id_,) in connection.execute("SELECT id FROM endpoints ORDER BY id")]
    events = Events(workspace, endpoints, count)
    places = ", ".join("?" * len(COLUMNS))
    for first in range(0, count, STEP):
        rows = events.rows(first, min(STEP, count - first))
        with connection:
            connection.executemany(f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({places})", rows)
            newest = int(str(connection.execute("SELECT max(seq) FROM events").fetchall()[0][0]))
            for text in statements(newest - len(rows), newest, f"x'{ANSWER.hex()}'"):
                connection.execute(text)
            connection.execute(
                "INSERT INTO meta VALUES ('low_water', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (str(newest),),
            )
    connection.close()


async def fill_postgres(url: str, count: int) -> None:
    """The same. The events belong to a process that has left."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET synchronous_commit = off")
    workspace = await connection.fetchval("SELECT id FROM workspaces")
    endpoints = [row["id"] for row in await connection.fetch("SELECT id FROM endpoints ORDER BY id")]
    events = Events(workspace, endpoints, count)
    for first in range(0, count, STEP):
        rows = [(*row, 1) for row in events.rows(first, min(STEP, count - first))]
        async with connection.transaction():
            await connection.copy_records_to_table("events", records=rows, columns=[*COLUMNS, "owner"])
            newest = await connection.fetchval("SELECT max(seq) FROM events")
            for text in statements(newest - len(rows), newest, f"'\\x{ANSWER.hex()}'::bytea"):
                await connection.execute(text)
    for table in ("events", "attempts", "schedule"):
        await connection.execute(f"VACUUM ANALYZE {table}")  # the database does so by itself, a little later
    await connection.execute("CHECKPOINT")
    await connection.close()


class Database:
    """A database to serve from; `data` is the server's directory."""

    def __init__(self, name: str, data: Path, url: str | None) -> None:
        self.name, self.data, self.url = name, data, url
        self._published = 0

    def serve(self) -> Server:
        return Server(self.data, database=self.url) if self.url else Server(self.data)

    def prepare(self, count: int, sink: Sink) -> None:
        """Make the endpoints, one of which gets what is new, and fill it."""
        server = self.serve()
        for n in range(ENDPOINTS):
            server.endpoint(sink.url, [TOPIC if n == 0 else "tag.added"])
        server.stop()
        if count and self.url:
            asyncio.run(fill_postgres(self.url, count))
        elif count:
            fill_sqlite(next(self.data.glob("*.db")), count)

    def round(self, events: int, sink: Sink, folder: Path) -> dict[str, float]:
        """Publish, deliver and settle `events` new ones."""
        began = time.monotonic()
        server = self.serve()
        start = time.monotonic() - began
        log = folder / "published"
        self._published += 1
        try:
            before = cpu_seconds(server.child.pid)
            more = (
                *("--batch", "100", "--connections", "4"),
                *("--prefix", f"cll_{self.name}{self._published}_"),
            )
            if publish(server, log, "--count", str(events), *more).wait(600):
                raise SystemExit("the publisher failed")
            counted = reconcile(log, [sink], 1)
            settled(server)
            cpu = cpu_seconds(server.child.pid) - before
            memory = memory_mb(server.child.pid, "VmHWM")
        finally:
            server.stop()
        first = min(sent for sent, _ in counted.accepted.values())
        last = max(counted.arrivals[id_][0] for id_ in counted.accepted if id_ in counted.arrivals)
        found = {
            "rate": events / ((last - first) / 1e9),
            "cpu": cpu / events * 1e6,
            "memory": memory,
            "start": start,
            "lost": counted.lost,
        }
        print(
            f"  {self.name:6} {found['rate']:7.0f} deliveries/s  {found['cpu']:5.1f} µs CPU each"
            f"  {memory:4.0f} MB at most  ready after {start:.2f} s  lost {counted.lost}",
            flush=True,
        )
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeded", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(cluster()) if args.postgresql else None
        sink = Sink(folder / "sink.log")
        stack.callback(sink.stop)
        full, empty = (
            Database(name, folder / name, servers.database() if servers else None)
            for name in ("full", "empty")
        )
        began = time.monotonic()
        full.prepare(args.seeded, sink)
        empty.prepare(0, sink)
        took = time.monotonic() - began
        print(
            f"{'PostgreSQL' if servers else 'SQLite'}, {os.cpu_count()} cores, Python {sys.version.split()[0]}; full: "
            f"{args.seeded} deliveries wait, {args.seeded * ENDPOINTS} attempts are kept, made in {took:.0f} s",
            flush=True,
        )
        rounds = []
        for n in range(args.rounds):
            pair = (full, empty) if n % 2 else (empty, full)  # what the machine does else must not favour one
            found = {one.name: one.round(args.events, sink, folder) for one in pair}
            rounds.append((found["full"], found["empty"]))
    for name in ("rate", "cpu"):
        ratios = [one[name] / other[name] for one, other in rounds]
        print(
            f"  {name} full / empty: median {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    sys.exit(1 if any(one["lost"] or other["lost"] for one, other in rounds) else 0)


if __name__ == "__main__":
    main()
