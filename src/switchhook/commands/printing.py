"""What the commands print: JSON, a table on a terminal, lines with tabs in a pipe."""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_CONTROLS = re.compile("[\x7f-\x9f]")  # what JSON leaves as it is and a terminal may obey


def json_option(function: F) -> F:
    """The option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def print_json(value: object) -> None:
    """`value` for programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_rows(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> None:
    """The `columns` of `rows` for people: a table on a terminal, else a line each, with tabs between."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(cell(row.get(column)) for column in columns))
        return
    from rich.console import Console  # only where there is somebody to see it
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(column))) for column in columns))
    Console(highlight=False).print(table)


def print_fields(value: Mapping[str, object], names: Sequence[str] | None = None) -> None:
    """One thing for people: a line for each of its fields (`names`, or all of them)."""
    names = list(value) if names is None else names
    width = max((len(name) for name in names), default=0)
    for name in names:
        click.echo(f"{name:<{width}}  {cell(value.get(name))}".rstrip())


def cell(value: object) -> str:
    """`value` as it stands in a line: lists with commas; nothing that would move the cursor or break the line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(cell(one) for one in value)
    if isinstance(value, Mapping):
        return harmless(json.dumps(value, ensure_ascii=False))
    return harmless(str(value))


def harmless(text: str) -> str:
    """`text` without what a terminal obeys: others may have written it."""
    return "".join(
        one if unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else repr(one)[1:-1]
        for one in text
    )
