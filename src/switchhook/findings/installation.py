"""What `switchhook doctor` looks at: each finding says what is so, and what to do where it is not well."""

import asyncio
import contextlib
import ctypes
import errno
import http.client
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from switchhook.clock import Clock, Deadline
from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.http import SystemResolver
from switchhook.delivery.http.dial import default_ssl_context
from switchhook.delivery.http.resolver import Resolver
from switchhook.serving.archiving import probe
from switchhook.serving.installation import InstallationError, ServeLock, open_store
from switchhook.serving.line import check_telephony
from switchhook.settings.config import (
    ADMIN_KEY_FILE,
    TELEPHONY,
    Config,
    ConfigError,
    database_path,
    is_shared,
)
from switchhook.storage import endpoints, keys
from switchhook.storage.sql import migrations
from switchhook.storage.sqlite_connection import connect_to_read
from switchhook.storage.store import StorageError, Store

SECONDS = 5.0  # for each thing that others answer
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX = 512  # bytes; more than the struct has anywhere

State = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True):
    """What one look has found. `advice` is empty where all is well."""

    what: str
    state: State
    found: str
    advice: str = ""


async def examine(config: Config, clock: Clock) -> AsyncIterator[Finding]:
    """Look at an installation, served or not. Nothing is migrated; the database is written to only as /readyz does."""
    yield _telephony(config)
    for finding in _files(config):
        yield finding
    yield _disk(config)
    yield _clock()
    if config.recordings_bucket:
        yield await _object_store(config, clock)
    serving = _who_serves(config)
    yield _port("port", config.host, config.port, socket.SOCK_STREAM, serving)
    if config.sip_listen and TELEPHONY in config.role:
        host, _, port = config.sip_listen.rpartition(":")
        yield _port("SIP port", host.strip("[]"), int(port), socket.SOCK_DGRAM, serving)
        for what, where in (("TCP", config.sip_listen_tcp), ("TLS", config.sip_listen_tls)):
            if where:
                host, _, port = where.rpartition(":")
                yield _port(f"SIP {what} port", host.strip("[]"), int(port), socket.SOCK_STREAM, serving)
    ready = await _schema(config, clock)
    yield ready
    if ready.state != "ok":
        return
    try:
        store = await open_store(config)
    except (StorageError, InstallationError) as error:
        yield Finding(
            "database", "error", str(error), "see docs/operations.md, Several servers or What is where"
        )
        return
    try:
        async with Deadline(clock, SECONDS):
            await store.check()
        yield Finding("database writes", "ok", "it takes writes")
        async for finding in _endpoints(config, clock, store):
            yield finding
    except (StorageError, TimeoutError) as error:
        yield Finding(
            "database writes",
            "error",
            str(error) or "no answer",
            "look at the database's own log and its disk",
        )
    finally:
        await store.close()


def _telephony(config: Config) -> Finding:
    try:
        check_telephony(config)
    except ConfigError as error:
        return Finding("configuration", "error", str(error), "change that setting")
    return Finding("configuration", "ok", "every setting can be used")


def _files(config: Config) -> Iterator[Finding]:
    """The data directory and who may read it."""
    folder = config.data
    if not folder.is_dir():
        yield Finding(
            "data directory",
            "warning",
            f"{folder} is not there",
            "`serve` makes it; or name yours with --data",
        )
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            "data directory", "error", f"{folder} cannot be written", "give it to the user that serves"
        )
        return
    inside = [folder, folder / ADMIN_KEY_FILE, folder / "recordings", folder / "sip", folder / "asterisk"]
    inside += [] if is_shared(config) else [database_path(config)]
    open_to_others = [path for path in inside if path.exists() and path.stat().st_mode & 0o077]
    # The directory alone keeps others out of what is in it.
    if folder in open_to_others and len(open_to_others) > 1:
        yield Finding(
            "file modes",
            "error",
            f"others may read {', '.join(str(path) for path in open_to_others)}",
            f"chmod -R go-rwx {folder}",
        )
    else:
        yield Finding("file modes", "ok", f"{folder} is for its owner")


