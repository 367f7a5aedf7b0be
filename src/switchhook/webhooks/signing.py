"""Signing after the Standard Webhooks specification, version `v1`. (For `v1a` see `ed25519`.)

    content   = webhook-id "." webhook-timestamp "." body
    signature = "v1," base64(HMAC-SHA256(key, content))

The key never changes between messages, so HMAC's first block of each of its two hashes is computed once per secret;
a signature then copies the two states and goes on from there.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Self

PREFIX = "whsec_"
"""What a secret's text begins with."""

MIN_BYTES, MAX_BYTES = 24, 64
"""The specification's bounds of a key, in bytes."""

_BLOCK = 64  # bytes SHA-256 takes at a time
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Secret:
    """A signing key. Its text is only ever given out by `reveal`: neither `repr` nor an error shows it."""

    __slots__ = ("_inner", "_key", "_outer")

    def __init__(self, key: bytes) -> None:
        """`key` has between 24 and 64 bytes.

        Raises:
            ValueError: it has not.
        """
        if not MIN_BYTES <= len(key) <= MAX_BYTES:
            raise ValueError(
                f"a signing secret holds between {MIN_BYTES} and {MAX_BYTES} bytes, this one holds {len(key)}"
            )
        self._key = bytes(key)
        # Never longer than a block, so HMAC's rule of hashing long keys first does not come up.
        block = self._key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The secret of `whsec_` and base64. The prefix may be missing, as other senders' secrets have it.

        Raises:
            ValueError: it is not base64, or not 24 to 64 bytes long.
        """
        encoded = text.strip().removeprefix(PREFIX)
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            # From None: the cause quotes no secret today, but that is not its promise.
            raise ValueError(
                f"a signing secret is `{PREFIX}` followed by base64; this one is not base64"
            ) from None
        return cls(key)

    @classmethod
    def generate(cls) -> Self:
        """A new secret of 24 random bytes."""
        return cls(os.urandom(MIN_BYTES))

    def reveal(self) -> str:
        """The secret's text, to be stored or shown to its owner."""
        return PREFIX + base64.b64encode(self._key).decode()

    def mac(self, content: bytes) -> bytes:
        """HMAC-SHA256 of `content`, 32 bytes."""
        inner = self._inner.copy()
        inner.update(content)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._key, other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Secret({PREFIX}…)"


class Signer:
    """Signs for one endpoint: with one secret, or with the old and the new one while they are being exchanged."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Sequence[Secret]) -> None:
        """`secrets` in the order their signatures are to have.

        Raises:
            ValueError: there are none.
        """
        if not secrets:
            raise ValueError("at least one secret is needed to sign")
        self._secrets = tuple(secrets)

    def sign(self, msg_id: str, timestamp_s: int, body: bytes) -> str:
        """The `webhook-signature` header. `timestamp_s` is what `webhook-timestamp` will say, in seconds."""
        content = b"%b.%d.%b" % (msg_id.encode(), timestamp_s, body)
        encode = binascii.b2a_base64
        if len(self._secrets) == 1:
            return "v1," + encode(self._secrets[0].mac(content), newline=False).decode()
        return " ".join(
            ["v1," + encode(secret.mac(content), newline=False).decode() for secret in self._secrets]
        )


def sign(secrets: Sequence[Secret], msg_id: str, timestamp_s: int, body: bytes) -> str:
    """The `webhook-signature` header of one message; see `Signer.sign`.

    Raises:
        ValueError: there are no secrets.
    """
    return Signer(secrets).sign(msg_id, timestamp_s, body)
