"""People out of a file: who is meant by a row, what becomes of them, and the events that this makes.

    draft ─▶ who owns one of its numbers, else who has one of its addresses ─▶ created | updated | unchanged | faulty

A person is changed by one row of a file at most, so that the same file a second time changes nothing.
"""

from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from functools import partial
from itertools import islice
from typing import Literal

import msgspec
from msgspec import UNSET

from switchhook.clock import Clock
from switchhook.events.ids import CONTACT, new_id
from switchhook.storage import people
from switchhook.storage.people import Contact, fold
from switchhook.storage.store import Reader, Store, Transaction
from switchhook.workspace import contacts
from switchhook.workspace.contacts import Change, ContactFault, changed, company_called, same
from switchhook.workspace.person_csv import Draft, RowFault

ROWS = 200  # in one transaction

Outcome = Literal["created", "updated", "unchanged", "faulty"]


class Done(msgspec.Struct, frozen=True):
    """What became of a row or a card. `person` is a contact's id; None for one who is not there."""

    line: int
    outcome: Outcome
    person: str | None = None
    faults: tuple[RowFault, ...] = ()
    ignored: tuple[str, ...] = ()


class _Plan(msgspec.Struct, frozen=True):
    old: Contact | None
    new: Contact
    change: Change


class _Refused(Exception):
    """A row cannot be stored."""

    def __init__(self, field: str, message: str, code: str = "INVALID_FIELD") -> None:
        super().__init__(message)
        self.fault = RowFault(field, code, message)


