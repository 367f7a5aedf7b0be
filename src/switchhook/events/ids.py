"""Identifiers: what kind of thing, and when it was made.

    msg_ 02pZ8aP1q7Yw4Nd0TzVbkR        22 characters, base 62 in ASCII order (0-9 A-Z a-z)
         └─ 48 bits of milliseconds since 1970 ─┴─ 80 random bits ─┘

Sorting the text sorts by time, so rows land at the end of an index. Within one process ids only ever grow, also within
a millisecond and when the machine's clock is set back: then the last id is counted up. Two processes are kept apart by
80 random bits. An id is a name and no secret: who has one can guess the next.
"""

import os
import string
import time

MESSAGE = "msg"
ENDPOINT = "ep"
FIRST_ENDPOINT = "web"  # of the first version of the API
CALL = "cll"
CONTACT = "con"
COMPANY = "com"
DEAL = "dea"
USER = "usr"
TAG = "tag"
API_KEY = "api"
WORKSPACE = "wsp"
RECORDING = "rec"
FILE = "fil"
JOB = "job"
DELIVERY = "dlv"
REQUEST = "req"

PREFIXES = frozenset(
    {
        MESSAGE,
        ENDPOINT,
        FIRST_ENDPOINT,
        CALL,
        CONTACT,
        COMPANY,
        DEAL,
        USER,
        TAG,
        API_KEY,
        WORKSPACE,
        RECORDING,
        FILE,
        JOB,
        DELIVERY,
        REQUEST,
    }
)
"""Every prefix in use, without its underscore."""

LENGTH = 22
"""Characters after the prefix: the fewest that hold 128 bits in base 62."""

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
"""The sixty-two characters, in ASCII order so that text sorts like the number."""

_RANDOM_BITS = 80
_MAX_MS = (1 << 48) - 1
_POOL_BYTES = 4000  # a multiple of the ten bytes one id needs
_FIRST = "w"
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_PAIRS = tuple(high + low for high in ALPHABET for low in ALPHABET)
_TWO, _FOUR, _TWELVE = 62**2, 62**4, 62**12
_OUT_OF_TIME = "an id's time lies between 1970 and the year 10889"


class IdSource:
    """A strictly increasing series of ids. The module's own (`new_id`) is the one to use.

    Tests that run on a clock of their own take one of their own, too: the series never goes back to an earlier time.
    Not safe for use from several threads at once.
    """

    __slots__ = ("_last", "_ms", "_offset", "_pool")

    def __init__(self) -> None:
        self._last = -1
        self._ms = -1
        self._pool = b""
        self._offset = 0

    def new(self, prefix: str, now_ms: int) -> str:
        """The next id. See `new_id`."""
        if now_ms > self._ms:
            if now_ms > _MAX_MS:
                raise ValueError(_OUT_OF_TIME)
            # Counting up may have run into this millisecond already.
            number = max(now_ms << _RANDOM_BITS | self._random(), self._last + 1)
            self._ms = now_ms
        elif now_ms < 0:
            raise ValueError(_OUT_OF_TIME)
        else:
            number = self._last + 1
        self._last = number
        return f"{prefix}_{_base62(number)}"

    def reseed(self) -> None:
        """Part from the parent after a fork: random bytes of its own, and not the parent's next id as the first."""
        self._pool = b""
        self._offset = 0
        if self._last >= 0:
            self._last = (self._last >> _RANDOM_BITS) + 1 << _RANDOM_BITS | self._random()

    def _random(self) -> int:
        # One system call for four hundred ids: it costs more than all the rest.
        if self._offset >= len(self._pool):
            self._pool = os.urandom(_POOL_BYTES)
            self._offset = 0
        start = self._offset
        self._offset = start + 10
        return int.from_bytes(self._pool[start : start + 10], "big")


_source = IdSource()
os.register_at_fork(after_in_child=_source.reseed)


