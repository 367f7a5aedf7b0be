"""The events as JSON Schema 2020-12, as the `webhooks` of an OpenAPI 3.1 document, and as AsyncAPI 3.0.

All of it is read off the strict structs and the table; nothing is written twice. What a schema cannot say is checked
by `validate` alone: no key twice in one object, at most 64 levels, at most 18 decimals of an amount.
"""

import inspect
import json
from collections.abc import Callable
from typing import Any

import msgspec

from switchhook.events.catalogue import TOPICS, VERSION, Topic
from switchhook.events.envelope import Envelope
from switchhook.events.faults import UnknownTopic
from switchhook.events.strict import twin
from switchhook.events.values import MONEY_LIMIT, Money, Person, PersonFields

Json = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HEADERS = {
    "webhook-id": "Names the message. The same on every retry and replay: a receiver that has seen it is done.",
    "webhook-timestamp": "When this attempt was signed, in seconds since 1970. Refuse more than 300 seconds off.",
    "webhook-signature": "Standard Webhooks signatures (`v1,` and base64), space-separated; one that fits is enough.",
}


def json_schema(topic: str) -> Json:
    """The whole body of one topic's webhook, strict: nothing but the catalogue's keys, except a person's properties.

    Raises:
        UnknownTopic: the catalogue has no such topic.
    """
    row = _row(topic)
    return {
        "$schema": _DIALECT,
        "$id": f"urn:switchhook:event:{topic}:{VERSION}",
        **_body(row, "#/$defs/{name}"),
        "$defs": _definitions([row], "#/$defs/{name}"),
    }


def data_schema(topic: str) -> Json:
    """The `data` of one topic alone, strict: what a publisher sends.

    Raises:
        UnknownTopic: the catalogue has no such topic.
    """
    row = _row(topic)
    return {
        "$schema": _DIALECT,
        "$id": f"urn:switchhook:event-data:{topic}:{VERSION}",
        "$ref": f"#/$defs/{row.struct.__name__}",
        "$defs": _definitions([row], "#/$defs/{name}"),
    }


def envelope_schema() -> Json:
    """The envelope around any topic, its `data` left open."""
    made = _envelope()
    made["properties"]["topic"] = {"type": "string", "enum": list(TOPICS)}
    return {"$schema": _DIALECT, "$id": f"urn:switchhook:envelope:{VERSION}", **made}


def openapi_webhooks() -> Json:
    """`{"webhooks": …, "components": {"schemas": …}}`, to be merged into an OpenAPI 3.1 document.

    The components' names begin with `Event`, because the API's own people, companies and deals have other fields.
    """
    template = "#/components/schemas/Event{name}"
    webhooks: Json = {}
    for name, row in TOPICS.items():
        webhooks[name] = {
            "post": {
                "operationId": "receive_" + name.replace(".", "_"),
                "summary": row.description,
                "description": row.fires,
                "parameters": [
                    {
                        "name": header,
                        "in": "header",
                        "required": True,
                        "description": text,
                        "schema": {"type": "string"},
                    }
                    for header, text in _HEADERS.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _body(row, template)}},
                },
                "responses": {
                    "2XX": {"description": "Received. Any other answer, or none in 20 seconds, is retried."}
                },
            }
        }
    return {"webhooks": webhooks, "components": {"schemas": _components(template)}}


def asyncapi(title: str, version: str) -> Json:
    """The events as an AsyncAPI 3.0 document. `title` and `version` are those of the document."""
    template = "#/components/schemas/Event{name}"
    headers = {
        "type": "object",
        "required": list(_HEADERS),
        "properties": {name: {"type": "string", "description": text} for name, text in _HEADERS.items()},
    }
    messages = {
        name: {
            "name": name,
            "title": row.description,
            "summary": row.fires,
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/WebhookHeaders"},
            "payload": _body(row, template),
        }
        for name, row in TOPICS.items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
        "channels": {
            "webhooks": {
                # Every subscriber names an address of its own.
                "address": None,
                "description": "The address a subscriber has registered for the topics it wants.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "deliver": {
                "action": "send",
                "channel": {"$ref": "#/channels/webhooks"},
                "summary": "POST one event to the subscriber, at least once.",
                "messages": [{"$ref": f"#/channels/webhooks/messages/{name}"} for name in messages],
            }
        },
        "components": {
            "messages": messages,
            "schemas": {"WebhookHeaders": headers, **_components(template)},
        },
    }


def _row(topic: str) -> Topic:
    if topic not in TOPICS:
        raise UnknownTopic(topic, TOPICS)
    return TOPICS[topic]


def _envelope() -> Json:
    made: Json = _tidy(msgspec.json.schema(twin(Envelope))["$defs"]["Envelope"])
    return made


def _body(row: Topic, template: str) -> Json:
    """The envelope with this topic's name and data."""
    made = _envelope()
    made["title"] = row.name
    made["description"] = f"{row.description}. {row.fires}"
    made["properties"]["topic"] = {"const": row.name}
    made["properties"]["data"] = {"$ref": template.format(name=row.struct.__name__)}
    example = {"topic": row.name, "version": VERSION, "timestamp": "2025-03-15T14:30:00.000Z"}
    made["examples"] = [{**example, "data": json.loads(row.example)}]
    return made


def _components(template: str) -> Json:
    return {f"Event{name}": made for name, made in _definitions(list(TOPICS.values()), template).items()}


def _definitions(rows: list[Topic], template: str) -> Json:
    """The schema of every struct these topics need, by the struct's name."""
    hook = _custom(template)
    _, made = msgspec.json.schema_components(
        [twin(row.struct) for row in rows], schema_hook=hook, ref_template=template
    )
    person = template.format(name="Person")
    if person in json.dumps(made):
        _, known = msgspec.json.schema_components([PersonFields], ref_template=template)
        made["Person"] = known["PersonFields"] | {
            "title": "Person",
            "description": (
                "The contact at the other end. Beside the keys listed here, every property the workspace has defined "
                "is a key of its own; one without a value is left out."
            ),
            # msgspec leaves this open; a property may be anything but null.
            "additionalProperties": {"type": ["string", "number", "boolean", "array", "object"]},
        }
    return {name: _tidy(made[name]) for name in sorted(made)}


def _custom(template: str) -> Callable[[type], Json]:
    def hook(kind: type) -> Json:
        if kind is Person:
            return {"$ref": template.format(name="Person")}
        if kind is Money:
            return {"type": "number", "exclusiveMinimum": -MONEY_LIMIT, "exclusiveMaximum": MONEY_LIMIT}
        raise NotImplementedError(kind)

    return hook


def _tidy(schema: Any) -> Any:
    """The same schema for readers: flush descriptions, enums with their type, one `number` for both kinds of number."""
    if isinstance(schema, list):
        return [_tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _tidy(value) for key, value in schema.items()}
    if isinstance(made.get("description"), str):
        made["description"] = inspect.cleandoc(made["description"])
    if "enum" in made and "type" not in made:
        made["type"] = "string"
    if made.get("anyOf") == [{"type": "integer"}, {"type": "number"}]:
        return {"type": "number"}
    return made
