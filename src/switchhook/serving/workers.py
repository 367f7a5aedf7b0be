"""One `serve` with several workers on a shared store: starts them, gives them connections, watches them.

    clients ──▶ parent ──each connection to the next one in turn──▶ worker 1 (and the telephones)
                  │                                            └──▶ worker 2
                  └─ a worker that ended: the others are told its number and take over at once; it is started anew

The parent accepts and passes on, nothing else: it has no loop, no thread and no connection to the database, and can
fork at any time. Connections are dealt out in turn: the system's own ways of sharing a port fill one worker first.
"""

import dataclasses
import gc
import importlib
import logging
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvloop

from switchhook.clock import Clock
from switchhook.serving.app import serve
from switchhook.serving.installation import InstallationError
from switchhook.serving.line import check_telephony
from switchhook.serving.listening import address_of, listen
from switchhook.serving.seat import Board, Seat
from switchhook.settings.config import TELEPHONY, Config, ConfigError
from switchhook.storage.store import StorageError

log = logging.getLogger(__name__)

STOP_SECONDS = 9.0  # until a worker that does not end is killed
STABLE_SECONDS = 60.0  # who ran for so long and then died begins anew with the shortest pause
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds until the next start, by failures in a row
ACCEPT_MAX = 64  # connections in one turn
BACKLOG = 2048


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row, before the next start."""
    return PAUSES[min(max(failures, 1), len(PAUSES)) - 1]


class _Worker:
    """What the parent knows of one worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0  # 0: it is not there
        self.channel: socket.socket | None = None
        self.lines = b""
        self.ready = False
        self.process = 0  # its number in the database
        self.why: str | None = None  # it could not start
        self.bad_config = False
        self.began = 0.0
        self.failures = 0
        self.start_at = 0.0


