"""`switchhook keys`."""

from pathlib import Path
from typing import Any

import click

from switchhook.api.scopes import SCOPES, parse_scopes
from switchhook.clock import SystemClock, iso_seconds
from switchhook.commands.printing import json_option, print_json, print_rows
from switchhook.commands.settings import STORE_OPTIONS, settings, with_store
from switchhook.serving.installation import create_key, find_workspace, first_workspace
from switchhook.settings.config import load
from switchhook.storage import keys
from switchhook.storage.store import Store


@click.group("keys")
def keys_group() -> None:
    """Make, list and revoke API keys."""


@keys_group.command("create")
@click.option(
    "--scopes", default="", help="ALL, or scopes with commas between: WEBHOOKS_READ_WRITE,…  [required]"
)
@click.option("--name", default="", help="What the key is for.")
@click.option(
    "--workspace", metavar="ID|NAME", default=None, help="What the key opens; the first workspace without it."
)
@json_option
@settings(*STORE_OPTIONS)
def keys_create(
    scopes: str, name: str, workspace: str | None, as_json: bool, config_file: Path | None, **flags: Any
) -> None:
    """Make a key and print it, this once. Works while `serve` is running."""
    if not scopes:
        raise click.UsageError(f"say what the key may do: --scopes ALL, or some of {', '.join(SCOPES[1:])}")
    try:
        wanted = parse_scopes(scopes)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--scopes") from None
    clock = SystemClock()

    async def make(store: Store) -> tuple[str, str]:
        opened = await (
            first_workspace(store, clock) if workspace is None else find_workspace(store, workspace)
        )
        return await create_key(store, clock, opened.id, wanted, name)

    id_, key = with_store(load(flags, file=config_file), make, new=True)
    print_json({"id": id_, "key": key}) if as_json else click.echo(key)


@keys_group.command("list")
@json_option
@settings(*STORE_OPTIONS)
def keys_list(as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """List the keys; never the keys themselves, they are stored nowhere."""
    rows = with_store(load(flags, file=config_file), lambda store: store.read(keys.list_keys))
    found = [
        {
            "id": row.id,
            "name": row.name,
            "scopes": sorted(row.scopes),
            "workspace": row.workspace_name,
            "workspace_id": row.workspace,
            "created_at": iso_seconds(row.created_at),
            "revoked_at": iso_seconds(row.revoked_at) if row.revoked_at else None,
        }
        for row in rows
    ]
    if as_json:
        print_json(found)
        return
    for key in found:
        key["state"] = f"revoked {key['revoked_at']}" if key["revoked_at"] else "in force"
    print_rows(found, ("id", "state", "name", "scopes", "workspace"), none="no keys")


@keys_group.command("revoke")
@click.argument("key_id")
@json_option
@settings(*STORE_OPTIONS)
def keys_revoke(key_id: str, as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """Revoke the key with the id KEY_ID, which `keys list` shows."""
    now = SystemClock().now()

    async def revoke(store: Store) -> bool:
        return await store.run(lambda tx: keys.revoke_key(tx, key_id, now))

    if not with_store(load(flags, file=config_file), revoke):
        raise click.ClickException(f"no key in force has the id {key_id}; `switchhook keys list` shows them")
    if as_json:
        print_json({"id": key_id, "revoked_at": iso_seconds(now)})
