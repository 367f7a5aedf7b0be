"""Where a delivery may go: the address policy, and the reading of endpoint URLs. Pure; nothing here asks the network.

An address is judged twice. `check_url` is the static check when an endpoint is created, so that a mistake is
answered at once. The check that counts is `AddressPolicy.check_all`, made by the HTTP client on the very addresses it
then dials: what a name resolved to at any other moment proves nothing.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple
from urllib.parse import quote

from switchhook.delivery.networks import FORBIDDEN_V4, FORBIDDEN_V6, GLOBAL_V6, MAPPED, embedded_v4

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 2048  # characters; common servers refuse longer request lines
_MAX_HOST = 253  # characters of a host name, RFC 1035 2.3.4 without the final dot
_OPENING = "An operator can open it on purpose with SWITCHHOOK_ALLOW_NETWORKS."


class UrlRefused(ValueError):
    """An endpoint URL that deliveries cannot go to. The text says what is wrong and how to mend it."""


class AddressForbidden(UrlRefused):
    """An address that the policy forbids, written in the URL or found behind its name."""


class Verdict(NamedTuple):
    """Whether an address may be dialled, and why: `reason` completes the sentence "it is …"."""

    allowed: bool
    reason: str


class AddressPolicy:
    """Which addresses deliveries may be sent to: public ones, and the networks opened on purpose.

    `allow_networks` also lets endpoints in them use `http://`. Opening an IPv4 network opens its IPv4-mapped spelling
    too. An IPv6 address that carries an IPv4 one is allowed only if both are.
    """

    __slots__ = ("allow_networks",)

    def __init__(self, allow_networks: Iterable[Network] = ()) -> None:
        opened: list[Network] = []
        for network in allow_networks:
            if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
                low = int(network.network_address) & 0xFFFF_FFFF
                opened.append(IPv4Network((low, network.prefixlen - 96)))
            else:
                opened.append(network)
        self.allow_networks: tuple[Network, ...] = tuple(opened)

    @classmethod
    def parse(cls, text: str) -> "AddressPolicy":
        """The policy of a comma-separated list such as `127.0.0.0/8,fd12::/16`; empty opens nothing.

        Raises:
            ValueError: an entry is not a network in CIDR notation.
        """
        networks: list[Network] = []
        for entry in filter(None, (part.strip() for part in text.split(","))):
            try:
                networks.append(ip_network(entry))
            except ValueError as error:
                raise ValueError(
                    f"Allowed network {entry!r} is not in CIDR notation ({error}). Write it like 127.0.0.0/8."
                ) from None
        return cls(networks)

    def opened(self, ip: Address) -> bool:
        """Whether `ip` lies in `allow_networks`; only such addresses may be spoken to without TLS."""
        if isinstance(ip, IPv6Address) and (carried := embedded_v4(ip)):
            inside = all(self.opened(v4) for v4 in carried)
            return inside if ip in MAPPED else inside and self._listed(ip)
        return self._listed(ip)

    def verdict(self, ip: Address) -> Verdict:
        """Judge one address."""
        if self.opened(ip):
            return Verdict(True, "in a network opened on purpose")
        if isinstance(ip, IPv4Address):
            return _first_row(ip) or Verdict(True, "a public address")
        carried = embedded_v4(ip)
        for v4 in carried:
            inner = self.verdict(v4)
            if not inner.allowed:
                return Verdict(False, f"an IPv6 form of {v4}, which is {inner.reason}")
        if carried and self._listed(ip):
            # NAT64 opened by an operator without IPv4: the public address inside has just been judged.
            return Verdict(True, "in a network opened on purpose")
        if row := _first_row(ip):
            return row
        if ip not in GLOBAL_V6:
            return Verdict(False, "outside the global unicast space")
        return Verdict(True, "a public address")

    def check_all(
        self, addresses: Iterable[Address], *, scheme: str = "https", name: str = "the host"
    ) -> None:
        """Pass only if every address may be dialled with `scheme`.

        One forbidden address among good ones fails all: a name that points inside at times is an attack or a mistake.
        `name` is how the messages call the host.

        Raises:
            AddressForbidden: an address is forbidden, or is not opened and `scheme` is `http`.
        """
        for ip in addresses:
            verdict = self.verdict(ip)
            if not verdict.allowed:
                raise AddressForbidden(
                    f"{name} is at {ip}, which is {verdict.reason}. Use an address on the public internet. {_OPENING}"
                )
            if scheme == "http" and not self.opened(ip):
                raise AddressForbidden(
                    f"{name} is at {ip}, where http:// would send events unprotected. Use https://. {_OPENING}"
                )

    def _listed(self, ip: Address) -> bool:
        return any(ip.version == network.version and ip in network for network in self.allow_networks)


def _first_row(ip: Address) -> Verdict | None:
    table = FORBIDDEN_V4 if isinstance(ip, IPv4Address) else FORBIDDEN_V6
    for network, reason in table:
        if ip in network:
            return Verdict(False, reason)
    return None


class Target(NamedTuple):
    """A URL taken apart for sending. Parse once for an endpoint and keep it.

    `host` is ASCII, lower case, without a final dot or brackets; `literal_ip` is set when it is an address.
    `path_and_query` and `host_header` are safe to put on the wire as they are.
    """

    scheme: str
    host: str
    port: int
    path_and_query: str
    host_header: str
    literal_ip: Address | None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what a connection is made to."""
        return self[:3]


