"""A receiver that is as fast as Python gets and forgets nothing: answers every POST, and logs what came.

    python bench/sink.py --port 0 --log FILE [--status 204] [--fail-rate 0.0]

Prints `listening PORT`. Each line of the log is `webhook-id SP monotonic-nanoseconds SP sha256-of-body SP path`; lines
are written before the answer, so that whatever was answered can be counted after either side was killed.
"""

import argparse
import asyncio
import hashlib
import os
import random
import signal
import time

import httptools
import uvloop


class Receiver(asyncio.Protocol):
    """One connection."""

    def __init__(self, log: int, answer: bytes, refuse: bytes, fail_rate: float) -> None:
        self.log = log
        self.answer = answer
        self.refuse = refuse
        self.fail_rate = fail_rate
        self.parser = httptools.HttpRequestParser(self)
        self.id = b""
        self.path = b""
        self.body: list[bytes] = []
        self.lines: list[bytes] = []
        self.answers: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if self.lines:
            os.write(self.log, b"".join(self.lines))
            self.lines.clear()
        if self.answers:
            self.transport.write(b"".join(self.answers))  # type: ignore[attr-defined]
            self.answers.clear()

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"webhook-id":
            self.id = value

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        if self.fail_rate and random.random() < self.fail_rate:
            self.answers.append(self.refuse)
        else:
            digest = hashlib.sha256(b"".join(self.body)).hexdigest().encode()
            self.lines.append(b"%s %d %s %s\n" % (self.id, time.monotonic_ns(), digest, self.path))
            self.answers.append(self.answer)
        self.body.clear()
        self.id = b""


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", required=True)
    parser.add_argument("--status", type=int, default=204)
    parser.add_argument("--fail-rate", type=float, default=0.0)
    args = parser.parse_args()
    log = os.open(args.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % args.status
    if args.status == 204:
        answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    refuse = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Receiver(log, answer, refuse, args.fail_rate), "127.0.0.1", args.port, backlog=4096
    )
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(main())
