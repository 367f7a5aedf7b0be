from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.address import AddressForbidden, AddressPolicy
from switchhook.delivery.networks import embedded_v4

CLOSED = AddressPolicy()

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.112.255", "203.0.114.0", "223.255.255.255",
    "168.63.129.15", "168.63.129.17", "192.88.98.255", "192.88.100.0",
    "2001:4860:4860::8888", "2606:4700::1111", "2a00::1", "2003::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1",
    "3fff:1000::1", "2400::",
]  # fmt: skip

FORBIDDEN = [
    # address, words of the reason
    ("0.0.0.0", "unspecified"), ("0.0.0.1", "this network"), ("0.255.255.255", "this network"),
    ("10.0.0.0", "private"), ("10.255.255.255", "private"), ("172.16.0.0", "private"), ("172.31.255.255", "private"),
    ("192.168.0.0", "private"), ("192.168.255.255", "private"),
    ("100.64.0.0", "carrier-grade"), ("100.127.255.255", "carrier-grade"),
    ("127.0.0.0", "loopback"), ("127.0.0.1", "loopback"), ("127.255.255.255", "loopback"),
    ("169.254.0.0", "link-local"), ("169.254.255.255", "link-local"),
    ("169.254.169.254", "metadata"), ("169.254.170.2", "metadata"), ("169.254.170.23", "metadata"),
    ("100.100.100.200", "metadata"), ("192.0.0.192", "metadata"), ("168.63.129.16", "metadata"),
    ("192.0.0.0", "IETF"), ("192.0.0.255", "IETF"), ("192.0.2.1", "documentation"), ("198.51.100.1", "documentation"),
    ("203.0.113.255", "documentation"), ("192.88.99.1", "6to4"),
    ("198.18.0.0", "benchmarking"), ("198.19.255.255", "benchmarking"),
    ("224.0.0.0", "multicast"), ("239.255.255.255", "multicast"),
    ("240.0.0.0", "reserved"), ("255.255.255.254", "reserved"), ("255.255.255.255", "broadcast"),
    ("::", "unspecified"), ("::1", "loopback"),
    ("::ffff:127.0.0.1", "127.0.0.1, which is loopback"), ("::ffff:169.254.169.254", "metadata"),
    ("::ffff:8.8.8.8", "IPv4 address written as IPv6"), ("::127.0.0.1", "127.0.0.1, which is loopback"),
    ("::8.8.8.8", "IPv4-compatible"), ("::2", "this network"), ("::ffff:0:10.0.0.1", "private"),
    ("::ffff:0:8.8.8.8", "IPv4-translated"),
    ("64:ff9b::10.0.0.1", "10.0.0.1, which is a private"), ("64:ff9b::8.8.8.8", "NAT64"),
    ("64:ff9b:1::7f00:1", "loopback"), ("64:ff9b:1:ffff:ffff:ffff:808:808", "local-use NAT64"),
    ("2002:7f00:1::1", "127.0.0.1, which is loopback"), ("2002:808:808::1", "6to4"),
    ("2001:0:808:808::f5ff:fffe", "10.0.0.1, which is a private"), ("2001:0:a00:1:0:0:f7f7:f7f7", "10.0.0.1"),
    ("2001:0:808:808::f7f7:f7f7", "Teredo"),
    ("100::1", "discard"), ("100:0:0:1::1", "outside"), ("2001:2::1", "benchmarking"), ("2001:10::1", "ORCHID"),
    ("2001:2f:ffff::1", "ORCHID"), ("2001:db8::1", "documentation"), ("2001:1::1", "IETF"), ("2001:1ff::1", "IETF"),
    ("3fff::1", "documentation"), ("3fff:fff:ffff::1", "documentation"),
    ("5f00::1", "outside"), ("4000::1", "outside"),
    ("1fff::1", "outside"), ("fc00::1", "private"), ("fdff::1", "private"), ("fd00:ec2::254", "metadata"),
    ("fd00:ec2::23", "metadata"), ("fd20:ce::254", "metadata"), ("fe80::1", "link-local"), ("febf::1", "link-local"),
    ("fe80::1%eth0", "link-local"), ("fec0::1", "site-local"), ("feff::1", "site-local"), ("ff02::1", "multicast"),
    ("fe00::1", "outside"), ("8000::1", "outside"),
]  # fmt: skip

v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(IPv6Address)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert CLOSED.verdict(ip_address(text)).allowed


