"""Switchhook over its HTTP API, one event a request, with a dedupe key so that asking again is safe."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from bench.compare import publishing
from bench.publisher import Connection


async def make() -> Callable[[str, str], Awaitable[str]]:
    host, port = os.environ["SERVER"].removeprefix("http://").split(":")
    opened: list[Connection] = []

    async def send(id_: str, body: str) -> str:
        try:
            if not opened:
                connection = Connection(host, int(port), os.environ["KEY"], "/v2/api/events")
                await connection.open()
                opened.append(connection)
            asked = f'{{"topic":"call.completed","dedupe_key":"{id_}","data":{body}}}'
            answer = json.loads(await opened[0].post(asked.encode()))
        except Exception:
            opened.clear()
            raise
        return str(answer["data"]["id"])

    return send


if __name__ == "__main__":
    asyncio.run(publishing.tasks(make))
