"""What arrives at a collector, as OpenTelemetry's own package reads it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from switchhook.tracing.context import SpanContext
from switchhook.tracing.otlp import encode_span, export_request
from switchhook.tracing.spans import Span

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


@dataclass
class Read:
    """A span as it was read."""

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    start: int
    end: int
    attributes: dict[str, Any]
    links: list[str]
    error: str | None
    resource: dict[str, Any] = field(default_factory=dict)


def pairs(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def read(body: bytes) -> list[Read]:
    """The spans of an export request."""
    return [
        Read(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.name,
            KINDS[span.kind],
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            pairs(span.attributes),
            [f"{link.trace_id.hex()}-{link.span_id.hex()}" for link in span.links],
            span.status.message if span.status.code == 2 else None,
            pairs(resource.resource.attributes),
        )
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def exported(spans: Iterable[Span]) -> list[Read]:
    """What a collector would read of spans."""
    return read(export_request({}, ("switchhook", "0"), [encode_span(span) for span in spans]))


def short(context: SpanContext) -> str:
    """A context as links are read."""
    return f"{context.trace.hex()}-{context.span.hex()}"
