"""What bad neighbours do to the others: seven good endpoints alone, and beside one that hangs, one that refuses and
one that drips, in turn.

    python bench/isolation.py [--rate 100] [--seconds 30] [--rounds 3]

Every event goes to every endpoint. Latency is from the planned moment of the request to the receipt by one of the
seven; a round of `with` is set against the round of `alone` beside it. Thirty seconds are long enough for the first
attempts to time out (after 20 s) and for what waited behind them to be put into the store.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.deliver import cpu_seconds, percentile, percentiles, publish
from bench.serving import Process, Server, Sink

GOOD = 7


class Bad(Process):
    """A process of its own with the endpoints that hang and drip; who refuses needs no process."""

    def __init__(self) -> None:
        super().__init__([sys.executable, __file__, "--be-bad"], "listening ")
        self.hang, self.drip = (f"http://127.0.0.1:{port}/" for port in self.lines[-1].split()[1:])


async def be_bad() -> None:
    """Listen on two ports: one never answers, one sends a byte of its answer each second."""

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Patience: 0123456789\r\n\r\nok":
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)
        writer.close()

    servers = [await asyncio.start_server(act, "127.0.0.1", 0, backlog=1024) for act in (hang, drip)]
    print("listening", *(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def neighbours() -> Iterator[list[str]]:
    """The addresses of the three."""
    bad = Bad()
    try:
        with socket.socket() as nobody:  # bound, and nobody listens: connections are refused
            nobody.bind(("127.0.0.1", 0))
            yield [bad.hang, bad.drip, f"http://127.0.0.1:{nobody.getsockname()[1]}/"]
    finally:
        bad.kill()


def round_(args: argparse.Namespace, folder: Path, bad: list[str]) -> tuple[list[float], int]:
    """Latencies (ms) at the good endpoints, and how many deliveries to them were lost."""
    sink = Sink(folder / "sink.log")
    server = Server(folder / "data")
    log = folder / "published"
    count = int(args.rate * args.seconds)
    try:
        for n in range(GOOD):
            server.endpoint(f"http://127.0.0.1:{sink.port}/{n}", ["call.completed"])
        publish(server, folder / "warm", "--count", "200", "--prefix", "cll_w").wait(60)
        for url in bad:
            server.endpoint(url, ["call.completed"])
        before = cpu_seconds(server.child.pid)
        more = ("--count", str(count), "--rate", str(args.rate), "--connections", "32")
        if publish(server, log, *more).wait(600):
            raise SystemExit("the publisher failed")
        cpu = cpu_seconds(server.child.pid) - before
        sent = {id_: int(at) for id_, at, _ in (line.split() for line in log.read_text().splitlines())}
        arrived = _arrivals(sink, sent)
    finally:
        server.stop()
        sink.stop()
    took = [(at - sent[id_]) / 1e6 for at_one in arrived for id_, at in at_one.items()]
    lost = len(sent) * GOOD - len(took)
    print(
        f"  {'with' if bad else 'alone':6} {percentiles(took)}  most {max(took):.1f} ms"
        f"  CPU {cpu / args.seconds * 100:.0f} %  lost {lost}",
        flush=True,
    )
    return took, lost


def _arrivals(sink: Sink, sent: dict[str, int]) -> list[dict[str, int]]:
    """When each event arrived first at each of the good ones; waits ten seconds for the last."""
    for _ in range(100):
        found: list[dict[str, int]] = [{} for _ in range(GOOD)]
        for n in range(GOOD):
            for id_, at, _ in sink.received(f"/{n}"):
                if id_ in sent:
                    found[n].setdefault(id_, at)
        if all(len(one) == len(sent) for one in found):
            break
        time.sleep(0.1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--be-bad", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.be_bad:
        asyncio.run(be_bad())
    print(
        f"{args.rate:g} events/s to {GOOD} good endpoints, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    ratios, lost = [], 0
    for _ in range(args.rounds):
        p99 = {}
        for beside in (False, True):
            with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
                bad = stack.enter_context(neighbours()) if beside else []
                took, missing = round_(args, Path(folder), bad)
            p99[beside] = percentile(took, 0.99)
            lost += missing
        ratios.append(p99[True] / p99[False])
    print(
        f"  p99 with / alone: median {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
        f"  lost {lost}"
    )
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
