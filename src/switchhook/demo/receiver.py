"""A small receiver, as one would write it: verify over the raw body, answer at once, expect everything twice."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from switchhook.webhooks import VerificationError, Webhook

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
MAX_BODY = 1_048_576


class Receiver:
    """An ASGI application that hands each verified event to `on_event(event, message_id, body)`, once."""

    def __init__(
        self, on_event: Callable[[Any, str, bytes], None], on_refused: Callable[[str], None]
    ) -> None:
        self.webhook: Webhook | None = None
        self._on_event = on_event
        self._on_refused = on_refused
        self._seen: set[str] = set()

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """One request."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > MAX_BODY or not message.get("more_body"):
                break
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status = self._take(headers, body)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def _take(self, headers: dict[str, str], body: bytes) -> int:
        if self.webhook is None:
            return 503
        try:
            event = self.webhook.verify(body, headers)
        except VerificationError as error:
            self._on_refused(str(error))
            return 400
        message_id = headers["webhook-id"]
        if message_id not in self._seen:
            self._seen.add(message_id)
            self._on_event(event, message_id, body)
        return 204


async def listen(receiver: Receiver, port: int) -> "asyncio.Task[None]":
    """Serve `receiver` on a port of 127.0.0.1 until the task is cancelled."""
    server = uvicorn.Server(
        uvicorn.Config(receiver, host="127.0.0.1", port=port, log_config=None, lifespan="off", loop="none")
    )
    server.capture_signals = _nothing  # type: ignore[method-assign]
    task = asyncio.get_running_loop().create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    return task


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()
