"""Who wants no more texts, and who wants them again."""

import pytest

from switchhook.workspace.opt_out import IN, OUT, wish


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STOP", "OUT"),
        (" stop. ", "OUT"),
        ("Stop!!!", "OUT"),
        ("ARRÊT", "OUT"),
        ("arre\u0302t", "OUT"),  # the accent as a character of its own
        ("Désabonnement", "OUT"),
        ("STOP 36111", "OUT"),
        ("stop-all", "OUT"),
        ("ＳＴＯＰ", "OUT"),  # wide letters
        ("unsubscribe\n", "OUT"),
        ("Start", "IN"),
        ("UNSTOP", "IN"),
        ("yes", None),
        ("please stop by at four", None),
        ("stop it", None),
        ("STOP 12", None),
        ("don't stop", None),
        ("Start at nine?", None),
        ("", None),
        ("🛑", None),
    ],
)
def test_what_a_text_asks_for(text: str, expected: str | None) -> None:
    assert wish(text) == expected


@pytest.mark.parametrize("word", sorted(OUT | IN))
def test_every_word_is_understood_in_any_case(word: str) -> None:
    assert wish(word) == wish(word.lower()) == wish(word.title()) == ("OUT" if word in OUT else "IN")
