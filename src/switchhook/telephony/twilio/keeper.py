"""Looks after the calls of Twilio: fetches recordings, and asks about calls whose end was not told.

    every second     recordings that are ready ─▶ fetched, made ours, told as a fact ─▶ the call is completed
    every 5 seconds  calls of which nothing is heard ─▶ asked for at Twilio, with their legs and recordings
                     calls that wait for too long ─▶ completed with what there is

One process of a store does this (see `line.py`); what Twilio posts is taken by any. What is not done yet stands in the
database: whoever does it next goes on there.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from switchhook.clock import Clock
from switchhook.media.foreign import NotARecording, to_part
from switchhook.media.recording import to_mp3
from switchhook.storage.fetches import Fetch
from switchhook.storage.store import StorageError
from switchhook.telephony.twilio import reports
from switchhook.telephony.twilio.fetching import FetchRecording, Shelf, Side, recorded
from switchhook.telephony.twilio.reports import SOURCE
from switchhook.telephony.twilio.rest import Absent, Rest, Unavailable
from switchhook.telephony.twilio.settling import is_recorded, nothing_more
from switchhook.workspace.call_state import CallState
from switchhook.workspace.calls import Limits, Standing
from switchhook.workspace.facts import AnyFact, Direction, LegKind, Recorded, Settled
from switchhook.workspace.switchboard import Ask, Switchboard

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at what is to be fetched
SWEEP = 5.0  # seconds between two looks at calls
LIMITS = Limits(settle=24, quiet=60)  # with the pause of a look: completed within 30 seconds
UNSURE = 10.0  # seconds after its end in which it must be told who answered
ASK_AGAIN_MOST = 600.0  # seconds between two questions about the same call
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 3_600.0  # seconds until a recording is tried again
GIVE_UP = 3 * 86_400  # seconds after which a recording is not tried again
NOT_THERE = 3_600  # the same, when Twilio says that there is none


class Desk(Protocol):
    """Where calls are reported and kept; see `Switchboard`."""

    async def report(self, fact: AnyFact) -> None:
        """Take a fact in.

        Raises:
            StorageError: report it again.
        """

    async def sweep(self, ask: Ask, limits: Limits) -> int:
        """Complete the calls whose end does not come."""


class Keeper:
    """Looks after the calls of one account. `folder` is the data directory."""

    def __init__(
        self,
        rest: Rest,
        shelf: Shelf,
        switchboard: Switchboard,
        desk: Desk,
        clock: Clock,
        *,
        folder: Path,
        records: bool = True,
        deletes: bool = False,
        limits: Limits = LIMITS,
    ) -> None:
        self._limits = limits
        self._rest = rest
        self._shelf = shelf
        self._switchboard = switchboard
        self._desk = desk
        self._clock = clock
        self._folder = folder
        self._records = records
        self._deletes = deletes
        self._tasks: list[asyncio.Task[None]] = []
        self._asked: dict[
            str, tuple[float, float]
        ] = {}  # call → when it may be asked for again, and the pause
        self._said = "stopped"

    @property
    def state(self) -> str:
        """`up`, or why not."""
        return self._said

    async def start(self) -> None:
        """Begin to look after calls. Whether Twilio can be reached is told by `state`."""
        self._said = "up"
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._keep_on(self.fetch, LOOK)),
            loop.create_task(self._keep_on(self.look, SWEEP)),
        ]

    async def stop(self) -> None:
        """Stop; what is under way is begun again by who goes on."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._rest.aclose()
        self._said = "stopped"

    async def _keep_on(self, work: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
        while True:
            try:
                await work()
            except StorageError as error:
                log.warning("calls of Twilio have to wait for the store: %s", error)
            except Exception:
                log.exception("looking after calls of Twilio failed; it is tried again")
            await self._clock.sleep(pause)

    # -- calls of which nothing is heard

    async def look(self) -> None:
        """Ask about calls whose end, or whose answer, was not told; complete those that have waited long enough.

        Raises:
            StorageError: the store cannot be reached.
        """
        now = self._clock.now()
        open_ = await self._switchboard.open_states(SOURCE)
        if open_:
            await self._switchboard.load()
        for gone in self._asked.keys() - {state.source_call for state in open_}:
            del self._asked[gone]
        for state in open_:
            unknown = not any(leg.answered_at is not None for leg in state.legs.values())
            if state.ended_at is not None and unknown and now - state.heard_at >= UNSURE * 1000:
                await self._ask(state.source_call)
        await self._desk.sweep(self._ask, self._limits)

    async def _ask(self, call: str) -> Standing:
        """Report what Twilio knows of a call. What it knows of is left to these reports."""
        now = self._clock.monotonic()
        due, pause = self._asked.get(call, (now, 0.0))
        if now < due:
            return "up"
        pause = min(max(self._limits.quiet, pause * 2), ASK_AGAIN_MOST)
        self._asked[call] = (now + pause, pause)
        try:
            report = reports.looked_up(await self._rest.call(call), self._clock.now())
            state = await self._switchboard.find(SOURCE, call)
            if report.over and state is not None:
                await self._catch_up(state)
                for fact in reports.of_call(report, self._switchboard.directory):
                    await self._desk.report(fact)
                await self._settle(call)
            self._said = "up"
            return "up"
        except Absent:
            return "unknown"
        except Unavailable as error:
            self._say(error)
            return "unknown"

    async def _catch_up(self, state: CallState) -> None:
        """Legs and recordings that nobody told of."""
        call, now = state.source_call, self._clock.now()
        out = state.direction is Direction.OUTBOUND
        for leg in await self._rest.legs(call):
            said = reports.looked_up(leg, now)
            known = state.legs.get(said.sid)
            ours = self._switchboard.directory.user_of_sip(said.to) is not None
            kind = LegKind.OUTSIDE if out else LegKind.USER if ours else LegKind.FORWARD
            kind, target = (known.kind, known.target) if known else (kind, said.to)
            for fact in reports.of_leg(said, call, kind, target):
                await self._desk.report(fact)
        first = Side.USER if out and state.user_ref is not None else Side.OUTSIDE
        for one in await self._rest.recordings(call):
            sid, message = str(one.get("sid") or ""), one.get("source") == "RecordVerb"
            channels = 1 if str(one.get("channels")) == "1" else 2
            began_at = reports.moment(one.get("start_time"), 0)
            if sid.isascii() and sid.isalnum() and one.get("status") == "completed":
                await self._shelf.keep(FetchRecording(sid, call, first, channels, message, began_at))

    def _say(self, error: Unavailable) -> None:
        said = f"{'refused' if error.refused else 'lost'}: {error}"
        if said != self._said:
            log.warning("Twilio cannot be asked: %s", error)
        self._said = said

    async def _settle(self, call: str, *, absent: bool = False) -> None:
        state = await self._switchboard.find(SOURCE, call)
        if state is not None and self._over(state, absent=absent):
            await self._desk.report(Settled(source=SOURCE, call=call, id="settled", at=self._clock.now()))

    def _over(self, state: CallState, *, absent: bool) -> bool:
        records = is_recorded(state, self._switchboard.directory, records=self._records)
        return nothing_more(state, records=records, absent=absent)

    # -- recordings

    async def fetch(self) -> None:
        """Fetch the recordings that are ready now.

        Raises:
            StorageError: the store cannot be reached.
        """
        due = await self._shelf.due()
        outcomes = await asyncio.gather(
            *(self._fetch(fetch, one) for fetch, one in due), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _fetch(self, fetch: Fetch, recording: FetchRecording) -> None:
        age = (self._clock.now() - fetch.since) / 1000
        try:
            state = await self._switchboard.find(SOURCE, recording.call)
            if state is not None and recorded(recording.sid) not in state.seen:
                await self._bring(recording)
            if self._deletes:
                await self._rest.delete_recording(recording.sid)
        except (Absent, Unavailable, NotARecording, OSError) as error:
            over = age > (NOT_THERE if isinstance(error, Absent | NotARecording) else GIVE_UP)
            log.log(
                logging.ERROR if over else logging.WARNING,
                "the recording %s cannot be fetched%s: %s",
                recording.sid,
                "" if over else " yet",
                error,
            )
            if isinstance(error, Unavailable):
                self._say(error)
            if not over:
                await self._shelf.put_off(fetch, min(FIRST_PAUSE * 2**fetch.attempts, LONGEST_PAUSE))
                return
            await self._settle(recording.call, absent=True)
        await self._shelf.forget(fetch)

    async def _bring(self, recording: FetchRecording) -> None:
        """Fetch a recording and tell of it."""
        folder = self._folder / "recordings"
        name = f"recordings/{recording.sid}.mp3"
        source = folder / f"{recording.sid}.wav.tmp"
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            with _File(source) as file:
                await self._rest.recording(recording.sid, recording.channels, file.write)
                file.check()
            seconds, mixed = await asyncio.to_thread(_make_ours, source, self._folder / name, recording)
        finally:
            source.unlink(missing_ok=True)
        self._said = "up"
        if seconds:
            await self._desk.report(
                Recorded(
                    source=SOURCE,
                    call=recording.call,
                    id=recorded(recording.sid),
                    at=self._clock.now(),
                    path=name,
                    seconds=seconds,
                    voicemail=recording.message,
                    began_at=recording.began_at or None,
                    mixed=mixed,
                )
            )
        await self._settle(recording.call, absent=not seconds)


def _make_ours(source: Path, target: Path, recording: FetchRecording) -> tuple[float, bool]:
    """Its length, and whether both voices are on either side."""
    part = target.with_suffix(".part.wav")
    voices = to_part(source, part, swap=recording.first is Side.USER, alone=recording.message)
    return to_mp3(part, target), voices == 1 and not recording.message


class _File:
    """Takes what comes into a file; remembers what the disk said."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._fault: OSError | None = None

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            self._fault = self._fault or error

    def write(self, data: bytes) -> None:
        """Take a piece."""
        if self._fault is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._fault = error

    def check(self) -> None:
        """See that all of it is in the file.

        Raises:
            OSError: it is not.
        """
        try:
            self._file.flush()
        except OSError as error:
            self._fault = self._fault or error
        if self._fault is not None:
            raise self._fault
