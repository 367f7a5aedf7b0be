"""What the commands print: JSON, a table on a terminal, lines with tabs in a pipe."""

import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_LEAST = 12  # characters for every further column of a table, with the space before it
_CONTROLS = re.compile("[\x7f-\x9f]")  # what JSON leaves as it is and a terminal may obey


def json_option(function: F) -> F:
    """The option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def print_json(value: object) -> None:
    """`value` for programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_rows(rows: Iterable[Mapping[str, object]], columns: Sequence[str], *, none: str = "") -> None:
    """The `columns` of `rows` for people: a table on a terminal, else a line each, with tabs between.

    The first column is what others are named by: it stands in one piece. On a terminal too narrow for that and the
    others, each row is a few lines. `none` is what somebody at a terminal is told when there is no row.
    """
    shown = [[cell(row.get(column)) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for line in shown:
            click.echo("\t".join(line))
        return
    if not shown:
        click.echo(none, err=True)
        return
    from rich.console import Console  # only where there is somebody to see it
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if max(len(line[0]) for line in shown) + _LEAST * (len(columns) - 1) > console.width:
        for number, line in enumerate(shown):
            click.echo("\n" * bool(number), nl=False)
            print_fields(dict(zip(columns, line, strict=True)))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=number == 0)
    for line in shown:
        table.add_row(*(Text(one) for one in line))
    console.print(table)


def coloured(text: str, colour: str) -> str:
    """`text` in a colour, on a terminal that has not been asked for none (https://no-color.org)."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)


def flat(value: Mapping[str, object], head: str = "") -> dict[str, object]:
    """A thing with other things in it as one: `stats.pending`. Pure."""
    found: dict[str, object] = {}
    for name, one in value.items():
        found |= flat(one, f"{head}{name}.") if isinstance(one, Mapping) and one else {f"{head}{name}": one}
    return found


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
