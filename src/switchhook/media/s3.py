"""An S3-compatible store: put, get a part, delete. Requests are signed with AWS Signature Version 4.

    PUT    BUCKET/KEY                        200: it has the object, whole (it compares the digest that is signed)
    GET    BUCKET/KEY   Range: bytes=A-B     206, and how long the whole is
    DELETE BUCKET/KEY                        204, also where there was none

The endpoint is the operator's own word: it may be in a private network and speak plain HTTP.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.exchange import Exchange, Request, header_block
from switchhook.delivery.http import Client, Limits

CHUNK = 256 * 1024  # bytes of an object that are asked for at once
LIMITS = Limits(response_bytes=CHUNK + 64 * 1024, body_kept=CHUNK)
"""Of the client that an `S3` is given."""

ANYWHERE = AddressPolicy((ip_network("0.0.0.0/0"), ip_network("::/0")))
_SECONDS = 30.0  # for a request, and as much again as its body takes at
_SLOWEST = 64 * 1024  # bytes a second
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>").search
_WHOLE = re.compile(rb"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})").fullmatch


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Where objects are kept and with which key. `endpoint` is a URL without path.

    With `path_style` the bucket stands in the path and not in the host's name.
    """

    name: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str
    path_style: bool = False

    def __repr__(self) -> str:
        return f"Bucket({self.name!r} at {self.endpoint})"

    def url(self, key: str) -> str:
        """The URL of an object; `key` has nothing that would have to be encoded."""
        if self.path_style:
            return f"{self.endpoint}/{self.name}/{key}"
        scheme, _, host = self.endpoint.partition("://")
        return f"{scheme}://{self.name}.{host}/{key}"


class S3Error(Exception):
    """The store did not do it. `missing`: it has no such object. The text is for the operator, without secrets."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


class Part(NamedTuple):
    """A part of an object, and how many bytes the whole has."""

    data: bytes
    whole: int


def signed(
    bucket: Bucket, method: str, url: str, payload: bytes, headers: dict[str, str], *, at: datetime
) -> dict[str, str]:
    """The headers of a request for `url` (no query), those that sign it among them. Pure.

    `headers` are signed with it; `Host` is, and is left to who sends it.
    """
    parts = urlsplit(url)
    digest, date, stamp = hashlib.sha256(payload).hexdigest(), f"{at:%Y%m%d}", f"{at:%Y%m%dT%H%M%SZ}"
    headers = {**headers, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    shown = sorted({"host": parts.netloc, **{name.lower(): value for name, value in headers.items()}}.items())
    names = ";".join(name for name, _ in shown)
    lines = "".join(f"{name}:{value.strip()}\n" for name, value in shown)
    asked = "\n".join((method, parts.path or "/", "", lines, names, digest))
    scope = f"{date}/{bucket.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(asked.encode()).hexdigest()))
    key = f"AWS4{bucket.secret_key}".encode()
    for step in (date, bucket.region, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={bucket.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


class S3:
    """A bucket, through `client`, whose limits must be `LIMITS`."""

    def __init__(self, bucket: Bucket, client: Client, clock: Clock) -> None:
        self._bucket = bucket
        self._client = client
        self._clock = clock

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object; what was under `key` is replaced.

        Raises:
            S3Error: it is not known to be stored.
        """
        exchange = await self._ask("PUT", key, data, {"content-type": content_type})
        if exchange.status != 200:
            raise _refused("PUT", key, exchange)

    async def get(self, key: str, first: int, last: int) -> Part:
        """The bytes from `first` to `last`, both included, at most `CHUNK` of them; fewer where the object ends.

        Raises:
            S3Error: they cannot be had.
        """
        exchange = await self._ask("GET", key, b"", {"range": f"bytes={first}-{last}"})
        if exchange.status != 206:
            raise _refused("GET", key, exchange)
        span = _WHOLE(dict(exchange.headers).get(b"content-range", b""))
        if span is None or int(span[1]) != first or len(exchange.body) != int(span[2]) - first + 1:
            raise S3Error(f"GET {key}: the store sent another part than it was asked for")
        return Part(exchange.body, int(span[3]))

    async def delete(self, key: str) -> None:
        """Remove an object; it is well when there is none.

        Raises:
            S3Error: it is not known to be gone.
        """
        exchange = await self._ask("DELETE", key, b"", {})
        if exchange.status not in (200, 204, 404):
            raise _refused("DELETE", key, exchange)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _ask(self, method: str, key: str, body: bytes, headers: dict[str, str]) -> Exchange:
        url = self._bucket.url(key)
        now = datetime.fromtimestamp(self._clock.now() / 1000, UTC)
        try:
            target = parse_target(url, ANYWHERE)
            block = header_block(signed(self._bucket, method, url, body, headers, at=now).items())
        except (UrlRefused, ValueError) as error:
            raise S3Error(f"{method} {key}: {error}") from None
        exchange = await self._client.send(
            Request(
                pool_key="s3",
                target=target,
                headers=block,
                body=body,
                timeout=_SECONDS + len(body) / _SLOWEST,
                method=method,
            )
        )
        if exchange.failure is not None:
            raise S3Error(f"{method} {key}: {exchange.failure.kind.value} ({exchange.failure.detail})")
        return exchange


def _refused(method: str, key: str, exchange: Exchange) -> S3Error:
    found = _CODE(exchange.body)
    code = f" {found[1].decode()}" if found else ""
    return S3Error(
        f"{method} {key}: the store answered {exchange.status}{code}", missing=exchange.status == 404
    )
