"""The filter of deliveries, as a table and as laws."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.storage.selection import FAILED, Selection, Tried

FAILED_500 = Tried("msg_1", 8, "failed", "server_error", 500, "tag.added", waits=False)


@pytest.mark.parametrize(
    ("values", "became"),
    [
        ({"state": "failed"}, "failed"),
        ({"state": "succeeded"}, "succeeded"),
        ({"state": "retrying"}, "pending"),
        ({"state": "retrying", "waits": True}, "pending"),
        ({"state": "failed", "waits": True}, "pending"),  # sent again, and on its way
        ({"state": "succeeded", "waits": True}, "pending"),
    ],
)
def test_what_became_of_a_delivery(values: dict[str, object], became: str) -> None:
    assert msgspec.structs.replace(FAILED_500, **values).became == became


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (FAILED, True),
        (Selection(became=()), True),
        (Selection(became=("succeeded", "pending")), False),
        (Selection(topics=("tag.added", "tag.removed")), True),
        (Selection(topics=("tag.removed",)), False),
        (Selection(results=("server_error",)), True),
        (Selection(results=("client_error",)), False),
        (Selection(answers=("500",)), True),
        (Selection(answers=("5xx",)), True),
        (Selection(answers=("4xx", "501")), False),
        (Selection(topics=("tag.added",), answers=("4xx",)), False),
    ],
)
def test_every_part_that_is_given_must_fit(selection: Selection, taken: bool) -> None:
    assert selection.takes(FAILED_500) is taken


def test_one_without_an_answer_has_no_status_and_one_without_an_event_is_never_meant() -> None:
    silent = msgspec.structs.replace(FAILED_500, status=None, kind="response_timeout")
    assert FAILED.takes(silent)
    assert not Selection(answers=("1xx", "2xx", "3xx", "4xx", "5xx")).takes(silent)
    assert not Selection(became=()).takes(msgspec.structs.replace(FAILED_500, topic=None))


_parts = {
    "became": st.lists(st.sampled_from(["failed", "pending", "succeeded"]), max_size=2),
    "topics": st.lists(st.sampled_from(["tag.added", "sms.sent"]), max_size=2),
    "results": st.lists(st.sampled_from(["server_error", "gone"]), max_size=2),
    "answers": st.lists(st.sampled_from(["500", "5xx", "410"]), max_size=2),
}
_selections = st.builds(Selection, **{name: part.map(tuple) for name, part in _parts.items()})
_tried = st.builds(
    Tried,
    event=st.just("msg_1"),
    number=st.integers(1, 9),
    state=st.sampled_from(["failed", "retrying", "succeeded"]),
    kind=st.sampled_from(["server_error", "gone"]),
    status=st.sampled_from([None, 410, 500, 503]),
    topic=st.sampled_from([None, "tag.added", "sms.sent"]),
    waits=st.booleans(),
)


@given(_selections, _tried)
def test_a_filter_is_the_sum_of_its_parts(selection: Selection, tried: Tried) -> None:
    each = [
        Selection(**{"became": (), name: getattr(selection, name)}).takes(tried)
        for name in Selection.__struct_fields__
    ]
    assert selection.takes(tried) is all(each)


@given(_selections)
def test_a_filter_is_read_again_as_it_was_written(selection: Selection) -> None:
    assert msgspec.json.decode(msgspec.json.encode(selection), type=Selection) == selection
