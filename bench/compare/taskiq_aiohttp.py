"""taskiq with Redis streams (the broker that acknowledges) and aiohttp.

Two worker processes, 64 tasks at once in each, uvloop, one kept-alive session each; retries with back-off and jitter.
`idle_timeout`, after which another worker takes over what a dead one held, is 30 s instead of ten minutes: longer than
any delivery may take.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

import aiohttp
import publishing
from taskiq import SmartRetryMiddleware, TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(os.environ["BROKER"], consumer_id="0", idle_timeout=30_000).with_middlewares(
    SmartRetryMiddleware(default_retry_count=7, default_delay=5, use_jitter=True, use_delay_exponent=True)
)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20))


@broker.task(retry_on_error=True)
async def deliver(url: str, id_: str, body: str) -> None:
    headers = {"webhook-id": id_, "content-type": "application/json"}
    async with broker.state.session.post(url, data=body.encode(), headers=headers) as answer:
        answer.raise_for_status()


async def _publish() -> None:
    hook = os.environ["HOOK"]
    await broker.startup()

    async def make() -> Callable[[str, str], Awaitable[None]]:
        async def send(id_: str, body: str) -> None:
            await deliver.kiq(hook, id_, body)

        return send

    await publishing.tasks(make)
    await broker.shutdown()


def publish() -> None:
    asyncio.run(_publish())
