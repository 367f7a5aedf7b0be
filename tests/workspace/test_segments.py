"""How many segments a text has, and in which alphabet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.workspace.segments import _BASIC, _EXTENSION, alphabet, decode_gsm, encode_gsm, split

GSM = [letter for letter in _BASIC if letter != "\x1b"] + list(_EXTENSION)
ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=700)
IN_GSM = st.text(alphabet=st.sampled_from(GSM), max_size=700)


@pytest.mark.parametrize(
    ("text", "expected", "segments"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 159 + "€", "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),  # 306 septets, but none is cut in two
        ("été à la plage", "GSM-7", 1),
        ("fête", "UCS-2", 1),  # no ê in either table
        ("\x1b", "UCS-2", 1),  # the escape itself is no character
        ("ж" * 70, "UCS-2", 1),
        ("ж" * 71, "UCS-2", 2),
        ("ж" * 134, "UCS-2", 2),
        ("ж" * 135, "UCS-2", 3),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("😀" * 67, "UCS-2", 3),  # 134 units, 33 whole characters in each
        ("a" * 70 + "’", "UCS-2", 2),
    ],
)
def test_the_segments_of_a_text(text: str, expected: str, segments: int) -> None:
    found = split(text)
    assert (found.alphabet, len(found.parts)) == (expected, segments)


@given(ANY | IN_GSM)
def test_the_parts_joined_are_the_text_and_each_has_room(text: str) -> None:
    found = split(text)
    assert "".join(found.parts) == text
    alone = len(found.parts) == 1
    for part in found.parts:
        if found.alphabet == "GSM-7":
            assert len(encode_gsm(part)) <= (160 if alone else 153)
        else:
            assert len(part.encode("utf-16-be")) <= (140 if alone else 134)


@given(IN_GSM)
def test_what_is_encoded_is_decoded(text: str) -> None:
    assert alphabet(text) == "GSM-7"
    assert decode_gsm(encode_gsm(text)) == text


@pytest.mark.parametrize(
    ("letter", "code"),
    [
        ("@", "00"),
        ("\n", "0a"),
        ("\r", "0d"),
        ("Δ", "10"),
        ("_", "11"),
        ("Ξ", "1a"),
        ("É", "1f"),
        ("¤", "24"),
        ("¡", "40"),
        ("A", "41"),
        ("§", "5f"),
        ("¿", "60"),
        ("à", "7f"),
        ("€", "1b65"),
        ("|", "1b40"),
        ("\\", "1b2f"),
        ("~", "1b3d"),
        ("^", "1b14"),
    ],
)
def test_codes_are_those_of_the_standard(letter: str, code: str) -> None:
    assert encode_gsm(letter).hex() == code
    assert decode_gsm(bytes.fromhex(code)) == letter


@pytest.mark.parametrize(
    ("octets", "text"), [("1b41", "A"), ("411b", "A "), ("1b1b41", " A"), ("80", "�"), ("1b80", "�")]
)
def test_what_no_table_has_is_read_as_the_standard_asks(octets: str, text: str) -> None:
    assert decode_gsm(bytes.fromhex(octets)) == text


@given(st.binary(max_size=200))
def test_any_octets_are_a_text(octets: bytes) -> None:
    assert len(decode_gsm(octets)) <= len(octets)


def test_what_gsm_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="'ê'"):
        encode_gsm("fête")
