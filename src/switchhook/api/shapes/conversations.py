"""Conversations, the calls and texts in them, tags, users and numbers. Times are ISO 8601 in UTC."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from switchhook.api.shapes.crm import Named, PageNumber, PageSize

ItemType = Literal["CALL", "SMS"]
Direction = Literal["INBOUND", "OUTBOUND"]
Number = Annotated[str, Meta(max_length=64)]
Key = Annotated[str, Meta(min_length=1, max_length=255)]


class DealInItem(Struct, frozen=True):
    """A deal of the company of whoever was talked to."""

    id: str
    name: str | None
    status: str | None


class ContactInItem(Struct, frozen=True):
    """Somebody who has the number at the other end."""

    id: str
    name: str | None
    company: Named | None
    deals: list[DealInItem]


class UserInItem(Struct, frozen=True):
    """Who of us it was. `id` and `name` are null for a user who is no longer known."""

    id: str | None
    name: str | None
    email: str


class TranscriptLine(Struct, frozen=True):
    """One utterance: `source` is USER (our side) or EXTERNAL."""

    source: str
    time: str
    text: str


class FileInItem(Struct, frozen=True):
    """A file that came with a text. `url`, a signed link good for a day, and `size` are null until it is here."""

    id: str
    url: str | None
    content_type: str
    size: int | None


class ChoiceInItem(Struct, frozen=True):
    """A choice made in a menu: the key, and what it stands for."""

    dtmf_key: str | None
    text_key: str | None


class PartyInItem(Struct, frozen=True):
    """One end of a transfer."""

    number: str | None
    user_email: str | None
    user_name: str | None


class ConversationItem(Struct, frozen=True, kw_only=True):
    """A call that is over, or a text. `transcript` is there with `extend=transcript`, `files` of an MMS. With
    `extend=routing`: `ivr_result` of a call that was led through menus, what begins with `transfer_` of one that was
    passed on.
    """

    id: str
    type: ItemType
    direction: Direction
    allo_number: str
    contact_number: str
    contacts: list[ContactInItem]
    user: UserInItem | None
    date: str
    duration: int | None
    result: str | None
    recording_url: str | None
    summary: str | None
    tags: list[str]
    content: str | None
    status: str | None
    message_type: str | None
    transcript: list[TranscriptLine] | UnsetType = UNSET
    data_collected: dict[str, Any] | UnsetType = UNSET
    files: list[FileInItem] | UnsetType = UNSET
    ivr_result: list[ChoiceInItem] | UnsetType = UNSET
    transfer_from: PartyInItem | UnsetType = UNSET
    transfer_to: PartyInItem | UnsetType = UNSET
    transfer_original_call_id: str | UnsetType = UNSET


class ItemEvent(Struct, frozen=True):
    """An event that told of a call."""

    id: str
    topic: str
    created_at: str


class ConversationSummary(Struct, frozen=True, kw_only=True):
    """What was said with a number, and last of all what."""

    contact_number: str
    contacts: list[ContactInItem]
    last_activity: str
    unread: bool
    pinned: bool
    last_item: ConversationItem | None


class ItemsSearch(Struct, frozen=True, kw_only=True):
    """Which items. `search`: words that must all be there, or begin a word that is."""

    allo_number: str | UnsetType = UNSET
    contact_number: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    direction: Direction | UnsetType = UNSET
    type: Literal["CALL", "SMS", "ALL"] = "ALL"
    result: str | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    unread: bool | UnsetType = UNSET
    unresponded: bool | UnsetType = UNSET
    has_recording: bool | UnsetType = UNSET
    search: str | UnsetType = UNSET
    sort: Literal["DATE_DESC", "DATE_ASC", "RELEVANCE"] = "DATE_DESC"
    extend: str | UnsetType = UNSET
    date: dict[str, str] | UnsetType = UNSET
    page: PageNumber = 1
    size: PageSize = 20


class ItemsBatch(Struct, frozen=True, kw_only=True):
    """The items to get, at most 100."""

    ids: list[str]
    extend: str | UnsetType = UNSET


class TagsAdded(Struct, frozen=True, kw_only=True):
    """The keys of the tags to put on a call."""

    tags: list[Key]


class SummaryChange(Struct, frozen=True, kw_only=True):
    """A call's new summary, as Markdown. `template_key` is taken and not looked at: a call has one summary."""

    content: Annotated[str, Meta(max_length=100_000)]
    template_key: str | UnsetType | None = UNSET


class CallSummary(Struct, frozen=True, kw_only=True):
    """A call's summary; `version` grows with every change."""

    id: str
    content: str | None
    version: int
    updated_at: str | None
    updated_by: Named | None


Action = Literal["READ", "UNREAD", "ARCHIVE", "UNARCHIVE"]


class ActionAsked(Struct, frozen=True, kw_only=True):
    """What is to become of the conversations with a number; without `allo_number`, on all of our numbers."""

    action: str
    allo_number: Number | UnsetType | None = UNSET


class PinAsked(Struct, frozen=True, kw_only=True):
    """Which of our numbers the conversation is on."""

    allo_number: Number


class TagDetail(Struct, frozen=True):
    """A tag that calls can be given. `id` is its key, the slug of its name."""

    id: str
    name: str
    color: str | None


class NewTag(Struct, frozen=True, kw_only=True):
    """A tag to be made."""

    name: Key
    color: (
        Annotated[
            str,
            Meta(
                pattern=r"^#?[0-9A-Fa-f]{3,6}(?![\s\S])",
                max_length=7,
                description="Three to six hexadecimal digits, such as #FF8800.",
            ),
        ]
        | None
    ) = None


class UserDetail(Struct, frozen=True, kw_only=True):
    """Somebody of the workspace. `in_settings`: the settings name them too, and hold at the next start."""

    id: str
    name: str
    email: str
    role: str
    status: str
    image_url: str | None
    in_settings: bool | UnsetType = UNSET


class NumberDetail(Struct, frozen=True, kw_only=True):
    """A number of the workspace. `number` is null for a sender id, which is its name or stands in `sender_id`.

    `in_settings`: the settings name it too, and hold at the next start.
    """

    number: str | None
    name: str
    country: str
    type: Literal["NUMBER", "SENDER_ID"]
    capabilities: list[str]
    users: list[UserInItem]
    sender_id: str | UnsetType = UNSET
    in_settings: bool | UnsetType = UNSET
