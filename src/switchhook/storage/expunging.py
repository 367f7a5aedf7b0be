"""One event as a whole, and the removal of its content: what was sent and what was answered, not that it happened.

The event keeps its id, topic, time, dedupe key and deliveries with their attempts; its body becomes empty, and so do
the stored answers. What still waited ends with an attempt that says why. From then on no query puts a delivery of it
into the schedule again.

The call or text that the event told of stays in its conversation without words: that it was, between whom and when, but
not what was said. What was recorded of a call goes too, in moments (`archive.py`).
"""

import msgspec

from switchhook.events.envelope import parse
from switchhook.events.faults import InvalidEvent, UnknownTopic
from switchhook.events.further import CallTranscribed, SummaryUpdated
from switchhook.events.ids import normalise_id
from switchhook.events.payloads import CallCompleted, SmsReceived, SmsSent
from switchhook.storage import conversations, outbox, pruning, recordings, text_files, transcripts
from switchhook.storage.pruning import Trace
from switchhook.storage.store import Reader, Transaction


class Event(msgspec.Struct, frozen=True):
    """An event as stored. `body` is empty once it was expunged. `mark` is the low-water mark when it was read."""

    seq: int
    workspace: str
    id: str
    topic: str
    accepted_at: int
    expunged_at: int | None
    body: bytes
    traces: tuple[Trace, ...]
    mark: int

    @property
    def waiting(self) -> list[Trace]:
        """Deliveries that wait in the schedule."""
        return [trace for trace in self.traces if trace.there and trace.waits]

    @property
    def under_way(self) -> bool:
        """Whether a process may have it in memory for a delivery that has left no trace yet."""
        return self.seq > self.mark and any(
            trace.there and not trace.waits and not trace.number for trace in self.traces
        )


async def find_event(reader: Reader, workspace: str, id: str) -> Event | None:
    """The event, or None when there is none."""
    mark = await outbox.low_water(reader)  # first: what is above it afterwards was so before
    rows = await reader.fetch("event_shown", workspace, id)
    if not rows:
        return None
    seq, _, _, topic, accepted_at, expunged_at, body, targets = rows[0]
    found = await pruning.traces(reader, [(workspace, target, id) for target in targets.split()])
    return Event(seq, workspace, id, topic, accepted_at, expunged_at, body, tuple(found), mark)


async def expunge(tx: Transaction, event: Event, *, kind: str, why: str, now: int) -> None:
    """Remove the content of `event`. What waits is over; `kind` and `why` are what its history says of that."""
    await _silence(tx, event, now)
    await tx.execute("expunge_event", event.workspace, event.id, b"", now)
    await tx.many("expunge_attempts", [(event.workspace, trace.endpoint, event.id) for trace in event.traces])
    ended = event.waiting
    said = (now, 0.0, kind, None, None, why, why, None, None)
    attempts = [(event.workspace, t.endpoint, event.id, t.number + 1, "failed", *said) for t in ended]
    await tx.many("add_attempt", attempts)
    await tx.many("drop_schedule", [(event.workspace, t.endpoint, event.id) for t in ended])
    tx.committed.recalled.update((event.workspace, trace.endpoint) for trace in ended)
    tx.committed.erased = True


async def _silence(tx: Transaction, event: Event, now: int) -> None:
    """Take the words that came with `event` out of the item that shows them, and have what was recorded go."""
    try:
        data = parse(event.body).data
    except (UnknownTopic, InvalidEvent):
        return  # no item was made of it
    match data:
        case CallCompleted():
            await conversations.silence_item(tx, event.workspace, normalise_id(data.id), "CALL")
            await recordings.doom_of(tx, event.workspace, normalise_id(data.id), now)
            await transcripts.forget(tx, event.workspace, normalise_id(data.id))
        case CallTranscribed():
            await _silence_transcript(tx, event.workspace, normalise_id(data.call_id))
        case SmsReceived() | SmsSent():
            await conversations.silence_item(tx, event.workspace, normalise_id(data.id), "SMS")
            await text_files.remove_of(tx, event.workspace, normalise_id(data.id), now)
        case SummaryUpdated():
            item = await conversations.find_item(tx, event.workspace, normalise_id(data.call_id))
            if item is not None and item.summary_version == data.version:
                await conversations.save_summary(tx, msgspec.structs.replace(item, summary=None))
        case _:
            pass


async def _silence_transcript(tx: Transaction, workspace: str, call: str) -> None:
    item = await conversations.find_item(tx, workspace, call)
    if item is not None:
        details = {**item.details, "data_collected": {}}
        item = msgspec.structs.replace(item, transcript=(), summary=None, details=details)
        await conversations.save_transcript(tx, item)
        await conversations.save_summary(tx, item)
