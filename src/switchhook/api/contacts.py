"""`/v1/api/contacts`: the people of the CRM as the first version of the API shows them."""

import msgspec
from msgspec import UNSET

from switchhook.api.activity import activity
from switchhook.api.bodies import data, read_page_v1, read_shape
from switchhook.api.crm_search import company_names
from switchhook.api.errors import ApiError
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.people import refused
from switchhook.api.services import Services
from switchhook.api.shapes.crm import Named
from switchhook.api.shapes.v1 import (
    ContactChangeV1,
    ContactsV1,
    ContactV1,
    Engagement,
    MetadataV1,
    NewContactV1,
    PagesV1,
)
from switchhook.clock import iso_bare
from switchhook.events.ids import COMPANY, CONTACT, contact_id, dashed
from switchhook.storage import people, search
from switchhook.storage.people import Contact
from switchhook.storage.search import Page, PeopleFilter
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace import contacts
from switchhook.workspace.contacts import Change, ContactFault, ContactNotFound, NumberTaken

DAY_MS = 86_400_000
ENGAGED_DAYS = 30  # since the last call or text
COOLING_DAYS = 90

BAD_REQUEST = 400


class Contacts:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region
        self._url = services.public_url

    async def list(self, request: Request) -> Response:
        """GET /v1/api/contacts."""
        page, size = read_page_v1(request.query())
        now = self._clock.now()

        async def read(reader: Reader) -> ContactsV1:
            part = Page("CREATED_DESC", size, page * size)
            found, total = await search.find_people(reader, request.workspace, PeopleFilter(), part)
            names = await company_names(reader, request.workspace, [one.company for one in found])
            return ContactsV1([contact_of(one, names, now) for one in found], metadata(page, size, total))

        return data(await self._store.read(read, heavy=True))

    async def get(self, request: Request) -> Response:
        """GET /v1/api/contact/{contact_id}."""
        text = request.params["contact_id"]
        extended = "activity" in [word.strip() for word in request.query().get("extend", "").split(",")]

        async def read(reader: Reader) -> ContactV1:
            found = await people.find_contact(reader, request.workspace, contact_id(text))
            if found is None:
                raise contact_not_found(text)
            shown = await self._shown(reader, found)
            if not extended:
                return shown
            return msgspec.structs.replace(shown, activity=await activity(reader, found))

        return data(await self._store.read(read, heavy=extended))

    async def create(self, request: Request) -> Work:
        """POST /v1/api/contacts."""
        asked = read_shape(await request.json(self._clock, self._limits), NewContactV1, lenient=True)

        async def work(tx: Transaction) -> Response:
            now = self._clock.now()
            change = Change(
                name=asked.name,
                last_name=asked.last_name,
                job_title=asked.job_title,
                website=asked.website,
                numbers=asked.numbers,
                emails=asked.emails or [],
                company=await self._company(tx, request.workspace, asked.company),
            )
            try:
                made = await contacts.create(tx, request.workspace, change, now=now, region=self._region)
            except (ContactFault, NumberTaken) as error:
                raise _refused(error) from None
            return data(await self._shown(tx, made))

        return work

    async def update(self, request: Request) -> Work:
        """PUT /v1/api/contacts/{contact_id}."""
        text = request.params["contact_id"]
        asked = read_shape(await request.json(self._clock, self._limits), ContactChangeV1, lenient=True)

        async def work(tx: Transaction) -> Response:
            company = asked.company
            if company is not UNSET:
                company = await self._company(tx, request.workspace, company)
            change = Change(
                name=asked.name,
                last_name=asked.last_name,
                job_title=asked.job_title,
                website=asked.website,
                numbers=asked.numbers,
                emails=[] if asked.emails is None else asked.emails,
                company=company,
            )
            try:
                after = await contacts.update(
                    tx,
                    request.workspace,
                    contact_id(text),
                    change,
                    now=self._clock.now(),
                    region=self._region,
                )
            except ContactNotFound:
                raise contact_not_found(text) from None
            except (ContactFault, NumberTaken) as error:
                raise _refused(error) from None
            return data(await self._shown(tx, after))

        return work

    async def _company(self, tx: Transaction, workspace: str, name: str | None) -> str | None:
        """The id of the company of a name, which is made when there is none."""
        if name is None or not name.strip():
            return None
        return await contacts.company_called(tx, workspace, name, self._clock.now())

    async def _shown(self, reader: Reader, contact: Contact) -> ContactV1:
        names = await company_names(reader, contact.workspace, [contact.company])
        shown = contact_of(contact, names, self._clock.now(), whole=True)
        return msgspec.structs.replace(
            shown, conversation_url=f"{self._url}/v1/api/contact/{shown.id}/conversation"
        )


def engagement(last_activity_at: int | None, now: int) -> Engagement | None:
    """How fresh the last call or text is: of the last month, of three, or older; None without one. Pure."""
    if last_activity_at is None:
        return None
    days = (now - last_activity_at) / DAY_MS
    return "ENGAGED" if days <= ENGAGED_DAYS else "COOLING" if days <= COOLING_DAYS else "COLD"


def contact_of(contact: Contact, companies: dict[str, str], now: int, *, whole: bool = False) -> ContactV1:
    """A contact as /v1 shows it; `whole` when it was asked for by its id."""
    name = companies.get(contact.company) if contact.company else None
    return ContactV1(
        id=dashed(contact.id, CONTACT),
        name=contact.name,
        last_name=contact.last_name,
        company=None
        if name is None or contact.company is None
        else Named(dashed(contact.company, COMPANY), name),
        job_title=contact.job_title,
        website=contact.website,
        status=None,
        is_archived=False,
        created_at=iso_bare(contact.created_at),
        updated_at=iso_bare(contact.updated_at),
        numbers=list(contact.numbers),
        is_whitelisted=False,
        last_activity_date=None if contact.last_activity_at is None else iso_bare(contact.last_activity_at),
        engagement=engagement(contact.last_activity_at, now),
        emails=list(contact.emails) if whole else UNSET,
        integration_data={} if whole else UNSET,
        custom_properties=contact.properties if whole else UNSET,
        conversation_url=None if whole else UNSET,
    )


def metadata(page: int, size: int, total: int) -> MetadataV1:
    """Where a page stands."""
    pages = -(-total // size)
    return MetadataV1(pages, page, PagesV1(pages, page))


def contact_not_found(text: str) -> ApiError:
    """What /v1 answers for a contact that is not there: 400, as the original does."""
    return ApiError("CONTACT_NOT_FOUND", f"There is no contact {text[:100]!r}.", param="id")


def _refused(error: ContactFault | NumberTaken) -> ApiError:
    answer = refused(error)
    if isinstance(error, ContactFault):
        answer.status = BAD_REQUEST
    return answer
