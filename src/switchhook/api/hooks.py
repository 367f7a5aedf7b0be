"""`/hooks/…`: what carriers post to us. They carry no API key: each request is signed in the carrier's own way."""

from collections.abc import Awaitable, Callable, Mapping

from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.route import real_path
from switchhook.api.services import Services

XML = b"text/xml"
NOTHING_TO_SAY = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
FORM_BYTES = 64 * 1024

# query, body, headers → whether it is the carrier's
Take = Callable[[str, bytes, Mapping[bytes, bytes]], Awaitable[bool]]


class Hooks:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._limits = services.limits
        self._twilio = services.twilio
        self._voice = services.twilio_voice

    async def message(self, request: Request) -> Response:
        """POST /hooks/twilio/messages."""
        return await self._take(request, self._twilio.message if self._twilio else None)

    async def status(self, request: Request) -> Response:
        """POST /hooks/twilio/status."""
        return await self._take(request, self._twilio.status if self._twilio else None)

    async def call(self, request: Request) -> Response:
        """POST /hooks/twilio/voice, and what is below it."""
        voice = self._voice
        if voice is None:
            raise _not_set_up("Calls of Twilio are not set up here.", "Write a section [twilio]")
        body = await self._body(request)
        query = request.query_string.decode("latin-1")
        answer = await voice.take(real_path(request.path), query, body, request.headers)
        if answer is None:
            raise _not_signed()
        return Response(200, answer, XML)

    async def _take(self, request: Request, take: Take | None) -> Response:
        if take is None:
            raise _not_set_up("Twilio is not set up here.", 'Write carrier = "twilio" in the section [texts]')
        body = await self._body(request)
        if not await take(request.query_string.decode("latin-1"), body, request.headers):
            raise _not_signed()
        return Response(200, NOTHING_TO_SAY, XML)

    async def _body(self, request: Request) -> bytes:
        return await request.body(self._clock, FORM_BYTES, self._limits.body_seconds)


def _not_set_up(what: str, how: str) -> ApiError:
    return ApiError("ENDPOINT_NOT_FOUND", what, suggestion=f"{how} of switchhook.toml.")


def _not_signed() -> ApiError:
    return ApiError(
        "FORBIDDEN",
        "The request is not signed by Twilio for this address.",
        suggestion="See that auth_token is the account's, and public_url the address that Twilio was given.",
    )
