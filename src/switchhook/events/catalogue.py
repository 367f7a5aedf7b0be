"""The one table of the nine events, and beside it those of the further and the operational ones. Decoding,
deduplication, schemas and the API's lists are all read off them."""

import hashlib
import operator
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from switchhook.events import examples, further, operational, payloads
from switchhook.events.faults import FieldError, InvalidEvent, ReservedTopic, UnknownTopic, explain
from switchhook.events.further import FurtherData
from switchhook.events.operational import OperationalData
from switchhook.events.payloads import EventData
from switchhook.events.strict import DECODING_ERRORS, UNTYPED, flaw, lenient_decoder, strict_decoder, twin

AnyData = EventData | FurtherData | OperationalData
"""The data of whatever can be subscribed to."""

VERSION = "2.0"
"""The version every envelope carries."""

MAX_KEY = 200
"""The longest derived dedupe key spelled out, in characters; a longer one is its hash."""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the catalogue.

    `description` is what the API's list of event types says, `fires` when the event happens. `dedupe_fields` are the
    fields of the data that make the fact the same fact; none means that every report is an event of its own.
    `example` is the catalogue's example data, compact.
    """

    name: str
    struct: type[msgspec.Struct]
    description: str
    fires: str
    dedupe_fields: tuple[str, ...]
    example: bytes

    @property
    def deduplicated(self) -> bool:
        """Whether reporting the same fact twice makes one event."""
        return bool(self.dedupe_fields)


_EXAMPLES = examples.EXAMPLES | further.EXAMPLES | operational.EXAMPLES


def _row(
    name: str, struct: type[msgspec.Struct], description: str, fires: str, *dedupe_fields: str
) -> tuple[str, Topic]:
    return name, Topic(
        name=name,
        struct=struct,
        description=description,
        fires=fires,
        dedupe_fields=dedupe_fields,
        example=_EXAMPLES[name],
    )


# A ringing call has no id on the wire: who rang whom, and when, is what names it.
_RING = ("from_number", "to_number", "started_at")

CATALOGUE: dict[str, Topic] = dict(
    [
        _row(
            "call.received",
            payloads.CallReceived,
            "Inbound call received",
            "An inbound call starts to ring, before anybody answers.",
            *_RING,
        ),
        _row(
            "call.triggered",
            payloads.CallTriggered,
            "Outbound call triggered",
            "An outbound call is placed, before anybody answers.",
            *_RING,
        ),
        _row(
            "call.completed",
            payloads.CallCompleted,
            "Call completed",
            "A call has ended and its recording, transcript and summary are ready, about 30 seconds after the hang-up.",
            "id",
        ),
        _row(
            "tag.added",
            payloads.TagAdded,
            "Tag added to a call",
            "A tag is put on a call that did not have it.",
        ),
        _row(
            "tag.removed",
            payloads.TagRemoved,
            "Tag removed from a call",
            "A tag is taken off a call that had it.",
        ),
        _row(
            "sms.received", payloads.SmsReceived, "Inbound sms received", "A text message has come in.", "id"
        ),
        _row("sms.sent", payloads.SmsSent, "Outbound sms sent", "A text message has been sent.", "id"),
        _row(
            "contact.created",
            payloads.ContactCreated,
            "Contact created",
            "A new contact has been stored.",
            "id",
        ),
        _row(
            "contact.updated",
            payloads.ContactUpdated,
            "Contact updated",
            "A contact has changed; the event carries its full state after the change.",
        ),
    ]
)
"""Every topic by name, in the catalogue's order."""

FURTHER: dict[str, Topic] = dict(
    [
        _row(
            "call.answered",
            further.CallAnswered,
            "Call answered",
            "A call is answered: an inbound one by one of us, an outbound one by the other side.",
            *_RING,
        ),
        _row(
            "call.missed",
            further.CallMissed,
            "Inbound call missed",
            "An inbound call is over and none of us has answered it.",
            "call_id",
        ),
        _row(
            "call.transcribed",
            further.CallTranscribed,
            "Call transcribed",
            "A call that is over has been transcribed, in time for its call.completed or later.",
            "call_id",
        ),
        _row(
            "summary.updated",
            further.SummaryUpdated,
            "Summary updated",
            "The summary of a call is written anew.",
            "call_id",
            "version",
        ),
    ]
)
"""What is told beside the nine, to those who name it."""

OPERATIONAL: dict[str, Topic] = dict(
    [
        _row(
            "endpoint.disabled",
            operational.EndpointDisabled,
            "Endpoint disabled",
            "An endpoint is disabled: its deliveries failed for five days, it answered 410, or somebody disabled it. "
            "Or nothing is sent to it because its sealed secrets do not open (`locked`). Not sent to that endpoint.",
            "webhook_id",
            "disabled_at",
        ),
        _row(
            "endpoint.recovered",
            operational.EndpointRecovered,
            "Endpoint recovered",
            "A delivery succeeds after the breaker's clock had begun (failures at least 12 hours apart), or an "
            "endpoint that was disabled is enabled.",
            "webhook_id",
            "recovered_at",
        ),
        _row(
            "delivery.exhausted",
            operational.DeliveryExhausted,
            "Delivery failed for good",
            "The last attempt of a delivery has failed, or the receiver asked for no more. Not sent to the endpoint "
            "that failed, and not for the delivery of an operational event.",
            "delivery_id",
            "attempts",
        ),
    ]
)
"""What Switchhook says about itself. Nobody gets these but who names them, and nobody can publish them."""

