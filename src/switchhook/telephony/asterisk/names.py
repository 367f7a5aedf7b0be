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
    | {"parked", "recorder", "snoop", "surrogate", "unicastrtp", "websocket"}
)
_PSEUDO = "dahdi/pseudo-"
AGENTS = frozenset({"audiosocket", "unicastrtp", "websocket"})  # of these, some lead to an AI agent
_DIGITS = re.compile(r"\+?[0-9*#]{2,}")
_SECRET = re.compile(r"^[^/@:]*:[^/@]*@")
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
        if technology in AGENTS and _matches(name, self.ai):
            return Kind.AI
        if technology in _OWN or "/" not in name or name.lower().startswith(_PSEUDO):
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


def is_dialled(application: str) -> bool:
    """Whether a channel that runs this was called by Asterisk, and has no way in."""
    return application.startswith(("AppDial", "AppQueue"))


def endpoint(name: str) -> str:
    """`PJSIP/trunk` of `PJSIP/trunk-00000006`."""
    return name.partition(";")[0].rpartition("-")[0] or name


def resource(name: str) -> str:
    """`trunk` of `PJSIP/trunk-00000006`, `101` of `Local/101@queue-0000001f;1`."""
    return endpoint(name).partition("/")[2].partition("@")[0]


def number_of(string: str) -> str | None:
    """The number in what a trunk was told to dial.

    `+33612345678@trunk`, `trunk/0612345678`, `trunk/sip:…@host`, `host/0612345678@context/a` of IAX2.
    """
    first, *rest = string.split("/")
    for part in reversed(rest or [first]):
        found = _DIGITS.fullmatch(part.removeprefix("sip:").partition("@")[0])
        if found:
            return found.group()
    return None


def without_secret(string: str) -> str:
    """What was dialled without the password that stands in it for IAX2: `host` of `user:secret@host`."""
    return _SECRET.sub("", string)


def is_outside(exten: str) -> bool:
    """Whether it is a number of the telephone network rather than an extension."""
    return _OUTSIDE.fullmatch(exten) is not None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    whole = endpoint(name)
    return any(
        fnmatchcase(whole, pattern) or fnmatchcase(whole.partition("/")[2], pattern) for pattern in patterns
    )
