"""The operational events: beside the catalogue and not in it, typed like the others, published by nobody."""

import json

import jsonschema
import msgspec
import pytest

from switchhook.events import (
    CATALOGUE,
    FURTHER,
    OPERATIONAL,
    TOPICS,
    InvalidEvent,
    ReservedTopic,
    dedupe_key,
    encode,
    parse,
    parse_publish,
    parse_publish_batch,
    publish,
    read,
    render,
    topic_of,
)
from switchhook.events.schema import data_schema, envelope_schema, json_schema

NOW = 1_742_049_000_000


def test_there_are_three_beside_the_nine() -> None:
    assert list(OPERATIONAL) == ["endpoint.disabled", "endpoint.recovered", "delivery.exhausted"]
    assert not OPERATIONAL.keys() & CATALOGUE.keys()
    assert list(TOPICS) == [*CATALOGUE, *FURTHER, *OPERATIONAL]
    assert all(name == row.name for name, row in OPERATIONAL.items())


@pytest.mark.parametrize("topic", OPERATIONAL)
def test_a_receiver_reads_one_typed(topic: str) -> None:
    row = OPERATIONAL[topic]
    event = parse(render(topic, row.example, NOW))
    assert (event.topic, event.version) == (topic, "2.0")
    assert type(event.data) is row.struct
    assert topic_of(event.data) == topic
    assert encode(event.data) == row.example
    assert read(topic, row.example[:-1] + b',"added_later":1}') == event.data


@pytest.mark.parametrize("topic", OPERATIONAL)
def test_nobody_publishes_one(topic: str) -> None:
    asked = b'{"topic":"%s","data":%b}' % (topic.encode(), OPERATIONAL[topic].example)
    with pytest.raises(ReservedTopic, match="made by Switchhook itself and cannot be published") as caught:
        parse_publish(asked)
    assert caught.value.nearest is None
    with pytest.raises(ReservedTopic) as caught:
        parse_publish_batch(b'{"events":[%b]}' % asked)
    assert caught.value.field == caught.value.errors[0].field == "events[0].topic"
    with pytest.raises(InvalidEvent):
        publish(read(topic, OPERATIONAL[topic].example))  # type: ignore[arg-type]


@pytest.mark.parametrize("topic", OPERATIONAL)
def test_the_schemas_take_the_example_and_draw_the_line_after_it(topic: str) -> None:
    body = json.loads(render(topic, OPERATIONAL[topic].example, NOW))
    jsonschema.Draft202012Validator(json_schema(topic)).validate(body)
    jsonschema.Draft202012Validator(envelope_schema()).validate(body)
    data = jsonschema.Draft202012Validator(data_schema(topic))
    data.validate(body["data"])
    assert not data.is_valid(body["data"] | {"more": 1})
    for name in body["data"]:
        assert not data.is_valid({key: value for key, value in body["data"].items() if key != name})


@pytest.mark.parametrize("topic", OPERATIONAL)
def test_the_dedupe_key_names_the_fact(topic: str) -> None:
    row = OPERATIONAL[topic]
    fact = read(topic, row.example)
    key = dedupe_key(topic, fact)
    assert key is not None
    assert key.startswith(f"{topic}:")
    assert key == dedupe_key(topic, msgspec.structs.replace(fact, url="https://elsewhere.example/"))
    for field in row.dedupe_fields:
        other = 99 if field == "attempts" else "another"
        assert dedupe_key(topic, msgspec.structs.replace(fact, **{field: other})) != key
