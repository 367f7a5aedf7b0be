"""`switchhook endpoints`: the webhooks of a running server."""

from typing import Any

import click

from switchhook.commands.client import Client, part, server
from switchhook.commands.completing import all_topics, endpoint_ids
from switchhook.commands.printing import flat, json_option, print_fields, print_json, print_rows
from switchhook.events import CATALOGUE

_PATH = "/v2/api/webhooks"
_SECRET = ("signing_secret", "headers")


@click.group("endpoints")
def endpoints_group() -> None:
    """Make and look after the webhooks of a running server."""


@endpoints_group.command("list")
@json_option
@server
def endpoints_list(as_json: bool, client: Client) -> None:
    """List the webhooks."""
    found = client.data("GET", _PATH)
    if as_json:
        print_json(found)
    else:
        print_rows(
            [one | {"state": _state(one)} for one in found],
            ("id", "state", "url", "topics", "description"),
            none="no webhooks; `switchhook endpoints create URL` makes one",
        )


@endpoints_group.command("show")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@click.option("--secret", is_flag=True, help="Also the signing secret and the headers.")
@json_option
@server
def endpoints_show(endpoint_id: str, secret: bool, as_json: bool, client: Client) -> None:
    """Show a webhook and its figures."""
    found = client.data("GET", f"{_PATH}/{part(endpoint_id)}")
    found["stats"] = client.data("GET", f"{_PATH}/{part(endpoint_id)}/stats")
    shown = {name: value for name, value in found.items() if secret or name not in _SECRET}
    print_json(shown) if as_json else print_fields(flat(shown))


@endpoints_group.command("create")
@click.argument("endpoint_url", metavar="ENDPOINT")
@click.option(
    "--topic",
    "topics",
    multiple=True,
    shell_complete=all_topics,
    help="A topic it wants, again for more; all nine without it.",
)
@click.option("--description", default=None)
@json_option
@server
def endpoints_create(
    endpoint_url: str, topics: tuple[str, ...], description: str | None, as_json: bool, client: Client
) -> None:
    """Make a webhook that posts to the URL ENDPOINT; print its id and signing secret."""
    body: dict[str, Any] = {"url": endpoint_url, "topics": list(topics or CATALOGUE)}
    if description is not None:
        body["description"] = description
    made = client.data("POST", _PATH, body)
    print_json(made) if as_json else click.echo(f"{made['id']}\t{made['signing_secret']}")


@endpoints_group.command("pause")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@json_option
@server
def endpoints_pause(endpoint_id: str, as_json: bool, client: Client) -> None:
    """Send nothing to a webhook until it is resumed; what happens meanwhile waits."""
    _tell(client.data("POST", f"{_PATH}/{part(endpoint_id)}/pause"), as_json)


@endpoints_group.command("resume")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@json_option
@server
def endpoints_resume(endpoint_id: str, as_json: bool, client: Client) -> None:
    """Send again what waited for a paused webhook, and switch on one that was disabled."""
    found = client.data("POST", f"{_PATH}/{part(endpoint_id)}/resume")
    if not found["enabled"]:
        found = client.data("PUT", f"{_PATH}/{part(endpoint_id)}", {"enabled": True})
    _tell(found, as_json)


@endpoints_group.command("rotate")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@click.option("--overlap", type=click.IntRange(0), metavar="SECONDS", default=None, help="A day without it.")
@json_option
@server
def endpoints_rotate(endpoint_id: str, overlap: int | None, as_json: bool, client: Client) -> None:
    """Make a new signing secret and print it; the former one signs beside it for a while."""
    body = {} if overlap is None else {"overlap_seconds": overlap}
    made = client.data("POST", f"{_PATH}/{part(endpoint_id)}/rotate-secret", body)
    print_json(made) if as_json else click.echo(made["signing_secret"] or made.get("public_key"))


@endpoints_group.command("test")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@click.option(
    "--topic",
    default="call.received",
    show_default=True,
    shell_complete=all_topics,
    help="Whose example is sent.",
)
@json_option
@server
def endpoints_test(endpoint_id: str, topic: str, as_json: bool, client: Client) -> None:
    """Send the example of a topic to a webhook; print the id of the delivery, for `deliveries show`."""
    sent = client.data("POST", f"{_PATH}/{part(endpoint_id)}/test", {"topic": topic})
    print_json(sent) if as_json else click.echo(sent["delivery_id"])


@endpoints_group.command("delete")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@server
def endpoints_delete(endpoint_id: str, yes: bool, as_json: bool, client: Client) -> None:
    """Delete a webhook, with what waits for it and what was recorded of it."""
    if not yes:
        try:
            sure = click.confirm(f"Delete {endpoint_id} and all its deliveries?", err=True)
        except click.Abort as error:
            if isinstance(error.__context__, EOFError):
                raise click.UsageError("there is nobody to ask; say --yes") from None
            raise
        if not sure:
            raise click.ClickException("nothing was deleted")
    client.call("DELETE", f"{_PATH}/{part(endpoint_id)}")
    if as_json:
        print_json({"id": endpoint_id, "deleted": True})


def _tell(found: dict[str, Any], as_json: bool) -> None:
    shown = {name: value for name, value in found.items() if name not in _SECRET}
    print_json(shown) if as_json else click.echo(f"{found['id']}\t{_state(found)}")


def _state(one: dict[str, Any]) -> str:
    if not one["enabled"]:
        return "disabled"
    return "paused" if one.get("paused") else "enabled"
