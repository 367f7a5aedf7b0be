"""A backup: one tar file with the database, the recordings and the keys, and a list of what is in it with digests.

    sip/ (what the line has not reported yet) ─▶ database, as of one moment ─▶ recordings/, admin.key ─▶ manifest.json

The order matters beside a running server. What leaves the line's journal is in the database by then; a recording that
the database names is there before the database names it. Of PostgreSQL the database is not in it: `pg_dump` does that.
"""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

import apsw
import msgspec

from switchhook import __version__
from switchhook.clock import Clock, iso_seconds
from switchhook.serving.installation import InstallationError, ServeLock, check_is_there
from switchhook.settings.config import ADMIN_KEY_FILE, Config, database_path, is_shared
from switchhook.storage.sql import migrations
from switchhook.storage.sqlite_connection import APPLICATION, connect_to_read, describe

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "switchhook.db"
FOLDERS = ("sip", "recordings")
CHUNK = 1_048_576


class Entry(msgspec.Struct, frozen=True):
    """A file of a backup. `sha256` is hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself. `store` is `sqlite`, or `postgresql` when the database is not in it."""

    format: int
    switchhook: str
    created_at: str
    store: str
    files: dict[str, Entry]


def back_up(config: Config, file: Path, clock: Clock) -> Manifest:
    """Write a backup of what `config` names to `file`, which must not be there yet. Works beside a running server.

    Raises:
        InstallationError: there is nothing to back up, or it cannot be read or written.
    """
    if file.exists():
        raise InstallationError(f"{file} is there already; name another file")
    check_is_there(config)
    partial = file.with_name(f"{file.name}.partial-{os.getpid()}")
    entries: dict[str, Entry] = {}
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
                _add_folder(tar, entries, config.data, "sip")
                if not is_shared(config):
                    with tempfile.TemporaryDirectory(dir=partial.parent, prefix=f".{file.name}-") as folder:
                        copy = Path(folder) / DATABASE
                        _copy_database(database_path(config), copy)
                        _add(tar, entries, copy, DATABASE)
                _add_folder(tar, entries, config.data, "recordings")
                if (config.data / ADMIN_KEY_FILE).is_file():
                    _add(tar, entries, config.data / ADMIN_KEY_FILE, ADMIN_KEY_FILE)
                manifest = Manifest(
                    format=FORMAT,
                    switchhook=__version__,
                    created_at=iso_seconds(clock.now()),
                    store="postgresql" if is_shared(config) else "sqlite",
                    files=entries,
                )
                text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
                _add_stream(tar, MANIFEST, len(text), io.BytesIO(text))
            raw.flush()
            os.fsync(raw.fileno())
        if file.exists():
            raise InstallationError(f"{file} came while it was written; name another file")
        partial.rename(file)
        _sync(file.resolve().parent)
    except OSError as error:
        raise InstallationError(f"cannot write the backup {file}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def restore(config: Config, file: Path) -> Manifest:
    """Put a backup where `config` says, after every file of it was checked. Nothing that is there is overwritten.

    Raises:
        InstallationError: something is there already, the backup is damaged, or it cannot be written.
    """
    targets = {DATABASE: database_path(config), ADMIN_KEY_FILE: config.data / ADMIN_KEY_FILE}
    targets |= {name: config.data / name for name in FOLDERS}
    for target in targets.values():
        if (any(target.iterdir()) if target.is_dir() else target.exists()) and not (
            target == targets[DATABASE] and is_shared(config)
        ):
            raise InstallationError(
                f"{target} is there already and is not overwritten; "
                "name an empty directory with --data, or move it away"
            )
    lock = ServeLock(config)
    if not is_shared(config):
        lock.take()
    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=config.data, prefix=".restore-") as name:
            folder = Path(name)
            manifest = check(file, folder)
            if (manifest.store == "sqlite") == is_shared(config):
                raise InstallationError(
                    f"{file} is a backup of {'an SQLite file' if manifest.store == 'sqlite' else 'a PostgreSQL'}; "
                    "give a --database of that kind"
                )
            for inside, target in targets.items():
                if (folder / inside).exists():
                    if target.is_dir():
                        target.rmdir()
                    shutil.move(folder / inside, target)
            for directory in {target.parent for target in targets.values()}:
                _sync(directory)
    except OSError as error:
        raise InstallationError(f"cannot restore to {config.data}: {error.strerror or error}") from None
    finally:
        lock.release()
    return manifest


