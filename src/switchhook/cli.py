"""The command line. Standard output carries what was asked for, standard error what is said about it.

Exit codes: 0 done, 1 it could not be done (the reason stands on standard error), 2 the call itself was wrong,
130 ended with Ctrl-C.
"""

import os
import sys

import click

from switchhook import __version__
from switchhook.commands.lazy import LazyGroup, Place

SECTIONS = {
    "A server": {
        "serve": Place("serve:serve_command", "Serve the API, deliver events, run the SIP line"),
        "doctor": Place("doctor:doctor_command", "See what is wrong with an installation, and what helps"),
        "backup": Place("backup:backup_command", "Write database, recordings and keys to a file"),
        "restore": Place("backup:restore_command", "Bring back what a backup holds"),
        "prune": Place("prune:prune_command", "Remove what is older than the retention, now"),
    },
    "What is in its database": {
        "workspaces": Place("workspaces:workspaces_group", "Make and list workspaces"),
        "keys": Place("keys:keys_group", "Make, list and revoke API keys"),
        "users": Place("users:users_group", "Set up who works in a workspace"),
        "numbers": Place("numbers:numbers_group", "Set up the numbers of a workspace"),
        "secrets": Place("secrets:secrets_group", "Make the key that seals secrets"),
        "dashboard-link": Place("dashboard:dashboard_link", "Print a link that signs in on the page, once"),
    },
    "A running server, here or elsewhere": {
        "endpoints": Place("endpoints:endpoints_group", "Make and look after webhooks"),
        "deliveries": Place("deliveries:deliveries_group", "See what became of deliveries"),
        "retry": Place("deliveries:retry_command", "Send deliveries again"),
        "recover": Place("deliveries:recover_command", "Send a webhook what it missed since a time"),
        "trigger": Place("trigger:trigger_command", "Publish the example of a topic"),
        "listen": Place("listen:listen_command", "Print events as they happen, or post them to a URL here"),
        "call": Place("call:call_command", "Try the SIP line with a call from outside, or order one"),
        "import": Place("people:import_command", "Bring people from a file (CSV, vCards)"),
        "export": Place("people:export_command", "Write people to a file (CSV, vCards)"),
        "mcp": Place("mcp:mcp_command", "Serve tools for an assistant"),
    },
    "By themselves": {
        "verify": Place("verify:verify_command", "Say why a webhook request does not verify"),
        "completion": Place("completion:completion_command", "Complete words in bash, zsh or fish"),
    },
}

cli = LazyGroup(
    SECTIONS,
    name="switchhook",
    help="Switchhook: what happens on your phones, as signed webhooks that never get lost.",
    epilog="`switchhook COMMAND --help` says more of each.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
cli = click.version_option(__version__, prog_name="switchhook")(cli)


def main() -> None:
    """Entry point of the `switchhook` command."""
    os.umask(0o077)  # keys, recordings, journals: nothing that we write is for others on this machine
    try:
        # An exit code that a command asked for comes back from here.
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        code = _known(error)
        if code is None:
            raise
        click.echo(f"switchhook: {error}", err=True)
        sys.exit(code)


def _known(error: Exception) -> int | None:
    """The exit code of what is the user's to mend; None for a defect of ours."""
    from switchhook.serving.installation import InstallationError  # whoever raised these has imported them
    from switchhook.settings.config import ConfigError
    from switchhook.storage.store import StorageError

    if isinstance(error, ConfigError):
        return 2
    return 1 if isinstance(error, InstallationError | StorageError) else None
