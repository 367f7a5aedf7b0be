"""Standard Webhooks: signing, verifying, and the receiver's toolkit. Needs only `switchhook.events`, and `cryptography`
for signatures of version `v1a`. What a receiver holds lives here, what a sender does lives in `delivery`; clients of
databases and web frameworks are the user's, and imported only by the modules named after them.
"""

from switchhook.webhooks.dedupe import MemoryDedupe
from switchhook.webhooks.ed25519 import PrivateKey, PublicKey
from switchhook.webhooks.receiver import Receiver
from switchhook.webhooks.receiving import Answer, Background, Message, OnError, Rules
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
    "Answer",
    "Background",
    "BadTimestamp",
    "MemoryDedupe",
    "Message",
    "MissingHeader",
    "NoMatchingSignature",
    "OnError",
    "PrivateKey",
    "PublicKey",
    "Receiver",
    "Rules",
    "Secret",
    "Signer",
    "TimestampTooNew",
    "TimestampTooOld",
    "VerificationError",
    "Webhook",
    "sign",
]
