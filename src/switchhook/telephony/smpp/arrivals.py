"""Texts that come in: put together from their parts, known again when they come twice, taken once they are durable.

SMPP gives a text that comes in no id. A carrier brings one again when our answer did not reach it: over a new
connection, or because we took long. So an equal text (the same octets between the same numbers) is the same one when
the first came within ten minutes over an earlier connection, or was answered late; over the same connection it is
another one, as when somebody writes "ok" twice. A text is put together when all of its parts are there; what is missing
after an hour is left out.
"""

import hashlib
import logging
from collections.abc import Sequence
from itertools import groupby

import msgspec

from switchhook.clock import Clock
from switchhook.events.ids import MESSAGE, new_id
from switchhook.storage import text_parts as parts
from switchhook.storage.store import Store, Transaction
from switchhook.storage.text_parts import Fragment, Fragments
from switchhook.telephony.smpp.letters import Part, Wire, cut, decode, spelled
from switchhook.telephony.smpp.pdu import Message, PduError, Status
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import Incoming

log = logging.getLogger(__name__)

AGAIN = 600_000  # ms in which a carrier is believed to bring again what it brought
LATE = 5_000  # ms after which an answer may have been too late for the carrier
INCOMPLETE = 3_600_000  # ms that a text waits for its parts
MISSING = "[…]"
SWEPT = 50  # texts of one sweep
MEMORY = 10_000  # texts of one connection that are remembered


class _Came(msgspec.Struct, frozen=True):
    """A text, or a part of one: what makes it known again, between whom, and when it came (wall ms)."""

    digest: str
    sender: str
    to: str
    at: int


