"""JSON in and out: a body against its shape with every fault named, and the `data` envelope around an answer."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.messages import Response
from switchhook.api.shapes.pages import Pagination
from switchhook.events.faults import nearest

T = TypeVar("T", bound=msgspec.Struct)

# What msgspec may raise on untrusted bytes: bad JSON or types, bad UTF-8, nesting beyond the stack.
DECODING_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)

_NO_SUCH_WORD = "Invalid enum value "
_NOT_LIKE = "Expected `str` matching regex "

_encode = msgspec.json.Encoder().encode
_WORDS = {
    "`str`": "string",
    "`int`": "integer",
    "`float`": "number",
    "`bool`": "boolean",
    "`array`": "array",
    "`object`": "object",
}


def read_document(body: bytes) -> dict[str, Any]:
    """The object that a JSON body spells.

    Raises:
        ApiError: 400, it is none.
    """
    try:
        document = msgspec.json.decode(body)
    except DECODING_ERRORS as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ApiError(
            "INVALID_REQUEST_BODY",
            f"The body is not valid JSON: {why}.",
            suggestion="Send one JSON object, encoded as UTF-8.",
        ) from None
    if not isinstance(document, dict):
        raise ApiError(
            "INVALID_REQUEST_BODY", "The body must be a JSON object.", suggestion="Send one JSON object."
        )
    if b"\\u0000" in body and _has_nul(document):
        raise ApiError(
            "INVALID_REQUEST_BODY",
            "The body holds the character U+0000, which no text may have.",
            suggestion="Leave it out.",
        )
    return document


def _has_nul(document: Any) -> bool:
    """Whether U+0000 is in a text of a document, keys included. Without recursion: it may be nested deeply."""
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and "\0" in value:
            return True
    return False


def read_shape(
    body: bytes,
    shape: type[T],
    read_only: Sequence[str] = (),
    *,
    lenient: bool = False,
    status: int | None = None,
) -> T:
    """The `shape` that a JSON body spells. Fields that are `read_only` may be there and change nothing.

    `lenient` passes over every field that is not known; `status` is that of wrong fields, where it is not 400.

    Raises:
        ApiError: with every fault found.
    """
    document = read_document(body)
    values: dict[str, Any] = {}
    faults: list[FieldFault] = []
    fields = msgspec.structs.fields(shape)
    for field in fields:
        name = field.encode_name
        if name not in document:
            if field.required:
                faults.append(FieldFault(name, "MISSING_FIELD", "This field is required."))
            continue
        try:
            values[field.name] = msgspec.convert(document[name], field.type)
        except (msgspec.ValidationError, OverflowError) as error:
            faults.append(_type_fault(name, str(error), field.type))
    if not lenient:
        given = {name: value for name, value in document.items() if name not in read_only}
        faults += _unknown(given, [field.encode_name for field in fields])
    if faults:
        raise from_faults(faults, status)
    return shape(**values)


def _type_fault(name: str, text: str, type_: Any) -> FieldFault:
    message, _, path = text.partition(" - at `$")
    if message.startswith((_NO_SUCH_WORD, _NOT_LIKE)):
        words, described = _spelling(type_)
        if words:
            message = f"{message.removeprefix(_NO_SUCH_WORD)} is none of {', '.join(words)}"
        elif described:
            message = f"Must be: {described.removesuffix('.')}"
    for theirs, ours in _WORDS.items():
        message = message.replace(theirs, ours)
    return FieldFault(f"{name}{path.rstrip('`')}", "INVALID_REQUEST_BODY", f"{message}.")


def _spelling(type_: Any) -> tuple[list[str], str]:
    """What a text of this type may be: its words, or what its pattern is described as, where that is said."""
    left, described = [inspect.type_info(type_)], ""
    while left:
        one = left.pop()
        if isinstance(one, inspect.LiteralType):
            return [str(value) for value in one.values], ""
        if isinstance(one, inspect.Metadata):
            described = described or str((one.extra_json_schema or {}).get("description", ""))
            left.append(one.type)
        elif isinstance(one, inspect.UnionType):
            left += one.types
        elif isinstance(one, inspect.CollectionType):
            left.append(one.item_type)
    return [], described


def _unknown(document: dict[str, Any], names: Sequence[str]) -> list[FieldFault]:
    faults = []
    for key in document:
        if key in names:
            continue
        like = nearest(key, [name for name in names if name not in document])
        advice = f"Did you mean {like}?" if like else f"The fields are {', '.join(names)}."
        faults.append(FieldFault(key[:100], "UNKNOWN_FIELD", f"This field is not known here. {advice}"))
        if len(faults) == 100:
            break
    return faults


def data(value: object, status: int = 200) -> Response:
    """`{"data": value}`."""
    return Response(status, b'{"data":%b}' % _encode(value))


def page_of(values: Sequence[object], page: int, size: int, total: int) -> Response:
    """`{"data": values, "pagination": …}`. `total` may be an estimate, see `storage/plans.py`."""
    pages = -(-total // size)
    exact: bool = getattr(total, "exact", True)
    where = Pagination(page, size, int(total), pages, page < pages, exact)
    return Response(200, b'{"data":%b,"pagination":%b}' % (_encode(values), _encode(where)))


def read_page_v1(query: dict[str, str]) -> tuple[int, int]:
    """`page` (from 0, default 0) and `size` (1 to 100, default 10) of the first version.

    Raises:
        ApiError: 400, one of them is out of its bounds.
    """
    page, size = read_page({"size": query.get("size", "10"), "page": _next(query.get("page", "0"))})
    return page - 1, size


def _next(text: str) -> str:
    number = _whole(text)
    return text if number is None else str(number + 1)


def read_page(query: dict[str, str]) -> tuple[int, int]:
    """`page` (from 1, default 1) and `size` (1 to 100, default 20).

    Raises:
        ApiError: 400, one of them is out of its bounds.
    """
    size = _whole(query.get("size", "20"))
    if size is None or not 1 <= size <= 100:
        raise ApiError(
            "INVALID_PAGE_SIZE",
            f"size must be between 1 and 100, got {query['size'][:20]}.",
            param="size",
            suggestion="Use a value from 1 to 100.",
        )
    page = _whole(query.get("page", "1"))
    if page is None or not 1 <= page <= 1_000_000:
        raise ApiError(
            "INVALID_PARAMETER",
            f"page must be a number from 1, got {query['page'][:20]!r}.",
            param="page",
            suggestion="The first page is 1.",
        )
    return page, size


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
