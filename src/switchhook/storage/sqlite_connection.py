"""Connections to an SQLite file, and what its errors mean."""

from pathlib import Path

import apsw

from switchhook.storage.sql import migrations
from switchhook.storage.store import Conflict, StorageError

BUSY_MS = 5_000  # how long to wait for another process (the command line) that writes
PAGE = 8_192  # bytes; of a new file. Twice the default: a group of events is written in half as many pieces


def connect(path: Path) -> apsw.Connection:
    """Open and migrate the database.

    Raises:
        StorageError: the file cannot be opened, is no database, or belongs to a newer Switchhook.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = apsw.Connection(str(path), statementcachesize=256)
        connection.set_busy_timeout(BUSY_MS)
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-65536")
        _migrate(connection)
    except OSError as error:
        raise StorageError(f"cannot open the database {path}: {error.strerror}") from error
    except apsw.Error as error:
        raise StorageError(f"cannot open the database {path}: {describe(error)}") from error
    return connection


def connect_to_read(path: Path) -> apsw.Connection:
    """Open a database that is there already, for reading only."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MS)
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


def describe(error: BaseException) -> str:
    """What went wrong, for whoever runs this."""
    if isinstance(error, apsw.FullError):
        return "the disk is full; free some space, nothing that was accepted is lost"
    if isinstance(error, apsw.NotADBError):
        return "this file is not a Switchhook database"
    if isinstance(error, apsw.CorruptError):
        return f"the database file is damaged ({error}); restore the newest backup"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return "another process is writing to the database and did not finish in time"
    return str(error) or type(error).__name__


def translate(error: BaseException) -> StorageError:
    """The store's own exception for one of SQLite's."""
    kind = Conflict if isinstance(error, apsw.ConstraintError) else StorageError
    return kind(describe(error))
