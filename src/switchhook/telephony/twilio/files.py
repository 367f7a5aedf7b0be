"""Files that came with texts: fetched from Twilio and kept, and removed with the words of their text.

    a text with files ─▶ a row for each, to be fetched ─▶ DATA/recordings/fil_….jpg ─▶ shown with the text
                                      └─ not there, too large, of no kind that is kept ─▶ given up
    its event expunged ─▶ nobody is given it, to be removed ─▶ the file goes ─▶ its row goes

What is left to do stands in the database. In a shared store one process does it, as long as it is in force.
"""

import asyncio
import contextlib
import logging
import os
from pathlib import Path

from switchhook.clock import Clock
from switchhook.storage import fetches, processes, text_files
from switchhook.storage.fetches import Fetch
from switchhook.storage.store import StorageError, Store, Transaction
from switchhook.storage.text_files import KIND, TextFile
from switchhook.telephony.twilio.rest import Absent, Rest, Unavailable

log = logging.getLogger(__name__)

LINE = "text files"
LOOK = 1.0  # seconds between two looks at what is to be done
AT_ONCE = 8
MOST = 16 * 1024 * 1024  # bytes of a file; carriers take far less
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 3_600.0  # seconds until a file is tried again
GIVE_UP, NOT_THERE = (
    3 * 86_400,
    3_600,
)  # seconds after which it is not; the second when Twilio has no such file

ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/heic": "heic",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/amr": "amr",
    "audio/3gpp": "3gp",
    "video/mp4": "mp4",
    "video/3gpp": "3gp",
    "video/quicktime": "mov",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "text/calendar": "ics",
    "text/plain": "txt",
    "application/pdf": "pdf",
}


class TooLarge(Exception):
    """The file is larger than what is kept."""


class Filer:
    """Fetches and removes the files of one workspace's texts. Without `rest` it only removes."""

    def __init__(self, store: Store, clock: Clock, workspace: str, folder: Path, rest: Rest | None) -> None:
        self._store = store
        self._clock = clock
        self._workspace = workspace
        self._folder = folder
        self._rest = rest
        self._task: asyncio.Task[None] | None = None
        self._ours = False

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._keep_on())

    async def stop(self) -> None:
        """Stop; what is under way is begun again by who goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._ours and self._store.shared:
            with contextlib.suppress(StorageError):
                await self._store.run(lambda tx: processes.leave_line(tx, LINE))
        if self._rest is not None:
            await self._rest.aclose()

    async def _keep_on(self) -> None:
        while True:
            try:
                await self.work()
            except StorageError as error:
                log.warning("files of texts have to wait for the store: %s", error)
            except Exception:
                log.exception("looking after files of texts failed; it is tried again")
            await self._clock.sleep(LOOK)

    async def work(self) -> None:
        """Fetch and remove what is due now.

        Raises:
            StorageError: the store cannot be reached.
        """
        now = self._clock.now()
        due = await self._store.read(
            lambda reader: fetches.due(reader, self._workspace, KIND, now, limit=AT_ONCE)
        )
        if not due or not await self._take():
            return
        for fetch in due:
            file = await self._store.read(
                lambda reader, id_=fetch.id: text_files.find(reader, self._workspace, id_)  # type: ignore[misc]
            )
            if file is None or (file.path and not file.gone):
                await self._over(fetch)
            elif file.gone:
                await self._remove(fetch, file)
            else:
                await self._fetch(fetch, file)

    async def _take(self) -> bool:
        if not self._store.shared:
            return True
        self._ours = await self._store.run(lambda tx: processes.take_line(tx, LINE)) is None
        return self._ours

    async def _over(self, fetch: Fetch) -> None:
        await self._store.run(lambda tx: fetches.forget(tx, self._workspace, fetch.id))

    async def _remove(self, fetch: Fetch, file: TextFile) -> None:
        await asyncio.to_thread((self._folder / name_of(file)).unlink, missing_ok=True)

        async def work(tx: Transaction) -> None:
            await text_files.forget(tx, self._workspace, file.id)
            await fetches.forget(tx, self._workspace, fetch.id)

        await self._store.run(work)

    async def _fetch(self, fetch: Fetch, file: TextFile) -> None:
        if file.content_type not in ENDINGS:
            log.warning("the file %s of a text is not kept: it is %.60r", file.id, file.content_type)
            await self._over(fetch)
            return
        try:
            content = await self._content(file)
            await asyncio.to_thread(_write, self._folder / name_of(file), content)
        except TooLarge as error:
            log.warning("the file %s of a text is not kept: %s", file.id, error)
            await self._over(fetch)
            return
        except (Absent, Unavailable, OSError) as error:
            age = (self._clock.now() - fetch.since) / 1000
            over = age > (NOT_THERE if isinstance(error, Absent) else GIVE_UP)
            log.warning(
                "the file %s of a text cannot be fetched%s: %s", file.id, "" if over else " yet", error
            )
            if over:
                await self._over(fetch)
                return
            pause = min(FIRST_PAUSE * 2 ** min(fetch.attempts, 20), LONGEST_PAUSE)
            at = self._clock.now() + round(pause * 1000)
            await self._store.run(lambda tx: fetches.put_off(tx, self._workspace, fetch, at))
            return

        async def work(tx: Transaction) -> None:
            if await text_files.kept(tx, self._workspace, file.id, name_of(file), len(content)):
                await fetches.forget(tx, self._workspace, fetch.id)
            # Else it is gone meanwhile, and is removed by the next look.

        await self._store.run(work)

    async def _content(self, file: TextFile) -> bytes:
        if self._rest is None:
            raise Unavailable("texts do not come through Twilio any more")
        pieces: list[bytes] = []
        size = 0

        def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            if size <= MOST:
                pieces.append(piece)

        await self._rest.file(f"/{file.carrier_id}", take)
        if size > MOST:
            raise TooLarge(f"it has {size} bytes, {MOST} are the most")
        return b"".join(pieces)


def name_of(file: TextFile) -> str:
    """Where a file lies, below the data directory."""
    return f"recordings/{file.id}.{ENDINGS.get(file.content_type, 'bin')}"


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
