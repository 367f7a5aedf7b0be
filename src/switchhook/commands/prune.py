"""`switchhook prune`: what a server does every minute, on command."""

from pathlib import Path
from typing import Any

import click

from switchhook.clock import SystemClock
from switchhook.commands.printing import json_option, print_json
from switchhook.commands.settings import STORE_OPTIONS, settings, with_store
from switchhook.delivery.retention import FOREVER, Retention, Run
from switchhook.serving.installation import ServeLock, check_is_there
from switchhook.settings.config import ConfigError, is_shared, load
from switchhook.storage.store import Store
from switchhook.workspace.mirror import Mirror


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@json_option
@settings(*STORE_OPTIONS, "retention")
def prune_command(dry_run: bool, as_json: bool, config_file: Path | None, **flags: Any) -> None:
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

    check_is_there(config)
    lock = ServeLock(config)
    if not is_shared(config):
        lock.take()
    try:
        done = with_store(config, prune)
    finally:
        lock.release()
    assert done is not None
    if as_json:
        print_json({"dry_run": dry_run, "events": done.events, "attempts": done.attempts, "kept": done.kept})
        return
    click.echo(
        f"{'would remove' if dry_run else 'removed'} {done.events} events and {done.attempts} attempts; "
        f"{done.kept} old events are kept because they are not over"
    )
