"""Real receivers on loopback, good and hostile, and a client to send to them; every test runs on both event loops."""

import asyncio
import functools
import gc
import inspect
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest
import uvloop

from switchhook.clock import ManualClock
from switchhook.delivery.address import Address, AddressPolicy, parse_target
from switchhook.delivery.exchange import Exchange, Kind, Request, header_block
from switchhook.delivery.http import Client, Limits, Proxy

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

Behave = Callable[["Receiver"], Behaviour]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test under asyncio's loop and under uvloop. What a loop or the collector complains of fails it."""

    def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], **arguments: Any) -> None:
        complaints: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
            runner.run(test(**arguments))
            gc.collect()
        assert complaints == []

    functools.update_wrapper(run, test)
    signature = inspect.signature(test)
    extra = inspect.Parameter("loop_factory", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), extra])  # type: ignore[attr-defined]
    del run.__wrapped__  # type: ignore[attr-defined]
    loops = pytest.mark.parametrize(
        "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
    )
    both: Callable[..., None] = loops(run)
    return both


class Receiver:
    """A listening server. `accepted` connections were made, `ended` of them are over as the receiver sees it."""

    def __init__(self, behave: "Behave") -> None:
        self._behave = behave(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self.accepted = 0
        self.ended = 0
        self.requests: list[bytes] = []
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self._change()
        try:
            await self._behave(reader, writer)
            while await reader.read(65536):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self.ended += 1
            self._change()
            writer.transport.abort()
            self._tasks.discard(task)

    def _change(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when `condition` holds; it is asked again whenever something has happened here."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def read_head(self, reader: asyncio.StreamReader) -> None:
        """A request without a body, which is put into `requests`."""
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        self._change()

    async def read_request(self, reader: asyncio.StreamReader) -> bytes:
        """One whole request, which is also put into `requests`."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        request = head + await reader.readexactly(length)
        self.requests.append(request)
        self._change()
        return request

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def receiving(
    behave: Behave,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    """A receiver that does what `behave` makes of each connection."""
    receiver = Receiver(behave)
    server = await asyncio.start_server(receiver.handle, host, port, ssl=context, limit=1 << 22)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.stop()
        await server.wait_closed()
        for _ in range(5):
            await asyncio.sleep(0)


def answering(*answers: bytes) -> Behave:
    """Answers every request on a connection with the next of `answers`, the last one for ever."""

    def behave(receiver: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            count = 0
            while True:
                await receiver.read_request(reader)
                writer.write(answers[min(count, len(answers) - 1)])
                count += 1

        return on_connection

    return behave


def after_request(
    act: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> Behave:
    """Reads one request, then does `act`."""

    def behave(receiver: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await receiver.read_request(reader)
            await act(reader, writer)

        return on_connection

    return behave


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()


def answering_and_closing(answer: bytes) -> Behave:
    """Answers the one request, then closes properly."""

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await _end(writer)

    return after_request(act)


async def nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Do not answer; for `after_request`."""


class Names:
    """A resolver that gives its answers one after the other, the last one for ever, and counts the questions."""

    def __init__(self, *answers: Sequence[str] | OSError) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str) -> tuple[Address, ...]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, OSError):
            raise answer
        return tuple(ip_address(text) for text in answer)


class Sender:
    """A client on a clock that stands still, and what it takes to make requests with it."""

    def __init__(
        self,
        *,
        policy: AddressPolicy | None = None,
        resolver: Any = None,
        context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.policy = policy or AddressPolicy.parse("127.0.0.0/8")
        names = resolver or Names(["127.0.0.1"])
        self.client = Client(self.clock, self.policy, names, context, limits, proxy=proxy)

    def request(self, url: str, body: bytes = b"{}", *, key: str = "ep_1", timeout: float = 20.0) -> Request:
        return Request(
            pool_key=key,
            target=parse_target(url, self.policy),
            headers=header_block([("webhook-id", "msg_1")]),
            body=body,
            timeout=timeout,
        )

    def send(self, place: str | int, body: bytes = b"{}", **options: Any) -> asyncio.Future[Exchange]:
        url = place if isinstance(place, str) else f"http://127.0.0.1:{place}/hook"
        return self.client.send(self.request(url, body, **options))


@asynccontextmanager
async def sending(**options: Any) -> AsyncIterator[Sender]:
    """A `Sender` that is closed afterwards, when nothing of it may be left."""
    sender = Sender(**options)
    try:
        yield sender
    finally:
        await sender.client.aclose()
        stats = sender.client.stats
        assert (stats.open, stats.idle, stats.in_flight) == (0, 0, 0)
        assert sender.clock.next_timer() is None


def kind_of(exchange: Exchange) -> Kind | None:
    """Why there is no complete answer; None if there is one."""
    return exchange.failure.kind if exchange.failure is not None else None
