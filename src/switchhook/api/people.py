"""`/v2/api/crm/people` and `/v2/api/crm/properties`: whom the workspace knows."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from switchhook.api.bodies import data, read_shape
from switchhook.api.companies import company_fault
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.crm import (
    MergeAsked,
    Named,
    NewPerson,
    NewProperty,
    Person,
    PersonChange,
    Property,
)
from switchhook.clock import iso_bare
from switchhook.events.ids import COMPANY, contact_id, dashed, normalise_id
from switchhook.storage import people
from switchhook.storage.people import Contact
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace import contacts, properties
from switchhook.workspace.contacts import Change, ContactFault, ContactNotFound, NumberTaken

UNPROCESSABLE = 422


class People:
    """The handlers of people and of their properties."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region

    async def get(self, request: Request) -> Response:
        """GET /v2/api/crm/people/{person_id}."""
        id_ = contact_id(request.params["person_id"])

        async def read(reader: Reader) -> Person:
            found = await people.find_contact(reader, request.workspace, id_)
            if found is None:
                raise person_not_found(request.params["person_id"])
            return await person_of(reader, found)

        return data(await self._store.read(read))

    async def create(self, request: Request) -> Work:
        """POST /v2/api/crm/people."""
        asked = read_shape(
            await request.json(self._clock, self._limits), NewPerson, lenient=True, status=UNPROCESSABLE
        )
        if not (asked.name or "").strip() and not (asked.last_name or "").strip():
            raise from_faults(
                [FieldFault("name", "MISSING_FIELD", "A person needs a name or a last_name.")], UNPROCESSABLE
            )
        change = _change(asked)

        async def work(tx: Transaction) -> Response:
            await self._check(tx, request.workspace, change)
            try:
                made = await contacts.create(
                    tx,
                    request.workspace,
                    change,
                    now=self._clock.now(),
                    region=self._region,
                    allow_duplicate=asked.allow_duplicate_number,
                )
            except (ContactFault, NumberTaken) as error:
                raise refused(error) from None
            return data(await person_of(tx, made))

        return work

    async def update(self, request: Request) -> Work:
        """PUT /v2/api/crm/people/{person_id}."""
        id_ = contact_id(request.params["person_id"])
        asked = read_shape(
            await request.json(self._clock, self._limits), PersonChange, lenient=True, status=UNPROCESSABLE
        )
        change = _change(asked)

        async def work(tx: Transaction) -> Response:
            await self._check(tx, request.workspace, change)
            try:
                after = await contacts.update(
                    tx,
                    request.workspace,
                    id_,
                    change,
                    now=self._clock.now(),
                    region=self._region,
                    allow_duplicate=asked.allow_duplicate_number,
                )
            except ContactNotFound:
                raise person_not_found(request.params["person_id"]) from None
            except (ContactFault, NumberTaken) as error:
                raise refused(error) from None
            return data(await person_of(tx, after))

        return work

    async def merge(self, request: Request) -> Work:
        """POST /v2/api/crm/people/{person_id}/merge."""
        keep = request.params["person_id"]
        asked = read_shape(await request.json(self._clock, self._limits), MergeAsked, status=UNPROCESSABLE)

        async def work(tx: Transaction) -> Response:
            for text in (keep, asked.person_id):
                if await people.find_contact(tx, request.workspace, contact_id(text)) is None:
                    raise person_not_found(text)
            after = await contacts.merge(
                tx, request.workspace, contact_id(keep), contact_id(asked.person_id), self._clock.now()
            )
            return data(await person_of(tx, after))

        return work

    async def list_properties(self, request: Request) -> Response:
        """GET /v2/api/crm/properties."""
        found = await self._store.read(lambda reader: people.properties(reader, request.workspace))
        return data([_property_of(one) for one in found])

    async def create_property(self, request: Request) -> Work:
        """POST /v2/api/crm/properties."""
        asked = read_shape(await request.json(self._clock, self._limits), NewProperty, status=UNPROCESSABLE)
        wrong = None
        if asked.key in properties.RESERVED:
            wrong = FieldFault(
                "key", "INVALID_FIELD", f"{asked.key} is a field of every person; choose another key."
            )
        elif (asked.type == "choice") is not bool(asked.choices):
            wrong = FieldFault("choices", "INVALID_FIELD", "A choice has choices, and nothing else does.")
        if wrong:
            raise from_faults([wrong], UNPROCESSABLE)
        now = self._clock.now()
        label = asked.key.replace("_", " ").capitalize() if asked.label is UNSET else asked.label
        made = people.Property(asked.key, label, asked.type, tuple(dict.fromkeys(asked.choices or ())), now)

        async def work(tx: Transaction) -> Response:
            if any(one.key == made.key for one in await people.properties(tx, request.workspace)):
                raise ApiError(
                    "PROPERTY_ALREADY_EXISTS",
                    f"There is a property {made.key!r} already.",
                    param="key",
                    suggestion="GET /v2/api/crm/properties lists those there are.",
                )
            await people.add_property(tx, request.workspace, made)
            return data(_property_of(made), 201)

        return work

    async def delete_property(self, request: Request) -> Work:
        """DELETE /v2/api/crm/properties/{key}."""
        key = request.params["key"]

        async def work(tx: Transaction) -> Response:
            if not await people.drop_property(tx, request.workspace, key):
                raise ApiError(
                    "PROPERTY_NOT_FOUND",
                    f"There is no property {key[:64]!r}.",
                    param="key",
                    suggestion="GET /v2/api/crm/properties lists those there are.",
                )
            return Response(204)

        return work

    async def _check(self, reader: Reader, workspace: str, change: Change) -> None:
        """Refuse a company that is none of the workspace's, and properties that are not as they were defined."""
        found = []
        if isinstance(change.company, str) and (
            fault := await company_fault(reader, workspace, change.company)
        ):
            found.append(fault)
        if not isinstance(change.properties, UnsetType) and change.properties:
            defined = await people.properties(reader, workspace)
            found += [
                FieldFault(f"custom_properties.{key[:64]}", "INVALID_FIELD", wrong)
                for key, wrong in properties.faults(change.properties, defined).items()
            ]
        if found:
            raise from_faults(found, UNPROCESSABLE)


