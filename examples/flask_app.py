"""Run: WEBHOOK_SECRET=whsec_… flask --app flask_app run"""

import os

from flask import Flask

from switchhook.events import CallCompleted
from switchhook.webhooks import Message, Receiver
from switchhook.webhooks.adapters.flask import view
from switchhook.webhooks.dedupe.sqlite import SqliteDedupe

receiver = Receiver(
    os.environ["WEBHOOK_SECRET"], dedupe=SqliteDedupe(os.environ.get("WEBHOOK_NOTES", "webhooks.db"))
)
app = Flask(__name__)
app.post("/webhooks")(view(receiver))

calls: list[str] = []


@receiver.on(CallCompleted)
def completed(message: Message[CallCompleted]) -> None:
    """Note the call."""
    calls.append(message.data.id)
