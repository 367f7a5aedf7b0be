"""Notes in an SQLite file, through Python's own `sqlite3`: for the processes of one machine, and kept over crashes."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike

from switchhook.webhooks.dedupe.contract import Claim, State, Waiting

_MAKE = """
CREATE TABLE IF NOT EXISTS webhook_messages (
  id TEXT PRIMARY KEY, token TEXT NOT NULL, until REAL NOT NULL, done INTEGER NOT NULL, attempt INTEGER NOT NULL,
  body BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS webhook_messages_until ON webhook_messages (until);
"""

_CLAIM = """
INSERT INTO webhook_messages AS m (id, token, until, done, attempt, body) VALUES (:id, :token, :until, 0, 1, :body)
ON CONFLICT (id) DO UPDATE SET
  token = excluded.token, until = excluded.until, done = 0, body = coalesce(excluded.body, m.body),
  attempt = CASE WHEN m.done THEN 1 WHEN m.token = excluded.token THEN m.attempt ELSE m.attempt + 1 END
WHERE m.until <= :now OR (m.token = excluded.token AND NOT m.done)
RETURNING attempt
"""

_PRUNE = """
DELETE FROM webhook_messages WHERE id IN (
  SELECT id FROM webhook_messages WHERE until <= ? AND (done OR body IS NULL) LIMIT 200)
"""

PRUNE_EVERY = 100
"""After so many claims a little of what is over is removed."""

_INHERITED: list[sqlite3.Connection] = []  # kept, so that nothing closes them


class SqliteDedupe:
    """The table `webhook_messages` in the file `path`, made when it is not there. Needs SQLite 3.35 or later.

    Safe to use from several threads and processes. Each call is one transaction that is on the disk when it returns.
    """

    blocking = True
    keeps = True

    def __init__(self, path: str | PathLike[str], clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970.

        Raises:
            sqlite3.Error: the file cannot be opened, or is no database.
        """
        self._clock = clock
        self._path = path
        self._claims = 0
        self._open()

    def _open(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._file = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.executescript(_MAKE)

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        """The file, for this thread alone."""
        if self._process != os.getpid():
            # A server forked. SQLite's connections must not be used, nor closed, on the other side.
            _INHERITED.append(self._file)
            self._open()
        with self._lock:
            yield self._file

    def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """See `contract.Dedupe`."""
        now = self._clock()
        asked = {"id": msg_id, "token": token, "until": now + seconds, "body": body, "now": now}
        with self._locked() as file:
            self._claims += 1
            if self._claims % PRUNE_EVERY == 0:
                file.execute(_PRUNE, (now,))
            got = file.execute(_CLAIM, asked).fetchall()
            if got:
                return Claim(State.CLAIMED, got[0][0])
            seen = file.execute("SELECT done FROM webhook_messages WHERE id = ?", (msg_id,)).fetchall()
        return Claim(State.DONE if seen and seen[0][0] else State.UNDER_WAY)

    def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """See `contract.Dedupe`."""
        return self._change(
            "UPDATE webhook_messages SET done = 1, until = ?, body = NULL WHERE id = ? AND token = ? AND NOT done",
            (self._clock() + seconds, msg_id, token),
        )

    def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """See `contract.Dedupe`."""
        if after is None:
            return self._change(
                "DELETE FROM webhook_messages WHERE id = ? AND token = ? AND NOT done", (msg_id, token)
            )
        return self._change(
            "UPDATE webhook_messages SET token = '', until = ? WHERE id = ? AND token = ? AND NOT done",
            (self._clock() + after, msg_id, token),
        )

    def waiting(self, limit: int) -> list[Waiting]:
        """See `contract.Dedupe`."""
        with self._locked() as file:
            rows = file.execute(
                "SELECT id, body FROM webhook_messages WHERE until <= ? AND NOT done AND body IS NOT NULL"
                " ORDER BY until LIMIT ?",
                (self._clock(), limit),
            ).fetchall()
        return [Waiting(msg_id, bytes(body)) for msg_id, body in rows]

    def close(self) -> None:
        """Close the file."""
        with self._locked() as file:
            file.close()

    def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        with self._locked() as file:
            return file.execute(statement, values).rowcount == 1
