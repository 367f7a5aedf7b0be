"""The rules of texts, and what a carrier is to them. Pure.

    accepted ──▶ PENDING ──▶ SENT ──▶ DELIVERED | FAILED          only ever forwards, whatever order reports come in

A text costs money and is read by somebody: whether it was sent is never guessed. When a process dies between claiming
a text and writing down what the carrier said, the carrier is asked; a text that it cannot name for certain has FAILED,
with the reason `unknown`, and is not sent again. Should the carrier report of it later, that counts.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from switchhook.workspace.e164 import calling_code, is_e164, normalise

MESSAGE_MAX = 1000  # characters
UNKNOWN = "unknown"
FRANCE = 33

RETRY_FIRST, RETRY_MOST = 5, 300  # seconds between two attempts of a text that was surely not sent
GIVE_UP = 4 * 3600  # seconds after which it is not sent any more: what it says may be untrue by then
ASK_FIRST, ASK_MOST = 60, 4 * 3600  # seconds between two questions about a text
ASK_NO_MORE = 72 * 3600  # seconds after which nothing new is to be heard of it


class Status(StrEnum):
    """How far a text has come."""

    PENDING = "PENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Progress(msgspec.Struct, frozen=True):
    """How far a text has come, and why it failed."""

    status: Status
    reason: str | None = None


class Outgoing(msgspec.Struct, frozen=True):
    """A text as a carrier is given it. `id` is ours; `sender` is a number (E.164) or a sender id."""

    id: str
    sender: str
    to: str
    content: str

    def __repr__(self) -> str:  # not what it says, nor to whom
        return f"Outgoing({self.id})"


class Attached(msgspec.Struct, frozen=True):
    """A file that came with a text; `carrier_id` is how its carrier finds it."""

    carrier_id: str
    content_type: str


class Incoming(msgspec.Struct, frozen=True):
    """A text as a carrier brings it: numbers as they come, `carrier_id` its own id of it, `media` how many files.

    `files` are those that can be fetched.
    """

    carrier: str
    carrier_id: str
    sender: str
    to: str
    content: str
    media: int = 0
    files: tuple[Attached, ...] = ()

    def __repr__(self) -> str:
        return f"Incoming({self.carrier} {self.carrier_id})"


class Taken(msgspec.Struct, frozen=True):
    """The carrier has it, under its own id, and has come so far with it."""

    carrier_id: str
    progress: Progress = Progress(Status.PENDING)


class Refused(msgspec.Struct, frozen=True):
    """The carrier will not send it."""

    reason: str


class Later(msgspec.Struct, frozen=True):
    """It was surely not sent; try again, in `seconds` at the earliest."""

    why: str
    seconds: float = 0


class Doubtful(msgspec.Struct, frozen=True):
    """It may have been sent or not."""

    why: str


Outcome = Taken | Refused | Later | Doubtful


class CarrierUnreachable(Exception):
    """The carrier gave no answer that can be used. The text says why, without secrets."""


class Carrier(Protocol):
    """Who carries texts. `rate` is how many segments a second it may be given; `name` never changes."""

    @property
    def name(self) -> str:
        """What it is called in the database."""

    @property
    def rate(self) -> float:
        """Segments a second."""

    def sends_from(self, sender: str) -> bool:
        """Whether texts can go out from a number (E.164) or a sender id."""

    async def submit(self, text: Outgoing) -> Outcome:
        """Hand a text over, once. Whatever went wrong, it says whether the carrier may have it."""

    async def ask(self, text: Outgoing, since: int, carrier_id: str | None) -> Sequence[Taken]:
        """What the carrier has of a text: by its id, or all from `since` (wall ms) on that are equal to it.

        Raises:
            CarrierUnreachable: ask again later.
        """

    async def attend(self, ours: bool) -> None:
        """Told again and again: whether this process is the one that has the texts, and is to stay connected."""

    async def close(self) -> None:
        """Let go of connections."""


class TextFault(Exception):
    """A text that is not sent: the error code of the API, the field, and a sentence that names the fix."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


def _rank(progress: Progress) -> int:
    match progress.status:
        case Status.PENDING:
            return 0
        case Status.SENT:
            return 2
        case Status.DELIVERED:
            return 4
        case Status.FAILED:
            # What the carrier reports is more than that nobody knows.
            return 1 if progress.reason == UNKNOWN else 3


def advance(now: Progress, report: Progress) -> Progress:
    """How far a text has come after a report. Reports may come in any order and any number of times.

    That it was delivered is believed over that it failed: the telephone has it.
    """
    return report if _rank(report) > _rank(now) else now


def is_over(progress: Progress) -> bool:
    """Whether nobody needs to ask about a text any more."""
    return progress.status in (Status.DELIVERED, Status.FAILED)


def went_out(progress: Progress) -> bool:
    """Whether a report says that a text went out."""
    return progress.status in (Status.SENT, Status.DELIVERED)


def together(stages: Sequence[Progress]) -> Progress:
    """How far a text has come whose parts have come so far: it failed when one did, arrived when all did."""
    for stage in stages:
        if stage.status is Status.FAILED:
            return stage
    order = (Status.PENDING, Status.SENT, Status.DELIVERED)
    return min(stages, key=lambda stage: order.index(stage.status))


def resolve(found: Sequence[Taken], others: Collection[str]) -> Taken | None:
    """Which of what the carrier has is the text in doubt: the only one beside `others`, or none for certain."""
    left = [one for one in found if one.carrier_id not in others]
    return left[0] if len(left) == 1 else None


def retry_in(attempts: int, at_least: float) -> float:
    """Seconds until the attempt after `attempts` ones."""
    return max(at_least, min(RETRY_FIRST * 2.0 ** min(attempts, 20), RETRY_MOST))


def ask_in(attempts: int) -> float:
    """Seconds until the question after `attempts` ones."""
    return min(ASK_FIRST * 2.0 ** min(attempts, 20), ASK_MOST)


def clean_message(message: str) -> str:
    """A message that can be sent.

    Raises:
        TextFault: it says nothing, or too much.
    """
    if not message.strip() or len(message) > MESSAGE_MAX:
        raise TextFault("INVALID_LENGTH", "message", f"A message has 1 to {MESSAGE_MAX} characters.")
    return message


def clean_recipient(to: str, region: str) -> str:
    """A number that texts can go to, as E.164.

    Raises:
        TextFault: it is none.
    """
    number = normalise(to, region)
    if not is_e164(number):
        raise TextFault(
            "INVALID_PHONE_NUMBER", "to", f"{to[:40]!r} is no telephone number; write it like +33612345678."
        )
    return number


def check_countries(sender: str, to: str) -> None:
    """See that a text may go from a number, or from a sender id, to a number.

    Raises:
        TextFault: it may not: texts stay in the country of the number, and those of a sender id in France.
    """
    if sender.startswith("+"):
        if calling_code(sender) != calling_code(to):
            raise TextFault(
                "TO_NUMBER_COUNTRY_MISMATCH",
                "to",
                f"{to} is not in the country of {sender}; texts stay in it.",
            )
    elif calling_code(to) != FRANCE:
        raise TextFault(
            "TO_NUMBER_COUNTRY_MISMATCH",
            "to",
            f"{to} is not in France (+33), where a sender_id may write to.",
        )
