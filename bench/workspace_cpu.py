"""The questions of `workspace.py` on one connection: CPU, and time without what was waited for a core. Linux.

    python bench/workspace_cpu.py FILE_OR_URL [--rounds 60] [--only WORDS]

For a machine that others use. The database is one that `workspace.py --keep` has filled; a server is one on this
machine, whose processes may be read. With PostgreSQL the waiting of both sides is taken off, and may overlap: trust
the CPU.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.workspace import questions
from switchhook.storage import pg_connection
from switchhook.storage.pg_steps import Session, run_in_step
from switchhook.storage.sqlite import _Session
from switchhook.storage.sqlite_connection import connect_to_read
from switchhook.storage.vault import Vault

Ask = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]


def scheduled(process: int) -> tuple[float, float]:
    """Milliseconds that the first thread of a process ran, and that it waited for a core."""
    ran, waited, _ = Path(f"/proc/{process}/task/{process}/schedstat").read_text().split()
    return int(ran) / 1e6, int(waited) / 1e6


def points(values: list[float]) -> str:
    found = statistics.quantiles(values, n=100)
    return f"{found[49]:.2f}/{found[94]:.2f}/{found[98]:.2f}"


async def measure(ask: Ask, processes: list[int], rounds: int, only: str) -> None:
    """Ask everything, and print p50/p95/p99 in milliseconds."""
    for name, (question, heavy) in questions(1_000_000).items():
        if only not in name:
            continue
        walls, rests = [], []
        cpus: list[list[float]] = [[] for _ in processes]
        for n in range(rounds if heavy else rounds * 10):
            before = [scheduled(process) for process in processes]
            began = time.perf_counter()
            await ask(lambda reader, n=n: question(reader, n))  # type: ignore[misc]  # noqa: B023
            wall = (time.perf_counter() - began) * 1000
            after = [scheduled(process) for process in processes]
            for cpu, (ran, _), (was, _) in zip(cpus, after, before, strict=True):
                cpu.append(ran - was)
            walls.append(wall)
            rests.append(wall - sum(now[1] - was[1] for now, was in zip(after, before, strict=True)))
        told = "  server ".join(points(cpu) for cpu in cpus)
        print(f"{name:30} wall {points(walls)}  CPU {told}  without waiting {points(rests)}", flush=True)


async def run(where: str, rounds: int, only: str) -> None:
    if where.startswith("postgresql://"):
        shared = await pg_connection.connect(where)

        async def step(work: Callable[[Any], Awaitable[Any]]) -> Any:
            return await run_in_step(shared, [(work, Session(Vault()))], 0, lambda: None)

        await measure(step, [os.getpid(), shared.get_server_pid()], rounds, only)
        await shared.close()
        return
    embedded = connect_to_read(Path(where))

    async def straight(work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(_Session(embedded, Vault()))

    await measure(straight, [os.getpid()], rounds, only)
    embedded.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("where", help="a file, or the URL of a database")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", default="", help="questions whose name holds this")
    args = parser.parse_args()
    uvloop.run(run(args.where, args.rounds, args.only))


if __name__ == "__main__":
    main()
