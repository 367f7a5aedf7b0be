"""Where recordings lie in the end, and when they go.

    DATA/recordings/ID.mp3 ──put──▶ object store ──the store said yes──▶ its row says so ──keep_days──▶ the file goes
                 old, or its event was expunged ──▶ doomed: nobody is given it ──▶ file and object go ──▶ its row goes

Each arrow is begun again after a crash or a refusal: what is left to do stands in the row of the recording, which is
due again after a while unless it was done. To store an object twice, or to delete it twice, changes nothing.

Of several processes, one that does not see a file leaves it to those that do.
"""

import asyncio
import logging
import math
from enum import Enum, auto
from pathlib import Path

from switchhook.clock import Clock
from switchhook.media.peaks import beside, peaks_key
from switchhook.media.s3 import S3, S3Error
from switchhook.storage import keys, recordings, transcripts
from switchhook.storage.recordings import Due
from switchhook.storage.store import Store

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two looks at what is due
LOOK = 100  # rows of one look
AGAIN = 30.0  # seconds until something is tried again, then twice that, and so on…
AGAIN_MOST = 3600.0  # …to this
UNHEARD = 7 * 86_400.0  # seconds that a file stays for its transcript at most
LOST = 7 * 86_400.0  # seconds after which a file that no process has seen is given up

MP3, PEAKS = "audio/mpeg", "application/octet-stream"


class Step(Enum):
    """What is to be done about a recording."""

    NOTHING = auto()
    STORE = auto()  # put it into the object store
    DROP = auto()  # its file goes, the object store has it
    REMOVE = auto()  # all of it goes


def next_step(one: Due, *, moves: bool) -> Step:
    """What is to be done about one that is due. Pure. `moves` says that recordings go into the object store."""
    if one.doomed:
        return Step.REMOVE
    if one.local and one.object_key:
        return Step.DROP
    return Step.STORE if moves and one.local else Step.NOTHING


def delay(tries: int) -> float:
    """Seconds until something that was begun `tries` times before is begun again. Pure."""
    return min(AGAIN_MOST, AGAIN * 2.0 ** min(tries, 20))


