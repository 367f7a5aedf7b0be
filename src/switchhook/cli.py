"""The command line. Standard output carries what was asked for, standard error what is said about it.

Exit codes: 0 done, 1 it could not be done (the reason stands on standard error), 2 the call itself was wrong.
"""

import asyncio
import json
import logging
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import uvloop

from switchhook import __version__, workers
from switchhook.api.scopes import parse_scopes
from switchhook.app import serve
from switchhook.clock import SystemClock, iso_seconds
from switchhook.config import OPTIONS, Config, ConfigError, Option, is_shared, load
from switchhook.delivery.retention import FOREVER, Retention, Run
from switchhook.installation import (
    InstallationError,
    ServeLock,
    check_workspace_name,
    create_key,
    create_workspace,
    find_workspace,
    first_workspace,
    open_store,
)
from switchhook.storage import keys
from switchhook.storage.store import StorageError, Store
from switchhook.storage.vault import new_key
from switchhook.workspace.mirror import Mirror

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_STORE_OPTIONS = ("data", "database")


def main() -> None:
    """Entry point of the `switchhook` command."""
    os.umask(0o077)  # keys, recordings, journals: nothing that we write is for others on this machine
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (ConfigError, InstallationError, StorageError) as error:
        click.echo(f"switchhook: {error}", err=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)


def settings(*names: str) -> Callable[[F], F]:
    """Options out of the table of `switchhook.config`, and `--config`; all of them when none is named."""

    def add(function: F) -> F:
        for option in reversed([o for o in OPTIONS if not names or o.name in names]):
            shown = f"{option.help} [{option.env}; default: {_default(option)}]"
            decorate = click.option(
                option.flag, option.name, default=None, metavar=option.metavar, help=shown
            )
            function = decorate(function)
        return click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            default=None,
            metavar="FILE",
            help="Configuration file. [SWITCHHOOK_CONFIG; default: switchhook.toml, if it is there]",
        )(function)

    return add


def _default(option: Option) -> str:
    value = option.default
    if isinstance(value, tuple):
        return ("-" if option.name.endswith("ports") else ",").join(f"{v}" for v in value) or "none"
    return str(value) if value != "" else "none"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="switchhook")
def cli() -> None:
    """Switchhook: what happens on your phones, as signed webhooks that never get lost."""


@cli.command("serve")
@settings()
def serve_command(config_file: Path | None, **flags: Any) -> None:
    """Serve the API, deliver events, and run the SIP line; or one of these, with --role.

    Prints `ready http://HOST:PORT` when it accepts requests. Ends cleanly on SIGTERM or Ctrl-C.
    """
    config = load(flags, file=config_file)
    _log_to_stderr(config.log_level)
    _raise_file_limit()
    if config.workers > 1:
        workers.run(config, SystemClock(), _say)
    else:
        uvloop.run(serve(config, SystemClock(), _say))


@cli.command("prune")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@settings(*_STORE_OPTIONS, "retention")
def prune_command(dry_run: bool, config_file: Path | None, **flags: Any) -> None:
    """Remove events that are over and older than the retention, now.

    A server does so by itself every minute; this is for cron beside `serve --retention forever` on PostgreSQL, and for
    an SQLite database that nobody serves from at the moment.
    """
    config = load(flags, file=config_file)
    if config.retention == FOREVER:
        raise ConfigError("nothing is ever old with retention = forever; name a time: --retention 90d")

    async def prune(store: Store) -> Run | None:
        if not dry_run:  # what goes is learned of first, as a server would
            await Mirror(store, SystemClock(), config.region).run()
        return await Retention(store, SystemClock(), config.retention).run(claim=False, dry=dry_run)

    lock = ServeLock(config)
    if not is_shared(config):
        lock.take()
    try:
        done = _with_store(config, prune)
    finally:
        lock.release()
    assert done is not None
    click.echo(
        f"{'would remove' if dry_run else 'removed'} {done.events} events and {done.attempts} attempts; "
        f"{done.kept} old events are kept because they are not over"
    )


