"""What was said in calls, on its way to the events and to the conversations.

A recording is queued in the transaction that knows it. What comes of it in time is in the call's `call.completed`, and
its item is made of that; what comes later completes the item, and `summary.updated` is told.
"""

from collections.abc import Iterable, Sequence

import msgspec

from switchhook.events.further import CallTranscribed
from switchhook.events.ids import normalise_id
from switchhook.storage import conversations
from switchhook.storage import transcripts as storage
from switchhook.storage.store import Transaction
from switchhook.storage.transcripts import Job
from switchhook.workspace import tags
from switchhook.workspace.call_state import CallState
from switchhook.workspace.calls import Draft
from switchhook.workspace.items import said, tell_summary


async def queue(tx: Transaction, workspace: str, state: CallState, now: int) -> None:
    """Have the recording of a call transcribed."""
    recording = state.recording
    assert recording is not None
    job = Job(
        recording.id,
        state.id,
        state.source,
        state.source_call,
        recording.path,
        recording.seconds,
        queued_at=now,
    )
    await storage.add(tx, workspace, job, late=state.completed)


async def put_tags(tx: Transaction, workspace: str, call: str, keys: Iterable[str], now: int) -> None:
    """Put tags on a call, those of them that there are."""
    for key in keys:
        try:
            await tags.add(tx, workspace, call, key, user_email=None, now=now)
        except tags.TagNotFound:
            continue  # deleted since the transcript was looked at


async def complete_item(
    tx: Transaction, workspace: str, call: str, drafts: Sequence[Draft], now: int
) -> None:
    """Add to the item of a call that is told of already. A summary that was written since is left alone."""
    data = next((draft.data for draft in drafts if isinstance(draft.data, CallTranscribed)), None)
    item = await conversations.find_item(tx, workspace, normalise_id(call))
    if data is None or item is None:
        return
    known = item.details.get("data_collected") or {}
    item = msgspec.structs.replace(
        item,
        transcript=said(data.transcriptions),
        details={**item.details, "data_collected": {**data.data_collected, **known}},
    )
    await conversations.save_transcript(tx, item)
    if data.summary and not item.summary and not item.summary_version:
        item = msgspec.structs.replace(
            item, summary=data.summary, summary_version=1, summary_updated_at=now, summary_updated_by=None
        )
        await conversations.save_summary(tx, item)
        await tell_summary(tx, item, now)
