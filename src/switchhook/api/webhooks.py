"""`/v2/api/webhooks`: the endpoints of a workspace."""

import msgspec
from msgspec import UNSET

from switchhook.api.bodies import data, read_shape
from switchhook.api.endpoint_options import (
    OVERLAP_SECONDS,
    new_key,
    options_in,
    see_that_it_signs,
    see_that_they_agree,
    shown,
    signature_of,
)
from switchhook.api.errors import ApiError, FieldFault
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.webhooks import EventType, NewWebhook, Webhook, WebhookChange
from switchhook.api.topics import check_topics, names_of, taken_by, topics_of
from switchhook.clock import iso_seconds
from switchhook.delivery import operational
from switchhook.delivery.address import AddressPolicy, UrlRefused, check_url
from switchhook.events.catalogue import CATALOGUE, FURTHER, OPERATIONAL, TOPICS
from switchhook.events.ids import ENDPOINT, first_version, new_id, normalise_id
from switchhook.storage import endpoints
from switchhook.storage.endpoints import Endpoint, SigningSecret
from switchhook.storage.store import Transaction

# Clients that read a webhook, change a field and send the whole object back are right to do so.
READ_ONLY = (
    "id",
    "signing_secret",
    "public_key",
    "created_at",
    "disabled_reason",
    "locked_reason",
    "allo_number",
)


