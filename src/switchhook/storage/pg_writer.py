"""One lane of writes to PostgreSQL: a connection of its own, and the group that forms while the last one commits.

    run(work) ─┐                      BEGIN · is this process still in force? · works · NOTIFY · COMMIT
    run(work) ─┼─▶ queue ──one group──▶ ├─ serialization failure, deadlock ─▶ all again, a bounded number of times
    run(work) ─┘                        ├─ one work or row is bad          ─▶ each alone, so that the others pass
                                        ├─ connection lost before COMMIT   ─▶ connect again, all again
                                        └─ connection lost in COMMIT       ─▶ ask the database what became of it

`Lane.RULES` is SERIALIZABLE, its works run one after the other, each in its savepoint: they may rely on what they read.
The other lanes are READ COMMITTED and in step (`pg_steps`): they only add rows.

A commit whose answer was lost is never guessed at: its events may be durable, and then somebody must send them. Until
it is known, `Position.horizon` holds the low-water mark below them and the lane commits nothing else. What tells is a
mark that each transaction leaves in a row of its lane. (The transaction's number would not do: after a crash of the
server PostgreSQL gives numbers that it had not yet written down to others, and tells of their fate.)
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from switchhook.storage.pg_connection import (
    Connection,
    is_database,
    is_lost,
    is_transient,
    is_unstorable,
    translate,
)
from switchhook.storage.pg_notices import notices
from switchhook.storage.pg_position import REAL, Command, Position
from switchhook.storage.pg_steps import Session, WorkFailed, run_in_step
from switchhook.storage.sql import queries
from switchhook.storage.store import Committed, Lane, ProcessLost, StorageError

log = logging.getLogger(__name__)

GROUP_MAX = 512  # works in one transaction
TRIES = 12  # of a group that others got in the way of
PAUSE = 0.002  # seconds before the second try; doubles, with jitter, up to PAUSE_MAX
PAUSE_MAX = 0.25
RECONNECTS = 2  # times that a group survives the loss of its connection
ASK_AGAIN = 0.2  # seconds between two questions about it
CLOSE_SECONDS = 1.0
DOUBT_SECONDS = 10.0  # how long those who asked wait to hear what became of a commit

_BEGIN = {
    Lane.RULES: "BEGIN ISOLATION LEVEL SERIALIZABLE",
    Lane.ACCEPTS: "BEGIN",
    Lane.OUTCOMES: "BEGIN",
}
_QUERIES = queries("postgresql")
_GUARD, _MARK, _FATE = _QUERIES["hold_own"], _QUERIES["mark_commit"], _QUERIES["marked_commit"]
_NOTIFY = _QUERIES["notify"]
_DOUBTFUL = "the database went away in the middle of a commit; ask again with the same key"
_TAKEN_OVER = "this process was taken over by another one; it joins again under a new number"


class _InDoubt(Exception):
    """The connection went in the middle of COMMIT of the transaction with this mark."""

    def __init__(self, process: int, mark: str) -> None:
        super().__init__(process, mark)
        self.process = process
        self.mark = mark


class Writer:
    """Commits the works of one lane, group by group."""

    def __init__(
        self,
        lane: Lane,
        position: Position,
        connect: Callable[[], Awaitable[Connection]],
        told: Callable[[Committed], None],
        lost: Callable[[], None],
    ) -> None:
        self._lane = lane
        self._position = position
        self._connect = connect
        self._told = told
        self._lost = lost
        self._queue: deque[Command] = deque()
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection = None
        self._marks = 0
        self._doubt: tuple[list[Command], _InDoubt] | None = None
        self._closing = False
        self.commits = 0
        self.commands = 0

    def submit(self, command: Command) -> None:
        """Have a command run with the next group."""
        self._queue.append(command)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """Finish what was asked for, in `CLOSE_SECONDS` at most, and disconnect."""
        self._closing = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
        if self._connection is not None:
            self._connection.terminate()
        if self._task is not None:
            self._task.cancel()  # the database stands still
            await asyncio.gather(self._task, return_exceptions=True)
        self._connection = None

    # -- groups

    async def _work(self) -> None:
        group: list[Command] = []
        try:
            while self._queue or (self._doubt and not self._closing):
                if self._doubt is not None and not await self._known():
                    await REAL.sleep(ASK_AGAIN)
                    continue
                group = [self._queue.popleft() for _ in range(min(GROUP_MAX, len(self._queue)))]
                try:
                    await self._run(group)
                except Exception as error:
                    log.exception("a group of writes failed in a way that is our own fault")
                    self._refuse(group, error)
        except BaseException:
            # Somebody ends the process; nobody may be left waiting for it.
            self._refuse([*group, *self._queue], StorageError("the process ends"))
            self._queue.clear()
            raise
        finally:
            self._task = None

    async def _run(self, group: list[Command]) -> None:
        """See a group through to an answer for everybody in it."""
        losses = 0
        pause = PAUSE
        for attempt in range(1, TRIES + 1):
            group = self._in_force(group)
            try:
                await self._transact(group)
            except _InDoubt as doubt:
                if await self._resolve(group, doubt):
                    return
            except ProcessLost as error:
                self._refuse(group, error)
                if group[0].process == self._position.process:
                    self._lost()
                return
            except StorageError as error:  # cannot connect
                self._refuse(group, error)
                return
            except Exception as error:
                cause = error.error if isinstance(error, WorkFailed) else error
                if self._drop_if_lost(cause):
                    losses += 1
                    if losses > RECONNECTS:
                        self._refuse(group, translate(cause))
                        return
                elif is_transient(cause) or (self._lane is Lane.RULES and _may_be_race(cause, attempt)):
                    if attempt == TRIES:
                        self._refuse(group, translate(cause))
                        return
                    await REAL.sleep(pause * (0.5 + random.random()))
                    pause = min(pause * 2, PAUSE_MAX)
                elif is_unstorable(cause) and not all(command.clean for command in group):
                    for command in group:
                        command.clean = True
                elif len(group) > 1:
                    for command in group:
                        await self._run([command])
                    return
                else:
                    group[0].refuse(translate(cause) if is_database(cause) else cause)
                    return
            else:
                self._tell(group)
                return
        self._refuse(group, StorageError("the database could not commit, again and again"))

    def _in_force(self, group: list[Command]) -> list[Command]:
        """Refuse what was asked for in the name of a process that we are no longer."""
        process = self._position.process
        for command in group:
            if command.process != process:
                command.refuse(ProcessLost(_TAKEN_OVER))
        return [command for command in group if command.process == process]

    async def _transact(self, group: list[Command]) -> None:
        """One transaction; afterwards each command holds its result, or the error that took back it alone."""
        if not group:
            return
        process = self._position.process
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        connection = self._connection
        try:
            await connection.execute(_BEGIN[self._lane])
            mark = await self._guard(connection, process)
            if self._lane is Lane.RULES:
                for command in group:
                    await self._apply(connection, command, process, alone=len(group) == 1)
            else:
                await self._apply_all(connection, group, process)
            for payload in notices(self._position.token, [c.committed for c in group if c.committed]):
                await connection.fetch(_NOTIFY, payload)
            try:
                status = await connection.execute("COMMIT")
            except Exception as error:
                if is_lost(connection, error):
                    raise _InDoubt(process, mark) from error
                raise
            if status != "COMMIT":
                raise StorageError("the database took the transaction back")
        except _InDoubt:
            raise  # its events may be there: the horizon stays
        except BaseException as error:
            self._position.ended(self)
            if not is_lost(connection, error) and connection.is_in_transaction():
                await _roll_back(connection)
            raise
        self.commits += 1
        self.commands += len(group)

    async def _guard(self, connection: Connection, process: int) -> str:
        """Take a lock on our row that a takeover has to wait for, and leave a mark, in one round trip; the mark.

        Raises:
            ProcessLost: the process is not in force any more.
        """
        self._marks += 1
        mark = str(self._marks)
        if process:
            held = await connection.fetchval(_MARK, process, _row(process, self._lane), mark)
        else:
            held = await connection.fetchval(
                _GUARD, process
            )  # nobody in particular, who has no row of his own
        if held is None:
            raise ProcessLost(_TAKEN_OVER)
        return mark

    async def _apply_all(self, connection: Connection, group: list[Command], process: int) -> None:
        sessions = [self._session(command) for command in group]
        works = [(command.work, session) for command, session in zip(group, sessions, strict=True)]
        results = await run_in_step(connection, works, process, self._accepting)
        for command, session, result in zip(group, sessions, results, strict=True):
            command.result, command.error = result, None
            command.committed = session.committed or None

    async def _apply(self, connection: Connection, command: Command, process: int, *, alone: bool) -> None:
        """Run one command; what it raises takes back its own savepoint."""
        session = self._session(command)
        command.error = command.committed = None
        if not alone:
            await connection.execute("SAVEPOINT work")
        try:
            (command.result,) = await run_in_step(
                connection, [(command.work, session)], process, self._accepting
            )
        except Exception as error:
            cause = error.error if isinstance(error, WorkFailed) else error
            if alone or connection.is_closed() or is_transient(cause) or is_database(cause):
                raise
            await connection.execute("ROLLBACK TO SAVEPOINT work")
            command.error = cause
            return
        if not alone:
            await connection.execute("RELEASE SAVEPOINT work")
        command.committed = session.committed or None

    def _session(self, command: Command) -> Session:
        position = self._position
        session = Session(position.vault, clean=command.clean, for_others=position.for_others)
        if position.traces is not None:
            session.traces = position.traces.intake(command.cause, session.committed.told)
        return session

    def _accepting(self) -> None:
        self._position.accepting(self)

    # -- endings

    def _announce(self, group: Sequence[Command]) -> None:
        position = self._position
        for command in group:
            committed = command.committed
            if committed is not None:
                for event in committed.events:
                    position.highest = max(position.highest, event.seq)
                self._told(committed)

    def _tell(self, group: Sequence[Command]) -> None:
        self._announce(group)
        self._position.ended(self)
        for command in group:
            if command.error is not None:
                command.refuse(command.error)
            elif not command.future.done():
                command.future.set_result(command.result)

    def _refuse(self, group: Sequence[Command], error: BaseException) -> None:
        for command in group:
            command.refuse(error)

    def _drop_if_lost(self, error: BaseException) -> bool:
        connection = self._connection
        if connection is None or not is_lost(connection, error):
            return False
        connection.terminate()
        self._connection = None
        return True

    async def _resolve(self, group: list[Command], doubt: _InDoubt) -> bool:
        """Find out what became of a commit. True when the group needs nothing more, False when it did not happen."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        log.warning("the connection was lost during a commit; asking the database what became of it")
        try:
            async with asyncio.timeout(DOUBT_SECONDS):
                while True:
                    try:
                        happened = await self._fate(doubt)
                        break
                    except StorageError:
                        await REAL.sleep(ASK_AGAIN)
        except TimeoutError:
            # Those who asked get their answer; the events, should they be there, are still ours to send.
            self._doubt = (group, doubt)
            self._refuse(group, StorageError(_DOUBTFUL))
            return True
        if happened is None:
            # Whoever took over from us sends what there is.
            self._refuse(group, ProcessLost(_TAKEN_OVER) if doubt.process else StorageError(_DOUBTFUL))
        elif happened:
            self._tell(group)
            return True
        self._position.ended(self)
        return happened is None

    async def _known(self) -> bool:
        """Whether it is known what became of the commit in doubt. While it is not, who asks is refused."""
        assert self._doubt is not None
        group, doubt = self._doubt
        try:
            happened = await self._fate(doubt)
        except StorageError as error:
            self._refuse(self._queue, error)
            self._queue.clear()
            return False
        if happened:
            self._announce(group)
        self._position.ended(self)
        self._doubt = None
        return True

    async def _fate(self, doubt: _InDoubt) -> bool | None:
        """Whether the transaction was committed; waits while it is neither. None: nobody can tell any more.

        Raises:
            StorageError: the database cannot be asked.
        """
        if not doubt.process:
            return None
        connection = await self._connect()
        try:
            found = await connection.fetchval(_FATE, _row(doubt.process, self._lane))
        except Exception as error:
            # Whatever it was: it says nothing about the commit, which must not be forgotten.
            raise translate(error) from error
        finally:
            connection.terminate()
        return None if found is None else bool(found == doubt.mark)


def _row(process: int, lane: Lane) -> str:
    return f"commit {process} {lane.value}"


def _may_be_race(error: BaseException, attempt: int) -> bool:
    """Whether a unique key may have been taken between a look and a write: a second look tells."""
    return getattr(error, "sqlstate", "") == "23505" and attempt <= 2


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK")
    except Exception:
        connection.terminate()  # whatever it was, the server takes back what was not committed
