"""No framework, WSGI. Run: WEBHOOK_SECRET=whsec_… python wsgi_app.py"""

import os
from wsgiref.simple_server import make_server

from switchhook.events import CallCompleted
from switchhook.webhooks import Message, Receiver
from switchhook.webhooks.adapters.wsgi import application

receiver = Receiver(os.environ["WEBHOOK_SECRET"])
app = application(receiver)

calls: list[str] = []


@receiver.on(CallCompleted)
def completed(message: Message[CallCompleted]) -> None:
    """Note the call."""
    calls.append(message.data.id)


if __name__ == "__main__":
    make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), app).serve_forever()
