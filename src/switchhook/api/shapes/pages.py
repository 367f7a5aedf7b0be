"""What every paged answer carries."""

from msgspec import Struct


class Pagination(Struct, frozen=True, omit_defaults=True):
    """Where a page stands.

    `total_count_exact` is there, and false, when a search finds more than about 10,000: `total_count` and `total_pages`
    are estimates then, and pages beyond the first 10,000 are refused. `has_more` is exact always.
    """

    page: int
    size: int
    total_count: int
    total_pages: int
    has_more: bool
    total_count_exact: bool = True
