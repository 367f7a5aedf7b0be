"""Recordings that wait to be transcribed: a queue that survives everything, and whose work is done once.

    queued with its recording ──claimed, for the time of a lease──▶ finished, or given up
              ▲                              │
              └──put back, or the lease ran out──┘

An attempt is counted when it begins: one that ends whoever makes it is counted too. In a shared store leases run on the
database's clock, and the caller's `now` (wall ms) says nothing about them: two servers whose clocks differ are of one
mind about whose a recording is.
"""

import msgspec

from switchhook.storage.store import Reader, Transaction


class Job(msgspec.Struct, frozen=True):
    """A recording of the queue. `path` is below the data directory; `attempts` were begun so far."""

    recording: str
    call: str
    source: str
    source_call: str
    path: str
    seconds: float
    attempts: int = 0
    queued_at: int = 0


async def add(tx: Transaction, workspace: str, job: Job, *, late: bool) -> None:
    """Queue a recording. `late`: no call waits for it."""
    await tx.execute(
        "queue_transcript",
        workspace,
        job.recording,
        job.call,
        job.source,
        job.source_call,
        job.path,
        job.seconds,
        int(late),
        job.queued_at,
    )


async def await_until(tx: Transaction, workspace: str, call: str, until: int) -> None:
    """The end of a call waits for its transcript until then (wall ms)."""
    await tx.execute("await_transcript", workspace, call, until)


async def await_no_longer(tx: Transaction, workspace: str, call: str) -> None:
    """The end of a call was told."""
    await tx.execute("await_transcript_no_longer", workspace, call)


async def awaited(reader: Reader, workspace: str, now: int, limit: int) -> list[Job]:
    """Those that calls have waited for long enough."""
    return [Job(*row) for row in await reader.fetch("awaited_transcripts", workspace, now, limit)]


async def candidates(reader: Reader, workspace: str, now: int, limit: int) -> list[Job]:
    """What may be claimed now, in order: what calls wait for, then the oldest."""
    leases = await _lease_clock(reader, now)
    return [Job(*row) for row in await reader.fetch("next_transcripts", workspace, now, limit, leases)]


async def claim(
    tx: Transaction, workspace: str, recording: str, holder: str, *, lease: int, now: int
) -> bool:
    """Begin an attempt, which is `holder`'s for `lease` ms; False when somebody else has."""
    now = await _lease_clock(tx, now)
    return await tx.execute("claim_transcript", workspace, recording, holder, now + lease, now) > 0


async def renew(
    tx: Transaction, workspace: str, recording: str, holder: str, *, lease: int, now: int
) -> bool:
    """Go on with it for `lease` ms from now; False when somebody else does."""
    now = await _lease_clock(tx, now)
    return await tx.execute("renew_transcript", workspace, recording, holder, now + lease) > 0


async def put_back(
    tx: Transaction, workspace: str, recording: str, holder: str, *, due_at: int, attempts: int
) -> None:
    """Let it be tried again, not before `due_at`."""
    await tx.execute("put_transcript_back", workspace, recording, holder, due_at, attempts)


async def release_all(tx: Transaction, workspace: str) -> None:
    """Nobody is at any of them: for a store that one process alone uses, when that starts."""
    await tx.execute("release_transcripts", workspace)


async def finish(tx: Transaction, workspace: str, recording: str, holder: str) -> bool:
    """Nothing is left to do about it; False when that is for somebody else to say."""
    return await tx.execute("finish_transcript", workspace, recording, holder) > 0


async def forget(tx: Transaction, workspace: str, call: str) -> None:
    """The recording of a call is not to be transcribed any more; an attempt under way counts for nothing."""
    await tx.execute("forget_transcripts", workspace, call)


async def is_queued(reader: Reader, workspace: str, recording: str) -> bool:
    """Whether a recording waits to be transcribed, or is being."""
    return bool(await reader.fetch("queued_transcript", workspace, recording))


async def count(reader: Reader, workspace: str) -> int:
    """How many there are."""
    ((number,),) = await reader.fetch("count_transcripts", workspace)
    return int(number)


async def _lease_clock(reader: Reader, now: int) -> int:
    """Wall ms of the clock that leases run on."""
    if not reader.shared:
        return now
    ((database,),) = await reader.fetch("database_ms")
    return int(database)
