"""`/v2/api/crm/companies` and `/v2/api/crm/deals`."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import msgspec
from msgspec import UNSET

from switchhook.api.bodies import data, read_shape
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.crm import (
    CompanyChange,
    CompanyDetail,
    DealChange,
    DealDetail,
    Named,
    NewCompany,
    NewDeal,
)
from switchhook.clock import iso_bare
from switchhook.events.ids import COMPANY, DEAL, dashed, new_id, normalise_id
from switchhook.storage import people
from switchhook.storage.people import Company, Deal
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace.contacts import change_company

UNPROCESSABLE = 422


class Companies:
    """The handlers of companies and deals."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits

    async def get_company(self, request: Request) -> Response:
        """GET /v2/api/crm/companies/{company_id}."""
        return data(await self._store.read(lambda reader: self._company(reader, request)))

    async def _company(self, reader: Reader, request: Request) -> CompanyDetail:
        text = request.params["company_id"]
        found = await people.find_company(reader, request.workspace, normalise_id(text))
        if found is None:
            raise company_not_found(text)
        return await company_of(reader, found)

    async def create_company(self, request: Request) -> Work:
        """POST /v2/api/crm/companies."""
        asked = read_shape(
            await request.json(self._clock, self._limits), NewCompany, lenient=True, status=UNPROCESSABLE
        )
        name = _name(asked.name)

        async def work(tx: Transaction) -> Response:
            now = self._clock.now()
            made = Company(
                workspace=request.workspace,
                id=new_id(COMPANY, now),
                name=name,
                website=asked.website,
                industry=asked.industry,
                created_at=now,
                updated_at=now,
            )
            await people.add_company(tx, made)
            return data(await company_of(tx, made), 201)

        return work

    async def update_company(self, request: Request) -> Work:
        """PUT /v2/api/crm/companies/{company_id}."""
        text = request.params["company_id"]
        asked = read_shape(
            await request.json(self._clock, self._limits), CompanyChange, lenient=True, status=UNPROCESSABLE
        )

        async def work(tx: Transaction) -> Response:
            old = await people.find_company(tx, request.workspace, normalise_id(text))
            if old is None:
                raise company_not_found(text)
            new = msgspec.structs.replace(
                old,
                name=old.name if asked.name is UNSET else _name(asked.name),
                website=old.website if asked.website is UNSET else asked.website,
                industry=old.industry if asked.industry is UNSET else asked.industry,
            )
            return data(await company_of(tx, await change_company(tx, old, new, self._clock.now())))

        return work

    async def get_deal(self, request: Request) -> Response:
        """GET /v2/api/crm/deals/{deal_id}."""

        async def read(reader: Reader) -> DealDetail:
            return await deal_of(reader, await self._deal(reader, request))

        return data(await self._store.read(read))

    async def create_deal(self, request: Request) -> Work:
        """POST /v2/api/crm/deals."""
        asked = read_shape(
            await request.json(self._clock, self._limits), NewDeal, lenient=True, status=UNPROCESSABLE
        )
        _check_date(asked.closed_at)
        company = normalise_id(asked.company_id) if asked.company_id else None

        async def work(tx: Transaction) -> Response:
            await _known(tx, request.workspace, company)
            now = self._clock.now()
            made = Deal(
                workspace=request.workspace,
                id=new_id(DEAL, now),
                name=_name(asked.name),
                status=asked.status,
                amount=_exact(asked.amount),
                currency=_upper(asked.currency),
                closed_at=asked.closed_at,
                company=company,
                created_at=now,
                updated_at=now,
            )
            await people.add_deal(tx, made)
            return data(await deal_of(tx, made), 201)

        return work

    async def update_deal(self, request: Request) -> Work:
        """PATCH /v2/api/crm/deals/{deal_id}."""
        asked = read_shape(
            await request.json(self._clock, self._limits), DealChange, lenient=True, status=UNPROCESSABLE
        )
        _check_date(None if asked.closed_at is UNSET else asked.closed_at)

        async def work(tx: Transaction) -> Response:
            old = await self._deal(tx, request)
            company = old.company
            if asked.company_id is not UNSET:
                company = normalise_id(asked.company_id) if asked.company_id else None
                await _known(tx, request.workspace, company)
            new = msgspec.structs.replace(
                old,
                name=old.name if asked.name is UNSET else _name(asked.name),
                status=old.status if asked.status is UNSET else asked.status,
                amount=old.amount if asked.amount is UNSET else _exact(asked.amount),
                currency=old.currency if asked.currency is UNSET else _upper(asked.currency),
                closed_at=old.closed_at if asked.closed_at is UNSET else asked.closed_at,
                company=company,
            )
            if new != old:
                new = msgspec.structs.replace(new, updated_at=self._clock.now())
                await people.save_deal(tx, new)
            return data(await deal_of(tx, new))

        return work

    async def delete_deal(self, request: Request) -> Work:
        """DELETE /v2/api/crm/deals/{deal_id}."""
        text = request.params["deal_id"]

        async def work(tx: Transaction) -> Response:
            if not await people.remove_deal(tx, request.workspace, normalise_id(text)):
                raise deal_not_found(text)
            return Response(204)

        return work

    async def _deal(self, reader: Reader, request: Request) -> Deal:
        text = request.params["deal_id"]
        found = await people.find_deal(reader, request.workspace, normalise_id(text))
        if found is None:
            raise deal_not_found(text)
        return found


