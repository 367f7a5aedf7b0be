"""`X-Twilio-Signature`: whether a request comes from Twilio. Pure.

base64(HMAC-SHA1(auth token, public URL + name + value + name + value …))

The URL is the one that Twilio was given, with its query, and not what a proxy made of it. Names are sorted; of a name
that comes several times each different value counts once, sorted as well. A body that is no form is not in the
signature: the query names its hash (`bodySHA256`), and the URL is signed.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

PORTS = {"https": 443, "http": 80}


def sign(token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """The signature of a request for `url` with the `fields` of its form."""
    said = url + "".join(name + value for name, value in sorted(set(fields)))
    mac = hmac.new(token.encode(), said.encode(), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def signed_form(token: str, url: str, fields: Iterable[tuple[str, str]], signature: str) -> bool:
    """Whether `signature` is that of a form."""
    fields = tuple(fields)
    spellings = [sign(token, spelling, fields) for spelling in _spellings(url)]
    return _any_of(spellings, signature)


def signed_body(token: str, url: str, body: bytes, signature: str) -> bool:
    """Whether `signature` is that of a body that is no form; never, when the URL does not name the body's hash."""
    named = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[0]
    same = hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), named.encode())
    return _any_of([sign(token, spelling) for spelling in _spellings(url)], signature) and same


def _any_of(expected: list[str], signature: str) -> bool:
    given = signature.encode()
    return any(hmac.compare_digest(one.encode(), given) for one in expected)


def _spellings(url: str) -> tuple[str, str]:
    """The URL without its port and with it: Twilio signs either."""
    parts = urlsplit(url)
    place = parts.netloc
    if parts.port is not None:
        bare = place.removesuffix(f":{parts.port}")
        return url.replace(place, bare, 1), url
    return url, url.replace(place, f"{place}:{PORTS.get(parts.scheme, PORTS['http'])}", 1)
