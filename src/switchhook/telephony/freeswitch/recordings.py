"""Recordings that FreeSWITCH has made, brought here when their call is over.

    the call ends ─▶ written down (`fetches`) ─▶ Ended(final=False) ─▶ read in a directory of FreeSWITCH that is mounted
                                                  here, or fetched over HTTP ─▶ MP3 ─▶ Recorded, Settled ─▶ forgotten

What is written down survives the end of this process. A file may be complete a moment after it was told of, or appear
later where a directory is shared: it is looked for again. A call waits for its recording only so long
(`Limits.settle`); what comes later is kept all the same.
"""

import asyncio
import hashlib
import logging
import os
import shutil
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import msgspec

from switchhook.clock import Clock
from switchhook.delivery.address import AddressPolicy, UrlRefused, parse_target
from switchhook.delivery.exchange import Request, header_block
from switchhook.delivery.http import Client
from switchhook.delivery.http.limits import Limits
from switchhook.media.foreign import NotARecording, to_part
from switchhook.media.recording import to_mp3
from switchhook.storage import fetches
from switchhook.storage.fetches import Fetch
from switchhook.storage.store import StorageError, Store
from switchhook.telephony.freeswitch.tapes import Tape, below
from switchhook.workspace.facts import AnyFact, Recorded, Settled

log = logging.getLogger(__name__)

KIND = "freeswitch recording"
AT_ONCE = 4  # brought together
LOOK = 1.0  # seconds between two looks at what is due, while there is something
IDLE = 60.0  # the same when there is nothing
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds before a recording is tried again
NOT_THERE = 120.0  # seconds after which a file that is missing, empty or unreadable is given up
GIVE_UP = 86_400.0  # seconds after which one that cannot be reached is
TIMEOUT = 600.0  # seconds for a file
MOST = 512 * 1024 * 1024  # bytes of a file: four hours of two voices
LIMITS = Limits(response_bytes=MOST)
BREATH = 0.01  # seconds between two seconds of sound, for others in this process

Report = Callable[[AnyFact], Awaitable[None]]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Tape).decode
_HEADERS = header_block([("Accept", "*/*")])


class Absent(Exception):
    """The file is not there, or not whole yet; the text says which."""


class Unavailable(Exception):
    """Nobody knows whether the file is there; the text says why."""


class Place(msgspec.Struct, frozen=True):
    """Where the files of `directory` on FreeSWITCH's machine are for us: below `mount`, or below `url`."""

    directory: str
    mount: Path | None = None
    url: str = ""

    def has(self, path: str) -> bool:
        """Whether a file with that path there could be had."""
        return below(self.directory, path) is not None