@pytest.mark.parametrize(("text", "words"), FORBIDDEN)
def test_everything_else_is_forbidden_with_its_reason(text: str, words: str) -> None:
    verdict = CLOSED.verdict(ip_address(text))
    assert not verdict.allowed
    assert words in verdict.reason


@given(v4 | v6)
def test_nothing_that_python_knows_as_not_global_is_allowed(ip: IPv4Address | IPv6Address) -> None:
    """Our table is at least as strict as the interpreter's, whichever release that is."""
    if not ip.is_global:
        assert not CLOSED.verdict(ip).allowed


@given(v4)
def test_no_ipv6_spelling_opens_a_forbidden_ipv4_address(ip: IPv4Address) -> None:
    value = int(ip)
    spellings = [
        0xFFFF << 32 | value,
        0xFFFF << 48 | value,
        value,
        0x64FF9B << 96 | value,
        0x64FF9B0001 << 80 | value,
        0x2002 << 112 | value << 80,
        0x20010000 << 96 | value << 64,
        0x20010000 << 96 | 0x08080808 << 64 | (value ^ 0xFFFFFFFF),
    ]
    for spelling in map(IPv6Address, spellings):
        assert not CLOSED.verdict(spelling).allowed
        if spelling not in (IPv6Address("::"), IPv6Address("::1")):
            assert ip in embedded_v4(spelling)


@given(v4 | v6)
def test_the_empty_policy_opens_nothing(ip: IPv4Address | IPv6Address) -> None:
    assert not CLOSED.opened(ip)


@pytest.mark.parametrize(
    ("allowed", "text", "expected"),
    [
        ("127.0.0.0/8", "127.0.0.1", True),
        ("127.0.0.0/8", "::ffff:127.0.0.1", True),
        ("127.0.0.0/8", "::1", False),
        ("127.0.0.0/8", "10.0.0.1", False),
        ("127.0.0.0/8", "64:ff9b::127.0.0.1", False),
        ("127.0.0.0/8,64:ff9b::/96", "64:ff9b::127.0.0.1", True),
        ("64:ff9b::/96", "64:ff9b::8.8.8.8", True),
        ("64:ff9b::/96", "64:ff9b::10.0.0.1", False),
        ("::ffff:7f00:0/104", "127.0.0.1", True),
        ("::ffff:7f00:0/104", "::ffff:127.0.0.1", True),
        ("::/0", "::1", True),
        ("::/0", "::ffff:127.0.0.1", False),
        ("::/0", "2002:7f00:1::1", False),
        ("0.0.0.0/0", "169.254.169.254", True),
        ("0.0.0.0/0", "::1", False),
        ("fd00::/8", "fd00:ec2::254", True),
        ("10.1.0.0/16, 192.168.7.0/24", "192.168.7.9", True),
        ("10.1.0.0/16, 192.168.7.0/24", "10.2.0.1", False),
    ],
)
def test_allowing_a_network_opens_that_network_and_no_more(allowed: str, text: str, expected: bool) -> None:
    assert AddressPolicy.parse(allowed).verdict(ip_address(text)).allowed is expected


def test_one_forbidden_address_forbids_them_all() -> None:
    with pytest.raises(
        AddressForbidden, match=r"hooks\.example is at 10\.0\.0\.5, which is a private network"
    ):
        CLOSED.check_all([ip_address("8.8.8.8"), ip_address("10.0.0.5")], name="hooks.example")
    CLOSED.check_all([ip_address("8.8.8.8"), ip_address("2606:4700::1111")])


def test_plain_http_needs_every_address_to_be_opened() -> None:
    policy = AddressPolicy([ip_network("127.0.0.0/8")])
    policy.check_all([ip_address("127.0.0.1")], scheme="http")
    with pytest.raises(AddressForbidden, match=r"Use https://"):
        policy.check_all([ip_address("127.0.0.1"), ip_address("8.8.8.8")], scheme="http")


@pytest.mark.parametrize("text", ["127.0.0.1/8", "localhost", "10.0.0.0/33", "10.0.0.0 127.0.0.0/8"])
def test_a_list_of_networks_with_a_mistake_is_refused_with_the_entry(text: str) -> None:
    with pytest.raises(ValueError, match=r"Allowed network .* Write it like"):
        AddressPolicy.parse(text)


def test_an_empty_list_of_networks_opens_nothing() -> None:
    assert AddressPolicy.parse("  ,").allow_networks == ()
