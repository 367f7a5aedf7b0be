"""The two strictness levels, over one definition.

*Receiving* ignores unknown keys, so that a field added later breaks nobody. *Publishing* refuses them, so that a
misspelt field is noticed by the one who can mend it. The strict twin of each struct is a subclass made from it, so
`isinstance(data, CallCompleted)` holds for both; but `==` compares structs of one class only.
"""

import functools
import json
import types
import typing
from typing import Any

import msgspec

from switchhook.events.values import Person, read_custom, read_number, write_custom

MAX_DEPTH = 64
"""How deeply open values (`data_collected`, a person's properties) may nest: .NET readers stop there by default."""

_ENCODER = msgspec.json.Encoder(enc_hook=write_custom, decimal_format="number")

UNTYPED: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=read_number)
"""Reads any JSON, for explaining what is wrong with it."""

# What any decoder of untrusted bytes may raise: bad JSON and bad types, bad UTF-8, nesting beyond the interpreter's
# stack. Values' own ValueErrors arrive as msgspec's where a hook raised them, bare where the number reader did.
DECODING_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def twin(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The strict twin of a struct: a subclass that refuses unknown keys, as do all structs inside it."""
    return _twin(kind)


def encode(data: msgspec.Struct) -> bytes:
    """Compact JSON of an event's data, keys in the catalogue's order, amounts with the zeros they were made with.

    It trusts its argument, as msgspec does: to learn whether a struct made in Python keeps the catalogue's types, put
    it through `publish`.

    Raises:
        TypeError: it holds something that is not JSON.
        ValueError: it holds text that is not Unicode (a lone surrogate) or nests beyond the stack.
    """
    try:
        return _ENCODER.encode(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def lenient_decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    """A decoder for receivers."""
    return msgspec.json.Decoder(kind, dec_hook=read_custom, float_hook=read_number)


def strict_decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    """A decoder for publishers. Duplicate keys and depth are `flaw`'s to find."""
    return msgspec.json.Decoder(twin(kind), dec_hook=_read_strict, float_hook=read_number)


def flaw(data: msgspec.Struct, raw: bytes) -> str | None:
    """What the strict decoder cannot see in the bytes it took: a key twice in one object, or too many levels.

    Both would be read differently by different receivers, and the bytes are passed on as they are. None when sound.
    """
    # Only open values nest deeper than the catalogue itself does; the event is the first level, they are the second.
    for name in _open_fields(type(data)):
        value = getattr(data, name)
        if _deeper(value.properties if isinstance(value, Person) else value, MAX_DEPTH - 1):
            return f"nested more than {MAX_DEPTH} levels deep"
    # Encoded again and equal, byte for byte, proves that no key was dropped. Most compact senders pass here; the
    # others (spaces, escapes, 5.50) take the long way.
    if _ENCODER.encode(data) != raw:
        try:
            json.loads(raw, object_pairs_hook=_unique)
        except _TwiceError as error:
            return f"the key `{error.key[:100]}` occurs twice in one object"
    return None


@functools.cache
def _open_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of an event that may hold any JSON."""
    hints = typing.get_type_hints(kind)
    return tuple(
        name
        for name, hint in hints.items()
        if any(part is Person or typing.get_origin(part) is dict for part in (hint, *typing.get_args(hint)))
    )


@functools.cache
def _twin(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        inner = _inner(hints[field.name])
        # `person` may be absent: its default is the mark for that.
        fields.append((field.name, inner) if field.required else (field.name, inner, field.default))
    made = msgspec.defstruct(
        kind.__name__,
        fields,
        bases=(kind,),
        module=kind.__module__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    made.__doc__ = kind.__doc__
    return made


def _inner(hint: Any) -> Any:
    """A field's annotation with every struct in it replaced by its twin."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _twin(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return list[_inner(arguments[0])]  # type: ignore[misc]  # made at run time on purpose
    if origin in (types.UnionType, typing.Union):
        return functools.reduce(lambda one, other: one | other, map(_inner, arguments))
    return hint


def _read_strict(kind: type, value: Any) -> Any:
    if kind is Person and isinstance(value, dict) and None in value.values():
        known = Person.__match_args__
        if any(item is None and key not in known for key, item in value.items()):
            raise ValueError("a property without a value is left out, not sent as null")
    return read_custom(kind, value)


class _TwiceError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _TwiceError(key)
            seen.add(key)
    return made


def _deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if levels == 0:
        return isinstance(value, dict | list)
    return any(_deeper(one, levels - 1) for one in inner)