@cli.group("workspaces")
def workspaces_group() -> None:
    """Make and list workspaces. Nothing crosses from one to another; a key opens one of them."""


@workspaces_group.command("create")
@click.argument("name")
@settings(*_STORE_OPTIONS)
def workspaces_create(name: str, config_file: Path | None, **flags: Any) -> None:
    """Make a workspace called NAME and print its id. Works while `serve` is running."""
    try:
        name = check_workspace_name(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    clock = SystemClock()
    made = _with_store(load(flags, file=config_file), lambda store: create_workspace(store, clock, name))
    click.echo(made.id)


@workspaces_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@settings(*_STORE_OPTIONS)
def workspaces_list(as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """List the workspaces. The first one has the SIP line, and the keys made without --workspace."""
    rows = _with_store(load(flags, file=config_file), lambda store: store.read(keys.workspaces))
    found = [{"id": row.id, "name": row.name, "created_at": iso_seconds(row.created_at)} for row in rows]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for one in found:
        click.echo("\t".join([one["id"], one["name"]]))


@cli.group("keys")
def keys_group() -> None:
    """Make, list and revoke API keys."""


@keys_group.command("create")
@click.option("--scopes", required=True, help="ALL, or scopes with commas between: WEBHOOKS_READ_WRITE,…")
@click.option("--name", default="", help="What the key is for.")
@click.option(
    "--workspace", metavar="ID|NAME", default=None, help="What the key opens; the first workspace without it."
)
@settings(*_STORE_OPTIONS)
def keys_create(
    scopes: str, name: str, workspace: str | None, config_file: Path | None, **flags: Any
) -> None:
    """Make a key and print it, this once. Works while `serve` is running."""
    try:
        wanted = parse_scopes(scopes)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--scopes") from None
    clock = SystemClock()

    async def make(store: Store) -> str:
        opened = await (
            first_workspace(store, clock) if workspace is None else find_workspace(store, workspace)
        )
        _, key = await create_key(store, clock, opened.id, wanted, name)
        return key

    click.echo(_with_store(load(flags, file=config_file), make))


@keys_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@settings(*_STORE_OPTIONS)
def keys_list(as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """List the keys; never the keys themselves, they are stored nowhere."""
    rows = _with_store(load(flags, file=config_file), lambda store: store.read(keys.list_keys))
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
        click.echo(json.dumps(found, indent=2))
        return
    for key in found:
        state = f"revoked {key['revoked_at']}" if key["revoked_at"] else "in force"
        scopes = ",".join(key["scopes"] or [])
        click.echo("\t".join([str(key["id"]), state, str(key["name"]), scopes, str(key["workspace"])]))


@keys_group.command("revoke")
@click.argument("key_id")
@settings(*_STORE_OPTIONS)
def keys_revoke(key_id: str, config_file: Path | None, **flags: Any) -> None:
    """Revoke the key with the id KEY_ID, which `keys list` shows."""
    now = SystemClock().now()

    async def revoke(store: Store) -> bool:
        return await store.run(lambda tx: keys.revoke_key(tx, key_id, now))

    if not _with_store(load(flags, file=config_file), revoke):
        raise click.ClickException(f"no key in force has the id {key_id}; `switchhook keys list` shows them")


@cli.group("secrets")
def secrets_group() -> None:
    """Make the key that seals the secrets in the database."""


@secrets_group.command("new-key")
def secrets_new_key() -> None:
    """Make a key and print it. It is kept nowhere: give it to `serve` as SWITCHHOOK_SECRETS_KEY, and keep it safe."""
    click.echo(new_key())


def _with_store(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        store = await open_store(config)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _raise_file_limit() -> None:
    """Let this process open as many files as it may: connections in and out are files, and the usual limit is low."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
