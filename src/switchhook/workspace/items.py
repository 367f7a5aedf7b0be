"""What was said, kept: calls that are over and texts become items of their conversations.

An item is made of the event that tells of it, in the same transaction: whoever reads the events and whoever asks
the API see the same. An event that comes twice leaves one item.
"""

import msgspec

from switchhook.clock import iso_millis, parse_iso
from switchhook.events.envelope import publish as check
from switchhook.events.further import FurtherData, SummaryUpdated
from switchhook.events.ids import normalise_id
from switchhook.events.payloads import (
    CallCompleted,
    CallResult,
    CallType,
    EventData,
    SmsReceived,
    SmsSent,
    TranscriptLine,
)
from switchhook.storage import conversations, outbox, people
from switchhook.storage.conversations import Item, Said
from switchhook.storage.store import Transaction
from switchhook.workspace.publish import new_event

# Of `call.completed`, what an item has no place of its own for and what is shown again as it was.
_DETAILS = (
    "from_name",
    "to_name",
    "data_collected",
    "integration_id",
    "transfer_from",
    "transfer_to",
    "original_to_number",
    "original_to_name",
    "transfer_original_call_id",
    "ivr_result",
)

_YEAR_10000 = 253_402_300_800_000  # wall ms; no time from there on can be written


async def record(tx: Transaction, workspace: str, data: EventData | FurtherData, now: int) -> bool:
    """Keep what an event tells of; False when it tells of no call or text that is over, or of one that is known.

    `now` (wall ms) stands for a time that cannot be read.
    """
    if isinstance(data, CallCompleted):
        item = call_item(workspace, data, now)
        inbound, answered = item.direction == "INBOUND", data.result is CallResult.ANSWERED
        unread = unresponded = inbound and not answered
    elif isinstance(data, SmsReceived | SmsSent):
        item = text_item(workspace, data, now)
        unread = unresponded = item.direction == "INBOUND"
    else:
        return False
    return await keep(tx, item, unread=unread, unresponded=unresponded)


async def keep(tx: Transaction, item: Item, *, unread: bool, unresponded: bool) -> bool:
    """Keep an item in its conversation; False when it is known."""
    workspace = item.workspace
    if not await conversations.add_item(tx, item):
        return False
    await conversations.touch_conversation(tx, item, unread=unread, unresponded=unresponded)
    contact = await people.contact_of_number(tx, workspace, item.contact_number)
    if contact is not None:
        await tx.execute("touch_person", workspace, contact.id, item.at)
        if contact.company:
            await tx.execute("touch_company", workspace, contact.company, item.at)
    return True


def call_item(workspace: str, data: CallCompleted, now: int) -> Item:
    """The item of a call that is over. Pure."""
    inbound = data.type is CallType.INBOUND
    return Item(
        workspace=workspace,
        id=normalise_id(data.id),
        kind="CALL",
        direction="INBOUND" if inbound else "OUTBOUND",
        own_number=data.to if inbound else data.from_number,
        contact_number=data.from_number if inbound else data.to,
        user_email=data.user_email or None,
        at=_time(data.start_date, now),
        duration=round(float(data.length_in_minutes) * 60, 3),
        result=str(data.result),
        recording_url=data.recording_url,
        summary=data.summary or None,
        transcript=said(data.transcriptions),
        details={field: msgspec.to_builtins(getattr(data, field)) for field in _DETAILS},
    )


def said(lines: list[TranscriptLine]) -> tuple[Said, ...]:
    """The lines of a transcript as an item keeps them."""
    return tuple(Said(str(line.source), line.time, line.text) for line in lines)


def text_item(workspace: str, data: SmsReceived | SmsSent, now: int, status: str | None = None) -> Item:
    """The item of a text. Pure."""
    inbound = isinstance(data, SmsReceived)
    return Item(
        workspace=workspace,
        id=normalise_id(data.id),
        kind="SMS",
        direction="INBOUND" if inbound else "OUTBOUND",
        own_number=data.to_number if inbound else data.from_number,
        contact_number=data.from_number if inbound else data.to_number,
        user_email=data.user_email or None,
        at=_time(data.sent_at, now),
        content=data.content,
        status=status or ("DELIVERED" if inbound else "SENT"),
        message_type=str(data.type),
    )


def _time(text: str, now: int) -> int:
    try:
        at = parse_iso(text)
    except ValueError:
        return now  # the catalogue's times may be finer than what is read here
    return at if 0 <= at < _YEAR_10000 else now


async def tell_summary(tx: Transaction, item: Item, now: int) -> None:
    """`summary.updated`, for those who asked for it."""
    data = SummaryUpdated(
        call_id=item.id,
        content=item.summary,
        version=item.summary_version,
        updated_at=iso_millis(item.summary_updated_at or now),
        updated_by=item.summary_updated_by,
    )
    await outbox.accept_wanted(tx, [(new_event(item.workspace, check(data), now), "")])
