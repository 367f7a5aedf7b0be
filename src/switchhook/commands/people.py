"""`switchhook import` and `switchhook export`: the people of a workspace as CSV or vCards.

A file is sent in pieces, so that one of any size is taken; each piece is stored or refused row by row, and the report
is of the whole file.
"""

import http.client
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from switchhook.commands.client import Client, ServerError, server
from switchhook.commands.printing import cell, json_option, print_json

PIECE = 256 * 1024  # bytes
_BLANK = b' \t\r\n,;"\xef\xbb\xbf'  # what a record holds that says nothing
_TYPES = {"csv": "text/csv", "vcard": "text/vcard"}
_PATHS = {"csv": "", "vcard": "/vcard"}
_BY_SUFFIX = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".vcf": "vcard", ".vcard": "vcard"}
_OUTCOMES = ("created", "updated", "unchanged", "faulty")
_FORMAT = click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "vcard"]),
    default=None,
    help="As its name ends without this.",
)


class Piece(NamedTuple):
    """A part of a file that can be read by itself. Line `n` of it is line `n + ahead` of the file."""

    content: bytes
    ahead: int


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@_FORMAT
@click.option("--dry-run", is_flag=True, help="Tell what would become of each row, and store nothing.")
@json_option
@server
def import_command(file: Path, kind: str | None, dry_run: bool, as_json: bool, client: Client) -> None:
    """Bring people from FILE (CSV or vCards; `-` for standard input) into the workspace.

    Rows are about the person who has one of their numbers, or else one of their addresses; others are created. The same
    file again changes nothing. Faulty rows are told and left out: the exit code is 1 then.
    """
    kind = kind or _BY_SUFFIX.get(file.suffix.lower())
    if kind is None:
        raise click.UsageError("--format csv or --format vcard: the name of the file does not say what it is")
    try:
        whole = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror or error}") from None
    pieces = list(csv_pieces(whole, PIECE) if kind == "csv" else card_pieces(whole, PIECE))
    count: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    bar = click.progressbar(
        pieces, label="importing", file=sys.stderr, hidden=not sys.stderr.isatty() or len(pieces) < 2
    )
    with bar:
        for piece in bar:
            told = _send(client, kind, piece, dry_run)
            count.update({name: told[name] for name in _OUTCOMES})
            rows += [one | {"line": one["line"] + piece.ahead} for one in told["rows"]]
    if as_json:
        print_json({"dry_run": dry_run, **{name: count[name] for name in _OUTCOMES}, "rows": rows})
    else:
        for one in rows:
            for fault in one["faults"]:
                where = f"line {one['line']}{': ' + fault['field'] if fault['field'] else ''}"
                click.echo(cell(f"{where}: {fault['message']}"), err=True)
        would = "would be " if dry_run else ""
        click.echo(
            ", ".join(f"{count[name]} {would if name != 'faulty' else ''}{name}" for name in _OUTCOMES)
        )
    if count["faulty"]:
        raise click.exceptions.Exit(1)


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default=Path("-"))
@_FORMAT
@server
def export_command(file: Path, kind: str | None, client: Client) -> None:
    """Write the people of the workspace to FILE, or to standard output, as CSV or vCards."""
    kind = kind or _BY_SUFFIX.get(file.suffix.lower(), "csv")
    blocks = _received(client, f"/v2/api/crm/people/export{_PATHS[kind]}")
    if str(file) == "-":
        for block in blocks:
            sys.stdout.buffer.write(block)
        return
    part = file.with_name(file.name + ".part")
    try:
        with part.open("wb") as out:
            out.writelines(blocks)
        part.replace(file)  # a file that is there is whole
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror or error}") from None


def _received(client: Client, path: str) -> Iterator[bytes]:
    try:
        connection, answer = client.open("GET", path)
        with connection:
            if answer.status >= 400:
                raise client.refusal(answer.status, answer.read())
            while block := answer.read(65_536):
                yield block
    except (OSError, http.client.HTTPException) as error:
        raise client.unreachable(error) from None


def _send(client: Client, kind: str, piece: Piece, dry_run: bool) -> dict[str, Any]:
    path = f"/v2/api/crm/people/import{_PATHS[kind]}?dry_run={str(dry_run).lower()}"
    try:
        found: dict[str, Any] = client.send("POST", path, piece.content, _TYPES[kind])["data"]
    except ServerError as error:
        if piece.ahead:
            raise ServerError(f"from line {piece.ahead + 2} on nothing was taken: {error.message}") from None
        raise
    return found


def csv_pieces(whole: bytes, size: int) -> Iterator[Piece]:
    """A table in pieces of whole records, each with the head. One that is UTF-16 stays whole. Pure."""
    if whole[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield Piece(whole, 0)
        return
    records = _records(whole)
    head = b""
    for record, _ in records:
        head += record
        if record.strip(_BLANK):  # what is blank before the head is passed over
            break
    content, ahead, lines = [head], 0, 0
    length = len(head)
    for record, tall in records:
        if length + len(record) > size and len(content) > 1:
            yield Piece(b"".join(content), ahead)
            ahead += lines
            content, length, lines = [head], len(head), 0
        content.append(record)
        length += len(record)
        lines += tall
    yield Piece(b"".join(content), ahead)


def _records(whole: bytes) -> Iterator[tuple[bytes, int]]:
    """Records of a table, each with its number of lines: one, unless a line ends within quotes."""
    record: list[bytes] = []
    quotes = 0
    for line in whole.splitlines(keepends=True):
        record.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            yield b"".join(record), len(record)
            record, quotes = [], 0
    if record:
        yield b"".join(record), len(record)


def card_pieces(whole: bytes, size: int) -> Iterator[Piece]:
    """Cards in pieces of whole cards. Pure."""
    content: list[bytes] = []
    ahead = lines = length = 0
    for line in whole.splitlines(keepends=True):
        content.append(line)
        length += len(line)
        lines += 1
        if length >= size and line.strip().upper() == b"END:VCARD":
            yield Piece(b"".join(content), ahead)
            ahead += lines
            content, length, lines = [], 0, 0
    if content or not ahead:
        yield Piece(b"".join(content), ahead)
