"""What happened lately between us and a contact, as `/v1/api/contact/{id}?extend=activity` shows it."""

from switchhook.api.shapes.v1 import ActivityKind, ActivityV1
from switchhook.clock import iso_bare
from switchhook.storage import item_search
from switchhook.storage.conversations import Item, ItemFilter
from switchhook.storage.people import Contact
from switchhook.storage.store import Reader

ACTIVITY_MAX = 50  # newest calls and texts that are shown


async def activity(reader: Reader, contact: Contact) -> list[ActivityV1]:
    """The newest calls and texts with any number of a contact, newest first."""
    found: list[Item] = []
    for number in contact.numbers:  # what is wanted of all is among the first of each
        which = ItemFilter(contact_number=number)
        items, _ = await item_search.find_items(
            reader, contact.workspace, which, "DATE_DESC", limit=ACTIVITY_MAX, offset=0
        )
        found += items
    found.sort(key=lambda item: (item.at, item.id), reverse=True)
    return [activity_of(item) for item in found[:ACTIVITY_MAX]]


def activity_of(item: Item) -> ActivityV1:
    """An item as an activity. Pure."""
    inbound = item.direction == "INBOUND"
    call = item.kind == "CALL"
    kinds: tuple[ActivityKind, ActivityKind] = (
        ("INBOUND_CALL", "OUTBOUND_CALL") if call else ("INBOUND_SMS", "OUTBOUND_SMS")
    )
    return ActivityV1(
        type=kinds[0] if inbound else kinds[1],
        made_by=item.contact_number if inbound else item.user_email or item.own_number,
        made_at=iso_bare(item.at),
        allo_number=item.own_number if call else None,
        content=None if call else item.content,
    )