def _change(asked: NewPerson | PersonChange) -> Change:
    company: Any = asked.company_id
    emails: Any = asked.emails
    own: Any = asked.custom_properties
    return Change(
        name=asked.name,
        last_name=asked.last_name,
        job_title=asked.job_title,
        website=asked.website,
        address=asked.address,
        company=normalise_id(company) if isinstance(company, str) else company,
        numbers=asked.numbers,
        emails=[] if emails is None else emails,
        properties={} if own is None else own,
    )


def refused(error: ContactFault | NumberTaken) -> ApiError:
    """The answer to a person that cannot be stored."""
    if isinstance(error, NumberTaken):
        owner = person_id(error.owner)
        # Clients take the id of the person out of this sentence.
        return ApiError(
            "NUMBER_ALREADY_ASSIGNED",
            f"The number {error.number} is already assigned to person {owner}.",
            param="numbers",
            suggestion=f"Update {owner}, or send allow_duplicate_number: true.",
        )
    code = "INVALID_PHONE_NUMBER" if error.field.startswith("numbers[") else "INVALID_FIELD"
    return from_faults([FieldFault(error.field, code, str(error))], UNPROCESSABLE)


def person_not_found(text: str) -> ApiError:
    """The 404 of a person."""
    return ApiError(
        "PERSON_NOT_FOUND",
        f"There is no person {text[:100]!r}.",
        param="person_id",
        suggestion="POST /v2/api/crm/people/search finds those there are.",
    )


def person_id(contact: str) -> str:
    """A contact's id as the CRM routes spell it."""
    return f"per-{contact.partition('_')[2]}"


async def person_of(reader: Reader, contact: Contact) -> Person:
    """A contact as the CRM routes show it."""
    company = (
        await people.find_company(reader, contact.workspace, contact.company) if contact.company else None
    )
    return render_person(contact, {company.id: company.name} if company else {})


def render_person(contact: Contact, companies: Mapping[str, str]) -> Person:
    """The same, with the names of companies by their ids."""
    name = companies.get(contact.company) if contact.company else None
    return Person(
        id=person_id(contact.id),
        name=contact.name,
        last_name=contact.last_name,
        job_title=contact.job_title,
        website=contact.website,
        address=contact.address,
        numbers=list(contact.numbers),
        emails=list(contact.emails),
        company=None
        if name is None or contact.company is None
        else Named(dashed(contact.company, COMPANY), name),
        interactions=contact.interactions,
        last_activity_at=None if contact.last_activity_at is None else iso_bare(contact.last_activity_at),
        created_at=iso_bare(contact.created_at),
        updated_at=iso_bare(contact.updated_at),
        custom_properties=contact.properties,
    )


def _property_of(one: people.Property) -> Property:
    return Property(
        key=one.key,
        label=one.label,
        type=one.kind,  # type: ignore[arg-type]  # stored as it was checked
        choices=list(one.choices),
        created_at=iso_bare(one.created_at),
    )
