"""Recordings that Asterisk has made, fetched when their call is over.

    a recording begins ─▶ noted on disk          the call ends ─▶ Ended(final=False)
                                                     └─▶ fetched (again and again, for an hour) ─▶ joined ─▶ MP3
                                                                             Recorded, Settled ◀─────────────┘

What is noted survives the end of this process, so that a recording that began before it is fetched by the next one. The
call waits for its recording only so long (`Limits.settle`); what comes later is kept all the same.
"""

import asyncio
import hashlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import msgspec

from switchhook.clock import Clock
from switchhook.media.joined import Source, Unreadable, join
from switchhook.media.recording import to_mp3
from switchhook.telephony.asterisk.ari_files import NotThere, TooLong, fetch
from switchhook.telephony.asterisk.session import Access
from switchhook.telephony.asterisk.wanted import File, Wanted
from switchhook.telephony.watching import ConnectionLost, Refused
from switchhook.workspace.facts import AnyFact, Recorded

log = logging.getLogger(__name__)

LONGEST = 1024 * 1024 * 1024  # bytes of one file: 18 hours as wav
GIVE_UP = 3600.0  # seconds after which a recording that cannot be fetched is left where it is
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before it is tried again
MISSING = 5  # times that a file may be missing: it appears a moment after its end was told
BREATH = 0.01  # seconds between two seconds of sound, for others in this process

SETTLE = 30.0  # seconds that the end of a call waits for its recording, unless told otherwise

_joining = threading.Lock()  # one at a time: whoever was stopped in the middle of it may still be at it

Report = Callable[[AnyFact], Awaitable[None]]
_encode = msgspec.json.Encoder().encode
_wanted = msgspec.json.Decoder(Wanted).decode


