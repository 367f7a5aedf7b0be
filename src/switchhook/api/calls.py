"""`/v1/api/calls` and `/v1/api/contact/{id}/conversation`: what was said, as the first version shows it."""

from switchhook.api.bodies import data, read_page_v1
from switchhook.api.contacts import contact_not_found, metadata
from switchhook.api.item_queries import read_number, read_own_number
from switchhook.api.items import item_id
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.v1 import (
    CallsV1,
    CallV1,
    ConversationItemV1,
    ConversationV1,
    MessageV1,
    TranscriptV1,
)
from switchhook.clock import iso_bare, parse_iso
from switchhook.events.ids import contact_id
from switchhook.storage import conversations, item_search, people
from switchhook.storage.conversations import Item, ItemFilter, Said
from switchhook.storage.store import Reader


class Calls:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._region = services.region

    async def list(self, request: Request) -> Response:
        """GET /v1/api/calls."""
        query = request.query()
        page, size = read_page_v1(query)
        which = ItemFilter(
            kind="CALL",
            own_number=read_own_number(query, self._region, what="calls", version=1),
            contact_number=read_number(query.get("contact_number", ""), self._region),
        )

        async def read(reader: Reader) -> CallsV1:
            found, total = await item_search.find_items(
                reader, request.workspace, which, "DATE_DESC", limit=size, offset=page * size
            )
            return CallsV1([await call_of(reader, item) for item in found], metadata(page, size, total))

        return data(await self._store.read(read, heavy=True))

    async def conversation(self, request: Request) -> Response:
        """GET /v1/api/contact/{contact_id}/conversation."""
        text = request.params["contact_id"]
        query = request.query()
        page, size = read_page_v1(query)
        own = read_number(query.get("allo_number", ""), self._region)

        async def read(reader: Reader) -> ConversationV1:
            contact = await people.find_contact(reader, request.workspace, contact_id(text))
            if contact is None:
                raise contact_not_found(text)
            found: list[Item] = []
            total = 0
            # Each with its own items: what is wanted of all is among the first of each.
            for number in contact.numbers:
                which = ItemFilter(contact_number=number, own_number=own)
                items, count = await item_search.find_items(
                    reader, request.workspace, which, "DATE_DESC", limit=(page + 1) * size, offset=0
                )
                found += items
                total += count
            found.sort(key=lambda item: (item.at, item.id), reverse=True)
            part = found[page * size : (page + 1) * size]
            return ConversationV1(
                [await _item_of(reader, item) for item in part], metadata(page, size, total)
            )

        return data(await self._store.read(read, heavy=True))


async def call_of(reader: Reader, item: Item) -> CallV1:
    """A call as /v1 shows it."""
    tags = await conversations.tags_of_call(reader, item.workspace, item.id)
    inbound = item.direction == "INBOUND"
    return CallV1(
        id=item_id(item),
        from_number=item.contact_number if inbound else item.own_number,
        to_number=item.own_number if inbound else item.contact_number,
        length_in_minutes=round((item.duration or 0) / 60, 2),
        type=item.direction,
        result=item.result,
        summary=item.summary,
        tag=tags[0].key if tags else None,
        recording_url=item.recording_url,
        start_date=iso_bare(item.at),
        transcript=_transcript(item),
    )


def _transcript(item: Item) -> list[TranscriptV1]:
    lines = []
    for at, following in zip(item.transcript, [*item.transcript[1:], None], strict=True):
        start = _seconds(item, at)
        end = _seconds(item, following) if following else max(start, item.duration or start)
        lines.append(TranscriptV1(at.source, at.text, at.time, start, max(start, end)))
    return lines


def _seconds(item: Item, said: Said) -> float:
    """How far into the call it was said."""
    try:
        return max(0.0, (parse_iso(said.time) - item.at) / 1000)
    except ValueError:
        return 0.0


async def _item_of(reader: Reader, item: Item) -> ConversationItemV1:
    if item.kind == "CALL":
        return ConversationItemV1("CALL", await call_of(reader, item), None)
    inbound = item.direction == "INBOUND"
    message = MessageV1(
        id=item_id(item),
        from_number=item.contact_number if inbound else item.own_number,
        to_number=item.own_number if inbound else item.contact_number,
        type=item.direction,
        content=item.content,
        start_date=iso_bare(item.at),
    )
    return ConversationItemV1("TEXT_MESSAGE", None, message)
