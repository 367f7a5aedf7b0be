"""`switchhook numbers`: the numbers and sender ids of a workspace."""

from pathlib import Path
from typing import Any

import click

from switchhook.commands.printing import json_option, print_json, print_rows
from switchhook.commands.settings import STORE_OPTIONS, explained, in_workspace, settings, workspace_option
from switchhook.events.ids import USER, dashed
from switchhook.settings.config import Config, load
from switchhook.settings.members import CAPABILITIES, NUMBER, TYPES, NumberConfig
from switchhook.workspace import administration
from switchhook.workspace.directory import Number, read_directory, spell

_OPTIONS = (*STORE_OPTIONS, "region")
_COLUMNS = ("number", "name", "country", "type", "capabilities", "users")
_TYPE = click.Choice(TYPES, case_sensitive=False)


@click.group("numbers")
def numbers_group() -> None:
    """Set up the numbers of a workspace. What `switchhook.toml` says of one holds again at the next start."""


@numbers_group.command("list")
@click.option("--type", "type_", type=_TYPE, default=None, help="Only these.")
@workspace_option
@json_option
@settings(*_OPTIONS)
def numbers_list(
    type_: str | None, workspace: str | None, as_json: bool, config_file: Path | None, **flags: Any
) -> None:
    """List the numbers and sender ids."""
    config = load(flags, file=config_file)
    directory = in_workspace(config, workspace, lambda tx, id_: read_directory(tx, id_, config.region))
    _print([one for one in directory.numbers if type_ in (None, one.type)], as_json)


@numbers_group.command("add")
@click.argument("number")
@click.option("--name", default="", help="What it is for.")
@click.option("--type", "type_", type=_TYPE, default="NUMBER", show_default=True)
@click.option("--country", metavar="CC", default=None, help="Two letters; the number says it if you do not.")
@click.option(
    "--capabilities",
    metavar="LIST",
    default=None,
    help=f"{', '.join(CAPABILITIES)} with commas between; VOICE for a number, SMS for a sender id, if not said.",
)
@click.option("--users", metavar="EMAIL,…", default="", help="Who has it; the first one answers for it.")
@workspace_option
@json_option
@settings(*_OPTIONS)
def numbers_add(
    number: str,
    *,
    name: str,
    type_: str,
    country: str | None,
    capabilities: str | None,
    users: str,
    workspace: str | None,
    as_json: bool,
    config_file: Path | None,
    **flags: Any,
) -> None:
    """Add a number, or with --type SENDER_ID the name that texts are sent under; print it as it is stored.

    Works while `serve` is running. The SIP line rings a number that was added within seconds.
    """
    config = load(flags, file=config_file)
    with explained():
        asked = NumberConfig(
            number,
            name,
            _items(users),
            type=type_,
            country=country.upper() if country else None,
            capabilities=None if capabilities is None else _capabilities(capabilities),
        )
        made = in_workspace(
            config,
            workspace,
            lambda tx, id_: administration.add_number(tx, id_, asked, config.region),
            new=True,
        )
    print_json(_shown(made)) if as_json else click.echo(made.number)


@numbers_group.command("set")
@click.argument("number")
@click.option("--name", default=None, help="What it is for.")
@click.option("--country", metavar="CC", default=None, help="Two letters.")
@click.option("--capabilities", metavar="LIST", default=None, help=f"{', '.join(CAPABILITIES)} with commas.")
@click.option("--users", metavar="EMAIL,…", default=None, help="Who has it; '' for nobody.")
@workspace_option
@json_option
@settings(*_OPTIONS)
def numbers_set(
    number: str,
    *,
    name: str | None,
    country: str | None,
    capabilities: str | None,
    users: str | None,
    workspace: str | None,
    as_json: bool,
    config_file: Path | None,
    **flags: Any,
) -> None:
    """Change a number or sender id; what is not given stays. Works while `serve` is running."""
    if all(one is None for one in (name, country, capabilities, users)):
        raise click.UsageError("say what is to change: --name, --country, --capabilities or --users")
    config = load(flags, file=config_file)
    with explained():
        changed = in_workspace(
            config,
            workspace,
            lambda tx, id_: administration.change_number(
                tx,
                id_,
                number,
                config.region,
                name=name,
                country=country.upper() if country else None,
                capabilities=None if capabilities is None else _capabilities(capabilities),
                users=None if users is None else _items(users),
            ),
        )
    if workspace is None:
        _note(config, changed)
    _print([changed], as_json)


@numbers_group.command("remove")
@click.argument("number")
@workspace_option
@json_option
@settings(*_OPTIONS)
def numbers_remove(
    number: str, workspace: str | None, as_json: bool, config_file: Path | None, **flags: Any
) -> None:
    """Let go of a number or sender id. Its calls and texts stay."""
    config = load(flags, file=config_file)
    with explained():
        gone = in_workspace(
            config, workspace, lambda tx, id_: administration.remove_number(tx, id_, number, config.region)
        )
    if workspace is None:
        _note(config, gone)
    print_json({"number": gone.number, "removed": True}) if as_json else click.echo(f"removed {gone.number}")


def _note(config: Config, number: Number) -> None:
    """Say so when the settings will have their way again."""
    named = {spell(one.number, one.type or NUMBER, config.region) for one in config.numbers}
    if number.number in named:
        click.echo(
            f"note: {config.sources['numbers']} names {number.number} too, and holds again when `serve` starts; "
            "change it there as well",
            err=True,
        )


def _print(numbers: list[Number], as_json: bool) -> None:
    if as_json:
        print_json([_shown(one) for one in numbers])
    else:
        print_rows(
            [_shown(one) | {"users": [user.email for user in one.users]} for one in numbers],
            _COLUMNS,
            none="no numbers; `switchhook numbers add` makes one",
        )


def _shown(number: Number) -> dict[str, object]:
    return {
        "number": number.number,
        "name": number.name,
        "country": number.country,
        "type": number.type,
        "capabilities": list(number.capabilities),
        "users": [
            {"id": dashed(user.id, USER), "name": user.name, "email": user.email} for user in number.users
        ],
    }


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _capabilities(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(item.upper() for item in _items(text)))
    if not found:
        raise ValueError(f"name a capability: {', '.join(CAPABILITIES)}, several with commas between")
    return found
