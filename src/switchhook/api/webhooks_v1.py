"""`/v1/api/webhooks`: endpoints bound to one number, that get the envelope of the first version, unsigned.

They are delivered to, and looked after, like all others: by its id each of them is there for the routes of /v2 too.
"""

from switchhook.api.bodies import data, read_shape
from switchhook.api.errors import FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.v1 import NewWebhookV1, WebhookV1
from switchhook.api.topics import check_topics, names_of, topics_of
from switchhook.api.webhooks import check_target, webhook_id, webhook_not_found
from switchhook.events.first_version import TOPICS
from switchhook.events.ids import FIRST_ENDPOINT, dashed, first_version, new_id
from switchhook.storage import endpoints
from switchhook.storage.endpoints import Endpoint
from switchhook.storage.store import Transaction
from switchhook.workspace.e164 import is_e164, normalise

TIMEOUT = 30.0  # seconds, as its clients know it


class WebhooksV1:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._policy = services.policy
        self._limits = services.limits
        self._region = services.region

    async def list(self, request: Request) -> Response:
        """GET /v1/api/webhooks."""
        found = await self._store.read(lambda reader: endpoints.list_endpoints(reader, request.workspace))
        return data([webhook_of(endpoint) for endpoint in found if first_version(endpoint.id)])

    async def create(self, request: Request) -> Work:
        """POST /v1/api/webhooks."""
        body = await request.json(self._clock, self._limits)
        asked = read_shape(body, NewWebhookV1, lenient=True)
        check_topics(asked.topics, TOPICS)
        check_target(asked.url, self._policy)
        number = self._number(asked.allo_number)

        async def work(tx: Transaction) -> Response:
            now = self._clock.now()
            endpoint = Endpoint(
                workspace=request.workspace,
                id=new_id(FIRST_ENDPOINT, now),
                url=asked.url,
                topics=topics_of(asked.topics),
                description=None,
                enabled=asked.enabled,
                secrets=(),
                disabled_why=None,
                created_at=now,
                updated_at=now,
                timeout_seconds=TIMEOUT,
                own_number=number,
            )
            await endpoints.add_endpoint(tx, endpoint)
            return data(webhook_of(endpoint))

        return work

    async def delete(self, request: Request) -> Work:
        """DELETE /v1/api/webhooks/{webhook_id}."""
        id_ = webhook_id(request)

        async def work(tx: Transaction) -> Response:
            mine = first_version(id_)
            if not mine or not await endpoints.delete_endpoint(tx, request.workspace, id_, self._clock.now()):
                raise webhook_not_found(id_)
            return Response(204)

        return work

    def _number(self, text: str) -> str:
        number = normalise(text, self._region)
        if not is_e164(number):
            message = f"{text[:50]!r} is no telephone number; write it as +33612345678."
            raise from_faults([FieldFault("allo_number", "INVALID_PHONE_NUMBER", message)])
        return number


def webhook_of(endpoint: Endpoint) -> WebhookV1:
    """An endpoint as the first version shows it."""
    number = endpoint.own_number or ""
    return WebhookV1(
        id=dashed(endpoint.id, FIRST_ENDPOINT),
        alloNumber=number,
        allo_number=number,
        enabled=endpoint.enabled,
        url=endpoint.url,
        topics=names_of(endpoint),
    )
