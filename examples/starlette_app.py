"""Run: WEBHOOK_SECRET=whsec_… uvicorn starlette_app:app"""

import os

from starlette.applications import Starlette
from starlette.routing import Route

from switchhook.events import CallCompleted
from switchhook.webhooks import Message, Receiver
from switchhook.webhooks.adapters.starlette import endpoint

receiver = Receiver(os.environ["WEBHOOK_SECRET"])
app = Starlette(routes=[Route("/webhooks", endpoint(receiver), methods=["POST"])])

calls: list[str] = []


@receiver.on(CallCompleted)
async def completed(message: Message[CallCompleted]) -> None:
    """Note the call."""
    calls.append(message.data.id)
