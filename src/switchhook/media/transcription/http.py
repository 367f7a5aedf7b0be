"""Requests to endpoints of models, with the same care as every other request that goes out."""

import msgspec

from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.exchange import Exchange, Request, header_block
from switchhook.delivery.http import Client
from switchhook.delivery.http.limits import Limits
from switchhook.media.transcription.engine import Later, Never

ANSWER = 16 * 1024 * 1024  # bytes of an answer that are read
LIMITS = Limits(body_kept=ANSWER, response_bytes=ANSWER)
SAID = 200  # letters of what an endpoint says of itself that are repeated in a log


class Place(msgspec.Struct, frozen=True):
    """An endpoint that speaks as OpenAI's does: `url` is what stands before `/v1`; `timeout` is for a whole answer."""

    url: str
    key: str
    model: str
    timeout: float

    def __repr__(self) -> str:
        return f"Place({self.url!r}, model={self.model!r})"


class Poster:
    """Posts to one endpoint."""

    def __init__(self, client: Client, policy: AddressPolicy, place: Place, setting: str) -> None:
        """`setting` is where its address stands, for messages."""
        self._client = client
        self._policy = policy
        self._setting = setting
        self.place = place

    async def post(self, path: str, kind: str, body: bytes) -> bytes:
        """The body of a good answer.

        Raises:
            Later: there was none, this time.
            Never: it does not take this.
        """
        place = self.place
        try:
            target = parse_target(place.url + path, self._policy)
        except UrlRefused as error:
            raise Later(f"{self._setting}: {error}") from None
        headers = {"Accept": "application/json", "Content-Type": kind}
        if place.key:
            headers["Authorization"] = f"Bearer {place.key}"
        exchange = await self._client.send(
            Request(
                pool_key=self._setting,
                target=target,
                headers=header_block(headers.items()),
                body=body,
                timeout=place.timeout,
            )
        )
        return _good(exchange, target.host)


def _good(exchange: Exchange, host: str) -> bytes:
    """The body of an answer, if it is one. Pure."""
    status = exchange.status
    if exchange.failure is not None or status is None:
        kind = exchange.failure.kind.value if exchange.failure else "no answer"
        raise Later(f"{host} gave no answer: {kind}")
    if 200 <= status < 300 and not exchange.truncated:
        return exchange.body
    why = f"{host} answered {status}{_words(exchange.body)}"
    # Asked again, these may say yes: a key that is put right, too many requests, a server that comes back.
    if status in (401, 403, 404, 408, 409, 425, 429) or status >= 500 or status < 400:
        raise Later(why)
    raise Never(why)


def _words(body: bytes) -> str:
    try:
        message = msgspec.json.decode(body)["error"]["message"]
    except (msgspec.MsgspecError, KeyError, TypeError, IndexError, ValueError, RecursionError):
        return ""
    return f": {str(message)[:SAID]!r}"
