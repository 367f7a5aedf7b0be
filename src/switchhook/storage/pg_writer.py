"""One lane of writes to PostgreSQL: a connection of its own, and the group that forms while the last one commits.

    run(work) ─┐                      BEGIN · is this process still in force? · works · NOTIFY · COMMIT
    run(work) ─┼─▶ queue ──one group──▶ ├─ serialization failure, deadlock ─▶ all again, a bounded number of times
    run(work) ─┘                        ├─ one work or row is bad          ─▶ each alone, so that the others pass
                                        ├─ connection lost before COMMIT   ─▶ connect again, all again
                                        └─ connection lost in COMMIT       ─▶ ask the server what became of it

`Lane.RULES` is SERIALIZABLE, its works run one after the other, each in its savepoint: they may rely on what they read.
The other lanes are READ COMMITTED and in step (`pg_steps`): they only add rows.

A commit whose answer was lost is never guessed at: its events may be durable, and then somebody must send them. Until
it is known, `Position.horizon` holds the low-water mark below them.
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
DOUBT_SECONDS = 10.0  # how long those who asked wait to hear what became of a commit

_BEGIN = {
    Lane.RULES: "BEGIN ISOLATION LEVEL SERIALIZABLE",
    Lane.ACCEPTS: "BEGIN",
    Lane.OUTCOMES: "BEGIN",
}
# One round trip: the transaction's number, and a lock on our row that a takeover has to wait for.
_GUARD = "SELECT pg_current_xact_id()::text FROM processes WHERE id = $1 AND NOT lost FOR KEY SHARE"
_FATE = "SELECT pg_xact_status($1::text::xid8)"
_NOTIFY = queries("postgresql")["notify"]
_TAKEN_OVER = "this process was taken over by another one; it joins again under a new number"


class _InDoubt(Exception):
    """The connection went in the middle of COMMIT."""

    def __init__(self, xid: str) -> None:
        super().__init__(xid)
        self.xid = xid


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
        self._doubts: set[asyncio.Task[None]] = set()
        self._connection: Connection = None
        self.commits = 0
        self.commands = 0

    def submit(self, command: Command) -> None:
        """Have a command run with the next group."""
        self._queue.append(command)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """Finish what was asked for, and disconnect."""
        if self._task is not None:
            await self._task
        for task in list(self._doubts):
            task.cancel()
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    # -- groups

    async def _work(self) -> None:
        try:
            while self._queue:
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
                if await self._resolve(group, doubt.xid):
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
            xid = await connection.fetchval(_GUARD, process)
            if xid is None:
                raise ProcessLost(_TAKEN_OVER)
            if self._lane is Lane.RULES:
                for command in group:
                    await self._apply(connection, command, process, alone=len(group) == 1)
            else:
                await self._apply_all(connection, group, process)
            for payload in _notices(self._position.token, group):
                await connection.fetch(_NOTIFY, payload)
            try:
                status = await connection.execute("COMMIT")
            except Exception as error:
                if is_lost(connection, error):
                    raise _InDoubt(xid) from error
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

    async def _apply_all(self, connection: Connection, group: list[Command], process: int) -> None:
        sessions = [Session(clean=command.clean) for command in group]
        works = [(command.work, session) for command, session in zip(group, sessions, strict=True)]
        results = await run_in_step(connection, works, process, self._accepting)
        for command, session, result in zip(group, sessions, results, strict=True):
            command.result, command.error = result, None
            command.committed = session.committed or None

    async def _apply(self, connection: Connection, command: Command, process: int, *, alone: bool) -> None:
        """Run one command; what it raises takes back its own savepoint."""
        session = Session(clean=command.clean)
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

    async def _resolve(self, group: list[Command], xid: str) -> bool:
        """Find out what became of a commit. True when the group needs nothing more, False when it did not happen."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        log.warning("the connection was lost during a commit; asking the database what became of it")
        try:
            async with asyncio.timeout(DOUBT_SECONDS):
                happened = await self._fate(xid)
        except TimeoutError:
            self._refuse(
                group,
                StorageError("the database went away in the middle of a commit; ask again with the same key"),
            )
            # Those who asked have their answer; the events, should they be there, are still ours to send.
            doubt = object()
            self._position.hand_over(self, doubt)
            self._later(group, xid, doubt)
            return True
        if happened:
            self._tell(group)
            return True
        self._position.ended(self)
        return False

    def _later(self, group: list[Command], xid: str, doubt: object) -> None:
        async def settle() -> None:
            if await self._fate(xid):
                self._announce(group)
            self._position.ended(doubt)

        task = asyncio.get_running_loop().create_task(settle())
        self._doubts.add(task)
        task.add_done_callback(self._doubts.discard)

    async def _fate(self, xid: str) -> bool:
        """Whether the transaction was committed; asks until it is known."""
        while True:
            try:
                connection = await self._connect()
                try:
                    status = await connection.fetchval(_FATE, xid)
                finally:
                    connection.terminate()
                if status != "in progress":
                    return bool(status == "committed")
            except Exception as error:
                if not isinstance(error, StorageError) and not is_database(error):
                    raise
            await REAL.sleep(ASK_AGAIN)


def _may_be_race(error: BaseException, attempt: int) -> bool:
    """Whether a unique key may have been taken between a look and a write: a second look tells."""
    return getattr(error, "sqlstate", "") == "23505" and attempt <= 2


def _notices(token: str, group: Sequence[Command]) -> list[str]:
    """What the other processes are told with this commit."""
    endpoints: set[tuple[str, str]] = set()
    schedule = False
    for command in group:
        if command.committed is not None:
            endpoints |= command.committed.endpoints
            schedule = schedule or command.committed.schedule
    told = [f"{token} endpoint {workspace} {id_}" for workspace, id_ in sorted(endpoints)]
    return [*told, f"{token} schedule"] if schedule else told


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("ROLLBACK")
    except Exception:
        connection.terminate()  # whatever it was, the server takes back what was not committed
