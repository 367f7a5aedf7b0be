"""What can be wrong with an event, and where.

msgspec stops at the first fault and words it for programmers. The hot path only needs its yes or no; when it says no,
`explain` walks the value again beside the type's description and names every fault in the sender's terms.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TypeGuard

import msgspec
from msgspec import inspect

from switchhook.events.values import Money, Person, PersonFields

MAX_FAULTS = 100
"""The most faults one error lists: a hostile body must not buy a report larger than itself."""

_MOMENT = "2025-03-15T14:30:00.000Z"


class FieldError(msgspec.Struct, frozen=True):
    """One fault: the path of the field (`data.person.emails[1]`) and what to do about it."""

    field: str
    message: str


class InvalidEvent(ValueError):
    """An event, or the body that should hold one, is not as the catalogue says. `errors` is never empty."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = list(errors)


class UnknownTopic(InvalidEvent):
    """The topic is none of the catalogue's. A receiver may catch this and ignore the event: it is not a fault there.

    `topic` is what was asked for, `nearest` the known name most like it (None when none is), `field` its path.
    """

    def __init__(self, topic: str, known: Iterable[str], field: str = "topic") -> None:
        shown = topic[:100]
        self.topic = topic
        self.field = field
        self.nearest = nearest(shown, known)
        hint = f"; did you mean `{self.nearest}`?" if self.nearest else ""
        super().__init__([FieldError(field, f"unknown topic `{shown}`{hint}")])


