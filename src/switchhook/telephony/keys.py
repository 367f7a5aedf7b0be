"""What keys pressed in a menu mean. Pure.

    typed ──▶ a choice and no longer one begins like it    chosen at once
          ──▶ a longer choice begins like it               more keys are waited for, for a while
          ──▶ neither                                      wrong

`#` after a choice says that nothing more comes, unless a choice has it in it.
"""

from collections.abc import Collection
from enum import Enum, auto

KEYS = frozenset("0123456789*#ABCD")


class Heard(Enum):
    """What was made of the keys so far, when it is no choice."""

    MORE = auto()
    WRONG = auto()


def understand(typed: str, choices: Collection[str]) -> str | Heard:
    """The choice that `typed` is, or what else it is."""
    if any(choice.startswith(typed) and choice != typed for choice in choices):
        return Heard.MORE
    return settle(typed, choices)


def settle(typed: str, choices: Collection[str]) -> str | Heard:
    """The choice that `typed` is when no more keys come."""
    if typed in choices:
        return typed
    if typed.endswith("#") and typed[:-1] in choices:
        return typed[:-1]
    return Heard.WRONG


def hear(typed: str, choices: Collection[str]) -> str | Heard:
    """What keys that came all at once mean, one after the other: what follows a choice that no longer one begins like
    is not looked at."""
    for end in range(1, len(typed) + 1):
        heard = understand(typed[:end], choices)
        if heard is not Heard.MORE:
            return heard
    return settle(typed, choices)
