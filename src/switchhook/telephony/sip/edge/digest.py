"""Digest authentication, on both sides (RFC 3261, 22; RFC 7616 and RFC 8760 for SHA-256).

A nonce is signed and says when and to whom it was given: nothing is remembered of those that nobody used. Of those
that were used well, the highest count is, so that what was overheard cannot be sent again.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

NONCE_SECONDS = 300
_REMEMBERED = 4_096  # nonces whose counts are known; beyond it the oldest are no longer taken at all
_MAC = 16

_HASHES: Mapping[str, Callable[[bytes], "hashlib._Hash"]] = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
ALGORITHMS = ("SHA-256", "MD5")  # as they are offered: the better one first
_PART = re.compile(r'\s*,?\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))')


class Verdict(Enum):
    """What credentials are worth."""

    GOOD = auto()
    STALE = auto()  # right, or not to be told, by a nonce that is too old, used up or not of ours: ask again
    WRONG = auto()  # by a nonce that was given to this very sender: name or password are wrong
    NONE = auto()  # there are none


def fields(header: str) -> dict[str, str]:
    """The parts of a Digest challenge or of Digest credentials; empty for any other scheme or garbage."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "digest" or len(rest) > 4_096:
        return {}
    found: dict[str, str] = {}
    at = 0
    while (part := _PART.match(rest, at)) is not None:
        name, quoted, plain = part.groups()
        if name.lower() in found:
            return {}  # said twice: which one would count?
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        at = part.end()
    return found if not rest[at:].strip(" ,\t") else {}


