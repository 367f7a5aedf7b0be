"""`switchhook prune`: what it removes, what it only tells, and when it refuses."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from switchhook.cli import cli
from switchhook.clock import SystemClock
from switchhook.serving.installation import InstallationError, ServeLock, open_store
from switchhook.settings.config import ConfigError, load
from switchhook.storage import keys, outbox, processes, pruning
from switchhook.storage.store import Lane
from tests.storage.rows import WORKSPACE, an_outcome, subscribe
from tests.storage.rows import settle as record

HOUR = 3_600_000


@pytest.fixture(params=["sqlite", "postgresql"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Where the database is."""
    given = ["--data", str(tmp_path / "data")]
    return given if request.param == "sqlite" else [*given, "--database", request.getfixturevalue("database")]


def flags(options: list[str]) -> dict[str, str]:
    return {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}


async def fill(options: list[str]) -> None:
    """Three events of two hours ago, the last of which was not delivered, and a new one."""
    store = await open_store(load(flags(options), {}))
    now = SystemClock().now()
    await store.run(lambda tx: keys.add_workspace(tx, WORKSPACE, "One", now))
    await subscribe(store, "ep_a")
    for n, at in enumerate([now - 2 * HOUR] * 3 + [now]):
        event = outbox.NewEvent(WORKSPACE, f"msg_{n}", "tag.added", b"x", at)
        await store.run(lambda tx, event=event: outbox.accept(tx, event))  # type: ignore[misc]
    await record(store, *[an_outcome(f"msg_{n}", "ep_a") for n in (0, 1, 3)], low_water=4)
    if store.shared:
        await store.run(lambda tx: processes.take_over_step(tx, 0, now, 10), lane=Lane.OUTCOMES)
    await store.close()


async def left(options: list[str]) -> list[str]:
    store = await open_store(load(flags(options), {}))
    rows = await store.read(lambda r: r.fetch("oldest_events", 0, pruning.MOST, 100))
    await store.close()
    return [row[2] for row in rows]


def prune(*args: str) -> Result:
    return CliRunner().invoke(cli, ["prune", *args])


def test_what_is_over_and_old_goes_on_command_and_a_dry_run_only_tells(options: list[str]) -> None:
    asyncio.run(fill(options))
    dry = prune(*options, "--retention", "1h", "--dry-run")
    assert dry.output == (
        "would remove 2 events and 2 attempts; 1 old events are kept because they are not over\n"
    )
    assert asyncio.run(left(options)) == ["msg_0", "msg_1", "msg_2", "msg_3"]
    done = prune(*options, "--retention", "1h")
    assert done.output == "removed 2 events and 2 attempts; 1 old events are kept because they are not over\n"
    assert asyncio.run(left(options)) == ["msg_2", "msg_3"]


def test_a_database_that_somebody_serves_from_is_left_to_them(tmp_path: Path) -> None:
    config = load({"data": str(tmp_path)}, {})
    asyncio.run(asyncio.run(open_store(config)).close())
    lock = ServeLock(config)
    lock.take()
    refused = prune("--data", str(tmp_path)).exception
    lock.release()
    assert isinstance(refused, InstallationError)
    assert "is serving from this database already" in str(refused)


def test_forever_has_no_end_to_prune_by(tmp_path: Path) -> None:
    refused = prune("--data", str(tmp_path / "none"), "--retention", "forever").exception
    assert isinstance(refused, ConfigError)
    assert "--retention 90d" in str(refused)
    assert not (tmp_path / "none").exists()
