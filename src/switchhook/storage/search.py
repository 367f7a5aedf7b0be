"""Finding people, companies and deals: patterns over what they are found by, sorted, a page at a time."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from switchhook.storage.people import Company, Contact, Deal, company_of, contact_of, contains, deal_of
from switchhook.storage.plans import (
    COUNTED,
    SAMPLE,
    Condition,
    Sample,
    Total,
    estimated,
    in_order,
    named,
    near,
    values,
)
from switchhook.storage.store import Reader, Row

Sort = Literal["DATE_DESC", "DATE_ASC", "NAME_ASC", "NAME_DESC", "CREATED_DESC", "CREATED_ASC"]

PATTERNS = 8
_COMPANY_PATTERNS = 5
_GRAM = 3  # letters in a row that the index knows
_GRAMS = 60  # of a pattern that are looked for in the index


class Page(msgspec.Struct, frozen=True):
    """Which part of what is found: `limit` rows after the first `offset`, in an order."""

    sort: Sort
    limit: int
    offset: int


class PeopleFilter(msgspec.Struct, frozen=True):
    """Which people. `patterns` (LIKE) must all fit, see `people.contains`; the rest is exact, and empty for any."""

    patterns: tuple[str, ...] = ()
    deal_status: str = ""
    number: str = ""

    @property
    def everybody(self) -> bool:
        """Whether it leaves nobody out."""
        return not (self.patterns or self.deal_status or self.number)


async def find_people(
    reader: Reader, workspace: str, which: PeopleFilter, page: Page
) -> tuple[list[Contact], Total]:
    """A page of those who fit, and how many there are.

    Raises:
        TooFar: a late page of what very many have.
    """
    order = f"by_{page.sort.lower()}"
    everything = await tally(reader, workspace, "people")
    if which.everybody:
        rows = await reader.fetch(f"people {order}", workspace, page.limit, page.offset)
        return [contact_of(row) for row in rows], Total(everything)
    # The longest part leads: it names the fewest.
    patterns = sorted(which.patterns, key=lambda pattern: -_letters(pattern))[:PATTERNS]
    asked = [Condition("pattern", pattern) for pattern in patterns]
    if which.deal_status:
        asked.append(Condition("deal_status", which.deal_status))
    if which.number:
        query = named("people_of_number", asked, order=order)
        few = await reader.fetch(query, workspace, 1_000, which.number, *values(*asked))
        found = [contact_of(row) for row in few]
        return found[page.offset : page.offset + page.limit], Total(len(found))
    return await _search(reader, workspace, asked, page, everything)


async def _search(
    reader: Reader, workspace: str, asked: list[Condition], page: Page, everything: int
) -> tuple[list[Contact], Total]:
    leading = str(asked[0].value) if asked[0].piece == "pattern" else ""
    indexed = _letters(leading) >= _GRAM
    if everything > COUNTED:
        query = named("sample_people", asked)
        ((looked_at, fitting),) = await reader.fetch(query, workspace, SAMPLE, *values(*asked))
        sample = Sample(looked_at, fitting, fitting if indexed else looked_at)
        expected = sample.of(fitting, everything)
        if expected > COUNTED:
            near(page.offset, page.limit)
            bunched = indexed and page.sort.startswith("NAME")
            if in_order(sample, everything, page.offset + page.limit, bunched=bunched):
                rows = await _in_order(reader, workspace, asked, page, page.limit + 1)
                total = estimated(expected, page.offset, page.limit, len(rows))
                return [contact_of(row) for row in rows[: page.limit]], total
    if not indexed:
        rows = await _in_order(reader, workspace, asked, page, page.limit)
        count = await _count(reader, named("count_people", asked), workspace, *values(*asked))
        return [contact_of(row) for row in rows], Total(count)
    match = leading if reader.shared else grams(str(asked[i].value) for i in _patterns(asked))
    order = f"by_{page.sort.lower()}"
    query = named("found_people", asked, order=order)
    rows = await reader.fetch(query, workspace, page.limit, page.offset, match, *values(*asked))
    if rows or not page.offset:
        return [contact_of(row[:-1]) for row in rows], Total(rows[0][-1] if rows else 0)
    query = named("count_found_people", asked)
    return [], Total(await _count(reader, query, workspace, match, *values(*asked)))


async def _in_order(
    reader: Reader, workspace: str, asked: list[Condition], page: Page, limit: int
) -> list[Row]:
    query = named("people", asked, order=f"by_{page.sort.lower()}")
    return await reader.fetch(query, workspace, limit, page.offset, *values(*asked))


def _patterns(asked: Sequence[Condition]) -> list[int]:
    return [number for number, condition in enumerate(asked) if condition.piece == "pattern"]


def grams(patterns: Iterable[str]) -> str:
    """What SQLite's index of letters is asked for patterns: all that stands in them, three in a row at a time."""
    found = dict.fromkeys(
        run[at : at + _GRAM]
        for pattern in patterns
        for run in pattern.replace("_", "%").split("%")
        for at in range(len(run) - _GRAM + 1)
    )
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in list(found)[:_GRAMS])


async def tally(reader: Reader, workspace: str, what: Literal["people", "items"]) -> int:
    """How many people or items a workspace has."""
    return await _count(reader, f"tally_{what}", workspace)


async def find_companies(
    reader: Reader, workspace: str, patterns: tuple[str, ...], page: Page
) -> tuple[list[Company], int]:
    """A page of the companies that fit, and how many there are."""
    args: Row = (workspace, *_padded(patterns, _COMPANY_PATTERNS))
    rows = await reader.fetch("search_companies", *args, *_row(page))
    return [company_of(row) for row in rows], await _count(reader, "count_search_companies", *args)


async def find_deals(
    reader: Reader, workspace: str, status: str, text: str, page: Page
) -> tuple[list[Deal], int]:
    """A page of the deals of a status (any when empty) whose name has `text` in it, and how many there are."""
    args: Row = (workspace, status, contains(text))
    rows = await reader.fetch("search_deals", *args, *_row(page))
    return [deal_of(row) for row in rows], await _count(reader, "count_search_deals", *args)


def _row(page: Page) -> Row:
    return (page.sort, page.limit, page.offset)


async def _count(reader: Reader, query: str, *args: object) -> int:
    ((count,),) = await reader.fetch(query, *args)
    return int(count)


def _padded(patterns: Sequence[str], size: int) -> Row:
    return (*patterns[:size], *["%"] * (size - len(patterns)))


def _letters(pattern: str) -> int:
    """The longest run of a pattern's own letters."""
    return max((len(run) for run in pattern.replace("_", "%").split("%") if run.isprintable()), default=0)
