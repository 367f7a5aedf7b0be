"""Digest authentication: published vectors, and what credentials are worth."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.sip.edge.digest import (
    NONCE_SECONDS,
    Credentials,
    Guard,
    Proof,
    Verdict,
    fields,
    ha1,
)

NOW = 1_800_000_000
PEER = "203.0.113.5"
URI = "sip:192.0.2.1"


def guard() -> Guard:
    return Guard(b"k" * 32, "switchhook", {"camille": 's3cret, and "long"', "lea": "other"})


def answered(challenges: list[str], user: str = "camille", password: str = 's3cret, and "long"') -> str:
    found = Credentials(user, password).answer(challenges, "REGISTER", URI, "c0ffee")
    assert found is not None
    return found


def test_the_vectors_of_rfc_7616() -> None:
    """Its section 3.9.1: one request, by both algorithms."""
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    for algorithm, wanted in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
        proof = Proof(algorithm, "/dir/index.html", nonce, "auth", "00000001", cnonce)
        assert proof.of(secret, "GET") == wanted


def test_without_a_count_it_is_the_old_formula() -> None:
    """RFC 2069 as corrected: its example."""
    secret = ha1("Mufasa", "testrealm@host.com", "CircleOfLife")
    proof = Proof("MD5", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    assert proof.of(secret, "GET") == "1949323746fe6a43ef61f9606e7febea"


@pytest.mark.parametrize("which", [0, 1], ids=["SHA-256", "MD5"])
def test_who_knows_the_password_is_let_in(which: int) -> None:
    door = guard()
    header = answered([door.challenges(NOW, PEER)[which]])
    assert ("SHA-256" if not which else "MD5") in header
    assert door.check(header, "REGISTER", URI, NOW, PEER) == (Verdict.GOOD, "camille")


def test_the_better_algorithm_is_taken_when_both_are_offered() -> None:
    assert fields(answered(guard().challenges(NOW, PEER)))["algorithm"] == "SHA-256"
    assert fields(answered(guard().challenges(NOW, PEER)[::-1]))["algorithm"] == "SHA-256"


@pytest.mark.parametrize(
    ("user", "password"), [("camille", "wrong"), ("nobody", "x"), ("lea", 's3cret, and "long"'), ("", "")]
)
def test_a_wrong_password_and_an_unknown_name_are_wrong(user: str, password: str) -> None:
    door = guard()
    header = answered(door.challenges(NOW, PEER), user, password)
    assert door.check(header, "REGISTER", URI, NOW, PEER)[0] is Verdict.WRONG


def test_what_was_overheard_is_of_no_use_again() -> None:
    door = guard()
    header = answered(door.challenges(NOW, PEER))
    assert door.check(header, "REGISTER", URI, NOW, PEER)[0] is Verdict.GOOD
    assert door.check(header, "REGISTER", URI, NOW, PEER)[0] is Verdict.STALE


def test_two_who_are_asked_at_the_same_moment_do_not_get_in_each_others_way() -> None:
    door = guard()
    for header in [answered(door.challenges(NOW, PEER)) for _ in range(2)]:
        assert door.check(header, "REGISTER", URI, NOW, PEER)[0] is Verdict.GOOD


def test_a_nonce_may_be_used_again_with_a_higher_count() -> None:
    door, ours = guard(), Credentials("lea", "other")
    challenges = door.challenges(NOW, PEER)
    seen = []
    for _ in range(3):
        header = ours.answer(challenges, "REGISTER", URI, "c0ffee")
        seen.append(door.check(header, "REGISTER", URI, NOW, PEER)[0])
        assert door.check(header, "REGISTER", URI, NOW, PEER)[0] is Verdict.STALE
    assert seen == [Verdict.GOOD] * 3


def test_without_a_count_a_nonce_is_good_once() -> None:
    door = guard()
    nonce = fields(door.challenges(NOW, PEER)[1])["nonce"]
    proof = Proof("MD5", URI, nonce).of(ha1("lea", "switchhook", "other"), "REGISTER")
    header = f'Digest username="lea", realm="switchhook", nonce="{nonce}", uri="{URI}", response="{proof}"'
    assert [door.check(header, "REGISTER", URI, NOW, PEER)[0] for _ in range(2)] == [
        Verdict.GOOD,
        Verdict.STALE,
    ]


@pytest.mark.parametrize(
    ("method", "uri", "seconds", "peer", "verdict"),
    [
        ("INVITE", URI, 0, PEER, Verdict.WRONG),  # meant for another method
        ("REGISTER", "sip:other", 0, PEER, Verdict.STALE),  # meant for another address
        ("REGISTER", URI, NONCE_SECONDS + 1, PEER, Verdict.STALE),
        ("REGISTER", URI, -2, PEER, Verdict.STALE),  # of the future
        ("REGISTER", URI, 0, "198.51.100.1", Verdict.STALE),  # given to somebody else
    ],
    ids=["method", "uri", "old", "future", "peer"],
)
def test_credentials_are_good_for_one_thing(
    method: str, uri: str, seconds: int, peer: str, verdict: Verdict
) -> None:
    door = guard()
    header = answered(door.challenges(NOW, PEER))
    assert door.check(header, method, uri, NOW + seconds, peer)[0] is verdict


def test_a_nonce_of_another_key_only_asks_again() -> None:
    """It may be of the server before its restart: nobody is banned for that."""
    header = answered(Guard(b"x" * 32, "switchhook", {}).challenges(NOW, PEER))
    assert guard().check(header, "REGISTER", URI, NOW, PEER)[0] is Verdict.STALE


def test_what_is_forgotten_does_not_become_good_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchhook.telephony.sip.edge.digest._REMEMBERED", 3)
    door = guard()
    headers = [answered(door.challenges(NOW + n, PEER)) for n in range(6)]
    for n, header in enumerate(headers):
        assert door.check(header, "REGISTER", URI, NOW + n, PEER)[0] is Verdict.GOOD
    for header in headers:
        assert door.check(header, "REGISTER", URI, NOW + 6, PEER)[0] is Verdict.STALE


@given(st.text() | st.text('Digest ="\\,.abcnonce usrl', max_size=200).map("Digest ".__add__))
def test_any_header_is_worth_something(header: str) -> None:
    verdict, _ = guard().check(header, "REGISTER", URI, NOW, PEER)
    assert verdict is not Verdict.GOOD
    Credentials("a", "b").answer([header], "REGISTER", URI, "c")


@given(st.integers(0, 300), st.characters(codec="utf-8"))
def test_no_credentials_but_the_very_ones_are_good(at: int, put: str) -> None:
    door = guard()
    header = answered(door.challenges(NOW, PEER))
    at = min(at, len(header) - 1)
    changed = header[:at] + put + header[at + 1 :]
    if fields(changed) != fields(header):
        verdict, _ = door.check(changed, "REGISTER", URI, NOW, PEER)
        left = {k: v for k, v in fields(changed).items() if fields(header).get(k) != v}
        # The case of the proof, of the count and of the algorithm's name says nothing; a foreign part neither.
        same = {k: v.lower() for k, v in fields(changed).items()} == {
            k: v.lower() for k, v in fields(header).items()
        }
        assert verdict is not Verdict.GOOD or same or set(left) <= {"opaque"} or _only_more(left, header)


def _only_more(left: dict[str, str], header: str) -> bool:
    return not set(left) & set(fields(header))


def test_challenges_that_cannot_be_answered_are_not() -> None:
    ours = Credentials("a", "b")
    for challenge in (
        'Digest realm="x", nonce="n", algorithm=SHA-512',
        'Digest nonce="n", qop="auth-int"',
        "Basic",
    ):
        assert ours.answer([challenge], "REGISTER", URI, "c") is None
    old = ours.answer(['Digest realm="x", nonce="n", opaque="o"'], "REGISTER", URI, "c")
    assert old is not None
    assert fields(old)["opaque"] == "o"
    assert not re.search("nc=|qop", old)


@pytest.mark.parametrize("which", [0, 1], ids=["SHA-256", "MD5"])
@pytest.mark.parametrize("upper", [False, True])
def test_hashes_stand_for_a_password_that_is_not_known(which: int, upper: bool) -> None:
    hashes = tuple(ha1("camille", "switchhook", "long and secret", one) for one in ("MD5", "SHA-256"))
    door = Guard(b"k" * 32, "switchhook", {"camille": tuple(map(str.upper, hashes)) if upper else hashes})
    header = answered([door.challenges(NOW, PEER)[which]], password="long and secret")
    assert door.check(header, "REGISTER", URI, NOW, PEER) == (Verdict.GOOD, "camille")
    for wrong in ("another one", hashes[0], hashes[1], ""):
        header = answered([door.challenges(NOW, PEER)[which]], password=wrong)
        assert door.check(header, "REGISTER", URI, NOW, PEER)[0] is Verdict.WRONG


def test_what_stands_for_a_password_is_what_everybody_computes() -> None:
    """As `printf %s camille:switchhook:secret | openssl dgst` says it."""
    assert ha1("camille", "switchhook", "secret") == "b5f75da9644f1e94d160cd85321e23bc"
    assert ha1("camille", "switchhook", "secret", "SHA-256") == (
        "5d49c41dddb74dfbf52187abe7f7c6fb9a6be2ea9ad0019bbdd886c88ceebd42"
    )
