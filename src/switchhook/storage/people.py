"""People, companies and deals as they are stored.

A person's row carries everything that is shown of them; `person_numbers` and `person_emails` beside it are how a number
or an address finds its person. A number has one owner; others may have it too when that was asked for.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from switchhook.storage.store import Reader, Row, Transaction

DEALS_MAX = 100  # deals that are shown with a person
SORT_BYTES = 2_000
PATTERN_MAX = 2_000  # letters; SQLite takes 50,000 bytes


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person whom the workspace knows. `company` is the company's id, times are wall milliseconds.

    `numbers` are E.164, the first one leading; `properties` holds the workspace's own, none of them None.
    """

    workspace: str
    id: str
    name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    website: str | None = None
    address: str | None = None
    company: str | None = None
    numbers: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    properties: dict[str, Any] = {}
    interactions: int = 0
    last_activity_at: int | None = None
    created_at: int
    updated_at: int

    @property
    def full_name(self) -> str:
        """First and last name; empty when there is neither."""
        return " ".join(part for part in (self.name, self.last_name) if part)


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """A company that people belong to."""

    workspace: str
    id: str
    name: str
    website: str | None = None
    industry: str | None = None
    interactions: int = 0
    last_activity_at: int | None = None
    created_at: int
    updated_at: int


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """Business that may come of a company. `closed_at` is an ISO 8601 date or date-time, as it was given."""

    workspace: str
    id: str
    name: str
    status: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    closed_at: str | None = None
    company: str | None = None
    created_at: int
    updated_at: int


class Property(msgspec.Struct, frozen=True):
    """Something that a workspace keeps of its people beyond the fields that everybody has."""

    key: str
    label: str
    kind: str
    choices: tuple[str, ...]
    created_at: int


_strings = msgspec.json.Decoder(tuple[str, ...])
_object = msgspec.json.Decoder(dict[str, Any])


def fold(text: str) -> str:
    """`text` as names are compared and sorted: without case, accents and double blanks."""
    # Taken apart on both sides of the folding: each can make work for the other.
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(c if c.isprintable() else " " * c.isspace() for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split())


def sort_key(text: str) -> str:
    """What a name is sorted by: folded, and no longer than an index of PostgreSQL can hold."""
    return fold(text).encode()[:SORT_BYTES].decode(errors="ignore")


SEARCHED = ("name", "last_name", "job_title", "website", "company", "emails", "numbers")
"""What people are found by, in the order in which it stands in their `search`."""

COMPANY_SEARCHED = ("name", "website", "industry")


def search_text(values: Sequence[str | None]) -> str:
    """Texts in a row, folded, each between two marks of its own that no text contains.

    So one pattern finds a part of any of them, or a part of a certain one; see `contains`.
    """
    return "".join(f"{chr(mark)}{fold(value or '')}" for mark, value in enumerate(values, 1)) + chr(
        len(values) + 1
    )


def contains(text: str, place: int | None = None) -> str:
    """The LIKE pattern of a `search` that has `text` in it, in its text number `place` if that is said.

    What is special in a pattern stands for any letter: no escaping, which would keep the database from its index.
    """
    part = "".join("_" if c in "%_\\" else c for c in fold(text)[:PATTERN_MAX])
    return f"%{part}%" if place is None else f"%{chr(place + 1)}%{part}%{chr(place + 2)}%"


