"""The further events: beside the catalogue and not in it, and published like the nine."""

import json

import jsonschema
import pytest

from switchhook.events import CATALOGUE, FURTHER, OPERATIONAL, parse, parse_publish, publish, read, render
from switchhook.events.schema import data_schema, envelope_schema, json_schema

NOW = 1_742_049_000_000


def test_there_are_four_beside_the_nine() -> None:
    assert list(FURTHER) == ["call.answered", "call.missed", "call.transcribed", "summary.updated"]
    assert not FURTHER.keys() & (CATALOGUE.keys() | OPERATIONAL.keys())
    assert len(CATALOGUE) == 9


@pytest.mark.parametrize("topic", FURTHER)
def test_they_are_read_written_and_published_like_the_others(topic: str) -> None:
    row = FURTHER[topic]
    body = render(topic, row.example, NOW)
    event = parse(body)
    assert type(event.data) is row.struct
    asked = parse_publish(b'{"topic":"%s","data":%b}' % (topic.encode(), row.example))
    assert (asked.topic, asked.data) == (topic, row.example)
    assert publish(read(topic, row.example)).data == row.example  # type: ignore[arg-type]
    jsonschema.Draft202012Validator(json_schema(topic)).validate(json.loads(body))
    jsonschema.Draft202012Validator(envelope_schema()).validate(json.loads(body))
    assert not jsonschema.Draft202012Validator(data_schema(topic)).is_valid({})


def test_an_answered_call_is_as_its_receivers_know_it() -> None:
    """The payload that two independent receivers of the phone API read."""
    data = {
        "from_number": "+15550003311",
        "to_number": "+15550009922",
        "direction": "INBOUND",
        "started_at": "2026-09-01T10:00:02.000Z",
        "answered_at": "2026-09-01T10:00:09.300Z",
        "user_email": "rae@clinic.example",
    }
    assert list(json.loads(FURTHER["call.answered"].example)) == list(data)
    parse_publish(json.dumps({"topic": "call.answered", "data": data}).encode())
