"""`switchhook backup` and `switchhook restore`."""

import tempfile
from pathlib import Path
from typing import Any

import click

from switchhook.clock import SystemClock
from switchhook.commands.printing import json_option, print_json
from switchhook.commands.settings import STORE_OPTIONS, settings
from switchhook.serving.backups import Manifest, back_up, check, dump_command, load_command, restore
from switchhook.settings.config import is_shared, load

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("backup")
@click.argument("file", type=_FILE)
@json_option
@settings(*STORE_OPTIONS)
def backup_command(file: Path, as_json: bool, config_file: Path | None, **flags: Any) -> None:
    """Write the database, the recordings and the keys to FILE, a tar. Works while `serve` is running.

    Of PostgreSQL everything but the database; the command for that is printed. The key that seals secrets
    (SWITCHHOOK_SECRETS_KEY) is in no backup: keep it elsewhere.
    """
    config = load(flags, file=config_file)
    told = _told(back_up(config, file, SystemClock()), file)
    if is_shared(config):
        told["next"] = dump_command(config, file)
    _print(told, as_json, "now back up the database itself (PGPASSWORD or ~/.pgpass has the password):")


@click.command("restore")
@click.argument("file", type=_FILE)
@click.option("--check", "only_check", is_flag=True, help="Only see whether the backup is whole.")
@json_option
@settings(*STORE_OPTIONS)
def restore_command(
    file: Path, only_check: bool, as_json: bool, config_file: Path | None, **flags: Any
) -> None:
    """Bring back what `backup` wrote to FILE. Every file is checked first, and nothing is overwritten.

    What had not been delivered at the time of the backup is sent, again where it was delivered since.
    """
    config = load(flags, file=config_file)
    if only_check:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".check-") as folder:
            told = _told(check(file, Path(folder)), file)
    else:
        told = _told(restore(config, file), file)
        if is_shared(config):
            told["next"] = load_command(config, file)
    _print(told, as_json, "now restore the database itself, an empty one:")


def _told(manifest: Manifest, file: Path) -> dict[str, Any]:
    return {
        "file": str(file),
        "created_at": manifest.created_at,
        "store": manifest.store,
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files.values()),
    }


def _print(told: dict[str, Any], as_json: bool, intro: str) -> None:
    if as_json:
        print_json(told)
        return
    click.echo(f"{told['file']}: {told['files']} files, {told['bytes']} bytes, of {told['created_at']}")
    if "next" in told:
        click.echo(intro, err=True)
        click.echo(told["next"])
