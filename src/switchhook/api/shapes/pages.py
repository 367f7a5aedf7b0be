"""What every paged answer carries."""

from msgspec import Struct


class Pagination(Struct, frozen=True, omit_defaults=True):
    """Where a page stands.

    `total_count_exact` is there, and false, when a search finds very many, from about 2,500 items or 10,000 people
    on: `total_count` and `total_pages` are estimates then, and pages beyond the first 10,000 are refused when more
    than that are there. `has_more` is exact always.
    """

    page: int
    size: int
    total_count: int
    total_pages: int
    has_more: bool
    total_count_exact: bool = True
