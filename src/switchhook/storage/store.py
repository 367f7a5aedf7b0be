"""The small interface that every store offers.

    caller ──run(work)──▶ store ──▶ one transaction, shared with everybody of the same moment ──▶ fsync
       ◀── work's result, and only now ───────────────────────────────────────────────────────────┘
                                            └──▶ on_committed(Committed): what others must hear of

`work` is a coroutine function that gets a `Transaction`. It must await nothing but that transaction: the embedded
store runs it to its end in one go. When it raises, its own changes are taken back and nobody else's.

Queries are named; their text stands in `queries.sql`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

T = TypeVar("T")
Row = tuple[Any, ...]


class StorageError(Exception):
    """The store could not do it: disk full, database away, file damaged. Nothing was committed."""


class Conflict(StorageError):
    """A unique key already stands for something else."""


class AcceptedEvent(msgspec.Struct, frozen=True):
    """An event that is durable now, with the endpoints that were subscribed at that moment."""

    seq: int
    workspace: str
    id: str
    topic: str
    body: bytes
    targets: tuple[str, ...]
    accepted_at: int


class Committed(msgspec.Struct):
    """What one commit made true that others must hear of: new events, and endpoints that changed (workspace, id)."""

    events: list[AcceptedEvent] = msgspec.field(default_factory=list)
    endpoints: set[tuple[str, str]] = msgspec.field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.events or self.endpoints)


class Reader(Protocol):
    """Reads rows by named query; `$1` is the first argument."""

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """All rows of the named query."""


class Transaction(Reader, Protocol):
    """Reads and writes that become durable together or not at all."""

    @property
    def committed(self) -> Committed:
        """Collects what will be told to others after the commit."""

    async def execute(self, query: str, *args: object) -> int:
        """Run the named query; the number of rows it changed."""

    async def many(self, query: str, rows: Iterable[Row]) -> None:
        """Run the named query once for each row."""


class Store(Protocol):
    """Where everything durable is kept."""

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction and return its result once that is durable.

        Raises:
            StorageError: the store could not commit; nothing of `work` happened.
            Exception: whatever `work` raised; its changes were taken back.
        """

    async def read(self, work: Callable[[Reader], Awaitable[T]], *, heavy: bool = False) -> T:
        """Run `work` on what has been committed. `heavy` keeps a long read away from the accepting thread."""

    def on_committed(self, hook: Callable[[Committed], None]) -> None:
        """Have `hook` called after every commit that others must hear of. It must not raise."""

    async def check(self) -> None:
        """Prove that the store takes writes.

        Raises:
            StorageError: it does not.
        """

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
