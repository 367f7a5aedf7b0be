"""procrastinate on PostgreSQL with aiohttp.

Two worker processes, 32 jobs at once in each, woken by LISTEN/NOTIFY; retries with exponential back-off. What a dead
worker held is put back by a periodic task, as its guide shows, here every minute.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

import aiohttp
import publishing
from procrastinate import App, PsycopgConnector, RetryStrategy

app = App(connector=PsycopgConnector(conninfo=os.environ["BROKER"], min_size=4, max_size=24))
sessions: list[aiohttp.ClientSession] = []


@app.task(queue="hooks", retry=RetryStrategy(max_attempts=8, exponential_wait=5))
async def deliver(url: str, id_: str, body: str) -> None:
    if not sessions:
        sessions.append(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)))
    headers = {"webhook-id": id_, "content-type": "application/json"}
    async with sessions[0].post(url, data=body.encode(), headers=headers) as answer:
        answer.raise_for_status()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="stalled")
async def put_back_stalled(timestamp: int) -> None:
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.retry_job(job)


async def _publish() -> None:
    hook = os.environ["HOOK"]

    async def make() -> Callable[[str, str], Awaitable[None]]:
        async def send(id_: str, body: str) -> None:
            await deliver.defer_async(url=hook, id_=id_, body=body)

        return send

    async with app.open_async():
        await publishing.tasks(make)


def publish() -> None:
    asyncio.run(_publish())
