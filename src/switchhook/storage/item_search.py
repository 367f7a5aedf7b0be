"""Finding items: by what they are, and by the words that were said; a page at a time."""

from collections.abc import Mapping, Sequence

from switchhook.storage.conversations import FOREVER, Item, ItemFilter, ItemSort, item_of, tally_of_number
from switchhook.storage.plans import (
    COUNTED,
    SAMPLE,
    VISITED,
    Condition,
    Sample,
    Total,
    estimated,
    in_order,
    named,
    near,
    values,
)
from switchhook.storage.search import tally
from switchhook.storage.store import Reader, Row

_FEW = 5  # of the sample that fit, so few that PostgreSQL is better asked about more
_FARTHER = 8_000  # of the newest rows: that many
_ENTRIES = (
    50,
    5,
)  # of the index of words that SQLite, and PostgreSQL, read in the time of one row of the table
_SCOPE = ("own_number", "contact_number")  # with an index each, in the order of time
_EXACT = ("user_email", "direction", "kind", "result")
_FLAGS = ("unread", "unresponded", "recorded")


async def find_items(
    reader: Reader, workspace: str, which: ItemFilter, sort: ItemSort, *, limit: int, offset: int
) -> tuple[list[Item], Total]:
    """A page of the items that fit, and how many there are.

    Raises:
        TooFar: a late page of words that very many have.
    """
    search = _Search(reader, workspace, which, sort, limit=limit, offset=offset)
    if which.words:
        rows, total = await search.by_words()
    else:
        rows, total = await search.walk(limit), Total(await search.count())
    return [item_of(row) for row in rows], total


