"""The embedded store: one SQLite file in WAL mode with `synchronous=FULL`, written by its loop in groups.

    run(work) ─┐
    run(work) ─┼─▶ queue ──call_soon──▶ BEGIN · SAVEPOINT work RELEASE · SAVEPOINT work RELEASE · COMMIT ──▶ results
    run(work) ─┘                        (a work that raises takes back its own savepoint only)

Everything that was asked for in one turn of the loop shares one commit and so one fsync: groups form by themselves,
small when it is quiet, large under load. A transaction never suspends here, so `work` is driven to its end in one step.

The commit of a small group is over sooner than a thread could be asked to make it. That of a large one is left to a
thread, and the loop goes on sending and reading meanwhile; the next group waits for it. The write-ahead log is copied
back by a thread, too, so that no commit pays for it. Long reads run on read-only connections in threads. (SQLite
releases the GIL while it works.)
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from switchhook.storage.sql import queries
from switchhook.storage.sqlite_connection import BUSY_MS, connect, connect_to_read, describe, translate
from switchhook.storage.store import Committed, Lane, Reader, Row, StorageError, Transaction
from switchhook.storage.vault import Vault
from switchhook.tracing.tracer import CAUSE, Cause, Intake, Tracer

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_MAX = 512  # commands in one commit: bounds how long the loop stands still
ASIDE = 64  # rows changed, from which on the commit is left to a thread and the loop goes on
CHECKPOINT_PAGES = 2_000  # 16 MB of log starts a checkpoint in the background

_QUERIES = queries("sqlite")


class _Session:
    """A connection seen as `Transaction`. Its coroutines never suspend."""

    __slots__ = ("_connection", "committed", "traces", "vault")

    shared = False
    for_others = False

    def __init__(self, connection: apsw.Connection, vault: Vault) -> None:
        self._connection = connection
        self.vault = vault
        self.traces: Intake | None = None
        self.committed = Committed()

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        return self._connection.execute(_QUERIES[query], args).fetchall()

    async def execute(self, query: str, *args: Any) -> int:
        self._connection.execute(_QUERIES[query], args)
        return self._connection.changes()  # the total also counts what the index of words writes in between

    async def many(self, query: str, rows: Iterable[Row]) -> None:
        self._connection.executemany(_QUERIES[query], rows)

    async def fetch_each(self, query: str, rows: Sequence[Row]) -> list[list[Row]]:
        sql, execute = _QUERIES[query], self._connection.execute
        return [execute(sql, row).fetchall() for row in rows]


class _Command:
    __slots__ = ("cause", "committed", "error", "future", "result", "work")

    def __init__(self, work: Callable[[Transaction], Awaitable[Any]], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.committed: Committed | None = None
        self.cause: Cause | None = None


class SqliteStore:
    """`Store` in one file. To be made and used on the thread of the event loop."""

    shared = False

    def __init__(self, path: Path, vault: Vault | None = None) -> None:
        self._path = path
        self.vault = vault or Vault()
        self.traces: Tracer | None = None
        self._connection = connect(path)
        self._queue: deque[_Command] = deque()
        self._scheduled = False
        self._closed = False
        self._hooks: list[Callable[[Committed], None]] = []
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="switchhook-read")
        self._local = threading.local()
        self._checkpointing = False
        self._beside = connect_to_read(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="switchhook-write")
        self._aside: asyncio.Future[object] | None = None
        self._log_pages = 0
        self._erase = False  # the log holds what must not stay readable
        self.commits = 0
        self.commands = 0
        self._connection.set_wal_hook(self._log_grew)

    # -- the interface

    def horizon(self) -> int | None:
        """See `Store.horizon`: events are numbered in the order of their commits here."""
        return None

    @property
    def pending(self) -> int:
        """How many works are under way; one for all that are being committed."""
        return len(self._queue) + (self._aside is not None)

    async def run(self, work: Callable[[Transaction], Awaitable[T]], *, lane: Lane = Lane.RULES) -> T:
        """See `Store.run`."""
        if self._closed:
            raise StorageError("the store is closed")
        loop = asyncio.get_running_loop()
        command = _Command(work, loop.create_future())
        if self.traces is not None:
            command.cause = CAUSE.get()  # the work itself runs in somebody else's task
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
        # Whoever asks between a commit and the telling of it hears what was told: it would act twice otherwise.
        connection = self._connection if self._aside is None else self._beside
        try:
            return _drive(work(_Session(connection, self.vault)))
        except apsw.Error as error:
            raise translate(error) from error

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
        while self._queue or self._aside is not None:
            if self._aside is None:
                self._flush()
            else:
                await asyncio.wait([self._aside])
        self._closed = True
        for threads in (self._threads, self._writer):
            await asyncio.get_running_loop().run_in_executor(None, threads.shutdown)
        self._beside.close()
        self._connection.set_wal_hook(None)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            pass  # the log is replayed at the next start; nothing is lost
        self._connection.close()

    # -- writing

    def _flush(self) -> None:
        """Commit one group, or begin to."""
        self._scheduled = False
        if self._aside is not None:
            return  # the connection is in the thread; who brings it back asks again
        group = [self._queue.popleft() for _ in range(min(GROUP_MAX, len(self._queue)))]
        if not group:
            return
        connection = self._connection
        before = connection.total_changes()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for command in group:
                self._apply(command)
            large = connection.total_changes() - before >= ASIDE
            if large:
                self._hold_moment()
            else:
                self._commit()
        except BaseException as error:
            self._refuse(group, error)
            if not isinstance(error, apsw.Error | StorageError):
                raise  # somebody ends the process; nobody may be left waiting for it
            self._again()
            return
        if large:
            self._put_aside(self._commit, partial(self._committed, group))
        else:
            self._committed(group, None)

    def _commit(self) -> None:
        self._connection.execute("COMMIT")

    def _hold_moment(self) -> None:
        """Have reads see the database as it is before the commit that follows, until that is told."""
        self._beside.execute("BEGIN")
        self._beside.execute(
            "SELECT count(*) FROM workspaces"
        ).fetchall()  # a moment begins with the first read

    def _committed(self, group: list[_Command], error: BaseException | None) -> None:
        if self._beside.in_transaction:
            self._beside.execute("COMMIT")
        if error is not None:
            self._refuse(group, error)
        else:
            self.commits += 1
            self.commands += len(group)
            self._tell(group)
        self._again()

    def _again(self) -> None:
        """What was asked for meanwhile goes into the next group."""
        if (self._log_pages >= CHECKPOINT_PAGES or self._erase) and not self._checkpointing:
            self._checkpointing = True
            asyncio.get_running_loop().run_in_executor(self._threads, self._checkpoint).add_done_callback(
                self._checkpointed
            )
        if self._queue and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _refuse(self, group: list[_Command], error: BaseException) -> None:
        for connection in (self._connection, self._beside):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        failure = error if isinstance(error, StorageError) else translate(error)
        for command in group:
            if not command.future.done():
                # One exception object each: they are raised in different tasks and collect tracebacks.
                command.future.set_exception(type(failure)(*failure.args))

    def _put_aside(self, work: Callable[[], object], then: Callable[[BaseException | None], None]) -> None:
        """Let a thread have the connection for `work`; nobody else touches it until `then` is called here."""
        self._aside = asyncio.get_running_loop().run_in_executor(self._writer, work)

        def back(done: "asyncio.Future[object]") -> None:
            self._aside = None
            then(done.exception())

        self._aside.add_done_callback(back)

    def _apply(self, command: _Command) -> None:
        """Run one command inside the group's transaction, in its own savepoint."""
        connection = self._connection
        session = _Session(connection, self.vault)
        if self.traces is not None:
            session.traces = self.traces.intake(command.cause, session.committed.told)
        connection.execute("SAVEPOINT work")
        try:
            command.result = _drive(command.work(session))
        except (Exception, asyncio.CancelledError) as error:
            if not connection.in_transaction:
                # SQLite took the whole transaction back (disk full, I/O error): the group is lost, not one command.
                raise StorageError(describe(error)) from error
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
            command.error = translate(error) if isinstance(error, apsw.Error) else error
            return
        connection.execute("RELEASE work")
        if session.committed:
            command.committed = session.committed

    def _tell(self, group: list[_Command]) -> None:
        for command in group:
            if command.committed is not None:
                self._erase = self._erase or command.committed.erased
                for hook in (*command.committed.told, *self._hooks):
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
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect_to_read(self._path)
        try:
            connection.execute("BEGIN")  # all reads of one work see the same moment
            try:
                return _drive(work(_Session(connection, self.vault)))
            finally:
                connection.execute("COMMIT")
        except apsw.Error as error:
            raise translate(error) from error

    # -- the write-ahead log ---------------------------------------------------------------------------------------

    def _log_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages  # called in the middle of a commit, wherever that runs
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
        if self._closed or done.cancelled():
            return
        if self._aside is not None:
            self._aside.add_done_callback(lambda _: self._checkpointed(done))
            return

        erase, self._erase = self._erase, False

        # What was committed while the thread copied is little; copying it while nobody writes lets the log start over.
        # Without this the log would grow for as long as the load lasts.
        def finished(error: BaseException | None) -> None:
            self._checkpointing = False
            self._log_pages = 0
            self._again()
            self._erase |= (
                erase and error is not None
            )  # somebody reads what is in it: after the next commit, then

        self._put_aside(self._cut_log if erase else self._copy_log, finished)

    def _copy_log(self) -> None:
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _cut_log(self) -> None:
        """Copy the log back and empty its file. Waits for nobody: all who want to write would wait with it."""
        self._connection.set_busy_timeout(0)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self._connection.set_busy_timeout(BUSY_MS)


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
