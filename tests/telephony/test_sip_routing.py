"""What becomes of a call by the rules of its number: the plan that the line is given."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.media.speech import spoken_file
from switchhook.settings.dialplan import AgentConfig, KeyConfig, MenuConfig
from switchhook.settings.members import NumberConfig
from switchhook.settings.opening import HoursConfig
from switchhook.telephony.sip.plan import (
    Announce,
    Choice,
    Enter,
    Forward,
    Mailbox,
    Reject,
    Ring,
    RingPlan,
    Script,
)
from switchhook.telephony.sip.routing import HOPS, Routing, blocked, may_forward, plan
from switchhook.workspace.directory import Directory, Number, NumberSettings, User
from switchhook.workspace.facts import Direction, EndCause, LegKind, Offered

MAIN, MARIE, MOBILE = "+33123456789", "+33612345678", "+33698765432"
ANNA = User("u1", "anna@example.com", "Anna", ("sip:a1@10.0.0.1", "sip:a2@10.0.0.1"))
BEN = User("u2", "ben@example.com", "Ben", ("sip:b@10.0.0.2", "sip:a2@10.0.0.1"))
EVE = User("u3", "eve@example.com", "", ())
A1, A2, B = "sip:a1@10.0.0.1", "sip:a2@10.0.0.1", "sip:b@10.0.0.2"
BOX = Mailbox(None, 120.0)
GONE = Reject(EndCause.NO_ANSWER)
AGENT = AgentConfig("reception", "sip:agent@10.0.0.9", 12)


def directory(settings: NumberSettings | None = None) -> Directory:
    number = Number(MAIN, "Main", "FR", (ANNA, BEN), settings or NumberSettings())
    return Directory((ANNA, BEN, EVE), (number, Number("+33123456780", "", "FR", (), NumberSettings())), "FR")


def rung(**more: Any) -> Offered:
    fields: dict[str, Any] = {
        "source": "sip",
        "call": "c",
        "id": "offered",
        "at": 1_772_445_600_000,  # Monday, 2 March 2026, 11:00 in Paris
        "leg": "caller",
        "direction": Direction.INBOUND,
        "from_raw": MARIE,
        "to_raw": "01 23 45 67 89",
        **more,
    }
    return Offered(**fields)


def test_extensions_of_users_are_keys_of_a_menu_that_says_so() -> None:
    keys = {"1": KeyConfig("Sales", "ring")}
    for extensions, expected in ((False, ["1"]), (True, ["1", "102", "103"])):
        menu = MenuConfig("main", "play x.wav", keys, extensions=extensions)
        found = routed(menus=(menu,), answer="menu main")
        assert isinstance(found, Script)
        choices = found.menus["main"].choices
        assert sorted(choices) == expected
    assert choices["102"] == Choice("Ben", Ring((B, A2), 25, BOX))
    assert choices["103"] == Choice("eve@example.com", Ring((), 0, BOX))


def routed(offered: Offered | None = None, *, menus: tuple[MenuConfig, ...] = (), **rules: Any) -> RingPlan:
    routing = Routing(
        trunk="10.0.0.7:5060",
        host="10.0.0.5",
        rules={MAIN: NumberConfig(MAIN, **rules)},
        menus={menu.name: menu for menu in menus},
        agents={AGENT.name: AGENT},
        extensions={"102": BEN.email, "103": EVE.email},
        speak="say",
        spoken=Path("/spoken"),
    )
    return plan(offered or rung(), directory(), routing, "cll_1")


def forward(reason: str, rest: Any = BOX, hops: int = 1) -> Forward:
    headers = {"Diversion": f"<sip:{MAIN}@10.0.0.5>;reason={reason};counter={hops}"}
    return Forward((f"sip:{MOBILE}@10.0.0.7:5060",), LegKind.FORWARD, 60.0, MARIE, headers, rest, MOBILE)


ALL = (A1, A2, B)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, Ring(ALL, 25, BOX)),
        ({"ring": "in turn"}, Ring((A1, A2), 25, Ring((B,), 25, BOX))),
        (
            {"ring": "in turn", "users": (BEN.email,), "user_seconds": {BEN.email: 7.0}},
            Ring((A1, A2), 25, Ring((B,), 7, BOX)),
        ),
        ({"answer": f"forward {MOBILE}"}, forward("unconditional")),
        ({"answer": f"ring {BEN.email}"}, Ring((B, A2), 25, BOX)),
        ({"answer": f"ring {EVE.email}"}, Ring((), 0, BOX)),
        ({"answer": ("ring", "voicemail")}, Ring(ALL, 25, BOX)),
        ({"no_answer": f"forward {MOBILE}"}, Ring(ALL, 25, forward("no-answer", Reject()))),
        (
            {"busy": f"forward {MOBILE}", "no_answer": "hang up"},
            Ring(ALL, 25, GONE, forward("user-busy", GONE)),
        ),
        ({"busy": ("ring", "hang up")}, Ring(ALL, 25, BOX, Ring(ALL, 25, GONE))),
        (
            {"ring": "in turn", "busy": "voicemail"},
            Ring((A1, A2), 25, Ring((B,), 25, BOX, BOX)),
        ),
        (
            {"answer": ("say Hello.", "ring", f"forward {MOBILE}")},
            Announce(
                str(spoken_file(Path("/spoken"), "say", "Hello.")), Ring(ALL, 25, forward("unconditional"))
            ),
        ),
        ({"answer": "play closed.wav"}, Announce("closed.wav", GONE)),
        ({"answer": ("play closed.wav", "voicemail")}, Announce("closed.wav", BOX)),
        ({"answer": "voicemail", "greeting": "play ours.wav"}, Mailbox("ours.wav", 120.0)),
        (
            {"answer": "agent reception"},
            Forward((AGENT.uri,), LegKind.AI, 12, MARIE, {"X-Switchhook-Call": "cll_1"}, BOX),
        ),
        ({"block": (MARIE,)}, Reject(EndCause.BLOCKED)),
        ({"block": ("*",), "allow": ("+336*",)}, Ring(ALL, 25, BOX)),
    ],
)
def test_the_rules_of_a_number_make_its_plan(rules: dict[str, Any], expected: RingPlan) -> None:
    assert routed(**rules) == expected


def test_outside_its_hours_a_number_is_closed() -> None:
    hours = HoursConfig("Europe/Paris", ("mon-fri 09:00-12:00",), ("2026-03-03",))
    rules: dict[str, Any] = {"hours": hours, "closed": ("play closed.wav", "voicemail")}
    closed = Announce("closed.wav", BOX)
    day, hour = 86_400_000, 3_600_000
    now = rung().at
    assert routed(rung(), **rules) == Ring(ALL, 25, BOX)
    assert routed(rung(at=now + hour), **rules) == closed
    assert routed(rung(at=now + day), **rules) == closed
    assert routed(rung(at=now + 2 * day), **rules) == Ring(ALL, 25, BOX)
    assert routed(rung(at=now + hour), hours=hours) == BOX
    assert routed(rung(at=now + hour), hours=hours, closed="hang up") == GONE


def test_a_menu_and_what_it_leads_to() -> None:
    main = MenuConfig(
        "main",
        "play welcome.wav",
        {
            "1": KeyConfig("Sales", f"ring {ANNA.email}"),
            "2": KeyConfig("Support", "menu support"),
            "3": KeyConfig("Hours", ("play hours.wav", "repeat")),
            "0": KeyConfig("Mobile", f"forward {MOBILE}"),
        },
        wrong="play wrong.wav",
    )
    support = MenuConfig(
        "support", "play support.wav", {"*": KeyConfig("Back", "menu main")}, 4, 1, 2, otherwise="hang up"
    )
    unused = MenuConfig("unused", "play x.wav", {"1": KeyConfig("x", "hang up")})
    found = routed(menus=(main, support, unused), answer="menu main", no_answer=("menu main",))
    assert isinstance(found, Script)
    assert found.first == Enter("main")
    assert sorted(found.menus) == ["main", "support"]
    again = Enter("main")  # what the number does when nobody answers
    assert found.menus["main"].choices == {
        "1": Choice("Sales", Ring((A1, A2), 25, again)),
        "2": Choice("Support", Enter("support")),
        "3": Choice("Hours", Announce("hours.wav", Enter("main"))),
        "0": Choice("Mobile", forward("deflection", again)),
    }
    assert (found.menus["main"].otherwise, found.menus["main"].wrong) == (again, "wrong.wav")
    made = found.menus["support"]
    assert (made.seconds, made.digit_seconds, made.tries, made.otherwise) == (4, 1, 2, GONE)


@pytest.mark.parametrize(
    ("offered", "target", "may"),
    [
        (rung(), MOBILE, True),
        (rung(), MARIE, False),  # she would ring herself
        (rung(from_raw="06 12 34 56 78"), MARIE, False),
        (rung(), "+33123456780", False),  # ours
        (rung(diverted=(MOBILE,)), MOBILE, False),  # it comes from there
        (rung(diverted=("06 98 76 54 32",)), MOBILE, False),
        (rung(diverted=("+331", "+332")), MOBILE, True),
        (rung(diverted=("x",) * (HOPS - 1)), MOBILE, True),
        (rung(diverted=("x",) * HOPS), MOBILE, False),
    ],
)
def test_a_call_is_not_sent_round_in_circles(offered: Offered, target: str, may: bool) -> None:
    assert may_forward(target, offered, directory()) is may


def test_what_may_not_be_forwarded_goes_on_as_if_nobody_had_answered_there() -> None:
    assert routed(rung(diverted=(MOBILE,)), answer=f"forward {MOBILE}") == BOX
    twice = routed(rung(diverted=("+331",)), answer=f"forward {MOBILE}")
    assert twice == forward("unconditional", hops=2)


LISTS = st.lists(
    st.sampled_from(
        [
            "ring",
            f"ring {ANNA.email}",
            f"forward {MOBILE}",
            "forward +33123456780",
            f"forward {MARIE}",
            "agent reception",
            "play x.wav",
            "say Hello.",
        ]
    ),
    max_size=3,
).flatmap(
    lambda first: st.sampled_from(["", "voicemail", "hang up", "menu a", "menu b"]).map(
        lambda last: (*first, last) if last else tuple(first)
    )
)
MENUS = st.builds(
    lambda name, keys, otherwise: MenuConfig(
        name,
        "play x.wav",
        {str(i): KeyConfig("x", do or "repeat") for i, do in enumerate(keys)},
        otherwise=otherwise,
    ),
    st.sampled_from(["a", "b"]),
    st.lists(LISTS, min_size=1, max_size=3),
    LISTS,
)


def test_a_menu_that_nothing_leads_to_is_not_taken_along() -> None:
    menus = (MenuConfig("a", "play x.wav", {"1": KeyConfig("x", ("voicemail",))}),)
    assert routed(rung(), menus=menus, answer=("voicemail",), no_answer=("menu a",)) == BOX


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("answer", "busy", "no_answer"), LISTS)),
    MENUS,
    MENUS,
    st.sampled_from(["all", "in turn"]),
    st.lists(st.sampled_from([MOBILE, "+331"]), max_size=HOPS + 1),
)
def test_whatever_the_rules_a_plan_leads_nowhere_that_is_not_there(
    rules: dict[str, Any], a: MenuConfig, b: MenuConfig, ring: str, diverted: list[str]
) -> None:
    menus = (msgspec.structs.replace(a, name="a"), msgspec.structs.replace(b, name="b"))
    found = routed(rung(diverted=tuple(diverted)), menus=menus, ring=ring, **rules)
    there = found.menus if isinstance(found, Script) else {}
    reached: set[str] = set()
    left = [found.first if isinstance(found, Script) else found]
    for menu in there.values():
        left += [menu.otherwise, *(choice.then for choice in menu.choices.values())]
    while left:
        step = left.pop()
        match step:
            case Enter(menu=name):
                reached.add(name)
            case Announce(then=then):
                left.append(then)
            case Ring(otherwise=otherwise, busy=busy):
                left += [otherwise, *([busy] if busy is not None else [])]
            case Forward(otherwise=otherwise, kind=kind, shown=shown):
                left.append(otherwise)
                if kind is LegKind.FORWARD:
                    assert shown == MOBILE
                    assert MOBILE not in diverted
                    assert len(diverted) < HOPS
    assert reached == set(there)
    assert msgspec.json.decode(msgspec.json.encode(found), type=RingPlan) == found  # it goes to the worker


def test_who_is_blocked() -> None:
    routing = Routing(block=("anonymous",), rules={MAIN: NumberConfig(MAIN, block=(MARIE,))})
    known = directory()
    assert blocked(rung(from_raw="06 12 34 56 78"), known, routing)
    assert blocked(rung(from_raw="anonymous"), known, routing)
    assert blocked(rung(from_raw="anonymous", to_raw="+33123456780"), known, routing)
    assert not blocked(rung(to_raw="+33123456780"), known, routing)
    assert not blocked(rung(direction=Direction.OUTBOUND), known, routing)
    assert plan(rung(blocked=True), known, Routing()) == Reject(EndCause.BLOCKED)
