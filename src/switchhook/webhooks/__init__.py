"""Signing and verifying webhooks after the Standard Webhooks specification.

Pure: needs only `switchhook.events`, and `cryptography` for signatures of version `v1a`.
What a receiver holds lives here, what a sender does lives in `delivery`.
"""

from switchhook.webhooks.ed25519 import PrivateKey, PublicKey
from switchhook.webhooks.signing import Secret, Signer, sign
from switchhook.webhooks.verify import (
    TOLERANCE,
    BadTimestamp,
    MissingHeader,
    NoMatchingSignature,
    TimestampTooNew,
    TimestampTooOld,
    VerificationError,
    Webhook,
)

__all__ = [
    "TOLERANCE",
    "BadTimestamp",
    "MissingHeader",
    "NoMatchingSignature",
    "PrivateKey",
    "PublicKey",
    "Secret",
    "Signer",
    "TimestampTooNew",
    "TimestampTooOld",
    "VerificationError",
    "Webhook",
    "sign",
]