TOPICS: dict[str, Topic] = CATALOGUE | FURTHER | OPERATIONAL
"""Everything that can be subscribed to."""

TOPIC_OF: dict[type[msgspec.Struct], str] = {row.struct: name for name, row in TOPICS.items()}
"""The topic of each struct. Strict twins are subclasses: look up `type(data)` through `topic_of`."""


class _Reader:
    """One topic's decoders, made once."""

    __slots__ = ("lenient", "strict")

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self.strict: Callable[[bytes], Any] = strict_decoder(struct).decode
        self.lenient: Callable[[bytes], Any] = lenient_decoder(struct).decode


_READERS = {name: _Reader(row.struct) for name, row in TOPICS.items()}


_DEDUPE_VALUES = {
    name: tuple(operator.attrgetter(path) for path in row.dedupe_fields) for name, row in TOPICS.items()
}


def topic_of(data: msgspec.Struct) -> str:
    """The topic whose data this struct is.

    Raises:
        TypeError: it is no event's data.
    """
    for kind in type(data).__mro__:
        if kind in TOPIC_OF:
            return TOPIC_OF[kind]
    raise TypeError(f"{type(data).__name__} is not the data of an event")


def validate(topic: str, raw: bytes) -> EventData | FurtherData:
    """The typed data of JSON bytes that somebody wants to publish, which must be exactly what the catalogue says.

    The bytes themselves are fit to be sent on as they are: no unknown key, no key twice, no nesting deeper than 64.

    Raises:
        ReservedTopic: an operational event, which only Switchhook makes.
        UnknownTopic: the catalogue has no such topic.
        InvalidEvent: every fault found, each with its path from `data`.
    """
    reader = _READERS.get(topic)
    if reader is None:
        raise UnknownTopic(topic, CATALOGUE)
    if topic in OPERATIONAL:
        raise ReservedTopic(topic, CATALOGUE)
    try:
        data: EventData | FurtherData = reader.strict(raw)
        fault = flaw(data, raw)
    except DECODING_ERRORS as error:
        raise _invalid(topic, raw, error, strict=True) from None
    if fault is not None:
        raise InvalidEvent([FieldError("data", fault)])
    return data


def read(topic: str, raw: bytes) -> AnyData:
    """The typed data of JSON bytes that were received. Unknown keys are ignored.

    Raises:
        UnknownTopic: the catalogue has no such topic.
        InvalidEvent: a known field is not as the catalogue says.
    """
    reader = _READERS.get(topic)
    if reader is None:
        raise UnknownTopic(topic, CATALOGUE)
    try:
        data: AnyData = reader.lenient(raw)
    except DECODING_ERRORS as error:
        raise _invalid(topic, raw, error, strict=False) from None
    return data


def dedupe_key(topic: str, data: AnyData) -> str | None:
    """What is the same for every report of the same fact, or None when the topic is not deduplicated.

    The key begins with the topic and is printable, at most `MAX_KEY` characters, so any database can index it.

    Raises:
        UnknownTopic: the catalogue has no such topic.
    """
    row = TOPICS.get(topic)
    if row is None:
        raise UnknownTopic(topic, CATALOGUE)
    if not row.dedupe_fields:
        return None
    return key_of(topic, [read(data) for read in _DEDUPE_VALUES[topic]])


def key_of(topic: str, values: Sequence[Any]) -> str:
    """What `dedupe_key` makes of data that has these values in the fields of the topic's rule."""
    # Several values go through JSON so that no number can be written to look like two.
    text = values[0] if len(values) == 1 else msgspec.json.encode(values).decode()
    # `key=` marks a sender's own key (see `Publish.key`), `sha256=` a hash: an id must not be able to pose as either.
    if len(topic) + 1 + len(text) > MAX_KEY or not text.isprintable() or text.startswith(("sha256=", "key=")):
        text = "sha256=" + hashlib.sha256(text.encode()).hexdigest()
    return f"{topic}:{text}"


def _invalid(topic: str, raw: bytes, error: Exception, *, strict: bool) -> InvalidEvent:
    """The same fault in the sender's terms, every other one with it."""
    try:
        value = UNTYPED.decode(raw)
        kind = inspect.type_info(twin(TOPICS[topic].struct))
        faults = explain(value, kind, "data", strict=strict)
    except DECODING_ERRORS as cause:
        return InvalidEvent([FieldError("data", not_json(cause))])
    # The walk and the decoder agree; should they ever not, the decoder decides and its words must do.
    return InvalidEvent(faults or [FieldError("data", str(error))])


def not_json(error: Exception) -> str:
    """Why bytes could not be read as JSON, for people."""
    match error:
        case RecursionError():
            return "nested too deeply"
        case UnicodeDecodeError():
            return "not valid UTF-8"
        case _:
            return f"not valid JSON: {error}"