def ha1(user: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """The hash that stands for a password."""
    return _hash(algorithm, f"{user}:{realm}:{password}")


@dataclass(frozen=True)
class Proof:
    """What a response is made of, beside the secret and the method. `qop` is empty for the old kind without counts."""

    algorithm: str
    uri: str
    nonce: str
    qop: str = ""
    nc: str = ""
    cnonce: str = ""

    def of(self, secret: str, method: str) -> str:
        """The proof that one has `secret`, which is a `ha1`."""
        what = _hash(self.algorithm, f"{method}:{self.uri}")
        middle = f"{self.nonce}:{self.nc}:{self.cnonce}:{self.qop}" if self.qop else self.nonce
        return _hash(self.algorithm, f"{secret}:{middle}:{what}")


class Guard:
    """Asks for credentials and weighs them.

    `key` signs the nonces; `passwords` are those of users by their names, or a `ha1` by each algorithm in their place.
    """

    def __init__(self, key: bytes, realm: str, passwords: Mapping[str, str | tuple[str, ...]]) -> None:
        self._key = key
        self.realm = realm
        self.passwords = dict(passwords)
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._floor = 0  # nonces of this second and before are no longer taken

    def challenges(self, now: int, peer: str, *, stale: bool = False) -> list[str]:
        """Values for WWW-Authenticate or Proxy-Authenticate, at `now` (wall seconds) to the host `peer`."""
        # One for each: two of the same second would share their counts, and the second user of it look like a thief.
        nonce = self._sign(f"{now:x}.{secrets.token_hex(6)}", peer)
        more = ", stale=true" if stale else ""
        return [
            f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={algorithm}, qop="auth"{more}'
            for algorithm in ALGORITHMS
        ]

    def check(self, header: str | None, method: str, uri: str, now: int, peer: str) -> tuple[Verdict, str]:
        """What an Authorization or Proxy-Authorization header is worth, and the user it names."""
        given = fields(header or "")
        user = given.get("username", "")
        if not given or given.get("realm") != self.realm:
            return Verdict.NONE, ""
        algorithm = given.get("algorithm", "MD5").upper()
        nonce, qop = given.get("nonce", ""), given.get("qop", "").lower()
        issued = self._issued(nonce, peer)
        if issued is None or algorithm not in _HASHES or qop not in {"", "auth"}:
            return Verdict.STALE, user
        count = given.get("nc", "") if qop else "00000001"  # without a count a nonce is good once
        if not re.fullmatch(r"[0-9a-fA-F]{8}", count):
            return Verdict.STALE, user
        # Somebody whom we do not know is weighed as long as somebody whom we know.
        secret = self._secret(user, algorithm)
        proof = Proof(algorithm, given.get("uri", ""), nonce, qop, count, given.get("cnonce", ""))
        wanted = proof.of(secret, method)
        right = hmac.compare_digest(wanted.encode(), given.get("response", "").lower().encode())
        if not (right and user in self.passwords):
            return Verdict.WRONG, user
        if not now - NONCE_SECONDS <= issued <= now + 1 or issued <= self._floor or given.get("uri") != uri:
            return Verdict.STALE, user
        if int(count, 16) <= self._counts.get(nonce, 0):
            return Verdict.STALE, user
        self._remember(nonce, int(count, 16))
        return Verdict.GOOD, user

    def _secret(self, user: str, algorithm: str) -> str:
        known = self.passwords.get(user, "")
        made = ha1(
            user, self.realm, self._key.hex() if not known or isinstance(known, tuple) else known, algorithm
        )
        kept = [one.lower() for one in known if len(one) == len(made)] if isinstance(known, tuple) else []
        return kept[0] if kept else made

    def _remember(self, nonce: str, count: int) -> None:
        self._counts[nonce] = count
        self._counts.move_to_end(nonce)
        while len(self._counts) > _REMEMBERED:
            oldest, _ = self._counts.popitem(last=False)
            # What is forgotten must not become good again, nor what was given before it.
            self._floor = max(self._floor, int(oldest.split(".")[0], 16))

    def _sign(self, what: str, peer: str) -> str:
        mac = hmac.new(self._key, f"{what}|{self.realm}|{peer}".encode(), hashlib.sha256).digest()[:_MAC]
        return f"{what}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def _issued(self, nonce: str, peer: str) -> int | None:
        what = nonce.rpartition(".")[0]
        if not re.fullmatch(r"[0-9a-f]{1,12}\.[0-9a-f]{12}", what):
            return None
        same = hmac.compare_digest(self._sign(what, peer).encode(), nonce.encode("utf-8", "replace"))
        return int(what.partition(".")[0], 16) if same else None


@dataclass
class Credentials:
    """Our side: what a registrar or a proxy that asks us is answered with."""

    user: str
    password: str
    count: int = 0
    nonce: str = ""

    def answer(self, challenges: list[str], method: str, uri: str, cnonce: str) -> str | None:
        """The value of Authorization or Proxy-Authorization; None when none of `challenges` can be answered."""
        offers = [
            (found, found.get("algorithm", "MD5").upper()) for found in map(fields, challenges) if found
        ]
        offers = [(found, name) for found, name in offers if name in _HASHES and found.get("nonce")]
        if not offers:
            return None
        given, algorithm = min(offers, key=lambda offer: ALGORITHMS.index(offer[1]))
        qops = [part.strip().lower() for part in given.get("qop", "").split(",") if part.strip()]
        if qops and "auth" not in qops:
            return None
        self.count = self.count + 1 if given["nonce"] == self.nonce else 1
        self.nonce = given["nonce"]
        realm, qop, nc = given.get("realm", ""), "auth" if qops else "", f"{self.count:08x}"
        secret = ha1(self.user, realm, self.password, algorithm)
        proof = Proof(algorithm, uri, self.nonce, qop, nc, cnonce).of(secret, method)
        parts = {"username": self.user, "realm": realm, "nonce": self.nonce, "uri": uri, "response": proof}
        parts |= {"opaque": given["opaque"]} if "opaque" in given else {}
        parts |= {"cnonce": cnonce} if qop else {}
        text = ", ".join(f'{name}="{_quoted(value)}"' for name, value in parts.items())
        text += f", algorithm={algorithm}" if "algorithm" in given else ""
        return f"Digest {text}" + (f", qop=auth, nc={nc}" if qop else "")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _hash(algorithm: str, text: str) -> str:
    return _HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()
