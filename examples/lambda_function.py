"""For AWS Lambda: the function's handler is `lambda_function.handler`."""

import os

from switchhook.events import CallCompleted
from switchhook.webhooks import Message, Receiver
from switchhook.webhooks.adapters.aws_lambda import function

# In memory, one instance knows its own messages only: give Redis or PostgreSQL when repetitions matter.
receiver = Receiver(os.environ["WEBHOOK_SECRET"])
handler = function(receiver)

calls: list[str] = []


@receiver.on(CallCompleted)
def completed(message: Message[CallCompleted]) -> None:
    """Note the call."""
    calls.append(message.data.id)
