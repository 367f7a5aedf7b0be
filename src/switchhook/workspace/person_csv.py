"""People as CSV: what a file says of them, row by row, and people written down. Pure.

    bytes ─▶ table (text, separator, columns) ─▶ a draft for each row, or what is wrong with it

An empty cell says nothing. Several numbers or addresses in a cell have `;` between them,
and a backslash before a `;` or a backslash of their own.

Whoever calls us may have chosen their own name, and a spreadsheet computes what begins with `=`: such a text is written
with an apostrophe before it, which is taken off again when it is read.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from switchhook.events.faults import nearest
from switchhook.storage.people import Contact, Property, fold
from switchhook.workspace import properties
from switchhook.workspace.contacts import Change, ContactFault, clean_emails, clean_numbers

FIELDS = ("name", "last_name", "job_title", "website", "address", "company", "numbers", "emails")
"""The columns of every file that is written, before those of the workspace's properties."""

_LISTS = ("numbers", "emails")
_LONGEST = {"website": 2048, "address": 2048}  # characters; others 500
_NAMES = {
    "name": "first name, firstname, given name, prenom, vorname",
    "last_name": "last name, lastname, surname, family name, nom, nachname",
    "job_title": "job title, title, position",
    "website": "url, web site",
    "address": "street address, adresse",
    "company": "company name, organization, organisation, societe, firma",
    "numbers": "number, phone, phones, phone number, phone numbers, mobile, mobile phone, telephone, tel, telefon",
    "emails": "email, e mail, mail, email address, email addresses, e mail address",
}
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names.split(", ")}
_PARTS = re.compile(r"(?:\\[\\;]|[^;])+")
_COMPUTED = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]").match  # the last four are wide ones
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class CsvFault(ValueError):
    """The file cannot be read. `column` is which one, empty when it is none of them."""

    def __init__(self, message: str, column: str = "") -> None:
        super().__init__(message)
        self.column = column


class RowFault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a row."""

    field: str
    code: str
    message: str


class Draft(msgspec.Struct, frozen=True):
    """What a row or a card says: `change` without a company, and the company's name. With faults nothing of it holds.

    `ignored` names what stands there and has no place in a person.
    """

    line: int
    change: Change
    company: str | None
    faults: tuple[RowFault, ...] = ()
    ignored: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """A file: what its columns are, and the number of each row's first line with its cells."""

    columns: tuple[str, ...]
    rows: list[tuple[int, list[str]]]


