"""Items as the API shows them: with who was at the other end, who of us it was, and the tags."""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, UnsetType

from switchhook.api.shapes.conversations import (
    ChoiceInItem,
    ContactInItem,
    ConversationItem,
    DealInItem,
    FileInItem,
    PartyInItem,
    TranscriptLine,
    UserInItem,
)
from switchhook.api.shapes.crm import Named
from switchhook.clock import iso_seconds
from switchhook.events.ids import CALL, COMPANY, CONTACT, DEAL, MESSAGE, USER, dashed
from switchhook.storage import conversations, people, text_files
from switchhook.storage.conversations import Item
from switchhook.storage.store import Reader


class Showing:
    """Shows items of one workspace, asking once for whoever is in several of them. `link` makes one to a file."""

    def __init__(
        self,
        reader: Reader,
        workspace: str,
        link: Callable[[str], str],
        *,
        extend: frozenset[str] = frozenset(),
    ) -> None:
        self._link = link
        self._reader = reader
        self._workspace = workspace
        self._extend = extend
        self._contacts: dict[str, list[ContactInItem]] = {}
        self._users: dict[str, UserInItem] | None = None

    async def item(self, item: Item) -> ConversationItem:
        """One item."""
        call = item.kind == "CALL"
        tags = await conversations.tags_of_call(self._reader, self._workspace, item.id) if call else []
        return ConversationItem(
            id=item_id(item),
            type=item.kind,
            direction=item.direction,
            allo_number=item.own_number,
            contact_number=item.contact_number,
            contacts=await self.contacts(item.contact_number),
            user=await self.user(item.user_email),
            date=iso_seconds(item.at),
            duration=None if item.duration is None else round(item.duration),
            result=item.result,
            recording_url=item.recording_url,
            summary=item.summary,
            tags=[tag.key for tag in tags],
            content=item.content,
            status=item.status,
            message_type=item.message_type,
            transcript=[TranscriptLine(one.source, one.time, one.text) for one in item.transcript]
            if "transcript" in self._extend
            else UNSET,
            data_collected=item.details.get("data_collected", {}) if call else UNSET,
            files=await self._files(item),
            **self._routing(item),
        )

    def _routing(self, item: Item) -> dict[str, Any]:
        """Which way a call went, where that is asked for and something is known of it."""
        if "routing" not in self._extend:
            return {}
        details = item.details
        return {
            "ivr_result": [ChoiceInItem(**one) for one in details.get("ivr_result") or []] or UNSET,
            "transfer_from": _party(details.get("transfer_from")),
            "transfer_to": _party(details.get("transfer_to")),
            "transfer_original_call_id": dashed(details.get("transfer_original_call_id") or "", CALL)
            or UNSET,
        }

    async def _files(self, item: Item) -> list[FileInItem] | UnsetType:
        """What came with a text, where something may have."""
        if item.message_type != "MMS":
            return UNSET
        found = await text_files.of_text(self._reader, self._workspace, item.id)
        return [
            FileInItem(one.id, self._link(one.id) if one.path else None, one.content_type, one.size)
            for one in found
        ]

    async def contacts(self, number: str) -> list[ContactInItem]:
        """Who has a number."""
        found = self._contacts.get(number)
        if found is None:
            found = self._contacts[number] = await self._read_contacts(number)
        return found

    async def _read_contacts(self, number: str) -> list[ContactInItem]:
        found = []
        for (id_,) in await self._reader.fetch("people_by_number", self._workspace, number):
            contact = await people.find_contact(self._reader, self._workspace, id_)
            assert contact is not None
            company = None
            deals: list[DealInItem] = []
            if contact.company:
                known = await people.find_company(self._reader, self._workspace, contact.company)
                company = Named(dashed(known.id, COMPANY), known.name) if known else None
                deals = [
                    DealInItem(dashed(deal.id, DEAL), deal.name, deal.status)
                    for deal in await people.deals_of_company(self._reader, self._workspace, contact.company)
                ]
            found.append(
                ContactInItem(dashed(contact.id, CONTACT), contact.full_name or None, company, deals)
            )
        return found

    async def user(self, email: str | None) -> UserInItem | None:
        """Who of us has an address."""
        if email is None:
            return None
        if self._users is None:
            rows = await self._reader.fetch("users", self._workspace)
            self._users = {
                address: UserInItem(dashed(id_, USER), name, address) for id_, address, name, *_ in rows
            }
        return self._users.get(email) or UserInItem(None, None, email)


def _party(told: dict[str, str | None] | None) -> PartyInItem | UnsetType:
    """An end of a transfer. Without one the event has it all the same, its members null."""
    return PartyInItem(**told) if told is not None and any(told.values()) else UNSET


def item_id(item: Item) -> str:
    """An item's id as the API spells it."""
    return dashed(item.id, CALL if item.kind == "CALL" else MESSAGE)
