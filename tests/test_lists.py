"""Who may call."""

import pytest

from switchhook.settings.lists import check_pattern, matches, refuses

MARIE = "+33612345678"


@pytest.mark.parametrize(
    ("caller", "entries", "meant"),
    [
        (MARIE, [], False),
        (MARIE, [MARIE], True),
        (MARIE, ["+3361234567"], False),
        (MARIE, ["+3361234567*"], True),
        ("+33899123456", ["+33899*"], True),
        ("+33898123456", ["+33899*"], False),
        (MARIE, ["anonymous"], False),
        ("anonymous", ["anonymous"], True),
        ("Anonymous", ["anonymous"], True),
        ("Restricted ", ["anonymous"], True),
        ("", ["anonymous"], True),
        ("anonymous", ["+33*", "*"], True),
        ("anna", ["+33*", "anonymous"], False),
        ("+*", ["+33*"], False),
    ],
)
def test_a_caller_is_meant_or_not(caller: str, entries: list[str], meant: bool) -> None:
    assert matches(caller, entries) is meant


def test_who_is_allowed_is_never_blocked() -> None:
    assert refuses(MARIE, ["*"], [])
    assert not refuses(MARIE, ["*"], ["+336*"])
    assert not refuses(MARIE, [], [])


@pytest.mark.parametrize("entry", ["0612345678", "+", "+*", "33899*", "+33 6", "+33*99", "nobody", "", "**"])
def test_what_is_no_caller_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is no caller; write a number like"):
        check_pattern(entry)
