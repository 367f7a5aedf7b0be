"""Rates and bans, on a clock that stands still until it is moved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import ManualClock
from switchhook.telephony.sip.edge.watch import BAN_SECONDS, FAILURES, KNOCKS, RATES, Watch, is_scanner

HOST, OTHER = "203.0.113.5", "203.0.113.6"


def test_a_guesser_is_banned_for_a_while_and_nobody_else() -> None:
    watch, clock = Watch(), ManualClock()
    told = [watch.failed(HOST, clock.monotonic()) for _ in range(FAILURES)]
    assert told == [False] * (FAILURES - 1) + [True]
    assert watch.banned(HOST, clock.monotonic())
    assert not watch.banned(OTHER, clock.monotonic())
    assert (watch.count(clock.monotonic()), watch.bans) == (1, 1)
    assert not watch.banned(HOST, clock.monotonic() + BAN_SECONDS)
    assert watch.count(clock.monotonic() + BAN_SECONDS) == 0


def test_slips_that_are_far_apart_or_followed_by_the_right_password_are_forgotten() -> None:
    watch, now = Watch(), ManualClock().monotonic()
    for n in range(FAILURES * 3):
        assert not watch.failed(HOST, now + n * 60)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert not watch.failed(OTHER, now)
        watch.welcomed(OTHER)


@pytest.mark.parametrize("known", [False, True])
def test_what_can_be_forged_bans_nobody_who_has_a_telephone_here(known: bool) -> None:
    watch, now = Watch(), ManualClock().monotonic()
    assert any(watch.knocked(HOST, now, known=known) for _ in range(KNOCKS * 2)) is not known
    assert watch.scanned(OTHER, now, known=known) is not known
    assert watch.count(now) == (0 if known else 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("friendly-scanner", True),
        ("sipvicious/0.3.4", True),
        ("sipcli/v1.8", True),
        ("VaxSIPUserAgent/3.1", True),
        ('"sipvicious"<sip:100@1.1.1.1>', True),
        ("Yealink SIP-T46S 66.85.0.5", False),
        ("Linphone/5.2 (belle-sip)", False),
        ("Grandstream GXP2170", False),
        (None, False),
    ],
)
def test_scanners_are_known_by_their_names(text: str | None, found: bool) -> None:
    assert is_scanner(None, text) is found


@given(st.sampled_from(sorted(RATES)), st.lists(st.floats(0, 20), max_size=120))
def test_nobody_gets_more_than_the_rate(kind: str, pauses: list[float]) -> None:
    """Whatever the moments: in any stretch of time no more than a burst and what the rate gives in it."""
    watch, now, taken = Watch(), 0.0, list[float]()
    rate, most = RATES[kind]
    for pause in pauses:
        now += pause
        if watch.allows(HOST, kind, now):
            taken.append(now)
        assert watch.allows(OTHER, kind, now) or len(pauses) > most
    for i, begin in enumerate(taken):
        for j in range(i, len(taken)):
            assert j - i + 1 <= most + (taken[j] - begin) * rate + 1e-6


@given(st.lists(st.tuples(st.sampled_from("fks"), st.floats(0, 500)), max_size=80))
def test_a_ban_ends(events: list[tuple[str, float]]) -> None:
    watch, now = Watch(), 0.0
    for what, pause in events:
        now += pause
        if what == "f":
            watch.failed(HOST, now)
        elif what == "k":
            watch.knocked(HOST, now, known=False)
        else:
            watch.scanned(HOST, now, known=False)
    assert not watch.banned(HOST, now + BAN_SECONDS)


def test_memory_is_bounded_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchhook.telephony.sip.edge.watch._SOURCES", 50)
    watch = Watch()
    for n in range(500):
        watch.allows(str(n), "INVITE", 0.0)
    assert len(watch._sources) == 50
