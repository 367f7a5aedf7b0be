"""What every paged answer carries."""

from msgspec import Struct


class Pagination(Struct, frozen=True):
    """Where a page stands."""

    page: int
    size: int
    total_count: int
    total_pages: int
    has_more: bool