class Recordings:
    """The recordings of one Asterisk that are on their way.

    `source` is what its facts name; the end of a call waits `settle` seconds for its recording.
    """

    def __init__(
        self, access: Access, clock: Clock, data: Path, source: str, *, settle: float = SETTLE
    ) -> None:
        self._settle = settle
        self._access = access
        self._clock = clock
        self._data = data
        self._notes = data / "asterisk"
        self._source = source
        self._wanted: dict[str, Wanted] = {}
        self._earlier: frozenset[str] = frozenset()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._fetching: set[str] = set()
        self._turn = asyncio.Lock()

    async def load(self) -> frozenset[str]:
        """Read what an earlier process has noted; the calls that it is about."""
        self._wanted = {one.call: one for one in await asyncio.to_thread(self._read)}
        self._earlier = frozenset(self._wanted)
        return self._earlier

    async def note(self, wanted: Wanted) -> None:
        """Note what is to be fetched once the call is over, so that it is not forgotten. Durable when this returns.

        What an earlier process has noted of a call is not changed.
        """
        if self._wanted.get(wanted.call) == wanted or wanted.call in self._earlier:
            return
        self._wanted[wanted.call] = wanted
        try:
            await asyncio.to_thread(self._write, wanted)
        except OSError as error:
            log.warning(
                "what is recorded could not be noted, and is forgotten if this process ends: %s", error
            )

    def busy(self, call: str) -> bool:
        """Whether a recording of the call is on its way."""
        return call in self._fetching

    def pending(self) -> Iterable[str]:
        """The calls of which recordings are noted and not yet fetched."""
        return [call for call in self._wanted if call not in self._tasks]

    def begin(self, call: str, report: Report, then: Callable[[], Awaitable[None]]) -> None:
        """Fetch the recordings of a call that is over.

        `report` takes what was recorded, and returns once that is stored. `then` is called after that, or when it has
        taken too long; in the latter case once more at the end.
        """
        wanted = self._wanted.get(call)
        if call in self._tasks or wanted is None:
            return
        self._fetching.add(call)
        task = asyncio.get_running_loop().create_task(self._run(wanted, report, then))
        self._tasks[call] = task
        task.add_done_callback(lambda _: self._tasks.pop(call, None))

    async def stop(self) -> None:
        """Stop fetching; it goes on from what is noted."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- one call

    async def _run(self, wanted: Wanted, report: Report, then: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        fetching, pause = (
            loop.create_task(self._recorded(wanted)),
            loop.create_task(self._clock.sleep(self._settle)),
        )
        try:
            await asyncio.wait([fetching, pause], return_when=asyncio.FIRST_COMPLETED)
            if not fetching.done():
                self._fetching.discard(wanted.call)
                await then()
            recorded = await fetching
            if recorded is not None:
                await report(recorded)
            self._fetching.discard(wanted.call)
            await then()
        finally:
            fetching.cancel()
            pause.cancel()
        self._wanted.pop(wanted.call, None)
        await asyncio.to_thread(self._forget, wanted.call)

    async def _recorded(self, wanted: Wanted) -> Recorded | None:
        """The recording as it is kept here; None when there is none to be had."""
        name = _name(wanted.call)
        tapes = [self._notes / f"{name}.{at}.tape" for at in range(len(wanted.files))]
        until = self._clock.monotonic() + GIVE_UP
        sources: list[tuple[File, Path]] = []
        for file, tape in zip(wanted.files, tapes, strict=True):
            if await self._fetched(file, tape, until):
                sources.append((file, tape))
        if not sources:
            return None
        target = Path("recordings") / f"asterisk-{name}.mp3"
        try:
            async with self._turn:
                seconds = await asyncio.to_thread(self._join, sources, self._data / target)
        except (Unreadable, OSError) as error:
            log.error("a recording of Asterisk (%s) cannot be kept: %s", sources[0][0].name, error)
            return None
        if not seconds:
            return None
        sides = {file.side for file, _ in sources}
        return Recorded(
            source=self._source,
            call=wanted.call,
            id="recorded",
            at=self._clock.now(),
            path=str(target),
            seconds=seconds,
            voicemail=wanted.voicemail,
            began_at=min(file.began_at for file, _ in sources),
            mixed="both" in sides,
        )

    async def _fetched(self, file: File, tape: Path, until: float) -> bool:
        """Whether the file could be had; it is tried until it is, is known not to be there, or the time is up."""
        path, pause, missing = f"/recordings/stored/{quote(file.name, safe='')}/file", FIRST_PAUSE, 0
        while True:
            try:
                await fetch(self._access, self._clock, path, tape, LONGEST)
                return True
            except NotThere:
                missing += 1
                why = "it is not there"
            except TooLong:
                log.error(
                    "the recording %s is longer than %d bytes, and is left where it is", file.name, LONGEST
                )
                return False
            except (ConnectionLost, Refused, OSError) as error:
                why = str(error)
            if missing >= MISSING or self._clock.monotonic() >= until:
                log.error("the recording %s cannot be fetched: %s", file.name, why)
                return False
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _join(self, sources: list[tuple[File, Path]], target: Path) -> float:
        began = min(file.began_at for file, _ in sources)
        left, right = [], []
        for file, tape in sources:
            source = Source(tape, file.format, (file.began_at - began) / 1000)
            left += [source] if file.side != "right" else []
            right += [source] if file.side != "left" else []
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_suffix(".part.wav")
        with _joining:
            join(left, right, part)
            return to_mp3(part, target, breath=BREATH)

    # -- what is noted

    def _read(self) -> list[Wanted]:
        found = []
        for path in sorted(self._notes.glob("*.json")):
            try:
                found.append(_wanted(path.read_bytes()))
            except (OSError, msgspec.MsgspecError) as error:
                log.error("%s cannot be read, and its recording is not fetched: %s", path, error)
        return found

    def _write(self, wanted: Wanted) -> None:
        self._notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._notes / f"{_name(wanted.call)}.json"
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as out:
            out.write(_encode(wanted))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
        folder = os.open(self._notes, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _forget(self, call: str) -> None:
        for path in self._notes.glob(f"{_name(call)}.*"):
            path.unlink(missing_ok=True)


def _name(call: str) -> str:
    """A name for files of a call, whatever its id is."""
    return hashlib.sha256(call.encode()).hexdigest()[:32]
