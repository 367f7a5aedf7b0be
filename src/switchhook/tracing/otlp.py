"""Spans as OTLP wants them: protocol buffers, as `opentelemetry/proto/collector/trace/v1` numbers their fields. Pure.

Written out by hand, because the messages are few and never change their numbers: a server needs no further package to
be traced, and OpenTelemetry's own can judge in the tests what it had no hand in. The binary form is the one that every
receiver of OTLP must take.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache

from switchhook.tracing.context import SpanContext
from switchhook.tracing.spans import Span, Value

_FIXED64, _BYTES, _FIXED32 = 1, 2, 5  # wire types; 0 is a varint
_ERROR = b"\x18\x02"  # Status.code, 3 and a varint: 2
_U64 = struct.Struct("<Q").pack
PATH = "/v1/traces"
CONTENT_TYPE = "application/x-protobuf"


def export_request(resource: Mapping[str, Value], scope: tuple[str, str], spans: Iterable[bytes]) -> bytes:
    """An ExportTraceServiceRequest around spans that `encode_span` made.

    `resource` are the attributes of who sends, `scope` is a name and a version.
    """
    name, version = scope
    inner = _field(1, _field(1, name.encode()) + _field(2, version.encode()))
    inner += b"".join([_field(2, span) for span in spans])
    who = b"".join([_attribute(1, key, value) for key, value in resource.items()])
    return _field(1, _field(1, who) + _field(2, inner))


def encode_span(span: Span) -> bytes:
    """A Span."""
    context = span.context
    parts = [b"\x0a\x10", context.trace, b"\x12\x08", context.span]
    if span.parent is not None:
        parts += (b"\x22\x08", span.parent)
    parts += (
        _field(5, span.name.encode()),
        b"\x30%c" % span.kind,
        b"\x39",
        _U64(span.start),
        b"\x41",
        _U64(span.end),
    )
    parts += [_attribute(9, key, value) for key, value in span.attributes.items()]
    parts += [_field(13, _link(link)) for link in span.links]
    if span.error is not None:
        parts.append(_field(15, _field(2, span.error.encode()) + _ERROR))
    return b"".join(parts)


def rejected(answer: bytes) -> int:
    """How many spans an ExportTraceServiceResponse says were not taken; 0 when it cannot be read."""
    try:
        partial = dict(_read(answer)).get(1, b"")
        count = dict(_read(partial)).get(1, 0) if isinstance(partial, bytes) else 0
    except (ValueError, IndexError):
        return 0
    return count if isinstance(count, int) and count < 1 << 63 else 0


def _link(link: SpanContext) -> bytes:
    return b"\x0a\x10%b\x12\x08%b" % (link.trace, link.span)


def _attribute(number: int, key: str, value: Value) -> bytes:
    if isinstance(value, str):
        any_value = _field(1, value.encode())
    elif isinstance(value, bool):
        any_value = b"\x10\x01" if value else b"\x10\x00"
    else:
        any_value = b"\x18" + _varint(value & 0xFFFFFFFFFFFFFFFF)
    return _field(number, _key(key) + _field(2, any_value))


@lru_cache(512)
def _key(key: str) -> bytes:
    return _field(1, key.encode())


def _field(number: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return b"%c%c%b" % (number << 3 | _BYTES, size, content)
    return b"%c%b%b" % (number << 3 | _BYTES, _varint(size), content)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _read(message: bytes) -> Iterable[tuple[int, int | bytes]]:
    """The fields of a message: their numbers, and their values as they stand there."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number without an end")

    while at < len(message):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            yield number, varint()
            continue
        size = varint() if wire == _BYTES else {_FIXED64: 8, _FIXED32: 4}.get(wire, -1)
        if size < 0 or at + size > len(message):
            raise ValueError("not a message")
        yield number, message[at : at + size]
        at += size
