"""People as vCards: what a file of version 2.1, 3.0 or 4.0 says of them, card by card, and people written down. Pure.

    bytes ─▶ cards (their lines) ─▶ properties (unfolded, decoded) ─▶ a draft for each card, or what is wrong with it

RFC 2426 and RFC 6350; of 2.1 what address books still write: quoted-printable, character sets, parameters without a
name. A card that cannot be read does not keep the others from being read.
"""

import quopri
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from switchhook.storage.people import Contact, Property
from switchhook.workspace.contacts import Change
from switchhook.workspace.person_csv import Draft, RowFault, draft_of, property_text, property_value

VERSIONS = ("2.1", "3.0", "4.0")

_OWN = "X-SWITCHHOOK"  # a property of the workspace, its key in the parameter X-KEY
_NOTE = "note"  # the key of the property that holds the NOTE of a card
_SILENT = {"VERSION", "PRODID", "REV", "UID", "CLIENTPIDMAP", "N", "FN"}
_FIELD_OF = {"TITLE": "job_title", "URL": "website", "ADR": "address", "ORG": "company"}
_LINE = 75  # bytes
_CHARSETS = {
    *("utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "windows-1251", "koi8-r"),
    *("shift_jis", "euc-jp", "gb2312", "gbk", "big5"),
}
_BREAK = re.compile(rb"\r\n|\n|\r")
_PROPERTY = re.compile(
    rb'(?:[A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)((?:;[^:;"]*(?:"[^"]*"[^:;"]*)*)*):(.*)', re.DOTALL
)
_PARAMETER = re.compile(r';((?:[^;"]|"[^"]*")*)')
_COMPONENT = re.compile(r"((?:\\.|[^;])*)(?:;|$)", re.DOTALL)
_LISTED = re.compile(r"((?:\\.|[^,])*)(?:,|$)", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\;,:nN])")
_CUT_OFF = "The card has no END:VCARD; it may be cut off."
_OUTSIDE = "This stands outside of a card; put it between BEGIN:VCARD and END:VCARD."


class CardsFault(ValueError):
    """The file holds no vCard."""


class Card(msgspec.Struct, frozen=True):
    """What stands between the first and the last line of a card. `line` is where it begins, counted from 1.

    With a `fault` there is nothing to be read.
    """

    line: int
    lines: list[bytes] = []
    fault: str = ""


class _Said(msgspec.Struct, frozen=True):
    """One property of a card. `value` is decoded, its escapes still in it; parameters are in lower case."""

    name: str
    parameters: dict[str, list[str]]
    value: str


class _Unreadable(ValueError):
    """A card cannot be read; the text says why."""


def read_cards(body: bytes) -> list[Card]:
    """The cards of a file. What stands outside of them is told of as a card with a fault.

    Raises:
        CardsFault: there is none.
    """
    cards: list[Card] = []
    open_at = 0  # the line where the card that is read began; 0 outside of one
    inner = 0  # cards within it (AGENT of 2.1)
    lines: list[bytes] = []
    stray = False
    for number, line in enumerate(_BREAK.split(body.removeprefix(b"\xef\xbb\xbf")), 1):
        mark = line.rstrip().upper() if len(line) < _LINE else b""
        if mark == b"BEGIN:VCARD" and open_at and (inner or (lines and lines[-1].upper() == b"AGENT:")):
            inner += 1
        elif mark == b"BEGIN:VCARD":
            if open_at:
                cards.append(Card(open_at, fault=_CUT_OFF))
            open_at, lines, stray = number, [], False
        elif mark == b"END:VCARD" and inner:
            inner -= 1
        elif mark == b"END:VCARD" and open_at:
            cards.append(Card(open_at, lines))
            open_at = 0
        elif open_at:
            if not inner and line.strip():
                lines.append(line)
        elif line.strip() and not stray:
            cards.append(Card(number, fault=_OUTSIDE))
            stray = True
    if open_at:
        cards.append(Card(open_at, fault=_CUT_OFF))
    if all(card.fault == _OUTSIDE for card in cards):
        raise CardsFault("The file holds no vCard; one begins with the line BEGIN:VCARD.")
    return cards


