"""What an attempt means: who is at fault, what to tell them, whether and how to go on. Pure.

Everything but success is tried again by schedule: what is wrong today (an expired certificate, a wrong address, a 404)
is often mended within the day. The flags say where a rule asks for more than that.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from switchhook.delivery.address import AddressForbidden, UrlRefused
from switchhook.delivery.exchange import Exchange, Headers, Kind
from switchhook.delivery.messages import WORDS, Fault
from switchhook.delivery.schedule import MAX_RETRY_AFTER

__all__ = ["Fault", "Kind", "Outcome", "classify", "parse_retry_after", "refusal"]

_SLOW_DOWN = frozenset({429, 502, 503, 504})
_DIGITS = re.compile(r"[0-9]{1,18}").fullmatch


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one attempt, ready to be recorded.

    * `ok`: a complete 2xx in time. `retryable` is its opposite, unless the receiver asked us to give the message up.
    * `disable`: 410, the endpoint is to be disabled at once.
    * `slow_down`: 429, 502, 503 or 504, the whole endpoint is to be slowed down.
    * `abort`: the answer said `webhook-delivery: abort-message`; this message is not tried again.
    * `retry_after`: seconds the receiver asked for, 0 to 36,000; None if it did not.
    * `fault`: who has to act; None on success. The two messages are empty on success.
    * `latency_ms`: whole milliseconds of the attempt.
    * `headers`, `body`: of the answer as received; `truncated` when `body` is only its first 16 KiB.
    """

    ok: bool
    kind: Kind
    status: int | None = None
    retryable: bool = False
    disable: bool = False
    slow_down: bool = False
    abort: bool = False
    retry_after: float | None = None
    fault: Fault | None = None
    message_customer: str = ""
    message_operator: str = ""
    latency_ms: int = 0
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False


def classify(exchange: Exchange, now_ms: int) -> Outcome:
    """Read an exchange. `now_ms` is wall time in milliseconds, against which a dated Retry-After is measured."""
    status, failure = exchange.status, exchange.failure
    headers = tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in exchange.headers])
    latency_ms = round(exchange.latency * 1000)
    if failure is None and status is not None and 200 <= status < 300:
        return Outcome(
            ok=True,
            kind=Kind.DELIVERED,
            status=status,
            latency_ms=latency_ms,
            headers=headers,
            body=exchange.body,
            truncated=exchange.truncated,
        )
    complete = failure is None and status is not None
    kind = failure.kind if failure is not None else _status_kind(status)
    fault, customer, operator = _words(exchange, kind)
    # Only a complete answer is an instruction; half of one proves nothing about what the receiver wanted.
    abort = complete and _header(headers, "webhook-delivery").strip().lower() == "abort-message"
    asked = _header(headers, "retry-after") if complete and status is not None and status >= 400 else ""
    return Outcome(
        ok=False,
        kind=kind,
        status=status,
        retryable=not abort,
        disable=kind is Kind.GONE,
        slow_down=complete and status in _SLOW_DOWN,
        abort=abort,
        retry_after=parse_retry_after(asked, now_ms),
        fault=fault,
        message_customer=customer,
        message_operator=operator,
        latency_ms=latency_ms,
        headers=headers,
        body=exchange.body,
        truncated=exchange.truncated,
    )


def refusal(error: UrlRefused) -> Outcome:
    """The outcome of an attempt whose URL `parse_target` refused: nothing was sent, it is tried again by schedule."""
    kind = Kind.ADDRESS_FORBIDDEN if isinstance(error, AddressForbidden) else Kind.URL_REFUSED
    words = WORDS[kind]
    filled = {"host": "The host of the URL", "detail": str(error)}
    return Outcome(
        ok=False,
        kind=kind,
        retryable=True,
        fault=words.fault,
        message_customer=words.customer.format_map(filled),
        message_operator=words.operator.format_map(filled),
    )


def parse_retry_after(value: str, now_ms: int) -> float | None:
    """Seconds that a Retry-After asks for (RFC 9110, 10.2.3), kept within 0 and ten hours; None if unreadable."""
    value = value.strip()
    if _DIGITS(value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000" and a missing zone; HTTP dates are always GMT
        moment = moment.replace(tzinfo=UTC)
    try:
        seconds = moment.timestamp() - now_ms / 1000
    except OverflowError:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _status_kind(status: int | None) -> Kind:
    if status == 410:
        return Kind.GONE
    if status == 429:
        return Kind.RATE_LIMITED
    if status is None or not 300 <= status < 600:
        return Kind.UNEXPECTED_STATUS
    return (Kind.REDIRECT, Kind.CLIENT_ERROR, Kind.SERVER_ERROR)[status // 100 - 3]


def _words(exchange: Exchange, kind: Kind) -> tuple[Fault, str, str]:
    target = exchange.target
    words = WORDS[kind]
    filled = {
        "host": target.host,
        "place": f"{target.host}:{target.port}" + (f" ({exchange.address})" if exchange.address else ""),
        "status": exchange.status,
        "seconds": f"{exchange.timeout:g}",
        "detail": exchange.failure.detail if exchange.failure else "",
    }
    return words.fault, words.customer.format_map(filled), words.operator.format_map(filled)


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")
