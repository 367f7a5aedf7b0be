"""Numbers in their international spelling, and names left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.workspace.e164 import country, normalise


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("+33612345678", "FR", "+33612345678"),
        ("+33612345678", "US", "+33612345678"),
        ("  +33 6 12 34 56 78 ", "FR", "+33612345678"),
        ("0612345678", "FR", "+33612345678"),
        ("06.12.34.56.78", "FR", "+33612345678"),
        ("06-12-34-56-78", "FR", "+33612345678"),
        ("+33 (0)6 12 34 56 78", "FR", "+33612345678"),
        ("(0)612345678", "FR", "+33612345678"),
        ("0033612345678", "FR", "+33612345678"),
        ("33612345678", "FR", "+33612345678"),
        ("tel:+33612345678", "FR", "+33612345678"),
        ("TEL:+33-6-12-34-56-78", "FR", "+33612345678"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("0114420 7946 0958", "US", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("06 6982", "IT", "+39066982"),  # the zero belongs to the number there
        ("030 901820", "DE", "+4930901820"),
        ("+80012345678", "FR", "+80012345678"),  # free of charge in the whole world
        ("+33199999999", "FR", "+33199999999"),  # possible, whoever may have it
    ],
)
def test_a_number_is_spelled_internationally(raw: str, region: str, expected: str) -> None:
    assert normalise(raw, region) == expected


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("", "FR"),
        ("anonymous", "FR"),
        ("Restricted", "FR"),
        ("unknown", "US"),
        ("1001", "FR"),
        ("112", "FR"),
        ("911", "US"),
        ("3612", "FR"),
        ("anna", "FR"),
        ("desk0612345678", "FR"),  # a name with digits in it
        ("anna+33612345678", "FR"),
        ("0612345678abc", "FR"),
        ("5551234", "US"),  # can be dialled within one town only
        ("+", "FR"),
        ("*31#", "FR"),
        ("+999123456789", "FR"),
        ("0" * 300, "FR"),
        ("+33612345678901234567", "FR"),
        ("sip:anna@example.com", "FR"),
        ("\x00", "FR"),
        ("名前", "FR"),
    ],
)
def test_what_has_no_international_spelling_stays_as_it_is(raw: str, region: str) -> None:
    assert normalise(raw, region) == raw


@given(st.text(max_size=40), st.sampled_from(["FR", "US", "IT", "DE"]))
def test_any_text_is_answered_and_spelling_it_twice_changes_nothing(raw: str, region: str) -> None:
    once = normalise(raw, region)
    assert normalise(once, region) == once
    assert once == raw.strip() or (once[0] == "+" and once[1:].isdecimal() and once.isascii())


@given(st.from_regex(r"\A\+?[0-9 ().-]{3,20}\Z"))
def test_a_number_has_one_spelling_however_it_is_grouped(raw: str) -> None:
    once = normalise(raw, "FR")
    if once.startswith("+") and once != raw.strip():
        assert normalise(raw.replace(" ", ""), "FR") == once


@pytest.mark.parametrize(
    ("number", "land"),
    [
        ("+33612345678", "FR"),
        ("+14155552671", "US"),
        ("+442079460958", "GB"),
        ("anna", ""),
        ("", ""),
        ("112", ""),
    ],
)
def test_a_number_knows_its_country(number: str, land: str) -> None:
    assert country(number) == land
