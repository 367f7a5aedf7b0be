"""What the lanes of writes to PostgreSQL share: their position among the processes, and what they are asked to do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from switchhook.clock import SystemClock
from switchhook.storage.store import Committed, StorageError, Transaction
from switchhook.storage.vault import Vault
from switchhook.tracing.tracer import Cause, Tracer

REAL = SystemClock()
"""A database takes real time to come back or to make way, also while a test moves its own clock by hand."""


class Position:
    """What the lanes of a store know in common: for whom they write, how far its events are numbered, and its vault."""

    def __init__(self, token: str, vault: Vault, *, for_others: bool = False) -> None:
        self.token = token  # marks our own notifications
        self.vault = vault
        self.for_others = for_others  # who deliver what is accepted here
        self.process = 0
        self.traces: Tracer | None = None
        self.highest = 0
        self._floors: dict[object, int] = {}

    def accepting(self, group: object) -> None:
        """`group` is about to number events; they get numbers above everything known now."""
        self._floors.setdefault(group, self.highest)

    def ended(self, group: object) -> None:
        """`group` has been told, or did not happen."""
        self._floors.pop(group, None)

    def horizon(self) -> int | None:
        """See `Store.horizon`."""
        return min(self._floors.values(), default=None)


class Command:
    """A work and whoever waits for it."""

    __slots__ = ("cause", "clean", "committed", "error", "future", "process", "result", "work")

    def __init__(
        self, work: Callable[[Transaction], Awaitable[Any]], future: asyncio.Future[Any], process: int
    ) -> None:
        self.work = work
        self.future = future
        self.process = process  # in whose name it was asked for
        self.clean = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.committed: Committed | None = None
        self.cause: Cause | None = None  # the request that it is for, where there are traces

    def refuse(self, error: BaseException) -> None:
        """Tell whoever waits that it did not happen."""
        if not self.future.done():
            # One exception object each: they are raised in different tasks and collect tracebacks.
            self.future.set_exception(type(error)(*error.args) if isinstance(error, StorageError) else error)
