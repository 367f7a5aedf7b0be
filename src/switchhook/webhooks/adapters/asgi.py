"""A receiver as an ASGI application of its own, for any ASGI server or to be mounted in another application."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from switchhook.webhooks.receiver import Receiver
from switchhook.webhooks.receiving import MAX_BODY, Answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def application(receiver: Receiver) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The application. Every path is the endpoint. Where the server tells of start and end, the background begins to
    work and is closed with them; mounted elsewhere, call `start_async` and `close_async` there."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receiver, receive, send)
        elif scope["type"] == "http":
            await _answer(send, await _handle(receiver, scope, receive))
        else:
            raise NotImplementedError("only HTTP is received here")

    return app


async def _handle(receiver: Receiver, scope: Scope, receive: Receive) -> Answer:
    if scope["method"] != "POST":
        return Answer(405, "webhooks are posted")
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return Answer(400, "the body broke off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            return Answer(413, "too large")
        if not message.get("more_body", False):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return await receiver.receive_async(b"".join(parts), headers)


async def _answer(send: Send, answer: Answer) -> None:
    headers = answer.headers | {"content-length": str(len(answer.body))}
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": answer.body})


async def _lifespan(receiver: Receiver, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await receiver.start_async()
            await send({"type": "lifespan.startup.complete"})
        else:
            await receiver.close_async()
            await send({"type": "lifespan.shutdown.complete"})
            return
