"""The embedded store: one SQLite file in WAL mode with `synchronous=FULL`, written by the loop thread alone.

    run(work) ─┐
    run(work) ─┼─▶ queue ──call_soon──▶ BEGIN · SAVEPOINT work RELEASE · SAVEPOINT work RELEASE · COMMIT ──▶ results
    run(work) ─┘                        (a work that raises takes back its own savepoint only)

Everything that was asked for in one turn of the loop shares one commit and so one fsync: groups form by themselves,
small when it is quiet, large under load. A transaction never suspends here, so `work` is driven to its end in one step.

The write-ahead log is copied back by a thread, so that no commit pays for it; the loop thread only finishes what came
in meanwhile. Long reads run on read-only connections in threads (SQLite releases the GIL while it steps).
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from switchhook.storage.sql import migrations, queries
from switchhook.storage.store import Committed, Conflict, Lane, Reader, Row, StorageError, Transaction

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_MAX = 512  # commands in one commit: bounds how long the loop stands still
CHECKPOINT_PAGES = 4_000  # 16 MB of log starts a checkpoint in the background
_BUSY_MS = 5_000  # how long to wait for another process (the command line) that writes

_QUERIES = queries("sqlite")


class _Session:
    """A connection seen as `Transaction`. Its coroutines never suspend."""

    __slots__ = ("_connection", "committed")

    shared = False
    for_others = False

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.committed = Committed()

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        return self._connection.execute(_QUERIES[query], args).fetchall()

    async def execute(self, query: str, *args: Any) -> int:
        before = self._connection.total_changes()
        self._connection.execute(_QUERIES[query], args)
        return self._connection.total_changes() - before

    async def many(self, query: str, rows: Iterable[Row]) -> None:
        self._connection.executemany(_QUERIES[query], rows)

    async def fetch_each(self, query: str, rows: Sequence[Row]) -> list[list[Row]]:
        sql, execute = _QUERIES[query], self._connection.execute
        return [execute(sql, row).fetchall() for row in rows]


class _Command:
    __slots__ = ("committed", "error", "future", "result", "work")

    def __init__(self, work: Callable[[Transaction], Awaitable[Any]], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.committed: Committed | None = None


class SqliteStore:
    """`Store` in one file. To be made and used on the thread of the event loop."""

    shared = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = _open(path)
        self._queue: deque[_Command] = deque()
        self._scheduled = False
        self._closed = False
        self._hooks: list[Callable[[Committed], None]] = []
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="switchhook-read")
        self._local = threading.local()
        self._checkpointing = False
        self.commits = 0
        self.commands = 0
        self._connection.set_wal_hook(self._log_grew)

    # -- the interface

    def horizon(self) -> int | None:
        """See `Store.horizon`: events are numbered in the order of their commits here."""
        return None

    async def run(self, work: Callable[[Transaction], Awaitable[T]], *, lane: Lane = Lane.RULES) -> T:
        """See `Store.run`."""
        if self._closed:
            raise StorageError("the store is closed")
        loop = asyncio.get_running_loop()
        command = _Command(work, loop.create_future())
        self._queue.append(command)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)
        result: T = await command.future
        return result

    async def read(self, work: Callable[[Reader], Awaitable[T]], *, heavy: bool = False) -> T:
        """See `Store.read`."""
        if self._closed:
            raise StorageError("the store is closed")
        if heavy:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_in_thread, work)
        try:
            return _drive(work(_Session(self._connection)))
        except apsw.Error as error:
            raise _translate(error) from error

    def on_committed(self, hook: Callable[[Committed], None]) -> None:
        """See `Store.on_committed`."""
        self._hooks.append(hook)

    async def check(self) -> None:
        """See `Store.check`."""

        async def write(tx: Transaction) -> None:
            await tx.execute("set_meta", "checked", "1")

        await self.run(write)

    async def close(self) -> None:
        """See `Store.close`."""
        if self._closed:
            return
        while self._queue:
            self._flush()
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self._connection.set_wal_hook(None)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            pass  # the log is replayed at the next start; nothing is lost
        self._connection.close()

    # -- writing

    def _flush(self) -> None:
        """Commit one group."""
        self._scheduled = False
        group = [self._queue.popleft() for _ in range(min(GROUP_MAX, len(self._queue)))]
        if self._queue:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)
        if not group:
            return
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for command in group:
                self._apply(command)
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            failure = error if isinstance(error, StorageError) else _translate(error)
            for command in group:
                if not command.future.done():
                    # One exception object each: they are raised in different tasks and collect tracebacks.
                    command.future.set_exception(type(failure)(*failure.args))
            if not isinstance(error, apsw.Error | StorageError):
                raise  # somebody ends the process; nobody may be left waiting for it
            return
        self.commits += 1
        self.commands += len(group)
        self._tell(group)

    def _apply(self, command: _Command) -> None:
        """Run one command inside the group's transaction, in its own savepoint."""
        connection = self._connection
        session = _Session(connection)
        connection.execute("SAVEPOINT work")
        try:
            command.result = _drive(command.work(session))
        except (Exception, asyncio.CancelledError) as error:
            if not connection.in_transaction:
                # SQLite took the whole transaction back (disk full, I/O error): the group is lost, not one command.
                raise StorageError(_describe(error)) from error
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
            command.error = _translate(error) if isinstance(error, apsw.Error) else error
            return
        connection.execute("RELEASE work")
        if session.committed:
            command.committed = session.committed

    def _tell(self, group: list[_Command]) -> None:
        for command in group:
            if command.committed is not None:
                for hook in self._hooks:
                    try:
                        hook(command.committed)
                    except Exception:
                        # It is committed: whoever asked must hear so, whatever a listener makes of it.
                        log.exception("a listener to commits failed")
            if command.future.done():
                continue  # whoever asked has gone; what was committed stays committed
            if command.error is not None:
                command.future.set_exception(command.error)
            else:
                command.future.set_result(command.result)

    # -- reading in threads

    def _read_in_thread(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        try:
            connection: apsw.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
                connection.set_busy_timeout(_BUSY_MS)
                self._local.connection = connection
            connection.execute("BEGIN")  # all reads of one work see the same moment
            try:
                return _drive(work(_Session(connection)))
            finally:
                connection.execute("COMMIT")
        except apsw.Error as error:
            raise _translate(error) from error

    # -- the write-ahead log ---------------------------------------------------------------------------------------

    def _log_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages >= CHECKPOINT_PAGES and not self._checkpointing:
            self._checkpointing = True
            asyncio.get_running_loop().run_in_executor(self._threads, self._checkpoint).add_done_callback(
                self._checkpointed
            )
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        try:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            finally:
                connection.close()
        except apsw.Error:
            pass  # tried again when the log has grown further

    def _checkpointed(self, done: asyncio.Future[None]) -> None:
        self._checkpointing = False
        if not self._closed and not done.cancelled():
            # What was committed while the thread copied is little; copying it here lets the log start over. Without
            # this the log would grow for as long as the load lasts.
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.Error:
                pass


def _open(path: Path) -> apsw.Connection:
    """Open and migrate the database.

    Raises:
        StorageError: the file cannot be opened, is no database, or belongs to a newer Switchhook.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = apsw.Connection(str(path), statementcachesize=256)
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-65536")
        _migrate(connection)
    except OSError as error:
        raise StorageError(f"cannot open the database {path}: {error.strerror}") from error
    except apsw.Error as error:
        raise StorageError(f"cannot open the database {path}: {_describe(error)}") from error
    return connection


def _migrate(connection: apsw.Connection) -> None:
    steps = migrations("sqlite")
    newest = steps[-1][0]
    connection.execute("BEGIN IMMEDIATE")  # two processes that start at once migrate one after the other
    try:
        version = int(connection.pragma("user_version"))
        if version > newest:
            raise StorageError(
                f"this database was written by a newer Switchhook (schema {version}, this one knows {newest}); "
                "start the newer one, or restore a backup"
            )
        for number, script in steps:
            if number > version:
                connection.execute(script)
                connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _drive(work: Awaitable[T]) -> T:
    """Run a coroutine that never suspends to its end."""
    assert isinstance(work, Coroutine)
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    work.close()
    raise RuntimeError("the work of a transaction may await nothing but its transaction")


def _describe(error: BaseException) -> str:
    if isinstance(error, apsw.FullError):
        return "the disk is full; free some space, nothing that was accepted is lost"
    if isinstance(error, apsw.NotADBError):
        return "this file is not a Switchhook database"
    if isinstance(error, apsw.CorruptError):
        return f"the database file is damaged ({error}); restore the newest backup"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return "another process is writing to the database and did not finish in time"
    return str(error) or type(error).__name__


def _translate(error: BaseException) -> StorageError:
    kind = Conflict if isinstance(error, apsw.ConstraintError) else StorageError
    return kind(_describe(error))
