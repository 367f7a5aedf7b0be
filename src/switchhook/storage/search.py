"""Finding people, companies and deals: patterns over what they are found by, sorted, a page at a time."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from switchhook.storage.people import Company, Contact, Deal, company_of, contact_of, contains, deal_of
from switchhook.storage.store import Reader, Row

Sort = Literal["DATE_DESC", "DATE_ASC", "NAME_ASC", "NAME_DESC", "CREATED_DESC", "CREATED_ASC"]

PATTERNS = 8
_COMPANY_PATTERNS = 5
_GRAM = 3  # letters in a row that the index knows


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
) -> tuple[list[Contact], int]:
    """A page of those who fit, and how many there are."""
    if which.everybody:
        rows = await reader.fetch(f"people_{page.sort.lower()}", workspace, page.limit, page.offset)
        return [contact_of(row) for row in rows], await _count(reader, "count_people", workspace)
    # The longest part leads: it names the fewest.
    patterns = sorted(which.patterns, key=lambda pattern: -_letters(pattern))[:PATTERNS]
    args: Row = (workspace, *_padded(patterns, PATTERNS), which.deal_status)
    if which.number:
        few = await reader.fetch("search_people_of_number", *args, page.sort, 1_000, 0, which.number)
        found = [contact_of(row) for row in few]
        return found[page.offset : page.offset + page.limit], len(found)
    how = "search_people" if patterns and _letters(patterns[0]) >= _GRAM else "scan_people"
    rows = await reader.fetch(how, *args, *_row(page))
    return [contact_of(row) for row in rows], await _count(reader, f"count_{how}", *args)


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