class Recordings:
    """The recordings of one FreeSWITCH that are on their way. `source` is what its facts name."""

    def __init__(
        self,
        place: Place,
        store: Store,
        workspace: str,
        clock: Clock,
        data: Path,
        *,
        source: str,
        client: Client | None = None,
        policy: AddressPolicy | None = None,
    ) -> None:
        """`client` and `policy` are for a place with a URL."""
        self._place = place
        self._store = store
        self._workspace = workspace
        self._clock = clock
        self._data = data
        self._source = source
        self._client = client
        self._policy = policy or AddressPolicy()
        self._wake = asyncio.Event()

    def has(self, path: str) -> bool:
        """Whether a file with that path on FreeSWITCH's machine could be had."""
        return self._place.has(path)

    async def keep(self, tape: Tape) -> None:
        """Have a recording brought here. Returns when that is durable.

        Raises:
            StorageError: it could not be stored.
        """
        what, now, id_ = _encode(tape).decode(), self._clock.now(), f"freeswitch {tape.call}"
        await self._store.run(lambda tx: fetches.add(tx, self._workspace, id_, KIND, what, now=now))
        self._wake.set()

    async def run(self, report: Report) -> None:
        """Bring what is due, until cancelled. `report` takes facts, and returns once they are stored."""
        while True:
            try:
                some = await self.bring(report)
            except StorageError as error:
                log.warning("recordings of FreeSWITCH have to wait: %s", error)
                some = True
            if not some:
                self._wake.clear()
            pause = asyncio.ensure_future(self._clock.sleep(LOOK if some else IDLE))
            woken = asyncio.ensure_future(self._wake.wait() if not some else asyncio.Event().wait())
            try:
                await asyncio.wait([pause, woken], return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                woken.cancel()

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def bring(self, report: Report) -> bool:
        """Bring what is due now; whether there is anything still to be brought.

        Raises:
            StorageError: the store cannot be reached.
        """
        now = self._clock.now()
        due = await self._store.read(
            lambda reader: fetches.due(reader, self._workspace, KIND, now, limit=AT_ONCE)
        )
        outcomes = await asyncio.gather(*(self._one(fetch, report) for fetch in due), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        # Whatever is left, of any carrier: it only says how soon to look again.
        return await self._store.read(lambda reader: fetches.count(reader, self._workspace)) > 0

    async def _one(self, fetch: Fetch, report: Report) -> None:
        tape, age = _decode(fetch.what), (self._clock.now() - fetch.since) / 1000
        try:
            recorded = await self._brought(tape)
        except (Absent, NotARecording, Unavailable, OSError) as error:
            over = age >= (NOT_THERE if isinstance(error, Absent | NotARecording) else GIVE_UP)
            log.log(
                logging.ERROR if over else logging.INFO,
                "the recording %s of FreeSWITCH cannot be had%s: %s",
                tape.path,
                "" if over else " yet",
                error,
            )
            if not over:
                pause = min(FIRST_PAUSE * 2.0 ** min(fetch.attempts, 20), LONGEST_PAUSE)
                at = self._clock.now() + round(pause * 1000)
                await self._store.run(lambda tx: fetches.put_off(tx, self._workspace, fetch, at))
                return
            recorded = None
        if recorded is not None:
            await report(recorded)
        await report(Settled(source=self._source, call=tape.call, id="settled", at=self._clock.now()))
        await self._store.run(lambda tx: fetches.forget(tx, self._workspace, fetch.id))

    async def _brought(self, tape: Tape) -> Recorded:
        name = hashlib.sha256(tape.call.encode()).hexdigest()[:32]
        path = f"recordings/{self._source}-{name}.mp3"
        target = self._data / path
        await asyncio.to_thread(target.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        relative = below(self._place.directory, tape.path)
        if relative is None:
            raise NotARecording("it is not in the directory of recordings")
        if self._place.mount is not None:
            source = await asyncio.to_thread(_inside, self._place.mount, relative)
            seconds, apart = await asyncio.to_thread(_make_ours, source, target, tape)
        else:
            source = target.with_suffix(".fetched.tmp")
            try:
                await self._fetch(relative, source)
                seconds, apart = await asyncio.to_thread(_make_ours, source, target, tape)
            finally:
                await asyncio.to_thread(source.unlink, missing_ok=True)
        return Recorded(
            source=self._source,
            call=tape.call,
            id="recorded",
            at=self._clock.now(),
            path=path,
            seconds=seconds,
            voicemail=tape.message,
            began_at=tape.began_at or None,
            mixed=not apart,
        )

    async def _fetch(self, relative: str, target: Path) -> None:
        assert self._client is not None
        url = f"{self._place.url.rstrip('/')}/{quote(relative)}"
        try:
            where = parse_target(url, self._policy)
        except UrlRefused as error:
            raise Unavailable(str(error)) from None
        with await asyncio.to_thread(_new, target) as out:
            sink = _Sink(out)
            exchange = await self._client.send(
                Request(
                    pool_key=where.host,
                    target=where,
                    headers=_HEADERS,
                    body=b"",
                    timeout=TIMEOUT,
                    method="GET",
                    sink=sink,
                )
            )
            if sink.fault is not None:
                raise sink.fault
        if exchange.failure is not None:
            raise Unavailable(f"{where.host} gave no answer: {exchange.failure.kind.value}")
        if exchange.status == 404:
            raise Absent(f"{where.host} has no such file (404)")
        if exchange.status != 200:
            raise Unavailable(f"{where.host} answered {exchange.status}")


class _Sink:
    """Writes what comes into a file, and remembers what the disk said."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.fault: OSError | None = None

    def __call__(self, data: bytes) -> None:
        if self.fault is None:
            try:
                self._out.write(data)
            except OSError as error:
                self.fault = error


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def _inside(mount: Path, relative: str) -> Path:
    """The file, wherever links lead; none may lead out of the directory."""
    base = mount.resolve()
    found = (base / relative).resolve()
    if not found.is_relative_to(base):
        raise NotARecording("it leads out of the directory of recordings")
    if not found.is_file():
        raise Absent("it is not there")
    if found.stat().st_size > MOST:
        raise NotARecording(f"it is longer than {MOST} bytes")
    return found


def _make_ours(source: Path, target: Path, tape: Tape) -> tuple[float, bool]:
    """Write the MP3; its length in seconds, and whether each voice is on a side of its own, the outside party left."""
    if tape.path.lower().endswith(".mp3"):
        return _kept(source, target, tape)
    part = target.with_suffix(".part.wav")
    to_part(source, part, swap=tape.swap, alone=tape.message)
    with wave.open(str(source), "rb") as wav:
        apart = wav.getnchannels() == 2 or tape.message
    seconds = to_mp3(part, target, breath=BREATH)
    if not seconds:
        raise Absent("it is empty")
    return seconds, apart


def _kept(source: Path, target: Path, tape: Tape) -> tuple[float, bool]:
    """An MP3 as it is. Which side is whose cannot be changed in it."""
    if not source.stat().st_size or not tape.seconds:
        raise Absent("it is empty")
    temporary = target.with_suffix(".copied.tmp")
    with source.open("rb") as file, _new(temporary) as out:
        shutil.copyfileobj(file, out)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(target)
    return tape.seconds, tape.message or (tape.stereo and not tape.swap)
