"""People and companies as they change, and the events that a change makes.

    create ──▶ contact.created
    update ──▶ contact.updated with the full new state; none when nothing is different afterwards
    merge  ──▶ contact.updated of the one who stays, unless the other one adds nothing
    a company gets another name ──▶ contact.updated of everybody who belongs to it: their events carry the name

Each runs in the caller's transaction: the change and its events become durable together or not at all.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from switchhook.events.envelope import publish as check
from switchhook.events.ids import COMPANY, CONTACT, new_id
from switchhook.events.payloads import ContactCreated, ContactUpdated
from switchhook.storage import people
from switchhook.storage.people import Company, Contact
from switchhook.storage.store import Transaction
from switchhook.workspace.e164 import normalise
from switchhook.workspace.publish import new_event, tell

NUMBERS_MAX = 50
EMAILS_MAX = 50
_PAGE = 500  # people of a company who are told of its new name at a time


class NumberTaken(Exception):
    """A number has an owner already, and it was not said that two may have it."""

    def __init__(self, number: str, owner: str) -> None:
        super().__init__(f"{number} already belongs to {owner}")
        self.number = number
        self.owner = owner


class ContactFault(ValueError):
    """A field cannot be stored as it is; the text says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ContactNotFound(LookupError):
    """There is no contact of this id."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of a contact; what is UNSET stays. Lists replace, properties are set one by one, None: gone."""

    name: str | UnsetType | None = UNSET
    last_name: str | UnsetType | None = UNSET
    job_title: str | UnsetType | None = UNSET
    website: str | UnsetType | None = UNSET
    address: str | UnsetType | None = UNSET
    company: str | UnsetType | None = UNSET
    numbers: Sequence[str] | UnsetType = UNSET
    emails: Sequence[str] | UnsetType = UNSET
    properties: dict[str, Any] | UnsetType = UNSET


_TEXTS = ("name", "last_name", "job_title", "website", "address", "company")


def changed(contact: Contact, change: Change, region: str) -> Contact:
    """The contact after `change`. Pure; `updated_at` is as it was.

    Raises:
        ContactFault: a number or an address is none.
    """
    values: dict[str, Any] = {}
    for field in _TEXTS:
        value = getattr(change, field)
        if value is not UNSET:
            values[field] = (value.strip() or None) if value is not None else None
    if change.numbers is not UNSET:
        values["numbers"] = clean_numbers(change.numbers, region)
    if change.emails is not UNSET:
        values["emails"] = clean_emails(change.emails)
    if change.properties is not UNSET:
        merged = {**contact.properties, **change.properties}
        values["properties"] = {key: value for key, value in merged.items() if value is not None}
    return msgspec.structs.replace(contact, **values)


def clean_numbers(raw: Sequence[str], region: str) -> tuple[str, ...]:
    """Numbers in E.164, each once, in their order. `region` is whose national spelling is understood.

    Raises:
        ContactFault: one of them is no telephone number.
    """
    if len(raw) > NUMBERS_MAX:
        raise ContactFault("numbers", f"A contact has at most {NUMBERS_MAX} numbers.")
    found: dict[str, None] = {}
    for index, text in enumerate(raw):
        number = normalise(text, region)
        if not (number.startswith("+") and number[1:].isascii() and number[1:].isdigit()):
            raise ContactFault(
                f"numbers[{index}]", f"{text[:50]!r} is no telephone number; write it as +33612345678."
            )
        found[number] = None
    return tuple(found)


def clean_emails(raw: Sequence[str]) -> tuple[str, ...]:
    """Addresses without blanks around them, each once (case does not matter), in their order.

    Raises:
        ContactFault: one of them is empty or holds a line break.
    """
    if len(raw) > EMAILS_MAX:
        raise ContactFault("emails", f"A contact has at most {EMAILS_MAX} e-mail addresses.")
    found: dict[str, str] = {}
    for index, text in enumerate(raw):
        email = text.strip()
        if not email or len(email) > 320 or not email.isprintable():
            raise ContactFault(f"emails[{index}]", "This is no e-mail address.")
        found.setdefault(email.lower(), email)
    return tuple(found.values())


def same(one: Contact, other: Contact) -> bool:
    """Whether two states of a contact show no difference that somebody made."""
    still = {"updated_at": 0, "interactions": 0, "last_activity_at": None}
    return msgspec.structs.replace(one, **still) == msgspec.structs.replace(other, **still)


async def create(
    tx: Transaction, workspace: str, change: Change, *, now: int, region: str, allow_duplicate: bool = False
) -> Contact:
    """A new contact, and `contact.created`.

    Raises:
        ContactFault: a field cannot be stored.
        NumberTaken: one of its numbers belongs to somebody, and `allow_duplicate` was not said.
    """
    bare = Contact(workspace=workspace, id=new_id(CONTACT, now), created_at=now, updated_at=now)
    contact = changed(bare, change, region)
    shared = await _taken(tx, contact, contact.numbers, allow_duplicate)
    await people.add_contact(tx, contact, shared)
    await _announce(tx, ContactCreated, contact, now)
    return contact


