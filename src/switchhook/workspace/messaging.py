"""Texts in and out of one workspace, each step with its events in one transaction.

API ──accept──▶ item PENDING, a row of the queue          sender ──claim──▶ carrier
carrier ──report──▶ status, `sms.sent` once               carrier ──receive──▶ item, `sms.received` once, opt-outs
"""

import logging
from collections.abc import Callable, Sequence

from switchhook.clock import Clock, iso_millis
from switchhook.events.envelope import publish as check
from switchhook.events.ids import FILE, MESSAGE, new_id
from switchhook.events.payloads import EventData, MessageType, SmsReceived, SmsSent
from switchhook.storage import conversations, text_files, text_parts, texts
from switchhook.storage.conversations import Item
from switchhook.storage.store import Reader, Store, Transaction
from switchhook.storage.text_files import TextFile
from switchhook.workspace.callers import identify
from switchhook.workspace.directory import Number, read_directory
from switchhook.workspace.items import keep, record
from switchhook.workspace.opt_out import wish
from switchhook.workspace.publish import new_event, tell
from switchhook.workspace.texts import (
    ASK_FIRST,
    Carrier,
    Incoming,
    Progress,
    Status,
    TextFault,
    advance,
    check_countries,
    clean_message,
    clean_recipient,
    is_over,
    together,
    went_out,
)
from switchhook.workspace.traces import ACCEPTED, RECEIVED, trace_text

log = logging.getLogger(__name__)

FIX = 'name one in switchhook.toml: carrier = "twilio" or "smpp" in the section [texts]'