class ReservedTopic(UnknownTopic):
    """The topic is an operational event's, which Switchhook makes itself: it can be subscribed to, not published."""

    def __init__(self, topic: str, known: Iterable[str], field: str = "topic") -> None:
        super().__init__(topic, known, field)
        self.nearest = None
        reason = FieldError(field, f"`{topic}` is made by Switchhook itself and cannot be published")
        InvalidEvent.__init__(self, [reason])


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is like it."""
    found = difflib.get_close_matches(name[:100], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def explain(value: object, kind: inspect.Type, path: str, *, strict: bool) -> list[FieldError]:
    """Every fault of a decoded JSON value against its type, at most `MAX_FAULTS`; empty when there is none.

    `strict` also counts unknown keys, and properties of a person without a value.
    """
    faults: list[FieldError] = []
    for fault in _walk(value, kind, path, strict):
        faults.append(fault)
        if len(faults) == MAX_FAULTS:
            break
    return faults


def _walk(value: object, kind: inspect.Type, path: str, strict: bool) -> Iterator[FieldError]:
    match kind:
        case inspect.UnionType(types=types):
            if value is None and any(isinstance(one, inspect.NoneType) for one in types):
                return
            rest = [one for one in types if not isinstance(one, inspect.NoneType)]
            # The catalogue's only other union is that of the two kinds of number.
            if len(rest) > 1:
                if not _is_number(value) or not math.isfinite(_float(value)):
                    yield FieldError(path, _number(value))
            else:
                yield from _walk(value, rest[0], path, strict)
        case inspect.StructType(fields=fields):
            yield from _object(value, fields, path, strict, extra=None)
        case inspect.CustomType(cls=cls) if cls is Person:
            person = inspect.type_info(PersonFields)
            assert isinstance(person, inspect.StructType)
            yield from _object(value, person.fields, path, strict, extra=_property)
        case inspect.CustomType(cls=cls) if cls is Money:
            yield from _money(value, path)
        case inspect.ListType(item_type=item):
            if not isinstance(value, list):
                yield FieldError(path, f"must be an array, not {_name(value)}{_empty(value, '[]')}")
                return
            for index, one in enumerate(value):
                yield from _walk(one, item, f"{path}[{index}]", strict)
        case inspect.DictType():
            if not isinstance(value, dict):
                yield FieldError(path, f"must be an object, not {_name(value)}{_empty(value, '{}')}")
        case inspect.StrType(pattern=pattern, min_length=least, max_length=most):
            yield from _text(value, path, pattern, least, most)
        case inspect.EnumType(cls=enum):
            yield from _choice(value, [member.value for member in enum], path)
        case inspect.LiteralType(values=values):
            yield from _choice(value, list(values), path)
        case _:
            return


def _object(
    value: object,
    fields: tuple[inspect.Field, ...],
    path: str,
    strict: bool,
    extra: Callable[[str, object], Iterator[FieldError]] | None,
) -> Iterator[FieldError]:
    if not isinstance(value, dict):
        yield FieldError(path, f"must be an object, not {_name(value)}{_members_null(fields, value)}")
        return
    for field in fields:
        here = f"{path}.{field.encode_name}" if path else field.encode_name
        if field.encode_name in value:
            yield from _walk(value[field.encode_name], field.type, here, strict)
        elif field.required:
            yield FieldError(here, _missing(field.type))
    if not strict:
        return
    names = [field.encode_name for field in fields]
    for key, item in value.items():
        if key in names:
            continue
        here = f"{path}.{key[:100]}" if path else key[:100]
        if extra is not None:
            yield from extra(here, item)
        else:
            like = nearest(key, [name for name in names if name not in value])
            yield FieldError(
                here, "unknown field; " + (f"did you mean `{like}`?" if like else "leave it out")
            )


def _property(path: str, value: object) -> Iterator[FieldError]:
    if value is None:
        yield FieldError(path, "a property without a value is left out, not sent as null")


def _money(value: object, path: str) -> Iterator[FieldError]:
    if not _is_number(value):
        yield FieldError(path, _number(value))
        return
    try:
        Money(value)
    except ValueError as error:
        yield FieldError(path, str(error))


def _text(
    value: object, path: str, pattern: str | None, least: int | None, most: int | None
) -> Iterator[FieldError]:
    if not isinstance(value, str):
        yield FieldError(path, f"must be a string, not {_name(value)}{_empty(value, chr(34) * 2)}")
    elif (least is not None and len(value) < least) or (most is not None and len(value) > most):
        yield FieldError(path, f"must have between {least or 0} and {most} characters")
    elif pattern is not None and not re.search(pattern, value):
        date = "date or date-time" if re.search(pattern, "2025-03-15") else "date-time"
        yield FieldError(path, f"must be an ISO 8601 {date} such as {_MOMENT}")


def _choice(value: object, choices: Sequence[object], path: str) -> Iterator[FieldError]:
    if value not in choices or not isinstance(value, str):
        named = " or ".join(f'"{choice}"' for choice in choices)
        yield FieldError(path, f"must be {named}")


def _missing(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType) and any(isinstance(one, inspect.NoneType) for one in kind.types):
        return "required; send null when there is none"
    if isinstance(kind, inspect.ListType):
        return "required; send [] when there is none"
    if isinstance(kind, inspect.DictType):
        return "required; send {} when there is none"
    if isinstance(kind, inspect.StructType):
        return "required" + _members_null(kind.fields, None)
    if isinstance(kind, inspect.StrType) and kind.pattern is not None:
        return f"required; an ISO 8601 date-time such as {_MOMENT}"
    return "required"


def _members_null(fields: tuple[inspect.Field, ...], value: object) -> str:
    """The advice for an object that is never null but whose members may all be: the two ends of a transfer."""
    nullable = all(
        isinstance(field.type, inspect.UnionType)
        and any(isinstance(one, inspect.NoneType) for one in field.type.types)
        for field in fields
    )
    return "; send it with its members null when there is none" if value is None and nullable else ""


def _empty(value: object, empty: str) -> str:
    return f"; send {empty} when there is none" if value is None else ""


def _number(value: object) -> str:
    if isinstance(value, str):
        return "must be a number, not a string; send it without quotes"
    if _is_number(value):
        return "number out of range"
    return f"must be a number, not {_name(value)}"


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _float(value: int | Decimal) -> float:
    # A huge integer is a number all the same (JSON knows no bounds); a huge exponent is what float() turns to infinity.
    return 0.0 if isinstance(value, int) else float(value)


def _name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "a number"
