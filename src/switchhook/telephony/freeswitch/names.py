"""Who is at the end of a channel, by what FreeSWITCH says of it and the settings. Pure.

sofia/external/+33612345678@10.0.0.1     profile external, the number and the host of the other end
sofia/internal/1001@10.0.0.9:5060        a telephone
loopback/1001-a                          one half of a call of FreeSWITCH to itself: nobody's telephone
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from switchhook.telephony.freeswitch.happenings import Channel

ADDRESS = "sip:{}@freeswitch"  # how a telephone of FreeSWITCH is spelled in facts

_OWN = frozenset({"error", "null", "pickup", "group"})  # made for FreeSWITCH's own use
_DIGITS = re.compile(r"\+?[0-9*#]{2,}")
_OUTSIDE = re.compile(r"\+[0-9]{4,}|[0-9]{7,}")


class Kind(StrEnum):
    """What a channel is to us."""

    TRUNK = "trunk"
    USER = "user"
    AI = "ai"
    LOCAL = "local"  # a half of a call of FreeSWITCH to itself
    OWN = "own"


class Plan(msgspec.Struct, frozen=True):
    """How channels are told apart.

    Patterns (`*`, `?`) are matched with the gateway, the SIP profile, the host of the other end, the user and the whole
    name of a channel.
    """

    trunks: tuple[str, ...]
    contexts: tuple[str, ...] = ()  # in which calls come in; none for any
    ai: tuple[str, ...] = ()
    extensions: Mapping[str, str] = {}  # extension → e-mail address of its user

    def kind(self, channel: Channel) -> Kind:
        """What a channel is."""
        technology, slash, _ = channel.name.partition("/")
        if is_local(channel.name):
            return Kind.LOCAL
        if not slash or technology.lower() in _OWN:
            return Kind.OWN
        if _matches(channel, self.ai):
            return Kind.AI
        return Kind.TRUNK if _matches(channel, self.trunks) else Kind.USER

    def comes_in(self, context: str) -> bool:
        """Whether calls of trunks in this context come from outside."""
        return not self.contexts or any(fnmatchcase(context, pattern) for pattern in self.contexts)

    def address(self, channel: Channel) -> str:
        """The address of the telephone whose channel this is."""
        return self.of_user(channel.user or resource(channel.name))

    @staticmethod
    def of_user(user: str) -> str:
        """The address of a user's telephone."""
        return ADDRESS.format(user)


def is_local(name: str) -> bool:
    """Whether it is the name of one half of a call of FreeSWITCH to itself."""
    return name.lower().startswith("loopback/")


def resource(name: str) -> str:
    """`1001` of `sofia/internal/sip:1001@10.0.0.9:5060` and of `loopback/1001-a`."""
    last = name.rpartition("/")[2].partition("@")[0]
    return last.rpartition(":")[2]


def host(name: str) -> str:
    """`10.0.0.9` of `sofia/internal/1001@10.0.0.9:5060`, empty when there is none."""
    found = name.rpartition("@")[2] if "@" in name else ""
    return found.partition("]")[0].lstrip("[") if found.startswith("[") else found.partition(":")[0]


def number_of(called: str) -> str | None:
    """The number in what a trunk was told to call: `+33612345678`, `sip:0612345678@10.0.0.1`."""
    found = _DIGITS.fullmatch(called.removeprefix("sip:").partition("@")[0])
    return found.group() if found else None


def is_outside(exten: str) -> bool:
    """Whether it is a number of the telephone network rather than an extension."""
    return _OUTSIDE.fullmatch(exten) is not None


def _matches(channel: Channel, patterns: Sequence[str]) -> bool:
    names = [channel.gateway, channel.host, channel.name, channel.user]
    if not channel.authorized:  # telephones may log in where trunks arrive
        names.append(channel.profile)
    return any(name and fnmatchcase(name, pattern) for name in names for pattern in patterns)
