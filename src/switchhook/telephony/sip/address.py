"""SIP addresses: what a header says, and whether two mean the same telephone (RFC 3261, 19.1 and 20.10).

Pure. Everything here comes from the network: whatever the text, `parse_header` answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

DIVERTED = ("Diversion", "History-Info")  # where it stands which way a call came (RFC 5806, RFC 7044)

_LIMIT = 128  # longer than any number or name that is one
_LONGEST = 512  # of an address with parameters, or a Call-ID


@dataclass(frozen=True)
class Address:
    """The parts of a SIP URI that we look at. `port` is the one written, 5060 when there is none."""

    user: str
    host: str
    port: int


def parse_uri(text: str) -> Address:
    """Read `sip:user@host:port;parameters`; the user may be missing.

    Raises:
        ValueError: it is no SIP or TEL URI.
    """
    scheme, colon, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if (
        not colon
        or scheme not in {"sip", "sips", "tel"}
        or any(ord(c) < 33 or ord(c) == 127 for c in text.strip())
    ):
        raise ValueError(f"not a SIP address: {text[:_LIMIT]!r}")
    if scheme == "tel":
        return Address(clean(rest.partition(";")[0]), "", 5060)
    userinfo, at, hostpart = rest.rpartition("@")
    # The user's own parameters and a password are no part of who it is.
    user = userinfo.partition(";")[0].partition(":")[0]
    hostport = (hostpart if at else rest).partition(";")[0].partition("?")[0]
    host, bracket, tail = hostport.partition("]") if hostport.startswith("[") else ("", "", hostport)
    if bracket:
        host, port = host + bracket, tail.removeprefix(":")
    else:
        host, _, port = tail.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and int(port[:6]) < 65536)):
        raise ValueError(f"not a SIP address: {text[:_LIMIT]!r}")
    return Address(clean(user), host.lower(), int(port) if port else 5060)


def parse_header(value: str | None) -> Address | None:
    """The address in a From, To, Contact or P-Asserted-Identity header; None when there is none to be read."""
    if not value:
        return None
    # A quoted display name may hold anything, an angle bracket too.
    rest = value.strip()
    if rest.startswith('"'):
        end = 1
        while end < len(rest) and rest[end] != '"':
            end += 2 if rest[end] == "\\" else 1
        rest = rest[end + 1 :]
    uri = rest.partition("<")[2].partition(">")[0] if "<" in rest else rest.partition(";")[0]
    try:
        return parse_uri(uri)
    except ValueError:
        return None


def diversions(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The numbers that a call was diverted by before it came to us, the last one first; at most 20.

    `Diversion` says just that. `History-Info` names every address that the call was sent to, the one that it has
    reached at the end.
    """
    named = {name.lower(): value for name, value in headers.items()}
    diverted = _users(named.get("diversion"))
    return diverted or _users(named.get("history-info"))[-2::-1]


def _users(value: str | None) -> tuple[str, ...]:
    found = [parse_header(part) for part in _parts(value or "")[:20]]
    return tuple(address.user for address in found if address is not None and address.user)


def _parts(value: str) -> list[str]:
    """What commas separate, but for those in quotes and angle brackets."""
    parts, start, quoted, inside, skip = [], 0, False, False, False
    for at, char in enumerate(value):
        if skip:
            skip = False
        elif quoted:
            quoted, skip = char != '"', char == "\\"
        elif char == '"' and not inside:
            quoted = True
        elif char in "<>":
            inside = char == "<"
        elif char == "," and not inside:
            parts.append(value[start:at])
            start = at + 1
    return [*parts, value[start:]]


def read_refer_to(value: str) -> tuple[str, str | None]:
    """The address in a Refer-To header, and the Call-ID of the dialog that it is to replace, if it names one.

    The address is as it stands there, without its headers; empty when anything but a call is asked for.
    """
    head, bracket, rest = value.strip().partition("<")
    uri, _, parameters = rest.partition(">") if bracket else head.partition(";")
    address, _, headers = uri.partition("?")
    # Not within brackets, `method` is a parameter of the header; within, one of the address.
    asked = [p.strip().lower() for p in [*address.split(";")[1:], *parameters.split(";")]]
    if any(p.startswith("method=") and p != "method=invite" for p in asked):
        return "", None
    for header in headers.split("&"):
        name, _, text = header.partition("=")
        if name.strip().lower() == "replaces":
            return address.strip()[:_LONGEST], unquote(text)[:_LONGEST].partition(";")[0].strip()
    return address.strip()[:_LONGEST], None


def tag_of(value: str | None) -> str:
    """The tag parameter of a From or To header, empty when it has none."""
    _, _, parameters = (value or "").rpartition(">")
    for parameter in parameters.split(";"):
        name, _, text = parameter.strip().partition("=")
        if name.lower() == "tag":
            return clean(text)
    return ""


def clean(text: str) -> str:
    """`text` without percent signs, control characters and excess length: fit to be shown and stored."""
    plain = unquote(text, errors="replace")[:_LIMIT]
    return "".join(c for c in plain if c.isprintable())


def is_from(telephone: Address, sender: Address | None, contact: Address | None) -> bool:
    """Whether an INVITE with this From and Contact is that telephone's.

    The user must be the same; host and port must be the telephone's in From or, since most telephones write their
    provider's domain there, in Contact.
    """
    if sender is None or sender.user != telephone.user:
        return False
    places = {(a.host, a.port) for a in (sender, contact) if a is not None}
    return (telephone.host, telephone.port) in places
