"""A receiver in Flask:

app.post("/webhooks")(view(receiver))
"""

from collections.abc import Callable

from flask import Response, request

from switchhook.webhooks.receiver import Receiver


def view(receiver: Receiver) -> Callable[[], Response]:
    """The function for a route that takes POST."""

    def receive_webhook() -> Response:
        answer = receiver.receive(request.get_data(cache=False), dict(request.headers))
        return Response(answer.body, answer.status, answer.headers)

    return receive_webhook
