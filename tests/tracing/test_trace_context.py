"""Whose trace something is in: what callers send, and what follows from ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.tracing.context import (
    SpanContext,
    bound_of,
    chosen,
    parse_traceparent,
    span_of,
    trace_of,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KNOWN = SpanContext(bytes.fromhex(TRACE), bytes.fromhex(SPAN), sampled=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"00-{TRACE}-{SPAN}-01", KNOWN),
        (f"00-{TRACE}-{SPAN}-00", SpanContext(KNOWN.trace, KNOWN.span, sampled=False)),
        (f"00-{TRACE}-{SPAN}-03", KNOWN),  # the random flag of level 2
        (f"00-{TRACE}-{SPAN}-02", SpanContext(KNOWN.trace, KNOWN.span, sampled=False)),
        (f"cc-{TRACE}-{SPAN}-01", KNOWN),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", KNOWN),
        (f"cc-{TRACE}-{SPAN}-01.later", None),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"00-{TRACE}-{SPAN}-01-", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE[:-1]}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-1", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f" 00-{TRACE}-{SPAN}-01", None),
        ("", None),
        ("00", None),
    ],
)
def test_a_traceparent_is_read_as_its_specification_says(text: str, found: SpanContext | None) -> None:
    assert parse_traceparent(text) == found


@given(
    st.binary(min_size=16, max_size=16).filter(any),
    st.binary(min_size=8, max_size=8).filter(any),
    st.booleans(),
)
def test_what_is_written_is_read_back(trace: bytes, span: bytes, sampled: bool) -> None:
    context = SpanContext(trace, span, sampled)
    assert parse_traceparent(str(context)) == context


@given(st.text(max_size=80))
def test_no_text_is_a_fault(text: str) -> None:
    found = parse_traceparent(text)
    assert found is None or text.startswith(str(found)[2:53], 2)


def test_the_trace_of_an_id_is_the_same_for_ever() -> None:
    """In the next version, too: an event is delivered for days, and its retries are in its trace."""
    assert trace_of("msg_02pZ8aP1q7Yw4Nd0TzVbkR").hex() == "a37ce8647d12e131c74d976bc39bfa0c"
    assert span_of("msg_02pZ8aP1q7Yw4Nd0TzVbkR").hex() == "d64a357f5f15dd0c"


@given(st.binary(min_size=16, max_size=16), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_records_all_that_a_smaller_one_does(trace: bytes, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert not chosen(trace, bound_of(low)) or chosen(trace, bound_of(high))
    assert not chosen(trace, bound_of(0))
    assert chosen(trace, bound_of(1))


def test_a_share_is_what_it_says_also_of_ids_made_one_after_the_other() -> None:
    bound = bound_of(0.25)
    count = sum(chosen(trace_of(f"msg_02pZ8aP1q7Yw4Nd0T{number:05}"), bound) for number in range(20_000))
    assert 4_700 < count < 5_300  # the same ids in every run
