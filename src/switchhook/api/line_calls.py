"""`/v2/api/calls`: calls that the line is told to begin, to end, or to record."""

from switchhook.api.bodies import data, read_shape
from switchhook.api.errors import ApiError
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.calls import CallOrder, NewCall, OrderedCall, RecordingAsked
from switchhook.events.ids import CALL, dashed, normalise_id
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace import orders
from switchhook.workspace.directory import read_directory
from switchhook.workspace.orders import HangUp, OrderFault, Record, What


class LineCalls:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region
        self._line = services.orders

    async def create(self, request: Request) -> Work:
        """POST /v2/api/calls."""
        asked = read_shape(await request.json(self._clock, self._limits), NewCall)

        async def work(tx: Transaction) -> Response:
            try:
                await self._check(tx, request.workspace)
                directory = await read_directory(tx, request.workspace, self._region)
                what = orders.begin(
                    directory, user=asked.user_email, sender=asked.from_, to=asked.to, record=asked.record
                )
            except OrderFault as fault:
                raise _refused(fault) from None
            call = orders.new_call(self._clock.now())
            await self._give(tx, call, what)
            return data(
                OrderedCall(
                    id=dashed(call, CALL), user_email=what.user, from_number=what.sender, to_number=what.to
                ),
                202,
            )

        return work

    async def hang_up(self, request: Request) -> Work:
        """POST /v2/api/calls/{call_id}/hangup."""
        return self._about(request, HangUp())

    async def record(self, request: Request) -> Work:
        """POST /v2/api/calls/{call_id}/recording."""
        return self._about(
            request, Record(read_shape(await request.json(self._clock, self._limits), RecordingAsked).state)
        )

    def _about(self, request: Request, what: What) -> Work:
        call = normalise_id(request.params["call_id"])

        async def work(tx: Transaction) -> Response:
            if not await orders.ordered(tx, request.workspace, call):
                state = await orders.standing(tx, request.workspace, call)
                if state is None or state.source != orders.SOURCE:
                    raise ApiError(
                        "CALL_NOT_FOUND",
                        f"The line has no call {call[:100]!r}.",
                        param="call_id",
                        suggestion="GET /v2/api/calls/active lists the calls that go on.",
                    )
                if state.ended_at is not None:
                    raise ApiError("CALL_OVER", "The call has ended.", param="call_id")
            try:
                await self._check(tx, request.workspace)
            except OrderFault as fault:
                raise _refused(fault) from None
            await self._give(tx, call, what)
            return data(CallOrder(id=dashed(call, CALL)), 202)

        return work

    async def _check(self, reader: Reader, workspace: str) -> None:
        if self._line is None:
            raise OrderFault("LINE_NOT_OPEN", "", "This server has no SIP line; start it with --sip-listen.")
        await self._line.check(reader, workspace)

    async def _give(self, tx: Transaction, call: str, what: What) -> None:
        assert self._line is not None
        await self._line.give(tx, call, what)


def _refused(fault: OrderFault) -> ApiError:
    # A user that is named in a body is a wrong value of it, not a wrong address.
    status = 400 if fault.field else None
    return ApiError(fault.code, str(fault), param=fault.field or None, status=status)
