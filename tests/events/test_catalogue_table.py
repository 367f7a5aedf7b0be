"""The table: the nine topics, their examples byte for byte, and what makes two reports one event."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import (
    CATALOGUE,
    EventData,
    InvalidEvent,
    UnknownTopic,
    dedupe_key,
    encode,
    parse,
    publish,
    read,
    render,
    topic_of,
    validate,
)
from tests.events.strategies import DATA, EXAMPLES, example_data

TOPICS = [
    "call.received",
    "call.triggered",
    "call.completed",
    "tag.added",
    "tag.removed",
    "sms.received",
    "sms.sent",
    "contact.created",
    "contact.updated",
]


def test_the_catalogue_has_the_nine_topics_in_its_order() -> None:
    assert list(CATALOGUE) == TOPICS
    assert sorted(EXAMPLES) == sorted(TOPICS)
    assert all(name == row.name for name, row in CATALOGUE.items())


def test_the_two_descriptions_that_are_known_are_kept() -> None:
    assert CATALOGUE["call.received"].description == "Inbound call received"
    assert CATALOGUE["sms.sent"].description == "Outbound sms sent"


@pytest.mark.parametrize("topic", TOPICS)
def test_every_printed_example_is_accepted_and_encoded_again_to_the_same_bytes(topic: str) -> None:
    data = example_data(topic)
    typed = validate(topic, data)
    assert encode(typed) == data
    assert encode(read(topic, data)) == data
    assert CATALOGUE[topic].example == data


@pytest.mark.parametrize("topic", TOPICS)
def test_every_printed_body_is_parsed_and_rendered_again_to_the_same_bytes(topic: str) -> None:
    compact = msgspec.json.format(EXAMPLES[topic], indent=-1)
    event = parse(EXAMPLES[topic])
    assert isinstance(event.data, CATALOGUE[topic].struct)
    from datetime import datetime

    at = int(datetime.fromisoformat(event.timestamp).timestamp() * 1000)
    assert render(topic, encode(event.data), at) == compact


@pytest.mark.parametrize("topic", TOPICS)
@given(chance=st.data())
def test_whatever_the_catalogue_allows_survives_a_round_trip(topic: str, chance: st.DataObject) -> None:
    data = chance.draw(DATA[topic])
    sent = publish(data)
    assert sent.topic == topic == topic_of(data)
    received = parse(render(topic, sent.data, 1_742_049_000_000)).data
    assert received == data
    assert encode(received) == encode(sent.typed) == sent.data


@pytest.mark.parametrize("topic", TOPICS)
def test_receiving_ignores_keys_that_publishing_refuses(topic: str) -> None:
    data = CATALOGUE[topic].example[:-1] + b',"added_later":{"x":[1]}}'
    assert read(topic, data) == read(topic, CATALOGUE[topic].example)
    with pytest.raises(InvalidEvent) as caught:
        validate(topic, data)
    assert [error.field for error in caught.value.errors] == ["data.added_later"]


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("call.received", 'call.received:["+33612345678","+33112345678","2025-03-15T14:30:00.000Z"]'),
        ("call.triggered", 'call.triggered:["+33112345678","+33612345678","2025-03-15T14:30:00.000Z"]'),
        ("call.completed", "call.completed:cll_2NfDKEm9sF8xK3pQr1Zt"),
        ("tag.added", None),
        ("tag.removed", None),
        ("sms.received", "sms.received:msg_3KgELFn0tG9yL4qRs2Au"),
        ("sms.sent", "sms.sent:msg_4LhFMGo1uH0zM5rSt3Bv"),
        ("contact.created", "contact.created:con_5MiGNHp2vI1AN6sTu4Cw"),
        ("contact.updated", None),
    ],
)
def test_the_dedupe_key_is_what_the_catalogue_says(topic: str, key: str | None) -> None:
    data = example_data(topic).replace(b"2025-03-15T14:35:00.000Z", b"2025-03-15T14:30:00.000Z")
    assert dedupe_key(topic, validate(topic, data)) == key
    assert dedupe_key(topic, read(topic, data)) == key
    assert CATALOGUE[topic].deduplicated is (key is not None)


@pytest.mark.parametrize("topic", [name for name, row in CATALOGUE.items() if row.deduplicated])
@given(chance=st.data())
def test_a_dedupe_key_differs_exactly_when_the_fact_does(topic: str, chance: st.DataObject) -> None:
    one: Any = chance.draw(DATA[topic])
    two: Any = chance.draw(DATA[topic])
    fields = CATALOGUE[topic].dedupe_fields
    same = all(getattr(one, name) == getattr(two, name) for name in fields)
    assert (dedupe_key(topic, one) == dedupe_key(topic, two)) is same
    again: EventData = msgspec.structs.replace(two, **{name: getattr(one, name) for name in fields})
    assert dedupe_key(topic, again) == dedupe_key(topic, one)


@pytest.mark.parametrize("text", ["", "x" * 10_000, "\x00", "\u2028", "sha256=abc", "key=abc", "é"])
def test_a_dedupe_key_is_short_and_printable_whatever_the_id(text: str) -> None:
    typed = msgspec.structs.replace(validate("sms.sent", CATALOGUE["sms.sent"].example), id=text)
    key = dedupe_key("sms.sent", typed)
    assert key is not None
    assert key.isprintable()
    assert key.startswith("sms.sent:")
    assert len(key) <= 200
    assert key != f"sms.sent:{text}" or not text.startswith(("sha256=", "key="))


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("call.recieved", "call.received"),
        ("sms.send", "sms.sent"),
        ("Call.Completed", "call.completed"),
        ("contact.update", "contact.updated"),
        ("", None),
        ("xyzzy", None),
        ("x" * 1_000_000, None),
    ],
)
def test_an_unknown_topic_names_the_nearest_known_one(asked: str, nearest: str | None) -> None:
    for use in (
        lambda: validate(asked, b"{}"),
        lambda: read(asked, b"{}"),
        lambda: render(asked, b"{}", 0),
    ):
        with pytest.raises(UnknownTopic) as caught:
            use()
        assert caught.value.topic == asked
        assert caught.value.nearest == nearest
        assert len(str(caught.value)) < 300


def test_topic_of_refuses_what_is_no_events_data() -> None:
    class Other(msgspec.Struct):
        id: str

    with pytest.raises(TypeError, match="Other"):
        topic_of(Other("x"))
