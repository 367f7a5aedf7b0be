"""How deeply an event may nest: 64 levels, counted from its data."""

import json
import typing
from typing import Any

import msgspec
import pytest

from switchhook.events import CATALOGUE, TOPICS, InvalidEvent, Person, validate
from switchhook.events.strict import MAX_DEPTH


def nested(levels: int) -> Any:
    """A value of so many levels, by turns a list and an object."""
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def with_value(topic: str, value: Any) -> bytes:
    """The topic's example with `value` where it may hold anything: two levels below its data."""
    data = json.loads(CATALOGUE[topic].example)
    if topic == "call.completed":
        data["data_collected"] = {"open": value}
    else:
        data["person"]["open"] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize("topic", ["call.completed", "call.received"])
def test_sixty_four_levels_are_taken_and_not_one_more(topic: str) -> None:
    validate(topic, with_value(topic, nested(MAX_DEPTH - 2)))
    with pytest.raises(InvalidEvent, match="nested more than 64 levels deep"):
        validate(topic, with_value(topic, nested(MAX_DEPTH - 1)))


def test_many_brackets_are_not_many_levels() -> None:
    validate("call.completed", with_value("call.completed", [[] for _ in range(500)]))


def parts(hint: Any) -> set[Any]:
    """Every type that an annotation is made of."""
    found = {typing.get_origin(hint) or hint}
    for inner in typing.get_args(hint):
        found |= parts(inner)
    return found


def test_what_may_hold_anything_is_a_field_of_the_event_itself() -> None:
    # `flaw` looks there and nowhere deeper.
    def structs(kind: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
        inner: set[type[msgspec.Struct]] = set()
        for hint in typing.get_type_hints(kind).values():
            for part in parts(hint):
                if isinstance(part, type) and issubclass(part, msgspec.Struct):
                    inner |= {part} | structs(part)
        return inner

    for row in TOPICS.values():
        for kind in structs(row.struct):
            for hint in typing.get_type_hints(kind).values():
                assert not parts(hint) & {Any, dict, Person}, kind
        for hint in typing.get_type_hints(row.struct).values():
            assert dict not in parts(hint) or typing.get_origin(hint) is dict
            assert Any not in parts(hint) or typing.get_origin(hint) is dict
