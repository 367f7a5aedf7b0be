"""Who is at the end of a channel, by its name and the settings. Pure.

PJSIP/trunk-00000006          endpoint PJSIP/trunk, resource trunk
Local/101@queue-0000001f;1    one half of a call of Asterisk to itself: nobody's telephone
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

ADDRESS = "sip:{}@asterisk"  # how a telephone of Asterisk is spelled in facts

# What Asterisk makes for its own use: it is neither dialled nor does anybody speak by it.
_OWN = frozenset(
    {
        "announcer",
        "asyncgoto",
        "audiosocket",
        "bridge",
        "cbann",
        "cbrec",
        "chanspy",
        "message",
        "multicastrtp",
    }
    | {"parked", "recorder", "snoop", "surrogate", "unicastrtp"}
)
_DIGITS = re.compile(r"\+?[0-9*#]{2,}")
_OUTSIDE = re.compile(r"\+[0-9]{4,}|[0-9]{7,}")


class Kind(StrEnum):
    """What a channel is to us."""

    TRUNK = "trunk"
    USER = "user"
    AI = "ai"
    LOCAL = "local"  # a half of a call of Asterisk to itself
    OWN = "own"  # a helper of Asterisk's


class Plan(msgspec.Struct, frozen=True):
    """How channels are told apart. Patterns (`*`, `?`) are matched with `PJSIP/trunk` as well as with `trunk`."""

    trunks: tuple[str, ...]
    contexts: tuple[str, ...] = ()  # in which calls come in; none for any
    ai: tuple[str, ...] = ()
    extensions: Mapping[str, str] = {}  # extension → e-mail address of its user

    def kind(self, name: str) -> Kind:
        """What a channel of that name is."""
        technology = name.partition("/")[0].lower()
        if technology == "local":
            return Kind.LOCAL
        if technology in _OWN or "/" not in name:
            return Kind.OWN
        if _matches(name, self.trunks):
            return Kind.TRUNK
        return Kind.AI if _matches(name, self.ai) else Kind.USER

    def comes_in(self, context: str) -> bool:
        """Whether calls of trunks in this context come from outside."""
        return not self.contexts or any(fnmatchcase(context, pattern) for pattern in self.contexts)

    def address(self, name: str) -> str:
        """The address of the telephone whose channel this is."""
        return ADDRESS.format(resource(name))

    def extension(self, exten: str) -> str | None:
        """The address of the user's telephone that is called by `exten`, or None when it is nobody's."""
        return ADDRESS.format(exten) if exten in self.extensions else None


def endpoint(name: str) -> str:
    """`PJSIP/trunk` of `PJSIP/trunk-00000006`."""
    return name.partition(";")[0].rpartition("-")[0] or name


def resource(name: str) -> str:
    """`trunk` of `PJSIP/trunk-00000006`, `101` of `Local/101@queue-0000001f;1`."""
    return endpoint(name).partition("/")[2].partition("@")[0]


def number_of(string: str) -> str | None:
    """The number in what a trunk was told to dial: `+33612345678@trunk`, `trunk/0612345678`, `trunk/sip:…@host`."""
    rest = string.rpartition("/")[2].removeprefix("sip:")
    found = _DIGITS.fullmatch(rest.partition("@")[0])
    return found.group() if found else None


def is_outside(exten: str) -> bool:
    """Whether it is a number of the telephone network rather than an extension."""
    return _OUTSIDE.fullmatch(exten) is not None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    whole = endpoint(name)
    return any(
        fnmatchcase(whole, pattern) or fnmatchcase(whole.partition("/")[2], pattern) for pattern in patterns
    )
