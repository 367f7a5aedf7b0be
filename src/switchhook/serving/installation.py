"""What an installation has once: its data directory, its lock, its first workspace, its own secrets."""

import contextlib
import errno
import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from switchhook.clock import Clock
from switchhook.events.faults import nearest
from switchhook.events.ids import API_KEY, new_id
from switchhook.settings.config import ADMIN_KEY_FILE, DISPATCH, Config, database_path, is_shared
from switchhook.storage import keys
from switchhook.storage.sealing import RECORDING_KEY
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Store, Transaction
from switchhook.storage.vault import Vault

WORKSPACE_NAME_MAX = 100
_WORKSPACE = "wsp"  # what the ids of workspaces begin with


class InstallationError(Exception):
    """The data directory cannot be used; the text says why and what helps."""


async def open_store(config: Config) -> Store:
    """Open (and migrate) the database of `config`, making the data directory if need be.

    Raises:
        InstallationError: the directory cannot be made.
        StorageError: the database cannot be opened.
    """
    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unusable(config.data, error) from None
    vault = Vault.parse(config.secrets_key)
    if is_shared(config):
        # Only who uses it needs asyncpg.
        from switchhook.storage.postgres import PostgresStore

        return await PostgresStore.open(config.database, vault, for_others=DISPATCH not in config.role)
    return SqliteStore(database_path(config), vault)


def check_is_there(config: Config) -> None:
    """Refuse to look at an installation that nobody has made: its directory is most likely another one.

    Raises:
        InstallationError: there is no database. A PostgreSQL is asked when it is opened.
    """
    if not is_shared(config) and not database_path(config).is_file():
        raise InstallationError(
            f"there is no database {database_path(config)}; name its directory with --data, or --database"
        )


class ServeLock:
    """Makes sure that one `serve` alone works on an embedded database: two would each send the other's deliveries."""

    def __init__(self, config: Config) -> None:
        path = database_path(config).resolve()  # one lock, by whatever name the file is called
        self._path = path.with_name(path.name + ".lock")
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock; the system frees it when the process ends, however it ends.

        Raises:
            InstallationError: another process holds it, or it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = self._path.open("a+")
        except OSError as error:
            raise _unusable(self._path.parent, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise InstallationError(
                f"{holder} is serving from this database already ({self._path}); "
                "stop it, or name another directory with --data"
            ) from None
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # closing tries once more to write
                file.close()
            raise _unusable(self._path.parent, error) from None
        self._file = file

    def release(self) -> None:
        """Let somebody else take it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _unusable(folder: Path, error: OSError) -> InstallationError:
    """What is told of a data directory that cannot be written to."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        what, helps = "a file is in the way, where a directory should be", "name another one with --data"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        what, helps = "the disk is full", "free some space, or name a directory elsewhere with --data"
    else:
        what, helps = (
            str(error.strerror),
            "give it to the user that runs this, or name another one with --data",
        )
    return InstallationError(f"cannot write to the data directory {folder}: {what}; {helps}")


async def first_workspace(store: Store, clock: Clock) -> keys.Workspace:
    """The workspace of this installation, made when there is none."""

    async def find_or_make(tx: Transaction) -> keys.Workspace:
        known = await keys.workspaces(tx)
        if known:
            return known[0]
        return await keys.add_workspace(tx, new_id(_WORKSPACE, clock.now()), "Workspace", clock.now())

    return await store.run(find_or_make)


def check_workspace_name(name: str) -> str:
    """The name of a new workspace without blanks around it.

    Raises:
        ValueError: it is empty or too long, cannot be printed in a line, or reads like an id.
    """
    name = name.strip()
    if not 0 < len(name) <= WORKSPACE_NAME_MAX or not name.isprintable():
        raise ValueError(f"a name has 1 to {WORKSPACE_NAME_MAX} characters, all of which can be printed")
    if name.startswith(f"{_WORKSPACE}_"):
        raise ValueError(f"a name does not begin with {_WORKSPACE}_, as ids do")
    return name


async def create_workspace(store: Store, clock: Clock, name: str) -> keys.Workspace:
    """Make a workspace beside those there are; on an empty database, the first one.

    Raises:
        InstallationError: there is one of this name.
    """

    async def make(tx: Transaction) -> keys.Workspace:
        known = await keys.workspaces(tx)
        for one in known:
            if one.name == name:
                raise InstallationError(f"there is a workspace {name!r} already: {one.id}")
        # After all others, even when the clock was put back: the first one stays the first.
        now = max([clock.now(), *(one.created_at + 1 for one in known)])
        return await keys.add_workspace(tx, new_id(_WORKSPACE, now), name, now)

    return await store.run(make)


async def find_workspace(store: Store, wanted: str) -> keys.Workspace:
    """The workspace of an id or a name.

    Raises:
        InstallationError: there is none, or several of this name.
    """
    known = await store.read(keys.workspaces)
    found = [one for one in known if one.id == wanted] or [one for one in known if one.name == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise InstallationError(f"{wanted!r} is the name of several workspaces; name one by its id")
    like = nearest(wanted, [one.name for one in known])
    advice = f"did you mean {like!r}? " if like else ""
    raise InstallationError(
        f"there is no workspace {wanted!r}; {advice}`switchhook workspaces list` shows those there are"
    )


async def create_key(
    store: Store, clock: Clock, workspace: str, scopes: frozenset[str], name: str
) -> tuple[str, str]:
    """Make an API key; its id, and the key itself, which can never be read again."""
    key, id_ = keys.new_secret_key(), new_id(API_KEY, clock.now())
    now = clock.now()
    await store.run(
        lambda tx: keys.add_key(tx, workspace=workspace, id=id_, name=name, scopes=scopes, key=key, now=now)
    )
    return id_, key


async def first_admin_key(store: Store, clock: Clock, workspace: str, data: Path) -> str | None:
    """An admin key when the installation has no key at all, also written to `DIR/admin.key`; otherwise None.

    Raises:
        InstallationError: the file cannot be written.
    """
    if await store.read(keys.list_keys):
        return None
    key, id_, now = keys.new_secret_key(), new_id(API_KEY, clock.now()), clock.now()
    path = data / ADMIN_KEY_FILE
    # The file comes first: a key that was stored before a crash and written nowhere would lock everybody out. Where
    # several processes may start at once, each writes its own; only the one whose key was stored gives it the name.
    written = path.with_name(f"{path.name}.{id_}") if store.shared else path
    _write_secret(written, key + "\n")

    async def make_if_none(tx: Transaction) -> bool:
        if await keys.list_keys(tx):
            return False
        await keys.add_key(
            tx, workspace=workspace, id=id_, name="admin", scopes=frozenset({"ALL"}), key=key, now=now
        )
        return True

    made = await store.run(make_if_none)
    if store.shared and made:
        written.replace(path)
    elif store.shared:
        written.unlink()
    if not made:
        return None
    return key


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner reads, so that it is there after a crash."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o600)  # the file may have been there with a wider mode
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise InstallationError(f"cannot write {path}: {error.strerror}") from None


async def recording_key(store: Store) -> bytes:
    """The secret that signs links to recordings, made once."""

    async def find_or_make(tx: Transaction) -> bytes:
        made = tx.vault.seal(secrets.token_hex(32), RECORDING_KEY)
        await tx.execute("set_meta_once", RECORDING_KEY, made)
        ((text,),) = await tx.fetch("get_meta", RECORDING_KEY)
        return bytes.fromhex(tx.vault.open(text, RECORDING_KEY))

    return await store.run(find_or_make)
