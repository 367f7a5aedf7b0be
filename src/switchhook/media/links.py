"""Links to recordings and files: unguessable, expiring, and checked without a database.

A link is `/v1/assets/recordings/ID.mp3?expires=SECONDS&signature=HEX`. The signature is HMAC-SHA256 over the id and the
expiry with a key that only the server holds, so that neither can be changed and nobody can make a link to a
recording whose id he happens to know. Links to files of texts are made likewise, and open nothing else. Pure; the
caller says what time it is.
"""

import hashlib
import hmac

PREFIX = "/v1/assets/recordings/"
FILES = "/v1/assets/files/"


def _signature(key: bytes, recording_id: str, expires_s: int, purpose: str = "recording") -> str:
    # The purpose stands in front, so that a signature made with the same key for something else is worth nothing here.
    message = f"switchhook.{purpose}.v1\n{recording_id}\n{expires_s}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def sign_path(key: bytes, recording_id: str, expires_s: int) -> str:
    """The path and query of a link that opens `recording_id` until `expires_s` (seconds since the Unix epoch).

    Raises:
        ValueError: the key is shorter than 16 bytes, or the id has characters that do not belong into a path.
    """
    _check(key, recording_id)
    return (
        f"{PREFIX}{recording_id}.mp3?expires={expires_s}&signature={_signature(key, recording_id, expires_s)}"
    )


def sign_file(key: bytes, file_id: str, expires_s: int) -> str:
    """The same for a file of a text."""
    _check(key, file_id)
    return f"{FILES}{file_id}?expires={expires_s}&signature={_signature(key, file_id, expires_s, 'file')}"


def _check(key: bytes, id_: str) -> None:
    if len(key) < 16:
        raise ValueError("the key of recording links must have at least 16 bytes")
    if not id_ or not all(c.isascii() and (c.isalnum() or c in "-_") for c in id_):
        raise ValueError(f"not a recording id: {id_!r}")


def verify(key: bytes, recording_id: str, expires: str, signature: str, now_s: int) -> bool:
    """Whether the link is ours, unchanged and not expired. Takes the same time whichever character is wrong.

    `expires` and `signature` are the query's strings as they came: whatever they hold, the answer is a plain no.
    """
    return _verify(key, recording_id, expires, signature, now_s, purpose="recording")


def verify_file(key: bytes, file_id: str, expires: str, signature: str, now_s: int) -> bool:
    """The same for a file of a text."""
    return _verify(key, file_id, expires, signature, now_s, purpose="file")


def _verify(key: bytes, id_: str, expires: str, signature: str, now_s: int, *, purpose: str) -> bool:
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return False
    wanted = _signature(key, id_, int(expires), purpose)
    # Compared as bytes: compare_digest refuses text outside ASCII with an exception.
    genuine = hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace"))
    return genuine and now_s < int(expires)
