"""`/v2/api/crm/people/import` and `/v2/api/crm/people/export`, and the same with `/vcard`: people as a file."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

from msgspec import UNSET

from switchhook.api.bodies import data
from switchhook.api.crm_search import company_names
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.messages import Request, Response
from switchhook.api.people import UNPROCESSABLE, person_id
from switchhook.api.services import Services
from switchhook.api.shapes.crm import ImportedRow, ImportFault, ImportReport
from switchhook.storage import people
from switchhook.storage.people import Contact, Property
from switchhook.storage.store import Reader, Store
from switchhook.workspace.imports import Done, Import
from switchhook.workspace.person_csv import CsvFault, Draft, drafts, read_table, write_head, write_person
from switchhook.workspace.person_vcard import CardsFault, card_drafts, read_cards, write_card

CSV = b"text/csv; charset=utf-8"
VCARD = b"text/vcard; charset=utf-8"
_PAGE = 500  # people who are read at a time


class PeopleCsv:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits
        self._region = services.region

    async def take_in(self, request: Request) -> Response:
        """POST /v2/api/crm/people/import."""
        dry = _read_dry_run(request.query())
        _require(request.headers, b"text/csv")
        body = await request.body(self._clock, self._limits.body_bytes, self._limits.body_seconds)
        defined = await self._defined(request)
        try:
            table = await asyncio.to_thread(read_table, body, defined)
        except CsvFault as error:
            if error.column:
                fault = FieldFault(error.column, "INVALID_FIELD", str(error))
                raise from_faults([fault], UNPROCESSABLE) from None
            raise ApiError("INVALID_REQUEST_BODY", str(error)) from None
        return await self._take(request, drafts(table, defined, self._region), dry=dry)

    async def take_in_cards(self, request: Request) -> Response:
        """POST /v2/api/crm/people/import/vcard."""
        dry = _read_dry_run(request.query())
        _require(request.headers, b"text/vcard", b"text/x-vcard", b"text/directory")
        body = await request.body(self._clock, self._limits.body_bytes, self._limits.body_seconds)
        try:
            cards = await asyncio.to_thread(read_cards, body)
        except CardsFault as error:
            raise ApiError("INVALID_REQUEST_BODY", str(error)) from None
        said = card_drafts(cards, await self._defined(request), self._region)
        return await self._take(request, said, dry=dry)

    async def _take(self, request: Request, said: Iterator[Draft], *, dry: bool) -> Response:
        coming = Import(self._store, self._clock, request.workspace, self._region, dry=dry)
        done = await coming.run(said)
        count = Counter(one.outcome for one in done)
        return data(
            ImportReport(
                dry_run=dry,
                created=count["created"],
                updated=count["updated"],
                unchanged=count["unchanged"],
                faulty=count["faulty"],
                rows=[_row(one) for one in done],
            )
        )

    async def give_out(self, request: Request) -> Response:
        """GET /v2/api/crm/people/export."""
        defined = await self._defined(request)
        pieces = _Pieces(
            self._store,
            request.workspace,
            write_head(defined),
            lambda one, company: write_person(one, company, defined),
        )
        headers = [(b"content-disposition", b'attachment; filename="people.csv"')]
        return Response(200, b"", CSV, headers, chunks=pieces)

    async def give_out_cards(self, request: Request) -> Response:
        """GET /v2/api/crm/people/export/vcard."""
        defined = await self._defined(request)
        pieces = _Pieces(
            self._store,
            request.workspace,
            b"",
            lambda one, company: write_card(one, person_id(one.id), company, defined),
        )
        headers = [(b"content-disposition", b'attachment; filename="people.vcf"')]
        return Response(200, b"", VCARD, headers, chunks=pieces)

    async def _defined(self, request: Request) -> list[Property]:
        return await self._store.read(lambda reader: people.properties(reader, request.workspace))


class _Pieces:
    """A file of everybody, some people at a time: those who are there when their turn comes."""

    def __init__(
        self, store: Store, workspace: str, head: bytes, write: Callable[[Contact, str | None], bytes]
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._head = head
        self._write = write

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._head:
            yield self._head
        last: str | None = ""
        while last is not None:
            piece, last = await self._store.read(partial(self._page, last), heavy=True)
            yield piece

    async def _page(self, after: str, reader: Reader) -> tuple[bytes, str | None]:
        """The rows of the people after an id, and the last one's id; None when there are no more."""
        found = await people.contacts_after(reader, self._workspace, after, _PAGE)
        names = await company_names(reader, self._workspace, [one.company for one in found])
        rows = [self._write(one, names.get(one.company or "")) for one in found]
        return b"".join(rows), found[-1].id if len(found) == _PAGE else None

    async def aclose(self) -> None:
        """There is nothing to let go of."""


def _row(done: Done) -> ImportedRow:
    return ImportedRow(
        line=done.line,
        outcome=done.outcome,
        person_id=None if done.person is None else person_id(done.person),
        faults=[ImportFault(one.field, one.code, one.message) for one in done.faults],
        ignored=list(done.ignored) or UNSET,
    )


def _read_dry_run(query: dict[str, str]) -> bool:
    text = query.get("dry_run", "false")
    if text not in ("true", "false"):
        raise ApiError(
            "INVALID_PARAMETER",
            f"dry_run must be true or false, got {text[:20]!r}.",
            param="dry_run",
            suggestion="Send dry_run=true to see what would become of each row.",
        )
    return text == "true"


def _require(headers: dict[bytes, bytes], *kinds: bytes) -> None:
    said = headers.get(b"content-type", b"").lower()
    media, _, parameters = said.partition(b";")
    if media.strip() not in kinds or (
        b"charset" in parameters and b"utf-8" not in parameters and b"utf8" not in parameters
    ):
        raise ApiError(
            "UNSUPPORTED_MEDIA_TYPE",
            f"The body is declared as {said.decode('latin-1')[:100]!r}.",
            param="Content-Type",
            suggestion=f"Send Content-Type: {kinds[0].decode()}, encoded as UTF-8.",
        )