class Arrivals:
    """What one carrier brings to one workspace."""

    def __init__(self, store: Store, clock: Clock, texts: Texts, carrier: str, wire: Wire) -> None:
        self._store = store
        self._clock = clock
        self._texts = texts
        self._carrier = carrier
        self._wire = wire
        self._since = clock.now()
        self._known: set[str] = set()  # those of earlier connections that came again over this one
        self._late: set[str] = set()

    def connected(self) -> None:
        """A new connection begins: what comes again over it may have come over an earlier one."""
        self._since = self._clock.now()
        self._known.clear()
        self._late.clear()

    async def take(self, message: Message) -> Status:
        """Take a text or a part of one. Returns what the carrier is told, once it is durable.

        Raises:
            StorageError: it is not; the carrier is to bring it again.
        """
        try:
            part, octets = cut(message)
        except PduError as error:
            log.warning("a text from %s cannot be read: %s", message.source.number[:21], error)
            return error.status
        came = _Came(
            _digest(message, octets),
            spelled(message.source),
            spelled(message.destination),
            self._clock.now(),
        )
        if part is not None:
            of = Fragments(self._carrier, came.sender, came.to, part.reference)
            piece = f"{message.data_coding:02x}{octets.hex()}"
            await self._store.run(lambda tx: self._piece(tx, of, part, came, piece))
            return Status.OK
        content = decode(octets, message.data_coding, self._wire)
        taken = await self._store.run(lambda tx: self._whole(tx, came, content))
        if taken and self._clock.now() - came.at > LATE and len(self._late) < MEMORY:
            self._late.add(taken)
        return Status.OK

    async def sweep(self) -> int:
        """Take what waits for its parts for too long, without them; how many texts that were.

        Raises:
            StorageError: try again.
        """
        now = self._clock.now()
        stale = await self._store.read(
            lambda reader: parts.stale_fragments(
                reader, self._texts.workspace, now - INCOMPLETE, now - AGAIN, SWEPT
            )
        )
        count = 0
        for of in stale:
            if of.carrier == self._carrier:
                count += await self._store.run(lambda tx, of=of: self._give_up(tx, of, now))  # type: ignore[misc]
        return count

    async def _whole(self, tx: Transaction, came: _Came, content: str) -> str:
        """Take a text; the carrier id that it has here, or "" when it was known."""
        workspace, since = self._texts.workspace, came.at - AGAIN
        for known in await parts.arrivals(tx, workspace, self._carrier, came.digest, since):
            earlier = int(known.split("-")[1]) < self._since
            if known not in self._known and (earlier or known in self._late):
                tx.committed.told.append(lambda _, known=known: self._known.add(known))  # type: ignore[misc]
                return ""
        return await self._receive(tx, came, content)

    async def _receive(self, tx: Transaction, came: _Came, content: str) -> str:
        carrier_id = f"{came.digest}-{came.at:015d}-{new_id(MESSAGE, came.at)[-12:]}"
        text = Incoming(self._carrier, carrier_id, came.sender, came.to, content.replace("\0", ""))
        await self._texts.take_in(tx, text)
        return carrier_id

    async def _piece(self, tx: Transaction, of: Fragments, part: Part, came: _Came, piece: str) -> None:
        workspace = self._texts.workspace
        there = await parts.fragments(tx, workspace, of)
        if there and _another(there, part, came):
            await self._close(tx, of, there, came.at)
            await parts.drop_fragments(tx, workspace, of)
            there = []
        if any(one.number == part.number for one in there):
            return
        one = Fragment(part.number, part.total, came.digest, piece, came.at, None)
        await parts.add_fragment(tx, workspace, of, one)
        there = [*there, one]
        if len(there) == part.total:
            await self._close(tx, of, there, came.at)

    async def _give_up(self, tx: Transaction, of: Fragments, now: int) -> int:
        there = await parts.fragments(tx, self._texts.workspace, of)
        waited = any(one.done_at is None for one in there)
        if waited and _begun(there) >= now - INCOMPLETE:
            return 0  # another text came under this number meanwhile
        await self._close(tx, of, there, now)
        if not waited:
            await parts.drop_fragments(tx, self._texts.workspace, of)
        return int(waited)

    async def _close(self, tx: Transaction, of: Fragments, there: Sequence[Fragment], now: int) -> None:
        """Take a text of which no more parts are waited for. Once it was taken there is nothing to do."""
        if not there or there[0].done_at is not None:
            return
        digest = hashlib.sha256("".join(one.digest for one in there).encode()).hexdigest()[:32]
        content = joined(there, self._wire)
        await self._receive(tx, _Came(digest, of.sender, of.recipient, now), content)
        await parts.finish_fragments(tx, self._texts.workspace, of, now)


def _another(there: Sequence[Fragment], part: Part, came: _Came) -> bool:
    """Whether a part belongs to another text than those that are there under its reference. Pure."""
    if any(one.total != part.total for one in there):
        return True
    same = next((one for one in there if one.number == part.number), None)
    done_at = there[0].done_at
    if done_at is not None:
        return same is None or same.digest != came.digest or came.at - done_at > AGAIN
    return (same is not None and same.digest != came.digest) or came.at - _begun(there) > INCOMPLETE


def _begun(there: Sequence[Fragment]) -> int:
    return min(one.at for one in there)


def joined(there: Sequence[Fragment], wire: Wire) -> str:
    """What parts say together. Octets of one coding are joined first: a letter may be cut in two. Pure."""
    by_number = {one.number: one.content for one in there}
    total = there[0].total
    pieces = [by_number.get(number) for number in range(1, total + 1)]
    said: list[str] = []
    for coding, group in groupby(pieces, lambda piece: piece and piece[:2]):
        if coding is None:
            said.append(MISSING)
        else:
            octets = b"".join(bytes.fromhex(piece[2:]) for piece in group if piece)
            said.append(decode(octets, int(coding, 16), wire))
    return "".join(said)


def _digest(message: Message, octets: bytes) -> str:
    """What makes two texts equal: between whom, and what they say."""
    said = (message.source.number, message.destination.number, str(message.data_coding), octets.hex())
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]
