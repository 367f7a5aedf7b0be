"""Works in step: several coroutines of a group move together, and what they ask at once becomes one statement.

    work A ── asks accept_event(a) ─┐
    work B ── asks accept_event(b) ─┼─▶ one INSERT … SELECT FROM unnest ─▶ each gets its own answer, and goes on
    work C ── asks accept_event(c) ─┘

A session does not talk to the database itself: it hands an `Ask` to whoever drives the work. A query marked `each`
takes the rows of all who ask it in this step; any other is run once for each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from typing import Any

from switchhook.storage.pg_connection import Connection
from switchhook.storage.sql import marked, queries
from switchhook.storage.store import Committed, Row, Transaction
from switchhook.storage.vault import Vault
from switchhook.tracing.tracer import Intake

_QUERIES = queries("postgresql")
_EACH = marked("postgresql", "each")
_OWNED = marked("postgresql", "owned")
ACCEPTING = frozenset({"accept_event", "accept_event_for", "accept_wanted"})

FETCH, EXECUTE, MANY, EACH = range(4)


class Ask:
    """One step of a work: a named query and its rows of arguments. Awaiting it gives what the database said."""

    __slots__ = ("kind", "query", "rows")

    def __init__(self, kind: int, query: str, rows: Sequence[Row]) -> None:
        self.kind = kind
        self.query = query
        self.rows = rows

    def __await__(self) -> Generator["Ask", Any, Any]:
        return (yield self)


class Session:
    """A `Transaction` whose steps are answered by the driver. `clean` takes U+0000 out of texts."""

    __slots__ = ("_clean", "committed", "for_others", "traces", "vault")

    shared = True

    def __init__(self, vault: Vault, *, clean: bool = False, for_others: bool = False) -> None:
        self.committed = Committed()
        self.vault = vault
        self.traces: Intake | None = None
        self.for_others = for_others
        self._clean = clean

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """See `Reader.fetch`."""
        rows: list[Row] = await self._ask(FETCH, query, [args])
        return rows

    async def execute(self, query: str, *args: object) -> int:
        """See `Transaction.execute`."""
        changed: int = await self._ask(EXECUTE, query, [args])
        return changed

    async def many(self, query: str, rows: Iterable[Row]) -> None:
        """See `Transaction.many`."""
        if found := list(rows):
            await self._ask(MANY, query, found)

    async def fetch_each(self, query: str, rows: Sequence[Row]) -> list[list[Row]]:
        """See `Transaction.fetch_each`."""
        if not rows:
            return []
        answers: list[list[Row]] = await self._ask(EACH, query, rows)
        return answers

    def _ask(self, kind: int, query: str, rows: Sequence[Row]) -> Ask:
        return Ask(kind, query, [tuple(map(_printable, row)) for row in rows] if self._clean else rows)


def _printable(value: object) -> object:
    return value.replace("\x00", "\N{SYMBOL FOR NULL}") if isinstance(value, str) else value


Works = Sequence[tuple[Callable[[Transaction], Awaitable[Any]], Session]]


class WorkFailed(Exception):
    """One of the works raised; `error` is what, `index` which."""

    def __init__(self, index: int, error: BaseException) -> None:
        super().__init__(index, error)
        self.index = index
        self.error = error


async def run_in_step(
    connection: Connection, works: Works, process: int, accepting: Callable[[], None]
) -> list[Any]:
    """Run `works` to their ends inside the connection's transaction; their results.

    `accepting` is called before a step that gives events their numbers.

    Raises:
        WorkFailed: a work raised.
        Exception: the database did.
    """
    results: list[Any] = [None] * len(works)
    started: list[Coroutine[Ask, Any, Any]] = []
    try:
        waiting: list[tuple[int, Coroutine[Ask, Any, Any], Any]] = []
        for index, (work, session) in enumerate(works):
            coroutine = work(session)
            assert isinstance(coroutine, Coroutine)
            started.append(coroutine)
            waiting.append((index, coroutine, None))
        while waiting:
            asking: list[tuple[int, Coroutine[Ask, Any, Any]]] = []
            asks: list[Ask] = []
            for index, coroutine, answer in waiting:
                try:
                    ask = coroutine.send(answer)
                except StopIteration as stop:
                    results[index] = stop.value
                    continue
                except (Exception, asyncio.CancelledError) as error:
                    raise WorkFailed(index, error) from error
                if not isinstance(ask, Ask):
                    raise RuntimeError("the work of a transaction may await nothing but its transaction")
                if ask.query in ACCEPTING:
                    accepting()
                asking.append((index, coroutine))
                asks.append(ask)
            answers = await _answer(connection, asks, process) if asks else []
            waiting = [(*who, answer) for who, answer in zip(asking, answers, strict=True)]
    finally:
        for coroutine in started:
            coroutine.close()
    return results


async def _answer(connection: Connection, asks: Sequence[Ask], process: int) -> list[Any]:
    answers: list[Any] = [None] * len(asks)
    together: dict[tuple[str, bool], list[int]] = {}
    for number, ask in enumerate(asks):
        if ask.query in _EACH and ask.kind != EXECUTE:
            together.setdefault((ask.query, ask.kind == MANY), []).append(number)
        else:
            answers[number] = await _alone(connection, ask, process)
    for (query, silent), numbers in together.items():
        rows = [row for number in numbers for row in asks[number].rows]
        arguments = _columns(query, rows, process)
        if silent:
            await connection.execute(_QUERIES[query], *arguments)
            continue
        found: list[list[Row]] = [[] for _ in rows]
        for position, *values in await connection.fetch(_QUERIES[query], *arguments):
            found[position].append(tuple(values))
        at = 0
        for number in numbers:
            ask = asks[number]
            part = found[at : at + len(ask.rows)]
            at += len(ask.rows)
            answers[number] = part[0] if ask.kind == FETCH else part
    return answers


async def _alone(connection: Connection, ask: Ask, process: int) -> Any:
    query = _QUERIES[ask.query]
    own = (process,) if ask.query in _OWNED else ()
    if ask.kind == FETCH:
        return [tuple(row) for row in await connection.fetch(query, *ask.rows[0], *own)]
    if ask.kind == EACH:
        return [[tuple(found) for found in await connection.fetch(query, *row, *own)] for row in ask.rows]
    if ask.kind == MANY:
        await connection.executemany(query, [(*row, *own) for row in ask.rows])
        return None
    arguments = _columns(ask.query, ask.rows, process) if ask.query in _EACH else [*ask.rows[0], *own]
    status: str = await connection.execute(query, *arguments)
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def _columns(query: str, rows: Sequence[Row], process: int) -> list[Any]:
    columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    return [*columns, process] if query in _OWNED else columns