class Archive:
    """Stores recordings and removes them, in the background.

    `folder` is the data directory. `objects` is there when a bucket is configured; with `moves` new recordings go into
    it, and their files go `keep` seconds later. After `retention` seconds a recording goes altogether.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        folder: Path,
        objects: S3 | None = None,
        *,
        moves: bool = False,
        keep: float = 0.0,
        retention: float = math.inf,
        prefix: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder
        self.objects = objects
        self._moves = moves
        self._keep = keep
        self._retention = retention
        self._prefix = prefix
        self._task: asyncio.Task[None] | None = None
        self._stored = self._removed = self._failed = 0

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Stop where it is; nothing is lost by that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self.objects is not None:
            await self.objects.close()

    def snapshot(self) -> dict[str, float]:
        """Counters for the metrics page."""
        return {
            "recordings_stored_total": self._stored,
            "recordings_removed_total": self._removed,
            "recordings_refused_total": self._failed,
        }

    async def _work(self) -> None:
        begun = False
        while True:
            try:
                if not begun:
                    await self.begin()
                    begun = True
                await self.run()
            except Exception:
                log.exception("looking after recordings failed; it is tried again")
            await self._clock.sleep(EVERY)

    async def run(self) -> None:
        """Do what is due now."""
        for one in await self._store.read(keys.workspaces):
            await self._retire(one.id)
            await self._round(one.id)

    async def begin(self) -> None:
        """Once, at the start: look at those from before there was a bucket, and go on with what a crash broke off."""
        for one in await self._store.read(keys.workspaces):
            await self._begin(one.id)

    async def _begin(self, workspace: str) -> None:
        now = self._clock.now()
        if self._moves:
            await self._store.run(lambda tx: recordings.offer(tx, workspace, now))
        if not self._store.shared:  # else another process may be at it
            await self._store.run(lambda tx: recordings.begin_again(tx, workspace, now))

    async def _round(self, workspace: str) -> None:
        now, after = self._clock.now(), (0, "")
        while True:
            found = await self._due(workspace, now, after)
            for one in found:
                await self._attend(workspace, one)
            if len(found) < LOOK:
                return
            after = (found[-1].due_at, found[-1].id)

    async def _due(self, workspace: str, now: int, after: tuple[int, str]) -> list[Due]:
        return await self._store.read(lambda reader: recordings.due(reader, workspace, now, after, LOOK))

    async def _retire(self, workspace: str) -> None:
        if self._retention == math.inf:
            return
        now = self._clock.now()
        cutoff = now - int(self._retention * 1000)
        while await self._store.run(lambda tx: recordings.doom_old(tx, workspace, cutoff, now, LOOK)) >= LOOK:
            await self._clock.sleep(0.02)

    async def _attend(self, workspace: str, one: Due) -> None:
        step = next_step(one, moves=self._moves)
        away = self.objects is None and bool(one.object_key)
        if step is Step.NOTHING or (step is Step.DROP and away):
            await self._store.run(lambda tx: recordings.settled(tx, workspace, one))
            return
        file = self._folder / one.path
        now = self._clock.now()
        if one.local and not await asyncio.to_thread(file.is_file):
            age = now - (one.created_at if step is Step.STORE else one.due_at)
            if self._store.shared and age < LOST * 1000:
                return  # another process may see it
            if step is Step.STORE:
                log.error("the recording %s is lost: there is no %s", one.id, file)
                await self._store.run(lambda tx: recordings.settled(tx, workspace, one))
                return
        if step is Step.DROP and await self._is_to_be_heard(workspace, one, now):
            return
        until = now + int(delay(one.tries) * 1000)
        if not await self._store.run(lambda tx: recordings.claim(tx, workspace, one, until)):
            return
        try:
            await self._do(workspace, one, step, file)
        except (S3Error, OSError) as error:
            self._failed += 1
            log.warning("recording %s: %s; it is tried again in %.0f s", one.id, error, delay(one.tries))

    async def _is_to_be_heard(self, workspace: str, one: Due, now: int) -> bool:
        """Whether its file is still needed for a transcript."""
        if now - one.created_at >= UNHEARD * 1000:
            return False
        return await self._store.read(lambda reader: transcripts.is_queued(reader, workspace, one.id))

    async def _do(self, workspace: str, one: Due, step: Step, file: Path) -> None:
        if step is Step.STORE:
            await self._put(workspace, one, file)
        elif step is Step.DROP:
            await asyncio.to_thread(_unlink, file)
            await self._store.run(lambda tx: recordings.dropped(tx, workspace, one.id))
        else:
            # Also where no word of an object is known: who stored it may have died before writing that down.
            key = one.object_key or (self.key(one) if self._moves else "")
            if key:
                await self._delete(key)
            await asyncio.to_thread(_unlink, file)
            await self._store.run(lambda tx: recordings.removed(tx, workspace, one.id))
            self._removed += 1

    async def _put(self, workspace: str, one: Due, file: Path) -> None:
        assert self.objects is not None
        key, sound = self.key(one), await asyncio.to_thread(file.read_bytes)
        drawn = beside(file)
        if await asyncio.to_thread(drawn.is_file):
            await self.objects.put(peaks_key(key), await asyncio.to_thread(drawn.read_bytes), PEAKS)
        await self.objects.put(key, sound, MP3)
        drop_at = self._clock.now() + int(self._keep * 1000)
        kept = await self._store.run(
            lambda tx: recordings.stored(tx, workspace, one.id, key=key, size=len(sound), drop_at=drop_at)
        )
        if not kept:  # it was doomed meanwhile, and whoever removed it knew of no object
            await self._delete(key)
        self._stored += 1

    async def _delete(self, key: str) -> None:
        if self.objects is None:
            raise S3Error(f"{key} lies in an object store that is not configured any more")
        await self.objects.delete(peaks_key(key))
        await self.objects.delete(key)

    def key(self, one: Due) -> str:
        """Under which key the object store is to have it; unguessable, as its file's name is."""
        return f"{self._prefix}{Path(one.path).name}"


def _unlink(file: Path) -> None:
    file.unlink(missing_ok=True)
    beside(file).unlink(missing_ok=True)
