"""`switchhook serve`."""

import logging
import resource
import sys
from pathlib import Path
from typing import Any

import click

from switchhook.clock import SystemClock
from switchhook.commands.settings import settings
from switchhook.settings.config import load


@click.command("serve")
@settings()
def serve_command(config_file: Path | None, **flags: Any) -> None:
    """Serve the API, deliver events, and run the SIP line; or one of these, with --role.

    Prints `ready http://HOST:PORT` when it accepts requests. Ends cleanly on SIGTERM or Ctrl-C.
    """
    import uvloop  # only who serves needs these, and they take a while to load

    from switchhook.serving import workers
    from switchhook.serving.app import serve

    config = load(flags, file=config_file)
    _log_to_stderr(config.log_level)
    _raise_file_limit()
    if config.workers > 1:
        workers.run(config, SystemClock(), _say)
    else:
        uvloop.run(serve(config, SystemClock(), _say))


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