class Texts:
    """The texts of one workspace, through one carrier, or none. `sender_ids` are names that texts may go out under."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        workspace: str,
        region: str,
        *,
        carrier: Carrier | None = None,
        sender_ids: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self.workspace = workspace
        self._region = region
        self._carrier = carrier
        self._sender_ids = tuple(sender_ids)
        self._wake: Callable[[], None] = lambda: None

    def on_accepted(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when there is a text to send."""
        self._wake = wake

    async def accept(
        self, tx: Transaction, workspace: str, to: str, message: str, *, number: str = "", sender_id: str = ""
    ) -> Item:
        """Take a text to be sent, from a `number` of ours or under a `sender_id`. It is once `tx` is committed.

        Raises:
            TextFault: it cannot be sent; nothing was stored.
        """
        carrier = self._carrier
        if carrier is None or workspace != self.workspace:
            raise TextFault(
                "PROVIDER_NOT_SUPPORTED",
                "sender_id" if sender_id else "from",
                f"There is no carrier for the texts of this workspace; {FIX}."
                if carrier is None
                else "There is no carrier for the texts of this workspace; the first one of the server has it.",
            )
        sender, user_email = await self._sender(tx, number, sender_id)
        if not carrier.sends_from(sender):
            raise TextFault(
                "NUMBER_NOT_SMS_ENABLED" if number else "INVALID_SENDER_ID",
                "from" if number else "sender_id",
                f"{sender} is not set up for texts with {carrier.name}.",
            )
        to = clean_recipient(to, self._region)
        check_countries(sender, to)
        content = clean_message(message)
        if await texts.opted_out(tx, workspace, sender, to):
            raise TextFault(
                "MESSAGE_NOT_COMPLIANT",
                "to",
                f"{to} answered STOP to {sender} and gets no texts from it until it answers START.",
            )
        now = self._clock.now()
        item = Item(
            workspace=workspace,
            id=new_id(MESSAGE, now),
            kind="SMS",
            direction="OUTBOUND",
            own_number=sender,
            contact_number=to,
            user_email=user_email,
            at=now,
            content=content,
            status=Status.PENDING.value,
            message_type=MessageType.SMS.value,
        )
        await keep(tx, item, unread=False, unresponded=False)
        await texts.add(tx, workspace, item.id, carrier.name, None)
        if tx.traces is not None:
            trace_text(tx.traces, workspace, item.id, carrier.name, ACCEPTED)
        await texts.queue(tx, workspace, item.id, now)
        tx.committed.told.append(lambda _: self._wake())
        return item

    async def _sender(self, reader: Reader, number: str, sender_id: str) -> tuple[str, str | None]:
        """What a text goes out as, and who of us answers for it."""
        if sender_id:
            if sender_id not in self._sender_ids:
                raise TextFault(
                    "INVALID_SENDER_ID",
                    "sender_id",
                    f"{sender_id[:40]!r} is none of the sender_ids in the section [texts] of switchhook.toml.",
                )
            return sender_id, None
        own = await self._number(reader, number)
        if own is None:
            raise TextFault(
                "FROM_NUMBER_NOT_FOUND",
                "from",
                f"{number[:40]!r} is no number of the workspace; GET /v1/api/numbers lists them.",
            )
        return own.number, own.users[0].email if own.users else None

    async def _number(self, reader: Reader, number: str) -> Number | None:
        directory = await read_directory(reader, self.workspace, self._region)
        return directory.number(directory.spell(number))

    async def receive(self, text: Incoming) -> bool:
        """Take a text that came in. Returns when it is durable; False when it was known.

        Raises:
            StorageError: it could not be stored; bring it again.
        """
        return await self._store.run(lambda tx: self.take_in(tx, text))

    async def take_in(self, tx: Transaction, text: Incoming) -> bool:
        """`receive` in a transaction."""
        workspace, now = self.workspace, self._clock.now()
        id_ = new_id(MESSAGE, now)
        if not await texts.add(tx, workspace, id_, text.carrier, text.carrier_id):
            return False
        if tx.traces is not None:
            trace_text(tx.traces, workspace, id_, text.carrier, RECEIVED)
        directory = await read_directory(tx, workspace, self._region)
        own, theirs = directory.spell(text.to), directory.spell(text.sender)
        number = directory.number(own)
        contact = await identify(tx, workspace, theirs)
        data = SmsReceived(
            id=id_,
            direction="INBOUND",
            type=MessageType.MMS if text.media else MessageType.SMS,
            content=text.content,
            sent_at=iso_millis(now),
            from_number=theirs,
            to_number=own,
            from_name=contact.name if contact else "",
            to_name=number.name if number else "",
            user_email=number.users[0].email if number and number.users else "",
        )
        match wish(text.content):
            case "OUT":
                await texts.opt_out(tx, workspace, own, theirs, now)
            case "IN":
                await texts.opt_in(tx, workspace, own, theirs)
        await self._tell(tx, data, now)
        await record(tx, workspace, data, now)
        for position, file in enumerate(text.files):
            row = TextFile(new_id(FILE, now), id_, file.carrier_id, file.content_type, None, None, 0)
            await text_files.add(tx, workspace, row, position=position, now=now)
        return True

    async def report(self, id_: str, progress: Progress, carrier_id: str | None = None) -> bool:
        """What became of a text of ours, by our id. Returns when it is durable; False when there is no such text.

        Raises:
            StorageError: it could not be stored; report it again.
        """
        return await self._store.run(lambda tx: self.apply(tx, id_, progress, carrier_id))

    async def report_by_carrier(self, carrier: str, carrier_id: str, progress: Progress) -> bool:
        """The same, by the carrier's id; False also when that is not known yet."""

        async def work(tx: Transaction) -> bool:
            id_ = await texts.by_carrier(tx, self.workspace, carrier, carrier_id)
            return id_ is not None and await self.apply(tx, id_, progress, carrier_id)

        return await self._store.run(work)

    async def apply(
        self, tx: Transaction, id_: str, progress: Progress, carrier_id: str | None = None
    ) -> bool:
        """`report` in a transaction."""
        workspace, now = self.workspace, self._clock.now()
        known = await texts.find(tx, workspace, id_)
        item = await conversations.find_item(tx, workspace, id_)
        if known is None or item is None or item.direction != "OUTBOUND":
            return False
        before = Progress(Status(item.status or Status.PENDING), known.reason)
        after = advance(before, progress)
        if carrier_id is not None and known.carrier_id is None:
            other = await texts.by_carrier(tx, workspace, known.carrier, carrier_id)
            if other is None:
                known = texts.Known(known.carrier, carrier_id, known.reason)
        if tx.traces is not None and after.status is not before.status:
            trace_text(tx.traces, workspace, id_, known.carrier, after.status.value.lower())
        if after.status is not before.status:
            await conversations.save_status(tx, workspace, id_, after.status.value)
        await texts.save(tx, workspace, id_, known.carrier_id, after.reason)
        if is_over(after):
            await texts.forget(tx, workspace, id_)
            await text_parts.drop_parts(tx, workspace, id_)
        elif carrier_id is not None:
            await texts.accepted(tx, workspace, id_, now + ASK_FIRST * 1000)
        if went_out(progress) and item.content is not None:
            await self._tell(tx, await self._sent(tx, item, now), now)
        return True

    async def apply_part(
        self, tx: Transaction, id_: str, carrier: str, part_id: str, progress: Progress
    ) -> bool:
        """What became of a part of a text, in a transaction: the text has come as far as its parts together."""
        parts = await text_parts.parts_of(tx, self.workspace, id_)
        missing = max(0, max((part.total for part in parts), default=1) - len(parts))
        stages = [Progress(Status.PENDING)] * missing
        for part in parts:
            stage = Progress(Status(part.status), part.reason)
            if part.part_id == part_id:
                stage = advance(stage, progress)
                saved = text_parts.Part(part_id, part.total, stage.status.value, stage.reason)
                await text_parts.save_part(tx, self.workspace, carrier, saved)
            stages.append(stage)
        return await self.apply(tx, id_, together(stages))

    async def _sent(self, reader: Reader, item: Item, now: int) -> SmsSent:
        directory = await read_directory(reader, item.workspace, self._region)
        number = directory.number(item.own_number)
        contact = await identify(reader, item.workspace, item.contact_number)
        return SmsSent(
            id=item.id,
            direction="OUTBOUND",
            type=MessageType(item.message_type or MessageType.SMS),
            content=item.content or "",
            sent_at=iso_millis(now),
            from_number=item.own_number,
            to_number=item.contact_number,
            from_name=number.name if number else "",
            to_name=contact.name if contact else "",
            user_email=item.user_email or "",
        )

    async def _tell(self, tx: Transaction, data: EventData, now: int) -> None:
        await tell(tx, new_event(self.workspace, check(data), now))
