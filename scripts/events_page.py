"""Writes docs/events.md out of the tables of events; `--check` only says whether it is up to date."""

import sys
from pathlib import Path

from switchhook.events.catalogue import CATALOGUE, FURTHER, OPERATIONAL, Topic

PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"

HEAD = """\
# Events

<!-- Written by scripts/events_page.py out of the catalogue. Change the catalogue, not this page. -->

Nine events, envelope version 2.0. Every request has this body; `data` depends on the topic:

```json
{"topic": "call.received", "version": "2.0", "timestamp": "2025-03-15T14:30:00.000Z", "data": {}}
```

`timestamp` is when the event was accepted. The same text is sent on every attempt, byte for byte.

* **null and absent are different.** `person` is absent when no contact matches the number; `company` and `deals` are null
  when there are none. `transfer_from` and `transfer_to` are always objects, their members null without a transfer.
* **Custom contact properties** are top-level keys of `person`, beside the seven named ones; those without a value are absent.
* **Money is exact**: `25000.00` arrives as `25000.00`, read it as a decimal.
* **Publishing is strict, receiving is lenient.** An event with an unknown key, a missing key or a wrong type is refused with
  the path of the field (`data.deals[0].value`). A receiver should ignore keys and topics that it does not know.

Machine-readable: `switchhook.events.schema` exports JSON Schema 2020-12 for each topic, the `webhooks` of OpenAPI 3.1 (part
of `GET /openapi.json`), and AsyncAPI 3.

| topic | fires when | one event for each |
|---|---|---|
"""


FURTHER_HEAD = """\
## Further events

Told beside the nine to the endpoints that name them in their topics, and to nobody else. `call.answered` is as receivers of
the phone API know it. `GET /v2/api/webhooks/further_event_types` lists them; they can be published like the nine.

| topic | fires when | one event for each |
|---|---|---|
"""


OPERATIONAL_HEAD = """\
## Operational events

What Switchhook tells about its own deliveries, in the same envelope, signed, recorded and tried again like any other.
They go to the endpoints that name them in their topics and to nobody else, and each is one line in the log as well.
`GET /v2/api/webhooks/operational_event_types` lists them; nobody can publish them.

Each is committed together with what it reports: neither is there without the other, and a fact is one event. An endpoint
is not told that it was disabled, nor of its own deliveries that failed; that the delivery of an operational event failed
is told to nobody. One that nobody subscribed to is only in the log.

| topic | fires when | one event for each |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rule = (
        "\nA publisher that knows better names the fact itself with `dedupe_key`; then that alone decides. A fact that is\n"
        "reported again is answered with the id of its first event.\n\n"
    )
    nine, more, three = list(CATALOGUE.values()), list(FURTHER.values()), list(OPERATIONAL.values())
    return (
        f"{HEAD}{table(nine)}\n{rule}{sections(nine)}\n{FURTHER_HEAD}{table(more)}\n\n{sections(more, 3)}\n"
        f"{OPERATIONAL_HEAD}{table(three)}\n\n{sections(three, 3)}"
    )


def table(topics: list[Topic]) -> str:
    """A row for each topic."""
    rows = []
    for topic in topics:
        once = ", ".join(f"`{name}`" for name in topic.dedupe_fields)
        rule = f"fact: known by {once}" if topic.deduplicated else "change"
        rows.append(f"| [`{topic.name}`](#{topic.name.replace('.', '')}) | {topic.fires} | {rule} |")
    return "\n".join(rows)


def sections(topics: list[Topic], level: int = 2) -> str:
    """A section for each topic, with headings of a level."""
    marks = "#" * level
    return "\n".join(
        f"{marks} {topic.name}\n\n{topic.description}. {topic.fires}\n\n```json\n{pretty(topic.example)}\n```\n"
        for topic in topics
    )


def pretty(example: bytes) -> str:
    """The example indented, its numbers as they are written."""
    import msgspec

    return msgspec.json.format(example, indent=2).decode()


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(
            0
            if PAGE.read_text(encoding="utf-8") == page()
            else "docs/events.md is out of date: run scripts/events_page.py"
        )
    PAGE.write_text(page(), encoding="utf-8")
