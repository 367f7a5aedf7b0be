"""What the line is told to do with calls: to begin one, to end one, to record or not.

    accepted (a row, in the transaction that is answered for) ──▶ whoever has the line takes it: the row goes, in the
    transaction that begins the call ──▶ the line does it

A call that is begun has its id from the first moment. One that nobody could begin in time ends at once, so that also of
such a call somebody is told.
"""

from typing import Literal

import msgspec

from switchhook.events.ids import CALL, new_id
from switchhook.storage.store import Reader, Transaction
from switchhook.workspace.call_state import CallState
from switchhook.workspace.directory import Directory, Number, User
from switchhook.workspace.e164 import is_e164, normalise
from switchhook.workspace.facts import Direction, EndCause, Ended, Offered

ORDER = "ord"
TAKEN_IN = (
    30.0  # seconds after which a call is not begun any more: who ordered it sits at the telephone no longer
)
MOST_WAITING = 100
SOURCE = "sip"

RecordingState = Literal["on", "paused", "off"]


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """Ring the user's telephones, and call `to` (E.164) with the number `sender` when one answers."""

    user: str  # e-mail address
    sender: str
    to: str
    record: bool | None = None


class HangUp(msgspec.Struct, frozen=True, tag="hang_up"):
    """End the call."""


class Record(msgspec.Struct, frozen=True, tag="record"):
    """Record the talk of the call, or silence, or nothing."""

    state: RecordingState


What = Begin | HangUp | Record


class Order(msgspec.Struct, frozen=True):
    """One order, about the call of that id. `at` is when it was given (wall ms)."""

    id: str
    call: str
    at: int
    what: What


class OrderFault(Exception):
    """An order that is not taken: the error code of the API, the field, and a sentence that names the fix."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


_encode = msgspec.json.Encoder().encode
_what: msgspec.json.Decoder[What] = msgspec.json.Decoder(What)
_state = msgspec.json.Decoder(CallState)


async def give(tx: Transaction, workspace: str, call: str, what: What, now: int) -> None:
    """Have the line do `what` about a call."""
    if tx.traces is not None:
        tx.traces.about(call)
    await tx.execute("add_order", workspace, new_id(ORDER, now), call, now, _encode(what).decode())


async def waiting(reader: Reader, workspace: str) -> list[Order]:
    """The orders that nobody has taken, the oldest first."""
    rows = await reader.fetch("orders", workspace, MOST_WAITING)
    return [Order(id_, call, at, _what.decode(body)) for id_, call, at, body in rows]


async def take(tx: Transaction, workspace: str, order: Order) -> bool:
    """Have an order; False when somebody else has taken it."""
    return await tx.execute("take_order", workspace, order.id) > 0


async def ordered(reader: Reader, workspace: str, call: str) -> bool:
    """Whether a call is ordered that nobody has begun yet."""
    found = await waiting(reader, workspace)
    return any(order.call == call and isinstance(order.what, Begin) for order in found)


async def standing(reader: Reader, workspace: str, call: str) -> CallState | None:
    """What is known of a call, by our own id of it."""
    rows = await reader.fetch("call", workspace, call)
    return _state.decode(rows[0][1]) if rows else None


def begin(
    directory: Directory, *, user: str | None, sender: str | None, to: str, record: bool | None
) -> Begin:
    """The order for a call to `to`, by a user, from a number; the one follows from the other when only one is named.

    Raises:
        OrderFault: there is no such call.
    """
    number = normalise(to, directory.region)
    if not is_e164(number):
        raise OrderFault(
            "INVALID_PHONE_NUMBER", "to", "to must be a number in E.164, +33612345678 for instance."
        )
    if directory.number(number) is not None:
        raise OrderFault("INVALID_PHONE_NUMBER", "to", f"{number} is a number of the workspace itself.")
    own = _own_number(directory, sender)
    who = _caller(directory, user, own)
    own = own or directory.number_of_user(who)
    if own is None:
        raise OrderFault(
            "FROM_NUMBER_NOT_FOUND",
            "from",
            f"No number of the workspace lists {who.email}; name one in from.",
        )
    return Begin(who.email, own.number, number, record)


def _own_number(directory: Directory, sender: str | None) -> Number | None:
    if sender is None:
        return None
    own = directory.number(normalise(sender, directory.region))
    if own is None:
        raise OrderFault(
            "FROM_NUMBER_NOT_FOUND",
            "from",
            f"The workspace has no number {sender[:40]!r}; GET /v2/api/numbers lists those it has.",
        )
    return own


def _caller(directory: Directory, email: str | None, own: Number | None) -> User:
    """Who is to be called first: the user that is named, or the first of the number who has a telephone."""
    if email is not None:
        found = [user for user in directory.users if user.email.lower() == email.lower()]
        if not found:
            raise OrderFault("MEMBER_NOT_FOUND", "user_email", f"The workspace has no user {email[:100]!r}.")
    elif own is not None:
        found = list(own.users)
    else:
        raise OrderFault(
            "MISSING_FIELD", "user_email", "Name who calls in user_email, or a number of theirs in from."
        )
    reached = next((user for user in found if user.telephones), None)
    if reached is None:
        named = found[0].email if found else "Nobody of this number"
        raise OrderFault(
            "NO_TELEPHONE",
            "user_email",
            f"{named} has no telephone; set sip of the user in the configuration.",
        )
    return reached


def offer(order: Order, what: Begin, directory: Directory, now: int) -> list[Offered | Ended]:
    """The call that is begun with an order: its offer, and its end too when there is nobody to call, or it is too late.

    `now` is wall ms.
    """
    user = next((one for one in directory.users if one.email == what.user), None)
    telephones = user.telephones if user is not None else ()
    offered = Offered(
        source=SOURCE,
        call=order.id,
        id="offered",
        at=order.at,
        leg="caller",
        direction=Direction.OUTBOUND,
        from_raw=what.sender,
        to_raw=what.to,
        user_ref=telephones[0] if telephones else None,
        ordered=order.call,
        record=what.record,
    )
    if telephones and (now - order.at) / 1000 <= TAKEN_IN:
        return [offered]
    return [offered, Ended(source=SOURCE, call=order.id, id="ended", at=now, cause=EndCause.UNREACHABLE)]


def new_call(now: int) -> str:
    """The id of a call that is going to be begun."""
    return new_id(CALL, now)
