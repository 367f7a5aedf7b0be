"""The properties that a workspace keeps of its people beyond the fields that everybody has. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from switchhook.events.faults import nearest
from switchhook.storage.people import Contact, Property

TEXT_MAX = 5_000

RESERVED = frozenset(
    {*Contact.__struct_fields__, "email", "phone_number", "company_id", "deals", "custom_properties"}
)
"""What a property may not be called: it would stand in the place of a field."""


def fault(definition: Property, value: Any) -> str | None:
    """What is wrong with a value, as a sentence; None when nothing is."""
    if definition.kind == "choice":
        choices = definition.choices
        return None if value in choices else f"This must be one of {', '.join(choices)}."
    fits, sentence = _KINDS[definition.kind]
    return None if fits(value) else sentence


def faults(values: Mapping[str, Any], defined: Sequence[Property]) -> dict[str, str]:
    """What is wrong with `values`, by key. None takes a value away and is always right."""
    known = {one.key: one for one in defined}
    found = {}
    for key, value in values.items():
        if key not in known:
            like = nearest(key, known)
            advice = f"did you mean {like}?" if like else "define it first: POST /v2/api/crm/properties."
            found[key] = f"There is no property {key[:64]!r}; {advice}"
        elif value is not None and (wrong := fault(known[key], value)):
            found[key] = wrong
    return found


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_MAX


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _date(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return False
    return True


def _url(value: Any) -> bool:
    return _text(value) and value.startswith(("https://", "http://")) and not any(c.isspace() for c in value)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (_text, f"This must be a text of at most {TEXT_MAX} characters."),
    "number": (_number, "This must be a number."),
    "boolean": (lambda value: isinstance(value, bool), "This must be true or false."),
    "date": (_date, "This must be an ISO 8601 date, such as 2026-01-31."),
    "url": (_url, "This must be a URL that begins with https:// or http://."),
}
