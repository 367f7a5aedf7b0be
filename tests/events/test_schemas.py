"""The exported schemas: a foreign validator draws the same line as our own decoders, and the documents are sound."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from switchhook.events import CATALOGUE, TOPICS, InvalidEvent, UnknownTopic, encode, render, validate
from switchhook.events.schema import asyncapi, data_schema, envelope_schema, json_schema, openapi_webhooks
from tests.events.strategies import DATA, EXAMPLES, mutated

BODIES = {topic: jsonschema.Draft202012Validator(json_schema(topic)) for topic in CATALOGUE}
DATAS = {topic: jsonschema.Draft202012Validator(data_schema(topic)) for topic in CATALOGUE}
WRONG: tuple[Any, ...] = (None, True, 5, 5.0, "5", "INBOUND\n", [], {}, [None])
FORMATS = (json_schema, data_schema)


def we_accept(topic: str, value: Any) -> bool:
    try:
        validate(topic, json.dumps(value).encode())
    except InvalidEvent:
        return False
    return True


@pytest.mark.parametrize("topic", CATALOGUE)
def test_the_schemas_are_valid_and_take_the_printed_examples(topic: str) -> None:
    for export in FORMATS:
        jsonschema.Draft202012Validator.check_schema(export(topic))
        assert export(topic)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    BODIES[topic].validate(json.loads(EXAMPLES[topic]))
    jsonschema.Draft202012Validator(envelope_schema()).validate(json.loads(EXAMPLES[topic]))
    for example in json_schema(topic)["examples"]:
        BODIES[topic].validate(example)


@pytest.mark.parametrize("topic", CATALOGUE)
@settings(max_examples=300)
@given(chance=st.data())
def test_a_foreign_validator_agrees_on_broken_payloads(topic: str, chance: st.DataObject) -> None:
    value = chance.draw(mutated(topic))
    assert DATAS[topic].is_valid(value) == we_accept(topic, value), value


@pytest.mark.parametrize("topic", CATALOGUE)
@given(chance=st.data())
def test_a_foreign_validator_takes_whatever_the_catalogue_allows(topic: str, chance: st.DataObject) -> None:
    body = render(topic, encode(chance.draw(DATA[topic])), 1_742_049_000_000)
    BODIES[topic].validate(json.loads(body))


@pytest.mark.parametrize("topic", CATALOGUE)
def test_every_key_dropped_nulled_or_mistyped_is_judged_alike(topic: str) -> None:
    judged = 0
    for path in _paths(json.loads(CATALOGUE[topic].example)):
        for change in (
            _drop,
            *(_put(one) for one in WRONG),
        ):
            value: Any = json.loads(CATALOGUE[topic].example)
            holder = value
            for step in path[:-1]:
                holder = holder[step]
            change(holder, path[-1])
            assert DATAS[topic].is_valid(value) == we_accept(topic, value), (path, value)
            judged += 1
    assert judged >= 40


@pytest.mark.parametrize(
    "amount", [10**15, -(10**15), 10**15 - 1, 1 - 10**15, 1e15, 1e14, 1e300, 0, -0.0, 5.0, 0.001]
)
def test_the_bounds_of_an_amount_are_judged_alike(amount: float) -> None:
    value = json.loads(CATALOGUE["call.received"].example)
    value["deals"][0]["value"] = amount
    assert DATAS["call.received"].is_valid(value) == we_accept("call.received", value) == (abs(amount) < 1e15)


def _drop(holder: Any, key: Any) -> None:
    del holder[key]


def _put(value: Any) -> Any:
    def put(holder: Any, key: Any) -> None:
        holder[key] = value

    return put


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*before, key)
            yield from _paths(inner, (*before, key))


@pytest.mark.parametrize("topic", CATALOGUE)
def test_the_body_schema_pins_topic_version_and_timestamp_and_takes_no_other_key(topic: str) -> None:
    body = json.loads(EXAMPLES[topic])
    for change in (
        {"topic": "tag.renamed"},
        {"version": "2.1"},
        {"version": 2.0},
        {"timestamp": body["timestamp"] + "\n"},
        {"timestamp": None},
        {"more": 1},
        {"data": None},
    ):
        assert not BODIES[topic].is_valid(body | change), change


def test_only_a_person_is_open() -> None:
    for topic in CATALOGUE:
        for name, schema in json_schema(topic)["$defs"].items():
            if schema.get("type") == "object":
                is_open = schema["additionalProperties"] is not False
                assert is_open == (name == "Person"), name


def test_the_schemas_list_the_fields_of_the_structs_in_their_order() -> None:
    for topic, row in CATALOGUE.items():
        properties = json_schema(topic)["$defs"][row.struct.__name__]["properties"]
        assert tuple(properties) == row.struct.__struct_fields__


def test_descriptions_speak_of_json_and_not_of_python() -> None:
    text = json.dumps([json_schema(topic) for topic in CATALOGUE])
    assert "None" not in text
    assert "UNSET" not in text


def openapi() -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": "Test", "version": "1"}, **openapi_webhooks()}


def test_the_webhooks_make_a_valid_openapi_document() -> None:
    document = openapi()
    OpenAPIV31SpecValidator(document).validate()
    assert list(document["webhooks"]) == list(TOPICS)
    assert all(name.startswith("Event") for name in document["components"]["schemas"])
    _every_reference_resolves(document)
    for topic, item in document["webhooks"].items():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        # The reference is to the whole document, which therefore goes along.
        whole = jsonschema.Draft202012Validator(schema | {"components": document["components"]})
        whole.validate(json.loads(render(topic, TOPICS[topic].example, 1_742_049_000_000)))


def test_the_asyncapi_document_is_whole() -> None:
    document = asyncapi("Switchhook", "1.2.3")
    assert document["asyncapi"] == "3.0.0"
    assert document["info"] == {"title": "Switchhook", "version": "1.2.3"}
    assert set(document) <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    channel = document["channels"]["webhooks"]
    assert channel["address"] is None
    assert list(channel["messages"]) == list(document["components"]["messages"]) == list(TOPICS)
    operation = document["operations"]["deliver"]
    assert operation["action"] == "send"
    assert operation["channel"] == {"$ref": "#/channels/webhooks"}
    # AsyncAPI wants an operation's messages to point into its channel, not past it.
    assert {one["$ref"] for one in operation["messages"]} == {
        f"#/channels/webhooks/messages/{t}" for t in TOPICS
    }
    _every_reference_resolves(document)
    for topic, message in document["components"]["messages"].items():
        whole = jsonschema.Draft7Validator(message["payload"] | {"components": document["components"]})
        body = json.loads(render(topic, TOPICS[topic].example, 1_742_049_000_000))
        whole.validate(body)
        assert not whole.is_valid(body | {"version": "1"})
    msgspec.json.encode(document)


def _every_reference_resolves(document: dict[str, Any]) -> None:
    found = 0
    for path in _paths(document):
        if path[-1] == "$ref":
            target: Any = document
            for step in path:
                target = target[step]
            here: Any = document
            for step in target.removeprefix("#/").split("/"):
                here = here[step]
            found += 1
    assert found >= 9


@pytest.mark.parametrize("export", FORMATS)
def test_an_unknown_topic_has_no_schema(export: Any) -> None:
    with pytest.raises(UnknownTopic):
        export("call.ended")
