"""What keys pressed in a menu mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.telephony.sip.keys import Heard, settle, understand

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