def card_drafts(cards: Sequence[Card], defined: Sequence[Property], region: str) -> Iterator[Draft]:
    """What each card says. `region` is whose national spelling of numbers is understood."""
    known = {one.key: one for one in defined}
    for card in cards:
        try:
            if card.fault:
                raise _Unreadable(card.fault)
            yield _draft(card.line, _properties(card.lines), known, region)
        except _Unreadable as error:
            yield Draft(card.line, Change(), None, (RowFault("", "INVALID_FIELD", str(error)),))


def _properties(lines: Sequence[bytes]) -> list[_Said]:
    """The properties of a card.

    Raises:
        _Unreadable: one of its lines is none, or it is of a version that is not known.
    """
    version = next((line[8:].strip() for line in lines if line[:8].upper() == b"VERSION:"), b"").decode(
        errors="replace"
    )
    if version not in VERSIONS:
        raise _Unreadable(
            f"VERSION must be {', '.join(VERSIONS[:-1])} or {VERSIONS[-1]}, got {version[:20]!r}."
        )
    found = []
    for text in _unfolded(lines, old=version == "2.1"):
        parts = _PROPERTY.fullmatch(text)
        if parts is None:
            shown = text[:40].decode(errors="replace")
            raise _Unreadable(f"{shown!r} is no property; it needs a name, a colon and a value.")
        name = parts[1].decode().upper()
        parameters = _parameters(parts[2].decode(errors="replace"))
        found.append(_Said(name, parameters, _decoded(name, parameters, parts[3])))
    return found


def _unfolded(lines: Sequence[bytes], *, old: bool) -> Iterator[bytes]:
    """Whole properties: continued lines joined. Version 2.1 (`old`) keeps the blank that begins one."""
    pieces: list[bytes] = []
    soft = based = False  # what is open: a quoted-printable line that goes on, base64 of version 2.1
    for line in lines:
        if pieces and soft:
            pieces[-1] = pieces[-1][:-1]
            pieces.append(line)
        elif pieces and line[:1] in b" \t":
            pieces.append(line if old else line[1:])
        elif pieces and based and b":" not in line:
            pieces.append(line)
        else:
            if pieces:
                yield b"".join(pieces)
            pieces = [line]
            head = line.partition(b":")[0].upper()
            quoted = b"QUOTED-PRINTABLE" in head
            based = old and b"BASE64" in head
        soft = quoted and line.endswith(b"=")
    if pieces:
        yield b"".join(pieces)


