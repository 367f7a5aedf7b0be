"""The bytes of OTLP, read by OpenTelemetry's own package."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from switchhook.tracing.context import SpanContext
from switchhook.tracing.otlp import encode_span, export_request, rejected
from switchhook.tracing.spans import Span, SpanKind
from tests.tracing.judging import exported, read, short

IDS = st.binary(min_size=8, max_size=8)
CONTEXTS = st.builds(SpanContext, st.binary(min_size=16, max_size=16), IDS, st.just(True))
VALUES = st.text(max_size=300) | st.integers(-(2**63), 2**63 - 1) | st.booleans()
TIMES = st.integers(0, 2**64 - 1)
SPANS = st.builds(
    Span,
    context=CONTEXTS,
    name=st.text(max_size=200),
    kind=st.sampled_from(SpanKind),
    start=TIMES,
    end=TIMES,
    parent=st.none() | IDS,
    attributes=st.dictionaries(st.text(min_size=1, max_size=140), VALUES, max_size=5),
    links=st.lists(CONTEXTS, max_size=3).map(tuple),
    error=st.none() | st.text(min_size=1, max_size=50),
)


@given(st.lists(SPANS, max_size=4))
def test_whatever_a_span_holds_it_is_read_as_it_was(spans: list[Span]) -> None:
    found = exported(spans)
    assert len(found) == len(spans)
    for span, seen in zip(spans, found, strict=True):
        assert f"{seen.trace}-{seen.id}" == short(span.context)
        assert seen.parent == (span.parent or b"").hex()
        assert (seen.name, seen.kind) == (span.name, span.kind.name)
        assert (seen.start, seen.end) == (span.start, span.end)
        assert seen.attributes == span.attributes
        assert {key: type(value) for key, value in seen.attributes.items()} == {
            key: type(value) for key, value in span.attributes.items()
        }
        assert seen.links == [short(link) for link in span.links]
        assert seen.error == span.error


def test_nothing_is_in_the_bytes_that_the_judge_does_not_know() -> None:
    span = Span(
        context=SpanContext(b"t" * 16, b"s" * 8, True),
        name="n",
        kind=SpanKind.CLIENT,
        start=1,
        end=2,
        error="e",
    )
    body = export_request({"service.name": "x"}, ("switchhook", "1"), [encode_span(span)])
    assert ExportTraceServiceRequest.FromString(body).SerializeToString() == body
    assert read(body)[0].resource == {"service.name": "x"}


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (b"", 0),
        (ExportTraceServiceResponse().SerializeToString(), 0),
        (
            ExportTraceServiceResponse(
                partial_success=ExportTracePartialSuccess(rejected_spans=300, error_message="too old")
            ).SerializeToString(),
            300,
        ),
        (
            ExportTraceServiceResponse(
                partial_success=ExportTracePartialSuccess(error_message="beware")
            ).SerializeToString(),
            0,
        ),
        (b"<html>yes</html>", 0),
        (b"\x08", 0),
        (b"\x0a\x7f", 0),
        (b"\xff" * 40, 0),
    ],
)
def test_what_a_collector_did_not_take_is_read_of_its_answer(answer: bytes, count: int) -> None:
    assert rejected(answer) == count


@given(st.binary(max_size=60))
def test_no_answer_is_a_fault(answer: bytes) -> None:
    assert rejected(answer) >= 0
