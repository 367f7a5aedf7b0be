"""A text as the network carries it: which alphabet, and in how many segments.

GSM 03.38   160 characters in one segment, 153 in each of several; what stands in the extension table counts twice
UCS-2        70 units of 16 bits in one, 67 in each of several; a character beyond 16 bits counts twice

A text is sent in the first alphabet that holds all of it. No segment ends in the middle of a character. Pure.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

ESCAPE = 0x1B

# In the order of their codes; the escape stands where no character is.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}

_CODES: dict[str, bytes] = {
    **{letter: bytes([code]) for code, letter in enumerate(_BASIC) if code != ESCAPE},
    **{letter: bytes([ESCAPE, code]) for letter, code in _EXTENSION.items()},
}
_LETTERS = {codes: letter for letter, codes in _CODES.items()}

_BEYOND_16_BITS = 0xFFFF

Alphabet = Literal["GSM-7", "UCS-2"]


class Segments(msgspec.Struct, frozen=True):
    """A text cut as it is sent; joined, the parts are the text."""

    alphabet: Alphabet
    parts: tuple[str, ...]


def alphabet(text: str) -> Alphabet:
    """The alphabet that a text is sent in."""
    return "GSM-7" if all(letter in _CODES for letter in text) else "UCS-2"


def split(text: str) -> Segments:
    """The segments of a text; an empty one has one."""
    if alphabet(text) == "GSM-7":
        return Segments("GSM-7", _cut(text, _septets, alone=160, joined=153))
    return Segments("UCS-2", _cut(text, _units, alone=70, joined=67))


def encode_gsm(text: str) -> bytes:
    """A text in GSM 03.38, a code to an octet.

    Raises:
        ValueError: a character is in neither of its tables.
    """
    try:
        return b"".join(_CODES[letter] for letter in text)
    except KeyError as error:
        raise ValueError(f"GSM 03.38 has no {error.args[0]!r}") from None


def decode_gsm(octets: bytes) -> str:
    """The text of octets in GSM 03.38.

    As the standard asks of receivers: an extension that is not known is read as the basic character of its code,
    and an escape that nothing follows as a space. An octet of more than seven bits is U+FFFD.
    """
    letters: list[str] = []
    escaped = False
    for code in octets:
        if code == ESCAPE and not escaped:
            escaped = True
            continue
        if escaped:
            known = _LETTERS.get(bytes([ESCAPE, code]))
            letters.append(known or _LETTERS.get(bytes([code]), " " if code == ESCAPE else "�"))
        else:
            letters.append(_LETTERS.get(bytes([code]), "�"))
        escaped = False
    if escaped:
        letters.append(" ")
    return "".join(letters)


def _septets(letter: str) -> int:
    return len(_CODES[letter])


def _units(letter: str) -> int:
    return 2 if ord(letter) > _BEYOND_16_BITS else 1


def _cut(text: str, size: Callable[[str], int], *, alone: int, joined: int) -> tuple[str, ...]:
    if sum(map(size, text)) <= alone:
        return (text,)
    parts: list[str] = []
    start = used = 0
    for at, letter in enumerate(text):
        needed = size(letter)
        if used + needed > joined:
            parts.append(text[start:at])
            start, used = at, 0
        used += needed
    parts.append(text[start:])
    return tuple(parts)
