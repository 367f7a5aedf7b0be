"""What the routes of /v1 carry. Times are ISO 8601 in UTC without a zone; pages count from 0."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from switchhook.api.shapes.crm import Emails, Long, Named, Numbers, Text
from switchhook.api.shapes.webhooks import Url

Engagement = Literal["ENGAGED", "COOLING", "COLD"]
NumbersChange = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=50)]


class NewContactV1(Struct, frozen=True, kw_only=True):
    """A contact to be created. `company` is a company's name; one that is not known is made."""

    numbers: Numbers
    name: Text | None = None
    last_name: Text | None = None
    job_title: Text | None = None
    website: Long | None = None
    emails: Emails | None = None
    company: Text | None = None


class ContactChangeV1(Struct, frozen=True, kw_only=True):
    """What is to change of a contact; what is absent stays, lists replace."""

    numbers: NumbersChange | UnsetType = UNSET
    name: Text | UnsetType | None = UNSET
    last_name: Text | UnsetType | None = UNSET
    job_title: Text | UnsetType | None = UNSET
    website: Long | UnsetType | None = UNSET
    emails: Emails | UnsetType | None = UNSET
    company: Text | UnsetType | None = UNSET


ActivityKind = Literal["INBOUND_CALL", "OUTBOUND_CALL", "INBOUND_SMS", "OUTBOUND_SMS"]


class ActivityV1(Struct, frozen=True, kw_only=True):
    """A call or a text. `made_by` is the contact's number, or the e-mail address of who called or wrote for us.

    `allo_number` is there for calls, `content` for texts; where nobody is known for us, `made_by` is our number.
    """

    type: ActivityKind
    made_by: str
    made_at: str
    allo_number: str | None
    content: str | None


class ContactV1(Struct, frozen=True, kw_only=True):
    """A contact. `emails` and what comes after `engagement` are there when one contact is asked for.

    `activity` is there when `extend` asks for it; `conversation_url` is where this API tells all that was said.
    """

    id: str
    name: str | None
    last_name: str | None
    company: Named | None
    job_title: str | None
    website: str | None
    status: str | None
    is_archived: bool
    created_at: str
    updated_at: str
    numbers: list[str]
    is_whitelisted: bool
    last_activity_date: str | None
    engagement: Engagement | None
    emails: list[str] | UnsetType = UNSET
    integration_data: dict[str, Any] | UnsetType = UNSET
    custom_properties: dict[str, Any] | UnsetType = UNSET
    conversation_url: str | UnsetType | None = UNSET
    activity: list[ActivityV1] | UnsetType = UNSET


class PagesV1(Struct, frozen=True):
    """Where a page stands."""

    total_pages: int
    current_page: int


class MetadataV1(Struct, frozen=True):
    """Where a page stands, both flat and nested: the routes of the original differ, and clients read either."""

    total_pages: int
    current_page: int
    pagination: PagesV1


class ContactsV1(Struct, frozen=True):
    """A page of contacts."""

    results: list[ContactV1]
    metadata: MetadataV1


class NumberV1(Struct, frozen=True):
    """A number of the workspace."""

    number: str
    name: str
    country: str
    is_shared_number: bool


class TranscriptV1(Struct, frozen=True):
    """One utterance, and how many seconds into the call it began and ended."""

    source: str
    text: str
    time: str
    start_seconds: float
    end_seconds: float


class CallV1(Struct, frozen=True, kw_only=True):
    """A call that is over."""

    id: str
    from_number: str
    to_number: str
    length_in_minutes: float
    type: str
    result: str | None
    summary: str | None
    tag: str | None
    recording_url: str | None
    start_date: str
    transcript: list[TranscriptV1]


class CallsV1(Struct, frozen=True):
    """A page of calls."""

    results: list[CallV1]
    metadata: MetadataV1


class MessageV1(Struct, frozen=True, kw_only=True):
    """A text."""

    id: str
    from_number: str
    to_number: str
    type: str
    content: str | None
    start_date: str


_MessageText = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 1000})]


class NewSmsV1(Struct, frozen=True, kw_only=True):
    """A text to be sent, `from` a number of the workspace, or in France under a `sender_id`."""

    to: str
    message: _MessageText
    from_: str | None = field(name="from", default=None)
    sender_id: str | None = None


class SmsV1(Struct, frozen=True, kw_only=True):
    """A text that is on its way."""

    from_number: str | None
    sender_id: str | None
    to_number: str
    type: Literal["OUTBOUND"]
    content: str
    start_date: str


class ConversationItemV1(Struct, frozen=True):
    """A call or a text; the other one is null."""

    type: Literal["CALL", "TEXT_MESSAGE"]
    call: CallV1 | None
    message: MessageV1 | None


class ConversationV1(Struct, frozen=True):
    """A page of what was said with a contact, the newest first."""

    results: list[ConversationItemV1]
    metadata: MetadataV1


TopicsV1 = Annotated[
    list[str],
    Meta(
        min_length=1,
        max_length=100,
        description="PING, CALL_RECEIVED, SMS_RECEIVED, SMS_SENT, CONTACT_CREATED, CONTACT_UPDATED; at least one.",
    ),
]


class NewWebhookV1(Struct, frozen=True, kw_only=True):
    """A webhook to be created. It gets the calls and texts of one number of ours, and all contacts."""

    allo_number: Annotated[str, Meta(max_length=64, description="The number of ours.")]
    url: Url
    topics: TopicsV1
    enabled: bool = True


class WebhookV1(Struct, frozen=True, kw_only=True):
    """A webhook. Its number stands there twice, as clients look for it under either name."""

    id: str
    alloNumber: str  # the name clients know
    allo_number: str
    enabled: bool
    url: str
    topics: list[str]
