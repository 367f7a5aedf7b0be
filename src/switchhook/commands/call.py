"""`switchhook call`: a call through the SIP line of a server."""

import click

from switchhook.commands.client import Client, server
from switchhook.commands.printing import json_option, print_json


@click.command("call")
@click.argument("number")
@click.option("--user", metavar="EMAIL", help="Who calls: their telephones ring first.")
@click.option("--from", "sender", metavar="NUMBER", help="The number of ours to call with.")
@click.option("--record/--no-record", default=None, help="Whether to record it; else as the number is set.")
@json_option
@server
def call_command(
    number: str, *, user: str | None, sender: str | None, record: bool | None, as_json: bool, client: Client
) -> None:
    """Have a user's telephones ring, then NUMBER dialled; print the id of the call.

    Name --user, or --from for the first user of that number who has a telephone.
    """
    if user is None and sender is None:
        raise click.UsageError("name who calls: --user EMAIL, or --from NUMBER")
    given = {"to": number, "user_email": user, "from": sender, "record": record}
    body = {name: value for name, value in given.items() if value is not None}
    answer = client.data("POST", "/v2/api/calls", body)
    print_json(answer) if as_json else click.echo(answer["id"])
