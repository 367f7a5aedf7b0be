"""Why a captured request does not verify: which of the usual mistakes it is, and what to do. Pure.

A signature covers the exact bytes, so what became of them can be tried out: a body that was changed in a known way is
changed back (`originals`), a secret that was damaged in a known way is mended (`_keys`), and whatever then fits the
signature is what happened, beyond doubt. What fits in no way is said to be so.
"""

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from switchhook.events import InvalidEvent, parse
from switchhook.webhooks.ed25519 import PRIVATE_PREFIX, PUBLIC_PREFIX, PublicKey
from switchhook.webhooks.rewritten import originals, writer
from switchhook.webhooks.signing import PREFIX, Secret
from switchhook.webhooks.verify import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, TOLERANCE

_MILLISECONDS = 13  # digits of a time in them, from 2001 to 2286
RAW = (
    "Verify the raw bytes, before anything parses them: `request.get_data()` in Flask, `await request.body()` in "
    "FastAPI and Starlette, `request.body` in Django, `express.raw()` in Express, the decoded `body` in AWS Lambda."
)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found. `code` is for programs, `what` says what is so, `do` what to do about it. One that is
    a `note` is no fault."""

    code: str
    what: str
    do: str
    note: bool = False


class Diagnosis(msgspec.Struct, frozen=True):
    """`authentic`: it would verify as it is. `id` and `topic` as far as they can be read."""

    authentic: bool
    findings: list[Finding]
    id: str | None = None
    topic: str | None = None


def diagnose(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: float, *, arrived: bool = False
) -> Diagnosis:
    """What is to be said of a request that was captured. `secrets` as the receiver has them, damaged or not. `now` is
    seconds since 1970, and when the request arrived if `arrived` says so; otherwise its age is no fault."""
    found, faults = _headers(headers)
    topic = _topic(body)
    msg_id = found.get(ID_HEADER)
    missing = [name for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER) if name not in found]
    if missing:
        return Diagnosis(False, faults, msg_id, topic)
    assert msg_id is not None
    stamp = found[TIMESTAMP_HEADER]
    if stamp.isascii() and stamp.isdigit() and len(stamp) == _MILLISECONDS:
        what = "`webhook-timestamp` is in milliseconds; it is sent, and signed, in seconds."
        do = "Find what rewrites it on the way, and hand the header to the verifier as it came."
        faults.append(Finding("timestamp-unreadable", what, do))
        stamp = stamp[:-3]
    faults += _time(stamp, now, arrived=arrived)
    faults += _fit(body, f"{msg_id}.{stamp}.", found[SIGNATURE_HEADER], secrets)
    authentic = all(fault.note for fault in faults)
    return Diagnosis(authentic, faults, msg_id, topic)


# ── headers


def _headers(headers: Mapping[str, str]) -> tuple[dict[str, str], list[Finding]]:
    """The three headers, found under whatever name, and what is wrong with them."""
    given = {name.lower(): value for name, value in headers.items()}
    found: dict[str, str] = {}
    faults = []
    for wanted in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER):
        if given.get(wanted):
            found[wanted] = given[wanted]
            if given[wanted] != given[wanted].strip() or given[wanted][:1] == given[wanted][-1:] == '"':
                found[wanted] = given[wanted].strip().strip('"')
                what = f"The value of `{wanted}` has blanks or quotes around it that were not sent."
                faults.append(
                    Finding(
                        "header-damaged", what, "Find what rewrites headers on the way; pass it on as it is."
                    )
                )
            continue
        other = next((name for name in given if given[name] and _plain_name(name) == wanted), None)
        if other is not None:
            found[wanted] = given[other].strip()
            what = f"`{wanted}` arrived as `{other}`: a proxy or a framework renamed it."
            do = f"Pass it on under its own name, or hand the value of `{other}` to the verifier as `{wanted}`."
            faults.append(Finding("header-renamed", what, do))
        else:
            what = f"`{wanted}` is missing" + (" (it is empty)." if wanted in given else ".")
            do = (
                "Have the proxy, the tunnel or the gateway in front pass the webhook-* headers on; some take only "
                "those that are listed. If the capture tool left it out, capture again."
            )
            faults.append(Finding("header-missing", what, do))
    return found, faults


def _plain_name(name: str) -> str:
    plain = name.replace("_", "-")
    for prefix in ("http-", "x-amzn-remapped-", "x-forwarded-", "x-original-", "x-"):
        plain = plain.removeprefix(prefix)
    if plain.startswith("svix-"):
        plain = "webhook-" + plain.removeprefix("svix-")
    return plain


# ── time


def _time(text: str, now: float, *, arrived: bool) -> list[Finding]:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        what = "`webhook-timestamp` is not a whole number of seconds since 1970."
        return [
            Finding("timestamp-unreadable", what, "Find what rewrites it on the way, a log formatter say.")
        ]
    off = now - int(text)
    if off < -TOLERANCE:
        what = f"It was signed {-off:.0f} seconds after {'it arrived' if arrived else 'now'}."
        return [
            Finding(
                "clock-behind", what, "This machine's clock is behind: have it set by NTP (`timedatectl`)."
            )
        ]
    if off <= TOLERANCE:
        return []
    if not arrived:
        what = f"It was signed {off:.0f} seconds ago; a receiver takes up to {TOLERANCE}."
        do = "Nothing, if the capture is that old. To have it judged, say when it arrived: --at."
        return [Finding("age", what, do, note=True)]
    what = f"It was signed {off:.0f} seconds before it arrived; up to {TOLERANCE} are accepted."
    do = (
        "Either this machine's clock is ahead (have it set by NTP, `timedatectl`), or the request lay in a queue in "
        "front of the receiver, or somebody sent an old one again, which is what the limit is for."
    )
    return [Finding("too-old", what, do)]


# ── the signature


def _fit(body: bytes, head: str, signatures: str, secrets: Sequence[str]) -> list[Finding]:
    """What had to be changed to make the signature fit; nothing when it fits."""
    offered = [part.partition(",")[::2] for part in signatures.split(" ") if part]
    versions = {version for version, _ in offered}
    faults, keys = [], []
    for number, text in enumerate(secrets):
        mended, wrong = _keys(text, number, len(secrets))
        keys += mended
        faults += wrong
    for change, original in originals(body):
        content = head.encode("utf-8", "surrogatepass") + original
        for key, damage in keys:
            if any(_verifies(key, version, value, content) for version, value in offered):
                return ([damage] if damage else []) + ([_changed(change, body, original)] if change else [])
    if faults:
        return faults
    if not versions & {"v1", "v1a"}:
        what = "`webhook-signature` has no signature of version v1 or v1a."
        return [
            Finding("signature-unreadable", what, "It begins with `v1,` or `v1a,`: find what rewrites it.")
        ]
    wanted = {"v1a" if isinstance(key, PublicKey) else "v1" for key, _ in keys}
    if keys and not versions & wanted:
        return [_other_version(versions)]
    if not body:
        what = "The body is empty: something read it before, and nothing was left."
        return [Finding("body-empty", what, "Read the body once and keep it. " + RAW)]
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        what = "The body is no JSON: it was cut off, or changed beyond recognition."
        do = (
            "Compare its length with `content-length`; look for a limit of size in front of the receiver. "
            + RAW
        )
        return [Finding("body-broken", what, do)]
    what = "No signature fits, whatever usual change of the body or the secret is undone."
    do = (
        "Most likely the secret is another endpoint's, or was rotated: take it anew from `GET /v2/api/webhooks/{id}` "
        "of the endpoint whose URL this is. Otherwise the content itself was changed after it was signed."
    )
    return [Finding("other-secret", what, do)]


def _other_version(versions: set[str]) -> Finding:
    if "v1a" in versions:
        what = "It is signed with version v1a (Ed25519), and the key given is a secret for v1."
        return Finding(
            "version",
            what,
            "Verify with the endpoint's `public_key`, `whpk_…`, or set its `signature` to v1.",
        )
    what = "It is signed with version v1 (HMAC), and the key given is a public key for v1a."
    return Finding(
        "version", what, "Verify with the endpoint's `secret`, `whsec_…`, or set its `signature` to v1a."
    )


def _verifies(key: Secret | PublicKey, version: str, value: str, content: bytes) -> bool:
    given = value.encode("utf-8", "surrogatepass")
    if isinstance(key, Secret):
        return version == "v1" and hmac.compare_digest(given, base64.b64encode(key.mac(content)))
    try:
        return version == "v1a" and key.verifies(base64.b64decode(given, validate=True), content)
    except ValueError:
        return False


def _changed(change: str, body: bytes, original: bytes) -> Finding:
    if change == "newline":
        what = "A line end stands behind the body that was not sent: an editor or a shell (`echo`) added it."
        return Finding(
            "newline-added", what, "Save the body byte for byte: `--data-binary @file`, `printf %s`."
        )
    if change == "newline lost":
        what = "The line end at the body's end was cut off."
        return Finding("newline-lost", what, "Do not strip the body. " + RAW)
    if change == "base64":
        what = "The body is base64 of what was sent, as API gateways hand binary bodies on."
        return Finding("body-base64", what, "Decode it before verifying when `isBase64Encoded` is true.")
    if change == "charset lost":
        what = "The body was read as UTF-8 and written as Latin-1: letters with accents became one byte."
        return Finding("charset", what, "Do not turn the body into text before verifying. " + RAW)
    if change == "charset":
        what = "The body was read as Latin-1 and written as UTF-8: letters with accents became two."
        return Finding("charset", what, "Do not turn the body into text before verifying. " + RAW)
    if change == "line ends":
        what = "Line ends were changed (CRLF and LF)."
        return Finding("line-ends", what, "Transfer the body as binary. " + RAW)
    if change == "mark":
        what = "A byte order mark stands before the body that was not sent."
        return Finding("byte-order-mark", what, "Save the body byte for byte, without a mark.")
    if change == "text":
        what = "The body is the message as a JSON string: it was encoded twice."
        return Finding("encoded-twice", what, RAW)
    how = writer(body, original)
    what = f"The body was parsed and written again: {how}. The same JSON, but other bytes than were signed."
    return Finding("re-serialised", what, RAW)


# ── the secret


def _keys(
    text: str, number: int, of: int
) -> tuple[list[tuple[Secret | PublicKey, Finding | None]], list[Finding]]:
    """Keys that the text may mean, each with what is wrong with the text then; and what is wrong when none fits."""
    which = f"Secret {number + 1}" if of > 1 else "The secret"
    plain = text.strip().strip("\"'").strip()
    if plain.startswith(PRIVATE_PREFIX):
        what = f"{which} is a private key (`{PRIVATE_PREFIX}…`), which a receiver must not have."
        return [], [Finding("private-key", what, f"Verify with the public key, `{PUBLIC_PREFIX}…`.")]
    if plain.startswith(PUBLIC_PREFIX):
        try:
            return [(PublicKey.parse(plain), _blanks(text, plain, which))], []
        except (ValueError, ModuleNotFoundError) as error:
            return [], [Finding("key-unreadable", f"{which} cannot be used: {error}.", "Copy it anew.")]
    found: list[tuple[Secret | PublicKey, Finding | None]] = []
    readable = False
    for key, damage in _mended(plain):
        readable |= damage is None
        found.append((key, _blanks(text, plain, which) if damage is None else _damaged(f"{which} {damage}")))
    if readable:
        return found, []
    what = f"{which} is not `{PREFIX}` followed by base64 of 24 to 64 bytes: it is damaged, or is something else."
    return found, [Finding("secret-unreadable", what, "Copy the endpoint's `secret` anew, whole.")]


def _blanks(text: str, plain: str, which: str) -> Finding | None:
    # What `Secret.parse` strips itself does no harm here; other libraries take it for a part of the key.
    if text == plain:
        return None
    what = f"{which} has blanks, a line end or quotes around it."
    harmless = text.strip() == plain
    do = "Remove them where it is kept (`.env` file, secret store)."
    return Finding(
        "secret-blanks",
        what,
        do + (" This library ignores them, others do not." if harmless else ""),
        harmless,
    )


def _damaged(what: str) -> Finding:
    return Finding(
        "secret-damaged",
        what + ".",
        "Keep it exactly as the endpoint shows it, and decode what follows `whsec_`.",
    )


def _mended(plain: str) -> Iterator[tuple[Secret, str | None]]:
    encoded = plain.removeprefix(PREFIX)
    yield from _key(plain, None)
    yield from _key("".join(encoded.split()), "is broken by blanks or line ends inside it")
    yield from _key(encoded.removeprefix(PREFIX), f"has `{PREFIX}` twice")
    swapped = encoded.replace("-", "+").replace("_", "/")
    if swapped != encoded:
        yield from _key(swapped + "=" * (-len(swapped) % 4), "was written in the URL-safe alphabet of base64")
    if len(encoded) % 4:
        yield from _key(encoded + "=" * (-len(encoded) % 4), "lost the `=` at its end")
    if encoded.lower().startswith(PREFIX):
        yield from _key(encoded[len(PREFIX) :], f"has its prefix `{PREFIX}` in capitals")
    for raw, how in (
        (plain, "as it is written, prefix included,"),
        (encoded, "behind its prefix, not decoded,"),
    ):
        yield from _raw(
            raw.encode("utf-8", "surrogatepass"), f"was taken {how} for the key of this signature"
        )
    try:
        yield from _raw(
            base64.b64encode(base64.b64decode(encoded, validate=True)), "was encoded once too often"
        )
        yield from _raw(bytes.fromhex(encoded), "is the key in hexadecimal, not base64")
    except (binascii.Error, ValueError):
        return


def _key(encoded: str, damage: str | None) -> Iterator[tuple[Secret, str | None]]:
    try:
        yield Secret.parse(encoded), damage
    except ValueError:
        return


def _raw(key: bytes, damage: str) -> Iterator[tuple[Secret, str | None]]:
    try:
        yield Secret(key), damage
    except ValueError:
        return


def _topic(body: bytes) -> str | None:
    try:
        return parse(body).topic
    except InvalidEvent as error:
        return getattr(error, "topic", None)
