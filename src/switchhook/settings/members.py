"""Users and numbers as settings and commands name them, and what they may be. What is None is not said."""

import re
from typing import Annotated

import msgspec

from switchhook.settings.dialplan import Actions, Seconds, read_actions, read_sound
from switchhook.settings.lists import check_pattern
from switchhook.settings.opening import HoursConfig
from switchhook.settings.sources import nearest

ROLES = ("ADMIN", "MANAGER", "MEMBER")
STATUSES = ("ACTIVE", "BLOCKED")
NUMBER, SENDER_ID = TYPES = ("NUMBER", "SENDER_ID")
ALL_AT_ONCE, IN_TURN = RINGS = ("all", "in turn")
CAPABILITIES = ("VOICE", "SMS", "MMS")

REGISTERED = "registered"
"""Host in the SIP address of a user whose telephones register: where they are, the line knows."""

SHORTEST_PASSWORD = 8

_SIP_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
_HEX = re.compile(r"[0-9a-fA-F]+").fullmatch
_EMAIL = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+").fullmatch
_EXTENSION = re.compile(r"[0-9]{2,6}").fullmatch
_COUNTRY = re.compile(r"[A-Z]{2}").fullmatch
# What a network shows in place of a number (GSM 03.38 characters that all of them take; 11 at most, not a number).
_SENDER = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9 &._+-]{1,11}").fullmatch


class UserConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user of the workspace, the SIP addresses of their telephones, and what the others dial to reach them.

    Telephones that have no address register with `sip_password`, under `sip_user` or what the e-mail begins with.
    `sip_ha1` stands for a password that is not to be written down: its two hashes, see `telephony.sip.edge.digest.ha1`.
    """

    email: str
    name: str = ""
    sip: tuple[str, ...] = ()
    role: str | None = None
    status: str | None = None
    extension: str | None = None
    sip_user: str = ""
    sip_password: str = ""
    sip_ha1: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_email(self.email)
        if self.sip_user and not (self.sip_password or self.sip_ha1):
            raise ValueError(f"sip_user {self.sip_user[:40]!r}: wants a sip_password beside it")
        if self.sip_ha1 and self.sip_password:
            raise ValueError(f"sip_password and sip_ha1 of {self.email}: one of the two")
        if self.sip_ha1 and sorted(len(one) for one in self.sip_ha1 if _HEX(one)) != [32, 64]:
            raise ValueError(
                f"sip_ha1 of {self.email}: wanted two hashes, by MD5 (32 hex digits) and SHA-256 (64)"
            )
        if self.sip_password and len(self.sip_password) < SHORTEST_PASSWORD:
            raise ValueError(f"sip_password of {self.email}: wanted {SHORTEST_PASSWORD} characters at least")
        if self.sip_name and not _SIP_NAME(self.sip_name):
            raise ValueError(
                f"sip_user of {self.email}: wanted letters, digits and . _ -, not {self.sip_name[:40]!r}"
            )
        if self.extension is not None and not _EXTENSION(self.extension):
            raise ValueError(f"extension {self.extension[:40]!r}: wanted 2 to 6 digits")
        if self.role is not None:
            one_of("role", self.role, ROLES)
        if self.status is not None:
            one_of("status", self.status, STATUSES)

    @property
    def sip_name(self) -> str:
        """The name that telephones register under; empty when they do not: what is before the @ unless it is said."""
        registers = self.sip_password or self.sip_ha1
        return (self.sip_user or self.email.partition("@")[0]) if registers else ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the user's telephones are: those that are written down, and those that have registered."""
        return (*self.sip, f"sip:{self.sip_name}@{REGISTERED}") if self.sip_name else self.sip

    def __repr__(self) -> str:
        return f"UserConfig({self.email!r})"  # the rest may hold a password


class NumberConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A telephone number of the workspace and who answers it. `users` holds e-mail addresses.

    The rest is for the SIP line: `answer` is what is done with a call in place of ringing the users, `closed` what is
    done outside `hours`, `busy` and `no_answer` what follows when nobody took it. `ring` is whether users ring all at
    once or in turn, `user_seconds` how long each of them then rings in place of `ring_seconds`. `greeting` is that of
    the voicemail, `consent` what both hear before their talk is recorded. `block` and `allow` are callers (see
    `lists`).
    """

    number: str
    name: str = ""
    users: tuple[str, ...] = ()
    voicemail: bool = True
    ring_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 25
    record: bool = True
    type: str | None = None
    country: str | None = None
    capabilities: tuple[str, ...] | None = None
    ring: str = ALL_AT_ONCE
    user_seconds: dict[str, Seconds] = {}
    hours: HoursConfig | None = None
    answer: Actions = ()
    closed: Actions = ()
    busy: Actions = ()
    no_answer: Actions = ()
    greeting: str = ""
    consent: str = ""
    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_number(self.number, self.type or NUMBER, self.country, self.capabilities)
        one_of("ring", self.ring, RINGS)
        for actions in (self.answer, self.closed, self.busy, self.no_answer):
            if any(action.verb == "repeat" for action in read_actions(actions)):
                raise ValueError("repeat says a menu again; outside a menu there is nothing to repeat")
        if self.greeting:
            read_sound(self.greeting)
        for entry in (*self.block, *self.allow):
            check_pattern(entry)
        for email in self.user_seconds:
            one_of("a user in user_seconds", email, self.users)
        if self.user_seconds and self.ring != IN_TURN:
            raise ValueError(
                f'user_seconds is for telephones that ring one after the other; write ring = "{IN_TURN}"'
            )
        if self.closed and self.hours is None:
            raise ValueError("closed says what is done outside hours; write hours as well")


def one_of(what: str, value: str, known: tuple[str, ...]) -> str:
    """`value`, when it is one of `known`.

    Raises:
        ValueError: it is not; the text names what it may be.
    """
    if value not in known:
        like = nearest(value.upper(), list(known)) if value else ""
        hint = like if like.startswith("; did") else ""
        raise ValueError(f"{what} is one of {', '.join(known)}, not {value!r}{hint}")
    return value


def check_email(email: str) -> None:
    """Raises:
    ValueError: `email` is no address by which a user is known.
    """
    if not _EMAIL(email):
        raise ValueError(f"{email!r} is no e-mail address; write it like anna@example.com")


def check_number(number: str, type_: str, country: str | None, capabilities: tuple[str, ...] | None) -> None:
    """What can be told of a number without the others.

    Raises:
        ValueError: with what it may be.
    """
    one_of("type", type_, TYPES)
    for one in capabilities or ():
        one_of("a capability", one, CAPABILITIES)
    if country is not None and not _COUNTRY(country):
        raise ValueError(f"country is two letters, like FR, not {country!r}")
    if type_ != SENDER_ID:
        return
    if not _SENDER(number):
        raise ValueError(
            f"{number!r} cannot be a sender id: it has 1 to 11 letters, digits, blanks or & . _ + -, "
            "and at least one letter"
        )
    if capabilities is not None and set(capabilities) != {"SMS"}:
        raise ValueError(f"the sender id {number!r} can send SMS and nothing else: its capabilities are SMS")
