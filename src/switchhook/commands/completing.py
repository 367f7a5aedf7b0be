"""What a shell may put in where a word is being typed. A completion that fails offers nothing and says nothing."""

import json
from typing import Any
from urllib.parse import urlencode

import click
from click.shell_completion import CompletionItem

SECONDS = 1.0  # that somebody who pressed a key waits for a server
MOST = 50  # things offered


def topics(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Topics that can be published."""
    from switchhook.events import CATALOGUE, FURTHER

    return [CompletionItem(name) for name in CATALOGUE | FURTHER if name.startswith(incomplete)]


def all_topics(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Topics that a webhook may want."""
    from switchhook.events.catalogue import TOPICS

    return [CompletionItem(name) for name in TOPICS if name.startswith(incomplete)]


def endpoint_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Webhooks of the server that the line names, with their addresses."""
    return [
        CompletionItem(one["id"], help=one["url"])
        for one in _asked(ctx, "/v2/api/webhooks")
        if one["id"].startswith(incomplete)
    ]


def _asked(ctx: click.Context, path: str, **query: object) -> list[dict[str, Any]]:
    """The first things of a list of the server; none when it does not answer at once."""
    from switchhook.commands.client import reached

    given = ctx.params
    try:
        client = reached(given.get("url"), given.get("key"), given.get("config_file"), given.get("data"))
        connection, answer = client.open(
            "GET", f"{path}?{urlencode({'size': MOST} | query)}", seconds=SECONDS
        )
        with connection:
            found: list[dict[str, Any]] = json.loads(answer.read())["data"] if answer.status == 200 else []
    except Exception:  # whatever it is: a word is being typed, and this is no place to speak of it
        return []
    return found
