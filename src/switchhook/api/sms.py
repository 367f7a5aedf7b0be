"""`POST /v1/api/sms`: a text is taken, to be sent by the carrier."""

from switchhook.api.bodies import data, read_shape
from switchhook.api.errors import ApiError
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.v1 import NewSmsV1, SmsV1
from switchhook.clock import iso_bare
from switchhook.storage.store import Transaction
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import TextFault


class Sms:
    """The handler."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._limits = services.limits
        self._texts = services.texts or Texts(services.store, services.clock, "", services.region)

    async def send(self, request: Request) -> Work:
        """POST /v1/api/sms."""
        body = await request.json(self._clock, self._limits)
        asked = read_shape(body, NewSmsV1, lenient=True)
        number, sender_id = asked.from_ or "", asked.sender_id or ""
        if not number and not sender_id:
            raise ApiError(
                "MISSING_FIELD",
                "from is required: a number of the workspace, or else sender_id.",
                param="from",
            )
        if number and sender_id:
            raise ApiError(
                "INVALID_FIELD",
                "A text goes out from a number or under a sender_id, not both.",
                param="sender_id",
            )

        async def work(tx: Transaction) -> Response:
            try:
                item = await self._texts.accept(
                    tx, request.workspace, asked.to, asked.message, number=number, sender_id=sender_id
                )
            except TextFault as fault:
                raise ApiError(fault.code, str(fault), param=fault.field) from None
            return data(
                SmsV1(
                    from_number=item.own_number if number else None,
                    sender_id=sender_id or None,
                    to_number=item.contact_number,
                    type="OUTBOUND",
                    content=asked.message,
                    start_date=iso_bare(item.at),
                )
            )

        return work
