"""What the contenders share: publish so many events at a pace, and log which were accepted. Standard library only.

    python publishing.py CONTENDER publish --count N [--rate R] --prefix P --body FILE --log FILE
    python publishing.py CONTENDER FUNCTION

Sixteen callers at once. An event whose publishing fails is published again under the same id, as an application would,
for two minutes at most; it counts as accepted when the call has returned. Lines of the log as in bench/publisher.py.
"""

import argparse
import asyncio
import importlib
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CALLERS = 16
AGAIN = 0.1  # seconds
PATIENCE = 120.0


class Plan:
    """Which events are to be published, and when."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("what")
        parser.add_argument("--count", type=int, required=True)
        parser.add_argument("--rate", type=float, default=0)
        parser.add_argument("--prefix", required=True)
        parser.add_argument("--body", type=Path, required=True)
        parser.add_argument("--log", type=Path, required=True)
        self.args = parser.parse_args()
        self.template = self.args.body.read_text()
        self.numbers = iter(range(self.args.count))
        self.start = time.monotonic_ns() + 50_000_000
        self.lines: list[str] = []

    def event(self, n: int) -> tuple[str, str]:
        """Its id and body."""
        id_ = f"{self.args.prefix}{n}"
        return id_, self.template.replace("@ID@", id_)

    def planned(self, n: int) -> tuple[int, float]:
        """When it is to be published (monotonic ns), and seconds until then."""
        now = time.monotonic_ns()
        if not self.args.rate:
            return now, 0.0
        at = self.start + int(n / self.args.rate * 1e9)
        return at, max(0.0, (at - now) / 1e9)

    def accepted(self, id_: str, planned: int) -> None:
        self.lines.append(f"{id_} {planned} {time.monotonic_ns()}")

    def write(self) -> None:
        self.args.log.write_text("".join(f"{line}\n" for line in self.lines))


def threads(send: Callable[[str, str], str | None]) -> None:
    """Publish with `send(id, body)`, which may give back another id, in threads."""
    plan = Plan()

    def caller() -> None:
        for n in plan.numbers:
            id_, body = plan.event(n)
            planned, wait = plan.planned(n)
            time.sleep(wait)
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    plan.accepted(send(id_, body) or id_, planned)
                    break
                except Exception as error:
                    _give_up(error, until)
                    time.sleep(AGAIN)

    with ThreadPoolExecutor(CALLERS) as pool:
        for done in [pool.submit(caller) for _ in range(CALLERS)]:
            done.result()
    plan.write()


async def tasks(make: Callable[[], Awaitable[Callable[[str, str], Awaitable[str | None]]]]) -> None:
    """The same in one loop; each caller gets a `send` of its own from `make`."""
    plan = Plan()

    async def caller() -> None:
        send = await make()
        for n in plan.numbers:
            id_, body = plan.event(n)
            planned, wait = plan.planned(n)
            await asyncio.sleep(wait)
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    plan.accepted(await send(id_, body) or id_, planned)
                    break
                except Exception as error:
                    _give_up(error, until)
                    await asyncio.sleep(AGAIN)

    await asyncio.gather(*[caller() for _ in range(CALLERS)])
    plan.write()


def _give_up(error: Exception, until: float) -> None:
    if time.monotonic() > until:
        sys.exit(f"not accepted for {PATIENCE:.0f} s: {error!r}")


if __name__ == "__main__":
    # Imported by name, not run: a task must have the same name here and in the worker.
    getattr(importlib.import_module(sys.argv.pop(1)), sys.argv[1])()