def read_table(body: bytes, defined: Sequence[Property]) -> Table:
    """The rows of a file whose first one names the columns.

    Raises:
        CsvFault: it is no CSV in UTF-8, or a column is not known or stands twice.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CsvFault("The file is not UTF-8; save it as CSV in UTF-8.") from None
    if "\0" in text:
        raise CsvFault("The file holds the character U+0000; leave it out.")
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=_separator(text), strict=True)
    rows: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        raise CsvFault(
            f"Line {before + 1} is no CSV ({error}); put quotes around cells with separators, and double those in them."
        ) from None
    if not rows:
        raise CsvFault("The file is empty; its first line names the columns.")
    return Table(_columns(rows[0][1], defined), rows[1:])


def _separator(text: str) -> str:
    """The separator that makes the most columns of the first line."""
    head = text.lstrip().partition("\n")[0]
    return max(",;\t", key=head.count)


def _columns(head: Sequence[str], defined: Sequence[Property]) -> tuple[str, ...]:
    keys = [one.key for one in defined]
    found: list[str] = []
    for cell in head:
        name = " ".join(re.sub(r"[_\-/.]", " ", fold(cell)).split())
        bare = cell.strip()
        column = bare if bare in (*FIELDS, *keys) else name.replace(" ", "_")
        if column not in (*FIELDS, *keys):
            column = _FIELD_OF.get(name, "")
        if not column:
            like = nearest(bare, (*FIELDS, *keys))
            advice = f"did you mean {like}?" if like else "take it out, or define a property of this key."
            raise CsvFault(f"The column {bare[:64]!r} is not known; {advice}", bare[:64])
        if column in found and column not in _LISTS:
            raise CsvFault(f"Two columns say the {column}; take one out.", bare[:64])
        found.append(column)
    if not set(_LISTS) & set(found):
        raise CsvFault("No column has numbers or e-mail addresses, by which people are known; add one.")
    return tuple(found)


def drafts(table: Table, defined: Sequence[Property], region: str) -> Iterator[Draft]:
    """What each row says. `region` is whose national spelling of numbers is understood."""
    known = {one.key: one for one in defined}
    for line, cells in table.rows:
        yield _draft(line, cells, table.columns, known, region)


def _draft(
    line: int, cells: Sequence[str], columns: Sequence[str], known: Mapping[str, Property], region: str
) -> Draft:
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    own: dict[str, Any] = {}
    faults: list[RowFault] = []
    if any(cell.strip() for cell in cells[len(columns) :]):
        faults.append(
            RowFault("", "INVALID_FIELD", f"There are {len(cells)} cells under {len(columns)} columns.")
        )
    for column, written in zip(columns, cells, strict=False):
        if not written.strip():
            continue
        cell = _uncovered(written)
        if column in _LISTS:
            lists.setdefault(column, []).extend(split_cell(cell))
        elif column in known and column not in FIELDS:
            own[column] = property_value(known[column], cell)
        else:
            texts[column] = cell.strip()
    return draft_of(line, texts, lists, own, known=known, region=region, faults=faults)


def draft_of(
    line: int,
    texts: dict[str, str],
    lists: dict[str, list[str]],
    own: dict[str, Any],
    *,
    known: Mapping[str, Property],
    region: str,
    faults: Sequence[RowFault] = (),
    one: str = "row",
) -> Draft:
    """What the texts, lists and properties of one row or card come to; `faults` were found before."""
    faults = list(faults)
    for field, text in texts.items():
        if len(text) > (longest := _LONGEST.get(field, 500)):
            faults.append(RowFault(field, "INVALID_FIELD", f"This has at most {longest} characters."))
    try:
        lists["numbers"] = list(clean_numbers(lists.get("numbers", ()), region))
    except ContactFault as error:
        faults.append(RowFault(error.field, "INVALID_PHONE_NUMBER", str(error)))
    try:
        lists["emails"] = list(clean_emails(lists.get("emails", ())))
    except ContactFault as error:
        faults.append(RowFault(error.field, "INVALID_FIELD", str(error)))
    for key, wrong in properties.faults(own, list(known.values())).items():
        faults.append(RowFault(key, "INVALID_FIELD", wrong))
    if not faults and not lists["numbers"] and not lists["emails"]:
        missing = f"A {one} needs a number or an e-mail address: by it a person is known."
        faults.append(RowFault("numbers", "MISSING_FIELD", missing))
    company = texts.get("company")
    said = {field: text for field, text in texts.items() if field != "company"}
    change = Change(**said, **lists, properties=own)  # type: ignore[arg-type]  # by the names of its fields
    return Draft(line, change, company, tuple(faults))


def property_value(definition: Property, cell: str) -> Any:
    """A cell as a property of its kind holds it; the text itself when it is none."""
    text = cell.strip()
    if definition.kind == "text" or cell in definition.choices:
        return cell
    if definition.kind == "boolean":
        return _TRUTH.get(text.casefold(), text)
    if definition.kind == "number":
        try:
            return msgspec.json.decode(text, type=int | float)
        except (msgspec.MsgspecError, ValueError):
            return text
    return text


def split_cell(cell: str) -> list[str]:
    """The texts of a cell that holds several."""
    parts = (re.sub(r"\\([\\;])", r"\1", part).strip() for part in _PARTS.findall(cell))
    return [part for part in parts if part]


def join_cell(texts: Iterable[str]) -> str:
    """Several texts as one cell."""
    return ";".join(re.sub(r"([\\;])", r"\\\1", text) for text in texts)


def _covered(text: str) -> str:
    """A text as a cell that no spreadsheet computes."""
    return f"'{text}" if _COMPUTED(text) else text


def _property_cell(value: Any) -> str:
    text = property_text(value)
    return _covered(text) if isinstance(value, str) else text


def _uncovered(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _COMPUTED(cell) else cell


def write_head(defined: Sequence[Property]) -> bytes:
    """The first line of a file."""
    return _line([*FIELDS, *(one.key for one in defined)])


def write_person(contact: Contact, company: str | None, defined: Sequence[Property]) -> bytes:
    """A person's row; `company` is the name of the contact's."""
    texts = (contact.name, contact.last_name, contact.job_title, contact.website, contact.address, company)
    own = (contact.properties.get(one.key) for one in defined)
    return _line(
        [
            *(_covered(text or "") for text in texts),
            join_cell(contact.numbers),
            _covered(join_cell(contact.emails)),
            *("" if value is None else _property_cell(value) for value in own),
        ]
    )


def property_text(value: Any) -> str:
    """The value of a property as `property_value` reads it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _line(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()
