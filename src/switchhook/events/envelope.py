"""The envelope around every event, in three directions.

    a publisher's body ─ parse_publish ─▶ Publish ─ render ─▶ the bytes stored, signed and sent ─ parse ─▶ Event

The data is decoded once, to check it, and travels on as the bytes it came in: nothing is ever encoded again, so a
retry cannot differ from its first attempt and `25000.00` stays `25000.00`.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, inspect

from switchhook.events.catalogue import (
    CATALOGUE,
    TOPICS,
    VERSION,
    AnyData,
    dedupe_key,
    not_json,
    read,
    topic_of,
    validate,
)
from switchhook.events.faults import MAX_FAULTS, FieldError, InvalidEvent, UnknownTopic, explain
from switchhook.events.further import FurtherData
from switchhook.events.payloads import EventData, Timestamp
from switchhook.events.strict import DECODING_ERRORS, UNTYPED, encode

MAX_BATCH = 1000
MAX_DEDUPE_KEY = 255  # characters of a key that the sender gives
"""The most events one batch may hold."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook: `timestamp` is when it was rendered, `data` the event's JSON as it stands."""

    topic: str
    version: Literal["2.0"]
    timestamp: Timestamp
    data: Raw


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A received event. `match event.data: case CallCompleted(): …` tells what it is."""

    topic: str
    version: str
    timestamp: str
    data: AnyData


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """An event somebody wants published, checked: `data` are the sender's bytes, `typed` what they say.

    `dedupe_key` is the sender's own key, None when they gave none; `key` is the one to use.
    """

    topic: str
    data: bytes
    dedupe_key: str | None
    typed: EventData | FurtherData

    @property
    def key(self) -> str | None:
        """What makes a second report of the same fact recognisable: the sender's key, else the catalogue's rule.

        The two never meet: a sender's key is marked as such.
        """
        if self.dedupe_key is not None:
            return f"{self.topic}:key={self.dedupe_key}"
        return dedupe_key(self.topic, self.typed)


# Printable and short: it becomes part of a database index, and some databases take no NUL in text.
_DedupeKey = Annotated[
    str, Meta(min_length=1, max_length=MAX_DEDUPE_KEY, pattern=r"^[^\x00-\x1f\x7f]*(?![\s\S])")
]


class _PublishBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    topic: str
    data: Raw
    dedupe_key: _DedupeKey | None = None


class _BatchBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    events: list[_PublishBody]


_READ_ENVELOPE = msgspec.json.Decoder(Envelope).decode
_READ_PUBLISH = msgspec.json.Decoder(_PublishBody).decode
_READ_BATCH = msgspec.json.Decoder(_BatchBody).decode

_HEADS = {name: f'{{"topic":"{name}","version":"{VERSION}","timestamp":"'.encode() for name in TOPICS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Second:
    """The text of the second rendered last. A busy process renders thousands in each."""

    number = -1
    text = b""


def render(topic: str, data: bytes, timestamp_ms: int) -> bytes:
    """The body of a webhook around `data`, bytes that `validate` or `encode` vouch for, which are not looked at again.

    `timestamp_ms` is wall time in milliseconds since the Unix epoch.

    Raises:
        UnknownTopic: the catalogue has no such topic.
        ValueError: the timestamp is before 1970 or after 9999.
    """
    head = _HEADS.get(topic)
    if head is None:
        raise UnknownTopic(topic, CATALOGUE)
    second, millis = divmod(timestamp_ms, 1000)
    if second != _Second.number:
        _Second.text = _second_text(second)
        _Second.number = second
    return b'%b%b.%03dZ","data":%b}' % (head, _Second.text, millis, data)


def _second_text(second: int) -> bytes:
    if second < 0:
        raise ValueError("a timestamp before 1970 is not one of ours")
    try:
        moment = _EPOCH + timedelta(seconds=second)
    except OverflowError as error:
        raise ValueError("a timestamp after 9999 cannot be written") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%S").encode()


def parse(body: bytes) -> Event:
    """The typed event of a webhook's body. Fields unknown to this version are ignored.

    Raises:
        UnknownTopic: an event newer than this catalogue. Answer 2xx and go on: it is not a fault.
        InvalidEvent: not an event, with every fault found.
    """
    try:
        envelope = _READ_ENVELOPE(body)
    except DECODING_ERRORS as error:
        raise _faults(body, Envelope, error, strict=False) from None
    data = read(envelope.topic, bytes(envelope.data))
    return Event(topic=envelope.topic, version=envelope.version, timestamp=envelope.timestamp, data=data)


def parse_publish(body: bytes) -> Publish:
    """What `{topic, data, dedupe_key?}` asks to have published.

    Raises:
        UnknownTopic: the catalogue has no such topic; carries the nearest known one.
        InvalidEvent: every fault found, with its path (`topic`, `dedupe_key`, `data.deals[0].value`).
    """
    try:
        asked = _READ_PUBLISH(body)
    except DECODING_ERRORS as error:
        raise _faults(body, _PublishBody, error, strict=True) from None
    return _checked(asked)


def parse_publish_batch(body: bytes) -> list[Publish]:
    """What `{events: [{topic, data, dedupe_key?}, …]}` asks to have published, in order: all of it or nothing.

    Raises:
        UnknownTopic: the first topic the catalogue does not have; `field` is its path (`events[3].topic`).
        InvalidEvent: the faults of all events, with their paths; also more than `MAX_BATCH` events, or none.
    """
    try:
        batch = _READ_BATCH(body)
    except DECODING_ERRORS as error:
        raise _faults(body, _BatchBody, error, strict=True) from None
    if not 1 <= len(batch.events) <= MAX_BATCH:
        raise InvalidEvent([FieldError("events", f"must hold between 1 and {MAX_BATCH} events")])
    checked: list[Publish] = []
    faults: list[FieldError] = []
    for index, asked in enumerate(batch.events):
        try:
            checked.append(_checked(asked))
        except UnknownTopic as error:
            raise type(error)(error.topic, CATALOGUE, f"events[{index}].topic") from None
        except InvalidEvent as error:
            faults += [FieldError(f"events[{index}].{one.field}", one.message) for one in error.errors]
            if len(faults) >= MAX_FAULTS:
                break
    if faults:
        raise InvalidEvent(faults[:MAX_FAULTS])
    return checked


def publish(data: EventData | FurtherData, dedupe_key: str | None = None) -> Publish:
    """An event made in Python, encoded and then checked as a stranger's would be: a struct does not check its types.

    Raises:
        InvalidEvent: it is not what the catalogue says.
        TypeError: it is no event's data, or holds something that is not JSON.
    """
    topic = topic_of(data)
    try:
        raw = encode(data)
    except ValueError as error:
        raise InvalidEvent([FieldError("data", f"cannot be written as JSON: {error}")]) from None
    return Publish(topic=topic, data=raw, dedupe_key=dedupe_key, typed=validate(topic, raw))


def _checked(asked: _PublishBody) -> Publish:
    raw = bytes(asked.data)
    return Publish(topic=asked.topic, data=raw, dedupe_key=asked.dedupe_key, typed=validate(asked.topic, raw))


def _faults(body: bytes, kind: type[msgspec.Struct], error: Exception, *, strict: bool) -> InvalidEvent:
    try:
        value: Any = UNTYPED.decode(body)
    except DECODING_ERRORS as cause:
        return InvalidEvent([FieldError("body", not_json(cause))])
    if not isinstance(value, dict):
        return InvalidEvent([FieldError("body", "must be a JSON object")])
    return InvalidEvent(
        explain(value, inspect.type_info(kind), "", strict=strict) or [FieldError("body", str(error))]
    )