def check(file: Path, folder: Path) -> Manifest:
    """Unpack a backup into `folder`, and see that it is whole and can be used.

    Raises:
        InstallationError: with what is wrong.
    """
    found: dict[str, Entry] = {}
    text = b""
    try:
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                stream = tar.extractfile(member)
                if stream is None or not _is_ours(member.name):
                    raise InstallationError(f"{file} holds {member.name!r}, which no backup has")
                if member.name == MANIFEST:
                    text = stream.read()
                    continue
                found[member.name] = _unpack(stream, folder / member.name)
        manifest = msgspec.json.decode(text, type=Manifest)
    except FileNotFoundError:
        raise InstallationError(f"there is no backup {file}") from None
    except (tarfile.TarError, EOFError, msgspec.MsgspecError) as error:
        raise InstallationError(f"{file} is no backup, or only a part of one: {error}") from None
    if manifest.format != FORMAT:
        raise InstallationError(
            f"{file} was written by a newer Switchhook ({manifest.switchhook}); use that one"
        )
    wrong = sorted(name for name in {*found, *manifest.files} if found.get(name) != manifest.files.get(name))
    if wrong:
        raise InstallationError(f"{file} is damaged: {', '.join(wrong[:5])} is not as it was written")
    if manifest.store == "sqlite":
        _check_database(folder / DATABASE, file)
    return manifest


def dump_command(config: Config, file: Path) -> str:
    """What backs up a PostgreSQL beside `file`. The password is not in it."""
    return f"pg_dump --format=custom --file={file}.dump '{_without_password(config.database)}'"


def load_command(config: Config, file: Path) -> str:
    """What brings that back into an empty database."""
    return f"pg_restore --dbname='{_without_password(config.database)}' {file}.dump"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}@{place}" if name else place))


def _copy_database(source: Path, target: Path) -> None:
    """The database as of one moment, without keeping anybody from writing."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        reading, writing = connect_to_read(source), apsw.Connection(str(target))
        try:
            with writing.backup("main", reading, "main") as copying:
                copying.step(-1)
            # The copy is one file, which nobody has open: no log beside it.
            writing.execute("PRAGMA journal_mode=DELETE")
        finally:
            writing.close()
            reading.close()
    except apsw.Error as error:
        raise InstallationError(f"cannot copy the database {source}: {describe(error)}") from None


def _check_database(path: Path, file: Path) -> None:
    try:
        connection = connect_to_read(path)
        try:
            ((said,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
            mark, version = connection.pragma("application_id"), int(connection.pragma("user_version"))
        finally:
            connection.close()
    except apsw.Error as error:
        raise InstallationError(f"the database in {file} is damaged: {describe(error)}") from None
    if said != "ok" or mark != APPLICATION:
        raise InstallationError(f"the database in {file} is damaged: {said}")
    newest = migrations("sqlite")[-1][0]
    if version > newest:
        raise InstallationError(
            f"the database in {file} was written by a newer Switchhook (schema {version}, this one knows {newest})"
        )


class _Digest:
    """Reads on, and remembers what was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        return data


def _add_folder(tar: tarfile.TarFile, entries: dict[str, Entry], data: Path, name: str) -> None:
    for path in _files(data / name):
        try:
            _add(tar, entries, path, path.relative_to(data).as_posix())
        except FileNotFoundError:
            continue  # it went while we were on our way: what went is not backed up


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _add(tar: tarfile.TarFile, entries: dict[str, Entry], path: Path, name: str) -> None:
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size  # what is written to it from now on stays out
        entries[name] = Entry(size, _add_stream(tar, name, size, stream))


def _add_stream(tar: tarfile.TarFile, name: str, size: int, stream: IO[bytes]) -> str:
    about = tarfile.TarInfo(name)
    about.size, about.mode = size, 0o600
    digest: Any = _Digest(stream)
    tar.addfile(about, digest)
    return str(digest.sha256.hexdigest())


def _is_ours(name: str) -> bool:
    """Whether a backup may hold a file of this name: none leads out of it."""
    parts = PurePosixPath(name).parts
    if ".." in parts or "/" in parts or "\0" in name:
        return False
    return name in (MANIFEST, DATABASE, ADMIN_KEY_FILE) or (len(parts) > 1 and parts[0] in FOLDERS)


def _unpack(stream: IO[bytes], path: Path) -> Entry:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sha256, size = hashlib.sha256(), 0
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while chunk := stream.read(CHUNK):
            sha256.update(chunk)
            size += len(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return Entry(size, sha256.hexdigest())


def _sync(folder: Path) -> None:
    """Make what was moved into `folder` outlive a crash."""
    if not folder.is_dir():
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
