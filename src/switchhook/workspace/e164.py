"""Telephone numbers in their international spelling (E.164), by `phonenumbers`."""

import re
from functools import lru_cache

import phonenumbers

# `phonenumbers` looks for a number anywhere in a text; a name with digits in it (`desk0612345678`) is a name.
_LIKE_A_NUMBER = re.compile(r"(tel:)?\s*[+＋(\d]", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def normalise(raw: str, region: str) -> str:
    """`raw` as E.164, or as it is when it has no such spelling (`anonymous`, `911`, an extension, a local number).

    `region` is the two-letter country whose national spelling is understood. A number whose spelling fits but whose
    block is not assigned yet is a number: telephone companies open blocks faster than tables are printed.
    """
    text = raw.strip()
    if not _LIKE_A_NUMBER.match(text):
        return text
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text
    # Not `is_possible_number`: that also takes what can only be dialled within one town.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country(number: str) -> str:
    """The two-letter country of an E.164 number; empty when it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""
    except phonenumbers.NumberParseException:
        return ""


def is_e164(number: str) -> bool:
    """Whether `number` is spelled as `normalise` spells what can be dialled from anywhere."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return False
    possible = (
        phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    )
    return possible and phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number


def calling_code(number: str) -> int | None:
    """What an E.164 number begins with: 1, 33, 44. None when it is no such number."""
    try:
        return phonenumbers.parse(number, None).country_code
    except phonenumbers.NumberParseException:
        return None
