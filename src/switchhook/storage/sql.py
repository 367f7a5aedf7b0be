"""Named queries out of the files in `queries/`: one text for both databases, a variant only where they must differ.

-- name: event_by_dedupe_key
-- The first event of a fact. `$1` is the first argument.
SELECT ... WHERE workspace_id = $1

-- name: something (sqlite)

A name with `(sqlite)` or `(postgresql)` is that database's own form, where one text will not do. Words after the
database are marks. `each`: every argument is an array with one element for each row, and the first column that comes
back is the number of the row it answers, from 0. `owned`: the number of the process that runs it is added as the last
argument.

-- frame: people
-- piece: pattern

A frame is a query that is put together of pieces when it is asked for: `people by_name_asc pattern pattern`. Its
`{order}` is the piece whose name begins with `by_`, its `{more}` the others, each a condition; those before a `:` go to
`{scope}`. A condition takes one argument, `$a`, after those of the frame and of the pieces before it. `{name}` is the
piece of that name anywhere. So a plan is chosen for what is asked for, and not for all that could be.
"""

import re
from functools import cache, lru_cache
from importlib import resources

_HEAD = re.compile(r"^-- (name|frame|piece): (\w+)(?: \((\w+)((?: \w+)*)\))?\s*$", re.MULTILINE)
COMPOSED = 500  # queries that are kept put together


class Queries(dict[str, str]):
    """The queries of one database by name; those of frames and pieces are put together when they are asked for."""

    def __init__(self, frames: dict[str, str], pieces: dict[str, str], dialect: str) -> None:
        super().__init__()
        self._frames = frames
        self._pieces = pieces
        self._dialect = dialect
        self._kept = lru_cache(COMPOSED)(self._composed)

    def __missing__(self, name: str) -> str:
        return self._kept(name)

    def numbered(self, sql: str) -> str:
        """`sql` with its arguments as this database numbers them."""
        # SQLite numbers `$1` by first appearance; `?1` means the first argument in both places.
        return re.sub(r"\$(\d+)", r"?\1", sql) if self._dialect == "sqlite" else sql

    def _composed(self, name: str) -> str:
        frame, *parts = name.split()
        if frame not in self._frames:
            raise KeyError(name)
        text = self._frames[frame]
        taken = max(int(number) for number in re.findall(r"\$(\d+)", text))
        order = [part for part in parts if part.startswith("by_")]
        conditions = [part for part in parts if part not in order]
        split = conditions.index(":") if ":" in conditions else 0
        places: dict[str, list[str]] = {"scope": [], "more": []}
        for at, part in enumerate(conditions):
            if part != ":":
                taken += 1
                place = "scope" if at < split else "more"
                places[place].append(f"AND {self._pieces[part]}".replace("$a", f"${taken}"))
        filled = {place: " ".join(texts) for place, texts in places.items()}
        if order:
            filled["order"] = self._pieces[order[0]]
        return self.numbered(_filled(text, {**self._pieces, **filled}))


def _filled(text: str, pieces: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: pieces[found[1]], text)


@cache
def _text() -> str:
    folder = resources.files(__package__).joinpath("queries")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return "\n".join(f.read_text(encoding="utf-8") for f in files)


@cache
def queries(dialect: str) -> Queries:
    """All queries of `dialect` (`sqlite` or `postgresql`) by name.

    Raises:
        ValueError: a name stands twice for the same dialect.
    """
    text = _text()
    heads = list(_HEAD.finditer(text))
    kinds: dict[str, dict[str, str]] = {"name": {}, "frame": {}, "piece": {}}
    special: set[str] = set()
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        kind, name, variant = head.group(1), head.group(2), head.group(3)
        body = text[head.end() : following.start() if following else len(text)]
        sql = "\n".join(line for line in body.splitlines() if line.strip() and not line.startswith("--"))
        if variant not in (None, dialect) or (variant is None and name in special):
            continue
        if name in kinds[kind] and variant is None:
            raise ValueError(f"the query {name!r} stands twice")
        if variant is not None:
            special.add(name)
        kinds[kind][name] = sql
    found = Queries(kinds["frame"], kinds["piece"], dialect)
    for name, sql in kinds["name"].items():
        found[name] = found.numbered(_filled(sql, kinds["piece"]))
    return found


@cache
def marked(dialect: str, mark: str) -> frozenset[str]:
    """The names of the queries of `dialect` that carry `mark`."""
    heads = _HEAD.finditer(_text())
    return frozenset(h.group(2) for h in heads if h.group(3) == dialect and mark in h.group(4).split())


@cache
def migrations(dialect: str) -> list[tuple[int, str]]:
    """The migrations of `dialect` in order, as (number, SQL script)."""
    folder = resources.files(__package__).joinpath("migrations", dialect)
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    return [(int(name.split("_")[0]), folder.joinpath(name).read_text(encoding="utf-8")) for name in files]
