"""What follows when nobody takes a call of Twilio: the lists of its number, step by step, to an end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.settings.members import NumberConfig
from switchhook.settings.opening import HoursConfig
from switchhook.telephony.twilio.routing import (
    LISTS,
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
        ({"answer": ("play x.wav", "menu main")}, [Mailbox()]),  # what only the SIP line does
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
