"""`switchhook trigger`: an event of the catalogue, as if it had happened."""

import json
from collections.abc import Collection
from typing import Any

import click

from switchhook.commands.client import Client, server
from switchhook.commands.completing import topics
from switchhook.commands.printing import json_option, print_json
from switchhook.events import CATALOGUE, FURTHER
from switchhook.events.faults import nearest
from switchhook.events.ids import new_id

_TOPICS = CATALOGUE | FURTHER


@click.command("trigger")
@click.argument("topic", shell_complete=topics)
@click.option(
    "--set",
    "changes",
    metavar="PATH=VALUE",
    multiple=True,
    help="Change a field: person.name=Zoe, tags.0=vip, deals='[]'. JSON where it is JSON, else text.",
)
@json_option
@server
def trigger_command(topic: str, changes: tuple[str, ...], as_json: bool, client: Client) -> None:
    """Publish the example of TOPIC and print its id. It goes to every webhook that wants the topic.

    Each time is another event: the id of the call, text or contact in it is new, unless it is set.
    """
    data = sample(topic, changes)
    answer = client.data(
        "POST", "/v2/api/events", {"topic": topic, "data": data, "dedupe_key": new_id("cli")}
    )
    print_json({"id": answer["id"], "topic": topic, "data": data}) if as_json else click.echo(answer["id"])


def sample(topic: str, changes: tuple[str, ...]) -> dict[str, Any]:
    """The example of a topic with an id of its own and the changes `path=value`.

    Raises:
        UsageError: there is no such topic or path.
    """
    if topic not in _TOPICS:
        like = nearest(topic, _TOPICS)
        hint = f"did you mean {like}?" if like else f"the topics are {', '.join(_TOPICS)}"
        raise click.UsageError(f"there is no topic {topic!r}; {hint}")
    data: dict[str, Any] = json.loads(_TOPICS[topic].example)
    if isinstance(data.get("id"), str):
        data["id"] = new_id(data["id"].partition("_")[0])
    known = _TOPICS[topic].struct.__struct_fields__  # the example may do without one of them
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not path:
            raise click.UsageError(f"--set {change!r}: write PATH=VALUE, like person.name=Zoe")
        _put(data, path, _value(text), known)
    return data


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(data: dict[str, Any], path: str, value: Any, known: Collection[str]) -> None:
    *way, last = path.split(".")
    place: Any = data
    for step in way:
        place = _inside(place, step, path)
        if place is None:
            raise click.UsageError(
                f"--set {path}: there is nothing in {step!r} to change; set the whole of it"
            )
    if isinstance(place, list):
        _inside(place, last, path)
        place[int(last)] = value
    elif isinstance(place, dict):
        like = None if last in place or (not way and last in known) else nearest(last, place)
        if like:
            raise click.UsageError(f"--set {path}: there is no {last!r}; did you mean {like}?")
        place[last] = value
    else:
        raise click.UsageError(f"--set {path}: {last!r} cannot be in {place!r}")


def _inside(place: Any, step: str, path: str) -> Any:
    if isinstance(place, list) and step.isascii() and step.isdigit() and int(step) < len(place):
        return place[int(step)]
    if isinstance(place, dict) and step in place:
        return place[step]
    known = list(place) if isinstance(place, dict) else []
    like = nearest(step, known)
    hint = f"did you mean {like}?" if like else "--json shows what there is"
    raise click.UsageError(f"--set {path}: there is no {step!r}; {hint}")
