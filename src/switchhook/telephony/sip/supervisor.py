"""The line, seen from the server's process: starts the SIP worker, watches it, commits what it reports.

    SipLine ──spawn──▶ worker          fact ──▶ on_fact (commits) ──▶ Ack
       ▲                 │             Offered ──▶ on_fact ──▶ Ack, route ──▶ Plan
       └── socket ends ──┘ restart: wind up what it left (see `recovery`), wait a little, spawn again

Facts of one call are committed one after the other, those of different calls side by side, so that a store that
commits in groups can.
"""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from switchhook.clock import Clock, Timer
from switchhook.telephony.sip import protocol as p
from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.journal import JournalBusy
from switchhook.telephony.sip.plan import RecordingState, Reject, RingPlan, Taping, TransferPlan
from switchhook.telephony.sip.recovery import wind_up
from switchhook.workspace.facts import AnyFact, EndCause, Offered, TransferAsked

log = logging.getLogger(__name__)

OnFact = Callable[[AnyFact], Awaitable[None]]
Route = Callable[[Offered], Awaitable[RingPlan]]
Transfer = Callable[[TransferAsked], Awaitable[TransferPlan]]

READY_SECONDS = 15.0
PING_SECONDS = 5.0
PONG_SECONDS = 10.0
STOP_SECONDS = 6.0
LAST_COMMIT_SECONDS = 1.5
STABLE_SECONDS = 60.0
_BACKOFF = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
_COMMIT_RETRY = (0.05, 0.2, 0.5, 1.0, 2.0)
_START_TRIES = 4


class LineState(StrEnum):
    """How the line is."""

    STOPPED = "stopped"
    STARTING = "starting"
    UP = "up"
    RESTARTING = "restarting"  # the worker died; calls ring elsewhere until it is back
    STOPPING = "stopping"


class LineError(Exception):
    """The line cannot be opened; the text says why, for the operator."""


