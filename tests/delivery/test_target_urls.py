import socket
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.delivery.address import (
    MAX_URL,
    AddressForbidden,
    AddressPolicy,
    Target,
    UrlRefused,
    check_url,
    parse_target,
)

CLOSED = AddressPolicy()
LOOPBACK = AddressPolicy.parse("127.0.0.0/8,::1/128")

READ = [
    # URL, host, port, path and query, Host header
    ("https://example.com", "example.com", 443, "/", "example.com"),
    ("https://example.com/a/b?c=d&e[]=1", "example.com", 443, "/a/b?c=d&e%5B%5D=1", "example.com"),
    ("https://example.com?c=d", "example.com", 443, "/?c=d", "example.com"),
    ("https://example.com?", "example.com", 443, "/?", "example.com"),
    ("https://example.com/a#part?x", "example.com", 443, "/a", "example.com"),
    ("https://example.com#@evil.example", "example.com", 443, "/", "example.com"),
    ("HTTPS://EXAMPLE.Com:8443/X", "example.com", 8443, "/X", "example.com:8443"),
    ("https://example.com:443/", "example.com", 443, "/", "example.com"),
    ("https://example.com:/", "example.com", 443, "/", "example.com"),
    ("https://example.com:00443/", "example.com", 443, "/", "example.com"),
    ("https://example.com./a", "example.com", 443, "/a", "example.com"),
    ("https://under_score.example/", "under_score.example", 443, "/", "under_score.example"),
    ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example", 443, "/", "xn--mnchen-3ya.example"),
    ("https://münchen.example/straße?ä=ö", "xn--mnchen-3ya.example", 443, "/stra%C3%9Fe?%C3%A4=%C3%B6",
     "xn--mnchen-3ya.example"),
    ("https://example。com/", "example.com", 443, "/", "example.com"),
    ("https://8.8.8.8/", "8.8.8.8", 443, "/", "8.8.8.8"),
    ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443, "/", "[2606:4700::1111]:8443"),
    ("https://[2606:4700:0:0::1111]/", "2606:4700::1111", 443, "/", "[2606:4700::1111]"),
    ("https://example.com/a%20b%zz<\">`{|}^", "example.com", 443, "/a%20b%zz%3C%22%3E%60%7B%7C%7D%5E", "example.com"),
    ("https://example.com/a/../b//c", "example.com", 443, "/a/../b//c", "example.com"),
    ("https://example.com/a@b:c", "example.com", 443, "/a@b:c", "example.com"),
    ("https://1.example/", "1.example", 443, "/", "1.example"),
    ("https://0x7f.example/", "0x7f.example", 443, "/", "0x7f.example"),
]  # fmt: skip

REFUSED = [
    # URL, words of the message
    ("", "1 to"), ("https://example.com/" + "a" * MAX_URL, "1 to"),
    ("example.com/hook", "not complete"), ("//example.com/", "not complete"), ("https:/example.com", "not complete"),
    ("https:example.com", "not complete"), ("ftp://example.com/", "Use https"), ("file:///etc/passwd", "Use https"),
    ("gopher://example.com/", "Use https"), ("javascript://example.com/", "Use https"),
    ("http://example.com/", "unprotected"), ("http://8.8.8.8/", "unprotected"),
    ("https://user@example.com/", "user name"), ("https://user:secret@example.com/", "user name"),
    ("https://example.com:443@evil.example/", "user name"), ("https://@example.com/", "user name"),
    (" https://example.com/", "space"), ("https://example.com/ ", "space"), ("https://exa mple.com/", "space"),
    ("https://example.com/\r\nx: y", "control"), ("https://example.com\r\n/", "control"),
    ("https://exam\tple.com/", "control"), ("https://example.com/\x00", "control"),
    ("https://example.com/\x7f", "control"),
    ("https://example.com/\x85", "control"), ("https://example.com/\u2028", "space"),
    ("https://example.com/\u3000", "space"),
    ("https://example.com\\@evil.example/", "backslash"), ("https:\\\\example.com/", "backslash"),
    ("https://example.com/\ud800", "surrogate"),
    ("https:///path", "host name"), ("https://./", "host name"), ("https://:443/", "host name"),
    ("https://example.com../", "not valid"), ("https://.example.com/", "not valid"), ("https://a..b/", "not valid"),
    ("https://-a.example/", "not valid"), ("https://a-.example/", "not valid"),
    ("https://exa%6dple.com/", "not valid"),
    ("https://exa*mple.com/", "not valid"), ("https://exa'mple.com/", "not valid"),
    ("https://exa,mple.com/", "not valid"),
    ("https://" + "a" * 64 + ".example/", "not valid"), ("https://" + "a." * 127 + "example/", "253"),
    ("https://℀.example/", "not valid"), ("https://a：1.example/", "not valid"), ("https://a／b.example/", "not valid"),
    ("https://straße.example/", "two different"), ("https://a\u200db.example/", "two different"),
    ("https://" + "ü" * 60 + ".example/", "international"), ("https://\u202e.example/", "international"),
    ("https://example.com:0/", "port"), ("https://example.com:65536/", "port"),
    ("https://example.com:99999999/", "port"),
    ("https://example.com:-1/", "cannot be read"), ("https://example.com:4a3/", "cannot be read"),
    ("https://example.com:１/", "cannot be read"), ("https://a:1:2/", "cannot be read"),
    ("https://::1/", "cannot be read"), ("https://[::1/", "cannot be read"),
    ("https://[fe80::1%25eth0]/", "cannot be read"),
    ("https://[v1.x]/", "cannot be read"), ("https://[::1]x/", "cannot be read"),
    ("https://a[::1]/", "cannot be read"),
    ("https://[:::1]/", "not valid"), ("https://[1.2.3.4]/", "not valid"),
    ("https://256.1.1.1/", "above 255"), ("https://1.2.3.4.5/", "ends in a number"),
    ("https://foo.1/", "ends in a number"),
    ("https://foo.0x1/", "ends in a number"), ("https://1.2.3.08/", "ends in a number"),
    ("https://4294967296/", "ends in a number"),
]  # fmt: skip

