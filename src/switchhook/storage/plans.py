"""How a page of a search is found: out of all that an index of words finds, or by walking through in order.

    rare      index of words ──▶ everything that fits ──▶ sorted, counted: the page, and how many there are
    frequent  in order ──▶ the first that fit: the page; how many there are is estimated

What nearly everything has in it is soon found in any order, and long to count. The newest rows tell which it is.
"""

from collections.abc import Iterable

import msgspec

COUNTED = 10_000  # what an index is expected to find at most, to be read and counted as a whole
VISITED = 2_500  # the same where all that an index finds is fetched from its table
VISIT = 4  # rows that are walked through in the time of fetching one from another page
SAMPLE = 1_000  # of the newest rows, looked at to tell what is frequent
BUNCHED = 50  # in the order of names what fits stands together: a page may be that much farther away


class Condition(msgspec.Struct, frozen=True):
    """A condition on the rows that are looked for: a piece of a query (`storage/queries`) and its argument."""

    piece: str
    value: object


class Sample(msgspec.Struct, frozen=True):
    """Of the `looked_at` newest rows, how many fit (`fitting`), and how many have the rarest part (`leading`)."""

    looked_at: int
    fitting: int
    leading: int

    def of(self, fitting: int, everything: int) -> int:
        """How many `fitting` of the sample stand for, of `everything`."""
        return round(fitting * everything / self.looked_at) if self.looked_at else 0


class Total(int):
    """How many there are. When `exact` is False it is an estimate, but not less than what the page shows there is."""

    exact: bool

    def __new__(cls, count: int, *, exact: bool = True) -> "Total":
        """`count` of them."""
        made = super().__new__(cls, count)
        made.exact = exact
        return made


class TooFar(Exception):
    """The page is beyond the first `COUNTED` of a search that finds more."""


def in_order(
    sample: Sample, everything: int, wanted: int, *, bunched: bool = False, visited: bool = False
) -> bool:
    """Whether the first `wanted` are found by walking through in order rather than through the index. Pure.

    `everything` is how many rows there are; `bunched` when what fits may stand together in that order; `visited` when
    all that the index finds is fetched from its table, each row from another page.
    """
    found = sample.of(sample.leading, everything)
    if found <= (VISITED if visited else COUNTED) or not sample.fitting:
        return False
    walked = wanted * sample.looked_at / sample.fitting * (BUNCHED if bunched else 1)
    return walked < found * (VISIT if visited else 1)


def estimated(expected: int, offset: int, limit: int, found: int) -> Total:
    """How many there are, after a walk that looked for one more than `limit` and found `found`. Pure."""
    if found > limit:
        return Total(max(expected, offset + found), exact=False)
    if found or not offset:
        return Total(offset + found)  # it came to the end
    return Total(min(expected, offset), exact=False)


def near(offset: int, limit: int) -> None:
    """Walk no farther than this.

    Raises:
        TooFar: it is beyond.
    """
    if offset + limit > COUNTED:
        raise TooFar


def named(frame: str, more: Iterable[Condition], scope: Iterable[Condition] = (), order: str = "") -> str:
    """The name of a query out of its pieces, see `sql.Queries`."""
    first = " ".join(condition.piece for condition in scope)
    rest = " ".join(condition.piece for condition in more)
    return f"{frame} {order} {first + ' :' if first else ''} {rest}"


def values(*conditions: Condition) -> list[object]:
    """The arguments of conditions, in their order."""
    return [condition.value for condition in conditions]
