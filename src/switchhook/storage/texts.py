"""Texts on their way through a carrier: what is known of each, what is left to do, and who wants none.

    WAITING ──claimed──▶ CLAIMED ──the carrier has it──▶ ACCEPTED ──it has arrived, or failed──▶ gone
       ▲                    │
       └──surely not sent───┘

What a text says and how far it has come stands in its item.
"""

from typing import Literal

import msgspec

from switchhook.storage.store import Reader, Transaction

State = Literal["WAITING", "CLAIMED", "ACCEPTED"]


class Sending(msgspec.Struct, frozen=True):
    """A text of the queue. Times are wall ms; `content` is None when its words were taken out meanwhile."""

    id: str
    carrier: str
    carrier_id: str | None
    own_number: str
    contact_number: str
    content: str | None
    at: int
    attempts: int
    claimed_at: int | None


class Known(msgspec.Struct, frozen=True):
    """What is known of a text beside its item."""

    carrier: str
    carrier_id: str | None
    reason: str | None


async def add(tx: Transaction, workspace: str, id_: str, carrier: str, carrier_id: str | None) -> bool:
    """Write a text down; False when the carrier's id is known already."""
    return await tx.execute("add_text", workspace, id_, carrier, carrier_id) > 0


async def find(reader: Reader, workspace: str, id_: str) -> Known | None:
    """What is known of a text."""
    rows = await reader.fetch("text", workspace, id_)
    return Known(*rows[0]) if rows else None


async def by_carrier(reader: Reader, workspace: str, carrier: str, carrier_id: str) -> str | None:
    """The id of the text that a carrier names so."""
    rows = await reader.fetch("text_by_carrier", workspace, carrier, carrier_id)
    return str(rows[0][0]) if rows else None


async def save(tx: Transaction, workspace: str, id_: str, carrier_id: str | None, reason: str | None) -> None:
    """Store the carrier's id of a text, and why it failed."""
    await tx.execute("save_text", workspace, id_, carrier_id, reason)


async def queue(tx: Transaction, workspace: str, id_: str, now: int) -> None:
    """Have a text sent."""
    await tx.execute("queue_text", workspace, id_, now)


async def due(reader: Reader, workspace: str, state: State, now: int, limit: int) -> list[Sending]:
    """Up to `limit` texts of a state that something is to be done about now, in order."""
    return [Sending(*row) for row in await reader.fetch("queued_texts", workspace, state, now, limit)]


async def count(reader: Reader, workspace: str, state: State) -> int:
    """How many texts are in a state."""
    ((number,),) = await reader.fetch("count_queued_texts", workspace, state)
    return int(number)


async def claim(tx: Transaction, workspace: str, id_: str, now: int, ask_at: int) -> bool:
    """It may be under way from now on; it is asked about at `ask_at` if its fate is not known by then."""
    moved = await tx.execute("move_text", workspace, id_, "WAITING", "WAITING", "CLAIMED", ask_at, 0, now)
    return moved > 0


async def put_back(tx: Transaction, workspace: str, id_: str, due_at: int, attempts: int) -> None:
    """Have a text that surely was not sent tried again."""
    await tx.execute("move_text", workspace, id_, "CLAIMED", "CLAIMED", "WAITING", due_at, attempts, None)


async def accepted(tx: Transaction, workspace: str, id_: str, ask_at: int) -> None:
    """The carrier has it. What becomes of it is asked for at `ask_at`, if nobody says it before."""
    await tx.execute("move_text", workspace, id_, "WAITING", "CLAIMED", "ACCEPTED", ask_at, 0, None)


async def ask_again(tx: Transaction, workspace: str, text: Sending, state: State, due_at: int) -> None:
    """The question had no answer yet."""
    attempts = text.attempts + 1
    await tx.execute("move_text", workspace, text.id, state, state, state, due_at, attempts, text.claimed_at)


async def forget(tx: Transaction, workspace: str, id_: str) -> None:
    """Nothing is left to do about a text."""
    await tx.execute("unqueue_text", workspace, id_)


async def opt_out(tx: Transaction, workspace: str, own_number: str, contact_number: str, now: int) -> None:
    """A number wants no more texts from one of ours."""
    await tx.execute("opt_out", workspace, own_number, contact_number, now)


async def opt_in(tx: Transaction, workspace: str, own_number: str, contact_number: str) -> None:
    """It wants them again."""
    await tx.execute("opt_in", workspace, own_number, contact_number)


async def opted_out(reader: Reader, workspace: str, own_number: str, contact_number: str) -> bool:
    """Whether a number wants no texts from one of ours."""
    return bool(await reader.fetch("opted_out", workspace, own_number, contact_number))
