"""Telephone numbers in their international spelling (E.164), by `phonenumbers`."""

from functools import lru_cache

import phonenumbers


@lru_cache(maxsize=65_536)
def normalise(raw: str, region: str) -> str:
    """`raw` as E.164, or as it is when it is no number that could exist (`anonymous`, `911`, an extension).

    `region` is the two-letter country whose national spelling is understood. A number whose spelling fits but whose
    block is not assigned yet is a number: telephone companies open blocks faster than tables are printed.
    """
    text = raw.strip()
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country(number: str) -> str:
    """The two-letter country of an E.164 number; empty when it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""
    except phonenumbers.NumberParseException:
        return ""
