"""The events of a server as they happen, by its stream of server-sent events.

A connection that breaks is opened again, and goes on after the last event that came: what happened meanwhile comes
then. An event may become visible a little after others with later ids, so one goes on from a little before, and leaves
out what came already.
"""

import http.client
import json
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import click

from switchhook.clock import SystemClock
from switchhook.commands.client import Client, part
from switchhook.commands.settings import wait
from switchhook.events.ids import MESSAGE, lower_bound, time_of

SILENCE = 45.0  # seconds; the server says something every 15
AGAIN = 2.0  # seconds until a broken connection is tried again
BEHIND_MS = 10_000  # how much later than its id an event may be seen
_KEPT = 5_000  # ids of events that came, the newest ones
_NEWEST = 100  # events that a server tells to begin with


def past(client: Client, **query: object) -> list[dict[str, Any]]:
    """Events that were there already, the oldest first: `recent` of them, or those `after` an id.

    Raises:
        ServerError: it refuses, or does not answer.
    """
    asked = "".join(f"&{name}={part(str(value))}" for name, value in query.items())
    try:
        connection, answer = client.open("GET", f"/v2/api/events/stream?follow=false{asked}")
        with connection:
            if answer.status != 200:
                raise client.refusal(answer.status, answer.read())
            return [one for one in read(answer) if one]
    except (OSError, http.client.HTTPException) as error:
        raise client.unreachable(error) from None


def follow(client: Client, recent: int) -> Iterator[dict[str, Any]]:
    """The last `recent` events and all that follow, each once, for ever.

    Raises:
        ServerError: it refuses, or cannot be reached to begin with.
    """
    there = past(client, recent=_NEWEST)
    seen = deque((one["id"] for one in there), _KEPT)
    _say(f"listens to {client.url}")
    yield from there[len(there) - recent :] if recent else []
    after = max(seen, default=place(seen))
    broken = False
    while True:
        try:
            path = f"/v2/api/events/stream?after={part(after)}"
            connection, answer = client.open("GET", path, seconds=SILENCE)
            with connection:
                if answer.status == 200:
                    if broken:
                        _say(f"listens again, from {seen[-1] if seen else 'the first event'} on")
                    broken = False
                    for event in read(answer):
                        if not event:
                            _say("some events may have been left out: they come faster than they are taken")
                        elif event["id"] not in seen:
                            seen.append(event["id"])
                            yield event
                elif answer.status < 500 and answer.status != 429:  # those pass, others do not
                    raise client.refusal(answer.status, answer.read())
        except (OSError, http.client.HTTPException):
            pass
        if not broken:
            _say("the connection is gone; tries again until the server answers, and goes on where it was")
        broken = True
        after = place(seen)
        wait(SystemClock(), AGAIN)


def place(seen: Iterable[str]) -> str:
    """From where to go on, when these have come: a little before the newest. Pure."""
    newest = max((time_of(id_) for id_ in seen), default=0)
    return lower_bound(MESSAGE, max(0, newest - BEHIND_MS))


def _say(text: str) -> None:
    click.echo(text, err=True)


def read(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The events in a stream; an empty one stands where some were left out."""
    kind, data = "", b""
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        name, _, value = line.partition(b":")
        if name == b"event":
            kind = value.strip().decode()
        elif name == b"data":
            data = value.strip()
        elif not line:
            if kind == "event":
                yield json.loads(data)
            elif kind == "gap":
                yield {}
            kind, data = "", b""
