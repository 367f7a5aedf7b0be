"""`/docs`: the OpenAPI document as one page for people. Rendered here, so that it needs no script and no other host."""

import base64
import hashlib
from html import escape
from typing import Any

import msgspec

from switchhook.api.errors import CODES
from switchhook.api.messages import Request, Response

Json = dict[str, Any]

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#2563eb}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem}
h1{margin:0}h2{margin-top:3rem;border-bottom:1px solid var(--line)}h3{margin-top:2rem}
a{color:var(--accent)}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:.4rem}
.method{display:inline-block;min-width:4.5rem;font-weight:700}
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid var(--line)}
nav li{margin:.15rem 0}.quiet{opacity:.75}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HTML = b"text/html; charset=utf-8"


class Pages:
    """The document in both forms, rendered once."""

    def __init__(self, document: Json) -> None:
        self._json = msgspec.json.encode(document)
        self._html = render(document).encode()

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json."""
        return Response(200, self._json)

    async def docs(self, request: Request) -> Response:
        """GET /docs."""
        headers = [(b"content-security-policy", _POLICY.encode()), (b"x-frame-options", b"DENY")]
        return Response(200, self._html, _HTML, headers)


def render(document: Json) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} API</h1><p>{escape(info['description'])} Version {escape(info['version'])}. "
        "For machines: <a href=/openapi.json>openapi.json</a>.</p>",
        "<p>Send <code>Authorization: Api-Key YOUR_KEY</code>. Every answer carries <code>X-Request-Id</code>; "
        "a write may carry <code>Idempotency-Key</code>.</p>",
        _contents(document),
    ]
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>")
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    parts.append(_operation(method, path, operation))
    parts.append(
        "<h2 id=events>Webhook bodies</h2><p>What is sent to your endpoint, signed after Standard Webhooks.</p>"
    )
    parts += [_webhook(name, item["post"]) for name, item in document["webhooks"].items()]
    parts.append("<h2 id=errors>Error codes</h2><table><tr><th>Code<th>Status<th>Meaning<th>Again?</tr>")
    parts += [
        f"<tr id={code}><td><code>{code}</code><td>{about.status}<td>{escape(about.meaning)}"
        f"<td>{'yes' if about.retryable else 'no'}</tr>"
        for code, about in CODES.items()
    ]
    parts.append("</table><h2 id=schemas>Objects</h2>")
    parts += [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "".join([*parts, "</body></html>"])


def _contents(document: Json) -> str:
    lines = [
        f"<li><a href='#{operation['operationId']}'><code>{method.upper()} {escape(path)}</code></a> "
        f"<span class=quiet>{escape(operation['summary'])}</span>"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    sections = {"events": "Webhook bodies", "errors": "Error codes", "schemas": "Objects"}
    more = "".join(f"<li><a href='#{anchor}'>{title}</a>" for anchor, title in sections.items())
    return f"<nav><ul>{''.join(lines)}{more}</ul></nav>"


def _operation(method: str, path: str, operation: Json) -> str:
    parts = [
        f"<section id={operation['operationId']}><h3><code><span class=method>{method.upper()}</span> "
        f"{escape(path)}</code></h3><p>{escape(operation['summary'])}.</p>"
    ]
    if "description" in operation:
        parts += [f"<p>{_prose(line)}</p>" for line in operation["description"].split("\n\n")]
    named = [one for one in operation["parameters"] if "name" in one]
    if named:
        parts.append("<table><tr><th>Parameter<th>In<th>Type<th></tr>")
        parts += [
            f"<tr><td><code>{escape(one['name'])}</code><td>{one['in']}<td>{_kind(one['schema'])}"
            f"<td>{escape(one.get('description', ''))}</tr>"
            for one in named
        ]
        parts.append("</table>")
    body = operation.get("requestBody")
    if body is not None:
        ((media, content),) = body["content"].items()
        said = "" if media == "application/json" else f" ({media})"
        parts.append(f"<p>Body{said}: {_kind(content['schema'])}</p>")
    parts.append("<table><tr><th>Status<th>Answer<th></tr>")
    for status, answer in operation["responses"].items():
        schemas = [one["schema"] for one in answer.get("content", {}).values() if "schema" in one]
        shape = _kind(schemas[0]) if schemas else ", ".join(answer.get("content", {}))
        parts.append(f"<tr><td>{status}<td>{_prose(answer['description'])}<td>{shape}</tr>")
    return "".join([*parts, "</table></section>"])


def _webhook(name: str, operation: Json) -> str:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    shown = "".join(
        f"<pre>{escape(msgspec.json.format(msgspec.json.encode(example), indent=2).decode())}</pre>"
        for example in schema.get("examples", ())
    )
    data = schema.get("properties", {}).get("data", {})
    text = operation.get("description") or operation.get("summary") or ""
    return (
        f"<section id='event-{escape(name)}'><h3><code>{escape(name)}</code></h3>"
        f"<p>{_prose(text)} Data: {_kind(data)}</p>{shown}</section>"
    )


def _schema(name: str, schema: Json) -> str:
    head = f"<section id='schema-{escape(name)}'><h3>{escape(name)}</h3>"
    text = "".join(f"<p>{_prose(line)}</p>" for line in schema.get("description", "").split("\n\n") if line)
    properties = schema.get("properties")
    if not properties:
        return f"{head}{text}<p>{_kind(schema)}</p></section>"
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code><td>{_kind(one)}<td>{'always' if key in required else 'may be absent'}"
        f"<td>{_prose(one.get('description', ''))}</tr>"
        for key, one in properties.items()
    )
    return f"{head}{text}<table><tr><th>Key<th>Type<th><th></tr>{rows}</table></section>"


def _kind(schema: Json) -> str:
    """A schema in a few words, as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#schema-{name}'>{name}</a>"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[union]))
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and "properties" in schema:
        inner = ", ".join(
            f"<code>{escape(key)}</code>: {_kind(one)}" for key, one in schema["properties"].items()
        )
        return f"{{ {inner} }}"
    return " or ".join(kind) if isinstance(kind, list) else escape(str(kind))


def _prose(text: str) -> str:
    """Text with its `code` marked up."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{one}</code>" if index % 2 else one for index, one in enumerate(pieces))
