"""What keys pressed in a menu mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.keys import Heard, hear, settle, understand

CHOICES = ("1", "2", "10", "12", "104", "*", "#9", "5#")


@pytest.mark.parametrize(
    ("typed", "heard", "settled"),
    [
        ("2", "2", "2"),
        ("1", Heard.MORE, "1"),
        ("10", Heard.MORE, "10"),
        ("104", "104", "104"),
        ("12", "12", "12"),
        ("1#", "1", "1"),
        ("10#", "10", "10"),
        ("*", "*", "*"),
        ("#", Heard.MORE, Heard.WRONG),
        ("#9", "#9", "#9"),
        ("5", Heard.MORE, Heard.WRONG),
        ("5#", "5#", "5#"),
        ("7", Heard.WRONG, Heard.WRONG),
        ("105", Heard.WRONG, Heard.WRONG),
        ("", Heard.MORE, Heard.WRONG),
    ],
)
def test_what_is_made_of_the_keys_so_far(typed: str, heard: str | Heard, settled: str | Heard) -> None:
    assert understand(typed, CHOICES) == heard
    assert settle(typed, CHOICES) == settled


KEYS = st.text("0123456789*#", min_size=1, max_size=4)


@given(st.sets(KEYS, min_size=1, max_size=6), st.data())
def test_every_choice_can_be_made_and_no_choice_is_made_too_early(
    choices: set[str], data: st.DataObject
) -> None:
    wanted = data.draw(st.sampled_from(sorted(choices)))
    for end in range(1, len(wanted)):
        heard = understand(wanted[:end], choices)
        assert heard is Heard.MORE, "somebody typed on and was cut off"
    heard = understand(wanted, choices)
    assert heard == wanted or (heard is Heard.MORE and settle(wanted, choices) == wanted)


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        ("2", "2"),
        ("22", "2"),
        ("1", "1"),
        ("10", "10"),
        ("104", "104"),
        ("1049", "104"),
        ("105", Heard.WRONG),
        ("", Heard.WRONG),
        ("#", Heard.WRONG),
        ("#9", "#9"),
        ("1#", "1"),
        ("7", Heard.WRONG),
        ("72", Heard.WRONG),
    ],
)
def test_what_is_made_of_keys_that_come_all_at_once(typed: str, heard: str | Heard) -> None:
    assert hear(typed, CHOICES) == heard


@given(st.sets(KEYS, min_size=1, max_size=6), st.text("0123456789*#", max_size=6))
def test_keys_all_at_once_are_the_keys_one_after_the_other(choices: set[str], typed: str) -> None:
    one_by_one: str | Heard = Heard.MORE
    for end in range(1, len(typed) + 1):
        one_by_one = understand(typed[:end], choices)
        if one_by_one is not Heard.MORE:
            break
    assert hear(typed, choices) == (settle(typed, choices) if one_by_one is Heard.MORE else one_by_one)
