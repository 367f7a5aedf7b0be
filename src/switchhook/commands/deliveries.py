"""`switchhook deliveries`, `retry` and `recover`: what became of events, and sending them again."""

import re
import sys
from datetime import UTC, datetime
from typing import Any

import click

from switchhook.clock import SystemClock, iso_seconds
from switchhook.commands.client import Client, part, server
from switchhook.commands.completing import all_topics, endpoint_ids
from switchhook.commands.printing import json_option, print_fields, print_json, print_rows
from switchhook.commands.settings import wait
from switchhook.settings.parsers import duration

LOOK_SECONDS = 0.5  # between two looks at a job
_COLUMNS = ("id", "status", "topic", "attempts", "last_response_status", "created_at", "next_attempt_at")
_STATUS = ("pending", "succeeded", "failed")
_AGO = re.compile(r"[0-9]+[smhdw]").fullmatch


@click.group("deliveries")
def deliveries_group() -> None:
    """See what became of deliveries."""


@deliveries_group.command("list")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@click.option("--status", type=click.Choice(_STATUS), default=None, help="Only these.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first."
)
@json_option
@server
def deliveries_list(endpoint_id: str, status: str | None, limit: int, as_json: bool, client: Client) -> None:
    """List the deliveries of a webhook, newest first."""
    path = f"/v2/api/webhooks/{part(endpoint_id)}/deliveries"
    found = list(client.pages(path, limit, status=status))
    print_json(found) if as_json else print_rows(found, _COLUMNS, none="no such deliveries")


@deliveries_group.command("show")
@click.argument("delivery_id")
@json_option
@server
def deliveries_show(delivery_id: str, as_json: bool, client: Client) -> None:
    """Show a delivery: what was sent, every attempt, and what to do about one that failed."""
    found = client.data("GET", f"/v2/api/deliveries/{part(delivery_id)}")
    if as_json:
        print_json(found)
        return
    print_fields({name: value for name, value in found.items() if name != "attempts"})
    for one in found["attempts"]:
        click.echo("")
        error = one["error"] or {}
        print_fields(
            {
                "attempt": one["number"],
                "at": one["started_at"],
                "result": one["result"],
                "status": one["status_code"],
                "took": f"{one['duration_ms']} ms",
                "for the receiver": error.get("message"),
                "for the operator": error.get("operator_message"),
                "answer": (one["response"] or {}).get("body", "")[:500],
            }
        )


@click.command("retry")
@click.argument("delivery_ids", nargs=-1)
@click.option(
    "--endpoint",
    metavar="ID",
    default=None,
    shell_complete=endpoint_ids,
    help="Instead of ids: deliveries of this webhook.",
)
@click.option("--status", type=click.Choice([*_STATUS, "any"]), default=None, help="Failed ones without it.")
@click.option(
    "--topic",
    "topics",
    multiple=True,
    shell_complete=all_topics,
    help="Only this topic, again for more.",
)
@click.option("--since", metavar="TIME", default=None, help="Events from then on: 2h, 3d, or ISO 8601.")
@click.option("--until", metavar="TIME", default=None, help="Events before it.")
@click.option(
    "--result", "results", multiple=True, help="Of the last attempt: response_timeout, connect_refused, …"
)
@click.option("--response", "responses", multiple=True, help="Answer of the last attempt: 503, 5xx.")
@click.option("--dry-run", is_flag=True, help="Only tell how many it would be.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the end of the job.")
@json_option
@server
def retry_command(
    delivery_ids: tuple[str, ...],
    *,
    endpoint: str | None,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
    client: Client,
    **chosen: Any,
) -> None:
    """Send deliveries again, now: those with DELIVERY_IDS, or those of --endpoint that fit the filter."""
    asked = _filter(**chosen)
    if bool(delivery_ids) == bool(endpoint) or (delivery_ids and (asked or dry_run)):
        raise click.UsageError("name deliveries by their ids, or a webhook with --endpoint and a filter")
    if delivery_ids:
        sent = [client.data("POST", f"/v2/api/deliveries/{part(one)}/retry") for one in delivery_ids]
        print_json(sent) if as_json else print_rows(sent, ("id", "status"))
        return
    path = f"/v2/api/webhooks/{part(endpoint or '')}/retry"
    if dry_run:
        preview = client.data("POST", path, asked | {"dry_run": True})
        least = "" if preview["complete"] else f" or more, of the first {preview['looked_at']}"
        print_json(preview) if as_json else click.echo(f"would retry {preview['matching']} deliveries{least}")
        return
    _follow(client, client.data("POST", path, asked), as_json, no_wait)


@click.command("recover")
@click.argument("endpoint_id", shell_complete=endpoint_ids)
@click.option(
    "--since", metavar="TIME", required=True, help="From when on: 2h, 3d, or ISO 8601 (UTC without a zone)."
)
@click.option("--no-wait", is_flag=True, help="Do not wait for the end of the job.")
@json_option
@server
def recover_command(endpoint_id: str, since: str, no_wait: bool, as_json: bool, client: Client) -> None:
    """Send a webhook what failed or was never attempted since a time, and show how far it has come.

    The job goes on in the server when this command is ended.
    """
    path = f"/v2/api/webhooks/{part(endpoint_id)}/recover"
    _follow(client, client.data("POST", path, {"since": moment(since)}), as_json, no_wait)


def moment(text: str) -> str:
    """A time as the API takes it: `3d` is three days ago.

    Raises:
        UsageError: it is none.
    """
    if _AGO(text):
        try:
            return iso_seconds(SystemClock().now() - int(duration(text) * 1000))
        except ValueError as error:
            raise click.UsageError(f"{text!r}: {error}") from None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no time; write 2h, 3d or 2026-05-01T08:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def _filter(
    *,
    status: str | None,
    topics: tuple[str, ...],
    since: str | None,
    until: str | None,
    results: tuple[str, ...],
    responses: tuple[str, ...],
) -> dict[str, Any]:
    said = {
        "status": status,
        "topics": list(topics),
        "since": moment(since) if since else None,
        "until": moment(until) if until else None,
        "results": list(results),
        "response_status": list(responses),
    }
    return {name: value for name, value in said.items() if value}


def _follow(client: Client, job: dict[str, Any], as_json: bool, no_wait: bool) -> None:
    """Until a job is over, with a bar for people."""
    path = f"/v2/api/recoveries/{part(job['id'])}"
    clock = SystemClock()
    if not no_wait:
        if sys.stderr.isatty():
            from rich.console import Console  # only where there is somebody to see it
            from rich.progress import Progress

            with Progress(console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task("looking", total=1.0)
                while job["status"] == "running":
                    wait(clock, LOOK_SECONDS)
                    job = client.data("GET", path)
                    bar.update(task, completed=job["progress"], description=f"{job['queued']} queued")
        else:
            while job["status"] == "running":
                wait(clock, LOOK_SECONDS)
                job = client.data("GET", path)
    if as_json:
        print_json(job)
    else:
        click.echo(f"{job['id']}\t{job['status']}\t{job['queued']} queued of {job['looked_at']} looked at")
    if job["status"] == "cancelled":
        raise click.ClickException("somebody cancelled the job; what it had queued is sent all the same")
