"""The receiver's side: is this body from who it says, and recent? Then, and only then, what does it say?

    webhook = Webhook(secret)                  # `whsec_…`, or the public key `whpk_…` of an endpoint that signs v1a
    event = webhook.verify(body, headers)      # the raw body, not what a framework made of it

Deduplicate on the `webhook-id` header (`authenticate` returns it): an event may come more than once.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Iterable, Mapping

from switchhook.events import Event, parse
from switchhook.webhooks.ed25519 import PUBLIC_PREFIX, PublicKey
from switchhook.webhooks.signing import Secret

Key = str | Secret | PublicKey

TOLERANCE = 300
"""Seconds a timestamp may be off, in either direction."""

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"


class VerificationError(Exception):
    """The message is not to be trusted. Answer 400 or 401 and do not look inside."""


class MissingHeader(VerificationError):
    """One of the three headers is not there: usually a proxy or a framework dropped it. `header` names it."""

    def __init__(self, header: str) -> None:
        super().__init__(f"the header `{header}` is missing")
        self.header = header


class BadTimestamp(VerificationError):
    """`webhook-timestamp` is not a whole number of seconds, or too far from now."""


class TimestampTooOld(BadTimestamp):
    """Signed more than `TOLERANCE` seconds ago: a replay, or this machine's clock is ahead."""


class TimestampTooNew(BadTimestamp):
    """Signed more than `TOLERANCE` seconds from now: this machine's clock is behind."""


class NoMatchingSignature(VerificationError):
    """No signature fits any key: the wrong key, or a body that was parsed and written again on its way here."""


class Webhook:
    """Verifies what one endpoint receives. Takes several keys, of either kind, while they are being exchanged."""

    __slots__ = ("_public", "_secrets")

    def __init__(self, secret: Key | Iterable[Key]) -> None:
        """`secret` as the sender shows it (`whsec_…`, or the public key `whpk_…`), or several.

        Raises:
            ValueError: one is no secret and no public key, or there are none.
            ModuleNotFoundError: there is a public key, and the package `cryptography` is not installed.
        """
        given = [secret] if isinstance(secret, Key) else list(secret)
        if not given:
            raise ValueError("at least one secret is needed to verify")
        keys = [_key(one) if isinstance(one, str) else one for one in given]
        self._secrets = [one for one in keys if isinstance(one, Secret)]
        self._public = [one for one in keys if isinstance(one, PublicKey)]

    def verify(self, body: bytes, headers: Mapping[str, str], now: float | None = None) -> Event:
        """The typed event of an authentic message.

        `body` are the bytes as received, `headers` may spell their names in any case, `now` is seconds since 1970 (the
        machine's clock when not given).

        Raises:
            VerificationError: not authentic; the subclass says which of the usual mistakes it was.
            switchhook.events.UnknownTopic: authentic, but newer than this catalogue. Answer 2xx.
            switchhook.events.InvalidEvent: authentic, but not an event.
        """
        self.authenticate(body, headers, now)
        return parse(body)

    def authenticate(self, body: bytes, headers: Mapping[str, str], now: float | None = None) -> str:
        """Verify without reading the body, which may be anything; the message's `webhook-id`.

        Raises:
            VerificationError: not authentic.
            TypeError: `body` is not bytes. What a framework parsed cannot be verified.
        """
        if not isinstance(body, bytes | bytearray | memoryview):
            raise TypeError("the body must be the raw bytes as received, before anything parses them")
        msg_id = _header(headers, ID_HEADER)
        timestamp = _header(headers, TIMESTAMP_HEADER)
        signatures = _header(headers, SIGNATURE_HEADER)
        _check_time(timestamp, time.time() if now is None else now)
        # The timestamp as it came, not as it was read: `007` was signed as `007`.
        content = b"%b.%b.%b" % (_bytes(msg_id), _bytes(timestamp), body)
        expected = [binascii.b2a_base64(secret.mac(content), newline=False) for secret in self._secrets]
        for candidate in signatures.split(" "):
            version, _, value = candidate.partition(",")
            if version == "v1a" and self._verifies(value, content):
                return msg_id
            if version != "v1":
                continue
            # Every secret is tried, so that the time taken does not tell which one fitted.
            if any([hmac.compare_digest(_bytes(value), one) for one in expected]):  # noqa: C419 - `any` would stop early
                return msg_id
        raise NoMatchingSignature(
            "no signature fits: the wrong secret, or the body was changed (parsed and written again) before it got here"
        )

    def _verifies(self, value: str, content: bytes) -> bool:
        """Whether `value` is a public key's signature of `content`."""
        if not self._public:
            return False
        try:
            signature = base64.b64decode(_bytes(value), validate=True)
        except ValueError:
            return False
        return any(key.verifies(signature, content) for key in self._public)


def _key(text: str) -> Secret | PublicKey:
    return PublicKey.parse(text) if text.strip().startswith(PUBLIC_PREFIX) else Secret.parse(text)


def _header(headers: Mapping[str, str], name: str) -> str:
    found = headers.get(name)
    if found is None:
        for key, value in headers.items():
            if key.lower() == name:
                found = value
                break
    if not found:
        raise MissingHeader(name)
    return found


def _check_time(text: str, now: float) -> None:
    # int() would take spaces, underscores, signs and the digits of any script.
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadTimestamp("`webhook-timestamp` is not a whole number of seconds")
    ahead = int(text) - now
    if ahead < -TOLERANCE:
        raise TimestampTooOld(f"signed {-ahead:.0f} seconds ago; more than {TOLERANCE} are not accepted")
    if ahead > TOLERANCE:
        raise TimestampTooNew(
            f"signed {ahead:.0f} seconds in the future; more than {TOLERANCE} are not accepted"
        )


def _bytes(text: str) -> bytes:
    # Headers are Latin-1 on the wire, and a hostile one may hold what no encoding of ours takes.
    return text.encode("utf-8", "surrogatepass")
