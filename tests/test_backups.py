"""`switchhook backup` and `restore`: what comes back, what is refused."""

import io
import json
import tarfile
import threading
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from switchhook.cli import cli
from switchhook.clock import ManualClock
from switchhook.serving.backups import back_up, restore
from switchhook.serving.installation import InstallationError, ServeLock, open_store
from switchhook.settings.config import Config, load
from switchhook.storage import keys
from switchhook.storage.store import Store


async def installation(folder: Path) -> tuple[Config, Store]:
    """One that is open, with a workspace, two recordings and a key."""
    config = load({"data": str(folder)}, {})
    store = await open_store(config)
    await store.run(lambda tx: keys.add_workspace(tx, "wsp_1", "One", 1))
    (folder / "recordings" / "25").mkdir(parents=True)
    (folder / "recordings" / "25" / "a.mp3").write_bytes(b"a" * 3_000_000)
    (folder / "recordings" / "b.mp3").write_bytes(b"")
    (folder / "sip").mkdir()
    (folder / "sip" / "journal").write_bytes(b"facts")
    (folder / "admin.key").write_text("ak_live_x\n")
    return config, store


async def written(tmp_path: Path) -> Path:
    config, store = await installation(tmp_path / "data")
    back_up(config, tmp_path / "b.tar", ManualClock())
    await store.close()
    return tmp_path / "b.tar"


async def names(config: Config) -> list[str]:
    store = await open_store(config)
    found = [one.name for one in await store.read(keys.workspaces)]
    await store.close()
    return found


async def test_what_was_backed_up_beside_a_server_comes_back(tmp_path: Path) -> None:
    config, store = await installation(tmp_path / "data")
    lock = ServeLock(config)
    lock.take()
    made = back_up(config, tmp_path / "b.tar", ManualClock())
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    assert sorted(made.files) == [
        "admin.key",
        "recordings/25/a.mp3",
        "recordings/b.mp3",
        "sip/journal",
        "switchhook.db",
    ]
    await store.run(lambda tx: keys.add_workspace(tx, "wsp_2", "Later", 2))  # the server goes on
    lock.release()
    await store.close()
    other = load({"data": str(tmp_path / "other")}, {})
    restore(other, tmp_path / "b.tar")
    assert await names(other) == ["One"]
    for name in made.files:
        path = tmp_path / "other" / name
        if name != "switchhook.db":
            assert path.read_bytes() == (tmp_path / "data" / name).read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    assert not [
        path for path in tmp_path.rglob("*") if path.name.startswith((".restore", ".b.tar", "b.tar."))
    ]


async def test_the_copy_is_of_one_moment_whatever_is_written_meanwhile(tmp_path: Path) -> None:
    """Two rows that change together are never seen apart, while somebody writes as fast as they can."""
    config, store = await installation(tmp_path / "data")
    await store.close()
    path = str(tmp_path / "data" / "switchhook.db")
    stop = threading.Event()

    def write() -> None:
        writing = apsw.Connection(path)
        writing.execute("PRAGMA synchronous=OFF")
        for n in range(20_000):
            if stop.is_set():
                break
            writing.execute("BEGIN IMMEDIATE")
            writing.execute("UPDATE meta SET value = ? WHERE key = 'left'", (n,))
            writing.execute("UPDATE meta SET value = ? WHERE key = 'right'", (n,))
            writing.execute("COMMIT")
        writing.close()

    filling = apsw.Connection(path)
    filling.execute("INSERT INTO meta VALUES ('left', 0), ('fill', hex(zeroblob(4000000))), ('right', 0)")
    filling.close()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(5):
            back_up(config, tmp_path / f"{n}.tar", ManualClock())
    finally:
        stop.set()
        writer.join()
    for n in range(5):
        restore(load({"data": str(tmp_path / f"other{n}")}, {}), tmp_path / f"{n}.tar")
        copy = apsw.Connection(str(tmp_path / f"other{n}" / "switchhook.db"))
        rows = copy.execute("SELECT value FROM meta WHERE key IN ('left', 'right')").fetchall()
        copy.close()
        assert len(rows) == 2
        assert rows[0] == rows[1]


