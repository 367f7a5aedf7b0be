"""The envelope of the first version: what becomes of a stored body, byte for byte, and whose number it is about."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events.catalogue import CATALOGUE, read
from switchhook.events.envelope import publish, render
from switchhook.events.first_version import (
    NAMES,
    ON_A_NUMBER,
    PING,
    TOPICS,
    body_of,
    first_sentence,
    own_number,
    ping,
)
from switchhook.events.payloads import CallType
from tests.events.strategies import DATA, example_data

AT = 1_742_049_000_000
TELLING = sorted(set(TOPICS.values()) - {PING})


@pytest.mark.parametrize("topic", [topic for topic in TELLING if topic != "call.completed"])
def test_texts_and_contacts_have_the_data_they_have_as_it_was_written(topic: str) -> None:
    data = example_data(topic)
    assert body_of(render(topic, data, AT)) == b'{"topic":"%b","data":%b}' % (NAMES[topic].encode(), data)


def test_a_call_has_no_tags_and_its_summary_in_one_sentence_and_all_else_as_it_was_written() -> None:
    data = example_data("call.completed")
    summary = json.loads(data)["summary"]
    expected = re.sub(rb'"tags":\[[^\]]*\],', b"", data)[:-1]
    expected += b',"one_sentence_summary":%b}' % msgspec.json.encode(first_sentence(summary))
    assert len(expected) != len(data)
    assert body_of(render("call.completed", data, AT)) == b'{"topic":"CALL_RECEIVED","data":%b}' % expected


def test_a_test_says_nothing_but_its_topic() -> None:
    assert body_of(ping(AT)) == b'{"topic":"PING","data":{}}'


def test_of_what_was_removed_nothing_is_left() -> None:
    assert body_of(b"") == b""


@given(st.sampled_from(TELLING).flatmap(lambda topic: st.tuples(st.just(topic), DATA[topic])))
def test_every_body_says_the_same_in_both_versions(case: tuple[str, Any]) -> None:
    topic, data = case
    stored = render(topic, publish(data).data, AT)
    told = body_of(stored)
    assert body_of(stored) == told  # on every attempt
    envelope = json.loads(told)
    assert list(envelope) == ["topic", "data"]
    assert TOPICS[envelope["topic"]] == topic
    told_data, stored_data = envelope["data"], json.loads(stored)["data"]
    if topic == "call.completed":
        assert told_data.pop("one_sentence_summary") in " ".join(stored_data["summary"].split("\n"))
        assert "tags" not in told_data
        del stored_data["tags"]
    assert list(told_data.items()) == list(stored_data.items())


@pytest.mark.parametrize(
    ("topic", "values", "number"),
    [
        ("call.completed", {"type": CallType.INBOUND, "from_number": "+331", "to": "+332"}, "+332"),
        ("call.completed", {"type": CallType.OUTBOUND, "from_number": "+331", "to": "+332"}, "+331"),
        ("sms.received", {"from_number": "+331", "to_number": "+332"}, "+332"),
        ("sms.sent", {"from_number": "+331", "to_number": "+332"}, "+331"),
        ("contact.created", {}, None),
        ("contact.updated", {}, None),
        ("call.received", {}, None),
    ],
)
def test_the_number_of_the_business_is_where_the_event_has_it(
    topic: str, values: dict[str, Any], number: str | None
) -> None:
    data = msgspec.structs.replace(read(topic, CATALOGUE[topic].example), **values)
    assert own_number(topic, data) == number
    assert (topic in ON_A_NUMBER) is (number is not None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ""),
        (" \n ", ""),
        ("Marie asks for a quote. She calls again on Monday.", "Marie asks for a quote."),
        ("Marie asks for a quote", "Marie asks for a quote"),
        ("Wants 3.5 rooms! Soon.", "Wants 3.5 rooms!"),
        ("Dr. Martin (Mr. no longer) called. Nothing else.", "Dr. Martin (Mr. no longer) called."),
        ("J. Dupont called at 5 p.m. today. Bye.", "J. Dupont called at 5 p.m. today."),
        ('She said "call me!" Then she left.', 'She said "call me!"'),
        ("\n First line\nsecond line. Third.", "First line"),
        ("Est-ce prêt ? Oui.", "Est-ce prêt ?"),
        ("Wait… what? Yes.", "Wait…"),
        ("彼は電話した。また来る。", "彼は電話した。"),
    ],
)
def test_the_first_sentence_of_a_summary(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


@given(st.text())
def test_a_sentence_is_a_piece_of_one_line(text: str) -> None:
    found = first_sentence(text)
    assert len(found.splitlines()) <= 1
    assert found in text
    assert bool(found) is bool(text.strip())
