"""`switchhook workspaces`."""

from pathlib import Path
from typing import Any

import click

from switchhook.clock import SystemClock, iso_seconds
from switchhook.commands.printing import json_option, print_json, print_rows
from switchhook.commands.settings import STORE_OPTIONS, settings, with_store
from switchhook.serving.installation import check_workspace_name, create_workspace
from switchhook.settings.config import load
from switchhook.storage import keys


@click.group("workspaces")
def workspaces_group() -> None:
    """Make and list workspaces. Nothing crosses from one to another; a key opens one of them."""


@workspaces_group.command("create")
@click.argument("name")
@json_option
@settings(*STORE_OPTIONS)
def workspaces_create(name: str, as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """Make a workspace called NAME and print its id. Works while `serve` is running."""
    try:
        name = check_workspace_name(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    clock = SystemClock()
    made = with_store(
        load(flags, file=config_file), lambda store: create_workspace(store, clock, name), new=True
    )
    print_json({"id": made.id, "name": name}) if as_json else click.echo(made.id)


@workspaces_group.command("list")
@json_option
@settings(*STORE_OPTIONS)
def workspaces_list(as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """List the workspaces. The first one has the SIP line, and the keys made without --workspace."""
    rows = with_store(load(flags, file=config_file), lambda store: store.read(keys.workspaces))
    found = [{"id": row.id, "name": row.name, "created_at": iso_seconds(row.created_at)} for row in rows]
    print_json(found) if as_json else print_rows(found, ("id", "name"))