class _Parent:
    def __init__(self, config: Config, clock: Clock, say: Callable[[str], None]) -> None:
        self._config = config
        self._clock = clock
        self._say = say
        self._workers = [_Worker(number) for number in range(1, config.workers + 1)]
        self._turn = 0
        self._board = Board(config.workers)
        self._buried: list[int] = []  # processes that ended, and nobody was told of yet
        self._started = False  # all of them were ready once
        self._stopping = False
        self._listening = False
        self._selector = selectors.DefaultSelector()
        self._listener = listen(config)
        self._address = address_of(self._listener)
        self._wake, self._waker = socket.socketpair()

    def run(self) -> None:
        """See `run`."""
        try:
            self._signals()
            self._selector.register(self._wake, selectors.EVENT_READ, self._woken)
            self._start_all()
            if not self._stopping:
                self._started = True
                self._listener.listen(BACKLOG)
                self._open()
                self._say(f"ready {self._address}")
            while not self._stopping:
                self._serve(self._until_next_start())
                self._start_due()
        finally:
            self._stop_all()
            signal.set_wakeup_fd(-1)

    # -- signals

    def _signals(self) -> None:
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only so that it wakes
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _woken(self) -> None:
        try:
            while self._wake.recv(4096):
                pass
        except BlockingIOError:
            pass
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._ended(worker, os.waitstatus_to_exitcode(status))

    def _serve(self, seconds: float | None) -> None:
        """One turn: whatever happens within `seconds`."""
        for key, _ in self._selector.select(seconds):
            key.data()

    # -- connections

    def _open(self) -> None:
        if not self._listening:
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
            self._listening = True

    def _close(self) -> None:
        if self._listening:
            self._selector.unregister(self._listener)
            self._listening = False

    def _accept(self) -> None:
        for _ in range(ACCEPT_MAX):
            if not any(worker.ready for worker in self._workers):
                self._close()  # they wait in the system's queue until somebody is there
                return
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("a connection could not be accepted: %s", error)
                return
            with connection:
                self._deal(connection)

    def _deal(self, connection: socket.socket) -> None:
        for _ in self._workers:
            worker = self._workers[self._turn]
            self._turn = (self._turn + 1) % len(self._workers)
            if worker.ready and worker.channel is not None:
                try:
                    socket.send_fds(worker.channel, [b"take\n"], [connection.fileno()])
                except OSError:
                    continue  # it stands still, or has just ended: the next one
                return

    # -- workers

    def _start_all(self) -> None:
        """The first one alone: it migrates, makes the first key, and says what is wrong once.

        Raises:
            ConfigError, InstallationError: one of them could not start.
        """
        first, *rest = self._workers
        for some in ([first], rest):
            for worker in some:
                self._start(worker)
            while not self._stopping and not all(worker.ready for worker in some):
                self._serve(None)
                for worker in some:
                    if worker.pid == 0:
                        why = worker.why or f"worker {worker.number} ended before it was ready"
                        raise ConfigError(why) if worker.bad_config else InstallationError(why)

    def _until_next_start(self) -> float | None:
        due = [worker.start_at for worker in self._workers if worker.pid == 0]
        return max(0.0, min(due) - self._clock.monotonic()) if due else None

    def _start_due(self) -> None:
        for worker in self._workers:
            if not self._stopping and worker.pid == 0 and worker.start_at <= self._clock.monotonic():
                self._start(worker)

    def _start(self, worker: _Worker) -> None:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                ours.close()
                status = self._be(worker.number, theirs)
            finally:
                os._exit(status)
        theirs.close()
        ours.setblocking(False)
        worker.pid, worker.channel, worker.began = pid, ours, self._clock.monotonic()
        worker.lines, worker.ready, worker.process, worker.why = b"", False, 0, None
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(worker))

    def _be(self, number: int, channel: socket.socket) -> int:
        """In the worker: serve, and the exit code."""
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(name, signal.SIG_DFL)
        # Nothing of the parent's may stay open here: the end of a channel is how a worker hears that it is gone.
        self._selector.close()
        for held in (self._listener, self._wake, self._waker, *[w.channel for w in self._workers]):
            if held is not None:
                held.close()
        for handler in logging.getLogger().handlers:
            handler.setFormatter(
                logging.Formatter(f"%(asctime)s %(levelname)s worker {number} %(name)s: %(message)s")
            )
        role = tuple(name for name in self._config.role if number == 1 or name != TELEPHONY)
        config = dataclasses.replace(self._config, role=role)
        seat = Seat(number, self._address, channel, self._board)
        try:
            uvloop.run(serve(config, self._clock, seat.say, seat))
        except (ConfigError, InstallationError, StorageError) as error:
            seat.failed(error)
            return 1
        except Exception as error:
            log.exception("it cannot go on")
            seat.failed(error)
            return 1
        return 0

    def _hear(self, worker: _Worker) -> None:
        assert worker.channel is not None
        try:
            data = worker.channel.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(worker.channel)  # it ends; SIGCHLD says when it has
            worker.ready = False
            worker.channel.close()
            worker.channel = None
            return
        *lines, worker.lines = (worker.lines + data).split(b"\n")
        for line in lines:
            what, _, rest = line.decode(errors="replace").partition(" ")
            if what == "process":
                worker.process = int(rest)
            elif what == "fail":
                kind, _, worker.why = rest.partition(" ")
                worker.bad_config = kind == "config"
            elif rest.startswith("ready "):
                self._is_ready(worker)
            else:
                self._say(rest)

    def _is_ready(self, worker: _Worker) -> None:
        worker.ready = True
        log.info("worker %d (process %d) is ready", worker.number, worker.pid)
        if self._started:
            self._open()
        self._tell_of_the_dead()

    def _ended(self, worker: _Worker, status: int) -> None:
        if worker.channel is not None:
            self._hear(worker)  # its last words
        if worker.channel is not None:
            self._selector.unregister(worker.channel)
            worker.channel.close()
            worker.channel = None
        pid, worker.pid, worker.ready = worker.pid, 0, False
        self._board.clear(worker.number - 1)
        if worker.process:
            self._buried.append(worker.process)
        if self._stopping or not self._started:
            return
        now = self._clock.monotonic()
        worker.failures = 1 if now - worker.began > STABLE_SECONDS else worker.failures + 1
        pause = pause_after(worker.failures)
        worker.start_at = now + pause
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        why = f" ({worker.why})" if worker.why else ""
        log.error(
            "worker %d (process %d) %s%s; the others go on, and it is started anew in %g s",
            worker.number,
            pid,
            how,
            why,
            pause,
        )
        self._tell_of_the_dead()

    def _tell_of_the_dead(self) -> None:
        """Have one of the workers take over what those that ended had: they have for certain, we waited for them."""
        for worker in self._workers:
            while self._buried and worker.ready and worker.channel is not None:
                try:
                    worker.channel.send(b"dead %d\n" % self._buried[0])
                except OSError:
                    break
                self._buried.pop(0)

    # -- the end

    def _stop_all(self) -> None:
        self._stopping = True
        self._close()
        self._listener.close()
        for worker in self._workers:
            if worker.channel is not None:
                self._selector.unregister(worker.channel)
                worker.channel.close()
                worker.channel = None
        deadline = self._clock.monotonic() + STOP_SECONDS
        while any(worker.pid for worker in self._workers):
            left = deadline - self._clock.monotonic()
            if left <= 0:
                for worker in self._workers:
                    if worker.pid:
                        log.error(
                            "worker %d (process %d) does not end; it is killed", worker.number, worker.pid
                        )
                        os.kill(worker.pid, signal.SIGKILL)
                deadline = float("inf")
            self._serve(max(left, 0.0) if left > 0 else 1.0)
            self._woken()
        self._selector.close()
        self._wake.close()
        self._waker.close()


def run(config: Config, clock: Clock, say: Callable[[str], None]) -> None:
    """Serve with several workers until SIGTERM or SIGINT. `say` is given the lines for standard output.

    Raises:
        ConfigError: a telephone, the trunk or the greeting cannot be used.
        InstallationError: the port, the database, the SIP line or the data directory cannot be used.
    """
    check_telephony(config)
    importlib.import_module("switchhook.storage.postgres")  # once for all, before the first fork
    gc.collect()
    gc.freeze()  # what is there now stays shared
    _Parent(config, clock, say).run()