_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?")
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]*))(?::([0-9]*))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTTED = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
# IDNA 2003 and 2008 read these as different names (RFC 5894, 7.2).
_IDNA_DEVIATIONS = frozenset("ßς\u200c\u200d")
_PATH_SAFE = "/:@!$&'()*+,;=%-._~"  # pchar of RFC 3986 and what is percent-encoded already
_QUERY_SAFE = _PATH_SAFE + "?"
_PORTS = {"https": 443, "http": 80}


def parse_target(url: str, policy: AddressPolicy) -> Target:
    """Take `url` apart, refusing all that could be read in two ways. A literal address is judged, a name is not yet.

    The fragment is dropped; non-ASCII in the path and query is percent-encoded, in the host it becomes IDNA.

    Raises:
        UrlRefused: the URL cannot be used; the text names the fix.
        AddressForbidden: its host is an address that the policy forbids.
    """
    if not url or len(url) > MAX_URL:
        raise UrlRefused(f"The URL must have 1 to {MAX_URL} characters.")
    if any(char <= " " or char == "\\" or "\x7f" <= char <= "\xa0" or char.isspace() for char in url):
        raise UrlRefused(
            "The URL contains a space, a control character or a backslash. Encode it or remove it."
        )
    if any("\ud800" <= char <= "\udfff" for char in url):
        raise UrlRefused("The URL contains half a character (a lone surrogate). Write it in valid Unicode.")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise UrlRefused("The URL is not complete. Write it like https://example.com/path.")
    scheme, authority, path, query = parts[1].lower(), parts[2], parts[3], parts[4] or ""
    if scheme not in _PORTS:
        raise UrlRefused(f"The URL begins with {scheme}://, which webhooks cannot use. Use https://.")
    if "@" in authority:
        raise UrlRefused(
            "The URL contains a user name or password. Take them out; every request is signed instead."
        )
    host, literal, port = _authority(authority, _PORTS[scheme])
    if literal is not None:
        policy.check_all((literal,), scheme=scheme, name="The host of the URL")
    elif scheme == "http" and not policy.allow_networks:
        raise UrlRefused(
            f"The URL begins with http://, which sends events unprotected. Use https://. {_OPENING}"
        )
    shown = f"[{host}]" if isinstance(literal, IPv6Address) else host
    return Target(
        scheme=scheme,
        host=host,
        port=port,
        path_and_query=quote(path or "/", safe=_PATH_SAFE) + quote(query, safe=_QUERY_SAFE),
        host_header=shown if port == _PORTS[scheme] else f"{shown}:{port}",
        literal_ip=literal,
    )


