"""Connections to an SQLite file, and what its errors mean."""

import contextlib
import os
from pathlib import Path

import apsw

from switchhook.storage.sql import migrations
from switchhook.storage.store import Conflict, StorageError

APPLICATION = 0x53574B48  # "SWKH" in the head of the file: it is ours
BUSY_MS = 5_000  # how long to wait for another process (the command line) that writes
CACHE = -65_536  # KiB of pages of each connection, taken as they are read
PAGE = 8_192  # bytes; of a new file. Twice the default: a group of events is written in half as many pieces

# A file with these was ours before it said so.
_FIRST_TABLES = {"meta", "workspaces", "endpoints", "events", "attempts", "schedule"}


def connect(path: Path) -> apsw.Connection:
    """Open and migrate the database.

    Raises:
        StorageError: the file cannot be opened, is no database, belongs to another program or to a newer Switchhook.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Only a new file: closing one that somebody in this process has open would take SQLite's locks from it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = apsw.Connection(str(path), statementcachesize=256)
        connection.set_busy_timeout(BUSY_MS)
        _recognise(connection, path)  # before anything is changed
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what was removed is overwritten
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute(f"PRAGMA cache_size={CACHE}")
        _migrate(connection)
    except OSError as error:
        raise StorageError(f"cannot open the database {path}: {error.strerror}") from error
    except apsw.Error as error:
        raise StorageError(f"cannot open the database {path}: {describe(error)}") from error
    return connection


def connect_to_read(path: Path) -> apsw.Connection:
    """Open a database that is there already, for reading only."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=256)
    connection.set_busy_timeout(BUSY_MS)
    connection.execute(f"PRAGMA cache_size={CACHE}")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def _recognise(connection: apsw.Connection, path: Path) -> None:
    """Refuse a database of another program: migrating it would damage it.

    Raises:
        StorageError: it is one.
    """
    mark = connection.pragma("application_id")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if mark != APPLICATION and tables and (mark != 0 or not tables >= _FIRST_TABLES):
        raise StorageError(
            f"{path} is an SQLite database of another program; name another file with --database"
        )


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
        if connection.pragma("application_id") != APPLICATION:
            connection.execute(f"PRAGMA application_id={APPLICATION}")
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
