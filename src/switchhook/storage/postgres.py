"""The shared store: PostgreSQL, any number of processes on any number of machines.

    run(work) ──▶ a lane of writes each for rules, accepts and outcomes (`pg_writer`) ──▶ COMMIT, synchronous
    read(work) ─▶ one of a few readers, all reads of one work at the same moment
    LISTEN ─────▶ what other processes changed ──▶ on_committed

Every write is made in the name of a process (`Store.process`) and shares a lock on its row, so that a process that was
taken over cannot write a thing. Connections that break are made anew; what was under way is done again when it cannot
have happened, and asked about when it may have.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from switchhook.storage.pg_connection import (
    Connection,
    connect,
    is_database,
    is_lost,
    is_unstorable,
    migrate,
    translate,
)
from switchhook.storage.pg_notices import heard
from switchhook.storage.pg_position import REAL, Command, Position
from switchhook.storage.pg_steps import Session, WorkFailed, run_in_step
from switchhook.storage.pg_writer import Writer
from switchhook.storage.sql import queries
from switchhook.storage.store import Committed, Lane, Reader, StorageError, Transaction
from switchhook.storage.vault import Vault
from switchhook.tracing.tracer import CAUSE, Tracer

T = TypeVar("T")

log = logging.getLogger(__name__)

READERS = 4  # sessions for reading
HEAVY_READERS = 2  # of these, how many long reads may have at once
LISTEN_AGAIN = 1.0  # seconds
CHANNEL = "switchhook"
_JOIN = queries("postgresql")["join_process"]


class PostgresStore:
    """`SharedStore` in a PostgreSQL database; made by `open`. To be used on the loop it was opened on.

    `pending` is how many works are under way.
    """

    shared = True

    def __init__(self, url: str, vault: Vault | None = None, *, for_others: bool = False) -> None:
        self._url = url
        self.vault = vault or Vault()
        self._position = Position(secrets.token_hex(8), self.vault, for_others=for_others)
        self._hooks: list[Callable[[Committed], None]] = []
        self._closed = False
        self._readers: list[Connection] = []
        self._reading = asyncio.Semaphore(READERS)
        self._heavy = asyncio.Semaphore(HEAVY_READERS)
        self._listener: asyncio.Task[None] | None = None
        self._listens = asyncio.Event()  # or that was tried once
        self._lanes = {
            lane: Writer(lane, self._position, self._connect, self._tell, self._lost) for lane in Lane
        }
        self._joined_hooks: list[Callable[[int], None]] = []
        self._lost_hooks: list[Callable[[], None]] = []
        self.pending = 0

    @classmethod
    async def open(cls, url: str, vault: Vault | None = None, *, for_others: bool = False) -> "PostgresStore":
        """Connect, migrate, and begin to listen. `for_others`: see `Transaction.for_others`.

        Raises:
            StorageError: the database cannot be used; the text names the remedy and holds no secret.
        """
        store = cls(url, vault, for_others=for_others)
        connection = await connect(url)
        try:
            await migrate(connection)
        except BaseException:
            connection.terminate()
            raise
        store._readers.append(connection)
        store._listener = asyncio.create_task(store._listen())
        await store._listens.wait()
        return store

    # -- the interface

    @property
    def traces(self) -> Tracer | None:
        """See `Store`."""
        return self._position.traces

    @traces.setter
    def traces(self, traces: Tracer | None) -> None:
        self._position.traces = traces

    @property
    def process(self) -> int:
        """See `SharedStore.process`."""
        return self._position.process

    async def join(self, name: str, lease: float) -> int:
        """See `SharedStore.join`."""
        # Beside the lanes: those write under the old number until the very moment there is a new one.
        self.pending += 1
        try:
            connection = await connect(self._url)
            try:
                joined = await connection.fetchrow(_JOIN, name, float(lease), not self._position.for_others)
            except Exception as error:
                raise translate(error) from error
            finally:
                connection.terminate()
        finally:
            self.pending -= 1
        self._position.process = joined["process"]
        mark: int = joined["low_water"]
        self._position.highest = max(self._position.highest, mark)
        for hook in self._joined_hooks:
            hook(self._position.process)
        return mark

    def leave(self) -> None:
        """See `SharedStore.leave`."""
        self._position.process = 0

    def on_joined(self, hook: Callable[[int], None]) -> None:
        """See `SharedStore.on_joined`."""
        self._joined_hooks.append(hook)

    def on_lost(self, hook: Callable[[], None]) -> None:
        """See `SharedStore.on_lost`."""
        self._lost_hooks.append(hook)

    @property
    def commits(self) -> int:
        """Transactions committed so far; with `commands`, how well works share them."""
        return sum(lane.commits for lane in self._lanes.values())

    @property
    def commands(self) -> int:
        """Works committed so far."""
        return sum(lane.commands for lane in self._lanes.values())

    def horizon(self) -> int | None:
        """See `Store.horizon`."""
        return self._position.horizon()

    async def run(self, work: Callable[[Transaction], Awaitable[T]], *, lane: Lane = Lane.RULES) -> T:
        """See `Store.run`."""
        if self._closed:
            raise StorageError("the store is closed")
        command = Command(work, asyncio.get_running_loop().create_future(), self._position.process)
        if self.traces is not None:
            command.cause = CAUSE.get()  # the work itself runs in a lane's task
        self.pending += 1
        try:
            self._lanes[lane].submit(command)
            result: T = await command.future
        finally:
            self.pending -= 1
        return result

    async def read(self, work: Callable[[Reader], Awaitable[T]], *, heavy: bool = False) -> T:
        """See `Store.read`."""
        if self._closed:
            raise StorageError("the store is closed")
        self.pending += 1
        try:
            if not heavy:
                return await self._read(work)
            async with self._heavy:
                return await self._read(work)
        finally:
            self.pending -= 1

    def on_committed(self, hook: Callable[[Committed], None]) -> None:
        """See `Store.on_committed`."""
        self._hooks.append(hook)

    async def check(self) -> None:
        """See `Store.check`."""

        async def write(tx: Transaction) -> None:
            await tx.execute("set_meta", "checked", "1")

        await self.run(write, lane=Lane.OUTCOMES)

    async def close(self) -> None:
        """See `Store.close`."""
        if self._closed:
            return
        self._closed = True
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await asyncio.gather(*[lane.close() for lane in self._lanes.values()])
        for connection in self._readers:
            connection.terminate()
        self._readers.clear()

    # -- reading

    async def _read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        clean = False
        for last in (False, False, True):
            async with self._reading:
                connection = self._readers.pop() if self._readers else await connect(self._url)
                try:
                    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    try:
                        (result,) = await run_in_step(
                            connection, [(work, Session(self.vault, clean=clean))], self.process, _nothing
                        )
                    except Exception:
                        if not connection.is_closed():
                            await connection.execute("ROLLBACK")
                        raise
                    await connection.execute("COMMIT")
                except asyncio.CancelledError:
                    connection.terminate()  # who gave up does not wait for a database that may stand still
                    raise
                except Exception as error:
                    cause = error.error if isinstance(error, WorkFailed) else error
                    if not is_database(cause):
                        raise cause from None
                    if is_unstorable(cause) and not clean:
                        clean = True
                    elif last or not is_lost(connection, cause):
                        raise translate(cause) from cause
                else:
                    found: T = result
                    return found
                finally:
                    self._give_back(connection)
        raise AssertionError("the last try returns or raises")

    def _give_back(self, connection: Connection) -> None:
        if connection.is_closed():
            return
        if self._closed or connection.is_in_transaction():
            connection.terminate()  # cancelled on the way, or the store closed meanwhile
        else:
            self._readers.append(connection)

    # -- what others changed

    async def _listen(self) -> None:
        first = True
        while True:
            try:
                connection = await connect(self._url)
                gone = asyncio.Event()
                try:
                    connection.add_termination_listener(lambda _, gone=gone: gone.set())
                    await connection.add_listener(CHANNEL, self._heard)
                    self._listens.set()
                    if not first:
                        self._tell(Committed(schedule=True))  # what was said meanwhile was said to nobody
                    first = False
                    await gone.wait()
                finally:
                    connection.terminate()
                log.warning("the connection that listens to other processes was lost; connecting again")
            except Exception as error:
                self._listens.set()
                if not isinstance(error, StorageError) and not is_database(error):
                    raise
                log.warning("cannot listen to other processes: %s", error)
            await REAL.sleep(LISTEN_AGAIN)

    def _heard(self, _connection: Connection, _pid: int, _channel: str, payload: str) -> None:
        if committed := heard(self._position.token, payload):
            self._tell(committed)

    # -- for the lanes

    async def _connect(self) -> Connection:
        return await connect(self._url)

    def _tell(self, committed: Committed) -> None:
        for hook in (*committed.told, *self._hooks):
            try:
                hook(committed)
            except Exception:
                # It is committed: whoever asked must hear so, whatever a listener makes of it.
                log.exception("a listener to commits failed")

    def _lost(self) -> None:
        for hook in self._lost_hooks:
            hook()


def _nothing(*_: Any) -> None:
    """Readers number no events."""