def tampered(
    file: Path, *, name: str | None = None, change: bytes | None = None, drop: str | None = None
) -> Path:
    """The same backup with a file more, changed or less."""
    out = file.with_name("tampered.tar")
    with tarfile.open(file) as old, tarfile.open(out, "w") as new:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            content = stream.read()
            if member.name == drop:
                continue
            if member.name == name and change is not None:
                content = change
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
        if change is not None and name not in old.getnames():
            about = tarfile.TarInfo(name or "")
            about.size = len(change)
            new.addfile(about, io.BytesIO(change))
    return out


@pytest.mark.parametrize(
    ("name", "change", "drop", "said"),
    [
        ("recordings/b.mp3", b"x", None, "recordings/b.mp3 is not as it was written"),
        (None, None, "recordings/b.mp3", "recordings/b.mp3 is not as it was written"),
        (None, None, "switchhook.db", "switchhook.db is not as it was written"),
        (None, None, "manifest.json", "only a part of one"),
        ("recordings/more.mp3", b"x", None, "recordings/more.mp3 is not as it was written"),
        ("recordings/../../x", b"x", None, "which no backup has"),
        ("/etc/x", b"x", None, "which no backup has"),
        ("switchhook.toml", b"x", None, "which no backup has"),
    ],
)
async def test_a_damaged_backup_is_refused_and_leaves_nothing(
    tmp_path: Path, name: str | None, change: bytes | None, drop: str | None, said: str
) -> None:
    file = tampered(await written(tmp_path), name=name, change=change, drop=drop)
    with pytest.raises(InstallationError, match=said):
        restore(load({"data": str(tmp_path / "other")}, {}), file)
    assert [path.name for path in (tmp_path / "other").rglob("*")] in ([], ["switchhook.db.lock"])


async def test_half_a_backup_is_none(tmp_path: Path) -> None:
    file = await written(tmp_path)
    file.write_bytes(file.read_bytes()[:-1_500_000])
    with pytest.raises(InstallationError, match="only a part of one"):
        restore(load({"data": str(tmp_path / "other")}, {}), file)


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args), env={"SWITCHHOOK_CONFIG": None})


async def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    file = await written(tmp_path)
    data = str(tmp_path / "data")
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    for args, said in (
        (("backup", str(file), "--data", data), "is there already"),
        (("restore", str(file), "--data", data), "is not overwritten"),
        (("backup", str(tmp_path / "c.tar"), "--data", str(tmp_path / "none")), "there is no database"),
        (("restore", str(tmp_path / "none.tar"), "--data", str(tmp_path / "new")), "there is no backup"),
    ):
        refused = run(*args).exception
        assert isinstance(refused, InstallationError), args
        assert said in str(refused)
    kept = {path: path.read_bytes() for path in before}
    assert kept == before
    checked = run("restore", str(file), "--check", "--json")
    assert json.loads(checked.stdout)["files"] == 5
    only_key = tmp_path / "only"
    only_key.mkdir()
    (only_key / "admin.key").write_text("another")
    assert "admin.key" in str(run("restore", str(file), "--data", str(only_key)).exception)


def test_of_postgresql_the_command_is_told_without_the_password(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "recordings").mkdir(parents=True)
    (data / "recordings" / "a.mp3").write_bytes(b"a")
    place = (
        "--data",
        str(data),
        "--database",
        "postgresql://anna:hunter2@db.example:5433/phone?sslmode=require",
    )
    done = run("backup", str(tmp_path / "b.tar"), *place)
    assert "hunter2" not in done.output
    assert done.stdout.splitlines()[-1] == (
        f"pg_dump --format=custom --file={tmp_path}/b.tar.dump "
        "'postgresql://anna@db.example:5433/phone?sslmode=require'"
    )
    wrong = run("restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / "x")).exception
    assert "backup of a PostgreSQL" in str(wrong)
    place = ("--data", str(tmp_path / "new"), *place[2:])
    assert run("restore", str(tmp_path / "b.tar"), *place).stdout.splitlines()[-1].startswith("pg_restore ")
    assert (tmp_path / "new" / "recordings" / "a.mp3").read_bytes() == b"a"