def check_url(url: str, policy: AddressPolicy) -> None:
    """The static check for a new or changed endpoint: `parse_target`, and no names of this machine. Asks no DNS.

    Raises:
        UrlRefused: the URL cannot be used; the text names the fix.
    """
    target = parse_target(url, policy)
    # RFC 6761, 6.3: every name under localhost is loopback; the second is what older hosts files call it.
    if target.host.endswith((".localhost", ".localhost.localdomain")) or target.host in (
        "localhost",
        "localhost.localdomain",
        "ip6-localhost",
        "ip6-loopback",
    ):
        loopback = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
        if not any(policy.opened(ip) for ip in loopback):
            policy.check_all(loopback[:1], scheme=target.scheme, name="The host of the URL")


def _authority(text: str, default_port: int) -> tuple[str, Address | None, int]:
    parts = _AUTHORITY.fullmatch(text)
    if parts is None:
        raise UrlRefused(
            "The host of the URL cannot be read. Write https://example.com:8443/path, an IPv6 address in brackets "
            "and without a zone, the port in digits."
        )
    bracketed, name, digits = parts.groups()
    port = default_port
    if digits:
        port = int(digits) if len(digits) <= 5 else 0
        if not 1 <= port <= 65535:
            raise UrlRefused("The port of the URL must be between 1 and 65535.")
    if bracketed is not None:
        try:
            v6 = IPv6Address(bracketed)
        except ValueError:
            raise UrlRefused("The IPv6 address in the URL is not valid.") from None
        return str(v6), v6, port
    host = _ascii_host(name)
    literal = _numeric_host(host)
    return host, literal, port


def _ascii_host(name: str) -> str:
    host = name.removesuffix(".")
    if not host or len(host) > _MAX_HOST:
        raise UrlRefused(f"The URL needs a host name of 1 to {_MAX_HOST} characters, like example.com.")
    if not host.isascii():
        if not _IDNA_DEVIATIONS.isdisjoint(host):
            raise UrlRefused("The host name can be read as two different domains. Write it in its xn-- form.")
        try:
            host = host.encode("idna").decode("ascii").removesuffix(".")
        except UnicodeError:
            raise UrlRefused(
                "The host name is not a valid international domain. Write it in its xn-- form."
            ) from None
    host = host.lower()
    # After IDNA, because its normalisation turns look-alikes of dots, slashes and digits into the real ones.
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlRefused(
            "The host name is not valid: each part needs 1 to 63 letters, digits or inner hyphens. Correct it."
        )
    return host


def _numeric_host(host: str) -> IPv4Address | None:
    """The address that `host` is, None if it is a name; other spellings of an address are refused.

    A last part that is a number makes it an address for every resolver (WHATWG URL, "ends in a number"), which reads
    short, octal and hexadecimal forms as `inet_aton` does. We want none of those: only one spelling, judged by eye.
    """
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    if _DOTTED.fullmatch(host):
        try:
            return IPv4Address(host)
        except ValueError:
            raise UrlRefused("The IPv4 address in the URL has a number above 255.") from None
    meant = _inet_aton(parts)
    if meant is None:
        raise UrlRefused(
            "The host of the URL ends in a number but is no IPv4 address. Write a name or four numbers."
        )
    raise UrlRefused(
        f"The host of the URL is another spelling of {meant}. Write the address in four decimal numbers."
    )


def _inet_aton(parts: list[str]) -> IPv4Address | None:
    """What inet_aton(3) makes of a host: up to four numbers, octal after 0, hexadecimal after 0x, the last fills up."""
    if len(parts) > 4:
        return None
    numbers: list[int] = []
    for part in parts:
        try:
            if part.startswith("0x"):
                numbers.append(int(part[2:] or "0", 16))
            elif part.isdecimal():
                numbers.append(int(part, 8) if part.startswith("0") else int(part))
            else:
                return None
        except ValueError:
            return None
    *front, last = numbers
    if any(number > 255 for number in front) or last >= 256 ** (4 - len(front)):
        return None
    value = last
    for index, number in enumerate(front):
        value |= number << (24 - 8 * index)
    return IPv4Address(value)
