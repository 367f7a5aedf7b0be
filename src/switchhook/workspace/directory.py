"""Who has which number and which telephone: users, numbers, and how a call finds them."""

import re
from collections.abc import Sequence

import msgspec

from switchhook.config import NumberConfig, UserConfig
from switchhook.events.ids import new_id
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace.e164 import country, normalise

_BRACKETED = re.compile(r"<([^<>]*)>?\s*(?:;[^<>]*)?$")  # the address after a display name
_SIP = re.compile(r"^(?:sips?:)?(?:([^@;>]*)@)?([^;>?]+)", re.IGNORECASE)


class User(msgspec.Struct, frozen=True):
    """A user and the SIP addresses of their telephones."""

    id: str
    email: str
    name: str
    sip: tuple[str, ...]


class NumberSettings(msgspec.Struct, frozen=True):
    """How calls to a number are handled. `ring_seconds` is how long its telephones ring."""

    voicemail: bool = True
    ring_seconds: float = 25


class Number(msgspec.Struct, frozen=True):
    """A number of the workspace; the first of its users answers for it."""

    number: str
    name: str
    country: str
    users: tuple[User, ...]
    settings: NumberSettings


class Directory:
    """A picture of the users and numbers of one workspace, made for looking things up."""

    def __init__(self, users: Sequence[User], numbers: Sequence[Number], region: str) -> None:
        self.users = tuple(users)
        self.numbers = tuple(numbers)
        self.region = region
        self._numbers = {number.number: number for number in numbers}
        self._sip = {sip_key(address): user for user in users for address in user.sip}

    def spell(self, raw: str) -> str:
        """`raw` as E.164 where it is a number."""
        return normalise(raw, self.region)

    def number(self, e164: str) -> Number | None:
        """The workspace's own number, if it is one."""
        return self._numbers.get(e164)

    def user_of_sip(self, address: str | None) -> User | None:
        """The user whose telephone has this SIP address."""
        return self._sip.get(sip_key(address)) if address else None

    def number_of_user(self, user: User) -> Number | None:
        """The number a user calls out with: the first one that lists them."""
        return next((n for n in self.numbers if any(u.id == user.id for u in n.users)), None)


def sip_key(address: str) -> tuple[str, str]:
    """User and host of a SIP address, as they are compared (RFC 3261, 19.1.4: the host without regard to case)."""
    bracketed = _BRACKETED.search(address)
    found = _SIP.match(bracketed.group(1) if bracketed else address.strip())
    if not found:
        return ("", address)
    user = (found.group(1) or "").partition(":")[0]  # a password is no part of who it is
    host = found.group(2).lower()
    return (user, host.removesuffix(":5060"))


_strings = msgspec.json.Decoder(tuple[str, ...])
_settings = msgspec.json.Decoder(NumberSettings)


async def read_directory(reader: Reader, workspace: str, region: str) -> Directory:
    """The directory as it is stored."""
    users = [
        User(id_, email, name, _strings.decode(sip))
        for id_, email, name, sip in await reader.fetch("users", workspace)
    ]
    by_id = {user.id: user for user in users}
    numbers = [
        Number(
            number,
            name,
            land,
            tuple(by_id[id_] for id_ in _strings.decode(ids) if id_ in by_id),
            _settings.decode(settings),
        )
        for number, name, land, ids, settings in await reader.fetch("numbers", workspace)
    ]
    return Directory(users, numbers, region)


async def configure(
    tx: Transaction,
    workspace: str,
    users: Sequence[UserConfig],
    numbers: Sequence[NumberConfig],
    region: str,
    *,
    alone: bool = False,
) -> None:
    """Bring the users and numbers of the configuration into the workspace; what is there already is updated.

    With `alone` nobody else has a telephone or a number: who was taken out of the configuration keeps their history,
    but no telephone, and a number that was taken out is no longer ours.
    """
    await tx.many(
        "put_user",
        [
            (workspace, new_id("usr"), user.email, user.name, msgspec.json.encode(user.sip).decode())
            for user in users
        ],
    )
    ids = {email: id_ for id_, email, _, _ in await tx.fetch("users", workspace)}
    if alone:
        named = {user.email for user in users}
        await tx.many(
            "take_telephones", [(workspace, id_) for email, id_ in ids.items() if email not in named]
        )
        kept = {normalise(entry.number, region) for entry in numbers}
        stored = [number for number, *_ in await tx.fetch("numbers", workspace)]
        await tx.many("drop_number", [(workspace, number) for number in stored if number not in kept])
    for entry in numbers:
        number = normalise(entry.number, region)
        settings = NumberSettings(entry.voicemail, entry.ring_seconds)
        await tx.execute(
            "put_number",
            workspace,
            number,
            entry.name,
            country(number),
            msgspec.json.encode([ids[email] for email in entry.users]).decode(),
            msgspec.json.encode(settings).decode(),
        )
