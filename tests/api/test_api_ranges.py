"""Which bytes a Range header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.api.ranges import Span, UnsatisfiableError, http_date, not_modified, read_range, still_valid


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("bytes=0-0", (0, 0)),
        ("bytes=0-", (0, 99)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-500", (90, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-500", (0, 99)),
        ("BYTES = 5 - 6", (5, 6)),
        ("bytes=-", None),
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("", None),
    ],
)
def test_one_range_is_served_and_what_is_not_one_is_ignored(
    header: str | None, wanted: tuple[int, int] | None
) -> None:
    assert read_range(header, 100) == wanted


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_the_file_is_told(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        read_range(header, 100)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1", "bytes=0-0"])
def test_an_empty_file_has_no_range(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        read_range(header, 0)


@given(
    st.text(max_size=60) | st.from_regex(r"bytes=\d{0,20}-\d{0,20}", fullmatch=True), st.integers(0, 2**40)
)
def test_whatever_is_asked_lies_within_the_file(header: str, size: int) -> None:
    try:
        span = read_range(header, size)
    except UnsatisfiableError:
        return
    assert span is None or (0 <= span.start <= span.end < size and span.size >= 1)


def test_a_part_is_only_valid_for_the_very_file_it_is_of() -> None:
    assert still_valid(None, '"a"', 5)
    assert still_valid('"a"', '"a"', 5)
    assert not still_valid('"b"', '"a"', 5)
    assert not still_valid('W/"a"', '"a"', 5)
    assert still_valid(http_date(5), '"a"', 5)
    assert not still_valid(http_date(6), '"a"', 5)
    assert not still_valid("nonsense", '"a"', 5)


def test_a_file_that_is_held_need_not_be_sent() -> None:
    assert not not_modified(None, '"a"')
    assert not_modified('"a"', '"a"')
    assert not_modified('"b", W/"a"', '"a"')
    assert not_modified("*", '"a"')
    assert not not_modified('"b"', '"a"')
    assert Span(2, 5).size == 4
