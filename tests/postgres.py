"""A PostgreSQL of our own for a run of the tests: a throw-away cluster that fsyncs, started once, ended by its id.

The server refuses to run as root; then it runs as the user `postgres` (or `nobody`). Without the server programs the
tests that need it are skipped and say so; with CI set they fail.
"""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from switchhook.storage.pg_connection import Connection
from switchhook.storage.postgres import PostgresStore
from tests.ports import free_port

T = TypeVar("T")

USER = "switchhook"
PASSWORD = "a pass/word@with:signs"
TEMPLATE = "switchhook_template"


def programs() -> Path | None:
    """The directory with `initdb` and `postgres`, the newest one when there are several."""
    installed = Path("/usr/lib/postgresql")
    versions = [d for d in installed.iterdir() if d.name.isdigit()] if installed.is_dir() else []
    for folder in sorted(versions, key=lambda d: int(d.name), reverse=True):
        if (folder / "bin" / "initdb").exists():
            return folder / "bin"
    found = shutil.which("initdb")
    return Path(found).parent if found and shutil.which("postgres") else None


def need_postgres() -> Path:
    """The server programs, or a skip that says what is missing."""
    found = programs()
    if found is None:
        text = "PostgreSQL is not installed (Debian package `postgresql`)"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return found


class Cluster:
    """A running server. `folder` holds its data and its socket."""

    def __init__(self, folder: Path, bin_: Path) -> None:
        self.folder = folder
        self._bin = bin_
        self._names = itertools.count()
        self._user = _other_user() if os.geteuid() == 0 else None
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.settings: dict[str, str] = {}  # of the server, beyond those of `start`
        folder.chmod(0o755)
        self._home = folder / "pg"
        self._home.mkdir()
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if self._user is not None:
            os.chown(self._home, pwd.getpwnam(self._user).pw_uid, -1)
        self._run(
            "initdb",
            *(
                "-D",
                str(self._home / "data"),
                "-U",
                USER,
                "--pwfile",
                str(secret),
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"),
        )

    def _run(self, program: str, *args: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *args],
            user=self._user,
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        log = (self.folder / "postgres.log").open("ab")
        settings = {
            "fsync": "on",
            "synchronous_commit": "on",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._home),
            "port": str(self.port),
            "max_connections": "200",
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            **self.settings,
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [str(self._bin / "postgres"), "-D", str(self._home / "data"), *flags],
            user=self._user,
            cwd=self._home,
            stdout=log,
            stderr=log,
        )
        log.close()
        deadline = time.monotonic() + 120
        while True:
            try:
                self.execute("SELECT 1", database="postgres")
            except (OSError, asyncpg.CannotConnectNowError) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    shown = (self.folder / "postgres.log").read_text()[-2000:]
                    raise AssertionError(f"PostgreSQL did not start: {shown}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT disconnects everybody first, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(120)
            self.process = None

    def url(self, database: str) -> str:
        """The address of a database, over the socket."""
        return f"postgresql://{USER}@/{database}?host={self._home}&port={self.port}"

    def tcp_url(self, database: str, *, port: int | None = None, password: str = PASSWORD) -> str:
        """The address over TCP, where a password is asked for; `port` may be somebody's who stands between."""
        return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{port or self.port}/{database}"

    def execute(self, statement: str, *, database: str) -> list[tuple[object, ...]]:
        """Run one statement in a session of its own; what came back."""

        async def run() -> list[tuple[object, ...]]:
            connection = await asyncpg.connect(self.url(database))
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return _outside(run())

    def make_template(self) -> None:
        """Make the database that all others are copies of: migrated, empty."""
        self.execute(f"CREATE DATABASE {TEMPLATE}", database="postgres")

        async def migrate() -> None:
            await (await PostgresStore.open(self.url(TEMPLATE))).close()

        _outside(migrate())

    def database(self, *, empty: bool = False) -> str:
        """The address of a new database, migrated unless `empty`."""
        name = f"test_{next(self._names)}"
        self.execute(
            f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else TEMPLATE}", database="postgres"
        )
        return self.url(name)


def _outside(work: Coroutine[None, None, T]) -> T:
    """Run `work` in a loop of its own thread, so that tests inside a running loop may ask as well."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def name_of(url: str) -> str:
    """The name of the database in an address."""
    return urlsplit(url).path.lstrip("/")


def _other_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster that is gone afterwards."""
    bin_ = need_postgres()
    with tempfile.TemporaryDirectory(prefix="switchhook-pg-") as name:
        made = Cluster(Path(name), bin_)
        made.start()
        try:
            made.make_template()
            yield made
        finally:
            made.stop(signal.SIGQUIT)  # nobody needs the data any more


async def sever(store: PostgresStore) -> None:
    """What is left of a process that was killed: its connections break and its lease has run out.

    Tasks of the store are to be cancelled before. Returns when the server has noticed.
    """
    for lane in store._lanes.values():
        if lane._connection is not None:
            lane._connection.terminate()
    for reader in store._readers:
        reader.terminate()
    store._closed = True
    connection = await asyncpg.connect(store._url)
    try:
        deadline = time.monotonic() + 60
        while await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ):
            assert time.monotonic() < deadline, "the server did not notice"
        await expire(connection, store.process)
    finally:
        await connection.close()


async def expire(connection: Connection, process: int) -> None:
    """Have the lease of a process run out now."""
    await connection.execute("UPDATE leases SET expires_at = '-infinity' WHERE process = $1", process)