async def update(
    tx: Transaction,
    workspace: str,
    id_: str,
    change: Change,
    *,
    now: int,
    region: str,
    allow_duplicate: bool = False,
) -> Contact:
    """A contact after `change`, and `contact.updated` when that made a difference.

    Raises:
        ContactFault: a field cannot be stored.
        ContactNotFound: there is none of this id.
        NumberTaken: a number that it takes on belongs to somebody, and `allow_duplicate` was not said.
    """
    old = await people.find_contact(tx, workspace, id_)
    if old is None:
        raise ContactNotFound(id_)
    return await _become(tx, old, changed(old, change, region), now, allow_duplicate)


async def merge(tx: Transaction, workspace: str, keep: str, gone: str, now: int) -> Contact:
    """One contact of two: `keep` gets what it has not, and all numbers and addresses; `gone` leads to it from now on.

    Raises:
        ContactNotFound: there is no contact of one of the ids.
    """
    old = await people.find_contact(tx, workspace, keep)
    other = await people.find_contact(tx, workspace, gone)
    if old is None or other is None:
        raise ContactNotFound(keep if old is None else gone)
    if old.id == other.id:
        return old
    await people.remove_contact(tx, other)
    await people.merged(tx, workspace, other.id, old.id)
    return await _become(tx, old, merged(old, other), now, allow_duplicate=True)


def merged(keep: Contact, gone: Contact) -> Contact:
    """What `keep` is when `gone` has become part of it. Pure."""
    emails = {email.lower(): email for email in (*gone.emails, *keep.emails)}
    order = dict.fromkeys(email.lower() for email in (*keep.emails, *gone.emails))
    activity = [at for at in (keep.last_activity_at, gone.last_activity_at) if at is not None]
    return msgspec.structs.replace(
        keep,
        **{field: getattr(keep, field) or getattr(gone, field) for field in _TEXTS},
        numbers=tuple(dict.fromkeys((*keep.numbers, *gone.numbers))),
        emails=tuple(emails[key] for key in order),
        properties={**gone.properties, **keep.properties},
        interactions=keep.interactions + gone.interactions,
        last_activity_at=max(activity, default=None),
        created_at=min(keep.created_at, gone.created_at),
    )


async def company_called(tx: Transaction, workspace: str, name: str, now: int) -> str:
    """The id of the company of a name, which is made when there is none."""
    found = await people.company_named(tx, workspace, name)
    if found is None:
        id_ = new_id(COMPANY, now)
        found = Company(workspace=workspace, id=id_, name=name.strip(), created_at=now, updated_at=now)
        await people.add_company(tx, found)
    return found.id


async def change_company(tx: Transaction, old: Company, new: Company, now: int) -> Company:
    """Store what became of a company; when its name is another one, tell it of everybody who belongs to it."""
    if msgspec.structs.replace(new, updated_at=old.updated_at) == old:
        return old
    new = msgspec.structs.replace(new, updated_at=now)
    await people.save_company(tx, new)
    if new.name == old.name:
        return new
    last = ""
    while rows := await tx.fetch("people_of_company", new.workspace, new.id, last, _PAGE):
        for (id_,) in rows:
            contact = await people.find_contact(tx, new.workspace, id_)
            assert contact is not None
            await people.save_contact(tx, contact, contact)  # they are found by the company's name
            await _announce(tx, ContactUpdated, contact, now)
        last = rows[-1][0]
    return new


async def _become(tx: Transaction, old: Contact, new: Contact, now: int, allow_duplicate: bool) -> Contact:
    difference = not same(old, new)
    if not difference and new == old:
        return old
    taken_on = [number for number in new.numbers if number not in old.numbers]
    shared = await _taken(tx, new, taken_on, allow_duplicate)
    new = msgspec.structs.replace(new, updated_at=now if difference else old.updated_at)
    await people.save_contact(tx, old, new, shared)
    if difference:
        await _announce(tx, ContactUpdated, new, now)
    return new


async def _taken(tx: Transaction, contact: Contact, numbers: Sequence[str], allow: bool) -> list[str]:
    """Those of `numbers` that belong to somebody else."""
    shared = []
    for number in numbers:
        owner = await people.owner_of(tx, contact.workspace, number)
        if owner is not None and owner != contact.id:
            if not allow:
                raise NumberTaken(number, owner)
            shared.append(number)
    return shared


async def _announce(
    tx: Transaction, kind: type[ContactCreated] | type[ContactUpdated], contact: Contact, now: int
) -> None:
    company = await people.find_company(tx, contact.workspace, contact.company) if contact.company else None
    data = kind(
        id=contact.id,
        name=contact.name or "",
        last_name=contact.last_name or "",
        company=company.name if company else None,
        emails=list(contact.emails) or None,
        numbers=list(contact.numbers),
    )
    # Checked as strictly as what strangers publish: a fault of ours must not reach a receiver either.
    await tell(tx, new_event(contact.workspace, check(data), now))
