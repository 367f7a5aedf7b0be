"""Notes in PostgreSQL: for any number of processes. Time is the database's, so clocks that differ do not matter.

`PostgresDedupe` takes a function that gives DB-API connections (psycopg 3 or 2), `AsyncpgDedupe` a pool or a connection
of asyncpg. Neither library is imported here.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from switchhook.webhooks.dedupe.contract import Claim, State, Waiting

TABLE = """
CREATE TABLE IF NOT EXISTS webhook_messages (
  id text PRIMARY KEY, token text NOT NULL, until timestamptz NOT NULL, done boolean NOT NULL, attempt integer NOT NULL,
  body bytea
);
CREATE INDEX IF NOT EXISTS webhook_messages_until ON webhook_messages (until);
"""
"""What `prepare` makes; for those who would rather have it in a migration of their own."""

PRUNE_EVERY = 100
"""After so many claims a little of what is over is removed."""

# clock_timestamp, not now: a transaction of the caller's may have begun long ago.
_CLAIM = """
INSERT INTO webhook_messages AS m (id, token, until, done, attempt, body)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3), false, 1, $4)
ON CONFLICT (id) DO UPDATE SET
  token = excluded.token, until = excluded.until, done = false, body = coalesce(excluded.body, m.body),
  attempt = CASE WHEN m.done THEN 1 WHEN m.token = excluded.token THEN m.attempt ELSE m.attempt + 1 END
WHERE m.until <= clock_timestamp() OR (m.token = excluded.token AND NOT m.done)
RETURNING attempt
"""
_SEEN = "SELECT done FROM webhook_messages WHERE id = $1"
_FINISH = """
UPDATE webhook_messages SET done = true, until = clock_timestamp() + make_interval(secs => $3), body = NULL
WHERE id = $1 AND token = $2 AND NOT done RETURNING 1
"""
_FORGET = "DELETE FROM webhook_messages WHERE id = $1 AND token = $2 AND NOT done RETURNING 1"
_LATER = """
UPDATE webhook_messages SET token = '', until = clock_timestamp() + make_interval(secs => $3)
WHERE id = $1 AND token = $2 AND NOT done RETURNING 1
"""
_WAITING = """
SELECT id, body FROM webhook_messages WHERE until <= clock_timestamp() AND NOT done AND body IS NOT NULL
ORDER BY until LIMIT $1
"""
_PRUNE = """
DELETE FROM webhook_messages WHERE id IN (
  SELECT id FROM webhook_messages WHERE until <= clock_timestamp() AND (done OR body IS NULL)
  LIMIT 200 FOR UPDATE SKIP LOCKED)
"""


def _dbapi(statement: str) -> str:
    """The statement with the DB-API's named parameters: ours are never in another order or inside a text."""
    for number in (1, 2, 3, 4):
        statement = statement.replace(f"${number}", f"%(p{number})s")
    return statement


class PostgresDedupe:
    """The table `webhook_messages`, in the database that `connect` leads to; `prepare` makes it.

    Safe to use from several threads when `connect` is: it is asked for a connection for each call.
    """

    blocking = True
    keeps = True

    def __init__(self, connect: Callable[[], AbstractContextManager[Any]]) -> None:
        """`connect` gives a connection whose `with` commits: `pool.connection`, or `lambda: psycopg.connect(…)`."""
        self._connect = connect
        self._claims = 0

    def prepare(self) -> None:
        """Make the table, if it is not there."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(TABLE)

    def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """See `contract.Dedupe`."""
        self._claims += 1
        if self._claims % PRUNE_EVERY == 0:
            self._run(_PRUNE, rows=False)
        got = self._run(_CLAIM, msg_id, token, seconds, body)
        if got:
            return Claim(State.CLAIMED, got[0][0])
        seen = self._run(_SEEN, msg_id)
        return Claim(State.DONE if seen and seen[0][0] else State.UNDER_WAY)

    def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """See `contract.Dedupe`."""
        return bool(self._run(_FINISH, msg_id, token, seconds))

    def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """See `contract.Dedupe`."""
        if after is None:
            return bool(self._run(_FORGET, msg_id, token))
        return bool(self._run(_LATER, msg_id, token, after))

    def waiting(self, limit: int) -> list[Waiting]:
        """See `contract.Dedupe`."""
        return [Waiting(msg_id, bytes(body)) for msg_id, body in self._run(_WAITING, limit)]

    def _run(self, statement: str, *values: object, rows: bool = True) -> list[Any]:
        named = {f"p{number}": value for number, value in enumerate(values, 1)}
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(_dbapi(statement), named)
            return list(cursor.fetchall()) if rows else []


class AsyncpgDedupe:
    """The same with asyncpg. One connection serves one call at a time: give a pool when messages come at once."""

    keeps = True

    def __init__(self, pool: Any) -> None:
        """`pool` is an `asyncpg.Pool`, or a connection."""
        self._pool = pool
        self._claims = 0

    async def prepare(self) -> None:
        """Make the table, if it is not there."""
        await self._pool.execute(TABLE)

    async def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """See `contract.Dedupe`."""
        self._claims += 1
        if self._claims % PRUNE_EVERY == 0:
            await self._pool.execute(_PRUNE)
        got = await self._pool.fetchrow(_CLAIM, msg_id, token, seconds, body)
        if got is not None:
            return Claim(State.CLAIMED, got[0])
        return Claim(State.DONE if await self._pool.fetchval(_SEEN, msg_id) else State.UNDER_WAY)

    async def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """See `contract.Dedupe`."""
        return bool(await self._pool.fetchval(_FINISH, msg_id, token, seconds))

    async def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """See `contract.Dedupe`."""
        if after is None:
            return bool(await self._pool.fetchval(_FORGET, msg_id, token))
        return bool(await self._pool.fetchval(_LATER, msg_id, token, after))

    async def waiting(self, limit: int) -> list[Waiting]:
        """See `contract.Dedupe`."""
        return [Waiting(row[0], bytes(row[1])) for row in await self._pool.fetch(_WAITING, limit)]
