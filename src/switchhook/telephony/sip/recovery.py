"""Winding up a dead worker's affairs: what it wrote and nobody heard, and the calls it left open.

For every diary that no living worker holds: its unacknowledged facts are reported again (they are idempotent by id);
then each open call is given its recording, as far as it was on disk, and its end. Those closing facts are written to
the diary before they are reported, so that another crash in the middle repeats the same ones.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from switchhook.clock import Clock
from switchhook.media.recording import part_seconds, to_mp3
from switchhook.telephony.sip.journal import Journal, JournalBusy, OpenCall, Recording
from switchhook.workspace.facts import AnyFact, EndCause, Ended, Recorded

_LOCK_SECONDS = 12.0  # a worker whose server died ends its calls and exits well before
_LOCK_POLL = 0.1
_MP3_BYTES_A_SECOND = 4000.0  # 32 kbit/s, constant


def journals(data_dir: Path) -> list[Path]:
    """The diaries, oldest first."""
    return sorted((data_dir / "sip" / "journal").glob("*.jsonl"))


async def wind_up(data_dir: Path, clock: Clock, commit: Callable[[AnyFact], Awaitable[None]]) -> set[str]:
    """Report and close everything that is left over; returns the ids of the calls concerned.

    Raises:
        JournalBusy: a worker of an earlier server lives on, and does not end.
        OSError: a diary cannot be read or written.
        Exception: whatever `commit` raises; the diary then stays as it is.
    """
    calls: set[str] = set()
    for path in journals(data_dir):
        journal = await _open(path, clock)
        try:
            calls |= journal.content.calls
            ended_at = int(
                path.stat().st_mtime * 1000
            )  # before anything is written: when the worker wrote last
            for seq, fact in sorted(journal.content.unacknowledged.items()):
                await commit(fact)
                journal.acked(seq)
            for call in list(journal.content.open.values()):
                for fact in await asyncio.to_thread(_closing, data_dir, call, ended_at):
                    seq = journal.fact(fact)
                    await commit(fact)
                    journal.acked(seq)
        finally:
            await journal.close()
    return calls


async def _open(path: Path, clock: Clock) -> Journal:
    deadline = clock.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return Journal(path)
        except JournalBusy:
            if clock.monotonic() > deadline:
                raise
        await clock.sleep(_LOCK_POLL)


def _closing(data_dir: Path, call: OpenCall, at: int) -> list[AnyFact]:
    facts: list[AnyFact] = []
    offered = call.offered
    if call.recording is not None:
        seconds, ended = _complete(data_dir, call.recording)
        # Sound was written until the very end: the file's time is the best witness of when that was.
        at = max(at, ended)
        if seconds > 0:
            recorded = Recorded(
                source=offered.source,
                call=offered.call,
                id="recorded",
                at=at,
                path=call.recording.path,
                seconds=seconds,
                voicemail=call.recording.voicemail,
                began_at=ended - round(seconds * 1000),
            )
            facts.append(recorded)
    cause = EndCause.HANGUP if call.answered else EndCause.FAILED
    facts.append(
        Ended(source=offered.source, call=offered.call, id="ended", at=max(at, offered.at), cause=cause)
    )
    return facts


def _complete(data_dir: Path, recording: Recording) -> tuple[float, int]:
    """Finish the recording from what is on disk; its length, and when it was last written (wall milliseconds)."""
    part, target = data_dir / recording.part, data_dir / recording.path
    if part_seconds(part) > 0:
        ended = int(part.stat().st_mtime * 1000)
        return to_mp3(part, target), ended
    part.unlink(missing_ok=True)
    if target.exists():  # it was complete, and only the word of it was lost
        return round(target.stat().st_size / _MP3_BYTES_A_SECOND, 2), int(target.stat().st_mtime * 1000)
    return 0.0, 0
