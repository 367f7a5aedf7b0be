"""What becomes of a message's bytes on the way to whoever verifies them: the usual changes, undone. Pure.

A sender of ours writes compact JSON in UTF-8, keys in the catalogue's order, amounts with two decimals. Whoever parsed
it and wrote it again kept its meaning, so that form can be restored from theirs, whatever library it was.
"""

import base64
import binascii
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from switchhook.events import InvalidEvent, encode, parse
from switchhook.events.strict import DECODING_ERRORS
from switchhook.events.values import PersonFields

Json = Any

MAX_FREE = 5
"""Up to so many keys of somebody's own choice are tried in every order: 120 of them."""

_PERSON = frozenset(PersonFields.__struct_fields__)


def originals(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What the body may have been before somebody changed it, each with the kind of the change; first itself, with no
    change. No body occurs twice."""
    seen = set()
    for change, candidate in _candidates(body):
        if candidate not in seen:
            seen.add(candidate)
            yield change, candidate


def _candidates(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", body
    for end in (b"\r\n", b"\n", b"\r", b"\n\n"):
        yield "newline", body.removesuffix(end)
    for end in (b"\n", b"\r\n"):
        yield "newline lost", body + end
    yield "mark", body.removeprefix(b"\xef\xbb\xbf")
    yield "line ends", body.replace(b"\r\n", b"\n")
    yield "line ends", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    try:
        yield "charset", body.decode("utf-8").encode("latin-1")
    except UnicodeError:
        pass
    yield "charset lost", body.decode("latin-1").encode("utf-8")
    try:
        yield "base64", base64.b64decode(body.strip(), validate=True)
    except (binascii.Error, ValueError):
        pass
    try:
        value = json.loads(body, parse_float=_Number)
    except (ValueError, RecursionError):
        return
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        yield "text", text
        try:
            value = json.loads(text, parse_float=_Number)
        except (ValueError, RecursionError):
            return
    for form in (_kept, _cents):
        yield "json", _compact(_each_number(value, form))
    yield from _in_catalogue_order(value)


def _orders(value: Json) -> Iterator[Json]:
    """The value with the keys that the catalogue leaves to others, a person's properties and what was collected in a
    call, in every order, when they are few enough: whoever sorts keys loses theirs."""
    data = value.get("data") if isinstance(value, dict) else None
    data = data if isinstance(data, dict) else {}
    for place, fixed in (("person", _PERSON), ("data_collected", frozenset[str]())):
        inner = data.get(place)
        if not isinstance(inner, dict):
            continue
        free = [name for name in inner if name not in fixed]
        if not 2 <= len(free) <= MAX_FREE:
            continue
        first = {name: one for name, one in inner.items() if name in fixed}
        for names in itertools.permutations(free):
            yield value | {"data": data | {place: first | {name: inner[name] for name in names}}}
        return
    yield value


class _Number(float):
    """A number with the text it was written in."""

    text: str

    def __new__(cls, text: str) -> "_Number":
        made = super().__new__(cls, text)
        made.text = text
        return made


def _kept(number: _Number, key: str) -> str:
    return number.text


def _cents(number: float, key: str) -> str:
    """An amount as the catalogue writes it. Other numbers as they are: `1.5` minutes are not `1.50`."""
    return f"{number:.2f}" if key == "value" else getattr(number, "text", str(number))


def _each_number(value: Json, form: Callable[[Any, str], str], key: str = "") -> Json:
    """The same value with its numbers as raw JSON, each in its form."""
    if isinstance(value, dict):
        return {name: _each_number(one, form, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_each_number(one, form, key) for one in value]
    if isinstance(value, _Number) or (key == "value" and type(value) is int and form is _cents):
        return msgspec.Raw(form(value, key).encode())
    return value


def _compact(value: Json) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (ValueError, TypeError, RecursionError):
        return b""


def _in_catalogue_order(value: Json) -> Iterator[tuple[str, bytes]]:
    """The event that the value is, as we write it, with the envelope's keys and the data's in their order."""
    for form, ordered in itertools.product((_kept, _cents), _orders(value)):
        text = _compact(_each_number(ordered, form))
        try:
            event = parse(text)
            head = msgspec.json.encode(
                {"topic": event.topic, "version": event.version, "timestamp": event.timestamp}
            )
            yield "json", head[:-1] + b',"data":' + encode(event.data) + b"}"
        except (InvalidEvent, TypeError, ValueError, *DECODING_ERRORS):
            return


def _tight(value: Json, *, ascii_only: bool = False, sort_keys: bool = False) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only, sort_keys=sort_keys)


def _javascript(value: Json) -> Json:
    """Whole numbers without a point."""
    if isinstance(value, dict):
        return {name: _javascript(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_javascript(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _for_html(text: str) -> str:
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


_WRITERS: list[tuple[str, Callable[[Json], str]]] = [
    ("as Python's `json.dumps` does", json.dumps),
    ("as Python's `json.dumps(ensure_ascii=False)` does", lambda v: json.dumps(v, ensure_ascii=False)),
    ("as `json.dumps(indent=2)` does", lambda v: json.dumps(v, indent=2)),
    ("as `json.dumps(indent=4)` does", lambda v: json.dumps(v, indent=4)),
    ("as `json.dumps(sort_keys=True)` does", lambda v: json.dumps(v, sort_keys=True)),
    ("as PHP's `json_encode` does", lambda v: _tight(v, ascii_only=True).replace("/", "\\/")),
    ("compactly, with every other letter escaped", lambda v: _tight(v, ascii_only=True)),
    ("as JavaScript's `JSON.stringify` does", lambda v: _tight(_javascript(v))),
    (
        "as JavaScript's `JSON.stringify(value, null, 2)` does, or `jq`",
        lambda v: json.dumps(_javascript(v), indent=2, ensure_ascii=False),
    ),
    (
        "as Go's `json.Marshal` does, its keys sorted",
        lambda v: _for_html(_tight(_javascript(v), sort_keys=True)),
    ),
    ("compactly, its keys sorted", lambda v: _tight(v, sort_keys=True)),
    ("compactly, by a library that writes numbers in its own way", _tight),
]


def writer(body: bytes, original: bytes) -> str:
    """In whose way the body is written, as far as that can be told; `original` is what was signed."""
    try:
        value = json.loads(original)
        text = body.decode("utf-8").strip()
    except (ValueError, RecursionError):
        return "by some JSON library"
    return next((name for name, write in _WRITERS if write(value) == text), "by some JSON library")