class Webhooks:
    """The handlers of the endpoints. Writes are prepared first and done in the transaction they are given."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._policy = services.policy
        self._limits = services.limits

    async def event_types(self, request: Request) -> Response:
        """GET /v2/api/webhooks/event_types."""
        return data([EventType(name, topic.description) for name, topic in CATALOGUE.items()])

    async def further_event_types(self, request: Request) -> Response:
        """GET /v2/api/webhooks/further_event_types."""
        return data([EventType(name, topic.description) for name, topic in FURTHER.items()])

    async def operational_event_types(self, request: Request) -> Response:
        """GET /v2/api/webhooks/operational_event_types."""
        return data([EventType(name, topic.description) for name, topic in OPERATIONAL.items()])

    async def list(self, request: Request) -> Response:
        """GET /v2/api/webhooks."""
        found = await self._store.read(lambda reader: endpoints.list_endpoints(reader, request.workspace))
        return data([webhook_of(endpoint) for endpoint in found if not first_version(endpoint.id)])

    async def get(self, request: Request) -> Response:
        """GET /v2/api/webhooks/{webhook_id}."""
        id_ = webhook_id(request)
        found = await self._store.read(lambda reader: endpoints.find_endpoint(reader, request.workspace, id_))
        if found is None:
            raise webhook_not_found(id_)
        return data(webhook_of(found, secret=True))

    async def create(self, request: Request) -> Work:
        """POST /v2/api/webhooks."""
        asked = read_shape(await request.json(self._clock, self._limits), NewWebhook, READ_ONLY)
        check_topics(asked.topics, TOPICS)
        check_target(asked.url, self._policy)
        options = options_in(asked)

        async def work(tx: Transaction) -> Response:
            now = self._clock.now()
            endpoint = Endpoint(
                workspace=request.workspace,
                id=new_id(ENDPOINT, now),
                url=asked.url,
                topics=tuple(dict.fromkeys(asked.topics)),
                description=asked.description,
                enabled=True,
                secrets=(SigningSecret(new_key(asked.signature)),),
                disabled_why=None,
                created_at=now,
                updated_at=now,
                **options,
            )
            see_that_they_agree(endpoint)
            await endpoints.add_endpoint(tx, endpoint)
            return data(webhook_of(endpoint, secret=True), 201)

        return work

    async def update(self, request: Request) -> Work:
        """PUT /v2/api/webhooks/{webhook_id}."""
        id_ = webhook_id(request)
        asked = read_shape(await request.json(self._clock, self._limits), WebhookChange, READ_ONLY)
        topics = None
        if asked.topics is not UNSET:
            check_topics(asked.topics, taken_by(id_))
            topics = topics_of(asked.topics) if first_version(id_) else tuple(dict.fromkeys(asked.topics))
        if asked.url is not UNSET:
            check_target(asked.url, self._policy)
        options = options_in(asked)

        async def work(tx: Transaction) -> Response:
            found = await endpoints.find_endpoint(tx, request.workspace, id_)
            if found is None:
                raise webhook_not_found(id_)
            now = self._clock.now()
            enabled = found.enabled if asked.enabled is UNSET else asked.enabled
            changed = msgspec.structs.replace(
                found,
                url=found.url if asked.url is UNSET else asked.url,
                topics=found.topics if topics is None else topics,
                description=found.description if asked.description is UNSET else asked.description,
                enabled=enabled,
                disabled_why=None if enabled else found.disabled_why,
                updated_at=now,
                **options,
            )
            see_that_they_agree(changed)
            if asked.signature is not UNSET:
                see_that_it_signs(changed)
            await endpoints.change_endpoint(tx, changed)
            await operational.switched(tx, found, changed, now)
            if asked.signature is not UNSET and asked.signature != signature_of(found):
                until = now + OVERLAP_SECONDS * 1000
                changed = await endpoints.rotate_secret(tx, changed, new_key(asked.signature), until, now)
            return data(webhook_of(changed))

        return work

    async def pause(self, request: Request) -> Work:
        """POST /v2/api/webhooks/{webhook_id}/pause."""
        return self._switch(request, paused=True)

    async def resume(self, request: Request) -> Work:
        """POST /v2/api/webhooks/{webhook_id}/resume."""
        return self._switch(request, paused=False)

    def _switch(self, request: Request, *, paused: bool) -> Work:
        id_ = webhook_id(request)

        async def work(tx: Transaction) -> Response:
            found = await endpoints.find_endpoint(tx, request.workspace, id_)
            if found is None:
                raise webhook_not_found(id_)
            if found.paused is not paused:
                found = msgspec.structs.replace(found, paused=paused, updated_at=self._clock.now())
                await endpoints.change_endpoint(tx, found)
            return data(webhook_of(found))

        return work

    async def delete(self, request: Request) -> Work:
        """DELETE /v2/api/webhooks/{webhook_id}."""
        id_ = webhook_id(request)

        async def work(tx: Transaction) -> Response:
            if not await endpoints.delete_endpoint(tx, request.workspace, id_, self._clock.now()):
                raise webhook_not_found(id_)
            return Response(204)

        return work


def check_target(url: str, policy: AddressPolicy) -> None:
    """See that deliveries may go to `url`.

    Raises:
        ApiError: 400, they may not.
    """
    try:
        check_url(url, policy)
    except UrlRefused as refused:
        reason = str(refused)
        raise ApiError(
            "INVALID_URL",
            reason,
            param="url",
            # The policy's sentences say what is wrong first and how to mend it after that.
            suggestion=reason.partition(". ")[2] or "Give a public https:// URL.",
            errors=[FieldFault("url", "INVALID_URL", reason)],
        ) from None


def webhook_id(request: Request) -> str:
    """The endpoint's id in the path, in the spelling it is stored in."""
    return normalise_id(request.params["webhook_id"])


def webhook_not_found(id_: str) -> ApiError:
    """The 404 of an endpoint."""
    return ApiError(
        "WEBHOOK_NOT_FOUND",
        f"There is no webhook {id_[:100]!r}.",
        param="webhook_id",
        suggestion="GET /v2/api/webhooks lists those there are.",
    )


def webhook_of(endpoint: Endpoint, *, secret: bool = False) -> Webhook:
    """An endpoint as the API shows it; its current secret and its headers only where they may be seen."""
    return Webhook(
        id=endpoint.id,
        url=endpoint.url,
        topics=names_of(endpoint),
        description=endpoint.description,
        enabled=endpoint.enabled,
        created_at=iso_seconds(endpoint.created_at),
        disabled_reason=UNSET if endpoint.disabled_why is None else endpoint.disabled_why,
        locked_reason=UNSET if endpoint.locked is None else endpoint.locked,
        allo_number=UNSET if endpoint.own_number is None else endpoint.own_number,
        **shown(endpoint, secret=secret),
    )
