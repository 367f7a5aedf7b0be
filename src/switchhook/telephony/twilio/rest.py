"""Calls and recordings, asked for at Twilio.

GET    {url}/2010-04-01/Accounts/{sid}/Calls/{call}.json             a call
GET    …/Calls.json?ParentCallSid={call}                             its legs
GET    …/Calls/{call}/Recordings.json                                its recordings
GET    …/Recordings/{recording}.wav[?RequestedChannels=2]            one of them
GET    …/Messages/{message}/Media/{media}                            a file that came with a text
DELETE …/Recordings/{recording}.json                                 it is not kept there
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.exchange import Exchange, HeaderBlock, Request, header_block
from switchhook.delivery.http import Client
from switchhook.delivery.http.limits import Limits
from switchhook.telephony.twilio.messages import Account

TIMEOUT = 15.0  # seconds for a question
FILE_TIMEOUT = 600.0  # seconds for a file
FILE_MOST = 512 * 1024 * 1024  # bytes: four hours of two voices
HOPS = 3  # redirects that are followed to a file
FILE_LIMITS = Limits(response_bytes=FILE_MOST, body_kept=1024 * 1024)

Sink = Callable[[bytes], None]


class Unavailable(Exception):
    """Twilio did not say; to be asked again. `refused` when it does not let us ask."""

    def __init__(self, why: str, *, refused: bool = False, status: int | None = None) -> None:
        super().__init__(why)
        self.refused = refused
        self.status = status


class Absent(Exception):
    """Twilio has no such thing, or not yet."""


class Rest:
    """The account of `account`, asked with a client of its own."""

    def __init__(self, account: Account, client: Client, policy: AddressPolicy) -> None:
        self._base = f"{account.url}/2010-04-01/Accounts/{quote(account.sid, safe='')}"
        self._client = client
        self._policy = policy
        login = base64.b64encode(f"{account.sid}:{account.token}".encode()).decode()
        self._headers = header_block([("Authorization", f"Basic {login}"), ("Accept", "application/json")])
        self._bare = header_block([("Accept", "*/*")])
        self._files = header_block([("Authorization", f"Basic {login}"), ("Accept", "*/*")])

    async def account(self) -> Mapping[str, Any]:
        """The account itself.

        Raises:
            Unavailable, Absent: see there; so below.
        """
        return await self._get(".json")

    async def number(self, number: str) -> Mapping[str, Any] | None:
        """How a number is set up there; None when the account has no such number."""
        found = await self._get(f"/IncomingPhoneNumbers.json?{urlencode({'PhoneNumber': number})}")
        return _first(found, "incoming_phone_numbers")

    async def call(self, sid: str) -> Mapping[str, Any]:
        """A call, by its CallSid."""
        return await self._get(f"/Calls/{quote(sid, safe='')}.json")

    async def legs(self, sid: str) -> list[Mapping[str, Any]]:
        """What was dialled for a call."""
        query = urlencode({"ParentCallSid": sid, "PageSize": "100"})
        return _all(await self._get(f"/Calls.json?{query}"), "calls")

    async def recordings(self, sid: str) -> list[Mapping[str, Any]]:
        """The recordings of a call."""
        return _all(await self._get(f"/Calls/{quote(sid, safe='')}/Recordings.json"), "recordings")

    async def recording(self, sid: str, channels: int, sink: Sink) -> None:
        """Hand a recording to `sink`, piece by piece, as WAV."""
        path = f"/Recordings/{quote(sid, safe='')}.wav"
        try:
            await self.file(f"{path}?RequestedChannels=2" if channels == 2 else path, sink)
        except Unavailable as error:
            if channels != 2 or error.status != 400:
                raise
            await self.file(path, sink)  # there are no two, whatever was said

    async def file(self, path: str, sink: Sink) -> None:
        """Hand a file of the account to `sink`, piece by piece."""
        url, headers = self._base + path, self._files
        for _ in range(HOPS + 1):
            exchange = await self._exchange("GET", url, headers, sink, FILE_TIMEOUT)
            if exchange.status not in (301, 302, 303, 307, 308):
                _check(exchange)
                return
            _complete(exchange)
            place = {name.lower(): value for name, value in exchange.headers}.get(b"location", b"")
            after = urljoin(url, place.decode("latin-1"))
            if urlsplit(after).netloc != urlsplit(url).netloc:
                headers = self._bare  # the account's token is nobody else's
            url = after
        raise Unavailable("Twilio redirects again and again")

    async def delete_recording(self, sid: str) -> None:
        """Have Twilio keep a recording no longer. One that it has not is no error."""
        url = f"{self._base}/Recordings/{quote(sid, safe='')}.json"
        exchange = await self._exchange("DELETE", url, self._headers)
        if exchange.status not in (204, 404):
            _check(exchange)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _get(self, path: str) -> Mapping[str, Any]:
        exchange = await self._exchange("GET", self._base + path, self._headers)
        _check(exchange)
        try:
            found = msgspec.json.decode(exchange.body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unavailable("Twilio's answer cannot be read")
        return found

    async def _exchange(
        self, method: str, url: str, headers: HeaderBlock, sink: Sink | None = None, timeout: float = TIMEOUT
    ) -> Exchange:
        try:
            target = parse_target(url, self._policy)
        except UrlRefused as error:
            raise Unavailable(str(error), refused=True) from None
        return await self._client.send(
            Request(
                pool_key=target.host,
                target=target,
                headers=headers,
                body=b"",
                timeout=timeout,
                method=method,
                sink=sink,
            )
        )


def _complete(exchange: Exchange) -> None:
    if exchange.failure is not None:
        raise Unavailable(f"Twilio gave no answer: {exchange.failure.kind.value}")


def _check(exchange: Exchange) -> None:
    _complete(exchange)
    status = exchange.status
    if status == 404:
        raise Absent("Twilio has no such thing (404)")
    if status != 200:
        raise Unavailable(f"Twilio answered {status}", refused=status in (401, 403), status=status)


def _all(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    listed = found.get(name)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _first(found: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next(iter(_all(found, name)), None)
