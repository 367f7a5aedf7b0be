"""Requests to the REST interface of Asterisk (ARI). Only with `record` is there anything but `GET`.

The address is the operator's own, as that of the manager interface is: it may be a private one, and no proxy is used.
"""

import base64
from typing import Any
from urllib.parse import quote

import msgspec

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.exchange import Exchange, Request, header_block
from switchhook.delivery.http import Client, Limits, SystemResolver
from switchhook.telephony.asterisk.session import Access
from switchhook.telephony.watching import ConnectionLost, Refused

TIMEOUT = 10.0  # seconds for a whole answer
LONGEST = 16 * 1024 * 1024  # bytes of one: a channel takes 700

_ANYWHERE = AddressPolicy.parse("0.0.0.0/0,::/0")
_LIMITS = Limits(response_bytes=LONGEST, body_kept=LONGEST)


def base(access: Access, scheme: str) -> str:
    """Where ARI is: `http://10.0.0.5:8088/ari`."""
    host = f"[{access.host}]" if ":" in access.host else access.host
    prefix = f"/{quote(access.prefix.strip('/'))}" if access.prefix.strip("/") else ""
    return f"{scheme}{'s' if access.tls else ''}://{host}:{access.port}{prefix}/ari"


def authorization(access: Access) -> str:
    """The header of that name. Never in the address, which servers and proxies write into their logs."""
    return "Basic " + base64.b64encode(f"{access.user}:{access.secret}".encode()).decode()


def refused(access: Access, status: int) -> Refused | ConnectionLost:
    """What an answer with that status means."""
    if status in (401, 403):
        return Refused(
            f"Asterisk does not let user {access.user!r} in ({status}); check user and secret in [asterisk] "
            "and the user's section in ari.conf"
        )
    if status == 404:
        return Refused(
            f"there is no ARI at {access.host}:{access.port} (404); see enabled in ari.conf and http.conf, that "
            "res_ari_channels, res_ari_bridges and res_ari_events are loaded, and prefix in http.conf and in [asterisk]"
        )
    if status == 400:
        return Refused("Asterisk does not understand what is asked (400); it has to be 13.6 or later")
    return ConnectionLost(f"Asterisk answered {status}")


class Rest:
    """Asks one Asterisk."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._client = Client(clock, _ANYWHERE, SystemResolver(clock), limits=_LIMITS)
        self._headers = header_block(
            [("Authorization", authorization(access)), ("Accept", "application/json")]
        )

    async def get(self, path: str) -> Any:
        """The answer to `GET /ari{path}`.

        Raises:
            ConnectionLost, Refused: see there.
        """
        return (await self.get_dated(path))[0]

    async def post(self, path: str) -> int:
        """The status of the answer to `POST /ari{path}`.

        Raises:
            ConnectionLost: there is none.
            Refused: we may not do that.
        """
        exchange = await self._exchange("POST", path)
        if exchange.status in (401, 403):
            raise refused(self._access, exchange.status)
        assert exchange.status is not None
        return exchange.status

    async def get_dated(self, path: str) -> tuple[Any, str]:
        """The answer, and the time at which it was given as the web server of Asterisk says it; see `get`."""
        access = self._access
        exchange = await self._exchange("GET", path)
        if exchange.status != 200:
            raise refused(access, exchange.status or 0)
        try:
            answer = msgspec.json.decode(exchange.body)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            raise ConnectionLost(f"what {access.host}:{access.port} answers is no JSON") from None
        dates = [value for name, value in exchange.headers if name.lower() == b"date"]
        return answer, dates[0].decode("latin-1") if dates else ""

    async def _exchange(self, method: str, path: str) -> Exchange:
        """What came of a request, with a status."""
        access = self._access
        try:
            target = parse_target(base(access, "http") + path, _ANYWHERE)
        except UrlRefused as error:
            raise Refused(f"[asterisk] host cannot be used: {error}") from None
        exchange = await self._client.send(
            Request(
                pool_key="asterisk",
                target=target,
                headers=self._headers,
                body=b"",
                timeout=TIMEOUT,
                method=method,
            )
        )
        if exchange.failure is not None or exchange.status is None:
            why = exchange.failure.detail if exchange.failure else "no answer"
            raise ConnectionLost(f"cannot ask {access.host}:{access.port}: {why}")
        return exchange

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()
