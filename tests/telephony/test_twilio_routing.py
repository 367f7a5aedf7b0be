"""What follows when nobody takes a call of Twilio: the lists of its number, step by step, to an end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.settings.dialplan import AgentConfig, KeyConfig, MenuConfig
from switchhook.settings.members import NumberConfig
from switchhook.settings.opening import HoursConfig
from switchhook.telephony.twilio.routing import (
    LISTS,
    Agent,
    Ask,
    Forward,
    Lists,
    Mailbox,
    Place,
    Refuse,
    Ring,
    Say,
    Step,
    VoiceSettings,
    blocked,
    plan,
)
from switchhook.workspace.directory import Directory, Number, NumberSettings, User
from switchhook.workspace.facts import Direction, EndCause, Offered
from tests.workspace.telling import OUTSIDE, START

MAIN, OTHER, AWAY = "+33123456789", "+33123456780", "+33755555555"
ANNA, BEN = User("usr_a", "anna@x", "Anna", ()), User("usr_b", "ben@x", "Ben", ())
TELEPHONES = {"anna@x": ("client:anna", "client:both"), "ben@x": ("client:both", "client:ben")}
SHUT = HoursConfig("Europe/Paris", ("mon-fri 09:00-12:00",))  # the call comes on a Saturday


def directory(*, voicemail: bool = True, seconds: float = 25) -> Directory:
    settings = NumberSettings(voicemail, seconds)
    numbers = (Number(MAIN, "Main", "FR", (ANNA, BEN), settings), Number(OTHER, "", "FR", (), settings))
    return Directory((ANNA, BEN), numbers, "FR")


def way(*, voicemail: bool = True, caller: str = OUTSIDE, is_busy: bool = False, **rules: Any) -> list[Step]:
    """All that is done for a call that nobody takes, in order."""
    known = directory(voicemail=voicemail)
    settings = VoiceSettings(telephones=TELEPHONES, rules={MAIN: NumberConfig(MAIN, **rules)})
    step = plan(call(caller), known, settings)
    done: list[Step] = []
    while not isinstance(step, Mailbox | Refuse):
        assert isinstance(step, Ring | Forward | Say)
        done.append(step)
        assert len(done) < 50
        lists = Lists(known.numbers[0], known, settings, caller)
        step = lists.was_busy(step.then) if is_busy and isinstance(step, Ring) else lists.follow(step.then)
    return [*done, step]


def call(caller: str = OUTSIDE) -> Offered:
    return Offered(
        source="twilio",
        call="CA1",
        id="offered",
        at=START,
        leg="CA1",
        direction=Direction.INBOUND,
        from_raw=caller,
        to_raw=MAIN,
    )


ALL = ("client:anna", "client:both", "client:ben")
END = Refuse(EndCause.NO_ANSWER)


@pytest.mark.parametrize(
    ("rules", "steps"),
    [
        ({}, [Ring(ALL, 25, Place("answer", 1)), Mailbox()]),
        ({"voicemail": False}, [Ring(ALL, 25, Place("answer", 1)), END]),
        (
            {"ring": "in turn", "user_seconds": {"ben@x": 9}, "users": ("anna@x", "ben@x")},
            [
                Ring(("client:anna", "client:both"), 25, Place("answer", 1)),
                Ring(("client:ben",), 9, Place("answer", 2)),
                Mailbox(),
            ],
        ),
        (
            {"answer": ("say Welcome.", "ring ben@x", f"forward {AWAY}"), "no_answer": "voicemail"},
            [
                Say("Welcome.", Place("answer", 1)),
                Ring(("client:both", "client:ben"), 25, Place("answer", 2)),
                Forward(AWAY, Place("answer", 3)),
                Mailbox(),
            ],
        ),
        ({"hours": SHUT}, [Mailbox()]),
        ({"hours": SHUT, "closed": "say We are closed."}, [Say("We are closed.", Place("closed", 1)), END]),
        (
            {"hours": SHUT, "closed": ("say Closed.", "voicemail")},
            [Say("Closed.", Place("closed", 1)), Mailbox()],
        ),
        ({"no_answer": "hang up"}, [Ring(ALL, 25, Place("answer", 1)), END]),
        (
            {"no_answer": f"forward {AWAY}"},
            [Ring(ALL, 25, Place("answer", 1)), Forward(AWAY, Place("no_answer", 1)), END],
        ),
        (
            {"answer": (f"forward {OTHER}", f"forward {OUTSIDE}")},
            [Mailbox()],
        ),  # neither to us, nor to who calls
        ({"answer": ("play x.wav", "menu main")}, [Mailbox()]),  # what only the SIP line has
        ({"greeting": "say Leave a word."}, [Ring(ALL, 25, Place("answer", 1)), Mailbox("Leave a word.")]),
        (
            {"busy": "say All are talking.", "call_is": "busy"},
            [Ring(ALL, 25, Place("answer", 1)), Say("All are talking.", Place("busy", 1)), END],
        ),
        ({"call_is": "busy"}, [Ring(ALL, 25, Place("answer", 1)), Mailbox()]),
    ],
)
def test_what_is_done_with_a_call_that_nobody_takes(rules: dict[str, Any], steps: list[Step]) -> None:
    busy = rules.get("call_is") == "busy"
    assert way(is_busy=busy, **{name: value for name, value in rules.items() if name != "call_is"}) == steps


ACTIONS = st.lists(
    st.sampled_from(["ring", "ring ben@x", f"forward {AWAY}", f"forward {OTHER}", "say Hello", "play x.wav"]),
    max_size=4,
).flatmap(
    lambda some: st.sampled_from([(*some, last) for last in ("voicemail", "hang up", "ring")] + [tuple(some)])
)


@given(
    lists=st.fixed_dictionaries(dict.fromkeys(LISTS, ACTIONS)),
    open_=st.booleans(),
    busy=st.booleans(),
    voicemail=st.booleans(),
)
def test_whatever_is_written_a_call_comes_to_an_end(
    lists: dict[str, Any], open_: bool, busy: bool, voicemail: bool
) -> None:
    hours: dict[str, Any] = {} if open_ else {"hours": SHUT}
    if open_:
        lists = {**lists, "closed": ()}
    done = way(voicemail=voicemail, is_busy=busy, **hours, **lists)
    assert isinstance(done[-1], Mailbox | Refuse)


@pytest.mark.parametrize("name", LISTS)
def test_a_place_that_is_not_there_any_more_is_an_end(name: str) -> None:
    known = directory()
    lists = Lists(known.numbers[0], known, VoiceSettings(telephones=TELEPHONES), OUTSIDE)
    assert isinstance(lists.follow(Place(name, 99)), Mailbox | Refuse)


def test_who_is_kept_out() -> None:
    known = directory()
    everywhere = VoiceSettings(
        block=("+336*", "anonymous"), rules={MAIN: NumberConfig(MAIN, allow=(OUTSIDE,))}
    )
    here = VoiceSettings(rules={MAIN: NumberConfig(MAIN, block=("*",))})
    assert not blocked(call(), known, everywhere)
    assert blocked(call("+33611111111"), known, everywhere)
    assert blocked(call("anonymous"), known, everywhere)
    assert blocked(call(), known, here)
    assert plan(call(), known, here) == Refuse(EndCause.BLOCKED)


MAIN_MENU = MenuConfig(
    "main",
    "say For sales press 1.",
    {
        "1": KeyConfig("Sales", ("ring ben@x", "agent bot")),
        "12": KeyConfig("Hours", ("say Nine to five.", "repeat")),
        "2": KeyConfig("Away", f"forward {AWAY}"),
        "3": KeyConfig("Nobody", "hang up"),
        "4": KeyConfig("More", "menu more"),
        "5": KeyConfig("Address", "say Harbour Street."),
        "6": KeyConfig("Sound", "menu played"),
        "7": KeyConfig("All", "ring"),
    },
    tries=2,
    otherwise="voicemail",
    extensions=True,
)
MORE = MenuConfig("more", "say Back is star.", {"*": KeyConfig("Back", "menu main")})
PLAYED = MenuConfig("played", "play hello.wav", {"1": KeyConfig("One", "ring")})
CHOICES = {"101": "Ben", "1": "Sales", "12": "Hours", "2": "Away", "3": "Nobody", "4": "More"} | {
    "5": "Address",
    "6": "Sound",
    "7": "All",
}


def in_menu(**rules: Any) -> Lists:
    known = directory()
    settings = VoiceSettings(
        telephones=TELEPHONES,
        rules={MAIN: NumberConfig(MAIN, answer="menu main", **rules)},
        menus={"main": MAIN_MENU, "more": MORE, "played": PLAYED},
        agents={"bot": AgentConfig("bot", "sip:bot@ai.example", 7)},
        extensions={"101": "ben@x"},
    )
    assert plan(call(), known, settings) == Ask(MAIN_MENU, CHOICES)
    return Lists(known.numbers[0], known, settings, OUTSIDE)


BENS = ("client:both", "client:ben")


@pytest.mark.parametrize(
    ("menu", "typed", "tries", "key", "step"),
    [
        ("main", "1", 0, "1", Ring(BENS, 25, Place("key 1", 1, "main"))),
        ("main", "12", 0, "12", Say("Nine to five.", Place("key 12", 1, "main"))),
        ("main", "101", 1, "101", Ring(BENS, 25, Place("key 101", 1, "main"))),
        ("main", "2", 0, "2", Forward(AWAY, Place("key 2", 1, "main"))),
        ("main", "3", 0, "3", END),
        ("main", "4", 1, "4", Ask(MORE, {"*": "Back"})),
        ("more", "*", 2, "*", Ask(MAIN_MENU, CHOICES)),
        ("main", "6", 0, "6", Mailbox()),  # a menu that cannot be heard here is passed over
        ("main", "", 0, None, Ask(MAIN_MENU, CHOICES, 1)),
        ("main", "9", 0, None, Ask(MAIN_MENU, CHOICES, 1, True)),
        ("main", "9", 1, None, Mailbox()),
        ("more", "", 2, None, Mailbox()),  # it says nothing of otherwise, so that nobody answered
        ("gone", "1", 0, None, Mailbox()),
    ],
)
def test_what_a_key_leads_to(menu: str, typed: str, tries: int, key: str | None, step: Step) -> None:
    assert in_menu().pressed(menu, typed, tries) == (key, step)


@pytest.mark.parametrize(
    ("place", "step"),
    [
        (Place("key 1", 1, "main"), Agent("sip:bot@ai.example", 7, Place("key 1", 2, "main"))),
        (Place("key 1", 2, "main"), Mailbox()),
        (Place("key 12", 1, "main"), Ask(MAIN_MENU, CHOICES)),
        (Place("key 5", 1, "main"), END),  # after the last announcement the call is over
        (Place("key 8", 0, "main"), Mailbox()),
        (Place("key 1", 0, "gone"), Mailbox()),
    ],
)
def test_what_follows_in_a_menu_when_nobody_answers(place: Place, step: Step) -> None:
    assert in_menu().follow(place) == step


def test_who_is_busy_in_a_menu_has_what_the_number_does_then() -> None:
    lists = in_menu(busy="say All are talking.")
    assert lists.was_busy(Place("key 7", 1, "main")) == Say("All are talking.", Place("busy", 1))
    assert lists.was_busy(Place("no_answer", 1)) == END


def test_no_answer_may_be_a_menu() -> None:
    assert in_menu(no_answer="menu more").follow(Place("key 1", 2, "main")) == Ask(MORE, {"*": "Back"})
