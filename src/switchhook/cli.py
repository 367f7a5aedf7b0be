"""The command line. Standard output carries what was asked for, standard error what is said about it.

Exit codes: 0 done, 1 it could not be done (the reason stands on standard error), 2 the call itself was wrong.
"""

import os
import sys

import click

from switchhook import __version__
from switchhook.commands.backup import backup_command, restore_command
from switchhook.commands.call import call_command
from switchhook.commands.dashboard import dashboard_link
from switchhook.commands.deliveries import deliveries_group, recover_command, retry_command
from switchhook.commands.doctor import doctor_command
from switchhook.commands.endpoints import endpoints_group
from switchhook.commands.keys import keys_group
from switchhook.commands.listen import listen_command
from switchhook.commands.mcp import mcp_command
from switchhook.commands.numbers import numbers_group
from switchhook.commands.people import export_command, import_command
from switchhook.commands.prune import prune_command
from switchhook.commands.secrets import secrets_group
from switchhook.commands.serve import serve_command
from switchhook.commands.trigger import trigger_command
from switchhook.commands.users import users_group
from switchhook.commands.verify import verify_command
from switchhook.commands.workspaces import workspaces_group
from switchhook.serving.installation import InstallationError
from switchhook.settings.config import ConfigError
from switchhook.storage.store import StorageError


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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="switchhook")
def cli() -> None:
    """Switchhook: what happens on your phones, as signed webhooks that never get lost."""


for _command in (
    serve_command,
    prune_command,
    doctor_command,
    backup_command,
    restore_command,
    workspaces_group,
    keys_group,
    users_group,
    numbers_group,
    secrets_group,
    dashboard_link,
    trigger_command,
    call_command,
    endpoints_group,
    deliveries_group,
    retry_command,
    recover_command,
    import_command,
    export_command,
    listen_command,
    mcp_command,
    verify_command,
):
    cli.add_command(_command)
