"""`/v2/api/calls/{call_id}/collected`: what an AI agent was told in a call."""

from typing import Any

from switchhook.api.bodies import read_document
from switchhook.api.errors import ApiError
from switchhook.api.idempotency import Work
from switchhook.api.item_queries import read_call_id
from switchhook.api.messages import Request, Response, require_json
from switchhook.api.services import Services
from switchhook.storage.store import Transaction
from switchhook.workspace.collecting import MOST, MOST_BYTES, CallOver, NoSuchCall, TooMuch, collect

BODY_BYTES = 16 * 1024
DEPTH = 16  # it becomes a part of documents that are nested themselves


class Collected:
    """The handler."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._limits = services.limits

    async def collect(self, request: Request) -> Work:
        """POST."""
        call = read_call_id(request.params["call_id"])
        require_json(request.headers)
        document = read_document(await request.body(self._clock, BODY_BYTES, self._limits.body_seconds))
        if _depth(document) > DEPTH:
            raise ApiError(
                "INVALID_REQUEST_BODY",
                f"The body is nested more than {DEPTH} deep.",
                suggestion="Send fields and their values; objects and lists in them are taken, not towers of them.",
            )

        async def work(tx: Transaction) -> Response:
            try:
                await collect(tx, request.workspace, call, document, self._clock.now())
            except NoSuchCall:
                raise ApiError(
                    "CALL_NOT_FOUND",
                    f"There is no call {call[:100]!r}.",
                    param="call_id",
                    suggestion="Take the id from X-Switchhook-Call, or call_id of call.received.",
                ) from None
            except CallOver:
                raise ApiError(
                    "CALL_OVER",
                    "The call.completed of this call has been made; nothing can be added to it.",
                    suggestion="Hand in what was collected before the call ends.",
                ) from None
            except TooMuch:
                raise ApiError(
                    "PAYLOAD_TOO_LARGE",
                    f"Of one call {MOST_BYTES // 1024} KiB are kept, handed in {MOST} times at the most.",
                    suggestion="Hand in what matters, at the end of the talk.",
                ) from None
            return Response(204)

        return work


def _depth(document: Any) -> int:
    """How many objects and lists stand in each other. Without recursion: that is what is asked."""
    level, depth = [document], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth
