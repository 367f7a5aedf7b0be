"""`/v2/api/conversations`: what was said, found again; read, unread and archived; summaries and tags of calls."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from switchhook.api.bodies import data, page_of, read_document, read_page, read_shape
from switchhook.api.crm_search import body_page, too_far
from switchhook.api.errors import ApiError
from switchhook.api.idempotency import Work
from switchhook.api.item_queries import (
    SORTS,
    item_filter,
    item_not_found,
    read_call_id,
    read_extend,
    read_flag,
    read_item_id,
    read_moment,
    read_number,
    read_own_number,
)
from switchhook.api.items import Showing, item_id
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.conversations import (
    ActionAsked,
    CallSummary,
    ConversationSummary,
    ItemsBatch,
    PinAsked,
    SummaryChange,
    TagsAdded,
)
from switchhook.api.text_files import link_maker
from switchhook.clock import iso_seconds
from switchhook.storage import conversations, item_search
from switchhook.storage.conversations import Item, ItemSort
from switchhook.storage.plans import TooFar
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace import tags
from switchhook.workspace.items import tell_summary

BATCH_MAX = 100
PINS_MAX = 10
_ACTIONS: dict[str, dict[str, bool]] = {
    "READ": {"unread": False},
    "UNREAD": {"unread": True},
    "ARCHIVE": {"archived": True, "unread": False},
    "UNARCHIVE": {"archived": False},
}


class Conversations:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region
        self._link = link_maker(services)

    async def list(self, request: Request) -> Response:
        """GET /v2/api/conversations."""
        query = request.query()
        page, size = read_page(query)
        own = read_own_number(query, self._region, what="conversations")
        since = read_moment(query.get("last_activity_since"))
        extend = read_extend(query.get("extend"))

        async def read(reader: Reader) -> tuple[list[ConversationSummary], int]:
            found, total = await conversations.list_conversations(
                reader,
                request.workspace,
                own,
                since=since,
                unread=read_flag(query.get("unread")),
                pinned=read_flag(query.get("pinned")),
                limit=size,
                offset=(page - 1) * size,
            )
            showing = Showing(reader, request.workspace, self._link, extend=extend)
            listed = []
            for one in found:
                item = await conversations.find_item(reader, request.workspace, one.last_item)
                listed.append(
                    ConversationSummary(
                        contact_number=one.contact_number,
                        contacts=await showing.contacts(one.contact_number),
                        last_activity=iso_seconds(one.active_at),
                        unread=one.unread,
                        pinned=one.pinned_at is not None,
                        last_item=await showing.item(item) if item else None,
                    )
                )
            return listed, total

        values, total = await self._store.read(read, heavy=True)
        return page_of(values, page, size, total)

    async def search(self, request: Request) -> Response:
        """POST /v2/api/conversations/items/search."""
        body = await request.json(self._clock, self._limits, optional=True)
        asked: Mapping[str, Any] = read_document(body) if body else {}
        page, size = body_page(asked)
        extend = read_extend(asked.get("extend"))
        sort = _sort(asked.get("sort"))

        async def read(reader: Reader) -> tuple[list[Any], int]:
            users = {user_id: email for user_id, email, *_ in await reader.fetch("users", request.workspace)}
            which = item_filter(asked, self._region, users)
            try:
                found, total = await item_search.find_items(
                    reader, request.workspace, which, sort, limit=size, offset=(page - 1) * size
                )
            except TooFar:
                raise too_far() from None
            showing = Showing(reader, request.workspace, self._link, extend=extend)
            return [await showing.item(item) for item in found], total

        values, total = await self._store.read(read, heavy=True)
        return page_of(values, page, size, total)

    async def get(self, request: Request) -> Response:
        """GET /v2/api/conversations/items/{item_id}."""
        id_ = read_item_id(request.params["item_id"])
        extend = read_extend(request.query().get("extend"))

        async def read(reader: Reader) -> Any:
            item = await self._item(reader, request.workspace, id_)
            return await Showing(reader, request.workspace, self._link, extend=extend).item(item)

        return data(await self._store.read(read))

    async def batch(self, request: Request) -> Response:
        """POST /v2/api/conversations/items/batch."""
        asked = read_shape(await request.json(self._clock, self._limits), ItemsBatch, lenient=True)
        if len(asked.ids) > BATCH_MAX:
            raise ApiError(
                "BATCH_TOO_LARGE",
                f"At most {BATCH_MAX} items are given at once, {len(asked.ids)} were asked for.",
                param="ids",
                suggestion=f"Ask for {BATCH_MAX} at a time.",
            )
        ids = [read_item_id(text) for text in asked.ids]
        extend = read_extend(None if asked.extend is UNSET else asked.extend)

        async def read(reader: Reader) -> list[Any]:
            showing = Showing(reader, request.workspace, self._link, extend=extend)
            found = [await conversations.find_item(reader, request.workspace, id_) for id_ in ids]
            return [await showing.item(item) for item in found if item]

        return data(await self._store.read(read))

    async def change_summary(self, request: Request) -> Work:
        """PATCH /v2/api/conversations/items/{item_id}/summary."""
        id_ = read_call_id(request.params["item_id"])
        asked = read_shape(await request.json(self._clock, self._limits), SummaryChange, lenient=True)

        async def work(tx: Transaction) -> Response:
            item = await self._item(tx, request.workspace, id_)
            if item.summary != asked.content:
                item = msgspec.structs.replace(
                    item,
                    summary=asked.content,
                    summary_version=item.summary_version + 1,
                    summary_updated_at=self._clock.now(),
                    summary_updated_by=None,
                )
                await conversations.save_summary(tx, item)
                await tell_summary(tx, item, self._clock.now())
            return data(summary_of(item))

        return work

    async def add_tags(self, request: Request) -> Work:
        """POST /v2/api/conversations/items/{item_id}/tags."""
        id_ = read_call_id(request.params["item_id"])
        asked = read_shape(await request.json(self._clock, self._limits), TagsAdded, lenient=True)
        if not asked.tags:
            raise ApiError(
                "TAGS_REQUIRED",
                "tags must name at least one tag by its key.",
                param="tags",
                suggestion="GET /v2/api/tags lists the keys.",
            )

        async def work(tx: Transaction) -> Response:
            await self._call(tx, request.workspace, id_)
            for key in dict.fromkeys(asked.tags):
                try:
                    await tags.add(tx, request.workspace, id_, key, user_email=None, now=self._clock.now())
                except tags.TagNotFound:
                    raise tag_not_found(key) from None
            return await self._tagged(tx, request.workspace, id_)

        return work

    async def remove_tag(self, request: Request) -> Work:
        """DELETE /v2/api/conversations/items/{item_id}/tags/{tag}."""
        id_ = read_call_id(request.params["item_id"])
        key = request.params["tag"]

        async def work(tx: Transaction) -> Response:
            await self._call(tx, request.workspace, id_)
            try:
                await tags.remove(tx, request.workspace, id_, key, user_email=None, now=self._clock.now())
            except tags.TagNotFound:
                raise tag_not_found(key) from None
            return await self._tagged(tx, request.workspace, id_)

        return work

    async def act(self, request: Request) -> Work:
        """PUT /v2/api/conversations/{contact_number}/action."""
        asked = read_shape(await request.json(self._clock, self._limits), ActionAsked, lenient=True)
        flags = _ACTIONS.get(asked.action)
        if flags is None:
            raise ApiError(
                "INVALID_ACTION",
                f"There is no action {asked.action[:50]!r}.",
                param="action",
                suggestion=f"Use one of {', '.join(_ACTIONS)}.",
            )
        own = self._number(asked.allo_number) if asked.allo_number else ""

        async def work(tx: Transaction) -> Response:
            await conversations.mark_conversation(
                tx, request.workspace, self._number(request.params["contact_number"]), own, **flags
            )
            return data({})

        return work

    async def pin(self, request: Request) -> Work:
        """PUT /v2/api/conversations/{contact_number}/pin."""
        asked = read_shape(await request.json(self._clock, self._limits), PinAsked, lenient=True)
        where = (self._number(asked.allo_number), self._number(request.params["contact_number"]))

        async def work(tx: Transaction) -> Response:
            pinned = await conversations.pinned(tx, request.workspace)
            if where in pinned:
                return Response(204)
            if len(pinned) >= PINS_MAX:
                raise ApiError(
                    "PIN_LIMIT_REACHED",
                    f"At most {PINS_MAX} conversations can be pinned.",
                    suggestion="Take the pin off another one first.",
                )
            await conversations.pin(tx, request.workspace, *where, self._clock.now())
            return Response(204)

        return work

    async def unpin(self, request: Request) -> Work:
        """DELETE /v2/api/conversations/{contact_number}/pin."""
        own = request.query().get("allo_number", "")
        if not own.strip():
            raise ApiError(
                "MISSING_PARAMETER",
                "allo_number is required: the number that the conversation is on.",
                param="allo_number",
                suggestion="Write + as %2B in a URL.",
            )
        where = (self._number(own), self._number(request.params["contact_number"]))

        async def work(tx: Transaction) -> Response:
            await conversations.unpin(tx, request.workspace, *where)
            return Response(204)

        return work

    async def _item(self, reader: Reader, workspace: str, id_: str) -> Item:
        item = await conversations.find_item(reader, workspace, id_)
        if item is None:
            raise item_not_found(id_)
        return item

    async def _call(self, reader: Reader, workspace: str, id_: str) -> None:
        """Pass only a call that is known, over or not."""
        if not await reader.fetch("call", workspace, id_):
            await self._item(reader, workspace, id_)

    async def _tagged(self, reader: Reader, workspace: str, id_: str) -> Response:
        item = await conversations.find_item(reader, workspace, id_)
        if item is not None:
            return data(await Showing(reader, workspace, self._link).item(item))
        return data(
            {"id": id_, "tags": [tag.key for tag in await conversations.tags_of_call(reader, workspace, id_)]}
        )

    def _number(self, text: str) -> str:
        return read_number(text, self._region)


def _sort(value: Any) -> ItemSort:
    return SORTS.get(value, "DATE_DESC") if isinstance(value, str) else "DATE_DESC"


def tag_not_found(key: str) -> ApiError:
    """The 404 of a tag."""
    return ApiError(
        "TAG_NOT_FOUND",
        f"There is no tag {key[:100]!r}.",
        param="tag",
        suggestion="GET /v2/api/tags lists the keys.",
    )


def summary_of(item: Item) -> CallSummary:
    """A call's summary as the API shows it."""
    return CallSummary(
        id=item_id(item),
        content=item.summary,
        version=item.summary_version,
        updated_at=None if item.summary_updated_at is None else iso_seconds(item.summary_updated_at),
        updated_by=None,
    )
