"""An HTTP proxy that deliveries leave through: where it is, what it is asked, and what its answer means. Pure.

    CONNECT 93.184.216.34:443 HTTP/1.1        the address that was checked, never a name:
    host: 93.184.216.34:443                   the proxy looks nothing up

The credentials are only ever given out by `request`: neither `repr` nor an error shows them.
"""

import base64
import re
from ipaddress import IPv6Address
from typing import Self
from urllib.parse import unquote

from switchhook.delivery.address import Address, AddressPolicy, Target, UrlRefused, parse_target
from switchhook.delivery.exchange import Failure, Kind

_URL = re.compile(r"(https?)://(?:([^@/?#]*)@)?([^@/?#]+)/?", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?").fullmatch
_ANYWHERE = AddressPolicy.parse("0.0.0.0/0,::/0")  # the proxy is the operator's own: it may be anywhere


class Proxy:
    """A proxy as the operator named it. `target` is where it listens; its scheme tells whether TLS is spoken to it."""

    __slots__ = ("_authorization", "target")

    def __init__(self, target: Target, credentials: str = "") -> None:
        """`credentials` are `user:password`, or empty when it asks for none."""
        self.target = target
        self._authorization = b""
        if credentials:
            encoded = base64.b64encode(credentials.encode())
            self._authorization = b"proxy-authorization: Basic " + encoded + b"\r\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The proxy of `http://[user:password@]host:port`; what is special in the credentials is percent-encoded.

        Raises:
            ValueError: it is not written so. The text repeats none of it.
        """
        parts = _URL.fullmatch(text)
        if parts is None:
            raise ValueError(
                "must be like http://host:3128 or http://user:password@host:3128, with an @ or / in the "
                "credentials percent-encoded"
            )
        if not re.search(r":[0-9]+$", parts[3]):
            raise ValueError("must name the proxy's port, like http://host:3128")
        credentials = unquote(parts[2] or "")
        if credentials and (":" not in credentials or not credentials.isprintable()):
            raise ValueError("must have credentials like user:password, without control characters")
        try:
            target = parse_target(f"{parts[1].lower()}://{parts[3]}/", _ANYWHERE)
        except UrlRefused as error:
            raise ValueError(f"must name a host and a port: {error}") from None
        return cls(target, credentials)

    def request(self, address: Address, port: int) -> bytes:
        """What opens a tunnel to `port` at `address`."""
        place = f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"
        start = f"CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n".encode("ascii")
        return start + self._authorization + b"\r\n"

    def __str__(self) -> str:
        return f"the proxy {self.target.host}:{self.target.port}"

    def __repr__(self) -> str:
        return f"Proxy({self.target.scheme}://{self.target.host}:{self.target.port})"


def refused(proxy: Proxy, head: bytes) -> Failure | None:
    """Why the proxy's answer, up to its empty line, opens no tunnel; None when it does.

    A 5xx says that the proxy could not get through to the receiver (squid and most others answer 502, 503 or 504,
    tinyproxy 500), and 504 that the receiver did not answer; everything else but a 2xx is the proxy's own no.
    """
    line = head.partition(b"\r\n")[0]
    found = _STATUS(line)
    if found is None:
        return Failure(Kind.PROXY_BAD_ANSWER, f"{proxy} did not answer in HTTP/1.1")
    status = int(found[1])
    if 200 <= status < 300:
        return None
    detail = f"{proxy} answered {status}"
    if status == 407:
        return Failure(Kind.PROXY_AUTH, detail)
    if status == 504:
        return Failure(Kind.CONNECT_TIMEOUT, detail)
    if status >= 500:
        return Failure(Kind.CONNECT_UNREACHABLE, detail)
    return Failure(Kind.PROXY_REFUSED, detail)
