"""Has recordings transcribed, one after the other, and calls told that waited long enough for it.

    queue ──claim, committed──▶ transcriber ──▶ what was said: the claim and the fact, in one transaction
               └─ nobody answers any more: the lease runs out, and it is taken again

Several servers of one database may each do this. A recording is taken where its file is.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec

from switchhook.clock import Clock
from switchhook.media.transcription import protocol as p
from switchhook.media.transcription.attendant import Attendant, CannotStart, Gone
from switchhook.serving.transcript_settings import settings_of
from switchhook.settings.config import TELEPHONY, Config
from switchhook.storage import conversations, transcripts
from switchhook.storage.store import Reader, StorageError, Store, Transaction
from switchhook.storage.transcripts import Job
from switchhook.workspace.call_state import CallState
from switchhook.workspace.facts import AnyFact, NotTranscribed, Transcribed, Utterance
from switchhook.workspace.switchboard import Fence, Switchboard

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks at the queue
AFTER_ERROR = 2.0
UNABLE = 30.0  # seconds until a transcriber that cannot be started is started again
WINDOW = 50  # recordings at the head of the queue that are looked at
LEASE = 60_000  # ms that an attempt is another's if nothing is heard of it
RENEW = 20.0
DEATHS = 3  # attempts that ended whoever made them: it is the recording's fault
PAUSES = (
    2.0,
    10.0,
    30.0,
    120.0,
    600.0,
    1_800.0,
    3_600.0,
)  # seconds until an attempt that may help another time
ABSENT = 24 * 3_600_000  # ms after which a file that is on no server is given up

_state = msgspec.json.Decoder(CallState).decode


class Taker(Protocol):
    """What does orders: an `Attendant`."""

    async def transcribe(self, order: p.Order) -> p.Done | p.Failed:
        """Do one.

        Raises:
            CannotStart: there is nobody to do any.
            Gone: nobody knows what it would have been.
        """

    async def close(self) -> None:
        """End whatever it is at."""


class NotOurs(Exception):
    """Another one has the recording now, or it is not to be transcribed any more."""


class Transcripts:
    """The queue of one workspace, at work."""

    def __init__(
        self, store: Store, clock: Clock, switchboard: Switchboard, data: Path, taker: Taker | None
    ) -> None:
        """Without a `taker` recordings stay where they are, and no call waits for them."""
        self._store = store
        self._clock = clock
        self._switchboard = switchboard
        self._workspace = switchboard.workspace
        self._data = data
        self._taker = taker
        self._holder = secrets.token_hex(8)
        self._loops: list[asyncio.Task[None]] = []
        self._job: Job | None = None
        self._done = 0.0
        self._told = self._failed = self._given_up = 0
        self._seconds = 0.0

    async def start(self) -> None:
        """Begin. What a process that is gone had is taken back at once where there can be no other.

        Raises:
            StorageError: the store cannot be used.
        """
        if not self._store.shared:
            await self._store.run(lambda tx: transcripts.release_all(tx, self._workspace))
        loop = asyncio.get_running_loop()
        self._loops.append(loop.create_task(self._keep_on(self._look_at_waiting)))
        if self._taker is not None:
            self._loops.append(loop.create_task(self._keep_on(self._look_at_queue)))

    async def stop(self) -> None:
        """Stop; what is under way is put back."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._taker is not None:
            await self._taker.close()
        if self._job is not None:
            job = self._job
            try:
                await self._put_back(job, 0.0, job.attempts)
            except StorageError as error:
                log.warning("the recording %s is tried again in a minute: %s", job.recording, error)

    def heard(self, seconds: float) -> None:
        """The recording that is under way is done so far."""
        self._done = seconds

    def snapshot(self) -> dict[str, float]:
        """Figures for the metrics page."""
        if self._taker is None:
            return {}
        return {
            "transcripts_total": self._told,
            "transcript_attempts_failed_total": self._failed,
            "transcripts_given_up_total": self._given_up,
            "transcribed_seconds_total": round(self._seconds, 1),
            "transcript_seconds": round(self._job.seconds, 1) if self._job else 0.0,
            "transcript_seconds_done": self._done if self._job else 0.0,
        }

    async def tell_waiting(self) -> int:
        """Let calls go that have waited long enough; how many those are.

        Raises:
            StorageError: the store cannot be used.
        """
        now = self._clock.now()
        due = await self._store.read(lambda r: transcripts.awaited(r, self._workspace, now, WINDOW))
        for job in due:
            await self._report(NotTranscribed(**self._base(job, "not awaited"), why="it took too long"))
        return len(due)

    async def work(self) -> bool:
        """Do what is first in the queue; False when there is nothing to do here.

        Raises:
            StorageError: the store cannot be used.
        """
        job = await self._claim()
        if job is None:
            return False
        self._job, self._done = job, 0.0
        renewing = asyncio.get_running_loop().create_task(self._renew(job))
        try:
            await self._do(job)
        except NotOurs:
            log.info("the recording %s is not ours any more", job.recording)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        self._job = None
        return True

    async def _claim(self) -> Job | None:
        now = self._clock.now()
        for job in await self._store.read(lambda r: transcripts.candidates(r, self._workspace, now, WINDOW)):
            here = await asyncio.to_thread((self._data / job.path).is_file)
            if not here and self._store.shared and now - job.queued_at < ABSENT:
                continue  # it may be on another server
            if await self._store.run(lambda tx, job=job: self._take(tx, job, now)):  # type: ignore[misc]
                return job
        return None

    async def _take(self, tx: Transaction, job: Job, now: int) -> bool:
        return await transcripts.claim(tx, self._workspace, job.recording, self._holder, lease=LEASE, now=now)

    async def _renew(self, job: Job) -> None:
        while True:
            await self._clock.sleep(RENEW)
            try:
                await self._store.run(lambda tx: self._keep(tx, job))
            except StorageError as error:
                log.warning("the claim on the recording %s is not renewed: %s", job.recording, error)

    async def _keep(self, tx: Transaction, job: Job) -> None:
        now = self._clock.now()
        await transcripts.renew(tx, self._workspace, job.recording, self._holder, lease=LEASE, now=now)

    async def _do(self, job: Job) -> None:
        if job.attempts >= DEATHS + len(PAUSES):
            await self._give_up(job, "it was tried too often")
            return
        assert self._taker is not None
        try:
            answer = await self._taker.transcribe(await self._order(job))
        except CannotStart as error:
            self._failed += 1
            log.error("recordings wait to be transcribed: %s", error)
            await self._put_back(job, 0.0, job.attempts)
            await self._clock.sleep(UNABLE)
            return
        except Gone as error:
            self._failed += 1
            if job.attempts + 1 >= DEATHS:
                await self._give_up(job, str(error))
                return
            log.warning("the recording %s is tried again: %s", job.recording, error)
            await self._put_back(job, 0.0, job.attempts + 1)
            return
        match answer:
            case p.Done():
                await self._tell(job, answer)
            case p.Failed(why=why, ever=True) if job.attempts < len(PAUSES):
                self._failed += 1
                pause = PAUSES[job.attempts]
                log.warning("the recording %s is tried again in %g s: %s", job.recording, pause, why)
                await self._put_back(job, pause, job.attempts + 1)
            case p.Failed(why=why):
                self._failed += 1
                await self._give_up(job, why)

    async def _order(self, job: Job) -> p.Order:
        async def read(reader: Reader) -> tuple[bool, dict[str, str]]:
            rows = await reader.fetch("call", self._workspace, job.call)
            recording = _state(rows[0][1]).recording if rows else None
            tags = await conversations.list_tags(reader, self._workspace)
            return recording is not None and recording.voicemail, {tag.key: tag.name for tag in tags}

        voicemail, tags = await self._store.read(read)
        path = str((self._data / job.path).resolve())
        return p.Order(job.recording, path, job.seconds, voicemail, tags)

    async def _tell(self, job: Job, done: p.Done) -> None:
        if done.fell_back:
            log.warning("the summary of call %s is made of its sentences: %s", job.call, done.fell_back)
        fact = Transcribed(
            **self._base(job, "transcribed"),
            language=done.language,
            lines=tuple(Utterance(one.source, one.start, one.text) for one in done.lines),
            summary=done.summary,
            summary_engine=done.summary_engine,
            tags=done.tags,
            data=done.data,
        )
        await self._finish(job, fact)
        self._told += 1
        self._seconds += job.seconds

    async def _give_up(self, job: Job, why: str) -> None:
        log.error("the recording %s of call %s is not transcribed: %s", job.recording, job.call, why)
        await self._finish(job, NotTranscribed(**self._base(job, "given up"), why=why))
        self._given_up += 1

    async def _finish(self, job: Job, fact: AnyFact) -> None:
        """Store what came of a recording, and that nothing is left to do about it: together, and once."""

        async def fence(tx: Transaction) -> None:
            if not await transcripts.finish(tx, self._workspace, job.recording, self._holder):
                raise NotOurs

        while True:
            try:
                await self._report(fact, fence)
                return
            except StorageError as error:  # as long as this process lives it knows what was said
                log.warning("what was said in call %s is stored later: %s", job.call, error)
                await self._clock.sleep(AFTER_ERROR)

    async def _put_back(self, job: Job, pause: float, attempts: int) -> None:
        due = self._clock.now() + round(pause * 1000)
        await self._store.run(
            lambda tx: transcripts.put_back(
                tx, self._workspace, job.recording, self._holder, due_at=due, attempts=attempts
            )
        )

    async def _report(self, fact: AnyFact, fence: Fence | None = None) -> None:
        await self._switchboard.report(fact, fence)

    def _base(self, job: Job, id_: str) -> dict[str, Any]:
        return {"source": job.source, "call": job.source_call, "id": id_, "at": self._clock.now()}

    async def _keep_on(self, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await look()
            except StorageError as error:
                log.warning("transcripts must wait for the store: %s", error)
                await self._clock.sleep(AFTER_ERROR)
            except Exception:
                log.exception("transcribing failed; it is tried again")
                await self._clock.sleep(AFTER_ERROR)

    async def _look_at_waiting(self) -> None:
        await self.tell_waiting()
        await self._clock.sleep(LOOK)

    async def _look_at_queue(self) -> None:
        if not await self.work():
            await self._clock.sleep(LOOK)


def transcribing(config: Config, store: Store, clock: Clock, switchboard: Switchboard) -> Transcripts:
    """The transcripts of the configuration, not started. A process that runs no telephones transcribes nothing."""
    settings = settings_of(config)
    if settings is None or TELEPHONY not in config.role:
        return Transcripts(store, clock, switchboard, config.data, None)
    idle = config.transcripts_idle_minutes * 60
    attendant = Attendant(settings, clock, idle, lambda seconds: made.heard(seconds))  # noqa: PLW0108
    made = Transcripts(store, clock, switchboard, config.data, attendant)
    return made