def _disk(config: Config) -> Finding:
    place = config.data if config.data.is_dir() else Path()
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize // 1_000_000
    if free < config.min_free_mb:
        return Finding(
            "disk",
            "error",
            f"{free} MB are free, fewer than {config.min_free_mb}",
            "free some space; a disk that is full stops accepting",
        )
    return Finding("disk", "ok", f"{free} MB are free")


async def _object_store(config: Config, clock: Clock) -> Finding:
    """Whether the bucket of recordings takes, gives and removes an object."""
    wrong = await probe(config, clock)
    if wrong is None:
        return Finding("object store", "ok", f"{config.recordings_bucket} takes, gives and removes an object")
    return Finding(
        "object store", "error", wrong, "look at [recordings], and at what its key may do: put, get, delete"
    )


def _clock() -> Finding:
    """Whether something keeps the clock right: receivers refuse what is more than five minutes old or new."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))  # asks, and sets nothing
    except (OSError, AttributeError):
        return Finding("clock", "warning", "the system does not tell", "see that NTP runs")
    if state in (-1, _UNSYNCHRONISED):
        return Finding(
            "clock",
            "warning",
            "nothing keeps it right",
            "run chrony or systemd-timesyncd: receivers refuse signatures that are five minutes off",
        )
    return Finding("clock", "ok", "it is kept right")


def _who_serves(config: Config) -> str:
    """Of whom ports that are taken may be; empty when it is none of ours."""
    if is_shared(config):
        return "a Switchhook answers at the port for HTTP" if _answers(config) else ""
    if not database_path(config).exists():
        return ""
    lock = ServeLock(config)
    try:
        lock.take()
    except InstallationError:
        return "a `serve` runs on this database"
    lock.release()
    return ""


def _answers(config: Config) -> bool:
    """Whether a Switchhook is alive at the port of the configuration: many servers share one PostgreSQL."""
    here = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104 - compared, not bound
    asking = http.client.HTTPConnection(here, config.port, timeout=SECONDS)
    try:
        asking.request("GET", "/healthz")
        answer = asking.getresponse()
        return answer.status == 200 and answer.read(100) == b'{"status":"ok"}'
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


def _port(what: str, host: str, port: int, kind: socket.SocketKind, serving: str) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, kind)) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if serving:
                return Finding(what, "ok", f"{host}:{port} is taken, and {serving}")
            return Finding(
                what,
                "warning" if is_taken(error) else "error",
                f"{host}:{port}: {error.strerror}",
                "stop who has it, unless it is another `serve` of yours, or name another one",
            )
    return Finding(what, "ok", f"{host}:{port} is free")


def is_taken(error: OSError) -> bool:
    """Whether somebody has the address; else it is none of this machine."""
    return error.errno == errno.EADDRINUSE


async def _schema(config: Config, clock: Clock) -> Finding:
    newest = migrations("postgresql" if is_shared(config) else "sqlite")[-1][0]
    try:
        async with Deadline(clock, SECONDS):
            version = await _shared_schema(config) if is_shared(config) else _file_schema(config)
    except (OSError, TimeoutError, StorageError) as error:
        return Finding(
            "database",
            "error",
            f"it cannot be reached: {_why(error)}",
            "start it, and look at --database and its password",
        )
    if version is None:
        return Finding("database", "warning", "it is empty, or not there yet", "`serve` makes it")
    if version > newest:
        return Finding(
            "database",
            "error",
            f"schema {version} is of a newer Switchhook",
            "install that one, or restore a backup",
        )
    if version < newest:
        return Finding(
            "database",
            "warning",
            f"schema {version}, and this version needs {newest}",
            "`serve` migrates it at start; back it up first",
        )
    return Finding("database", "ok", f"it is reached, at schema {version}")


def _file_schema(config: Config) -> int | None:
    import apsw

    path = database_path(config)
    if not path.is_file() or not path.stat().st_size:
        return None
    try:
        connection = connect_to_read(path)
        try:
            return int(connection.pragma("user_version"))
        finally:
            connection.close()
    except apsw.Error as error:
        raise StorageError(f"{path}: {error}") from None


async def _shared_schema(config: Config) -> int | None:
    import asyncpg  # only who uses it needs it

    try:
        connection = await asyncpg.connect(config.database)
    except (asyncpg.PostgresError, ValueError) as error:
        raise StorageError(str(error)) from None
    try:
        return int(await connection.fetchval("SELECT value FROM meta WHERE key = 'schema'"))
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()


async def _endpoints(config: Config, clock: Clock, store: Store) -> AsyncIterator[Finding]:
    """Each endpoint that is sent to, as far as the end of the TLS handshake."""
    policy, resolver, context = (
        AddressPolicy(config.allow_networks),
        SystemResolver(clock),
        default_ssl_context(),
    )
    for workspace in await store.read(keys.workspaces):
        for one in await store.read(lambda reader, id_=workspace.id: endpoints.list_endpoints(reader, id_)):  # type: ignore[misc]
            if one.locked is not None:
                fix = "start every server of this database with that key; what waits is sent then"
                yield Finding(f"endpoint {one.id}", "error", f"nothing is sent to it: {one.locked}", fix)
            elif one.enabled:
                found = await reach(
                    one.url, policy, resolver, context, clock, through_proxy=bool(config.egress_proxy)
                )
                yield msgspec.structs.replace(found, what=f"endpoint {one.id}")
            else:
                yield Finding(
                    f"endpoint {one.id}",
                    "warning",
                    f"it is disabled ({one.disabled_why or 'by hand'})",
                    f"`switchhook endpoints resume {one.id}`, then `switchhook recover {one.id} --since …`",
                )


async def reach(
    url: str,
    policy: AddressPolicy,
    resolver: Resolver,
    context: ssl.SSLContext,
    clock: Clock,
    *,
    through_proxy: bool = False,
) -> Finding:
    """Whether the host of `url` is found, may be sent to, and answers."""
    try:
        target = parse_target(url, policy)
        async with Deadline(clock, SECONDS):
            found = (target.literal_ip,) if target.literal_ip else await resolver.resolve(target.host)
        policy.check_all(found, scheme=target.scheme, name=target.host)
    except UrlRefused as error:
        return Finding(
            "endpoint", "error", str(error), "change its URL, or open the network with --allow-networks"
        )
    except (OSError, TimeoutError) as error:
        return Finding(
            "endpoint",
            "error",
            f"its name is not found: {_why(error)}",
            "look at the URL, and at this machine's DNS",
        )
    if through_proxy:
        return Finding(
            "endpoint", "ok", f"{target.host} may be sent to, through the proxy, which is not tried"
        )
    secure = {"ssl": context, "server_hostname": target.host} if target.scheme == "https" else {}
    try:
        async with Deadline(clock, SECONDS):
            _, writer = await asyncio.open_connection(str(found[0]), target.port, **secure)  # type: ignore[arg-type]
    except ssl.SSLError as error:
        return Finding(
            "endpoint",
            "error",
            f"TLS with {target.host} fails: {getattr(error, 'verify_message', '') or error.reason}",
            "its owner has to mend the certificate, with the whole chain",
        )
    except (OSError, TimeoutError) as error:
        return Finding(
            "endpoint",
            "error",
            f"{target.host} does not answer: {_why(error)}",
            "look whether it runs, and at the firewalls between",
        )
    writer.close()
    return Finding("endpoint", "ok", f"{target.host} is reached at {found[0]}")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # What asyncio says of it names the call that failed and the address once more.
    plain = isinstance(error, ConnectionError) and error.errno
    return os.strerror(plain) if plain else str(error)
