"""Spans are sent in groups to a real HTTP server, and whatever it does harms nobody."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from switchhook.clock import ManualClock, SystemClock
from switchhook.delivery.http import Client, SystemResolver
from switchhook.findings.traces import examine_traces
from switchhook.serving.traces import GROUP, PAUSE_MOST, Exporter, exporter
from switchhook.settings.config import load
from switchhook.settings.traces import ANYWHERE
from switchhook.tracing.context import SpanContext, new_span
from switchhook.tracing.spans import Span, SpanKind
from switchhook.tracing.tracer import ROOM
from tests.tracing.judging import read

PATIENCE = 30.0  # seconds for what is really sent


class Collector:
    """A server that keeps what is posted to it and answers by script; an answer of 0 is none at all."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: deque[tuple[int, bytes]] = deque()
        self.then = (200, b"")

    async def open(self) -> "Collector":
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append((line, headers, body))
                status, answer = self.answers.popleft() if self.answers else self.then
                if not status:
                    await asyncio.sleep(3600)
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(answer), answer))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        self.server.close()


class Bench:
    """An exporter on a clock moved by hand, whose requests take their own time."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.clock = ManualClock()
        config = load(
            {
                "traces_endpoint": f"http://127.0.0.1:{collector.port}",
                "traces_headers": "authorization=Bearer%20x",
                "traces_attributes": "deployment.environment.name=test",
                "traces_service": "phone",
            },
            {},
        )
        real = SystemClock()
        self.client = Client(real, ANYWHERE, SystemResolver(real))
        self.exporter: Exporter = exporter(config, self.clock, self.client)

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            context = SpanContext(b"t" * 16, new_span(), sampled=True)
            self.exporter.tracer.add(Span(context=context, name="n", kind=SpanKind.CLIENT, start=1, end=2))

    async def until(self, met: Callable[[], bool], seconds: float = 0.0) -> None:
        """Wait until something is so; until then time moves on by `seconds`, again and again."""
        async with asyncio.timeout(PATIENCE):
            while not met():
                await self.clock.advance(seconds)
                await asyncio.sleep(0.001)

    def figures(self) -> tuple[float, float, float, float]:
        """Sent, dropped, waiting, and requests that failed."""
        sent, dropped, waiting, failed = self.exporter.snapshot().values()
        return sent, dropped, waiting, failed


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    made = await Collector().open()
    yield made
    await made.close()


@pytest.fixture
async def bench(collector: Collector) -> AsyncIterator[Bench]:
    made = Bench(collector)
    made.exporter.start()
    yield made
    if made.exporter._task is not None:
        made.exporter._task.cancel()
    await made.client.aclose()


async def test_spans_are_sent_together_with_who_sends_them_and_the_token(bench: Bench) -> None:
    bench.add(3)
    await bench.until(lambda: bench.figures()[0] == 3, 1.0)
    ((line, headers, body),) = bench.collector.requests
    assert line == "POST /v1/traces HTTP/1.1"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["authorization"] == "Bearer x"
    spans = read(body)
    assert len(spans) == 3
    who = spans[0].resource
    assert who["service.name"] == "phone"
    assert who["deployment.environment.name"] == "test"
    assert {"service.version", "service.instance.id"} <= who.keys()
    assert bench.figures() == (3, 0, 0, 0)


async def test_a_large_group_does_not_wait_and_goes_in_pieces(bench: Bench) -> None:
    bench.add(GROUP + 1)
    await bench.until(lambda: bench.figures()[0] == GROUP)
    assert len(read(bench.collector.requests[0][2])) == GROUP
    await bench.until(lambda: bench.figures()[0] == GROUP + 1, 1.0)


async def test_what_a_collector_cannot_take_now_is_sent_again_and_told_in_two_lines(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.collector.answers.extend([(503, b""), (429, b""), (502, b"")])
    bench.add(2)
    with caplog.at_level(logging.WARNING):
        await bench.until(lambda: bench.figures()[3] >= 1, 0.5)
        assert bench.figures()[:3] == (0, 0, 2)
        await bench.until(lambda: bench.figures()[0] == 2, PAUSE_MOST)
    assert bench.figures() == (2, 0, 0, 3)
    assert len({body for _, _, body in bench.collector.requests}) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "the collector of traces does not take them, it is asked again: it answered 503",
        "traces are sent again; 0 spans were dropped meanwhile",
    ]


async def test_what_a_collector_refuses_is_dropped_and_counted(bench: Bench) -> None:
    bench.collector.answers.append((401, b"who are you?"))
    bench.add(5)
    await bench.until(lambda: bench.figures()[3] == 1, 1.0)
    assert bench.figures() == (0, 5, 0, 1)
    bench.add()
    await bench.until(lambda: bench.figures()[0] == 1, PAUSE_MOST)


async def test_what_a_collector_says_it_left_out_is_counted(bench: Bench) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    bench.collector.answers.append(
        (200, ExportTraceServiceResponse(partial_success=partial).SerializeToString())
    )
    bench.add(5)
    await bench.until(lambda: bench.figures()[0] == 3, 1.0)
    assert bench.figures() == (3, 2, 0, 0)


async def test_while_nobody_takes_them_no_more_than_so_many_wait(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.collector.then = (503, b"")
    with caplog.at_level(logging.WARNING):
        bench.add(ROOM + 10)
        assert bench.figures() == (0, 10, ROOM, 0)
        await bench.until(lambda: bench.figures()[3] >= 4, PAUSE_MOST)
        bench.add(GROUP + 1)
        assert bench.figures()[:3] == (0, 11, ROOM + GROUP)
    assert len(caplog.records) == 1


async def test_nobody_at_home_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    gone = await Collector().open()
    await gone.close()
    bench = Bench(gone)
    bench.exporter.start()
    bench.add()
    with caplog.at_level(logging.WARNING):
        await bench.until(lambda: bench.figures()[3] >= 3, PAUSE_MOST)
    assert [record.getMessage() for record in caplog.records] == [
        "the collector of traces does not take them, it is asked again: connect_refused"
    ]
    await bench.exporter.stop()
    assert bench.figures()[1:3] == (1, 0)
    await bench.client.aclose()


async def test_what_is_left_is_sent_at_the_stop(bench: Bench) -> None:
    bench.add(GROUP * 2)
    await asyncio.wait_for(bench.exporter.stop(), PATIENCE)
    assert bench.figures() == (GROUP * 2, 0, 0, 0)


async def test_a_collector_that_hangs_does_not_hold_up_the_stop(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.collector.then = (0, b"")
    bench.add(2)
    stopping = asyncio.ensure_future(bench.exporter.stop())
    await bench.until(lambda: len(bench.collector.requests) == 1)
    with caplog.at_level(logging.WARNING):
        await bench.clock.advance(2.0)
        await asyncio.wait_for(stopping, PATIENCE)
    assert bench.figures() == (0, 2, 0, 0)
    assert "2 spans could not be sent before the stop" in caplog.text


async def test_the_doctor_says_whether_the_collector_takes_them(collector: Collector) -> None:
    config = load(
        {"traces_endpoint": f"http://127.0.0.1:{collector.port}", "traces_headers": "x-t=the-token"}, {}
    )
    collector.answers.append((401, b"the-token is wrong"))
    (finding,) = [one async for one in examine_traces(config, SystemClock())]
    assert (finding.state, finding.found) == ("error", "the collector does not take them: it answered 401")
    (finding,) = [one async for one in examine_traces(config, SystemClock())]
    assert finding.state == "ok"
    assert read(collector.requests[-1][2]) == []
    await collector.close()
    (finding,) = [one async for one in examine_traces(config, SystemClock())]
    assert "connect_refused" in finding.found
    assert [one async for one in examine_traces(load({}, {}), SystemClock())] == []
