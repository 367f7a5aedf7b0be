"""What vCards say of people, and people written as vCards."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.storage.people import Contact, Property
from switchhook.workspace.person_csv import Draft
from switchhook.workspace.person_vcard import CardsFault, card_drafts, read_cards, write_card

NOW = 1_790_000_000_000
DEFINED = [
    Property("note", "Note", "text", (), NOW),
    Property("score", "Score", "number", (), NOW),
    Property("vip", "VIP", "boolean", (), NOW),
]
TEL = "TEL:+33612345678"
NUMBER = "+33612345678"


def read(file: str | bytes, defined: list[Property] = DEFINED) -> list[Draft]:
    body = file if isinstance(file, bytes) else file.encode()
    return list(card_drafts(read_cards(body), defined, "FR"))


def one(*lines: str, version: str = "3.0") -> Draft:
    (draft,) = read("\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""]))
    return draft


def said(draft: Draft) -> dict[str, object]:
    assert draft.faults == ()
    change = msgspec.structs.asdict(draft.change)
    shown = {
        key: value for key, value in change.items() if value is not msgspec.UNSET and value not in ([], {})
    }
    return shown | ({"company": draft.company} if draft.company else {})


@pytest.mark.parametrize(
    ("version", "lines", "what"),
    [
        ("3.0", ["N:Dupont;Marie;Anne;Dr;"], {"name": "Marie Anne", "last_name": "Dupont"}),
        ("3.0", ["FN:Marie Dupont", "N:;;;;"], {"name": "Marie Dupont"}),
        ("3.0", ["FN:Acme", "ORG:Acme;Sales"], {"company": "Acme"}),
        ("3.0", ["FN:+33612345678"], {}),
        ("3.0", ["N:Du\\;pont;Jean\\, Luc"], {"last_name": "Du;pont", "name": "Jean, Luc"}),
        ("3.0", ["TITLE:Head of", "  Sales", "URL:https://x.example"], {"job_title": "Head of Sales", "website": "https://x.example"}),
        ("3.0", ["ADR;TYPE=work:;;1 rue X;Paris;;75001;France"], {"address": "1 rue X, Paris, 75001, France"}),
        ("3.0", ["NOTE:one\\ntwo"], {"properties": {"note": "one\ntwo"}}),
        ("3.0", ["X-SWITCHHOOK;X-KEY=score:4.5"], {"properties": {"score": 4.5}}),
        ("3.0", ["item1.TEL;TYPE=pref:0698765432"], {"numbers": ["+33698765432", NUMBER]}),
        ("4.0", ['TEL;VALUE=uri;PREF=1;TYPE="a,b":tel:+33-6-98-76-54-32'], {"numbers": ["+33698765432", NUMBER]}),
        ("4.0", ["EMAIL:mailto:m@x.example", "EMAIL;PREF=2:n@x.example"], {"emails": ["n@x.example", "m@x.example"]}),
        ("2.1", ["TEL;CELL;PREF:0698765432"], {"numbers": ["+33698765432", NUMBER]}),
        ("2.1", ["TITLE:Head of", " Sales"], {"job_title": "Head of Sales"}),
        (
            "2.1",
            ["N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCl=", "ler;Zo=C3=AB"],
            {"last_name": "Müller", "name": "Zoë"},
        ),
        ("2.1", ["PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQ", "SkZJRgAB", "", "TITLE:Cook"], {"job_title": "Cook"}),
        ("2.1", ["AGENT:", "BEGIN:VCARD", "N:Other", "END:VCARD", "TITLE:Cook"], {"job_title": "Cook"}),
    ],
)  # fmt: skip
def test_what_a_card_says(version: str, lines: list[str], what: dict[str, object]) -> None:
    assert said(one(*lines, TEL, version=version)) == {"numbers": [NUMBER]} | what


def test_a_character_set_of_version_2_1_is_read() -> None:
    file = f"BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=ISO-8859-1:M\xfcller\n{TEL}\nEND:VCARD".encode("latin-1")
    assert said(read(file)[0])["last_name"] == "Müller"


def test_what_a_person_has_no_place_for_is_named() -> None:
    draft = one(TEL, "BDAY:1990-01-01", "URL:a", "URL:b", "PHOTO;ENCODING=b:AAAA", "UID:1", "REV:2", "X-ABC:")
    assert draft.ignored == ("BDAY", "URL", "PHOTO")
    plain = list(
        card_drafts(read_cards(f"BEGIN:VCARD\nVERSION:3.0\n{TEL}\nNOTE:x\nEND:VCARD".encode()), [], "FR")
    )
    assert plain[0].ignored == ("NOTE",)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["BEGIN:VCARD", "VERSION:5.0", TEL, "END:VCARD"], "got '5.0'"),
        (["BEGIN:VCARD", TEL, "END:VCARD"], "VERSION must be 2.1, 3.0 or 4.0"),
        (["BEGIN:VCARD", "VERSION:3.0", "nonsense", "END:VCARD"], "'nonsense' is no property"),
        (["BEGIN:VCARD", "VERSION:3.0", TEL], "no END:VCARD"),
        (["BEGIN:VCARD", "VERSION:3.0", "TEL:nonsense", "END:VCARD"], "no telephone number"),
        (["BEGIN:VCARD", "VERSION:3.0", "FN:Marie", "END:VCARD"], "A card needs a number"),
        (["BEGIN:VCARD", "VERSION:3.0", TEL, "TITLE:" + "x" * 501, "END:VCARD"], "at most 500"),
        (["BEGIN:VCARD", "VERSION:3.0", TEL, "TITLE:\0", "END:VCARD"], "U+0000"),
        (["BEGIN:VCARD", "VERSION:3.0", TEL, "FN;CHARSET=zip:x", "END:VCARD"], "character set 'zip'"),
        (["BEGIN:VCARD", "VERSION:3.0", TEL, "X-SWITCHHOOK;X-KEY=no:x", "END:VCARD"], "no property 'no'"),
        (["stray", "more of it"], "outside of a card"),
    ],
)
def test_a_broken_card_is_told_of_by_its_line_and_the_next_is_read(lines: list[str], words: str) -> None:
    good = ["BEGIN:VCARD", "VERSION:3.0", TEL, "END:VCARD"]
    first, broken, last = read("\n".join([*good, *lines, *good]))
    assert (broken.line, last.line) == (5, 5 + len(lines))
    assert words in broken.faults[0].message
    assert said(first) == said(last) == {"numbers": [NUMBER]}


def test_bytes_that_are_no_utf_8_break_one_card_only() -> None:
    card = b"BEGIN:VCARD\nVERSION:3.0\nN:M\xfc;\nTEL:+33612345678\nEND:VCARD\n"
    broken, good = read(card + card.replace(b"\xfc", b""))
    assert "not UTF-8" in broken.faults[0].message
    assert said(good)["last_name"] == "M"


@pytest.mark.parametrize("file", [b"", b"\xff\xfe", b"name,phone\n", b"END:VCARD"])
def test_a_file_without_a_card_is_refused(file: bytes) -> None:
    with pytest.raises(CardsFault):
        read_cards(file)


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")) | st.just("\n"), max_size=90).map(
    lambda text: text.strip().strip(";").strip() or None
)


NUMBERS = st.integers(0, 99).map(lambda n: f"+336000000{n:02}")
OWN = {"note": TEXTS, "score": st.integers(0, 10**9), "vip": st.booleans()}
PEOPLE = st.builds(
    Contact, workspace=st.just("w"), id=st.just("cnt_1"), created_at=st.just(NOW), updated_at=st.just(NOW),
    name=TEXTS, last_name=TEXTS, job_title=TEXTS, website=TEXTS, address=TEXTS,
    numbers=st.lists(NUMBERS, min_size=1, max_size=4, unique=True).map(tuple),
    emails=st.lists(st.sampled_from(["a@x.example", "b;c@x.example", "d,e\\f@x.example"]), unique=True).map(tuple),
    properties=st.fixed_dictionaries({}, optional=OWN).map(
        lambda own: {key: value for key, value in own.items() if value is not None}
    ),
)  # fmt: skip


@given(PEOPLE, TEXTS)
def test_who_is_written_as_a_card_is_read_as_the_same(person: Contact, company: str | None) -> None:
    card = write_card(person, "cnt-1", company, DEFINED)
    assert all(len(line) <= 75 for line in card.split(b"\r\n"))
    (draft,) = read(card)
    fields = ("name", "last_name", "job_title", "website", "address", "numbers", "emails", "properties")
    texts = {field: getattr(person, field) for field in fields} | {"company": company}
    whole = {key: list(value) if isinstance(value, tuple) else value for key, value in texts.items() if value}
    assert said(draft) == whole
    assert draft.ignored == ()


@pytest.mark.parametrize("blanks", [0, 1, 2])
def test_no_line_that_is_written_cuts_a_letter(blanks: int) -> None:
    person = Contact(workspace="w", id="cnt_1", name="x" * blanks + "€" * 90, created_at=NOW, updated_at=NOW)
    card = write_card(person, "cnt-1", None, [])
    assert max(len(line.decode()) for line in card.split(b"\r\n")) <= 75


@given(st.binary(max_size=300) | st.text('BEGINVCARD:END;=\\"\n ,ARS4.0T', max_size=200).map(str.encode))
def test_any_bytes_between_two_lines_are_read_or_told_of(inside: bytes) -> None:
    assert read(b"BEGIN:VCARD\nVERSION:3.0\n" + inside + b"\nEND:VCARD\n")
