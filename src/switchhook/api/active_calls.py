"""`/v2/api/calls/active`: the calls that ring or go on at this moment."""

import msgspec

from switchhook.api.bodies import data
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.health import ActiveCall
from switchhook.clock import iso_millis
from switchhook.events.ids import CALL, dashed
from switchhook.storage.store import Reader, Row
from switchhook.workspace.call_state import CallState
from switchhook.workspace.facts import LegKind

MOST = 100
DAY_MS = 86_400_000

_state = msgspec.json.Decoder(CallState).decode


class ActiveCalls:
    """The handler."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock

    async def list(self, request: Request) -> Response:
        """GET. What began more than a day ago was lost by its source, and is not shown."""
        since = self._clock.now() - DAY_MS

        async def read(reader: Reader) -> list[Row]:
            return await reader.fetch("active_calls", request.workspace, since, MOST)

        states = [_state(state) for _, state in await self._store.read(read)]
        return data([_shown(state) for state in states if state.ended_at is None])


def _shown(state: CallState) -> ActiveCall:
    answered = any(
        leg.answered_at is not None and leg.kind is not LegKind.MENU for leg in state.legs.values()
    )
    return ActiveCall(
        id=dashed(state.id, CALL),
        direction=None if state.direction is None else state.direction.value,
        from_number=state.from_number,
        to_number=state.to_number,
        state="ANSWERED" if answered else "RINGING",
        started_at=iso_millis(state.started_at or 0),
    )
