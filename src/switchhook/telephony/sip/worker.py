"""The SIP worker: `python -m switchhook.telephony.sip.worker FD`, started by the supervisor and by nobody else.

A process of its own because a database commit may stall a loop for 100 ms while an RTP frame is due every 20, and
because a SIP stack in C can die in ways that must not take the server along. FD is the inherited end of a Unix socket
pair; see `protocol`. When the other end closes, the server is gone: the worker ends its calls and exits.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import msgspec

from switchhook.clock import SystemClock
from switchhook.telephony.sip import protocol as p
from switchhook.telephony.sip.backend import Backend, BackendError
from switchhook.telephony.sip.edge.front import FrontedBackend
from switchhook.telephony.sip.exchange import Exchange
from switchhook.telephony.sip.journal import Journal
from switchhook.telephony.sip.plan import Taping
from switchhook.workspace.facts import AnyFact

log = logging.getLogger(__name__)

DRAIN_SECONDS = 3.0
"""How long calls may take to end when the worker must go."""

ACK_SECONDS = 2.0
"""How long it then waits for the server to confirm what it was told."""

_EXIT_SECONDS = 10.0  # a worker that is to go and hangs is gone by then
_STACK_DIED = 70


class Worker:
    """One run of the worker."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._clock = SystemClock()
        self._writer: asyncio.StreamWriter | None = None
        self._acked = asyncio.Event()

    async def run(self, sock: socket.socket) -> int:
        """Serve until the server says stop or is gone; returns the exit status."""
        reader, writer = await asyncio.open_unix_connection(sock=sock, limit=p.LINE_LIMIT)
        self._writer = writer
        first = await p.read_down(reader)
        if not isinstance(first, p.Configure):
            return 2
        data = Path(first.data_dir)
        journal = Journal(data / "sip" / "journal" / f"{self._clock.now()}-{os.getpid()}.jsonl")
        exchange = Exchange(
            config=first.config,
            data_dir=data,
            backend=self._backend,
            journal=journal,
            clock=self._clock,
            send=self._report,
            died=lambda: os._exit(
                _STACK_DIED
            ),  # the journal has everything; the next worker goes on from there
            spent=frozenset(first.spent),
        )
        try:
            bindings = str(data / "sip" / "bindings.json")
            await self._backend.open(msgspec.structs.replace(first.config, bindings=bindings), exchange)
        except BackendError as error:
            self._send(p.Refused(str(error)))
            await journal.close()
            await self._flush()
            return 1
        self._send(p.Ready())
        pump = asyncio.create_task(exchange.run())
        listener = asyncio.create_task(self._listen(reader, exchange))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, listener.cancel)
        try:
            gone = await listener
        except asyncio.CancelledError:  # SIGTERM: the server is still there, and hears how the calls end
            gone = False
        _exit_for_certain()
        if gone:
            exchange.orphan()
        else:
            listener = asyncio.create_task(self._listen(reader, exchange))
        await exchange.drain(DRAIN_SECONDS)
        if not gone:
            await self._wait_for_acks(exchange)
            listener.cancel()
        pump.cancel()
        await self._backend.shut()
        await journal.close()
        return 0

    async def _listen(self, reader: asyncio.StreamReader, exchange: Exchange) -> bool:
        """Obey; returns whether the server is gone (and not: has said stop)."""
        while (message := await p.read_down(reader)) is not None:
            match message:
                case p.Ack(seq):
                    exchange.committed(seq)
                    self._acked.set()
                case p.Plan(call, plan, record, consent):
                    exchange.planned(call, plan, Taping(record, consent))
                case p.Originate(offered):
                    exchange.originate(offered)
                case p.SetRecording(call, state):
                    exchange.set_recording(call, state)
                case p.PassOn(call, asked, transfer):
                    exchange.pass_on(call, asked, transfer)
                case p.Directory(users, numbers, extensions):
                    exchange.directory(users, numbers, extensions)
                case p.HangUp(call):
                    exchange.hang_up(call)
                case p.Ping(number):
                    self._send(p.Pong(number, exchange.calls, exchange.refused, self._backend.health()))
                case p.Stop():
                    return False
                case p.Configure():
                    log.error("configured twice; the second time is ignored")
        return True

    async def _wait_for_acks(self, exchange: Exchange) -> None:
        deadline = self._clock.monotonic() + ACK_SECONDS
        while exchange.unacknowledged and (rest := deadline - self._clock.monotonic()) > 0:
            self._acked.clear()
            try:
                await asyncio.wait_for(self._acked.wait(), rest)
            except TimeoutError:
                return

    def _report(self, seq: int, fact: AnyFact) -> None:
        self._send(p.Report(seq, fact))

    def _send(self, message: p.Up) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(p.encode(message))

    async def _flush(self) -> None:
        if self._writer is not None:
            try:
                await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
            except ConnectionError:
                return


def _exit_for_certain() -> None:
    timer = threading.Timer(_EXIT_SECONDS, os._exit, (3,))
    timer.daemon = True
    timer.start()


def main() -> None:
    """Run the worker on the descriptor named on the command line."""
    logging.basicConfig(level=logging.WARNING, format="sip worker: %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then tells us
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        sock.setblocking(False)
        status = asyncio.run(Worker(FrontedBackend()).run(sock))
    sys.exit(status)


if __name__ == "__main__":
    main()
