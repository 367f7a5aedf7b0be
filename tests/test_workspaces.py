"""`switchhook workspaces`, and keys that open one of several."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from switchhook.cli import cli
from switchhook.clock import ManualClock
from switchhook.serving.installation import InstallationError, create_workspace, first_workspace, open_store
from switchhook.settings.config import load
from switchhook.storage import keys
from tests.test_prune import flags, options

__all__ = ["options"]  # a fixture


def run(options: list[str], *args: str) -> Result:
    return CliRunner().invoke(cli, [*args, *options])


def listed(options: list[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(run(options, "workspaces", "list", "--json").output)
    return found


async def opened_by(options: list[str], key: str) -> str:
    store = await open_store(load(flags(options), {}))
    found = await store.read(lambda reader: keys.find_key(reader, key))
    await store.close()
    assert found is not None
    return found.workspace


def test_a_key_opens_the_workspace_that_was_named_or_else_the_first(options: list[str]) -> None:
    first = run(
        options, "keys", "create", "--scopes", "ALL"
    ).output.strip()  # an empty database gets its first
    made = run(options, "workspaces", "create", " Harbour Dental ").output.strip()
    assert [(one["id"], one["name"]) for one in listed(options)][1:] == [(made, "Harbour Dental")]
    assert f"{made}\tHarbour Dental\n" in run(options, "workspaces", "list").output
    default = listed(options)[0]["id"]
    for args, workspace in (
        ((), default),
        (("--workspace", "Harbour Dental"), made),
        (("--workspace", made), made),
        (("--workspace", default), default),
    ):
        key = run(options, "keys", "create", "--scopes", "ALL", *args).output.strip()
        assert asyncio.run(opened_by(options, key)) == workspace
    assert asyncio.run(opened_by(options, first)) == default
    shown = json.loads(run(options, "keys", "list", "--json").output)
    assert [one["workspace_id"] for one in shown] == [default, default, made, made, default]


def test_on_an_empty_database_the_first_one_made_is_the_first(options: list[str]) -> None:
    made = run(options, "workspaces", "create", "Acme").output.strip()
    key = run(options, "keys", "create", "--scopes", "ALL").output.strip()
    assert asyncio.run(opened_by(options, key)) == made
    assert len(listed(options)) == 1


def test_an_unknown_workspace_and_a_name_twice_are_refused(options: list[str]) -> None:
    run(options, "workspaces", "create", "Harbour Dental")
    twice = run(options, "workspaces", "create", "Harbour Dental")
    assert isinstance(twice.exception, InstallationError)
    assert "already" in str(twice.exception)
    unknown = run(options, "keys", "create", "--scopes", "ALL", "--workspace", "Harbor Dental")
    assert isinstance(unknown.exception, InstallationError)
    assert "did you mean 'Harbour Dental'?" in str(unknown.exception)
    assert json.loads(run(options, "keys", "list", "--json").output) == []
    assert len(listed(options)) == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "wsp_1"])
def test_a_name_that_would_mislead_is_refused(tmp_path: Path, name: str) -> None:
    wrong = run(["--data", str(tmp_path)], "workspaces", "create", name)
    assert wrong.exit_code == 2
    assert "NAME" in wrong.output


async def test_the_first_workspace_stays_the_first_when_the_clock_is_put_back(tmp_path: Path) -> None:
    store = await open_store(load({"data": str(tmp_path)}, {}))
    first = await first_workspace(store, ManualClock(2_000_000))
    await create_workspace(store, ManualClock(1_000_000), "Later")
    assert await first_workspace(store, ManualClock()) == first
    await store.close()
