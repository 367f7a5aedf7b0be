"""`/v2/api/conversations/items/{id}/events`: what was told of a call."""

from switchhook.api.bodies import data
from switchhook.api.item_queries import item_not_found, read_item_id
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.conversations import ItemEvent
from switchhook.clock import iso_millis
from switchhook.storage import conversations
from switchhook.storage.store import Reader
from switchhook.workspace.call_events import keys_of_call


class CallEvents:
    """The handler."""

    def __init__(self, services: Services) -> None:
        self._store = services.store

    async def list(self, request: Request) -> Response:
        """GET."""
        workspace = request.workspace
        id_ = read_item_id(request.params["item_id"])

        async def read(reader: Reader) -> list[ItemEvent]:
            item = await conversations.find_item(reader, workspace, id_)
            if item is None or item.kind != "CALL":
                raise item_not_found(id_)
            rows = await reader.fetch("source_of_call", workspace, item.id)
            source = ":".join(rows[0]) if rows else None
            found = {}
            for topic, key in keys_of_call(item, source):
                for event, at in await reader.fetch("event_of_key", workspace, topic, key):
                    found[event] = ItemEvent(event, topic, iso_millis(at))
            return [found[event] for event in sorted(found)]

        return data(await self._store.read(read))
