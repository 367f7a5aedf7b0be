"""What a client asks of conversations and their items, read leniently: ids, words, days and flags. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from switchhook.api.errors import ApiError
from switchhook.clock import parse_iso
from switchhook.events.ids import normalise_id
from switchhook.storage.conversations import FOREVER, ItemFilter, ItemSort, words_of
from switchhook.workspace.e164 import normalise

SORTS: dict[str, ItemSort] = {
    "DATE_DESC": "DATE_DESC",
    "DATE_ASC": "DATE_ASC",
    "RELEVANCE": "RELEVANCE",
    # What clients also send.
    "OLDEST": "DATE_ASC",
}
WORDS_MAX = 64
_KINDS = {"CALL": "CALL", "SMS": "SMS", "TEXT_MESSAGE": "SMS"}
_RESULTS = {"MISSED": "FAILED"}  # a name that clients have for it


def item_filter(asked: Mapping[str, Any], region: str, users: Mapping[str, str]) -> ItemFilter:
    """Which items a body asks for; what is not known in it, or of another type, leaves nothing out. Pure.

    `users` are the addresses of users by their ids.

    Raises:
        ApiError: 400, the dates are none, no letter or digit is in the words, or there are too many.
    """

    def text(name: str) -> str:
        value = asked.get(name)
        return value.strip() if isinstance(value, str) else ""

    def flag(name: str) -> bool | None:
        value = asked.get(name)
        return value if isinstance(value, bool) else None

    words = words_of(text("search"))
    if text("search") and not words:
        raise ApiError(
            "INVALID_SEARCH_QUERY",
            "search needs at least one letter or digit.",
            param="search",
            suggestion="Leave it out to find everything.",
        )
    if len(words) > WORDS_MAX:
        raise ApiError(
            "INVALID_SEARCH_QUERY",
            f"search takes at most {WORDS_MAX} words, got {len(words)}.",
            param="search",
            suggestion="Leave out the words that tell the least.",
        )
    since, until = _days(asked.get("date"))
    user = text("user_id")
    result = text("result").upper()
    wanted = asked.get("tags")
    return ItemFilter(
        own_number=normalise(text("allo_number"), region),
        contact_number=normalise(text("contact_number"), region),
        user_email=users.get(normalise_id(user), " nobody") if user else "",
        direction=text("direction").upper(),
        kind=_KINDS.get(text("type").upper(), ""),
        result=_RESULTS.get(result, result),
        since=since,
        until=until,
        tags=tuple(key for key in wanted if isinstance(key, str)) if isinstance(wanted, list) else (),
        unread=flag("unread"),
        unresponded=flag("unresponded"),
        recorded=flag("has_recording"),
        words=words,
    )


def _days(value: Any) -> tuple[int, int]:
    """The first moment of a range of days and the first after it."""
    if not isinstance(value, dict):
        return 0, FOREVER
    ends = []
    for name, extra, default in (("from", 0, 0), ("to", 1, FOREVER)):
        text = value.get(name)
        if not isinstance(text, str) or not text:
            ends.append(default)
            continue
        try:
            day = datetime.fromisoformat(text[:10]).replace(tzinfo=UTC) + timedelta(days=extra)
            ends.append(round(day.timestamp() * 1000))
        except (ValueError, OverflowError):
            raise _bad_range(f"date.{name}", f"{text[:30]!r} is no day, such as 2026-01-31.") from None
    if ends[0] >= ends[1]:
        raise _bad_range("date", "date.from is after date.to.")
    return ends[0], ends[1]


def _bad_range(field: str, message: str) -> ApiError:
    return ApiError("INVALID_DATE_RANGE", message, param=field, suggestion="Write days as YYYY-MM-DD.")


def read_item_id(text: str) -> str:
    """The id of a call or a text as it is stored.

    Raises:
        ApiError: 400, it begins like neither.
    """
    id_ = normalise_id(text)
    if not id_.startswith(("cll_", "msg_")):
        raise ApiError(
            "INVALID_ITEM_ID",
            f"{text[:100]!r} is the id of no item: those begin with cll- or msg-.",
            param="item_id",
        )
    return id_


def read_call_id(text: str) -> str:
    """The id of a call as it is stored.

    Raises:
        ApiError: 400, it does not begin like one.
    """
    id_ = normalise_id(text)
    if not id_.startswith("cll_"):
        raise ApiError(
            "INVALID_ITEM_ID", f"{text[:100]!r} is the id of no call: those begin with cll-.", param="item_id"
        )
    return id_


def item_not_found(id_: str) -> ApiError:
    """The 404 of an item."""
    return ApiError(
        "CONVERSATION_ITEM_NOT_FOUND",
        f"There is no item {id_[:100]!r}.",
        param="item_id",
        suggestion="POST /v2/api/conversations/items/search finds those there are.",
    )


EXTENSIONS = ("transcript", "routing")


def read_extend(value: Any) -> frozenset[str]:
    """What is wanted beside what every item has: one of `EXTENSIONS`, or several with commas between them."""
    if not value:
        return frozenset()
    wanted = (
        frozenset(word.strip() for word in value.split(",")) if isinstance(value, str) else frozenset("?")
    )
    if not wanted <= set(EXTENSIONS):
        told = repr(value[:50]) if isinstance(value, str) else "this"
        raise ApiError(
            "UNSUPPORTED_EXTEND_VALUE",
            f"There is nothing to extend by {told}.",
            param="extend",
            suggestion="Use extend=transcript, extend=routing or extend=transcript,routing.",
        )
    return wanted


def read_flag(text: str | None) -> bool | None:
    """A flag of a query; None when it is absent or cannot be read."""
    return {"true": True, "1": True, "false": False, "0": False}.get((text or "").lower())


def read_number(text: str, region: str) -> str:
    """A number of a query or a path as it is stored. A blank before it is a + that was not written as %2B."""
    return normalise(f"+{text.strip()}" if text.startswith(" ") and text.strip() else text, region)


def read_own_number(query: Mapping[str, str], region: str, *, what: str, version: int = 2) -> str:
    """The number of ours that a query must name: `what` is asked for of it.

    Raises:
        ApiError: 400, it names none.
    """
    own = query.get("allo_number", "")
    if not own.strip():
        raise ApiError(
            "MISSING_ALLO_NUMBER",
            f"allo_number is required: the number whose {what} are asked for.",
            param="allo_number",
            suggestion=f"GET /v{version}/api/numbers lists the workspace's numbers; write + as %2B in a URL.",
        )
    return read_number(own, region)


def read_moment(text: str | None) -> int:
    """A date-time of a query in wall milliseconds; 0 when it is absent.

    Raises:
        ApiError: 400, it is none.
    """
    if not text:
        return 0
    try:
        return parse_iso(text.replace(" ", "+"))  # a + that was not written as %2B
    except ValueError:
        raise ApiError(
            "INVALID_PARAMETER",
            f"{text[:50]!r} is no ISO 8601 date-time.",
            param="last_activity_since",
            suggestion="Write it as 2026-01-31T08:00:00Z.",
        ) from None
