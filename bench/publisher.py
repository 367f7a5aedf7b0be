"""Publishes events over HTTP at a given pace and logs when each was accepted; a process of its own.

    python bench/publisher.py URL KEY --count N --connections C [--rate R] [--batch B] --log FILE

Each line of the log is `id SP sent SP accepted`, in monotonic nanoseconds. Without --rate every connection sends as
fast as it is answered. With --rate the moments are fixed beforehand and latency counts from the planned moment, so
that a stalled server cannot hide its stall (no coordinated omission).
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from switchhook.events.catalogue import CATALOGUE


def payload(size: int) -> bytes:
    """`data` of a `call.completed` of about `size` bytes, without its id."""
    data = json.loads(CATALOGUE["call.completed"].example)
    data["summary"] += "x" * max(0, size - len(json.dumps(data, separators=(",", ":"))))
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


class Connection:
    """One keep-alive connection that sends one request at a time."""

    def __init__(self, host: str, port: int, key: str, path: str) -> None:
        self.host, self.port = host, port
        self.head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Api-Key {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 22)

    async def post(self, body: bytes) -> bytes:
        self.writer.write(self.head + str(len(body)).encode() + b"\r\n\r\n" + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        content = await self.reader.readexactly(length)
        if not head.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")):  # 200: a dedupe key that is known
            raise RuntimeError(f"not accepted: {head[:40]!r} {content[:300]!r}")
        return content


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=1250)
    parser.add_argument("--prefix", default="cll_b")
    parser.add_argument("--log", required=True)
    args = parser.parse_args()
    host, port = args.url.removeprefix("http://").split(":")
    path = "/v2/api/events" if args.batch == 1 else "/v2/api/events/batch"
    template = payload(args.size)
    example_id = json.dumps(json.loads(template)["id"]).encode()
    before, after = template.split(example_id, 1)
    numbers = iter(range(0, args.count, args.batch))
    start = time.monotonic_ns() + 50_000_000
    lines: list[str] = []

    def event(n: int) -> bytes:
        return b'{"topic":"call.completed","data":%s"%s%d"%s}' % (before, args.prefix.encode(), n, after)

    async def send() -> None:
        connection = Connection(host, int(port), args.key, path)
        await connection.open()
        for n in numbers:
            body = event(n)
            if args.batch > 1:
                body = b'{"events":[%s]}' % b",".join(
                    event(i) for i in range(n, min(n + args.batch, args.count))
                )
            planned = time.monotonic_ns()
            if args.rate:
                planned = start + int(n / args.rate * 1e9)
                wait = (planned - time.monotonic_ns()) / 1e9
                if wait > 0:
                    await asyncio.sleep(wait)
            content = json.loads(await connection.post(body))["data"]
            now = time.monotonic_ns()
            ids = [content["id"]] if args.batch == 1 else [row["id"] for row in content]
            lines.extend(f"{id_} {planned} {now}" for id_ in ids)

    await asyncio.gather(*[send() for _ in range(args.connections)])
    Path(args.log).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    uvloop.run(main())
