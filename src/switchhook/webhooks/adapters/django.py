"""A receiver in Django:

    urlpatterns = [path("webhooks", view(receiver))]

A body is limited by Django's own DATA_UPLOAD_MAX_MEMORY_SIZE, 2.5 MB when it is not set.
"""

from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from switchhook.webhooks.receiver import Receiver


def view(receiver: Receiver) -> Callable[[HttpRequest], HttpResponse]:
    """The view. It takes POST alone, and no CSRF token: the signature is what proves the sender."""

    def receive_webhook(request: HttpRequest) -> HttpResponse:
        answer = receiver.receive(request.body, request.headers)
        return HttpResponse(answer.body, status=answer.status, headers=answer.headers)

    made: Callable[[HttpRequest], HttpResponse] = csrf_exempt(require_POST(receive_webhook))
    return made


def async_view(receiver: Receiver) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    """The same for a receiver with asynchronous handlers or store, under ASGI."""

    async def receive_webhook(request: HttpRequest) -> HttpResponse:
        answer = await receiver.receive_async(request.body, request.headers)
        return HttpResponse(answer.body, status=answer.status, headers=answer.headers)

    made: Callable[[HttpRequest], Awaitable[HttpResponse]] = csrf_exempt(require_POST(receive_webhook))
    return made
