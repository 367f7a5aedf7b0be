"""Texts through Twilio: handed over with one request, asked about with another.

POST {url}/2010-04-01/Accounts/{sid}/Messages.json     201: it has the text; 4xx: it will not send it; 429: not now
GET  …/Messages.json?To=…&From=…&DateSent>=…           what it has of a text that may have been sent
GET  …/Messages/{message}.json                         what became of one

A refusal says that a text was not sent, and a connection that was not made has not carried it. Whatever else goes wrong
leaves it in doubt.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.exchange import Exchange, Kind, Request, header_block
from switchhook.delivery.http import Client
from switchhook.workspace.texts import (
    CarrierUnreachable,
    Doubtful,
    Later,
    Outcome,
    Outgoing,
    Progress,
    Refused,
    Status,
    Taken,
)

NAME = "twilio"
TIMEOUT = 15.0  # seconds for a whole exchange
PAGE = 100  # messages of one list
CLOCKS_APART = 120  # seconds that Twilio's clock may differ from ours
RETRY_AFTER_MOST = 3600.0
BODY_KEPT = 1024 * 1024  # bytes of an answer: a list of texts is long

# Nothing of the request had left this machine, or reached Twilio.
_NOT_SENT = frozenset(
    {
        Kind.URL_REFUSED,
        Kind.ADDRESS_FORBIDDEN,
        Kind.DNS_NOT_FOUND,
        Kind.DNS_FAILED,
        Kind.DNS_TIMEOUT,
        Kind.PROXY_UNREACHABLE,
        Kind.PROXY_AUTH,
        Kind.PROXY_REFUSED,
        Kind.PROXY_BAD_ANSWER,
        Kind.PROXY_TIMEOUT,
        Kind.CONNECT_REFUSED,
        Kind.CONNECT_TIMEOUT,
        Kind.CONNECT_UNREACHABLE,
        Kind.TLS_EXPIRED,
        Kind.TLS_WRONG_HOST,
        Kind.TLS_SELF_SIGNED,
        Kind.TLS_UNTRUSTED,
        Kind.TLS_FAILED,
        Kind.TLS_TIMEOUT,
        Kind.SENDER_EXHAUSTED,
    }
)

_STATUSES = {
    "accepted": Status.PENDING,
    "scheduled": Status.PENDING,
    "queued": Status.PENDING,
    "sending": Status.PENDING,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}


class Account(msgspec.Struct, frozen=True):
    """An account of Twilio. `numbers` are those that texts go out from, all of the workspace's when there are none."""

    sid: str
    token: str
    url: str = "https://api.twilio.com"
    numbers: tuple[str, ...] = ()
    service: str = ""
    rate: float = 1.0

    def __repr__(self) -> str:
        return f"Account({self.sid})"


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    sid: str
    status: str
    body: str | None = None
    date_created: str | None = None
    error_code: int | None = None
    error_message: str | None = None


class _List(msgspec.Struct, frozen=True):
    messages: list[_Message]


_message = msgspec.json.Decoder(_Message).decode
_list = msgspec.json.Decoder(_List).decode
DECODING_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


