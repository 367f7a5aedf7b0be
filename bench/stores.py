"""How fast each store accepts and settles, without HTTP and without sending: the two side by side, in turn.

    python bench/stores.py [--events 20000] [--rounds 3] [--database postgresql://…]

Accepting is 64 callers with one event each at a time; settling is groups of 256, as the dispatcher makes them. Without
--database a throw-away PostgreSQL is started (fsync on) when its programs are installed.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.publisher import payload
from switchhook.events.ids import new_id
from switchhook.storage import outbox
from switchhook.storage.endpoints import Endpoint, SigningSecret, add_endpoint
from switchhook.storage.postgres import PostgresStore
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Lane, Store
from tests.postgres import cluster

NOW = 1_742_049_000_000
CALLERS = 64
GROUP = 256


async def measure(store: Store, events: int) -> tuple[float, float]:
    """Events accepted and outcomes settled a second, by a process that has joined."""
    if isinstance(store, PostgresStore):
        await store.join("bench", 3600.0)
    secret = SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    workspace, endpoint = new_id("wsp"), new_id("ep")
    row = Endpoint(
        workspace=workspace,
        id=endpoint,
        url="https://example.org/",
        topics=("call.completed",),
        description=None,
        enabled=True,
        secrets=(secret,),
        disabled_why=None,
        created_at=NOW,
        updated_at=NOW,
    )
    await store.run(lambda tx: add_endpoint(tx, row))
    body = payload(1250)
    ids = [new_id("msg") for _ in range(events)]
    left = iter(ids)

    async def caller() -> None:
        for id_ in left:
            new = outbox.NewEvent(workspace, id_, "call.completed", body, NOW, id_)
            await store.run(lambda tx, new=new: outbox.accept(tx, new), lane=Lane.ACCEPTS)  # type: ignore[misc]

    began = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(CALLERS)])
    accepted = events / (time.perf_counter() - began)
    answer = outbox.encode_response(outbox.StoredResponse((("server", "bench"),), b"", False))
    began = time.perf_counter()
    for start in range(0, events, GROUP):
        group = [
            outbox.Settlement(
                workspace,
                endpoint,
                id_,
                1,
                "succeeded",
                NOW,
                1.5,
                "status",
                204,
                None,
                None,
                None,
                None,
                answer,
                False,
            )
            for id_ in ids[start : start + GROUP]
        ]
        await store.run(lambda tx, group=group: outbox.settle(tx, group, (), start), lane=Lane.OUTCOMES)  # type: ignore[misc]  # noqa: B023
    return accepted, events / (time.perf_counter() - began)


def main() -> None:
    """Run the rounds and print what they came to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", default="")
    args = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"sqlite": [], "postgresql": []}

    async def one(open_: Callable[[], Awaitable[Store]], kind: str) -> None:
        store = await open_()
        try:
            found[kind].append(await measure(store, args.events))
        finally:
            await store.close()

    async def embedded(folder: str) -> Store:
        return SqliteStore(Path(folder) / "x.db")

    async def shared(url: str) -> Store:
        return await PostgresStore.open(url)

    with contextlib.ExitStack() as stack:
        url = args.database or stack.enter_context(cluster()).database()
        for _ in range(args.rounds):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            uvloop.run(one(partial(embedded, folder), "sqlite"))
            uvloop.run(one(partial(shared, url), "postgresql"))
    for kind, rounds in found.items():
        for name, values in zip(("accepted/s", "settled/s"), zip(*rounds, strict=True), strict=True):
            print(
                f"{kind:10} {name:10} median {statistics.median(values):8.0f}  ({min(values):.0f} to {max(values):.0f})"
            )


if __name__ == "__main__":
    main()
