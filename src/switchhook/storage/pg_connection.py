"""Connections to PostgreSQL: what must hold of server and session, the schema, and errors that name what helps.

No text made here holds a password: an address is shown as host, port and database only.
"""

import asyncio
import logging
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from switchhook.storage.sql import migrations
from switchhook.storage.store import Conflict, StorageError

log = logging.getLogger(__name__)

Connection = Any  # asyncpg has no types of its own

OLDEST = 15
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0  # an answer that takes longer never comes: the network swallowed it
IDLE_SECONDS = 10  # a process that stands still in a transaction must not keep its locks for ever
_MIGRATION_LOCK = 0x53_77_69_74_63_68  # "Switch"
_DURABLE = ("on", "remote_apply")


def shown(url: str) -> str:
    """The address in `url` as it may be logged: no user, no password, no parameters."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or "the local socket"
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the database"
    return f"{host}{port}{unquote(parts.path)}"


async def connect(url: str) -> Connection:
    """A new session that commits durably.

    Raises:
        StorageError: it cannot be had; the text says why and what helps, and holds no secret.
    """
    where = shown(url)
    try:
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            statement_cache_size=256,
            max_cached_statement_lifetime=0,
            server_settings={
                "application_name": "switchhook",
                "jit": "off",
                "idle_in_transaction_session_timeout": str(IDLE_SECONDS * 1000),
                "client_min_messages": "warning",
            },
        )
    except asyncpg.InvalidCatalogNameError:
        name = unquote(urlsplit(url).path.lstrip("/"))
        raise StorageError(
            f'there is no database {name!r} at {where}; make it with: createdb "{name}"'
        ) from None
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        raise StorageError(
            f"{where} refused the user or the password; check both in the database URL"
        ) from None
    except asyncpg.TooManyConnectionsError:
        raise StorageError(
            f"{where} has no connection left; raise max_connections or stop a process"
        ) from None
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError) as error:
        raise StorageError(
            f"cannot reach PostgreSQL at {where}: {_reason(error)}; check that it runs and takes connections"
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        # ValueError: the URL itself. Its text may quote the URL, so only its kind is told.
        told = _reason(error) if isinstance(error, asyncpg.PostgresError) else type(error).__name__
        raise StorageError(f"cannot use the database at {where}: {told}") from None
    try:
        await _prove(connection, where)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _prove(connection: Connection, where: str) -> None:
    """Refuse a server that is too old, and see that a commit of this session is durable."""
    try:
        version = connection.get_server_version().major
        if version < OLDEST:
            raise StorageError(
                f"PostgreSQL at {where} is version {version}; Switchhook needs {OLDEST} or newer: upgrade it"
            )
        if await connection.fetchval("SHOW synchronous_commit") not in _DURABLE:
            await connection.execute("SET synchronous_commit = on")
            if await connection.fetchval("SHOW synchronous_commit") not in _DURABLE:
                raise StorageError(
                    f"{where} does not let synchronous_commit be on, and so loses what it confirmed"
                )
    except asyncpg.PostgresError as error:
        raise translate(error) from None


async def migrate(connection: Connection) -> None:
    """Bring the schema to this version. Several processes may do so at once; one does it, the others wait.

    Raises:
        StorageError: the database belongs to a newer Switchhook, or may not be changed.
    """
    steps = migrations("postgresql")
    newest = steps[-1][0]
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK, timeout=600)
            version = 0
            if await connection.fetchval("SELECT to_regclass('meta') IS NOT NULL"):
                version = int(await connection.fetchval("SELECT value FROM meta WHERE key = 'schema'"))
            if version > newest:
                raise StorageError(
                    f"this database was written by a newer Switchhook (schema {version}, this one knows {newest}); "
                    "start the newer one, or restore a backup"
                )
            for number, script in steps:
                if number > version:
                    await connection.execute(script, timeout=3600)
            if version < newest:
                await connection.execute(
                    "INSERT INTO meta (key, value) VALUES ('schema', $1) "
                    "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    str(newest),
                )
                log.info("the database is at schema %d now", newest)
        if await connection.fetchval("SHOW fsync") != "on":
            log.warning("fsync is off in this PostgreSQL: a crash of its machine loses what was confirmed")
    except asyncpg.InsufficientPrivilegeError as error:
        raise StorageError(
            f"the database user may not make tables ({_reason(error)}); grant it CREATE on the schema"
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise translate(error) from None


def is_lost(connection: Connection, error: BaseException) -> bool:
    """Whether the connection is of no use any more after `error`."""
    return bool(
        connection.is_closed()
        or isinstance(
            error,
            OSError | TimeoutError | asyncpg.ReadOnlySQLTransactionError | asyncpg.InternalClientError,
        )
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same work may well succeed when it is done again from the start."""
    return isinstance(error, asyncpg.SerializationError | asyncpg.DeadlockDetectedError)


def is_unstorable(error: BaseException) -> bool:
    """Whether a text held U+0000, which PostgreSQL cannot keep."""
    return isinstance(error, asyncpg.CharacterNotInRepertoireError | asyncpg.UntranslatableCharacterError)


def is_database(error: BaseException) -> bool:
    """Whether `error` comes from the database or the way to it."""
    return isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError | TimeoutError)


def translate(error: BaseException) -> StorageError:
    """What the rest of Switchhook is told."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, asyncpg.UniqueViolationError):
        # Its detail would quote the values.
        return Conflict(f"UNIQUE constraint {error.constraint_name} stands against it")
    if isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError):
        # One of the values, and not the database: asked again it says the same.
        return Conflict(f"a value cannot be stored: {_reason(error)}")
    if isinstance(error, asyncpg.DiskFullError):
        return StorageError(
            "the disk of the database is full; free some space, nothing that was accepted is lost"
        )
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return StorageError("the database is read-only: this is a standby, or it was told so")
    if is_transient(error):
        return StorageError("too many others changed the same rows at once")
    return StorageError(f"the database did not do it: {_reason(error)}")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, FileNotFoundError):
        return "there is no such socket"
    return getattr(error, "message", None) or str(error) or type(error).__name__
