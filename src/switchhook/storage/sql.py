"""Named queries out of the files in `queries/`: one text for both databases, a variant only where they must differ.

-- name: event_by_dedupe_key
-- The first event of a fact. `$1` is the first argument.
SELECT ... WHERE workspace_id = $1

-- name: something (sqlite)

A name with `(sqlite)` or `(postgresql)` is that database's own form, where one text will not do. Words after the
database are marks. `each`: every argument is an array with one element for each row, and the first column that comes
back is the number of the row it answers, from 0. `owned`: the number of the process that runs it is added as the last
argument.
"""

import re
from functools import cache
from importlib import resources

_HEAD = re.compile(r"^-- name: (\w+)(?: \((\w+)((?: \w+)*)\))?\s*$", re.MULTILINE)


@cache
def _text() -> str:
    folder = resources.files(__package__).joinpath("queries")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return "\n".join(f.read_text(encoding="utf-8") for f in files)


@cache
def queries(dialect: str) -> dict[str, str]:
    """All queries of `dialect` (`sqlite` or `postgresql`) by name.

    Raises:
        ValueError: a name stands twice for the same dialect.
    """
    text = _text()
    heads = list(_HEAD.finditer(text))
    found: dict[str, str] = {}
    special: set[str] = set()
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        name, variant = head.group(1), head.group(2)
        body = text[head.end() : following.start() if following else len(text)]
        sql = "\n".join(line for line in body.splitlines() if line.strip() and not line.startswith("--"))
        if variant not in (None, dialect) or (variant is None and name in special):
            continue
        if name in found and variant is None:
            raise ValueError(f"the query {name!r} stands twice")
        if variant is not None:
            special.add(name)
        # SQLite numbers `$1` by first appearance; `?1` means the first argument in both places.
        found[name] = re.sub(r"\$(\d+)", r"?\1", sql) if dialect == "sqlite" else sql
    return found


@cache
def marked(dialect: str, mark: str) -> frozenset[str]:
    """The names of the queries of `dialect` that carry `mark`."""
    heads = _HEAD.finditer(_text())
    return frozenset(h.group(1) for h in heads if h.group(2) == dialect and mark in h.group(3).split())


@cache
def migrations(dialect: str) -> list[tuple[int, str]]:
    """The migrations of `dialect` in order, as (number, SQL script)."""
    folder = resources.files(__package__).joinpath("migrations", dialect)
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    return [(int(name.split("_")[0]), folder.joinpath(name).read_text(encoding="utf-8")) for name in files]
