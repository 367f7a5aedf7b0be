"""A receiver in Starlette:

app = Starlette(routes=[Route("/webhooks", endpoint(receiver), methods=["POST"])], lifespan=lifespan(receiver))
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from switchhook.webhooks.receiver import Receiver


def endpoint(receiver: Receiver) -> Callable[[Request], Awaitable[Response]]:
    """The function for a route that takes POST."""

    async def receive_webhook(request: Request) -> Response:
        answer = await receiver.receive_async(await request.body(), request.headers)
        return Response(answer.body, answer.status, answer.headers)

    return receive_webhook


def lifespan(receiver: Receiver) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """For an application's `lifespan`: a background begins to work at its start and is closed at its end."""

    @asynccontextmanager
    async def span(app: Any) -> AsyncIterator[None]:
        await receiver.start_async()
        try:
            yield
        finally:
            await receiver.close_async()

    return span
