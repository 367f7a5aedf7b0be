"""Who has which number and which telephone: users, numbers, and how a call finds them."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from switchhook.events.ids import USER, new_id
from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.settings.members import NUMBER, SENDER_ID
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace.e164 import country, normalise

ACTIVE = "ACTIVE"

_BRACKETED = re.compile(r"<([^<>]*)>?\s*(?:;[^<>]*)?$")  # the address after a display name
_SIP = re.compile(r"^(?:sips?:)?(?:([^@;>]*)@)?([^;>?]+)", re.IGNORECASE)


class User(msgspec.Struct, frozen=True):
    """A user and the SIP addresses of their telephones."""

    id: str
    email: str
    name: str
    sip: tuple[str, ...]
    role: str = "MEMBER"
    status: str = ACTIVE

    @property
    def telephones(self) -> tuple[str, ...]:
        """The addresses that may ring and call; none of who is blocked."""
        return self.sip if self.status == ACTIVE else ()


class NumberSettings(msgspec.Struct, frozen=True):
    """How calls to a number are handled: `ring_seconds` is how long its telephones ring, `record` if it is on tape."""

    voicemail: bool = True
    ring_seconds: float = 25
    record: bool = True


class Number(msgspec.Struct, frozen=True):
    """A number of the workspace; the first of its users answers for it. A sender id stands in `number` too.

    `configured`: the settings have named it, and it goes when those of a line name it no more.
    """

    number: str
    name: str
    country: str
    users: tuple[User, ...]
    settings: NumberSettings
    type: str = NUMBER
    capabilities: tuple[str, ...] = ("VOICE",)
    configured: bool = True


class Directory:
    """A picture of the users and numbers of one workspace, made for looking things up."""

    def __init__(
        self,
        users: Sequence[User],
        numbers: Sequence[Number],
        region: str,
        telephones: Mapping[str, str] | None = None,
    ) -> None:
        """`telephones` are those of other phone systems: e-mail addresses of users by SIP addresses."""
        self.users = tuple(users)
        self.numbers = tuple(numbers)
        self.region = region
        self._numbers = {number.number: number for number in numbers}
        by_email = {user.email: user for user in users}
        elsewhere = {address: by_email.get(email) for address, email in (telephones or {}).items()}
        self._sip = {sip_key(address): user for address, user in elsewhere.items() if user is not None}
        self._sip |= {sip_key(address): user for user in users for address in user.telephones}

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


async def read_directory(
    reader: Reader, workspace: str, region: str, telephones: Mapping[str, str] | None = None
) -> Directory:
    """The directory as it is stored; `telephones` as in `Directory`."""
    users = [
        User(id_, email, name, _strings.decode(sip), role, status)
        for id_, email, name, sip, role, status in await reader.fetch("users", workspace)
    ]
    by_id = {user.id: user for user in users}
    numbers = [
        Number(
            number,
            name,
            land,
            tuple(by_id[id_] for id_ in _strings.decode(ids) if id_ in by_id),
            _settings.decode(settings),
            type_,
            _strings.decode(capabilities),
            bool(configured),
        )
        for number, name, land, ids, settings, type_, capabilities, configured in await reader.fetch(
            "numbers", workspace
        )
    ]
    return Directory(users, numbers, region, telephones)


async def put_users(tx: Transaction, workspace: str, users: Sequence[User]) -> None:
    """Store `users` as they are; one who is known by the e-mail address keeps the id."""
    rows = [(workspace, one.id, one.email, one.name, _json(one.sip), one.role, one.status) for one in users]
    await tx.many("put_user", rows)


async def put_number(tx: Transaction, workspace: str, number: Number) -> None:
    """Store `number` as it is."""
    await tx.execute(
        "put_number",
        workspace,
        number.number,
        number.name,
        number.country,
        _json([user.id for user in number.users]),
        _json(number.settings),
        number.type,
        _json(number.capabilities),
        int(number.configured),
    )


def user_of(entry: UserConfig, known: User | None) -> User:
    """The user that `entry` means. A role or status that it does not say stays as it was."""
    was = known or User(new_id(USER), entry.email, "", ())
    return User(
        was.id, was.email, entry.name, entry.addresses, entry.role or was.role, entry.status or was.status
    )


def number_of(entry: NumberConfig, known: Number | None, users: Sequence[User], region: str) -> Number:
    """The number that `entry` means, with `users` in its order. What it does not say of type, country and capabilities
    stays as it was."""
    type_ = entry.type or (known.type if known else NUMBER)
    spelled = spell(entry.number, type_, region)
    same = known if known is not None and known.type == type_ else None
    usual = ("SMS" if type_ == SENDER_ID else "VOICE",)
    return Number(
        number=spelled,
        name=entry.name,
        country=entry.country or (same.country if same else "") or country(spelled) or _abroad(type_, region),
        users=tuple(users),
        settings=NumberSettings(entry.voicemail, entry.ring_seconds, entry.record),
        type=type_,
        capabilities=entry.capabilities or (same.capabilities if same else usual),
        configured=True,
    )


def spell(number: str, type_: str, region: str) -> str:
    """What a number is stored under: E.164, or the sender id as it is."""
    return number if type_ == SENDER_ID else normalise(number, region)


def _abroad(type_: str, region: str) -> str:
    return region if type_ == SENDER_ID else ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


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

    With `alone` nobody else has a telephone or a configured number: who was taken out of the configuration keeps their
    history, but no telephone, and a number that was taken out is no longer ours. What `switchhook numbers` added stays.
    """
    stored = await read_directory(tx, workspace, region)
    known = {user.email: user for user in stored.users}
    await put_users(tx, workspace, [user_of(entry, known.get(entry.email)) for entry in users])
    stored = await read_directory(tx, workspace, region)
    known = {user.email: user for user in stored.users}
    had = {number.number: number for number in stored.numbers}
    wanted = [(spell(entry.number, entry.type or NUMBER, region), entry) for entry in numbers]
    if alone:
        named = {user.email for user in users}
        gone = [user for user in stored.users if user.email not in named]
        await tx.many("take_telephones", [(workspace, user.id) for user in gone])
        kept = {number for number, _ in wanted}
        lost = [one for one in stored.numbers if one.configured and one.number not in kept]
        await tx.many("drop_number", [(workspace, one.number) for one in lost])
    for number, entry in wanted:
        ours = [known[email] for email in entry.users]
        await put_number(tx, workspace, number_of(entry, had.get(number), ours, region))
