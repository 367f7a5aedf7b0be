"""Users and numbers of a workspace, set up one by one. What cannot be says what helps."""

from collections.abc import Iterable

import msgspec

from switchhook.events.faults import nearest
from switchhook.events.ids import USER, dashed, normalise_id
from switchhook.settings.members import NUMBER, NumberConfig, UserConfig
from switchhook.storage.store import Transaction
from switchhook.workspace.directory import (
    Directory,
    Number,
    User,
    number_of,
    put_number,
    put_users,
    read_directory,
    spell,
    user_of,
)
from switchhook.workspace.e164 import is_e164


class Refused(ValueError):
    """What was asked for cannot be; the text says why, and what helps on the command line. `why` is the first half."""

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why}; {advice}")
        self.why = why


class Taken(Refused):
    """It is there already."""


class NoUser(Refused):
    """Nobody of that name is there."""


class NoNumber(Refused):
    """No such number is there."""


class NotANumber(Refused):
    """It is no telephone number."""


async def add_user(tx: Transaction, workspace: str, asked: UserConfig) -> User:
    """A new user.

    Raises:
        Taken: somebody has that address.
    """
    directory = await read_directory(tx, workspace, "")
    there = _by_email(directory, asked.email)
    if there is not None:
        raise Taken(
            f"{there.email} is a user already ({dashed(there.id, USER)})",
            f"change them with `switchhook users set {there.email}`",
        )
    made = user_of(asked, None)
    await put_users(tx, workspace, [made])
    return made


async def change_user(
    tx: Transaction,
    workspace: str,
    who: str,
    *,
    name: str | None = None,
    role: str | None = None,
    status: str | None = None,
) -> User:
    """The user `who` (an address or an id), with what is not None put in place of what there was.

    Raises:
        NoUser: there is nobody of that name.
        ValueError: a role or status that there is not.
    """
    was = find_user(await read_directory(tx, workspace, ""), who)
    UserConfig(was.email, role=role, status=status)  # says what they may be
    changed = msgspec.structs.replace(
        was,
        name=was.name if name is None else name,
        role=role or was.role,
        status=status or was.status,
    )
    await put_users(tx, workspace, [changed])
    return changed


async def add_number(tx: Transaction, workspace: str, asked: NumberConfig, region: str) -> Number:
    """A new number, or a sender id.

    Raises:
        Taken, NotANumber, NoUser: it is there already, is no telephone number, or names somebody who is no user.
    """
    directory = await read_directory(tx, workspace, region)
    type_ = asked.type or NUMBER
    spelled = spell(asked.number, type_, region)
    if type_ == NUMBER and not is_e164(spelled):
        raise NotANumber(
            f"{asked.number!r} is no telephone number of {region} or abroad",
            "write it with its country, like +33123456789, or use --type SENDER_ID for the name of a sender",
        )
    if directory.number(spelled) is not None:
        raise Taken(f"{spelled} is there already", f"change it with `switchhook numbers set {spelled}`")
    users = [find_user(directory, who) for who in asked.users]
    made = msgspec.structs.replace(number_of(asked, None, users, region), configured=False)
    await put_number(tx, workspace, made)
    return made


async def change_number(
    tx: Transaction,
    workspace: str,
    which: str,
    region: str,
    *,
    name: str | None = None,
    country: str | None = None,
    capabilities: tuple[str, ...] | None = None,
    users: Iterable[str] | None = None,
) -> Number:
    """The number `which`, with what is not None put in place of what there was.

    Raises:
        NoNumber, NoUser: there is no such number, or no such user.
        ValueError: a country or capability that cannot be.
    """
    directory = await read_directory(tx, workspace, region)
    was = find_number(directory, which)
    entry = NumberConfig(
        was.number,
        was.name if name is None else name,
        voicemail=was.settings.voicemail,
        ring_seconds=was.settings.ring_seconds,
        type=was.type,
        country=country or was.country or None,
        capabilities=was.capabilities if capabilities is None else capabilities,
    )
    ours = was.users if users is None else tuple(find_user(directory, who) for who in users)
    changed = msgspec.structs.replace(
        number_of(entry, was, ours, region), number=was.number, configured=was.configured
    )
    await put_number(tx, workspace, changed)
    return changed


async def remove_number(tx: Transaction, workspace: str, which: str, region: str) -> Number:
    """Let go of the number `which`; its calls and texts stay.

    Raises:
        NoNumber: there is no such number.
    """
    gone = find_number(await read_directory(tx, workspace, region), which)
    await tx.execute("drop_number", workspace, gone.number)
    return gone


def find_user(directory: Directory, who: str) -> User:
    """The user of an address or an id.

    Raises:
        NoUser: there is none.
    """
    found = _by_email(directory, who)
    if found is None and "@" not in who:
        found = next((user for user in directory.users if user.id == normalise_id(who)), None)
    if found is None:
        like = nearest(who, [user.email for user in directory.users])
        advice = f"did you mean {like}? " if like else ""
        raise NoUser(
            f"there is no user {who!r}",
            f"{advice}`switchhook users list` shows those there are, `switchhook users add` makes one",
        )
    return found


def find_number(directory: Directory, which: str) -> Number:
    """The number of a spelling, or the sender id.

    Raises:
        NoNumber: there is none.
    """
    found = directory.number(directory.spell(which)) or directory.number(which)
    if found is None:
        like = nearest(directory.spell(which), [one.number for one in directory.numbers])
        advice = f"did you mean {like}? " if like else ""
        raise NoNumber(
            f"there is no number {which!r}",
            f"{advice}`switchhook numbers list` shows those there are, `switchhook numbers add` makes one",
        )
    return found


def _by_email(directory: Directory, email: str) -> User | None:
    return next((user for user in directory.users if user.email.casefold() == email.casefold()), None)
