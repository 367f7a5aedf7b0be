"""A receiver that misbehaves in one way until SIGUSR1 tells it to be good.

    python receiver.py HOW --log FILE [--port 0] [--host 127.0.0.1] [--cert PEM] [--target FILE] [--trap URL]

Prints `listening PORT`. What it takes (and answers 204) it logs as `bench/sink.py` does. With --cert it speaks TLS. An
`assassin` is good, but kills the process whose id stands in --target when a request has come, before it answers.
"""

import argparse
import asyncio
import hashlib
import os
import signal
import socket
import ssl
import struct
import time
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable
from pathlib import Path

Misbehave = Callable[[Reader, Writer], Awaitable[None]]

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
PIECE = b"x" * 65536


class Good:
    """Takes requests and logs them, until its task ends."""

    def __init__(self, log: int, target: Path | None) -> None:
        self._log = log
        self._target = target

    async def serve(self, reader: Reader, writer: Writer) -> None:
        while True:
            id_, path, body = await request(reader)
            digest = hashlib.sha256(body).hexdigest()
            os.write(self._log, b"%s %d %s %s\n" % (id_, time.monotonic_ns(), digest.encode(), path))
            if self._target is not None and self._target.exists():
                victim = int(self._target.read_text())
                self._target.unlink()
                os.kill(victim, signal.SIGKILL)
            writer.write(NO_CONTENT)
            await writer.drain()


async def request(reader: Reader) -> tuple[bytes, bytes, bytes]:
    """The id, the path and the body of one request."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).rstrip().split(b"\r\n")
    headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers[b"content-length"]))
    return headers[b"webhook-id"], first.split()[1], body


def reset(writer: Writer) -> None:
    """End a connection as a crashed machine would."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def close(_reader: Reader, writer: Writer) -> None:
    writer.transport.abort()


async def reset_request(reader: Reader, writer: Writer) -> None:
    await reader.readexactly(100)
    reset(writer)


async def reset_answer(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    await asyncio.sleep(0.01)
    reset(writer)


async def silent(reader: Reader, _writer: Writer) -> None:
    while await reader.read(65536):
        pass


async def unread(_reader: Reader, _writer: Writer) -> None:
    await asyncio.sleep(3600)


async def drip(reader: Reader, writer: Writer) -> None:
    await request(reader)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"x" * 10000:
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(1)


async def endless(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
        await writer.drain()


async def gigabyte(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(16384):
        writer.write(PIECE)
        await writer.drain()


async def headers(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    n = 0
    while True:
        n += 1
        writer.write(b"X-%d: %b\r\n" % (n, PIECE[:1000]))
        await writer.drain()


async def garbage(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"\x16\x03\x01\x00\xff\x00garbage" + os.urandom(400) + b"\r\n\r\n")
    await writer.drain()


def redirect(to: str) -> Misbehave:
    async def misbehave(reader: Reader, writer: Writer) -> None:
        while True:
            await request(reader)
            writer.write(b"HTTP/1.1 307 X\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % to.encode())
            await writer.drain()

    return misbehave


WAYS: dict[str, Misbehave] = {
    "close": close,
    "reset-request": reset_request,
    "reset-answer": reset_answer,
    "silent": silent,
    "unread": unread,
    "drip": drip,
    "endless": endless,
    "gigabyte": gigabyte,
    "headers": headers,
    "garbage": garbage,
}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=[*WAYS, "redirect", "refuse", "assassin", "good"])
    parser.add_argument("--log", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--target", type=Path)
    parser.add_argument("--trap", default="")
    args = parser.parse_args()
    log = os.open(args.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    good = Good(log, args.target)
    ways = {**WAYS, "redirect": redirect(args.trap), "assassin": good.serve, "good": good.serve}
    context = None
    if args.cert is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(args.cert)
    improved = asyncio.Event()
    open_now: set[asyncio.Task[None]] = set()

    async def connected(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            await (good.serve if improved.is_set() else ways[args.how])(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            open_now.discard(task)
            writer.transport.abort()

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((args.host, args.port))  # as long as nobody listens, connections are refused

    def improve() -> None:
        improved.set()
        for task in list(open_now):
            task.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, improve)
    print("listening", listener.getsockname()[1], flush=True)
    if args.how == "refuse":
        await improved.wait()
    await asyncio.start_server(connected, sock=listener, ssl=context, limit=1 << 22, backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
