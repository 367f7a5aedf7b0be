"""`/hooks/…`: what carriers post to us. They carry no API key: each request is signed in the carrier's own way."""

from collections.abc import Awaitable, Callable

from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services

XML = b"text/xml"
NOTHING_TO_SAY = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
FORM_BYTES = 64 * 1024

Take = Callable[[str, bytes, str], Awaitable[bool]]  # query, body, signature → whether it is the carrier's


class Hooks:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._limits = services.limits
        self._twilio = services.twilio

    async def message(self, request: Request) -> Response:
        """POST /hooks/twilio/messages."""
        return await self._take(request, self._twilio.message if self._twilio else None)

    async def status(self, request: Request) -> Response:
        """POST /hooks/twilio/status."""
        return await self._take(request, self._twilio.status if self._twilio else None)

    async def _take(self, request: Request, take: Take | None) -> Response:
        if take is None:
            raise ApiError(
                "ENDPOINT_NOT_FOUND",
                "Twilio is not set up here.",
                suggestion='Write carrier = "twilio" in the section [texts] of switchhook.toml.',
            )
        body = await request.body(self._clock, FORM_BYTES, self._limits.body_seconds)
        signature = request.headers.get(b"x-twilio-signature", b"").decode("latin-1")
        if not await take(request.query_string.decode("latin-1"), body, signature):
            raise ApiError(
                "FORBIDDEN",
                "The request is not signed by Twilio for this address.",
                suggestion="See that auth_token is the account's, and public_url the address that Twilio was given.",
            )
        return Response(200, NOTHING_TO_SAY, XML)
