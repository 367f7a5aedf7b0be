"""`POST /v2/api/crm/{people,companies,deals}/search`. What is not known is passed over, as real clients expect."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from switchhook.api.bodies import page_of, read_document
from switchhook.api.companies import company_of, render_deal
from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.people import render_person
from switchhook.api.services import Services
from switchhook.storage import people, search
from switchhook.storage.people import COMPANY_SEARCHED, SEARCHED, contains
from switchhook.storage.plans import COUNTED, TooFar
from switchhook.storage.search import Page, PeopleFilter, Sort
from switchhook.storage.store import Reader
from switchhook.workspace.e164 import normalise

_SORTS: dict[Any, Sort] = {name: name for name in get_args(Sort)}
_PERSON_FILTERS = {
    "name": "name",
    "last_name": "last_name",
    "website": "website",
    "company": "company",
    "email": "emails",
    "job_title": "job_title",
}


class Asked(msgspec.Struct, frozen=True):
    """A search as it was asked for: filters and words are texts, the page is within its bounds."""

    filters: Mapping[str, str]
    words: tuple[str, ...]
    page: int
    size: int
    sort: Sort

    @property
    def part(self) -> Page:
        """The rows that were asked for."""
        return Page(self.sort, self.size, (self.page - 1) * self.size)


class CrmSearch:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region

    async def people(self, request: Request) -> Response:
        """POST /v2/api/crm/people/search."""
        asked = await self._asked(request)
        which = people_filter(asked.filters, asked.words, self._region)

        async def read(reader: Reader) -> tuple[list[Any], int]:
            try:
                found, total = await search.find_people(reader, request.workspace, which, asked.part)
            except TooFar:
                raise too_far() from None
            names = await company_names(reader, request.workspace, [one.company for one in found])
            return [render_person(one, names) for one in found], total

        values, total = await self._store.read(read, heavy=True)
        return page_of(values, asked.page, asked.size, total)

    async def companies(self, request: Request) -> Response:
        """POST /v2/api/crm/companies/search."""
        asked = await self._asked(request)
        patterns = [
            contains(text, COMPANY_SEARCHED.index(field))
            for field, text in asked.filters.items()
            if field in COMPANY_SEARCHED
        ]
        patterns += [contains(word) for word in asked.words]

        async def read(reader: Reader) -> tuple[list[Any], int]:
            found, total = await search.find_companies(reader, request.workspace, tuple(patterns), asked.part)
            return [await company_of(reader, one) for one in found], total

        values, total = await self._store.read(read, heavy=True)
        return page_of(values, asked.page, asked.size, total)

    async def deals(self, request: Request) -> Response:
        """POST /v2/api/crm/deals/search."""
        asked = await self._asked(request)
        stage = asked.filters.get("stage") or asked.filters.get("status") or ""

        async def read(reader: Reader) -> tuple[list[Any], int]:
            found, total = await search.find_deals(
                reader, request.workspace, stage, " ".join(asked.words), asked.part
            )
            names = await company_names(reader, request.workspace, [one.company for one in found])
            return [render_deal(one, names) for one in found], total

        values, total = await self._store.read(read, heavy=True)
        return page_of(values, asked.page, asked.size, total)

    async def _asked(self, request: Request) -> Asked:
        body = await request.json(self._clock, self._limits, optional=True)
        return read_search(read_document(body) if body else {})


def read_search(document: Mapping[str, Any]) -> Asked:
    """A search out of its body. Pure.

    Raises:
        ApiError: 400, `page` or `size` is out of its bounds.
    """
    filters = document.get("filters")
    sort = document.get("sort")
    text = document.get("search")
    page, size = body_page(document)
    return Asked(
        {key: value for key, value in filters.items() if isinstance(value, str) and value.strip()}
        if isinstance(filters, dict)
        else {},
        tuple(text.split()) if isinstance(text, str) else (),
        page,
        size,
        _SORTS.get(sort, "DATE_DESC") if isinstance(sort, str) else "DATE_DESC",
    )


def people_filter(filters: Mapping[str, str], words: tuple[str, ...], region: str) -> PeopleFilter:
    """Which people `filters` and `words` name. Pure."""
    patterns = [
        contains(text, SEARCHED.index(_PERSON_FILTERS[field]))
        for field, text in filters.items()
        if field in _PERSON_FILTERS
    ]
    patterns += [contains(word) for word in words]
    number = filters.get("phone_number", "")
    return PeopleFilter(
        tuple(patterns), filters.get("deal_status", ""), normalise(number, region) if number else ""
    )


async def company_names(reader: Reader, workspace: str, ids: list[str | None]) -> dict[str, str]:
    """The names of companies by their ids."""
    names = {}
    for id_ in dict.fromkeys(ids):
        company = await people.find_company(reader, workspace, id_) if id_ else None
        if company:
            names[company.id] = company.name
    return names


def too_far() -> ApiError:
    """The 400 of a page too late in a search that finds very many."""
    return ApiError(
        "INVALID_PARAMETER",
        f"page times size must be at most {COUNTED} in a search that finds more.",
        param="page",
        suggestion="Narrow the search: add a word or a filter, or ask for one range of dates after the other.",
    )


def body_page(document: Mapping[str, Any]) -> tuple[int, int]:
    """`page` (from 1, default 1) and `size` (1 to 100, default 20) of a search's body.

    Raises:
        ApiError: 400, one of them is out of its bounds.
    """
    page, size = document.get("page"), document.get("size")
    size = 20 if size is None else _whole(size)
    if size is None or not 1 <= size <= 100:
        raise ApiError(
            "INVALID_PAGE_SIZE",
            "size must be between 1 and 100.",
            param="size",
            suggestion="Use a value from 1 to 100.",
        )
    page = 1 if page is None else _whole(page)
    if page is None or not 1 <= page <= 1_000_000:
        raise ApiError(
            "INVALID_PARAMETER",
            "page must be a number from 1.",
            param="page",
            suggestion="The first page is 1.",
        )
    return page, size


def _whole(value: Any) -> int | None:
    """A whole number, also of a client that sends it as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
