"""No framework, ASGI. Run: WEBHOOK_SECRET=whsec_… uvicorn asgi_app:app"""

import os

from switchhook.events import CallCompleted
from switchhook.webhooks import Message, Receiver
from switchhook.webhooks.adapters.asgi import application

receiver = Receiver(os.environ["WEBHOOK_SECRET"])
app = application(receiver)

calls: list[str] = []


@receiver.on(CallCompleted)
async def completed(message: Message[CallCompleted]) -> None:
    """Note the call."""
    calls.append(message.data.id)
