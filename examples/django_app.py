"""A whole Django project in one file. Run: WEBHOOK_SECRET=whsec_… python django_app.py runserver"""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.urls import path

from switchhook.events import CallCompleted
from switchhook.webhooks import Message, Receiver
from switchhook.webhooks.adapters.django import view

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY=os.urandom(16).hex(),
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
)

receiver = Receiver(os.environ["WEBHOOK_SECRET"])
urlpatterns = [path("webhooks", view(receiver))]

calls: list[str] = []


@receiver.on(CallCompleted)
def completed(message: Message[CallCompleted]) -> None:
    """Note the call."""
    calls.append(message.data.id)


if __name__ == "__main__":
    execute_from_command_line(sys.argv)