def _parameters(raw: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in _PARAMETER.findall(raw):
        name, said, value = text.partition("=")
        if not said:  # version 2.1 says TEL;CELL:
            name, value = "TYPE", name
            if text.strip().upper() in ("QUOTED-PRINTABLE", "BASE64"):
                name = "ENCODING"
        values = value.replace('"', "").lower().split(",")
        found.setdefault(name.strip().upper(), []).extend(one.strip() for one in values)
    return found


def _decoded(name: str, parameters: Mapping[str, list[str]], raw: bytes) -> str:
    encodings = parameters.get("ENCODING", [])
    if "quoted-printable" in encodings:
        raw = quopri.decodestring(raw)
    charset = next(iter(parameters.get("CHARSET", ())), "utf-8")
    if charset not in _CHARSETS:
        raise _Unreadable(f"{name} has the character set {charset[:20]!r}, which is not known; use UTF-8.")
    try:
        text = raw.decode(charset)
    except UnicodeDecodeError:
        raise _Unreadable(f"{name} is not {charset.upper()}; save the file in UTF-8.") from None
    if "\0" in text:
        raise _Unreadable(f"{name} holds the character U+0000; leave it out.")
    return text.replace("\r\n", "\n")


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def _components(text: str) -> list[str]:
    """The components of a structured value; several values of one have a blank between them."""
    return [
        " ".join(part for one in _LISTED.findall(raw) if (part := _plain(one).strip()))
        for raw in _COMPONENT.findall(text)
    ]


def _rank(said: _Said) -> int:
    """How far to the front: 1 to 100 as version 4.0 says, 1 for what older ones prefer, 101 for the others."""
    pref = next(iter(said.parameters.get("PREF", ())), "")
    if pref.isdecimal() and len(pref) <= 3:
        return int(pref)
    return 1 if "pref" in said.parameters.get("TYPE", ()) else 101


def _draft(line: int, card: Sequence[_Said], known: Mapping[str, Property], region: str) -> Draft:
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {"numbers": [], "emails": []}
    own: dict[str, str] = {}
    ignored: dict[str, None] = {}
    full = ""
    for said in sorted(card, key=_rank):
        value = _plain(said.value).strip()
        field = _FIELD_OF.get(said.name)
        if not value.strip(";"):
            continue
        if said.name == "N":
            family, given, further = (*_components(said.value), "", "", "")[:3]
            texts |= {"last_name": family, "name": " ".join(filter(None, (given, further)))}
        elif said.name == "FN":
            full = full or value
        elif said.name == "TEL":
            lists["numbers"].append(value)
        elif said.name == "EMAIL":
            lists["emails"].append(re.sub(r"^mailto:", "", value, flags=re.IGNORECASE))
        elif field and field not in texts:
            texts[field] = _field(said, value)
        elif said.name == "NOTE" and _NOTE in known and known[_NOTE].kind == "text" and _NOTE not in own:
            own[_NOTE] = _plain(said.value)
        elif said.name == _OWN:
            own[next(iter(said.parameters.get("X-KEY", ())), "")] = _plain(said.value)
        elif said.name not in _SILENT:
            ignored[said.name[:64]] = None
    texts = {field: text for field, text in texts.items() if text}
    # What stands in FN for want of a name is none: every card must have one.
    stand_ins = (texts.get("company"), *lists["numbers"], *lists["emails"])
    if full and full not in stand_ins and not {"name", "last_name"} & texts.keys():
        texts["name"] = full
    values = {key: property_value(known[key], text) if key in known else text for key, text in own.items()}
    draft = draft_of(line, texts, lists, values, known=known, region=region, one="card")
    return msgspec.structs.replace(draft, ignored=tuple(ignored))


def _field(said: _Said, value: str) -> str:
    if said.name == "ORG":
        return _components(said.value)[0]
    if said.name == "ADR":
        return ", ".join(part for part in _components(said.value) if part)
    return value


def write_card(contact: Contact, uid: str, company: str | None, defined: Sequence[Property]) -> bytes:
    """A person's card, of version 3.0; `company` is the name of the contact's."""
    numbers, emails = contact.numbers, contact.emails
    shown = next(filter(None, (contact.full_name, company, *numbers, *emails)), uid)
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uid}",
        f"FN:{_escaped(shown)}",
        f"N:{_escaped(contact.last_name)};{_escaped(contact.name)};;;",
        *(f"TEL{'' if index else ';TYPE=pref'}:{number}" for index, number in enumerate(numbers)),
        *(f"EMAIL{'' if index else ';TYPE=pref'}:{_escaped(email)}" for index, email in enumerate(emails)),
    ]
    if company:
        lines.append(f"ORG:{_escaped(company)}")
    if contact.job_title:
        lines.append(f"TITLE:{_escaped(contact.job_title)}")
    if contact.website:
        lines.append(f"URL:{_escaped(contact.website)}")
    if contact.address:
        lines.append(f"ADR:;;{_escaped(contact.address)};;;;")
    for one in defined:
        value = contact.properties.get(one.key)
        if value is None:
            continue
        name = "NOTE" if one.key == _NOTE and one.kind == "text" else f"{_OWN};X-KEY={one.key}"
        lines.append(f"{name}:{_escaped(property_text(value))}")
    return b"".join(map(_folded, [*lines, "END:VCARD"]))


def _escaped(text: str | None) -> str:
    plain = re.sub(r"([\\;,])", r"\\\1", text or "")
    return re.sub(r"\r\n|\r|\n", r"\\n", plain)


def _folded(line: str) -> bytes:
    """A line in pieces of 75 bytes at most, none of which cuts a letter."""
    raw = line.encode()
    pieces: list[bytes] = []
    while len(raw) > _LINE - (1 if pieces else 0):
        end = _LINE - (1 if pieces else 0)
        while raw[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(raw[:end])
        raw = raw[end:]
    return b"\r\n ".join([*pieces, raw]) + b"\r\n"
