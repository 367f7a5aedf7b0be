"""What the nine events carry, field by field as the catalogue has it. The order of fields is the order of keys.

`None` is JSON null. A field that may be absent is `UNSET`; only `person` may be, when no contact matches the number.
Times are ISO 8601 text and stay text: a receiver gets what the sender wrote. The structs' own docstrings are published
in the schemas and speak of JSON.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from switchhook.events.values import Money, Person

# `$` alone would let a trailing newline through in Python, and `\Z` is unknown to JSON Schema's dialect:
# "nothing follows" is understood by both. Digits are spelled out because `\d` takes any script's.
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
_END = r"(?![\s\S])"

Timestamp = Annotated[str, Meta(pattern=f"^{_DATE}{_TIME}{_END}")]
"""An ISO 8601 date-time: `Z`, an offset or no zone, up to nine digits of a second's fraction."""

CLOSE_DATE = f"^{_DATE}({_TIME})?{_END}"
CloseDate = Annotated[str, Meta(pattern=CLOSE_DATE)]
"""An ISO 8601 date or date-time: a deal closes on a day, and not every CRM adds an hour."""


class CallType(StrEnum):
    """Which way a call went, seen from the business."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class CallResult(StrEnum):
    """How a call ended."""

    ANSWERED = "ANSWERED"
    VOICEMAIL = "VOICEMAIL"
    TRANSFERRED_AI = "TRANSFERRED_AI"
    TRANSFERRED_EXTERNAL = "TRANSFERRED_EXTERNAL"
    BLOCKED = "BLOCKED"
    FAILED = "FAILED"


class Speaker(StrEnum):
    """Whose words a transcript line holds: our side's (`USER`) or the other party's (`EXTERNAL`)."""

    USER = "USER"
    EXTERNAL = "EXTERNAL"


class MessageType(StrEnum):
    """What kind of text message it is."""

    SMS = "SMS"
    MMS = "MMS"


class Company(Struct, frozen=True, kw_only=True):
    """The company a contact belongs to."""

    id: str
    name: str | None


class Deal(Struct, frozen=True, kw_only=True):
    """A deal linked to a contact. `currency` is a code such as EUR."""

    id: str
    name: str | None
    status: str | None
    value: Money | None
    currency: str | None
    close_date: CloseDate | None


class CallReceived(Struct, frozen=True, kw_only=True):
    """An inbound call rings. `person` is absent when no contact matches; `company` and `deals` are null when none."""

    from_number: str
    to_number: str
    started_at: Timestamp
    user_email: str
    person: Person | UnsetType | None = UNSET
    company: Company | None
    deals: list[Deal] | None


class CallTriggered(Struct, frozen=True, kw_only=True):
    """An outbound call begins. The same fields as call.received, the business's own number in `from_number`."""

    from_number: str
    to_number: str
    started_at: Timestamp
    user_email: str
    person: Person | UnsetType | None = UNSET
    company: Company | None
    deals: list[Deal] | None


class TranscriptLine(Struct, frozen=True, kw_only=True):
    """One utterance of a call's transcript."""

    source: Speaker
    time: Timestamp
    text: str


class TransferParty(Struct, frozen=True, kw_only=True):
    """One end of a transfer. Without a transfer the object is there all the same, its members null."""

    number: str | None
    user_email: str | None
    user_name: str | None


class IvrChoice(Struct, frozen=True, kw_only=True):
    """One choice made in the phone menu: the key pressed and the label it stands for."""

    dtmf_key: str | None
    text_key: str | None


class CallCompleted(Struct, frozen=True, kw_only=True):
    """A call has ended: everything known of it.

    `to` and `to_name` are the catalogue's names (not `to_number`). `length` is for people (`5m 30s`),
    `length_in_minutes` is the same as a decimal. `recording_url` is null when recording is off.
    """

    id: str
    start_date: Timestamp
    recording_url: str | None
    from_number: str
    from_name: str
    to: str
    to_name: str
    length_in_minutes: int | float
    length: str
    tag: str | None
    tags: list[str]
    summary: str
    transcriptions: list[TranscriptLine]
    concatenated_transcript: str
    data_collected: dict[str, Any]
    type: CallType
    result: CallResult
    integration_id: str | None
    transfer_from: TransferParty
    transfer_to: TransferParty
    user_email: str
    original_to_number: str | None
    original_to_name: str | None
    transfer_original_call_id: str | None
    ivr_result: list[IvrChoice]


class TagAdded(Struct, frozen=True, kw_only=True):
    """A tag was put on a call. `user_email` is null when no user did it."""

    call_id: str
    tag_key: str
    tag_name: str
    user_email: str | None


class TagRemoved(Struct, frozen=True, kw_only=True):
    """A tag was taken off a call. `user_email` is null when no user did it."""

    call_id: str
    tag_key: str
    tag_name: str
    user_email: str | None


class SmsReceived(Struct, frozen=True, kw_only=True):
    """A text message came in."""

    id: str
    direction: Literal["INBOUND"]
    type: MessageType
    content: str
    sent_at: Timestamp
    from_number: str
    to_number: str
    from_name: str
    to_name: str
    user_email: str


class SmsSent(Struct, frozen=True, kw_only=True):
    """A text message went out."""

    id: str
    direction: Literal["OUTBOUND"]
    type: MessageType
    content: str
    sent_at: Timestamp
    from_number: str
    to_number: str
    from_name: str
    to_name: str
    user_email: str


class ContactCreated(Struct, frozen=True, kw_only=True):
    """A contact was created. `company` is the company's name here, not an object."""

    id: str
    name: str
    last_name: str
    company: str | None
    emails: list[str] | None
    numbers: list[str]


class ContactUpdated(Struct, frozen=True, kw_only=True):
    """A contact was changed: its full state after the change, in the fields of contact.created."""

    id: str
    name: str
    last_name: str
    company: str | None
    emails: list[str] | None
    numbers: list[str]


EventData = (
    CallReceived
    | CallTriggered
    | CallCompleted
    | TagAdded
    | TagRemoved
    | SmsReceived
    | SmsSent
    | ContactCreated
    | ContactUpdated
)
"""The data of any event."""
