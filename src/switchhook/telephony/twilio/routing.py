"""What shall become of a call that Twilio asks about: the workspace's numbers and users, and the settings. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from switchhook.telephony.twilio.twiml import MOST
from switchhook.workspace.directory import ACTIVE, Directory, Number
from switchhook.workspace.facts import Direction, EndCause, Offered


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of Twilio are handled.

    `telephones` are what rings for each user, by e-mail address; `block` are patterns of numbers that may not call.
    `greeting` is read out in `language` before a voicemail, or played when it is a URL.
    """

    telephones: Mapping[str, tuple[str, ...]] = {}
    block: tuple[str, ...] = ()
    record: bool = True
    greeting: str = ""
    language: str = ""
    voicemail_seconds: float = 120.0


class Ring(msgspec.Struct, frozen=True):
    """These telephones ring, for so many seconds."""

    telephones: tuple[str, ...]
    seconds: float


class CallOut(msgspec.Struct, frozen=True):
    """A number outside is called; `caller` is who it sees."""

    number: str
    caller: str
    seconds: float = 60.0


class Mailbox(msgspec.Struct, frozen=True):
    """A message may be left."""


class Refuse(msgspec.Struct, frozen=True):
    """The call is not taken."""

    cause: EndCause


Way = Ring | CallOut | Mailbox | Refuse


def plan(call: Offered, directory: Directory, settings: VoiceSettings) -> Way:
    """What shall become of a call that begins."""
    if call.direction is Direction.OUTBOUND:
        user = directory.user_of_sip(call.user_ref)
        own = directory.number_of_user(user) if user else None
        return CallOut(call.to_raw, own.number) if own else Refuse(EndCause.UNREACHABLE)
    caller = directory.spell(call.from_raw)
    if any(fnmatchcase(caller, pattern) for pattern in settings.block):
        return Refuse(EndCause.BLOCKED)
    number = directory.number(directory.spell(call.to_raw))
    if number is None:
        return Refuse(EndCause.UNREACHABLE)
    telephones = telephones_of(number, settings)
    if telephones:
        return Ring(telephones, number.settings.ring_seconds)
    return unanswered(number)


def unanswered(number: Number) -> Mailbox | Refuse:
    """What becomes of a call to a number that nobody answers."""
    return Mailbox() if number.settings.voicemail else Refuse(EndCause.NO_ANSWER)


def telephones_of(number: Number, settings: VoiceSettings) -> tuple[str, ...]:
    """What rings for a number, in the order of its users. A telephone that two of them share rings once."""
    found = [
        address
        for user in number.users
        if user.status == ACTIVE
        for address in settings.telephones.get(user.email, ())
    ]
    return tuple(dict.fromkeys(found))[:MOST]
