"""`switchhook listen`: the events of a server, carried to this machine.

    server ──server-sent events──▶ here ──POST, signed──▶ --forward URL

The connection goes out from here, so nothing has to be reachable from the server; see `stream` for what becomes of it
when it breaks. What the receiver does not take is not repeated: this is for building one.
"""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import click

from switchhook.clock import SystemClock
from switchhook.commands.client import Client, Connection, part, server
from switchhook.commands.completing import all_topics
from switchhook.commands.printing import cell, json_option
from switchhook.commands.stream import follow
from switchhook.events.catalogue import TOPICS as ALL_TOPICS
from switchhook.events.faults import nearest
from switchhook.webhooks import Secret, sign

RECEIVER = 20.0  # seconds that the receiver has


@click.command("listen")
@click.option("--forward", metavar="URL", default=None, help="Post each event there, like a webhook.")
@click.option(
    "--secret",
    envvar="SWITCHHOOK_LISTEN_SECRET",
    metavar="WHSEC",
    default=None,
    help="Sign with this one [SWITCHHOOK_LISTEN_SECRET]; without it with a new one, which is printed.",
)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    shell_complete=all_topics,
    help="Only this topic, again for more.",
)
@click.option("--recent", type=click.IntRange(0, 100), default=0, help="How many that were there already.")
@click.option("--count", type=click.IntRange(1), default=None, help="End after so many.")
@json_option
@server
def listen_command(
    *,
    forward: str | None,
    secret: str | None,
    topics: tuple[str, ...],
    recent: int,
    count: int | None,
    as_json: bool,
    client: Client,
) -> None:
    """Print the events of a server as they happen; with --forward, post them to a URL here. Ends with Ctrl-C."""
    for topic in topics:
        if topic not in ALL_TOPICS:
            like = nearest(topic, ALL_TOPICS)
            hint = f"did you mean {like}?" if like else f"the topics are {', '.join(ALL_TOPICS)}"
            raise click.UsageError(f"there is no topic {topic!r}; {hint}")
    signer = _signer(forward, secret)
    seen = 0
    for event in follow(client, recent):
        if topics and event["topic"] not in topics:
            continue
        told = _deliver(client, forward, signer, event) if forward and signer else None
        if as_json:
            click.echo(json.dumps(event | ({"answer": told} if told else {})))
        else:
            line = [event["created_at"], event["topic"], event["id"], *([f"→ {told}"] if told else [])]
            click.echo("\t".join(cell(one) for one in line))
        seen += 1
        if seen == count:
            return


def _signer(forward: str | None, text: str | None) -> Secret | None:
    if forward is None:
        return None
    if urlsplit(forward).scheme not in ("http", "https") or not urlsplit(forward).hostname:
        raise click.UsageError(f"--forward must be like http://127.0.0.1:3000/hook, not {forward!r}")
    try:
        secret = Secret.parse(text) if text else Secret.generate()
    except ValueError as error:
        raise click.UsageError(f"--secret: {error}") from None
    if not text:
        click.echo(f"signing with {secret.reveal()}", err=True)
    return secret


def _deliver(client: Client, url: str, secret: Secret, event: dict[str, Any]) -> str:
    """Post an event; what became of it."""
    payload = event["payload"]
    if payload is None:  # too large for the stream
        payload = client.data("GET", f"/v2/api/events/{part(event['id'])}")["payload"]
    if payload is None:
        return "not sent: its content was removed"
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    stamp = SystemClock().now() // 1000
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "switchhook-listen",
        "webhook-id": event["id"],
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign([secret], event["id"], stamp, body),
    }
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with Connection(url, RECEIVER) as connection:
            answer = connection.ask("POST", path, body, headers)
            answer.read(16_384)
            return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
