"""`switchhook dashboard-link`."""

from pathlib import Path
from typing import Any

import click

from switchhook.clock import SystemClock
from switchhook.commands.printing import json_option, print_json
from switchhook.commands.settings import STORE_OPTIONS, settings, with_store
from switchhook.serving.installation import find_workspace, first_workspace
from switchhook.settings.config import load
from switchhook.storage import sessions
from switchhook.storage.store import Store


@click.command("dashboard-link")
@click.option(
    "--workspace", metavar="ID|NAME", default=None, help="What it shows; the first workspace without it."
)
@json_option
@settings(*STORE_OPTIONS, "host", "port", "public_url")
def dashboard_link(workspace: str | None, as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """Print a link that signs in on the page, once, within ten minutes. Works while `serve` is running.

    Whoever has the link may do there what an admin key may. Give the --host, --port or --public-url of the server.
    """
    config = load(flags, file=config_file)
    clock = SystemClock()

    async def make(store: Store) -> str:
        opened = await (
            first_workspace(store, clock) if workspace is None else find_workspace(store, workspace)
        )
        token = sessions.new_token(opened.id)
        await store.run(lambda tx: sessions.add_link(tx, opened.id, token, clock.now()))
        return token

    host = f"[{config.host}]" if ":" in config.host else config.host
    base = config.public_url or f"http://{host}:{config.port}"
    # Behind the #, so that it reaches no log and no proxy.
    link = f"{base}/dashboard#link={with_store(config, make)}"
    print_json({"link": link}) if as_json else click.echo(link)