async def company_fault(reader: Reader, workspace: str, id_: str) -> FieldFault | None:
    """What is wrong with a `company_id`: there is no such company."""
    if await people.find_company(reader, workspace, id_):
        return None
    return FieldFault("company_id", "INVALID_FIELD", f"There is no company {id_[:100]!r}.")


async def _known(reader: Reader, workspace: str, company: str | None) -> None:
    if company and (fault := await company_fault(reader, workspace, company)):
        raise from_faults([fault], UNPROCESSABLE)


def _name(text: str) -> str:
    name = text.strip()
    if not name:
        raise from_faults([FieldFault("name", "INVALID_FIELD", "A name may not be blank.")], UNPROCESSABLE)
    return name


def _check_date(text: str | None) -> None:
    if text is None:
        return
    try:
        date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise from_faults(
            [FieldFault("closed_at", "INVALID_FIELD", "This must be an ISO 8601 date, such as 2026-01-31.")],
            UNPROCESSABLE,
        ) from None


def _exact(amount: float | None) -> Decimal | None:
    """The amount that was written: a float's shortest spelling is what stood in the JSON."""
    return None if amount is None else Decimal(repr(amount)).normalize() + 0


def _plain(amount: Decimal | None) -> float | None:
    """25000 rather than 25000.0: a whole number stays one."""
    return None if amount is None else int(amount) if amount == int(amount) else float(amount)


def _upper(currency: str | None) -> str | None:
    return None if currency is None else currency.upper()


def company_not_found(text: str) -> ApiError:
    """The 404 of a company."""
    return ApiError(
        "COMPANY_NOT_FOUND",
        f"There is no company {text[:100]!r}.",
        param="company_id",
        suggestion="POST /v2/api/crm/companies/search finds those there are.",
    )


def deal_not_found(text: str) -> ApiError:
    """The 404 of a deal."""
    return ApiError(
        "DEAL_NOT_FOUND",
        f"There is no deal {text[:100]!r}.",
        param="deal_id",
        suggestion="POST /v2/api/crm/deals/search finds those there are.",
    )


async def company_of(reader: Reader, company: Company) -> CompanyDetail:
    """A company as the API shows it."""
    ((count,),) = await reader.fetch("count_people_of_company", company.workspace, company.id)
    return CompanyDetail(
        id=dashed(company.id, COMPANY),
        name=company.name,
        website=company.website,
        industry=company.industry,
        person_count=count,
        interactions=company.interactions,
        last_activity_at=None if company.last_activity_at is None else iso_bare(company.last_activity_at),
        created_at=iso_bare(company.created_at),
        updated_at=iso_bare(company.updated_at),
    )


async def deal_of(reader: Reader, deal: Deal) -> DealDetail:
    """A deal as the API shows it."""
    company = await people.find_company(reader, deal.workspace, deal.company) if deal.company else None
    return render_deal(deal, {company.id: company.name} if company else {})


def render_deal(deal: Deal, companies: Mapping[str, str]) -> DealDetail:
    """The same, with the names of companies by their ids."""
    name = companies.get(deal.company) if deal.company else None
    return DealDetail(
        id=dashed(deal.id, DEAL),
        name=deal.name,
        status=deal.status,
        amount=_plain(deal.amount),
        currency=deal.currency,
        closed_at=deal.closed_at,
        company=None if name is None or deal.company is None else Named(dashed(deal.company, COMPANY), name),
        created_at=iso_bare(deal.created_at),
        updated_at=iso_bare(deal.updated_at),
    )
