"""Calls that are over and texts (items), the conversations they belong to, and the tags of calls."""

import re
from typing import Any, Literal

import msgspec

from switchhook.storage.people import fold
from switchhook.storage.plans import Condition, named, values
from switchhook.storage.store import Reader, Row, Transaction

ItemSort = Literal["DATE_DESC", "DATE_ASC", "RELEVANCE"]

FOREVER = 1 << 62  # a time after every other
WORD_MAX = 64  # letters of a word that count; PostgreSQL takes 2,046 bytes
WORDS_BYTES = 500_000  # of all words of an item; PostgreSQL takes a megabyte
_WORD = re.compile(r"[^\W_]+")


class Said(msgspec.Struct, frozen=True):
    """One utterance of a transcript: `source` is USER or EXTERNAL, `time` ISO 8601."""

    source: str
    time: str
    text: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is over, or a text. `own_number` is ours, `contact_number` theirs; `at` is wall milliseconds.

    `duration` (seconds) and `result` are a call's; `content`, `status` and `message_type` a text's. `details` holds
    what else `call.completed` said. `summary_updated_by` is None when a machine wrote the summary.
    """

    workspace: str
    id: str
    kind: Literal["CALL", "SMS"]
    direction: Literal["INBOUND", "OUTBOUND"]
    own_number: str
    contact_number: str
    user_email: str | None = None
    at: int
    duration: float | None = None
    result: str | None = None
    recording_url: str | None = None
    content: str | None = None
    status: str | None = None
    message_type: str | None = None
    summary: str | None = None
    summary_version: int = 0
    summary_updated_at: int | None = None
    summary_updated_by: str | None = None
    transcript: tuple[Said, ...] = ()
    details: dict[str, Any] = {}


class Conversation(msgspec.Struct, frozen=True):
    """What was said between one of our numbers and a number at the other end."""

    own_number: str
    contact_number: str
    active_at: int
    last_item: str
    unread: bool
    pinned_at: int | None


class Tag(msgspec.Struct, frozen=True):
    """A tag that calls can be given. `key` is the slug of its name, and its id."""

    key: str
    name: str
    color: str | None
    created_at: int
    deleted_at: int | None = None


class CallTag(msgspec.Struct, frozen=True):
    """A tag on a call. `user_email` is None when no user did it."""

    key: str
    name: str
    color: str | None
    user_email: str | None
    added_at: int


class ItemFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items; what is empty or None leaves nothing out. `words` must all be there, or begin a word that is."""

    own_number: str = ""
    contact_number: str = ""
    user_email: str = ""
    direction: str = ""
    kind: str = ""
    result: str = ""
    since: int = 0
    until: int = FOREVER
    tags: tuple[str, ...] = ()
    unread: bool | None = None
    unresponded: bool | None = None
    recorded: bool | None = None
    words: tuple[str, ...] = ()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are looked for: folded, letters and digits only, without the end of endless ones."""
    return tuple(word[:WORD_MAX] for word in _WORD.findall(fold(text)))


def words_text(item: Item) -> str:
    """What an item is found by: the words of its transcript, its summary and its text."""
    parts = [*(said.text for said in item.transcript), item.summary or "", item.content or ""]
    words = " ".join(dict.fromkeys(word for part in parts for word in words_of(part)))
    return words if len(words) * 4 <= WORDS_BYTES else words.encode()[:WORDS_BYTES].decode(errors="ignore")


_said = msgspec.json.Decoder(tuple[Said, ...])
_object = msgspec.json.Decoder(dict[str, Any])
_ITEM = Item.__struct_fields__


def _dump(value: object) -> str:
    return msgspec.json.encode(value).decode()


def item_of(row: Row) -> Item:
    """The item of a row."""
    *values, transcript, details = row
    return Item(
        **dict(zip(_ITEM, values, strict=False)),
        transcript=_said.decode(transcript),
        details=_object.decode(details),
    )


async def add_item(tx: Transaction, item: Item) -> bool:
    """Store an item; False when it is known already."""
    row = [getattr(item, field) for field in _ITEM[:-2]]
    row += [_dump(item.transcript), _dump(item.details), words_text(item)]
    return await tx.execute("add_item", *row) > 0


async def find_item(reader: Reader, workspace: str, id_: str) -> Item | None:
    """The item of an id."""
    rows = await reader.fetch("item", workspace, id_)
    return item_of(rows[0]) if rows else None


async def save_summary(tx: Transaction, item: Item) -> None:
    """Store the summary of an item, with who wrote it and when."""
    await tx.execute(
        "save_summary",
        item.workspace,
        item.id,
        item.summary,
        item.summary_version,
        item.summary_updated_at,
        item.summary_updated_by,
        words_text(item),
    )


async def save_transcript(tx: Transaction, item: Item) -> None:
    """Store the transcript of an item, and what else was found in it."""
    words = words_text(item)
    await tx.execute(
        "save_transcript", item.workspace, item.id, _dump(item.transcript), _dump(item.details), words
    )


async def silence_item(tx: Transaction, workspace: str, id_: str, kind: str) -> None:
    """Take all words out of an item: transcript, summary, text, and what else was said of a call."""
    await tx.execute("silence_item", workspace, id_, kind, "[]", "{}", "")


async def save_recording(tx: Transaction, workspace: str, id_: str, url: str) -> None:
    """Store where the recording of a call is, which came after its end was told."""
    await tx.execute("save_recording_url", workspace, id_, url)


async def save_status(tx: Transaction, workspace: str, id_: str, status: str) -> None:
    """Store how far a text has come."""
    await tx.execute("save_item_status", workspace, id_, status)


def _flag(value: bool | None) -> int:
    return -1 if value is None else int(value)


async def touch_conversation(tx: Transaction, item: Item, *, unread: bool, unresponded: bool) -> None:
    """Something was said: `item`."""
    await tx.execute(
        "touch_conversation",
        item.workspace,
        item.own_number,
        item.contact_number,
        item.at,
        item.id,
        int(unread),
        int(unresponded),
    )


async def list_conversations(
    reader: Reader,
    workspace: str,
    own_number: str,
    *,
    since: int = 0,
    unread: bool | None = None,
    pinned: bool | None = None,
    limit: int,
    offset: int,
) -> tuple[list[Conversation], int]:
    """A page of the conversations of one of our numbers, the newest activity first, and how many there are."""
    more = [Condition("active_since", since)] if since else []
    for piece, flag in (("has_unread", unread), ("is_pinned", pinned)):
        if flag is not None:
            more.append(Condition(piece, int(flag)))
    rows = await reader.fetch(
        named("conversations", more), workspace, own_number, limit, offset, *values(*more)
    )
    if more:
        query = named("count_conversations", more)
        ((count,),) = await reader.fetch(query, workspace, own_number, *values(*more))
    else:
        count = await tally_of_number(reader, workspace, own_number, "conversations")
    return [
        Conversation(own, their, at, last, bool(new), pin) for own, their, at, last, new, pin in rows
    ], count


async def tally_of_number(reader: Reader, workspace: str, own_number: str, what: str) -> int:
    """How many items, or conversations that are not archived, one of our numbers has."""
    ((count,),) = await reader.fetch("number_tally", workspace, own_number, what)
    return int(count)


async def mark_conversation(
    tx: Transaction,
    workspace: str,
    contact_number: str,
    own_number: str = "",
    *,
    unread: bool | None = None,
    archived: bool | None = None,
) -> int:
    """Mark the conversations with a number, on one of our numbers or on all; how many there are."""
    return await tx.execute(
        "mark_conversation", workspace, contact_number, own_number, _flag(unread), _flag(archived)
    )


async def list_tags(reader: Reader, workspace: str) -> list[Tag]:
    """The tags that calls can be given, oldest first."""
    return [Tag(*row) for row in await reader.fetch("tags", workspace)]


async def find_tag(reader: Reader, workspace: str, key: str) -> Tag | None:
    """The tag of a key, deleted or not."""
    rows = await reader.fetch("tag", workspace, key)
    return Tag(*rows[0]) if rows else None


async def put_tag(tx: Transaction, workspace: str, tag: Tag) -> None:
    """Store a tag; one that was deleted comes back with its new name."""
    await tx.execute("put_tag", workspace, tag.key, tag.name, tag.color, tag.created_at)


async def delete_tag(tx: Transaction, workspace: str, key: str, now: int) -> bool:
    """Give it to nobody any more; False when there is none. Calls that have it keep it."""
    return await tx.execute("delete_tag", workspace, key, now) > 0


async def tags_of_call(reader: Reader, workspace: str, call: str) -> list[CallTag]:
    """The tags of a call, the primary one first."""
    return [
        CallTag(key, name or key, color, email, at)
        for key, name, color, email, at in await reader.fetch("tags_of_call", workspace, call)
    ]


async def add_call_tag(
    tx: Transaction, workspace: str, call: str, key: str, *, user_email: str | None, now: int
) -> bool:
    """Put a tag on a call; False when it has it."""
    return await tx.execute("add_call_tag", workspace, call, key, user_email, now) > 0


async def drop_call_tag(tx: Transaction, workspace: str, call: str, key: str) -> bool:
    """Take a tag off a call; False when it has it not."""
    return await tx.execute("drop_call_tag", workspace, call, key) > 0


async def pinned(reader: Reader, workspace: str) -> set[tuple[str, str]]:
    """The conversations that are pinned, by our number and theirs."""
    return {(own, their) for own, their in await reader.fetch("pinned", workspace)}


async def pin(tx: Transaction, workspace: str, own_number: str, contact_number: str, at: int) -> None:
    """Pin a conversation."""
    await tx.execute("pin_conversation", workspace, own_number, contact_number, at)


async def unpin(tx: Transaction, workspace: str, own_number: str, contact_number: str) -> None:
    """Take the pin off a conversation."""
    await tx.execute("unpin_conversation", workspace, own_number, contact_number)
