"""Events as the first version of the phone API sends them: `{"topic", "data"}`, with topics of its own.

    stored body ── body_of ──▶ {"topic":"CALL_RECEIVED","data":{…}}

The bytes follow from the stored ones alone, so they are the same on every attempt. What `body_of` makes of a body must
never change: an attempt that is made after an upgrade would differ from the one before it.
"""

import operator
import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from switchhook.clock import iso_millis
from switchhook.events.payloads import CallCompleted, CallType

PING = "PING"
"""What is sent to try an endpoint. Nothing that happens makes one."""

TOPICS = {
    PING: PING,
    "CALL_RECEIVED": "call.completed",  # sent when a call has ended, whichever way it went
    "SMS_RECEIVED": "sms.received",
    "SMS_SENT": "sms.sent",
    "CONTACT_CREATED": "contact.created",
    "CONTACT_UPDATED": "contact.updated",
}
"""The topic of the event behind each topic of the first version."""

NAMES = {topic: name for name, topic in TOPICS.items()}


def ping(timestamp_ms: int) -> bytes:
    """What is stored of a test with `PING`, rendered at that time (wall ms)."""
    timestamp = iso_millis(timestamp_ms).encode()
    return b'{"topic":"PING","version":"2.0","timestamp":"%b","data":{}}' % timestamp


def _own_number_of_call(data: CallCompleted) -> str:
    return data.to if data.type is CallType.INBOUND else data.from_number


_OWN_NUMBER: dict[str, Callable[[Any], str]] = {
    "call.completed": _own_number_of_call,
    "sms.received": operator.attrgetter("to_number"),
    "sms.sent": operator.attrgetter("from_number"),
}

ON_A_NUMBER = frozenset(_OWN_NUMBER)
"""The topics whose events are about one number of the business; all others are about no number."""


def own_number(topic: str, data: msgspec.Struct) -> str | None:
    """The number of the business that an event is about. None when its topic is not in `ON_A_NUMBER`."""
    read = _OWN_NUMBER.get(topic)
    return None if read is None else read(data)


class _Stored(msgspec.Struct, frozen=True):
    topic: str
    data: Raw


_read = msgspec.json.Decoder(_Stored).decode
_read_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


def body_of(body: bytes) -> bytes:
    """What a webhook of the first version gets of a stored body. Pure; of a body that was removed nothing is left."""
    if not body:
        return body
    envelope = _read(body)
    data = bytes(envelope.data)
    if envelope.topic == "call.completed":
        fields = _read_fields(data)
        fields.pop("tags", None)
        summary = msgspec.json.decode(fields["summary"], type=str)
        fields["one_sentence_summary"] = Raw(_encode(first_sentence(summary)))
        data = _encode(fields)
    return b'{"topic":"%b","data":%b}' % (NAMES[envelope.topic].encode(), data)


# Where a sentence may end: its mark, what closes a quotation, a blank. Languages without blanks have their own marks.
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:dr|mr|mrs|ms|mme|mlle|prof|st|no|vs|approx|inc|ltd|co|p\.m|a\.m|[a-z])\.$", re.IGNORECASE
)


def first_sentence(text: str) -> str:
    """The first sentence of a text: of its first line that is not empty, up to where it seems to end. Pure."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    for end in _END.finditer(line):
        if not _ABBREVIATION.search(line[: end.end()]):
            return line[: end.end()]
    return line
