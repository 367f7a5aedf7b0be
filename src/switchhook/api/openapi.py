"""The OpenAPI 3.1 document, generated from the table of routes and the types that validate and render."""

import dataclasses
import re
from typing import Any

import msgspec

from switchhook.api.errors import CODES, ErrorEnvelope
from switchhook.api.route import Route
from switchhook.api.routes import BATCH, EVENT, ROUTES
from switchhook.api.shapes import pages as shapes
from switchhook.events.catalogue import CATALOGUE
from switchhook.events.envelope import MAX_BATCH, MAX_DEDUPE_KEY
from switchhook.events.schema import openapi_webhooks

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_PLACE = re.compile(r"\{(\w+)\}")
_EVERY_KEY = ("UNAUTHORIZED", "API_KEY_INVALID", "API_KEY_REVOKED")
_HEADERS: Json = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}


def document(public_url: str, version: str) -> Json:
    """The whole document."""
    types = sorted({part for route in ROUTES for part in _types(route)}, key=lambda part: part.__name__)
    _, schemas = msgspec.json.schema_components([*types, ErrorEnvelope], ref_template=_REF)
    schemas["ErrorV1"] = _error_v1()
    catalogue = openapi_webhooks()
    schemas.update(catalogue["components"]["schemas"])
    paths: Json = {}
    for route in ROUTES:
        if not route.hidden:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Switchhook",
            "version": version,
            "description": "Business phone events as signed webhooks that never get lost.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in ROUTES)],
        "paths": paths,
        "webhooks": catalogue["webhooks"],
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "ApiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Api-Key KEY`, the key alone, or `Bearer KEY`.",
                }
            },
            "headers": {
                "X-Request-Id": {
                    "description": "The id of this request: yours if you sent one, else `req_` and 12 characters.",
                    "schema": {"type": "string"},
                }
            },
            "parameters": {"IdempotencyKey": _idempotency_key()},
        },
    }


def _types(route: Route) -> list[type]:
    found = [one for one in (route.body, route.instead) if one not in (None, dict)]
    answer = route.answer
    if answer is not None:
        arguments = getattr(answer, "__args__", None)
        found += [
            one for one in arguments or (answer,) if isinstance(one, type) and issubclass(one, msgspec.Struct)
        ]
    return [*found, shapes.Pagination] if route.paged else found


def _operation(route: Route) -> Json:
    made: Json = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    text = route.description
    if route.scopes:
        text = f"{text}\n\nScope: `{' or '.join(route.scopes)}`.".strip()
    if text:
        made["description"] = text
    if route.access == "key":
        made["security"] = [{"ApiKey": []}]
    elif route.access == "link":
        made["security"] = [{}, {"ApiKey": []}]
    body = _body(route)
    if body is not None:
        made["requestBody"] = {"required": True, "content": {route.takes: {"schema": body}}}
    return made


def _parameters(route: Route) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACE.findall(route.path)
    ]
    found += [
        {"name": one.name, "in": "query", "description": one.description, "schema": one.schema}
        for one in route.query
    ]
    if route.keyed:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return found