def _dump(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _person_row(reader: Reader, contact: Contact) -> Row:
    company = await find_company(reader, contact.workspace, contact.company) if contact.company else None
    searched = (
        contact.name,
        contact.last_name,
        contact.job_title,
        contact.website,
        company.name if company else None,
        " ".join(contact.emails),
        " ".join(contact.numbers),
    )
    return (
        contact.workspace,
        contact.id,
        contact.name,
        contact.last_name,
        contact.job_title,
        contact.website,
        contact.address,
        contact.company,
        _dump(contact.numbers),
        _dump(contact.emails),
        _dump(contact.properties),
        contact.interactions,
        contact.last_activity_at,
        contact.created_at,
        contact.updated_at,
        sort_key(contact.full_name),
        contact.created_at if contact.last_activity_at is None else contact.last_activity_at,
        search_text(searched),
    )


def contact_of(row: Row) -> Contact:
    """The contact of a row of the queries that begin with `person`."""
    workspace, id_, name, last_name, job_title, website, address, company, numbers, emails, properties = row[
        :11
    ]
    interactions, last_activity_at, created_at, updated_at = row[11:]
    return Contact(
        workspace=workspace,
        id=id_,
        name=name,
        last_name=last_name,
        job_title=job_title,
        website=website,
        address=address,
        company=company,
        numbers=_strings.decode(numbers),
        emails=_strings.decode(emails),
        properties=_object.decode(properties),
        interactions=interactions,
        last_activity_at=last_activity_at,
        created_at=created_at,
        updated_at=updated_at,
    )


async def add_contact(tx: Transaction, contact: Contact, shared: Iterable[str] = ()) -> None:
    """Store a new contact. `shared` are those of its numbers that belong to somebody else, too.

    Raises:
        Conflict: one of the other numbers has an owner.
    """
    beside = set(shared)
    await tx.execute("add_person", *await _person_row(tx, contact))
    for number in contact.numbers:
        await tx.execute("add_person_number", contact.workspace, number, contact.id, int(number in beside))
    for email in _addresses(contact):
        await tx.execute("add_person_email", contact.workspace, email, contact.id)


async def save_contact(tx: Transaction, old: Contact, new: Contact, shared: Iterable[str] = ()) -> None:
    """Store what became of a contact. A number that it gives up goes to whoever has it beside it, the oldest first.

    Raises:
        Conflict: a number that it takes on, and that is not `shared`, has an owner.
    """
    beside = set(shared)
    await tx.execute("save_person", *await _person_row(tx, new))
    for number in sorted(set(old.numbers) - set(new.numbers)):
        await _give_up(tx, old.workspace, number, old.id)
    for number in new.numbers:
        if number not in old.numbers:
            await tx.execute("add_person_number", new.workspace, number, new.id, int(number in beside))
    before, after = _addresses(old), _addresses(new)
    for email in sorted(before - after):
        await tx.execute("drop_person_email", new.workspace, email, new.id)
    for email in sorted(after - before):
        await tx.execute("add_person_email", new.workspace, email, new.id)


async def remove_contact(tx: Transaction, contact: Contact) -> None:
    """Forget a contact, its numbers and its addresses."""
    await tx.execute("remove_person", contact.workspace, contact.id)
    for number in contact.numbers:
        await _give_up(tx, contact.workspace, number, contact.id)
    for email in _addresses(contact):
        await tx.execute("drop_person_email", contact.workspace, email, contact.id)


async def _give_up(tx: Transaction, workspace: str, number: str, person: str) -> None:
    await tx.execute("drop_person_number", workspace, number, person)
    if not await tx.fetch("owner_of_number", workspace, number):
        heirs = await tx.fetch("people_by_number", workspace, number)
        if heirs:
            await tx.execute("own_number", workspace, number, heirs[0][0])


def _addresses(contact: Contact) -> set[str]:
    return {email.lower() for email in contact.emails}


async def find_contact(reader: Reader, workspace: str, id_: str) -> Contact | None:
    """The contact of an id, also when it was merged into another one."""
    rows = await reader.fetch("person", workspace, id_)
    if not rows:
        merged = await reader.fetch("merged_into", workspace, id_)
        rows = await reader.fetch("person", workspace, merged[0][0]) if merged else []
    return contact_of(rows[0]) if rows else None


async def contacts_after(reader: Reader, workspace: str, id_: str, limit: int) -> list[Contact]:
    """The contacts whose ids come after `id_`, in the order of their ids."""
    return [contact_of(row) for row in await reader.fetch("people_after", workspace, id_, limit)]


async def contact_of_number(reader: Reader, workspace: str, number: str) -> Contact | None:
    """Whose number (E.164) it is."""
    rows = await reader.fetch("person_by_number", workspace, number)
    return contact_of(rows[0]) if rows else None


async def owner_of(reader: Reader, workspace: str, number: str) -> str | None:
    """The id of the person who owns a number."""
    rows = await reader.fetch("owner_of_number", workspace, number)
    return rows[0][0] if rows else None


async def merged(tx: Transaction, workspace: str, gone: str, into: str) -> None:
    """From now on who asks for `gone` gets `into`."""
    await tx.execute("move_merged", workspace, gone, into)
    await tx.execute("add_merged", workspace, gone, into)


async def add_company(tx: Transaction, company: Company) -> None:
    """Store a new company."""
    await tx.execute("add_company", *_company_row(company))


async def save_company(tx: Transaction, company: Company) -> None:
    """Store what became of a company."""
    await tx.execute("save_company", *_company_row(company))


async def find_company(reader: Reader, workspace: str, id_: str) -> Company | None:
    """The company of an id."""
    rows = await reader.fetch("company", workspace, id_)
    return company_of(rows[0]) if rows else None


async def company_named(reader: Reader, workspace: str, name: str) -> Company | None:
    """The oldest company of a name; case and accents do not matter."""
    for (id_,) in await reader.fetch("companies_by_name", workspace, sort_key(name)):
        company = await find_company(reader, workspace, id_)
        if company is not None and fold(company.name) == fold(name):
            return company
    return None


def company_of(row: Row) -> Company:
    """The company of a row of the queries that begin with `company`."""
    return Company(**dict(zip(_COMPANY, row, strict=True)))


_COMPANY = Company.__struct_fields__


def _company_row(company: Company) -> Row:
    active = company.created_at if company.last_activity_at is None else company.last_activity_at
    search = search_text([getattr(company, field) for field in COMPANY_SEARCHED])
    return (*(getattr(company, field) for field in _COMPANY), sort_key(company.name), active, search)


async def add_deal(tx: Transaction, deal: Deal) -> None:
    """Store a new deal."""
    await tx.execute("add_deal", *_deal_row(deal))


async def save_deal(tx: Transaction, deal: Deal) -> None:
    """Store what became of a deal."""
    await tx.execute("save_deal", *_deal_row(deal))


async def remove_deal(tx: Transaction, workspace: str, id_: str) -> bool:
    """Forget a deal; False when there is none of that id."""
    return await tx.execute("remove_deal", workspace, id_) > 0


async def find_deal(reader: Reader, workspace: str, id_: str) -> Deal | None:
    """The deal of an id."""
    rows = await reader.fetch("deal", workspace, id_)
    return deal_of(rows[0]) if rows else None


async def deals_of_company(reader: Reader, workspace: str, company: str) -> list[Deal]:
    """A company's deals, oldest first; `DEALS_MAX` of them at most."""
    return [deal_of(row) for row in await reader.fetch("deals_of_company", workspace, company, DEALS_MAX)]


def deal_of(row: Row) -> Deal:
    """The deal of a row of the queries that begin with `deal`."""
    values = dict(zip(_DEAL, row, strict=True))
    if values["amount"] is not None:
        values["amount"] = Decimal(values["amount"])
    return Deal(**values)


_DEAL = Deal.__struct_fields__


def _deal_row(deal: Deal) -> Row:
    values = [getattr(deal, field) for field in _DEAL]
    if deal.amount is not None:
        values[_DEAL.index("amount")] = str(deal.amount)
    return (*values, sort_key(deal.name))


async def properties(reader: Reader, workspace: str) -> list[Property]:
    """What the workspace keeps of its people, in the order in which it was defined."""
    return [
        Property(key, label, kind, _strings.decode(choices), created_at)
        for key, label, kind, choices, created_at in await reader.fetch("properties", workspace)
    ]


async def add_property(tx: Transaction, workspace: str, new: Property) -> None:
    """Define a property.

    Raises:
        Conflict: it is defined already.
    """
    await tx.execute(
        "add_property", workspace, new.key, new.label, new.kind, _dump(new.choices), new.created_at
    )


async def save_property(tx: Transaction, workspace: str, changed: Property) -> None:
    """Give a property another label or other choices; its kind stays."""
    await tx.execute("save_property", workspace, changed.key, changed.label, _dump(changed.choices))


async def drop_property(tx: Transaction, workspace: str, key: str) -> bool:
    """Define it no more; False when it was not defined."""
    return await tx.execute("drop_property", workspace, key) > 0
