"""`switchhook serve` that kills itself with SIGKILL at a named point, or whose wall clock somebody steps.

    python victim.py before|after accept|settle|recover|takeover N      the Nth commit of that kind
    python victim.py clock OFFSET                                       SIGUSR1: an hour on, SIGUSR2: an hour back

What a transaction does is told by its SQL as the database library sees it, so that nothing in the server knows of this.
"""

import os
import signal
import sys
import time
from typing import Any

import apsw
import asyncpg

WORDS = {
    "accept": "INSERT INTO events",
    "settle": "INSERT INTO attempts",
    "recover": "UPDATE recoveries",
    "takeover": "SET lost = true",
}
HOUR = 3600


class Point:
    """Where to die."""

    def __init__(self, side: str, what: str, left: int) -> None:
        self.side, self.word, self.left = side, WORDS[what], left

    def comes(self, side: str) -> None:
        """A transaction of the kind is at this side of its commit."""
        if side == self.side:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def embedded(point: Point) -> None:
    """Watch SQLite."""

    class Watched(apsw.Connection):
        touched = False

        def execute(self, statement: str, *args: Any, **options: Any) -> Any:  # type: ignore[override]
            if point.word in statement:
                self.touched = True
            if statement != "COMMIT" or not self.touched:
                return super().execute(statement, *args, **options)
            point.comes("before")
            done = super().execute(statement, *args, **options)
            point.comes("after")
            self.touched = False
            return done

        def executemany(self, statement: str, *args: Any, **options: Any) -> Any:  # type: ignore[override]
            if point.word in statement:
                self.touched = True
            return super().executemany(statement, *args, **options)

    apsw.Connection = Watched  # type: ignore[misc]


def shared(point: Point) -> None:
    """Watch PostgreSQL."""
    touched: set[int] = set()

    def watch(name: str) -> None:
        real = getattr(asyncpg.Connection, name)

        async def watched(self: Any, query: str, *args: Any, **options: Any) -> Any:
            if point.word in query:
                touched.add(id(self))
            if query != "COMMIT" or id(self) not in touched:
                return await real(self, query, *args, **options)
            point.comes("before")
            done = await real(self, query, *args, **options)
            point.comes("after")
            touched.discard(id(self))
            return done

        setattr(asyncpg.Connection, name, watched)

    for name in ("execute", "fetch", "fetchval", "executemany"):
        watch(name)


def stepped(offset: int) -> None:
    """Have the wall clock run `offset` seconds off, and be stepped by signals."""
    real, real_ns = time.time, time.time_ns
    step = [offset]
    time.time = lambda: real() + step[0]
    time.time_ns = lambda: real_ns() + step[0] * 10**9

    def move(number: int, _frame: object) -> None:
        step[0] += HOUR if number == signal.SIGUSR1 else -HOUR

    signal.signal(signal.SIGUSR1, move)
    signal.signal(signal.SIGUSR2, move)


def main() -> None:
    if sys.argv[1] == "clock":
        stepped(int(sys.argv[2]))
    else:
        point = Point(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        embedded(point)
        shared(point)
    sys.argv = ["switchhook", "serve"]
    from switchhook.cli import main as switchhook

    switchhook()


if __name__ == "__main__":
    main()