class _Search:
    """One search, and the ways to its page."""

    def __init__(
        self, reader: Reader, workspace: str, which: ItemFilter, sort: ItemSort, *, limit: int, offset: int
    ) -> None:
        self._reader = reader
        self._workspace = workspace
        self._scope = [Condition(name, getattr(which, name)) for name in _SCOPE if getattr(which, name)]
        if which.since:
            self._scope.append(Condition("since", which.since))
        if which.until != FOREVER:
            self._scope.append(Condition("until", which.until))
        self._more = [Condition(name, getattr(which, name)) for name in _EXACT if getattr(which, name)]
        if which.tags:
            self._more.append(Condition("tags", " ".join(which.tags)))
        for name in _FLAGS:
            if (flag := getattr(which, name)) is not None:
                self._more.append(Condition(name, int(flag)))
        self._words = tuple(dict.fromkeys(which.words))
        self._of_one = bool(which.contact_number)
        self._best = sort == "RELEVANCE"
        self._order = "by_oldest" if sort == "DATE_ASC" else "by_newest"
        self._limit = limit
        self._offset = offset

    async def walk(self, limit: int, words: Sequence[str] = ()) -> list[Row]:
        """The page with `limit` rows, walking through in order."""
        more = [*self._more, *_spoken(words)]
        query = named("items", more, self._scope, self._order)
        return await self._fetch(query, limit, self._offset, more=more)

    async def count(self, words: Sequence[str] = ()) -> int:
        """How many fit, one by one unless that is kept."""
        return await self._count([*self._more, *_spoken(words)])

    async def _count(self, more: Sequence[Condition]) -> int:
        if not more and (known := await self._kept()) is not None:
            return known
        ((count,),) = await self._fetch(named("count_items", more, self._scope), more=more)
        return int(count)

    async def _kept(self) -> int | None:
        """How many items there are in the scope, when that is kept: of all, and of one of our numbers."""
        if not self._scope:
            return await tally(self._reader, self._workspace, "items")
        first, *others = self._scope
        if others or first.piece != "own_number":
            return None
        return await tally_of_number(self._reader, self._workspace, str(first.value), "items")

    async def by_words(self) -> tuple[list[Row], Total]:
        """The page of the words."""
        if self._of_one and not self._best:  # what was said with one number is read as a whole
            rows = await self.walk(self._limit, self._words)
            return rows, Total(await self.count(self._words))
        everything = await tally(self._reader, self._workspace, "items")
        leading = self._words
        if everything > COUNTED:
            sample, leading = await self._sampled(everything)
            if sample.looked_at < SAMPLE and not self._best:
                rows = await self.walk(self._limit, self._words)  # no more than that in all
                return rows, Total(await self.count(self._words))
            if sample.of(sample.fitting, everything) > COUNTED:
                near(self._offset, self._limit)
            if in_order(sample, everything, self._offset + self._limit, visited=self._reader.shared):
                rows = await self.walk(self._limit + 1, self._words)
                expected = sample.of(sample.fitting, await self._count([]))
                return rows[: self._limit], estimated(expected, self._offset, self._limit, len(rows))
        return await self._found(self._words if self._best else leading)

    async def _sampled(self, everything: int) -> tuple[Sample, tuple[str, ...]]:
        """How frequent the words are among `everything`, and which of them are to be looked for in the index."""
        looked_at, fitting = await self._sample([*self._more, *_spoken(self._words)])
        counts = {
            word: fitting
            if len(self._words) == 1 and not self._more
            else (await self._sample(_spoken([word])))[1]
            for word in sorted(self._words, key=len, reverse=True)[:8]
        }
        rarest = min(counts.values())
        leading = led_by(counts, _ENTRIES[self._reader.shared])
        sample = Sample(looked_at, fitting, rarest)
        if self._reader.shared and fitting < min(rarest, _FEW) and sample.of(rarest, everything) > VISITED:
            farther, fitting = await self._sample([*self._more, *_spoken(self._words)], _FARTHER)
            sample = Sample(farther, fitting, rarest * farther // looked_at)
        return sample, leading

    async def _sample(self, more: Sequence[Condition], size: int = SAMPLE) -> tuple[int, int]:
        query = named("sample_items", more, self._scope)
        ((looked_at, fitting),) = await self._fetch(query, size, more=more)
        return int(looked_at), int(fitting)

    async def _found(self, leading: Sequence[str]) -> tuple[list[Row], Total]:
        """The page out of all that the index of words finds for `leading`."""
        more = [*self._more, *_spoken([word for word in self._words if word not in leading])]
        match = _match(leading, self._reader.shared)
        frame = "best_items" if self._best else "found_items"
        query = named(frame, more, self._scope, "" if self._best else self._order)
        rows = await self._fetch(query, self._limit, self._offset, match, more=more)
        if rows or not self._offset:
            return [row[:-1] for row in rows], Total(rows[0][-1] if rows else 0)
        ((count,),) = await self._fetch(named("count_found_items", more, self._scope), match, more=more)
        return [], Total(count)

    async def _fetch(self, query: str, *args: object, more: Sequence[Condition] = ()) -> list[Row]:
        return await self._reader.fetch(query, self._workspace, *args, *values(*self._scope, *more))


def led_by(counts: Mapping[str, int], entries: int) -> tuple[str, ...]:
    """The words to look for in the index, by how many rows of the sample have them; the rows tell of the others. Pure.

    `entries` of the index are read in the time of one row. A word is left to the rows when its own part of the index
    takes longer to read than all rows that the rarest word finds. One that the sample has not at all counts as half.
    """
    rarest = min(counts, key=lambda word: counts[word])
    most = max(counts[rarest], 0.5) * entries
    return tuple(word for word in counts if word == rarest or counts[word] <= most)


def _spoken(words: Sequence[str]) -> list[Condition]:
    return [Condition("word", f" {word}") for word in words]


def _match(words: Sequence[str], shared: bool) -> str:
    """All of `words`, each of which may be the beginning of one. They hold letters and digits only."""
    return (
        " & ".join(f"'{word}':*" for word in words)
        if shared
        else " AND ".join(f'"{word}"*' for word in words)
    )
