"""Secrets at rest: sealed with AES-256-GCM under keys that are not in the database. Pure.

    sealed:1:KEY-ID:base64url(nonce · ciphertext · tag)

A sealed text is bound to its place (workspace, id, purpose): moved to another row or column, or changed in a single
bit, it does not open. The first key seals, all of them open, so that keys can be exchanged. Without a key texts stay as
they are; with one, a text that was never sealed still opens, until `sealing.seal_all` has been there.
"""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Sequence
from typing import Self

from switchhook.storage.store import StorageError

MARK = "sealed:"
KEY_BYTES = 32
_NONCE_BYTES = 12
_SEALED = re.compile(r"sealed:1:([0-9a-f]{8}):([A-Za-z0-9_-]+=*)").fullmatch


class SealBroken(StorageError):
    """A sealed text that does not open: the key is missing, or the text is not what was sealed for this place."""


class Vault:
    """Seals and opens texts. `prefix` is what its own begin with; empty when it has no key and seals nothing."""

    __slots__ = ("_keys", "prefix")

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        """`keys` have 32 bytes each; the first one seals."""
        self._keys = {}
        self.prefix = ""
        if keys:
            # Only who has a key needs the library.
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._keys = {_id(key): AESGCM(key) for key in keys}
            self.prefix = f"{MARK}1:{_id(keys[0])}:"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The vault of keys in base64 or hexadecimal with commas between them; empty has none.

        Raises:
            ValueError: an entry is no such key. The text repeats none of it.
        """
        entries = [entry.strip() for entry in text.split(",")] if text.strip() else []
        return cls([_key(entry, number) for number, entry in enumerate(entries, 1)])

    @property
    def ids(self) -> frozenset[str]:
        """Which keys it has, by the names that stand in sealed texts."""
        return frozenset(self._keys)

    def seal(self, text: str, *place: str) -> str:
        """`text` for `place`; as it is when there is no key."""
        if not self.prefix:
            return text
        nonce = os.urandom(_NONCE_BYTES)
        sealed = next(iter(self._keys.values())).encrypt(nonce, text.encode(), _bound(place))
        return self.prefix + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, text: str, *place: str) -> str:
        """What was sealed for `place`; a text that is not sealed, as it is.

        Raises:
            SealBroken: it does not open.
        """
        if not text.startswith(MARK):
            return text
        where = " ".join(place)
        parts = _SEALED(text)
        if parts is None:
            raise SealBroken(f"the sealed secret of {where} is damaged; restore it from a backup")
        key = self._keys.get(parts[1])
        if key is None:
            raise SealBroken(missing(parts[1]))
        # Here and not above: without a key there is nothing to open.
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.urlsafe_b64decode(parts[2])
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(place)).decode()
        except (InvalidTag, ValueError):
            raise SealBroken(
                f"the sealed secret of {where} was changed, or moved there from elsewhere; restore it from a backup"
            ) from None

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._keys) or 'no key'})"


def missing(key: str) -> str:
    """What to say when nobody has the key with this id."""
    return (
        f"the secrets in this database are sealed with the key {key}, which SWITCHHOOK_SECRETS_KEY does not hold; "
        "give it that key again, behind a newer one if there is one"
    )


def key_of(text: str) -> str:
    """The id of the key in the beginning of a sealed text."""
    return text.removeprefix(MARK).partition(":")[2].partition(":")[0]


def new_key() -> str:
    """A new key, as settings take it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _key(entry: str, number: int) -> bytes:
    try:
        if re.fullmatch(r"[0-9a-fA-F]{64}", entry):
            return bytes.fromhex(entry)
        key = base64.b64decode(entry.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"key {number} is not {KEY_BYTES} bytes in base64 or hexadecimal; `switchhook secrets new-key` makes one"
        )
    return key


def _id(key: bytes) -> str:
    return hashlib.sha256(b"switchhook secrets key\n" + key).hexdigest()[:8]


def _bound(place: Sequence[str]) -> bytes:
    return json.dumps(place).encode()  # and not joined by something that might stand in a part