def _body(route: Route) -> Json | None:
    if route is EVENT:
        return _publish()
    if route is BATCH:
        items = {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": _publish()}
        return {
            "type": "object",
            "required": ["events"],
            "additionalProperties": False,
            "properties": {"events": items},
        }
    if route.takes in ("text/csv", "text/vcard"):
        return {"type": "string"}
    if route.body is dict:
        return {"type": "object"}  # whatever the sender has to say
    return None if route.body is None else {"$ref": _REF.format(name=route.body.__name__)}


def _publish() -> Json:
    """What is published: the topic, and the data that the catalogue describes for it."""
    key: Json = {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": MAX_DEDUPE_KEY,
        "description": "The same for every report of the same fact; the catalogue's rule applies without it.",
    }
    return {
        "oneOf": [
            {
                "type": "object",
                "required": ["topic", "data"],
                "additionalProperties": False,
                "properties": {
                    "topic": {"const": name},
                    "data": {"$ref": _REF.format(name=f"Event{topic.struct.__name__}")},
                    "dedupe_key": key,
                },
            }
            for name, topic in CATALOGUE.items()
        ]
    }


def _responses(route: Route) -> Json:
    made: Json = {str(route.status): _success(route)}
    if route is EVENT:
        made["200"] = {**_success(route), "description": "The fact was known: the first event's id."}
    if route.instead is not None:
        made["200"] = _success(dataclasses.replace(route, status=200, answer=route.instead))
    if route.name == "get_recording":
        made["206"] = {**_success(route), "description": "The part that Range asked for."}
        made["304"] = {"description": "Not changed since (If-None-Match)."}
    if route.name == "get_readiness":
        made["503"] = {**_success(route), "description": "Not ready."}
    codes = list(route.codes)
    if route.access != "public":
        codes += [*_EVERY_KEY, "RATE_LIMIT_EXCEEDED", "STORE_UNAVAILABLE", "INTERNAL_SERVER_ERROR"]
        codes += ["API_KEY_INSUFFICIENT_SCOPE"] if route.scopes else []
        codes += ["INVALID_PARAMETER", "IDEMPOTENCY_KEY_REUSE"] if route.keyed else []
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(CODES[code].status, []).append(code)
    if route.unprocessable:
        by_status[422] = list(route.unprocessable)
    name = "ErrorV1" if route.path.startswith("/v1/") else "ErrorEnvelope"
    for status, names in sorted(by_status.items()):
        made[str(status)] = {
            "description": ", ".join(f"`{one}`" for one in names),
            "headers": _HEADERS,
            "content": {"application/json": {"schema": {"$ref": _REF.format(name=name)}}},
        }
    return made


def _success(route: Route) -> Json:
    made: Json = {"description": route.summary, "headers": _HEADERS}
    if route.status == 204:
        return made
    content: Json = {"schema": _answer(route)}
    if route.content_type != "application/json":
        binary = route.content_type in ("audio/mpeg", "*/*")
        content = {} if binary else {"schema": {"type": "string"}}
    if route.content_type == "text/event-stream":
        # The schema of one event.
        names = ("id", "event", "data")
        content = {"schema": {"type": "object", "properties": {name: {"type": "string"} for name in names}}}
    made["content"] = {route.content_type: content}
    return made


def _answer(route: Route) -> Json:
    answer = route.answer
    arguments = getattr(answer, "__args__", None)
    inner: Json
    if getattr(answer, "__origin__", None) is list and arguments:
        inner = {"type": "array", "items": {"$ref": _REF.format(name=arguments[0].__name__)}}
    elif isinstance(answer, type) and issubclass(answer, msgspec.Struct):
        inner = {"$ref": _REF.format(name=answer.__name__)}
    else:
        inner = {"type": "object"}
    if not route.enveloped:
        return inner
    made: Json = {"type": "object", "required": ["data"], "properties": {"data": inner}}
    if route.paged:
        made["required"].append("pagination")
        made["properties"]["pagination"] = {"$ref": _REF.format(name="Pagination")}
    return made


def _error_v1() -> Json:
    detail = {
        "type": "object",
        "required": ["message", "field"],
        "properties": {"message": {"type": "string"}, "field": {"type": "string"}},
    }
    return {
        "title": "ErrorV1",
        "description": "Every answer of /v1 that is not a success.",
        "type": "object",
        "required": ["code", "details"],
        "properties": {
            "code": {"type": "string"},
            "details": {"anyOf": [{"type": "array", "items": detail}, {"type": "null"}]},
        },
    }


def _idempotency_key() -> Json:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The answer to the first request with a key is kept for an hour and given again, with "
        "`Idempotency-Replayed: true`; nothing is done twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }
