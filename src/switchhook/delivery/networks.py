"""The networks that deliveries never go to unless they are opened on purpose: one table, each row with its source.

The table is our own: what `ipaddress` calls private changed between the releases of Python that we run on. It follows
the special-purpose registries of IANA (RFC 6890) and adds the addresses at which clouds hand out credentials.
The first row that holds an address gives the reason, so narrow rows stand above the wide ones around them.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Table = tuple[tuple[IPv4Network | IPv6Network, str], ...]


def _table(*rows: tuple[str, str]) -> Table:
    return tuple((ip_network(network), reason) for network, reason in rows)


FORBIDDEN_V4 = _table(
    # Where clouds hand out credentials. Most lie in wider rows below; naming them gives the clearer reason.
    ("169.254.169.254/32", "a cloud metadata service"),  # EC2, Google, Azure, OpenStack, DigitalOcean
    ("169.254.170.2/32", "a cloud metadata service"),  # ECS task credentials
    ("169.254.170.23/32", "a cloud metadata service"),  # EKS pod identity
    ("100.100.100.200/32", "a cloud metadata service"),  # Alibaba Cloud
    ("192.0.0.192/32", "a cloud metadata service"),  # Oracle Cloud, classic
    ("168.63.129.16/32", "a cloud metadata service"),  # Azure WireServer; looks public, answers inside only
    ("0.0.0.0/32", "the unspecified address"),  # RFC 1122, 3.2.1.3; many systems connect it to themselves
    ("0.0.0.0/8", '"this network"'),  # RFC 791, 3.2
    ("10.0.0.0/8", "a private network"),  # RFC 1918
    ("100.64.0.0/10", "shared carrier-grade NAT space"),  # RFC 6598
    ("127.0.0.0/8", "loopback"),  # RFC 1122, 3.2.1.3
    ("169.254.0.0/16", "link-local"),  # RFC 3927
    ("172.16.0.0/12", "a private network"),  # RFC 1918
    ("192.0.0.0/24", "reserved for IETF protocols"),  # RFC 6890, 2.1
    ("192.0.2.0/24", "reserved for documentation"),  # RFC 5737
    ("192.88.99.0/24", "a 6to4 relay"),  # RFC 3068, withdrawn by RFC 7526
    ("192.168.0.0/16", "a private network"),  # RFC 1918
    ("198.18.0.0/15", "reserved for benchmarking"),  # RFC 2544
    ("198.51.100.0/24", "reserved for documentation"),  # RFC 5737
    ("203.0.113.0/24", "reserved for documentation"),  # RFC 5737
    ("224.0.0.0/4", "multicast"),  # RFC 5771
    ("255.255.255.255/32", "broadcast"),  # RFC 919
    ("240.0.0.0/4", "reserved"),  # RFC 1112, 4
)

FORBIDDEN_V6 = _table(
    ("fd00:ec2::254/128", "a cloud metadata service"),  # EC2
    ("fd00:ec2::23/128", "a cloud metadata service"),  # EKS pod identity
    ("fd20:ce::254/128", "a cloud metadata service"),  # Google Cloud
    ("::/128", "the unspecified address"),  # RFC 4291, 2.5.2
    ("::1/128", "loopback"),  # RFC 4291, 2.5.3
    ("::ffff:0:0/96", "an IPv4 address written as IPv6"),  # RFC 4291, 2.5.5.2
    ("::ffff:0:0:0/96", "an IPv4-translated address"),  # RFC 2765, withdrawn by RFC 6145
    ("::/96", "an IPv4-compatible address"),  # RFC 4291, 2.5.5.1
    ("64:ff9b::/96", "a NAT64 address"),  # RFC 6052
    ("64:ff9b:1::/48", "a local-use NAT64 address"),  # RFC 8215
    ("100::/64", "a discard-only address"),  # RFC 6666
    ("2001::/32", "a Teredo address"),  # RFC 4380
    ("2001:2::/48", "reserved for benchmarking"),  # RFC 5180
    ("2001:10::/28", "an ORCHID, which is no place on the network"),  # RFC 4843
    ("2001:20::/28", "an ORCHID, which is no place on the network"),  # RFC 7343
    ("2001:db8::/32", "reserved for documentation"),  # RFC 3849
    ("2001::/23", "reserved for IETF protocols"),  # RFC 2928
    ("2002::/16", "a 6to4 address"),  # RFC 3056, its relays withdrawn by RFC 7526
    ("3fff::/20", "reserved for documentation"),  # RFC 9637
    ("fc00::/7", "a private network"),  # RFC 4193, unique local
    ("fe80::/10", "link-local"),  # RFC 4291, 2.5.6
    ("fec0::/10", "a site-local address"),  # RFC 3879
    ("ff00::/8", "multicast"),  # RFC 4291, 2.7
)

# All that is given out for unicast lies here (RFC 4291, 2.4; IANA's IPv6 address space). The rest is refused unread:
# what is reserved today, SRv6 identifiers (5f00::/16, RFC 9602) and the dummy prefix (100:0:0:1::/64, RFC 9780).
GLOBAL_V6 = IPv6Network("2000::/3")

MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_TEREDO = IPv6Network("2001::/32")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_NO_EMBEDDING = (IPv6Address("::"), IPv6Address("::1"))


def embedded_v4(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that a packet to `ip` may end at; empty when it carries none.

    Teredo (RFC 4380, 4) carries two, its server and, with all bits turned over, its client. The local-use NAT64 prefix
    may hold prefixes of several lengths (RFC 6052, 2.2), of which the usual /96 is read.
    """
    value = int(ip)
    if ip in _NO_EMBEDDING:
        return ()
    if any(ip in network for network in (MAPPED, _TRANSLATED, _COMPATIBLE, _NAT64, _NAT64_LOCAL)):
        return (IPv4Address(value & 0xFFFF_FFFF),)
    if ip in _SIX_TO_FOUR:
        return (IPv4Address(value >> 80 & 0xFFFF_FFFF),)
    if ip in _TEREDO:
        return (IPv4Address(value >> 64 & 0xFFFF_FFFF), IPv4Address(~value & 0xFFFF_FFFF))
    return ()
