"""One attempt as data: what is to be sent, and what came of it. Pure: the client fills it in, `outcome` reads it."""

import re
from collections.abc import Callable, Hashable, Iterable
from enum import StrEnum
from typing import NamedTuple, NewType

import msgspec

from switchhook.delivery.address import Target

Headers = tuple[tuple[str, str], ...]

HeaderBlock = NewType("HeaderBlock", bytes)
"""Header lines ready for the wire, each ended by CRLF. Only `header_block` makes one, so none can smuggle a line in."""


class Kind(StrEnum):
    """What became of one attempt, grouped by the phase that decided it. Kept in the database: never rename one."""

    # Before anything was dialled.
    URL_REFUSED = "url_refused"
    ADDRESS_FORBIDDEN = "address_forbidden"
    DNS_NOT_FOUND = "dns_not_found"
    DNS_FAILED = "dns_failed"
    DNS_TIMEOUT = "dns_timeout"
    # On the way to and through the operator's egress proxy; the receiver has seen nothing of the message.
    PROXY_UNREACHABLE = "proxy_unreachable"
    PROXY_AUTH = "proxy_auth"
    PROXY_REFUSED = "proxy_refused"
    PROXY_BAD_ANSWER = "proxy_bad_answer"
    PROXY_TIMEOUT = "proxy_timeout"
    # Connecting; the receiver has seen nothing of the message.
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_UNREACHABLE = "connect_unreachable"
    TLS_EXPIRED = "tls_expired"
    TLS_WRONG_HOST = "tls_wrong_host"
    TLS_SELF_SIGNED = "tls_self_signed"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_FAILED = "tls_failed"
    TLS_TIMEOUT = "tls_timeout"
    # In exchange; the receiver may or may not have taken the message.
    CONNECTION_RESET = "connection_reset"
    EARLY_CLOSE = "early_close"
    RESPONSE_TIMEOUT = "response_timeout"
    INVALID_RESPONSE = "invalid_response"
    HEADERS_TOO_LARGE = "headers_too_large"
    RESPONSE_TOO_LARGE = "response_too_large"
    # After a complete answer.
    DELIVERED = "delivered"
    REDIRECT = "redirect"
    GONE = "gone"
    RATE_LIMITED = "rate_limited"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    # Our own doing.
    SENDER_EXHAUSTED = "sender_exhausted"
    SENDER_STOPPED = "sender_stopped"
    SENDER_ERROR = "sender_error"
    EXPUNGED = "expunged"  # the content was removed before it was delivered; nothing was sent


class Failure(NamedTuple):
    """Why there is no complete answer. `detail` is for the operator: technical, one line, never a secret."""

    kind: Kind
    detail: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One POST to make.

    `pool_key` names whose connections may be used, the endpoint's id: endpoints never share one. `target` should be the
    same object for every request of an endpoint. `headers` are the message's own; the client adds Host, Content-Length
    and Accept-Encoding. `timeout` is in seconds, for everything from the name look-up to the last byte of the answer.
    `sink` is given the body of a 200 piece by piece, which is then not kept; it must not raise.
    """

    pool_key: Hashable
    target: Target
    headers: HeaderBlock
    body: bytes
    timeout: float = 20.0
    method: str = "POST"
    sink: Callable[[bytes], None] | None = None

    def __repr__(self) -> str:  # headers may hold credentials, the body what was said on the telephone
        return f"Request({self.method}, pool_key={self.pool_key!r})"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request: a complete answer, or `failure` with as much of an answer as there was.

    `body` is what the receiver sent, not decompressed, its first 16 KiB (`truncated` when there was more). `latency` is
    in seconds, from the request to the end of it. `address` was dialled, None if nothing was; `reused` tells that the
    connection had served before.
    """

    target: Target
    latency: float
    timeout: float
    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    truncated: bool = False
    failure: Failure | None = None
    address: str | None = None
    reused: bool = False


_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}").fullmatch  # token, RFC 9110, 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8192}").fullmatch  # field-value with obs-text, RFC 9110, 5.5

# Framing and connection headers belong to the client: two of them would let a request be read as two.
RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def header_block(headers: Iterable[tuple[str, str]]) -> HeaderBlock:
    """Put header lines into wire form. Blocks may be joined with `join_blocks`; prepare the constant ones once.

    Raises:
        ValueError: a name is not a token or belongs to the client, or a value holds CR, LF, NUL, another control
            character, or something outside Latin-1.
    """
    lines: list[str] = []
    for name, value in headers:
        if not _NAME(name):
            raise ValueError(f"{name!r} is not a header name. Use letters, digits and hyphens.")
        if name.lower() in RESERVED_HEADERS:
            raise ValueError(f"The header {name!r} is set by Switchhook itself. Take it out.")
        if not _VALUE(value):
            raise ValueError(
                f"The value of header {name!r} holds a line break or another character that headers cannot carry, "
                "or is longer than 8,192 characters."
            )
        lines.append(f"{name}: {value}\r\n")
    return HeaderBlock("".join(lines).encode("latin-1"))


def join_blocks(*blocks: HeaderBlock) -> HeaderBlock:
    """One block of several."""
    return HeaderBlock(b"".join(blocks))
