"""Ids: sorted by time, never twice, readable back."""

import os
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import ids
from switchhook.events.ids import (
    IdSource,
    check_id,
    delivery_id,
    first_version,
    new_id,
    normalise_id,
    split_delivery_id,
    time_of,
    unchecked_delivery_id,
)

moments = st.integers(0, 2**48 - 2)
NOW = 1_742_049_000_000


def test_an_id_is_its_prefix_and_22_characters_of_base_62() -> None:
    for prefix in ids.PREFIXES:
        assert re.fullmatch(prefix + "_[0-9A-Za-z]{22}", new_id(prefix))
        assert check_id(new_id(prefix), prefix)


def test_the_prefixes_are_these() -> None:
    expected = {
        "msg",
        "ep",
        "web",
        "cll",
        "con",
        "com",
        "dea",
        "usr",
        "tag",
        "api",
        "wsp",
        "rec",
        "fil",
        "job",
        "dlv",
        "req",
    }
    assert expected == ids.PREFIXES


@given(st.lists(moments, min_size=2, max_size=30))
def test_ids_only_ever_grow_whatever_the_clock_does(times: list[int]) -> None:
    source = IdSource()
    made = [source.new("msg", moment) for moment in times]
    assert made == sorted(set(made))


def test_ids_grow_within_one_millisecond() -> None:
    source = IdSource()
    made = [source.new("msg", NOW) for _ in range(10_000)]
    assert made == sorted(set(made))
    assert {time_of(one) for one in made} <= {NOW, NOW + 1}


@given(moments, moments)
def test_the_text_sorts_like_the_time(one: int, two: int) -> None:
    first, second = IdSource().new("msg", one), IdSource().new("msg", two)
    if one != two:
        assert (first < second) == (one < two)


@given(moments)
def test_the_time_can_be_read_back(moment: int) -> None:
    assert time_of(IdSource().new("cll", moment)) == moment
    assert time_of(IdSource().new("cll", moment).replace("_", "-")) == moment


def test_the_machines_clock_is_used_when_no_time_is_given() -> None:
    before = time.time_ns() // 1_000_000
    assert time_of(new_id("ep")) >= before


@pytest.mark.parametrize("moment", [-1, 2**48, 10**30])
def test_a_time_that_does_not_fit_is_refused(moment: int) -> None:
    with pytest.raises(ValueError, match="1970"):
        IdSource().new("msg", moment)


def test_a_forked_child_makes_other_ids_than_its_parent_and_its_siblings() -> None:
    # The module's own source, as every process of a server uses it; one far moment, so that all must count up.
    far = 2**47
    new_id("msg", far)
    series = [_in_a_child(far) for _ in range(3)] + [[new_id("msg", far) for _ in range(50)]]
    made = [one for each in series for one in each]
    assert len(set(made)) == len(made) == 200
    assert all(each == sorted(each) for each in series)


def test_a_child_keeps_growing_when_its_clock_reaches_where_it_parted() -> None:
    for _ in range(64):
        source = IdSource()
        made = [source.new("msg", NOW)]
        source.reseed()
        made += [source.new("msg", NOW + later) for later in (0, 1, 1, 2, 3)]
        assert made == sorted(set(made))


def _in_a_child(moment: int) -> list[str]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, " ".join(new_id("msg", moment) for _ in range(50)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as lines:
        text = lines.read()
    os.waitpid(child, 0)
    return text.split(" ")


def test_a_dash_is_as_good_as_an_underscore_on_input() -> None:
    made = new_id("msg")
    assert normalise_id(made.replace("_", "-")) == made
    assert normalise_id(made) == made
    assert check_id(made.replace("_", "-"), "msg")
    assert normalise_id("tag_follow-up") == "tag_follow-up"
    assert normalise_id("tag-follow-up") == "tag_follow-up"
    assert normalise_id("plain") == "plain"
    assert normalise_id("-x") == "-x"


@pytest.mark.parametrize(
    "text",
    ["", "msg", "msg_", "msg_" + "0" * 21, "msg_" + "0" * 23, "msg_" + "z" * 22, "msg_" + "0" * 21 + "é",
     "ep_" + "0" * 22, "msg_" + "0" * 21 + "\n", "msg." + "0" * 22, "msg_" + "0" * 21 + "٣"],
)  # fmt: skip
def test_what_is_no_id_of_ours_is_told_apart(text: str) -> None:
    assert not check_id(text, "msg")


@pytest.mark.parametrize(
    "text", ["", "msg_", "msg_5MiGNHp2vI1AN6sTu4Cw", "msg_" + "!" * 22, "dlv_" + "z" * 44]
)
def test_no_time_is_read_from_what_is_no_id_of_ours(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        time_of(text)


@given(moments, moments)
def test_a_delivery_is_named_by_its_event_and_endpoint(event_ms: int, endpoint_ms: int) -> None:
    event, endpoint = IdSource().new("msg", event_ms), IdSource().new("ep", endpoint_ms)
    made = delivery_id(event, endpoint)
    assert re.fullmatch("dlv_[0-9A-Za-z]{44}", made)
    assert split_delivery_id(made) == split_delivery_id(made.replace("_", "-")) == (event, endpoint)
    assert delivery_id(event.replace("_", "-"), endpoint) == made
    assert time_of(made) == event_ms


@given(moments, moments)
def test_a_delivery_to_an_endpoint_of_the_first_version_is_told_from_others(
    event_ms: int, at_ms: int
) -> None:
    source = IdSource()
    event, endpoint = source.new("msg", event_ms), source.new("web", at_ms)
    made = delivery_id(event, endpoint)
    assert re.fullmatch("dlv_[0-9A-Za-z]{45}", made)
    assert split_delivery_id(made) == split_delivery_id(made.replace("_", "-")) == (event, endpoint)
    assert delivery_id(event, endpoint.replace("_", "-")) == unchecked_delivery_id(event, endpoint) == made
    assert delivery_id(event, endpoint.replace("web_", "ep_")) != made
    assert time_of(made) == event_ms
    assert (first_version(endpoint), first_version(endpoint.replace("web_", "ep_"))) == (True, False)
    for wrong in (made[:-1], made + "0", made[:26] + "x" + made[27:], made[:26] + made[27:-1]):
        with pytest.raises(ValueError, match="delivery"):
            split_delivery_id(wrong)


def test_a_delivery_id_is_not_made_of_anything_else() -> None:
    event, endpoint = new_id("msg"), new_id("ep")
    for one, two in ((endpoint, event), (event, event), (event[:-1], endpoint), ("", "")):
        with pytest.raises(ValueError, match="delivery"):
            delivery_id(one, two)
    for text in ("", event, "dlv_" + "0" * 43, "dlv_" + "z" * 44, "dlv_" + "0" * 43 + "-"):
        with pytest.raises(ValueError, match="delivery"):
            split_delivery_id(text)


def test_request_ids_are_twelve_random_alphanumerics() -> None:
    made = {ids.new_request_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch("req_[0-9A-Za-z]{12}", one) for one in made)
