"""Settings of what the SIP line does with a call before anybody talks: actions, menus, agents.

An action is a few words, `ring anna@acme.example` or `say We are closed.`; a list of them is followed in order until
somebody takes the call. What is written here and cannot be followed is refused at start.
"""

import re
from typing import Annotated

import msgspec

from switchhook.settings.sources import nearest

RING, FORWARD, AGENT, MENU = "ring", "forward", "agent", "menu"
PLAY, SAY = "play", "say"
VOICEMAIL, HANG_UP, REPEAT = "voicemail", "hang up", "repeat"
SPOKEN = (PLAY, SAY)
LAST = (MENU, VOICEMAIL, HANG_UP, REPEAT)
"""Actions after which no other one is reached."""

_TAKES = {  # what stands after the verb
    RING: "nothing for the users of the number, or e-mail addresses",
    FORWARD: "a number like +33612345678",
    AGENT: "the name of an agent",
    MENU: "the name of a menu",
    PLAY: "a WAV file",
    SAY: "a text",
    VOICEMAIL: "",
    HANG_UP: "",
    REPEAT: "",
}
_E164 = re.compile(r"\+[1-9]\d{6,14}").fullmatch
_KEYS = re.compile(r"[0-9*#]{1,8}").fullmatch
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}").fullmatch

Actions = str | tuple[str, ...]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]


class Action(msgspec.Struct, frozen=True):
    """One action: its verb, and what stands after it."""

    verb: str
    rest: str = ""

    @property
    def users(self) -> tuple[str, ...]:
        """The e-mail addresses of who shall ring."""
        return tuple(self.rest.replace(",", " ").split()) if self.verb == RING else ()


def read_action(text: str) -> Action:
    """Read `forward +33612345678`.

    Raises:
        ValueError: it is no action; the text names the nearest one.
    """
    words = text.strip()
    for verb, takes in _TAKES.items():
        if words == verb or words.startswith(verb + " "):
            rest = words[len(verb) :].strip()
            if verb != RING and bool(rest) is not bool(takes):
                wanted = f"it takes {takes}" if takes else "nothing stands after it"
                raise ValueError(f"{text!r}: {verb}: {wanted}")
            if verb == FORWARD:
                rest = re.sub(r"[ .()-]", "", rest)
                if not _E164(rest):
                    raise ValueError(f"{text!r}: forward takes {takes}")
            return Action(verb, rest)
    raise ValueError(f"{text!r} is no action{nearest(words.partition(' ')[0], list(_TAKES))}")


def read_actions(entries: Actions) -> tuple[Action, ...]:
    """Read one action or a list of them.

    Raises:
        ValueError: one is none, or stands where it cannot be reached.
    """
    actions = tuple(read_action(entry) for entry in ((entries,) if isinstance(entries, str) else entries))
    for action in actions[:-1]:
        if action.verb in LAST:
            raise ValueError(f"nothing is reached after {action.verb!r}; put it at the end of the list")
    return actions


def read_sound(text: str) -> Action:
    """Read what is only said: `play FILE` or `say TEXT`.

    Raises:
        ValueError: it is neither.
    """
    action = read_action(text)
    if action.verb not in SPOKEN:
        raise ValueError(f'{text!r} cannot be heard; write "play FILE.wav" or "say TEXT"')
    return action


class KeyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key of a menu is called, and what it does."""

    label: str
    do: Actions

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise ValueError("label must not be empty: it is what ivr_result says")
        if not read_actions(self.do):
            raise ValueError("do must name an action")


class MenuConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A menu: what is said, what the keys do, and what happens when none of them is pressed.

    With `extensions`, those of the users are keys as well. `seconds` is the wait for the first key, `digit_seconds` for
    each further one. After `tries` in vain, `otherwise` follows, and what the number does when nobody answers where
    that is empty.
    """

    name: str
    greeting: str
    keys: dict[str, KeyConfig]
    seconds: Seconds = 6
    digit_seconds: Seconds = 2
    tries: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    wrong: str = ""
    otherwise: Actions = ()
    extensions: bool = False

    def __post_init__(self) -> None:
        if not _NAME(self.name):
            raise ValueError(f"the name of a menu is letters, digits, - and _, not {self.name!r}")
        read_sound(self.greeting)
        if self.wrong:
            read_sound(self.wrong)
        read_actions(self.otherwise)
        if not self.keys:
            raise ValueError("keys must name at least one key")
        for key in self.keys:
            if not _KEYS(key):
                raise ValueError(f"key {key!r}: a key is 1 to 8 of 0 to 9, * and #")

    @property
    def lists(self) -> dict[str, tuple[Action, ...]]:
        """Every list of actions, by where it stands."""
        lists = {f"key {key}": read_actions(one.do) for key, one in self.keys.items()}
        return lists | {"otherwise": read_actions(self.otherwise)}

    @property
    def sounds(self) -> dict[str, Action]:
        """What is said beside the actions, by where it stands."""
        given = {"greeting": self.greeting, "wrong": self.wrong}
        return {where: read_sound(text) for where, text in given.items() if text}


class AgentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An AI agent that answers calls over SIP. `seconds` is how long it may take to answer."""

    name: str
    uri: str
    seconds: Seconds = 20

    def __post_init__(self) -> None:
        if not _NAME(self.name):
            raise ValueError(f"the name of an agent is letters, digits, - and _, not {self.name!r}")
