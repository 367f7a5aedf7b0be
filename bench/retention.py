"""What retention costs, and what those who accept notice of it: old events are removed while new ones come in.

    python bench/retention.py [--old 30000] [--rate 200] [--postgresql]

`--old` events of 1.3 kB were delivered to one endpoint, one attempt each, half of them 100 days ago and half 95. The
first half is removed alone, which gives the CPU (on PostgreSQL this process's, not the server's). New ones are accepted
at `--rate` a second, first alone and then while the second half is removed.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.publisher import payload
from switchhook.clock import SystemClock
from switchhook.delivery.retention import Retention, Run
from switchhook.events.ids import MESSAGE, IdSource, new_id
from switchhook.storage import keys, outbox, processes
from switchhook.storage.endpoints import Endpoint, SigningSecret, add_endpoint
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Lane, Store
from tests.postgres import cluster

DAY_MS = 86_400_000
DAY = 86_400.0
GROUP = 500
ANSWER = outbox.encode_response(
    outbox.StoredResponse((("server", "nginx/1.24.0"),), b'{"status":"ok"}', False)
)


class Filled:
    """A store with one endpoint and `old` events that were delivered to it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.workspace, self.endpoint = new_id("wsp"), new_id("ep")
        self.body = payload(1250)

    async def fill(self, old: int) -> None:
        if isinstance(self.store, PostgresStore):
            await self.store.join("bench", 3600.0)
        now = time.time_ns() // 1_000_000
        row = Endpoint(
            workspace=self.workspace,
            id=self.endpoint,
            url="https://example.org/",
            topics=("call.completed",),
            description=None,
            enabled=True,
            secrets=(SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
            disabled_why=None,
            created_at=now,
            updated_at=now,
        )
        await self.store.run(lambda tx: keys.add_workspace(tx, self.workspace, "Bench", now))
        await self.store.run(lambda tx: add_endpoint(tx, row))
        ids = IdSource()
        for first in range(0, old, GROUP):
            at = now - (100 if first < old // 2 else 95) * DAY_MS
            events = [self.event(ids.new(MESSAGE, at), at) for _ in range(first, min(first + GROUP, old))]
            await self.store.run(partial(self._add, events), lane=Lane.ACCEPTS)
            settled = [self._outcome(event.id, at) for event in events]
            await self.store.run(
                partial(outbox.settle, settled=settled, waiting=(), low_water=first + len(events)),
                lane=Lane.OUTCOMES,
            )
        if isinstance(self.store, PostgresStore):
            await self.store.run(lambda tx: processes.take_over_step(tx, 0, now, GROUP), lane=Lane.OUTCOMES)

    async def _add(self, events: list[outbox.NewEvent], tx: object) -> None:
        await outbox.accept_all(tx, events)  # type: ignore[arg-type]

    def event(self, id_: str, at: int) -> outbox.NewEvent:
        return outbox.NewEvent(self.workspace, id_, "call.completed", self.body, at, f"key of {id_}")

    def _outcome(self, event: str, at: int) -> outbox.Settlement:
        return outbox.Settlement(
            self.workspace,
            self.endpoint,
            event,
            number=1,
            state="succeeded",
            started_at=at,
            latency_ms=1.5,
            kind="delivered",
            status=204,
            fault=None,
            message_customer=None,
            message_operator=None,
            next_at=None,
            response=ANSWER,
            scheduled=False,
        )

    async def accept(self, rate: float, until: asyncio.Event) -> list[float]:
        """Milliseconds that each accept took."""
        took: list[float] = []

        async def one() -> None:
            event = self.event(new_id(MESSAGE), time.time_ns() // 1_000_000)
            began = time.perf_counter()
            await self.store.run(lambda tx: outbox.accept(tx, event), lane=Lane.ACCEPTS)
            took.append((time.perf_counter() - began) * 1000)

        tasks = []
        while not until.is_set():
            tasks.append(asyncio.create_task(one()))
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*tasks)
        return took


def told(name: str, took: list[float]) -> None:
    points = statistics.quantiles(took, n=100)
    print(
        f"  accepting {name}: p50 {points[49]:.2f}  p95 {points[94]:.2f}  p99 {points[98]:.2f}  "
        f"at most {max(took):.1f} ms  ({len(took)} events)",
        flush=True,
    )


async def prune(store: Store, days: float) -> tuple[Run, float]:
    """One run, and its seconds."""
    began = time.perf_counter()
    done = await Retention(store, SystemClock(), days * DAY).run()
    assert done is not None
    return done, time.perf_counter() - began


async def measure(store: Store, old: int, rate: float, file: Path | None) -> None:
    filled = Filled(store)
    await filled.fill(old)
    cpu = time.process_time()
    done, took = await prune(store, 97)
    cpu = time.process_time() - cpu
    print(
        f"  removed {done.events} events and {done.attempts} attempts alone: {done.events / took:.0f}/s, "
        f"{cpu / done.events * 1e6:.0f} µs CPU each",
        flush=True,
    )
    enough = asyncio.Event()
    alone = asyncio.create_task(filled.accept(rate, enough))
    await asyncio.sleep(5)
    enough.set()
    told("alone", await alone)
    ended = asyncio.Event()
    beside = asyncio.create_task(filled.accept(rate, ended))
    done, took = await prune(store, 90)
    ended.set()
    told("beside it", await beside)
    print(f"  removed {done.events} events beside accepting: {done.events / took:.0f}/s", flush=True)
    if file is not None:
        print(f"  the file has {file.stat().st_size / 1e6:.0f} MB")


async def run(args: argparse.Namespace, folder: Path, url: str | None) -> None:
    store: Store = await PostgresStore.open(url) if url else SqliteStore(folder / "x.db")
    try:
        await measure(store, args.old, args.rate, None if url else folder / "x.db")
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", type=int, default=30_000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--postgresql", action="store_true")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(cluster()) if args.postgresql else None
        print("PostgreSQL" if servers else "SQLite", flush=True)
        uvloop.run(run(args, folder, servers.database() if servers else None))


if __name__ == "__main__":
    main()
