"""The envelope: bytes that are never touched again, and bodies of publishers in ones and in batches."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events import (
    CATALOGUE,
    MAX_BATCH,
    CallCompleted,
    InvalidEvent,
    UnknownTopic,
    dedupe_key,
    parse,
    parse_publish,
    parse_publish_batch,
    publish,
    render,
    validate,
)

TAG = CATALOGUE["tag.added"].example
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def asked(data: bytes = TAG, topic: str = "tag.added", more: bytes = b"") -> bytes:
    return b'{"topic":"%b","data":%b%b}' % (topic.encode(), data, more)


def fields(use: object, body: bytes) -> list[str]:
    assert callable(use)
    with pytest.raises(InvalidEvent) as caught:
        use(body)
    return [error.field for error in caught.value.errors]


def test_the_body_is_compact_in_the_catalogues_order_and_holds_the_data_untouched() -> None:
    spaced = TAG.replace(b",", b" ,\n\t")
    assert render("tag.added", spaced, 1_742_049_000_007) == (
        b'{"topic":"tag.added","version":"2.0","timestamp":"2025-03-15T14:30:00.007Z","data":' + spaced + b"}"
    )


@given(st.lists(st.integers(0, 253_402_300_799_999), min_size=1, max_size=4))
def test_the_timestamp_is_utc_with_milliseconds_whatever_was_rendered_before(moments: list[int]) -> None:
    for moment in moments:
        rendered = parse(render("tag.added", TAG, moment)).timestamp
        assert (
            rendered == (EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")[:-6] + "Z"
        )


@pytest.mark.parametrize("moment", [-1, 253_402_300_800_000, 10**30])
def test_a_time_that_cannot_be_written_is_refused(moment: int) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        render("tag.added", TAG, moment)


@pytest.mark.parametrize("topic", CATALOGUE)
def test_what_was_published_arrives_byte_for_byte(topic: str) -> None:
    data = CATALOGUE[topic].example
    sent = parse_publish(asked(data, topic))
    assert (sent.topic, sent.data, sent.dedupe_key) == (topic, data, None)
    assert sent.key == dedupe_key(topic, sent.typed)
    assert isinstance(sent.typed, CATALOGUE[topic].struct)
    assert b'"data":' + data + b"}" in render(topic, sent.data, 0)


def test_a_senders_own_key_goes_before_the_catalogues_and_cannot_pose_as_it() -> None:
    data = CATALOGUE["call.completed"].example
    derived = parse_publish(asked(data, "call.completed")).key
    assert derived == "call.completed:cll_2NfDKEm9sF8xK3pQr1Zt"
    own = parse_publish(asked(data, "call.completed", b',"dedupe_key":"cll_2NfDKEm9sF8xK3pQr1Zt"'))
    assert own.dedupe_key == "cll_2NfDKEm9sF8xK3pQr1Zt"
    assert own.key not in (derived, None)
    assert parse_publish(asked(more=b',"dedupe_key":null')).key is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ["body"]),
        (b"[]", ["body"]),
        (b"{", ["body"]),
        (b'{"topic":"tag.added"\xff}', ["body"]),
        (b"[" * 100_000, ["body"]),
        (b"{}", ["topic", "data"]),
        (b'{"topic":5,"data":{}}', ["topic"]),
        (asked(more=b',"dedupe_key":5'), ["dedupe_key"]),
        (asked(more=b',"dedupe_key":""'), ["dedupe_key"]),
        (asked(more=b',"dedupe_key":"%b"' % (b"x" * 257)), ["dedupe_key"]),
        (asked(more=b',"dedupe_key":"a\\u0000"'), ["dedupe_key"]),
        (asked(more=b',"dedupe_key":"a\\n"'), ["dedupe_key"]),
        (asked(more=b',"dedupKey":"a"'), ["dedupKey"]),
        (asked(b"null"), ["data"]),
        (asked(b'{"call_id":"c","tag_key":"k","tag_name":"n"}'), ["data.user_email"]),
    ],
)
def test_a_publishers_fault_is_named_with_its_path(body: bytes, expected: list[str]) -> None:
    assert fields(parse_publish, body) == expected


def test_publishing_an_unknown_topic_names_the_nearest() -> None:
    with pytest.raises(UnknownTopic) as caught:
        parse_publish(asked(topic="tag.add"))
    assert (caught.value.nearest, caught.value.field) == ("tag.added", "topic")
    assert "did you mean `tag.added`?" in caught.value.errors[0].message


def test_a_batch_comes_back_in_order() -> None:
    names = list(CATALOGUE)
    body = b'{"events":[' + b",".join(asked(CATALOGUE[name].example, name) for name in names) + b"]}"
    assert [(one.topic, one.data) for one in parse_publish_batch(body)] == [
        (name, CATALOGUE[name].example) for name in names
    ]


def test_a_batch_lists_the_faults_of_all_its_events_and_takes_none() -> None:
    body = b'{"events":[' + b",".join([asked(), asked(b"{}"), asked(b"5")]) + b"]}"
    assert fields(parse_publish_batch, body) == [
        "events[1].data.call_id",
        "events[1].data.tag_key",
        "events[1].data.tag_name",
        "events[1].data.user_email",
        "events[2].data",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"events":[]}', ["events"]),
        (b'{"events":{}}', ["events"]),
        (b'{"events":[' + b",".join([asked()] * (MAX_BATCH + 1)) + b"]}", ["events"]),
        (b'{"events":[' + asked() + b',{"topic":"tag.added"}]}', ["events[1].data"]),
        (b'{"events":[1]}', ["events[0]"]),
        (asked(), ["events", "topic", "data"]),
    ],
)
def test_a_batchs_own_faults_are_named(body: bytes, expected: list[str]) -> None:
    assert fields(parse_publish_batch, body) == expected


def test_a_full_batch_is_taken() -> None:
    body = b'{"events":[' + b",".join([asked()] * MAX_BATCH) + b"]}"
    assert len(parse_publish_batch(body)) == MAX_BATCH


def test_an_unknown_topic_in_a_batch_says_which_event() -> None:
    body = b'{"events":[' + asked() + b"," + asked(topic="nope") + b"]}"
    with pytest.raises(UnknownTopic) as caught:
        parse_publish_batch(body)
    assert caught.value.field == "events[1].topic"


def test_a_receiver_ignores_additive_keys_of_the_envelope() -> None:
    body = render("tag.added", TAG, 0)[:-1] + b',"workspace":"w","data2":{"\\u0041":1}}'
    assert parse(body) == parse(render("tag.added", TAG, 0))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"version":"2.0"', b'"version":"3.0"', "version"),
        (b'"version":"2.0"', b'"version":2.0', "version"),
        (b'"timestamp":"1970', b'"timestamp":"197', "timestamp"),
        (b'"topic"', b'"Topic"', "topic"),
        (b'"call_id":"', b'"call_ID":"', "data.call_id"),
    ],
)
def test_a_receiver_is_told_what_is_wrong_with_a_body(old: bytes, new: bytes, field: str) -> None:
    assert fields(parse, render("tag.added", TAG, 0).replace(old, new)) == [field]


def test_an_event_made_in_python_is_checked_like_a_strangers() -> None:
    data = validate("call.completed", CATALOGUE["call.completed"].example)
    assert isinstance(data, CallCompleted)
    sent = publish(data, dedupe_key="mine")
    assert sent.data == CATALOGUE["call.completed"].example
    assert sent.key == "call.completed:key=mine"
    with pytest.raises(TypeError):
        publish("not an event")  # type: ignore[arg-type]
