"""`switchhook users`: who works in a workspace."""

from pathlib import Path
from typing import Any

import click

from switchhook.commands.printing import json_option, print_json, print_rows
from switchhook.commands.settings import STORE_OPTIONS, explained, in_workspace, settings, workspace_option
from switchhook.events.ids import USER, dashed
from switchhook.settings.config import load
from switchhook.settings.members import ROLES, STATUSES, UserConfig
from switchhook.workspace import administration
from switchhook.workspace.directory import User, read_directory

_ROLE = click.Choice(ROLES, case_sensitive=False)
_STATUS = click.Choice(STATUSES, case_sensitive=False)


@click.group("users")
def users_group() -> None:
    """Set up who works in a workspace. What `switchhook.toml` says of somebody holds again at the next start."""


@users_group.command("list")
@click.option("--role", type=_ROLE, default=None, help="Only these.")
@click.option("--status", type=_STATUS, default=None, help="Only these.")
@workspace_option
@json_option
@settings(*STORE_OPTIONS)
def users_list(
    role: str | None,
    status: str | None,
    workspace: str | None,
    as_json: bool,
    config_file: Path | None,
    **flags: Any,
) -> None:
    """List the users, those who are blocked too."""
    config = load(flags, file=config_file)
    directory = in_workspace(config, workspace, lambda tx, id_: read_directory(tx, id_, config.region))
    found = [
        _shown(user)
        for user in directory.users
        if role in (None, user.role) and status in (None, user.status)
    ]
    if as_json:
        print_json(found)
    else:
        print_rows(
            found,
            ("email", "name", "role", "status", "id"),
            none="no users; `switchhook users add` makes one",
        )


@users_group.command("add")
@click.argument("email")
@click.option("--name", default="", help="What they are called.")
@click.option("--role", type=_ROLE, default="MEMBER", show_default=True)
@click.option("--status", type=_STATUS, default="ACTIVE", show_default=True)
@workspace_option
@json_option
@settings(*STORE_OPTIONS)
def users_add(
    email: str,
    *,
    name: str,
    role: str,
    status: str,
    workspace: str | None,
    as_json: bool,
    config_file: Path | None,
    **flags: Any,
) -> None:
    """Add a user and print their id. Works while `serve` is running."""
    config = load(flags, file=config_file)
    with explained():
        asked = UserConfig(email, name, role=role, status=status)
        made = in_workspace(
            config, workspace, lambda tx, id_: administration.add_user(tx, id_, asked), new=True
        )
    print_json(_shown(made)) if as_json else click.echo(dashed(made.id, USER))


@users_group.command("set")
@click.argument("user", metavar="EMAIL|ID")
@click.option("--name", default=None, help="What they are called.")
@click.option("--role", type=_ROLE, default=None)
@click.option(
    "--status", type=_STATUS, default=None, help="The telephones of who is BLOCKED neither ring nor call."
)
@workspace_option
@json_option
@settings(*STORE_OPTIONS)
def users_set(
    user: str,
    *,
    name: str | None,
    role: str | None,
    status: str | None,
    workspace: str | None,
    as_json: bool,
    config_file: Path | None,
    **flags: Any,
) -> None:
    """Change a user; what is not given stays. Works while `serve` is running."""
    if name is None and role is None and status is None:
        raise click.UsageError("say what is to change: --name, --role or --status")
    config = load(flags, file=config_file)
    with explained():
        changed = in_workspace(
            config,
            workspace,
            lambda tx, id_: administration.change_user(tx, id_, user, name=name, role=role, status=status),
        )
    if workspace is None and any(one.email == changed.email for one in config.users):
        click.echo(
            f"note: {config.sources['users']} names {changed.email} too, and holds again when `serve` starts; "
            "change it there as well",
            err=True,
        )
    if as_json:
        print_json(_shown(changed))
    else:
        print_rows([_shown(changed)], ("email", "name", "role", "status", "id"))


def _shown(user: User) -> dict[str, object]:
    return {
        "id": dashed(user.id, USER),
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "status": user.status,
        "sip": list(user.sip),
    }