SPELLINGS = [
    # Spelling of an address, what it means
    ("2130706433", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("127.1", "127.0.0.1"),
    ("127.0.1", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("0X7F000001", "127.0.0.1"), ("017700000001", "127.0.0.1"),
    ("0", "0.0.0.0"), ("0x", "0.0.0.0"), ("00.0.0.0", "0.0.0.0"), ("0xa9.0xfe.0xa9.0xfe", "169.254.169.254"),
    ("2852039166", "169.254.169.254"), ("0251.0376.0251.0376", "169.254.169.254"),
    ("169.254.43518", "169.254.169.254"),
    ("010.8.8.8", "8.8.8.8"), ("8.8.2056", "8.8.8.8"), ("127.1.", "127.0.0.1"), ("①②⑦.1", "127.0.0.1"),
    ("１２７.1", "127.0.0.1"), ("127。1", "127.0.0.1"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "host", "port", "path", "header"), READ)
def test_a_url_is_taken_apart(url: str, host: str, port: int, path: str, header: str) -> None:
    target = parse_target(url, CLOSED)
    assert (target.scheme, target.host, target.port) == ("https", host, port)
    assert (target.path_and_query, target.host_header) == (path, header)
    assert target.origin == ("https", host, port)


@pytest.mark.parametrize(("url", "words"), REFUSED)
def test_a_url_that_could_mislead_is_refused_with_the_fix(url: str, words: str) -> None:
    with pytest.raises(UrlRefused) as caught:
        parse_target(url, CLOSED)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("spelling", "meaning"), SPELLINGS)
def test_other_spellings_of_an_address_are_seen_through(spelling: str, meaning: str) -> None:
    with pytest.raises(UrlRefused, match=f"another spelling of {meaning}"):
        parse_target(f"https://{spelling}/", LOOPBACK)


numbers = st.one_of(*(st.integers(0, 2**33).map(form.format) for form in ("{}", "0{:o}", "0x{:x}")))


@given(st.lists(numbers, min_size=1, max_size=5))
def test_no_host_that_inet_aton_reads_passes_as_a_name(parts: list[str]) -> None:
    host = ".".join(parts)
    try:
        meant = IPv4Address(socket.inet_aton(host))
    except OSError:
        meant = None
    policy = AddressPolicy.parse("0.0.0.0/0")
    if str(meant) == host:
        assert parse_target(f"https://{host}/", policy).literal_ip == meant
    else:
        with pytest.raises(
            UrlRefused, match="ends in a number|above 255" if meant is None else f"spelling of {meant}"
        ):
            parse_target(f"https://{host}/", policy)


@given(st.text(max_size=60))
def test_whatever_is_accepted_is_safe_on_the_wire(text: str) -> None:
    try:
        target = parse_target("https://" + text, CLOSED)
    except UrlRefused:
        return
    for part in (target.host, target.path_and_query, target.host_header):
        assert part
        assert all("!" <= char <= "~" for char in part)
    assert target.path_and_query.startswith("/")
    assert "#" not in target.path_and_query


@given(st.text(alphabet="aB1.-:/?#%&é。ß_[", max_size=30))
def test_what_is_accepted_once_means_the_same_when_written_out_again(text: str) -> None:
    try:
        first = parse_target("https://" + text, CLOSED)
    except UrlRefused:
        return
    assert parse_target(f"https://{first.host_header}{first.path_and_query}", CLOSED) == first


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest/meta-data", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[fd00:ec2::254]/", "https://0.0.0.0/",
    ],
)  # fmt: skip
def test_a_forbidden_address_in_the_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(AddressForbidden, match="SWITCHHOOK_ALLOW_NETWORKS"):
        parse_target(url, CLOSED)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain", "ip6-localhost"]
)
def test_names_of_this_machine_are_refused_without_asking_the_dns(host: str) -> None:
    with pytest.raises(AddressForbidden, match="loopback"):
        check_url(f"https://{host}/", CLOSED)
    check_url(f"https://{host}/", LOOPBACK)
    check_url(f"http://{host}/", LOOPBACK)
    check_url(f"http://{host}/", AddressPolicy.parse("::1/128"))


def test_names_are_not_mistaken_for_this_machine() -> None:
    for host in ("localhost.example", "mylocalhost", "example.com"):
        check_url(f"https://{host}/", CLOSED)


def test_plain_http_is_read_only_where_a_network_is_opened() -> None:
    target = parse_target("http://127.0.0.1:8000/x", LOOPBACK)
    assert target == Target("http", "127.0.0.1", 8000, "/x", "127.0.0.1:8000", ip_address("127.0.0.1"))
    # Where a name leads is found out, and judged, when it is dialled.
    assert parse_target("http://intern.example/", LOOPBACK).host_header == "intern.example"
    with pytest.raises(AddressForbidden, match="https"):
        parse_target("http://8.8.8.8/", LOOPBACK)
