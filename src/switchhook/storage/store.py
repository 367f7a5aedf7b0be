"""The small interface that every store offers.

    caller ──run(work)──▶ store ──▶ one transaction, shared with everybody of the same moment ──▶ fsync
       ◀── work's result, and only now ───────────────────────────────────────────────────────────┘
                                            └──▶ on_committed(Committed): what others must hear of

`work` is a coroutine function that gets a `Transaction`. It must await nothing but that transaction: the embedded
store runs it to its end in one go. When it raises, its own changes are taken back and nobody else's. It may be run more
than once, when the shared store could not commit what it did the first time: what it leaves outside must not add up.

Queries are named; their text stands in `queries/`.

A store of one process and a shared one differ in what others may see: `shared`, the `horizon` below which no event of
this process can still appear, and that a process joins a `SharedStore` before it delivers.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from switchhook.storage.vault import Vault
    from switchhook.tracing.tracer import Intake, Tracer

T = TypeVar("T")
Row = tuple[Any, ...]


class StorageError(Exception):
    """The store could not do it: disk full, database away, file damaged. Nothing was committed."""


class Conflict(StorageError):
    """A unique key already stands for something else."""


class ProcessLost(StorageError):
    """Others have taken over what this process had to do; nothing it writes under its old number counts."""


class Lane(Enum):
    """Which works may share a transaction. A store of one process commits all of one moment together."""

    RULES = "rules"
    """Reads and then writes what follows from it: one after the other, as if alone in the database."""

    ACCEPTS = "accepts"
    """Only accepts events and relies on nothing else that it read: steps of several works run as one statement."""

    OUTCOMES = "outcomes"
    """The same for what became of deliveries; apart, so that nobody who waits for a yes waits for these."""


class AcceptedEvent(msgspec.Struct, frozen=True):
    """An event that is durable now, with the endpoints that were subscribed at that moment.

    For those in `lined_up` it waits in the schedule already: they want their events in order.
    """

    seq: int
    workspace: str
    id: str
    topic: str
    body: bytes
    targets: tuple[str, ...]
    accepted_at: int
    lined_up: tuple[str, ...] = ()
    variant: str | None = None  # see variants.py
    trace: str | None = None  # where that does not follow from its id; see tracing/context.py


class Committed(msgspec.Struct):
    """What one commit made true that others must hear of.

    New events, endpoints that changed (workspace, id), whether deliveries were put into the schedule that nobody in
    this process waits for, the endpoints (workspace, id) of those that were left to others when they were accepted,
    whether a recovery was asked for, and the data of operational events, whether anybody subscribes to them or not;
    endpoints (workspace, id) some of whose deliveries are not to be sent after all, and whether something was removed
    that must not stay readable in the files of the database. Endpoints, the schedule, what was left and what was
    recalled are told to the other processes of a shared store.
    """

    events: list[AcceptedEvent] = msgspec.field(default_factory=list)
    endpoints: set[tuple[str, str]] = msgspec.field(default_factory=set)
    schedule: bool = False
    due: set[tuple[str, str]] = msgspec.field(default_factory=set)
    recovery: bool = False
    happened: list[msgspec.Struct] = msgspec.field(default_factory=list)
    recalled: set[tuple[str, str]] = msgspec.field(default_factory=set)
    erased: bool = False
    told: list[Callable[["Committed"], None]] = msgspec.field(default_factory=list)
    """What is called, on the loop, before anybody there can read what was committed. Not told to others."""

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)


class Reader(Protocol):
    """Reads rows by named query; `$1` is the first argument."""

    @property
    def shared(self) -> bool:
        """Whether other processes may work on the same store."""

    @property
    def vault(self) -> "Vault":
        """What secrets are sealed with on their way into the store, and opened with on their way out."""

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """All rows of the named query."""

    async def fetch_each(self, query: str, rows: Sequence[Row]) -> list[list[Row]]:
        """Run the named query once for each row; what came back for each, in the same order."""


class Transaction(Reader, Protocol):
    """Reads and writes that become durable together or not at all."""

    @property
    def committed(self) -> Committed:
        """Collects what will be told to others after the commit."""

    @property
    def for_others(self) -> bool:
        """Whether other processes deliver what is accepted here."""

    @property
    def traces(self) -> "Intake | None":
        """What hears of what comes in here; None when there are no traces."""

    async def execute(self, query: str, *args: object) -> int:
        """Run the named query; the number of rows it changed."""

    async def many(self, query: str, rows: Iterable[Row]) -> None:
        """Run the named query once for each row."""


class Store(Protocol):
    """Where everything durable is kept. `traces` hears of what comes in, None when there are none."""

    traces: "Tracer | None"

    @property
    def shared(self) -> bool:
        """Whether other processes may work on the same store."""

    @property
    def vault(self) -> "Vault":
        """See `Reader.vault`."""

    def horizon(self) -> int | None:
        """The `seq` above which events of this process may still be on their way in; None when none is."""

    async def run(self, work: Callable[[Transaction], Awaitable[T]], *, lane: Lane = Lane.RULES) -> T:
        """Run `work` in a transaction and return its result once that is durable.

        Raises:
            ProcessLost: others have taken over from this process; nothing of `work` happened.
            StorageError: the store could not commit; nothing of `work` happened.
            Exception: whatever `work` raised; its changes were taken back.
        """

    async def read(self, work: Callable[[Reader], Awaitable[T]], *, heavy: bool = False) -> T:
        """Run `work` on what has been committed. `heavy` keeps a long read away from the accepting thread."""

    def on_committed(self, hook: Callable[[Committed], None]) -> None:
        """Have `hook` called after every commit that others must hear of, other processes' too. It must not raise."""

    async def check(self) -> None:
        """Prove that the store takes writes.

        Raises:
            StorageError: it does not.
        """

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""


@runtime_checkable
class SharedStore(Store, Protocol):
    """A store that several processes write to. Every write is made in the name of a process.

    Number 0 is nobody's: what is accepted in its name is delivered by whoever looks next.
    """

    @property
    def process(self) -> int:
        """The number under which writes are made; 0 before `join` and after `leave`."""

    async def join(self, name: str, lease: float) -> int:
        """Write under a new number from now on, with a lease of `lease` seconds; the mark that its events are above.

        What was asked for under an older number and is not committed yet is refused with `ProcessLost`.

        Raises:
            StorageError: the store cannot be reached; the number is as it was.
        """

    def leave(self) -> None:
        """Write in nobody's name from now on."""

    def on_joined(self, hook: Callable[[int], None]) -> None:
        """Have `hook` called with every number that `join` gives."""

    def on_lost(self, hook: Callable[[], None]) -> None:
        """Have `hook` called when a write finds that this process was taken over."""
