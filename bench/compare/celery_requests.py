"""The recipe most Python teams use: Celery, Redis and requests.

Settings, after Celery's guides: acknowledged after the work (`acks_late`, `reject_on_worker_lost`), no results,
prefetch for many short tasks, retries with exponential back-off; eight processes, a kept-alive session in each. The
visibility time-out stays at its default of an hour: a retry that is to run later would be delivered again and again.
"""

import os

import publishing
import requests
from celery import Celery

app = Celery("celery_requests", broker=os.environ["BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=16,
    broker_connection_retry_on_startup=True,
)
session = requests.Session()


@app.task(autoretry_for=(requests.RequestException,), retry_backoff=5, max_retries=7)
def deliver(url: str, id_: str, body: str) -> None:
    headers = {"webhook-id": id_, "content-type": "application/json"}
    session.post(url, data=body.encode(), headers=headers, timeout=20).raise_for_status()


def publish() -> None:
    hook = os.environ["HOOK"]
    publishing.threads(lambda id_, body: deliver.delay(hook, id_, body) and None)
