"""The registrar: a table of requests, and laws of what is bound after any of them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.sip.edge.flows import TCP, UDP, Flow
from switchhook.telephony.sip.edge.message import parse
from switchhook.telephony.sip.edge.outside import spread
from switchhook.telephony.sip.edge.registrar import (
    DEFAULT_EXPIRES,
    MAX_BINDINGS,
    MAX_EXPIRES,
    MIN_EXPIRES,
    Outcome,
    Registrar,
    load,
    save,
)
from switchhook.telephony.sip.plan import Dial, Fetch, Passing
from switchhook.workspace.facts import LegKind
from tests.telephony.sip_torture import request

NOW = 1_800_000_000_000
DESK = Flow(UDP, "203.0.113.5", 40_000)
SOFT = Flow(TCP, "203.0.113.6", 50_000, 7)
A, B = "sip:camille@10.0.0.2:5060", "sip:camille@10.0.0.3:5061;transport=tcp"


def registrar() -> Registrar:
    return Registrar(map(str, itertools.count(1)))


class Asking:
    """Sends one REGISTER after the other, each with the next CSeq."""

    def __init__(self, known: Registrar) -> None:
        self.known = known
        self.cseq = 0

    def __call__(
        self, *contacts: str, expires: str | None = None, now: int = NOW, cseq: int = 0, call: str = "c1",
        flow: Flow = DESK, user: str = "camille",
    ) -> Outcome:  # fmt: skip
        self.cseq = cseq or self.cseq + 1
        lines = [f"Contact: {contact}" for contact in contacts]
        lines += [f"Expires: {expires}"] if expires is not None else []
        data = request("REGISTER", *lines, without=("Contact",), CSeq=f"{self.cseq} REGISTER", Call_ID=call)
        return self.known.register(parse(data), user, flow, now)

    def bound(self, now: int = NOW, user: str = "camille") -> list[str]:
        return [one.contact for one in self.known.of(user, now)]


@pytest.fixture
def ask() -> Asking:
    return Asking(registrar())


def test_a_telephone_registers_is_asked_after_and_goes(ask: Asking) -> None:
    assert ask(f"<{A}>").headers == (("Contact", f"<{A}>;expires={DEFAULT_EXPIRES}"),)
    assert ask(f"<{B}>;expires=120", flow=SOFT).status == 200
    assert [name for name, _ in ask().headers] == ["Contact", "Contact"]  # asks, and changes nothing
    assert ask.bound() == [A, B]
    assert ask(f"<{A}>;expires=0").headers == (("Contact", f"<{B}>;expires=120"),)
    assert ask("*", expires="0").headers == ()
    assert ask.bound() == []


@pytest.mark.parametrize(
    ("contact", "expires", "seconds"),
    [
        (f"<{A}>", "3600", 3600),
        (f"<{A}>;expires=90", "3600", 90),  # its own counts
        (f"<{A}>;expires=99999999999999999999", None, MAX_EXPIRES),
        (f"<{A}>", "999999", MAX_EXPIRES),
        (f"<{A}>", "soon", DEFAULT_EXPIRES),
        (A, None, DEFAULT_EXPIRES),
    ],
)
def test_how_long_a_binding_holds(ask: Asking, contact: str, expires: str | None, seconds: int) -> None:
    assert ask(contact, expires=expires).status == 200
    assert ask.bound(NOW + seconds * 1000 - 1) == [A]
    assert ask.bound(NOW + seconds * 1000) == []


@pytest.mark.parametrize(
    ("contacts", "expires", "status"),
    [
        (("*",), None, 400),
        (("*",), "60", 400),
        (("*", f"<{A}>"), "0", 400),
        ((f"<{A}>;expires={MIN_EXPIRES - 1}",), None, 423),
        ((f"<{A}>",), "1", 423),
        (("<tel:+33112345678>",), None, 400),
        (("<sip:a@b?Route=%3Csip:c%3E>",), None, 400),
        (tuple(f"<sip:camille@10.0.0.{n}>" for n in range(MAX_BINDINGS + 1)), None, 403),
    ],
)
def test_what_is_refused_changes_nothing(
    ask: Asking, contacts: tuple[str, ...], expires: str | None, status: int
) -> None:
    ask(f"<{B}>")
    refused = ask(*contacts, expires=expires)
    assert refused.status == status
    assert (("Min-Expires", str(MIN_EXPIRES)) in refused.headers) == (status == 423)
    assert ask.bound() == [B]


def test_what_is_older_than_what_is_known_changes_nothing(ask: Asking) -> None:
    ask(f"<{A}>", cseq=5)
    assert ask(f"<{A}>;expires=0", cseq=4).status == 500
    assert ask(f"<{A}>;expires=0", f"<{B}>", cseq=5).status == 500
    assert ask("*", expires="0", cseq=5).status == 500
    assert ask.bound() == [A]
    assert ask(f"<{A}>;expires=0", cseq=1, call="after a restart").status == 200
    assert ask.bound() == []


def test_a_binding_keeps_its_name_and_follows_the_telephone(ask: Asking) -> None:
    ask(f"<{A}>")
    (before,) = ask.known.of("camille", NOW)
    ask(f"<{A}>", flow=SOFT)
    (after,) = ask.known.of("camille", NOW)
    assert (after.key, after.flow) == (before.key, SOFT)
    assert ask.known.find("camille", before.key, NOW) == after
    assert ask.known.find("lea", before.key, NOW) is None


def test_what_was_reached_through_a_connection_goes_with_it(ask: Asking) -> None:
    ask(f"<{A}>")
    ask(f"<{B}>", flow=SOFT)
    assert ask.known.lost(SOFT)
    assert not ask.known.lost(SOFT)
    assert ask.bound() == [A]


def test_datagrams_survive_a_restart_and_connections_do_not(ask: Asking) -> None:
    ask(f"<{A}>")
    ask(f"<{B}>", flow=SOFT)
    again = Registrar((), load(save(ask.known.all(NOW))))
    assert again.of("camille", NOW) == [one for one in ask.known.of("camille", NOW) if one.contact == A]


def test_who_is_no_user_any_more_is_not_rung(ask: Asking) -> None:
    ask(f"<{A}>")
    ask(f"<{B}>", user="lea")
    ask.known.keep({"lea"})
    assert (ask.bound(), ask.bound(user="lea")) == ([], [B])


STEP = st.tuples(
    st.sampled_from(["camille", "lea"]),
    st.lists(st.sampled_from([A, B, "sip:c@d", "*", "tel:1"]), max_size=3),
    st.sampled_from([None, "0", "10", "60", "600"]),
    st.integers(1, 6),
    st.integers(0, 400_000),
)


@given(st.lists(STEP, max_size=25))
def test_whatever_is_asked_each_users_bindings_are_their_own_few_and_bounded(
    steps: list[tuple[str, list[str], str | None, int, int]],
) -> None:
    ask, now = Asking(registrar()), NOW
    for user, contacts, expires, cseq, passed in steps:
        now += passed
        other = "lea" if user == "camille" else "camille"
        theirs, before = ask.bound(now, other), ask.known.of(user, now)
        outcome = ask(
            *(f"<{c}>" if c != "*" else c for c in contacts), expires=expires, cseq=cseq, user=user, now=now
        )
        assert ask.bound(now, other) == theirs
        after = ask.known.of(user, now)
        if outcome.status != 200:
            assert after == before
        assert len({one.key for one in ask.known.all(now)}) == len(ask.known.all(now))
        assert all(now < one.expires_at <= now + MAX_EXPIRES * 1000 for one in after)
        assert len(after) <= MAX_BINDINGS


def test_who_is_passed_a_call_and_who_ordered_one_ring_where_they_have_registered() -> None:
    ask, out = Asking(registrar()), Dial(("sip:+331@10.0.0.1",))
    place, other = "sip:camille@registered", "sip:ben@10.0.0.6"
    assert spread(Fetch((place, other), out), ask.known, NOW) == Fetch((other,), out)
    ask(A)
    ask(B, flow=SOFT, call="c2")
    found = spread(Fetch((place, other), out), ask.known, NOW)
    assert (len(found.targets), found.targets[-1]) == (3, other)
    assert spread(Passing((place,), LegKind.USER), ask.known, NOW).targets == found.targets[:2]
