"""Signing with Ed25519, version `v1a` of the Standard Webhooks specification.

    content   = webhook-id "." webhook-timestamp "." body
    signature = "v1a," base64(Ed25519(private key, content))

The sender keeps the private key (`whsk_…`) to itself; receivers verify with the public one (`whpk_…`), no secret.
Needs the package `cryptography`, which is only imported when such a key is made use of.
"""

import base64
import binascii
from typing import Any, Self

PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
KEY_BYTES = 32
"""What a key of either kind holds."""


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # only who uses v1a needs it
    except ImportError:
        raise ModuleNotFoundError(
            "signatures of version v1a need the package `cryptography`: pip install cryptography"
        ) from None
    return ed25519


def _decoded(text: str, prefix: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"a {what} is `{prefix}` followed by base64; this one is not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"a {what} holds {KEY_BYTES} bytes, this one holds {len(key)}")
    return key


class PublicKey:
    """Verifies. Its text is `whpk_…`."""

    __slots__ = ("_key", "_raw")

    def __init__(self, raw: bytes) -> None:
        """`raw` are its 32 bytes.

        Raises:
            ValueError: they are not.
            ModuleNotFoundError: the package `cryptography` is not installed.
        """
        self._key = _library().Ed25519PublicKey.from_public_bytes(raw)
        self._raw = bytes(raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key of `whpk_` and base64.

        Raises:
            ValueError: it is not base64, or not 32 bytes long.
            ModuleNotFoundError: the package `cryptography` is not installed.
        """
        return cls(_decoded(text, PUBLIC_PREFIX, "public key"))

    def verifies(self, signature: bytes, content: bytes) -> bool:
        """Whether `signature` is this key's of `content`."""
        try:
            self._key.verify(signature, content)
        except Exception:  # InvalidSignature; whatever else a hostile one brings about is no proof either
            return False
        return True

    def __str__(self) -> str:
        return PUBLIC_PREFIX + base64.b64encode(self._raw).decode()

    def __repr__(self) -> str:
        return f"PublicKey({self})"


class PrivateKey:
    """Signs. Its text is only ever given out by `reveal`: neither `repr` nor an error shows it."""

    __slots__ = ("_key", "_seed")

    def __init__(self, seed: bytes) -> None:
        """`seed` are its 32 bytes.

        Raises:
            ValueError: they are not.
            ModuleNotFoundError: the package `cryptography` is not installed.
        """
        self._key = _library().Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = bytes(seed)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key of `whsk_` and base64.

        Raises:
            ValueError: it is not base64, or not 32 bytes long.
            ModuleNotFoundError: the package `cryptography` is not installed.
        """
        return cls(_decoded(text, PRIVATE_PREFIX, "private key"))

    @classmethod
    def generate(cls) -> Self:
        """A new key."""
        return cls(_library().Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def public(self) -> PublicKey:
        """The key to verify with."""
        return PublicKey(self._key.public_key().public_bytes_raw())

    def reveal(self) -> str:
        """The key's text, to be stored."""
        return PRIVATE_PREFIX + base64.b64encode(self._seed).decode()

    def sign(self, msg_id: str, timestamp_s: int, body: bytes) -> str:
        """The `webhook-signature` header; see `signing.Signer.sign`."""
        content = b"%b.%d.%b" % (msg_id.encode(), timestamp_s, body)
        return "v1a," + binascii.b2a_base64(self._key.sign(content), newline=False).decode()

    def __repr__(self) -> str:
        return f"PrivateKey({PRIVATE_PREFIX}…)"