class SipLine:
    """The telephone line. One for each `data_dir`.

    `on_fact` returns once the fact is durable, and may be handed the same fact again (its id is the same); when it
    raises, it is called again a little later, for as long as the line runs. `route` is asked once for each call, after
    its `Offered` was committed; when it raises, the call is refused. `transfer` is asked in the same way for every
    transfer that a telephone asks for; without it there are none. `tapes` says how a call is recorded.
    """

    def __init__(
        self,
        config: SipConfig,
        on_fact: OnFact,
        route: Route,
        clock: Clock,
        data_dir: Path,
        *,
        transfer: Transfer | None = None,
        tapes: Callable[[Offered], Taping] = lambda _: Taping(),
    ) -> None:
        self._config = config
        self._on_fact = on_fact
        self._route = route
        self._transfer = transfer
        self._tapes = tapes
        self._ordered: dict[str, Offered] = {}  # calls that no worker has begun yet
        self._clock = clock
        self._data = data_dir
        self._state = LineState.STOPPED
        self._worker: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._chains: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._opened: asyncio.Future[None] | None = None
        self._watch: Timer | None = None
        self._ping = 0
        self._health: p.Pong | None = None
        self._spent: set[str] = set()

    @property
    def state(self) -> LineState:
        """How the line is."""
        return self._state

    @property
    def calls(self) -> int:
        """Calls that were on at the last look (at most `PING_SECONDS` ago)."""
        return self._health.calls if self._health else 0

    @property
    def last(self) -> p.Pong | None:
        """What the worker said of itself at the last look."""
        return self._health

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id, None when there is none."""
        return self._worker.pid if self._worker else None

    async def start(self) -> None:
        """Report what an earlier run left over, open the line, and keep it open.

        Raises:
            ValueError: the configuration cannot work.
            LineError: the line cannot be opened (the port is taken, an earlier worker lives on, ...), or what was
                left over could not be committed.
        """
        self._config.check()
        if self._keeper is not None:
            raise LineError("the line is started already")
        self._state = LineState.STARTING
        self._opened = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep())
        try:
            await asyncio.shield(self._opened)
        except LineError:
            self._state = LineState.STOPPED
            await self._keeper
            self._keeper = None
            raise

    async def stop(self) -> None:
        """End all calls orderly, hear how they ended, and close the line; within about ten seconds."""
        if self._keeper is None:
            return
        self._state = LineState.STOPPING
        worker = self._worker
        if worker is None:
            self._keeper.cancel()
        else:
            self._send(p.Stop())
            timer = self._clock.call_later(STOP_SECONDS, worker.kill)
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._keeper])
            timer.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        self._keeper = None
        self._state = LineState.STOPPED

    def update(
        self, *, users: tuple[str, ...], numbers: tuple[str, ...], extensions: tuple[str, ...] = ()
    ) -> None:
        """Our telephones, numbers and extensions have changed. Takes effect for the next call."""
        self._config = msgspec.structs.replace(
            self._config, users=users, numbers=numbers, extensions=extensions
        )
        self._send(p.Directory(users, numbers, extensions))

    def hang_up(self, call: str) -> None:
        """End a call, by the `call` of its facts. One that is over already is no error."""
        self._send(p.HangUp(call))

    def originate(self, offered: Offered) -> None:
        """Begin a call that somebody ordered; its `Offered` is committed already. Its facts are reported as of any."""
        self._ordered[offered.call] = offered
        self._send(p.Originate(offered))

    def set_recording(self, call: str, state: RecordingState) -> None:
        """Record the talk of a call from now on, or silence, or nothing and forget what was. Voicemail is as it is."""
        self._send(p.SetRecording(call, state))

    # ------------------------------------------------------------ keeping it open

    async def _keep(self) -> None:
        """One worker after the other, until `stop`."""
        assert self._opened is not None
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                self._spent |= await wind_up(self._data, self._clock, self._commit)
                for call in self._spent & self._ordered.keys():
                    del self._ordered[call]
                if self._state is LineState.STOPPING:
                    return
                await self._run_worker()
            except Exception as error:
                # Whatever it is: nobody watches the watcher, so it goes on.
                if not self._opened.done():
                    self._opened.set_exception(LineError(str(error) or type(error).__name__))
                    return
                log.error("the SIP line is down: %s", error, exc_info=_unforeseen(error))
            if self._state is LineState.STOPPING:
                # The worker has told us nearly everything; whatever is left is told now or at the next start.
                try:
                    await asyncio.wait_for(
                        wind_up(self._data, self._clock, self._commit), LAST_COMMIT_SECONDS
                    )
                except Exception as error:
                    log.warning(
                        "what the SIP line left over is told at the next start: %s",
                        error,
                        exc_info=_unforeseen(error),
                    )
                return
            self._state = LineState.RESTARTING
            failures = 0 if self._clock.monotonic() - began > STABLE_SECONDS else failures + 1
            await self._clock.sleep(_BACKOFF[min(failures, len(_BACKOFF)) - 1 if failures else 0])

    async def _run_worker(self) -> None:
        """Start a worker and serve it until it is gone.

        Raises:
            LineError: it did not open the line.
        """
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "switchhook.telephony.sip.worker", str(theirs.fileno())]
        with theirs:
            # A session of its own: Ctrl-C in a terminal goes to the server alone, which then ends the calls in order.
            worker = subprocess.Popen(  # noqa: S603, ASYNC220 - our own module; starting takes milliseconds
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._worker = worker
        try:
            ours.setblocking(False)
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=p.LINE_LIMIT)
            self._writer = writer
            data_dir = str(self._data.resolve())
            self._send(p.Configure(self._config, data_dir, tuple(sorted(self._spent))))
            await self._await_ready(reader)
            self._state = LineState.UP if self._state is not LineState.STOPPING else self._state
            if self._opened is not None and not self._opened.done():
                self._opened.set_result(None)
            self._watch_health()
            for offered in list(self._ordered.values()):  # a worker died before it had begun them
                self._send(p.Originate(offered))
            await self._serve(reader)
        finally:
            await self._bury(worker)
        if self._state is not LineState.STOPPING:
            log.error("the SIP worker ended with status %s", worker.returncode)

    async def _await_ready(self, reader: asyncio.StreamReader) -> None:
        try:
            message = await asyncio.wait_for(p.read_up(reader), READY_SECONDS)
        except TimeoutError:
            raise LineError("the SIP worker did not start in time") from None
        if isinstance(message, p.Refused):
            raise LineError(message.why)
        if not isinstance(message, p.Ready):
            raise LineError("the SIP worker ended while it started; its messages are above")

    async def _bury(self, worker: subprocess.Popen[bytes]) -> None:
        """Make sure that the worker is gone and what it said is dealt with."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        try:
            await asyncio.to_thread(worker.wait, 2.0)  # its end of the socket is closed: it is on its way out
        except subprocess.TimeoutExpired:
            worker.kill()
            await asyncio.to_thread(worker.wait)
        # What was read from it is still being committed; the diary is only looked at when that is done.
        while self._chains:
            patience = LAST_COMMIT_SECONDS if self._state is LineState.STOPPING else None
            _, late = await asyncio.wait(list(self._chains.values()), timeout=patience)
            for task in late:  # not acknowledged, so it is told again at the next start
                task.cancel()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._worker = None
        self._health = None

    # ------------------------------------------------------------ health

    def _watch_health(self) -> None:
        self._ping += 1
        number = self._ping
        self._send(p.Ping(number))
        self._watch = self._clock.call_later(
            PING_SECONDS, lambda: self._look(number, PONG_SECONDS - PING_SECONDS)
        )

    def _look(self, number: int, patience: float) -> None:
        if self._health is not None and self._health.number >= number:
            self._watch_health()
        elif patience > 0:
            self._watch = self._clock.call_later(patience, lambda: self._look(number, 0.0))
        elif self._worker is not None:
            log.error("the SIP worker does not answer; it is ended and started anew")
            self._worker.kill()

    # ------------------------------------------------------------ what it says

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        while (message := await p.read_up(reader)) is not None:
            match message:
                case p.Report(seq, fact):
                    self._ordered.pop(fact.call, None)
                    self._enchain(seq, fact)
                case p.Pong():
                    self._health = message
                case _:
                    log.error("the SIP worker says %s out of turn", type(message).__name__)

    def _enchain(self, seq: int, fact: AnyFact) -> None:
        """Commit the fact after its call's earlier ones."""
        task = asyncio.create_task(self._take(seq, fact, self._chains.get(fact.call)))
        self._chains[fact.call] = task

        def done(finished: asyncio.Task[None]) -> None:
            if not finished.cancelled():
                finished.exception()  # it was logged where it happened
            if self._chains.get(fact.call) is finished:
                del self._chains[fact.call]

        task.add_done_callback(done)

    async def _take(self, seq: int, fact: AnyFact, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
            if earlier.cancelled() or earlier.exception() is not None:
                return  # out of order is worse than later: the diary has both
        try:
            await self._commit(fact, tries=None)
        except _CommitFailed as error:
            log.error("%s", error)
            raise
        self._send(p.Ack(seq))
        if isinstance(fact, Offered):
            self._spawn(self._answer(fact))
        elif isinstance(fact, TransferAsked):
            self._spawn(self._pass_on(fact))

    async def _commit(self, fact: AnyFact, *, tries: int | None = _START_TRIES) -> None:
        """Hand the fact over until it is durable; `tries` None: for as long as the line runs."""
        failed = 0
        while True:
            try:
                await self._on_fact(fact)
            except Exception as error:
                log.exception("a fact of the SIP line could not be committed; it is tried again")
                failed += 1
                if (tries is not None and failed >= tries) or self._state is LineState.STOPPING:
                    raise _CommitFailed(
                        f"could not commit {fact.id!r} of call {fact.call!r}: {error}"
                    ) from error
            else:
                return
            await self._clock.sleep(_COMMIT_RETRY[min(failed, len(_COMMIT_RETRY)) - 1])

    async def _answer(self, offered: Offered) -> None:
        try:
            plan = await self._route(offered)
        except Exception:
            log.exception("nobody could say where a call goes; it is refused")
            plan = Reject(EndCause.FAILED)
        record, consent = self._tapes(offered)
        self._send(p.Plan(offered.call, plan, record if offered.record is None else offered.record, consent))

    async def _pass_on(self, asked: TransferAsked) -> None:
        try:
            plan = Reject(EndCause.FAILED) if self._transfer is None else await self._transfer(asked)
        except Exception:
            log.exception("nobody could say where a transfer goes; it is refused")
            plan = Reject(EndCause.FAILED)
        self._send(p.PassOn(asked.call, asked.id, plan))

    def _send(self, message: p.Down) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(p.encode(message))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _CommitFailed(Exception):
    """The application could not make a fact durable."""


def _unforeseen(error: Exception) -> bool:
    """Whether an error is a fault of ours, which its text alone does not explain."""
    return not isinstance(error, LineError | OSError | JournalBusy | _CommitFailed | TimeoutError)
