"""What is refused, where the fault is said to be, and that nothing but the documented errors ever comes out."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import (
    CATALOGUE,
    FieldError,
    InvalidEvent,
    Money,
    Person,
    UnknownTopic,
    encode,
    parse,
    parse_publish,
    publish,
    read,
    validate,
)
from switchhook.events.faults import MAX_FAULTS
from tests.events.strategies import mutated

RING = CATALOGUE["call.received"].example
CALL = CATALOGUE["call.completed"].example
GONE = object()


def faults(topic: str, raw: bytes) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        validate(topic, raw)
    return {error.field: error.message for error in caught.value.errors}


def refusals(use: Callable[[str, bytes], object], topic: str, raw: bytes) -> list[FieldError]:
    """The faults that `use` names; none when it takes the bytes."""
    try:
        use(topic, raw)
    except UnknownTopic:
        raise
    except InvalidEvent as error:
        return error.errors
    return []


def changed(topic: str, path: str, value: Any) -> bytes:
    data = json.loads(CATALOGUE[topic].example)
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    holder = data
    for step in way:
        holder = holder[step]
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("topic", "path", "value", "field", "says"),
    [
        ("call.received", "company", GONE, "data.company", "required; send null when there is none"),
        ("call.received", "deals", GONE, "data.deals", "required; send null when there is none"),
        ("call.received", "deals/0/value", "25000.00", "data.deals[0].value", "without quotes"),
        ("call.received", "deals/0/value", True, "data.deals[0].value", "must be a number, not a boolean"),
        ("call.received", "deals/0/value", 1e300, "data.deals[0].value", "within ±1e15"),
        ("call.received", "deals/0/extra", 1, "data.deals[0].extra", "unknown field"),
        ("call.received", "person/emails/0", None, "data.person.emails[0]", "must be a string, not null"),
        ("call.received", "person/emails", None, "data.person.emails", "send [] when there is none"),
        ("call.received", "person/score", None, "data.person.score", "left out, not sent as null"),
        ("call.received", "person/job_title", GONE, "data.person.job_title", "send null"),
        ("call.received", "person", "Marie", "data.person", "must be an object, not a string"),
        ("call.received", "company", "Acme", "data.company", "must be an object, not a string"),
        ("call.received", "started_at", "yesterday", "data.started_at", "ISO 8601 date-time"),
        ("call.completed", "transfer_from", None, "data.transfer_from", "members null"),
        ("call.completed", "transfer_to", GONE, "data.transfer_to", "members null"),
        ("call.completed", "to_number", "+33", "data.to_number", "unknown field"),
        ("call.completed", "summary", None, "data.summary", 'send "" when there is none'),
        ("call.completed", "data_collected", None, "data.data_collected", "send {} when there is none"),
        ("call.completed", "tags", GONE, "data.tags", "send [] when there is none"),
        ("call.completed", "result", "MISSED", "data.result", '"ANSWERED" or "VOICEMAIL"'),
        (
            "call.completed",
            "transcriptions/1/source",
            "AGENT",
            "data.transcriptions[1].source",
            '"USER" or "EXTERNAL"',
        ),
        ("call.completed", "transcriptions/0/time", GONE, "data.transcriptions[0].time", "ISO 8601"),
        ("call.completed", "length_in_minutes", "5.5", "data.length_in_minutes", "without quotes"),
        ("call.completed", "ivr_result/0", [], "data.ivr_result[0]", "must be an object, not an array"),
        ("sms.received", "direction", "OUTBOUND", "data.direction", 'must be "INBOUND"'),
        ("sms.sent", "direction", "INBOUND", "data.direction", 'must be "OUTBOUND"'),
        ("sms.sent", "type", "WHATSAPP", "data.type", '"SMS" or "MMS"'),
        ("contact.created", "company", {"name": "Acme"}, "data.company", "must be a string, not an object"),
    ],
)
def test_a_fault_is_named_with_its_path_and_its_mending(
    topic: str, path: str, value: Any, field: str, says: str
) -> None:
    found = faults(topic, changed(topic, path, value))
    assert list(found) == [field]
    assert says in found[field]


def test_a_misspelt_field_is_told_the_right_one() -> None:
    data = json.loads(CALL)
    data["to_number"] = data.pop("to_name")
    found = faults("call.completed", json.dumps(data).encode())
    assert found == {"data.to_name": "required", "data.to_number": "unknown field; did you mean `to_name`?"}


def test_all_faults_are_listed_at_once_up_to_a_bound() -> None:
    assert set(faults("tag.added", b'{"call_id":1,"tag_key":null,"more":1}')) == {
        "data.call_id",
        "data.tag_key",
        "data.tag_name",
        "data.user_email",
        "data.more",
    }
    many = json.loads(CALL) | {"tags": [None] * 5000}
    assert len(faults("call.completed", json.dumps(many).encode())) == MAX_FAULTS


@pytest.mark.parametrize("raw", [b"null", b"[]", b'"x"', b"5", b"true"])
def test_data_that_is_no_object_is_refused(raw: bytes) -> None:
    assert "must be an object" in faults("sms.sent", raw)["data"]


HOSTILE_VALUES = {
    "invalid UTF-8": b'"\xff"',
    "an encoded surrogate": b'"\xed\xa0\x80"',
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udc00 and more text"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a number without digits": b"1e",
    "a leading zero": b"01",
    "a control character": b'"\x01"',
    "an open array": b"[",
    "endless nesting": b"[" * 100_000,
    "deep nesting": b"[" * 100_000 + b"]" * 100_000,
    "nesting a receiver may not take": b"[" * 80 + b"]" * 80,
    "an exponent no Decimal holds": b"1e99999999999999999999",
    "an integer longer than Python reads": b"1" * 5000,
    "a key twice": b'{"a":1,"b":{"a":2},"a":3}',
    "a key twice, once escaped": b'{"a":1,"\\u0061":3}',
    "nothing": b"",
    "a trailing comma": b"[1,]",
}


def open_places(value: bytes) -> list[tuple[str, bytes]]:
    return [
        ("call.completed", CALL.replace(b'{"account_number":"12345"}', b'{"x":' + value + b"}")),
        ("call.received", RING.replace(b'"Inbound"', value)),
        ("sms.sent", CATALOGUE["sms.sent"].example.replace(b'"SMS"', value)),
    ]


@pytest.mark.parametrize("what", HOSTILE_VALUES)
def test_hostile_json_is_refused_wherever_it_stands(what: str) -> None:
    for topic, raw in open_places(HOSTILE_VALUES[what]):
        with pytest.raises(InvalidEvent):
            validate(topic, raw)
        body = b'{"topic":"%b","data":%b}' % (topic.encode(), raw)
        with pytest.raises(InvalidEvent):
            parse_publish(body)


@pytest.mark.parametrize(
    "value",
    [
        b"1" * 4000,
        b"1e400",
        b"1E-400",
        b"1.10",
        b"-0.0",
        b'"\\u0000"',
        b'"\\ud83d\\ude00"',
        b"[" * 50 + b"]" * 50,
    ],
)
def test_odd_but_sound_values_of_open_fields_survive_exactly(value: bytes) -> None:
    for topic, raw in open_places(value)[:2]:
        typed = validate(topic, raw)
        again = read(topic, encode(typed))
        assert encode(again) == encode(typed)
        assert again == read(topic, raw)


@pytest.mark.parametrize(
    "raw",
    [
        RING[:-1] + b',"to_number":"+1"}',
        RING.replace(b'"id":"con_', b'"id":"con_x","id":"con_'),
        RING.replace(b'"status":', b'"status":null,"status" : '),
        RING.replace(b'"lead_source":', b'"lead_source":1,\n"lead_source":'),
        CALL.replace(b'"tag":', b'"tag":null,"t\\u0061g":'),
    ],
)
def test_a_key_twice_is_refused_because_receivers_would_differ_on_it(raw: bytes) -> None:
    topic = "call.completed" if b"ivr_result" in raw else "call.received"
    read(topic, raw)
    found = faults(topic, raw)
    assert "twice" in found["data"]


def test_spaces_and_escapes_are_no_fault_and_are_kept() -> None:
    pretty = json.dumps(json.loads(CALL), indent=3, ensure_ascii=True).replace("é", "\\u00e9").encode()
    sent = parse_publish(b'{"topic":"call.completed","data": ' + pretty + b' , "dedupe_key":"k"}')
    assert sent.data == pretty
    assert sent.key == "call.completed:key=k"


@pytest.mark.parametrize(
    "text", ["25000.00", "0", "-0.01", "5", "1E+5", "0.000", "999999999999999.99", "-999999999999999"]
)
def test_an_amount_keeps_the_bytes_it_was_written_with(text: str) -> None:
    raw = RING.replace(b"25000.00", text.encode())
    typed: Any = validate("call.received", raw)
    assert typed.deals[0].value == Money(text)
    assert encode(typed) == raw


@pytest.mark.parametrize(
    "text",
    [
        "1e15",
        "-1e15",
        "1e999999",
        "1e-999999",
        "0e-999999",
        "1e99999999999999999999",
        '"5"',
        '"NaN"',
        "true",
        "1" * 5000,
    ],
)
def test_an_absurd_amount_is_refused_when_sent_and_when_received(text: str) -> None:
    raw = RING.replace(b"25000.00", text.encode())
    for use in (validate, read):
        with pytest.raises(InvalidEvent):
            use("call.received", raw)


@pytest.mark.parametrize("value", [1.5, True, "NaN", "Infinity", "x", None, "1e999999"])
def test_money_is_not_made_from_what_has_no_exact_amount(value: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        Money(value)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2025-03-15T14:30:00.000Z", True),
        ("2025-03-15T14:30:00Z", True),
        ("2025-03-15T14:30:00", True),
        ("2025-03-15T14:30:00.1", True),
        ("2025-03-15T14:30:00.123456789+05:30", True),
        ("2025-03-15T14:30:00-0800", True),
        ("2025-03-15T14:30:00.000Z\n", False),
        ("2025-03-15T14:30:00.0123456789Z", False),
        ("2025-03-15T14:30:00.Z", False),
        ("2025-03-15 14:30:00Z", False),
        ("2025-03-15T14:30Z", False),
        ("2025-03-15", False),
        ("2025-3-15T14:30:00Z", False),
        ("2025-13-15T14:30:00Z", False),
        ("2025-03-15T25:30:00Z", False),
        ("x2025-03-15T14:30:00Z", False),
        ("٢٠٢٥-03-15T14:30:00Z", False),
        ("1742049000", False),
    ],
)
def test_a_timestamp_looks_like_an_iso_8601_date_time(text: str, good: bool) -> None:
    raw = changed("sms.sent", "sent_at", text)
    if good:
        validate("sms.sent", raw)
    else:
        assert "ISO 8601" in faults("sms.sent", raw)["data.sent_at"]


def test_a_close_date_may_be_a_date_alone() -> None:
    validate("call.received", changed("call.received", "deals/0/close_date", "2025-06-15"))
    found = faults("call.received", changed("call.received", "deals/0/close_date", "2025-06-15\n"))
    assert "ISO 8601 date or date-time" in found["data.deals[0].close_date"]


def test_person_may_be_absent_null_or_an_object_and_these_stay_apart() -> None:
    absent: Any = validate("call.received", changed("call.received", "person", GONE))
    null: Any = validate("call.received", changed("call.received", "person", None))
    there: Any = validate("call.received", RING)
    assert absent.person is msgspec.UNSET
    assert b'"person"' not in encode(absent)
    assert null.person is None
    assert b'"person":null' in encode(null)
    assert isinstance(there.person, Person)
    assert list(there.person.properties) == ["linkedin_url", "lead_source"]


def test_a_property_without_a_value_is_not_sent_and_one_named_like_a_field_is_refused() -> None:
    known: dict[str, Any] = dict.fromkeys(Person.__match_args__) | {"id": "c", "emails": [], "numbers": []}
    person = Person(**known, properties={"z": 1, "empty": None, "a": [None]})
    assert list(person.to_wire())[7:] == ["z", "a"]
    with pytest.raises(ValueError, match="`email`"):
        Person(**known, properties={"email": "x"})


def test_a_struct_made_with_wrong_types_is_not_published() -> None:
    typed: Any = validate("call.completed", CALL)
    for wrong in (
        {"summary": None},
        {"length_in_minutes": float("nan")},
        {"from_name": "\ud800"},
        {"tags": "x"},
    ):
        with pytest.raises(InvalidEvent):
            publish(msgspec.structs.replace(typed, **wrong))


@pytest.mark.parametrize("topic", CATALOGUE)
@given(chance=st.data())
def test_every_refusal_names_a_fault_and_the_walk_agrees_with_the_decoder(
    topic: str, chance: st.DataObject
) -> None:
    raw = json.dumps(chance.draw(mutated(topic))).encode()
    for use in (validate, read):
        for fault in refusals(use, topic, raw):
            assert fault.field.startswith("data")
            # msgspec's own words would mean that the walk found nothing.
            assert "Expected `" not in fault.message
            assert "Object " not in fault.message


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_no_bytes_bring_out_anything_but_the_documented_errors(raw: bytes) -> None:
    for body in (
        raw,
        b'{"topic":"sms.sent","version":"2.0","timestamp":"2025-03-15T14:30:00Z","data":' + raw + b"}",
    ):
        for use in (parse, parse_publish):
            with pytest.raises(InvalidEvent):
                use(body)
    for topic in CATALOGUE:
        with pytest.raises(InvalidEvent):
            validate(topic, raw)


@given(st.integers(0, len(RING) - 1), st.binary(min_size=1, max_size=1))
def test_one_changed_byte_is_either_taken_or_refused_properly(place: int, byte: bytes) -> None:
    raw = RING[:place] + byte + RING[place + 1 :]
    if not refusals(validate, "call.received", raw):
        raw.decode()
        typed = validate("call.received", raw)
        assert read("call.received", encode(typed)) == read("call.received", raw)
