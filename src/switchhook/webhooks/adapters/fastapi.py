"""A receiver in FastAPI:

app = FastAPI(lifespan=lifespan(receiver))
app.include_router(router(receiver, "/webhooks"))
"""

from fastapi import APIRouter, Request, Response

from switchhook.webhooks.adapters.starlette import lifespan
from switchhook.webhooks.receiver import Receiver

__all__ = ["lifespan", "router"]


def router(receiver: Receiver, path: str = "/webhooks") -> APIRouter:
    """A router with the one route, `POST path`."""
    made = APIRouter()

    async def receive_webhook(request: Request) -> Response:
        answer = await receiver.receive_async(await request.body(), request.headers)
        return Response(answer.body, answer.status, answer.headers)

    made.add_api_route(path, receive_webhook, methods=["POST"], include_in_schema=False)
    return made
