"""`switchhook call`: a call through the SIP line, ordered of its server, or made as somebody outside makes it."""

from pathlib import Path
from typing import Any

import click

from switchhook.commands.client import reached, reaching
from switchhook.commands.printing import json_option, print_json

_WORDS = ("say", "wav", "keys", "line", "after", "stay", "ring", "heard", "srtp", "speak")


@click.command("call")
@click.argument("number")
@click.option(
    "--say",
    metavar="TEXT",
    help="Ring NUMBER of ours from outside, and say this.",
)
@click.option("--wav", metavar="FILE", help="Instead: what a WAV file says; - for standard input.")
@click.option(
    "--speak",
    metavar="COMMAND",
    help="Says the text: text in, WAV out. [default: `[sip] speak`, else espeak-ng --stdout]",
)
@click.option("--dtmf", "keys", metavar="KEYS", help="Press keys before that, a comma for a pause: 1,2")
@click.option("--test", is_flag=True, help="Ring from outside without saying or pressing anything.")
@click.option(
    "--line", metavar="HOST:PORT", help="The SIP line; without it, what the server or switchhook.toml says."
)
@click.option(
    "--after",
    type=click.FloatRange(0, 600),
    metavar="SECONDS",
    help="Begin that long after the answer; else when they have fallen silent.",
)
@click.option(
    "--stay",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="Hang up that long after the last word. [default: 1]",
)
@click.option(
    "--ring", type=click.FloatRange(1, 600), metavar="SECONDS", help="Let it ring that long. [default: 60]"
)
@click.option(
    "--heard",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what the caller heard, as a WAV file.",
)
@click.option(
    "--srtp", type=click.Choice(["off", "offer", "require"]), help="Encrypt the sound. [default: off]"
)
@click.option(
    "--from",
    "sender",
    metavar="NUMBER",
    help="Who the caller is [default: +33639980001]; of an order, the number of ours.",
)
@click.option(
    "--user", metavar="EMAIL", help="Order a call: the telephones of this user ring, then NUMBER is dialled."
)
@click.option(
    "--record/--no-record", default=None, help="Of an order: whether to record it; else as the number is set."
)
@json_option
@reaching
def call_command(
    number: str,
    *,
    test: bool,
    sender: str | None,
    user: str | None,
    record: bool | None,
    as_json: bool,
    url: str | None,
    key: str | None,
    config_file: Path | None,
    data: str | None,
    **wanted: Any,
) -> None:
    """Try the line: call NUMBER, one of its own, as somebody outside would; or order a call to NUMBER.

    \b
    switchhook call +33112345678 --say "Hello, this is Marie." --dtmf 1
    switchhook call +33612345678 --user anna@harbour.example

    The first prints what happens, and with a key (WEBHOOKS_READ_WRITE) the id of the call, its result and events. Its
    exit code is 1 when nobody answered. The second prints the id of the call, which is begun by the server.
    """
    outside = test or any(wanted[name] is not None for name in _WORDS)
    if outside and (user is not None or record is not None):
        raise click.UsageError("--user and --record are of an order, which says and presses nothing")
    if not outside and user is None and sender is None:
        raise click.UsageError(
            "to ring a number of the line from outside: --say TEXT, --wav FILE, --dtmf KEYS or --test; "
            "to order a call, name who calls: --user EMAIL, or --from NUMBER for the first user of that number"
        )
    where = (url, key, config_file, data)
    if outside:
        from switchhook.commands.trial import try_line  # the SIP stack, of which an order needs nothing

        try_line(number, sender, wanted, where, as_json)
        return
    given = {"to": number, "user_email": user, "from": sender, "record": record}
    body = {name: value for name, value in given.items() if value is not None}
    answer = reached(*where).data("POST", "/v2/api/calls", body)
    print_json(answer) if as_json else click.echo(answer["id"])