class Twilio:
    """A `Carrier`. `callback` is where Twilio is to say what becomes of a text, the text's id is added to it."""

    name = NAME

    def __init__(self, account: Account, client: Client, policy: AddressPolicy, callback: str) -> None:
        self._account = account
        self._client = client
        self._policy = policy
        self._callback = callback
        self.rate = account.rate
        login = base64.b64encode(f"{account.sid}:{account.token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}

    def sends_from(self, sender: str) -> bool:
        """See `Carrier`."""
        numbers = self._account.numbers
        return not numbers or not sender.startswith("+") or sender in numbers

    async def submit(self, text: Outgoing) -> Outcome:
        """See `Carrier`."""
        form = {
            "To": text.to,
            "From": text.sender,
            "Body": text.content,
            "StatusCallback": f"{self._callback}?text={text.id}",
        }
        if self._account.service:
            form["MessagingServiceSid"] = self._account.service
        exchange = await self._exchange("POST", ".json", urlencode(form).encode())
        return _outcome(exchange)

    async def ask(self, text: Outgoing, since: int, carrier_id: str | None) -> Sequence[Taken]:
        """See `Carrier`."""
        if carrier_id is not None:
            exchange = await self._exchange("GET", f"/{quote(carrier_id, safe='')}.json")
            if exchange.status == 404:
                return []
            return [_taken(_decoded(exchange, _message))]
        begun = datetime.fromtimestamp(since / 1000, UTC) - timedelta(seconds=CLOCKS_APART)
        query = {"To": text.to, "From": text.sender, "DateSent>": f"{begun:%Y-%m-%d}", "PageSize": str(PAGE)}
        found = _decoded(await self._exchange("GET", f".json?{urlencode(query)}"), _list).messages
        return [_taken(one) for one in found if one.body == text.content and not _before(one, begun)]

    async def attend(self, ours: bool) -> None:
        """See `Carrier`. Twilio comes to us."""

    async def close(self) -> None:
        """See `Carrier`."""
        await self._client.aclose()

    async def _exchange(self, method: str, path: str, body: bytes = b"") -> Exchange:
        account = self._account
        url = f"{account.url}/2010-04-01/Accounts/{quote(account.sid, safe='')}/Messages{path}"
        headers = dict(self._headers)
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            target = parse_target(url, self._policy)
        except UrlRefused as error:
            raise CarrierUnreachable(f"[texts.twilio] url: {error}") from None
        return await self._client.send(
            Request(
                pool_key=NAME,
                target=target,
                headers=header_block(headers.items()),
                body=body,
                timeout=TIMEOUT,
                method=method,
            )
        )


def _outcome(exchange: Exchange) -> Outcome:
    """What an answer to a text that was handed over says of it. Pure."""
    failure, status = exchange.failure, exchange.status
    if failure is not None or status is None:
        kind = failure.kind if failure else Kind.INVALID_RESPONSE
        why = f"Twilio gave no answer: {kind.value}"
        return Later(why) if kind in _NOT_SENT else Doubtful(why)
    if status in (200, 201):
        try:
            return _taken(_message(exchange.body))
        except DECODING_ERRORS:
            return Doubtful("Twilio's answer cannot be read")
    if status == 429:
        return Later("Twilio takes no more texts at the moment (429)", _retry_after(exchange))
    if 400 <= status < 500:
        return Refused(_reason(exchange))
    return Doubtful(f"Twilio answered {status}")


def _retry_after(exchange: Exchange) -> float:
    value = dict(exchange.headers).get(b"retry-after", b"")
    return min(float(value), RETRY_AFTER_MOST) if value.isdigit() and len(value) <= 9 else 0.0


def _reason(exchange: Exchange) -> str:
    """Twilio's code and words; it never repeats what the text says."""
    try:
        error: Any = msgspec.json.decode(exchange.body)
        code, message = error.get("code"), error.get("message")
    except (*DECODING_ERRORS, AttributeError):
        code, message = None, None
    if code is None:
        return f"Twilio answered {exchange.status}"
    return f"{code}: {str(message)[:200]}"


def progress_of(status: str, code: object = None, message: str | None = None) -> Progress | None:
    """How far a text has come, by Twilio's word for it; None for a word that is not known."""
    known = _STATUSES.get(status)
    if known is None:
        return None
    if known is not Status.FAILED:
        return Progress(known)
    return Progress(known, f"{code}: {message}" if code and message else str(code) if code else status)


def _taken(message: _Message) -> Taken:
    progress = progress_of(message.status, message.error_code, message.error_message)
    return Taken(message.sid, progress or Progress(Status.PENDING))


def _before(message: _Message, begun: datetime) -> bool:
    """Whether a message is surely older; one without a time that can be read may be the one."""
    try:
        return datetime.strptime(message.date_created or "", "%a, %d %b %Y %H:%M:%S %z") < begun
    except ValueError:
        return False


def _decoded(exchange: Exchange, decode: Any) -> Any:
    if exchange.failure is not None:
        raise CarrierUnreachable(f"Twilio gave no answer: {exchange.failure.kind.value}")
    if exchange.status != 200:
        raise CarrierUnreachable(f"Twilio answered {exchange.status}")
    try:
        return decode(exchange.body)
    except DECODING_ERRORS:
        raise CarrierUnreachable("Twilio's answer cannot be read") from None
