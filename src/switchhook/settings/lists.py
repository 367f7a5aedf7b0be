"""Who may call: numbers, beginnings of numbers, and callers who show none. Pure."""

import re
from collections.abc import Iterable

ANONYMOUS = "anonymous"
EVERYBODY = "*"

_PATTERN = re.compile(r"\+[1-9]\d{0,14}\*?").fullmatch
_HIDDEN = frozenset(("", "anonymous", "unavailable", "restricted", "private", "unknown", "withheld"))


def check_pattern(entry: str) -> str:
    """`entry`, when it is one.

    Raises:
        ValueError: it is not; the text says what one is.
    """
    if entry not in (ANONYMOUS, EVERYBODY) and not _PATTERN(entry):
        raise ValueError(
            f"{entry!r} is no caller; write a number like +33612345678, the beginning of numbers like +33899*, "
            f"{ANONYMOUS}, or {EVERYBODY} for everybody"
        )
    return entry


def matches(caller: str, entries: Iterable[str]) -> bool:
    """Whether a caller, spelled in E.164 if that is possible, is meant by one of `entries`."""
    for entry in entries:
        if entry in (EVERYBODY, caller):
            return True
        if entry == ANONYMOUS and caller.strip().lower() in _HIDDEN:
            return True
        if entry.endswith("*") and entry != EVERYBODY and caller.startswith(entry[:-1]):
            return True
    return False


def refuses(caller: str, block: Iterable[str], allow: Iterable[str]) -> bool:
    """Whether these lists keep a caller out: who is allowed is never blocked."""
    return matches(caller, block) and not matches(caller, allow)