class _World:
    """What is stored, and on top of it what a dry run would have stored."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._contacts: dict[str, Contact] = {}
        self._numbers: dict[str, str] = {}
        self._emails: dict[str, dict[str, None]] = {}

    def keep(self, contact: Contact) -> None:
        """Have a contact stand as it would be."""
        self._contacts[contact.id] = contact
        for number in contact.numbers:
            self._numbers.setdefault(number, contact.id)
        for email in contact.emails:
            self._emails.setdefault(email.lower(), {})[contact.id] = None

    async def contact(self, reader: Reader, id_: str) -> Contact | None:
        return self._contacts.get(id_) or await people.find_contact(reader, self._workspace, id_)

    async def owner(self, reader: Reader, number: str) -> str | None:
        return await people.owner_of(reader, self._workspace, number) or self._numbers.get(number)

    async def with_email(self, reader: Reader, email: str) -> list[str]:
        rows = await reader.fetch("people_by_email", self._workspace, email.lower())
        return list(dict.fromkeys([*(row[0] for row in rows), *self._emails.get(email.lower(), ())]))


class Import:
    """One file on its way into a workspace. A dry run tells the same and stores nothing."""

    def __init__(self, store: Store, clock: Clock, workspace: str, region: str, *, dry: bool) -> None:
        self._store = store
        self._clock = clock
        self._workspace = workspace
        self._region = region
        self._dry = dry
        self._world = _World(workspace)
        self._seen: dict[str, int] = {}  # the line that named a person; 0 for one of several who may be meant

    async def run(self, drafts: Iterator[Draft]) -> list[Done]:
        """What became of each row; some of them at a time become durable, together with their events.

        Raises:
            StorageError: the rows from some line on were not stored; the same file again stores them.
        """
        done: list[Done] = []
        while part := list(islice(drafts, ROWS)):
            seen: dict[str, int] = {}
            if self._dry:
                done += await self._store.read(partial(self._looked_at, part, seen), heavy=True)
            else:
                done += await self._store.run(partial(self._stored, part, seen))
            self._seen |= seen
        return done

    async def _looked_at(self, part: Sequence[Draft], fresh: dict[str, int], reader: Reader) -> list[Done]:
        return await self._rows(reader, None, part, fresh)

    async def _stored(self, part: Sequence[Draft], fresh: dict[str, int], tx: Transaction) -> list[Done]:
        return await self._rows(tx, tx, part, fresh)

    async def _rows(
        self, reader: Reader, tx: Transaction | None, part: Sequence[Draft], fresh: dict[str, int]
    ) -> list[Done]:
        fresh.clear()  # a transaction may be run again
        seen = ChainMap(fresh, self._seen)
        now = self._clock.now()
        done = [await self._row(reader, tx, draft, seen, now) for draft in part]
        return [
            msgspec.structs.replace(one, ignored=draft.ignored) if draft.ignored else one
            for one, draft in zip(done, part, strict=True)
        ]

    async def _row(
        self, reader: Reader, tx: Transaction | None, draft: Draft, seen: MutableMapping[str, int], now: int
    ) -> Done:
        if draft.faults:
            return Done(draft.line, "faulty", None, draft.faults)
        try:
            plan = await self._plan(reader, draft, seen, now)
        except _Refused as refused:
            return Done(draft.line, "faulty", None, (refused.fault,))
        old, new = plan.old, plan.new
        if old is not None and same(old, new):
            seen.setdefault(old.id, draft.line)
            return Done(draft.line, "unchanged", old.id)
        if tx is None:
            self._world.keep(new)
        else:
            new = await self._store_one(tx, plan, draft, now)
        seen[new.id] = draft.line
        person = new.id if old is not None or tx is not None else None
        return Done(draft.line, "created" if old is None else "updated", person)

    async def _store_one(self, tx: Transaction, plan: _Plan, draft: Draft, now: int) -> Contact:
        change = plan.change
        if draft.company is not None and change.company is not UNSET:
            company = await company_called(tx, self._workspace, draft.company, now)
            change = msgspec.structs.replace(change, company=company)
        if plan.old is None:
            return await contacts.create(tx, self._workspace, change, now=now, region=self._region)
        return await contacts.update(tx, self._workspace, plan.old.id, change, now=now, region=self._region)

    async def _plan(self, reader: Reader, draft: Draft, seen: MutableMapping[str, int], now: int) -> _Plan:
        """What a row asks for.

        Raises:
            _Refused: it cannot be done.
        """
        old = await self._meant(reader, draft, seen)
        change = await self._whole(reader, draft, old)
        bare = old or Contact(
            workspace=self._workspace, id=new_id(CONTACT, now), created_at=now, updated_at=now
        )
        try:
            new = changed(bare, change, self._region)
        except ContactFault as error:
            raise _Refused(error.field, str(error)) from None
        if old is not None and old.id in seen and not same(old, new):
            raise _Refused("", _twice(seen[old.id]))
        for number in new.numbers:
            owner = None if number in bare.numbers else await self._world.owner(reader, number)
            if owner is not None and owner != bare.id:
                raise _Refused(
                    "numbers",
                    f"{number} belongs to somebody else than who is meant by this row; "
                    "take it out, or merge the two people first.",
                    "NUMBER_ALREADY_ASSIGNED",
                )
        return _Plan(old, new, change)

    async def _meant(self, reader: Reader, draft: Draft, seen: MutableMapping[str, int]) -> Contact | None:
        """Whom a row is about; None for somebody new."""
        numbers, emails = _texts(draft.change.numbers), _texts(draft.change.emails)
        for number in numbers:
            owner = await self._world.owner(reader, number)
            if owner is not None:
                return await self._world.contact(reader, owner)
        found = list(
            dict.fromkeys([id_ for email in emails for id_ in await self._world.with_email(reader, email)])
        )
        if numbers:
            # Whom another row is about already is somebody else, with the same address and another number.
            found = [id_ for id_ in found if not seen.get(id_)]
        if len(found) > 1:
            for id_ in found:
                seen.setdefault(id_, 0)
            raise _Refused("emails", "Several people have this address; add a number of who is meant.")
        return await self._world.contact(reader, found[0]) if found else None

    async def _whole(self, reader: Reader, draft: Draft, old: Contact | None) -> Change:
        """The change of a row with its company, and what the person has beside it; numbers and addresses are added."""
        change = draft.change
        if old is not None:
            change = msgspec.structs.replace(
                change,
                numbers=[*old.numbers, *_texts(change.numbers)],
                emails=[*old.emails, *_texts(change.emails)],
            )
        if draft.company is None:
            return change
        if old is not None and old.company is not None:
            its = await people.find_company(reader, self._workspace, old.company)
            if fold(its.name if its else old.company) == fold(draft.company):
                return change
        found = await people.company_named(reader, self._workspace, draft.company)
        return msgspec.structs.replace(change, company=found.id if found else draft.company)


def _texts(value: object) -> Iterable[str]:
    return value if isinstance(value, list) else ()


def _twice(line: int) -> str:
    if line:
        return f"Line {line} is about the same person; put both into one row."
    return "An earlier row may be about the same person; say there who is meant."
