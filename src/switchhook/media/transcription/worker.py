"""The transcriber: `python -m switchhook.media.transcription.worker FD`, started by `Attendant` and by nobody else.

A process of its own because a model takes 270 MB and a processor for as long as it is given work; niced, so that it
takes what calls and deliveries leave. It keeps nothing: killed at any moment, its order is still in the queue.
"""

import asyncio
import ipaddress
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from switchhook.clock import SystemClock
from switchhook.delivery.address import AddressPolicy
from switchhook.delivery.http import Client, Proxy, SystemResolver
from switchhook.events.payloads import Speaker
from switchhook.media.transcription import chat, models, summary
from switchhook.media.transcription import protocol as p
from switchhook.media.transcription.endpoint import Endpoint
from switchhook.media.transcription.engine import Engine, Later, Never
from switchhook.media.transcription.http import LIMITS, Place, Poster
from switchhook.media.transcription.sound import SoundError, channels, pieces
from switchhook.media.transcription.speech import Line, Said, merged
from switchhook.media.transcription.whisper import Whisper

log = logging.getLogger(__name__)

NICE = 15
ONE_CHANNEL = "the recording has one channel: it does not tell who said what"


class Transcriber:
    """Does one order after the other."""

    def __init__(
        self, engine: Engine, settings: p.Configure, chatting: Poster | None, writer: asyncio.StreamWriter
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._chat = chatting
        self._writer = writer

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Until the server is gone, which is looked for also while an order is done."""
        while isinstance(order := await p.read_down(reader), p.Order):
            work = asyncio.create_task(self._do(order))
            gone = asyncio.create_task(p.read_down(reader))
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                os._exit(0)  # a thread that computes cannot be told to stop
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            self._writer.write(p.encode(work.result()))
            await self._writer.drain()

    async def _do(self, order: p.Order) -> p.Done | p.Failed:
        try:
            language, said = await self._transcribe(order)
        except Later as error:
            return p.Failed(order.recording, str(error), ever=True)
        except (Never, SoundError, OSError) as error:
            return p.Failed(order.recording, str(error), ever=False)
        except Exception as error:
            log.exception("a fault of ours; it is tried again")
            return p.Failed(order.recording, type(error).__name__, ever=True)
        return await self._summarise(order, language, said)

    async def _transcribe(self, order: p.Order) -> tuple[str | None, tuple[Said, ...]]:
        path = Path(order.path)
        sides = [Speaker.EXTERNAL, Speaker.USER]
        if await asyncio.to_thread(channels, path) == 1:
            if not order.voicemail:
                raise Never(ONE_CHANNEL)
            sides = [Speaker.EXTERNAL]
        language: str | None = None
        lines: dict[Speaker, list[Line]] = {side: [] for side in sides}
        parts = pieces(path)
        while (piece := await asyncio.to_thread(next, parts, None)) is not None:
            for number, side in enumerate(sides, 1):
                samples = piece.left if side is Speaker.EXTERNAL else piece.right
                heard = await self._engine.hear(samples, language)
                language = language or heard.language
                lines[side] += [Line(piece.start + line.start, line.text) for line in heard.lines]
                done = piece.start + piece.seconds * number / len(sides)
                self._writer.write(p.encode(p.Progress(order.recording, round(done, 1))))
        return language, merged(lines.items())

    async def _summarise(self, order: p.Order, language: str | None, said: tuple[Said, ...]) -> p.Done:
        fell_back = ""
        if said and self._chat is not None:
            settings = self._settings
            try:
                found = await chat.summarise(self._chat, settings.prompt, said, order.tags, settings.fields)
            except (Later, Never) as error:
                fell_back = str(error)
            else:
                return p.Done(order.recording, language, said, found.text, "openai", found.tags, found.data)
        text = summary.extract(said) if self._settings.summaries else ""
        engine = "extractive" if text else None
        return p.Done(order.recording, language, said, text, engine, (), {}, fell_back)  # type: ignore[arg-type]


async def serve(sock: socket.socket) -> int:
    """Serve until the server is gone; returns the exit status."""
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=p.LINE_LIMIT)
    settings = await p.read_down(reader)
    if not isinstance(settings, p.Configure):
        return 2
    clock = SystemClock()
    policy = AddressPolicy(ipaddress.ip_network(network) for network in settings.allow_networks)
    proxy = Proxy.parse(settings.egress_proxy) if settings.egress_proxy else None
    client = Client(clock, policy, SystemResolver(clock), limits=LIMITS, proxy=proxy)

    def poster(place: Place, setting: str) -> Poster:
        return Poster(client, policy, place, setting)

    engine: Engine
    try:
        match settings.speech:
            case p.Local(model, threads):
                engine = await asyncio.to_thread(lambda: Whisper(models.check(model), threads))
            case p.Remote(place):
                engine = Endpoint(poster(place, "[transcripts.openai] url"))
    except (models.ModelError, ImportError, RuntimeError, OSError) as error:
        writer.write(p.encode(p.Refused(str(error))))
        await writer.drain()
        return 1
    writer.write(p.encode(p.Ready()))
    chatting = poster(settings.chat, "[summaries.openai] url") if settings.chat else None
    await Transcriber(engine, settings, chatting, writer).run(reader)
    return 0


def main() -> None:
    """Run the transcriber on the descriptor named on the command line."""
    logging.basicConfig(level=logging.WARNING, format="transcriber: %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, whose end is ours
    os.nice(NICE)
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        sock.setblocking(False)
        status = asyncio.run(serve(sock))
    os._exit(status)  # nothing is left to be closed, and a thread may still compute


if __name__ == "__main__":
    main()
