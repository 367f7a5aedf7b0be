"""Run: WEBHOOK_SECRET=whsec_… uvicorn fastapi_app:app"""

import os

from fastapi import FastAPI

from switchhook.events import CallCompleted
from switchhook.webhooks import Message, Receiver
from switchhook.webhooks.adapters.fastapi import lifespan, router
from switchhook.webhooks.dedupe.sqlite import SqliteDedupe

# Answers at once: the message is in the file before the sender is told yes, and worked on afterwards.
receiver = Receiver(
    os.environ["WEBHOOK_SECRET"],
    dedupe=SqliteDedupe(os.environ.get("WEBHOOK_NOTES", "webhooks.db")),
    background=True,
)
app = FastAPI(lifespan=lifespan(receiver))
app.include_router(router(receiver, "/webhooks"))

calls: list[str] = []


@receiver.on(CallCompleted)
async def completed(message: Message[CallCompleted]) -> None:
    """Note the call. A repetition after a crash has the same `message.id`."""
    calls.append(message.data.id)
