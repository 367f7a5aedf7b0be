"""A receiver as a WSGI application of its own, for any WSGI server."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from switchhook.webhooks.receiver import Receiver
from switchhook.webhooks.receiving import MAX_BODY, Answer

StartResponse = Callable[..., Any]


def application(receiver: Receiver) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """The application. Every path is the endpoint."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        answer = _handle(receiver, environ)
        headers = [*answer.headers.items(), ("content-length", str(len(answer.body)))]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body]

    return app


def _handle(receiver: Receiver, environ: dict[str, Any]) -> Answer:
    if environ["REQUEST_METHOD"] != "POST":
        return Answer(405, "webhooks are posted")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        return Answer(400, "the length is no number")
    if int(length) > MAX_BODY:
        return Answer(413, "too large")
    body = environ["wsgi.input"].read(int(length))
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return receiver.receive(body, headers)