def new_id(prefix: str, now_ms: int | None = None) -> str:
    """A new id: `new_id("msg")` is `msg_` and 22 characters that sort by time.

    `now_ms` is wall time in milliseconds since 1970, the machine's when not given. The id's own time is never before
    it, and after it when an id with a later time was made in this process before.

    Raises:
        ValueError: the time is before 1970 or does not fit 48 bits.
    """
    return _source.new(prefix, time.time_ns() // 1_000_000 if now_ms is None else now_ms)


def lower_bound(prefix: str, now_ms: int) -> str:
    """What sorts before every id of `prefix` made at `now_ms` (wall milliseconds) or later, and after those before.

    Raises:
        ValueError: the time is before 1970 or does not fit 48 bits.
    """
    if not 0 <= now_ms <= _MAX_MS:
        raise ValueError(_OUT_OF_TIME)
    return f"{prefix}_{_base62(now_ms << _RANDOM_BITS)}"


def new_request_id() -> str:
    """`req_` and twelve random letters and digits, for one HTTP request. They do not sort."""
    # The last eight of 256 values, beyond a multiple of 62, are passed over, or some characters would come oftener.
    text = ""
    while len(text) < 12:
        text += "".join([ALPHABET[byte % 62] for byte in os.urandom(16) if byte < 248])
    return f"{REQUEST}_{text[:12]}"


def normalise_id(text: str) -> str:
    """The id with `_` after its prefix: clients write `cll-…` and `cll_…` for the same call.

    Text that does not begin like an id is given back as it is.
    """
    prefix, dash, rest = text.partition("-")
    # An underscore first means that the dash belongs to what follows it.
    return f"{prefix}_{rest}" if dash and prefix.isalnum() else text


def contact_id(text: str) -> str:
    """A contact's id as it is stored: the phone API also calls the same one `per-…` and `cnt-…`."""
    prefix, _, rest = normalise_id(text).partition("_")
    return f"{CONTACT}_{rest}" if prefix in ("per", "cnt") and rest else normalise_id(text)


def dashed(text: str, prefix: str) -> str:
    """The id with `-` after its prefix, as the phone API shows some of them."""
    return f"{prefix}-{text[len(prefix) + 1 :]}" if text.startswith(f"{prefix}_") else text


def check_id(text: str, prefix: str) -> bool:
    """Whether `text` is an id that `new_id(prefix)` could have made, with `_` or `-` after the prefix.

    Ids from elsewhere may have another length and still name a thing: look those up, do not check them.
    """
    body = _body(text, prefix)
    return body is not None and len(body) == LENGTH and _number(body) is not None


def time_of(text: str) -> int:
    """When the id was made: wall time in milliseconds since 1970. A delivery's id has its event's time.

    Raises:
        ValueError: it is not an id of ours.
    """
    _, _, body = normalise_id(text).partition("_")
    number = _number(body[:LENGTH]) if len(body) in (LENGTH, 2 * LENGTH, 2 * LENGTH + 1) else None
    if number is None:
        raise ValueError("not an id with a time in it")
    return number >> _RANDOM_BITS


def first_version(endpoint_id: str) -> bool:
    """Whether it is the id of an endpoint of the first version. An endpoint stays what it is, so the id tells."""
    return endpoint_id.startswith("web_")


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """The id of an event's delivery to an endpoint: `dlv_` and the 22 characters of each. It needs no row to exist.

    Between the two stands `w` when the endpoint is one of the first version.

    Raises:
        ValueError: one of them is not an id of its kind.
    """
    endpoint_id = normalise_id(endpoint_id)
    event = _body(event_id, MESSAGE)
    endpoint = _body(endpoint_id, FIRST_ENDPOINT if first_version(endpoint_id) else ENDPOINT)
    if event is None or endpoint is None or len(event) != LENGTH or len(endpoint) != LENGTH:
        raise ValueError("a delivery's id is made of an event's and an endpoint's")
    return unchecked_delivery_id(normalise_id(event_id), endpoint_id)


def unchecked_delivery_id(event_id: str, endpoint_id: str) -> str:
    """The same for ids as they are stored, which are not looked at."""
    between = _FIRST if first_version(endpoint_id) else ""
    _, _, endpoint = endpoint_id.partition("_")
    return f"{DELIVERY}_{event_id.removeprefix('msg_')}{between}{endpoint}"


def split_delivery_id(text: str) -> tuple[str, str]:
    """The event's id and the endpoint's id that `delivery_id` put together.

    Raises:
        ValueError: it is not a delivery's id.
    """
    body, kind = _body(text, DELIVERY), ENDPOINT
    if body is not None and len(body) == 2 * LENGTH + 1 and body[LENGTH] == _FIRST:
        body, kind = body[:LENGTH] + body[LENGTH + 1 :], FIRST_ENDPOINT
    if body is None or len(body) != 2 * LENGTH:
        raise ValueError("not the id of a delivery")
    event, endpoint = body[:LENGTH], body[LENGTH:]
    if _number(event) is None or _number(endpoint) is None:
        raise ValueError("not the id of a delivery")
    return f"{MESSAGE}_{event}", f"{kind}_{endpoint}"


def _body(text: str, prefix: str) -> str | None:
    size = len(prefix)
    return text[size + 1 :] if text.startswith(prefix) and text[size : size + 1] in ("_", "-") else None


def _base62(number: int) -> str:
    # Few long divisions, then pairs from a table: a third of the time of one division per character.
    high, low = divmod(number, _TWELVE)
    high, b = divmod(high, _FOUR)
    high, a = divmod(high, _FOUR)
    low, e = divmod(low, _FOUR)
    c, d = divmod(low, _FOUR)
    return (
        f"{_PAIRS[high]}{_PAIRS[a // _TWO]}{_PAIRS[a % _TWO]}{_PAIRS[b // _TWO]}{_PAIRS[b % _TWO]}"
        f"{_PAIRS[c // _TWO]}{_PAIRS[c % _TWO]}{_PAIRS[d // _TWO]}{_PAIRS[d % _TWO]}"
        f"{_PAIRS[e // _TWO]}{_PAIRS[e % _TWO]}"
    )


def _number(body: str) -> int | None:
    """The number of 22 characters, or None when they are none or stand for more than 128 bits."""
    number = 0
    for character in body:
        value = _VALUE.get(character)
        if value is None:
            return None
        number = number * 62 + value
    return number if number < 1 << 128 else None
