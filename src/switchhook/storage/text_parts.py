"""Texts that a carrier takes and brings in parts: those that went out, by the carrier's ids, and those that came in."""

import msgspec

from switchhook.storage.store import Reader, Transaction


class Part(msgspec.Struct, frozen=True):
    """A part that went out, of how many: how far it has come, and why it failed."""

    part_id: str
    total: int
    status: str
    reason: str | None


class Fragment(msgspec.Struct, frozen=True):
    """A part that came in. `done_at` is when its text was taken, `content` is empty then; times are wall ms."""

    number: int
    total: int
    digest: str
    content: str
    at: int
    done_at: int | None


class Fragments(msgspec.Struct, frozen=True):
    """Whose parts they are: a carrier's, from a number to another one, under the sender's number for the text."""

    carrier: str
    sender: str
    recipient: str
    reference: int


async def add_part(tx: Transaction, workspace: str, carrier: str, text_id: str, part: Part) -> None:
    """The carrier has taken a part of a text of ours."""
    await tx.execute("add_text_part", workspace, carrier, part.part_id, text_id, part.total, part.status)


async def text_of(reader: Reader, workspace: str, carrier: str, part_id: str) -> str | None:
    """The id of the text that a part belongs to, as long as something is to be heard of it."""
    rows = await reader.fetch("text_of_part", workspace, carrier, part_id)
    return str(rows[0][0]) if rows else None


async def parts_of(reader: Reader, workspace: str, text_id: str) -> list[Part]:
    """The parts of a text that went out."""
    return [Part(*row) for row in await reader.fetch("text_parts", workspace, text_id)]


async def save_part(tx: Transaction, workspace: str, carrier: str, part: Part) -> None:
    """Store how far a part has come."""
    await tx.execute("save_text_part", workspace, carrier, part.part_id, part.status, part.reason)


async def drop_parts(tx: Transaction, workspace: str, text_id: str) -> None:
    """Nothing more is to be heard of a text."""
    await tx.execute("drop_text_parts", workspace, text_id)


async def fragments(reader: Reader, workspace: str, of: Fragments) -> list[Fragment]:
    """What came in of a text so far, in order."""
    rows = await reader.fetch("text_fragments", workspace, of.carrier, of.sender, of.recipient, of.reference)
    return [Fragment(*row) for row in rows]


async def add_fragment(tx: Transaction, workspace: str, of: Fragments, one: Fragment) -> None:
    """A part came in."""
    await tx.execute(
        "add_text_fragment",
        workspace,
        of.carrier,
        of.sender,
        of.recipient,
        of.reference,
        one.number,
        one.total,
        one.digest,
        one.content,
        one.at,
    )


async def finish_fragments(tx: Transaction, workspace: str, of: Fragments, now: int) -> None:
    """The text was taken; what it said is not kept here."""
    await tx.execute(
        "finish_text_fragments", workspace, of.carrier, of.sender, of.recipient, of.reference, now
    )


async def drop_fragments(tx: Transaction, workspace: str, of: Fragments) -> None:
    """Make room for another text under the same reference."""
    await tx.execute("drop_text_fragments", workspace, of.carrier, of.sender, of.recipient, of.reference)


async def stale_fragments(
    reader: Reader, workspace: str, begun_before: int, done_before: int, limit: int
) -> list[Fragments]:
    """Texts that wait for a part for too long, and those that were taken long ago."""
    rows = await reader.fetch("stale_text_fragments", workspace, begun_before, done_before, limit)
    return [Fragments(*row) for row in rows]


async def arrivals(reader: Reader, workspace: str, carrier: str, digest: str, since: int) -> list[str]:
    """The carrier ids, `DIGEST-TIME-…`, of texts that came in since a time (wall ms), oldest first."""
    low, high = f"{digest}-{since:015d}", f"{digest}-~"
    return [str(row[0]) for row in await reader.fetch("text_arrivals", workspace, carrier, low, high)]
