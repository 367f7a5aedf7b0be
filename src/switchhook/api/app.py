"""The ASGI application.

    request ─▶ event route? ─▶ ingest                                                        ─▶ answer
            └▶ router ─▶ key, rate, scope ─▶ handler (reads) | prepare, then one transaction (writes) ─▶ answer

Whatever goes wrong becomes an error in the envelope of the path's version, with the id of the request.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from switchhook.api import docs, figures, openapi
from switchhook.api.account import Account
from switchhook.api.active_calls import ActiveCalls
from switchhook.api.auth import Authenticator, require_scope
from switchhook.api.call_events import CallEvents
from switchhook.api.calls import Calls
from switchhook.api.collected import Collected
from switchhook.api.companies import Companies
from switchhook.api.contacts import Contacts
from switchhook.api.conversations import Conversations
from switchhook.api.crm_search import CrmSearch
from switchhook.api.deliveries import Deliveries
from switchhook.api.early import NO_STORE, SAFE, first_version
from switchhook.api.errors import ApiError
from switchhook.api.events import Events
from switchhook.api.health import Health
from switchhook.api.hooks import Hooks
from switchhook.api.idempotency import Idempotency, Work, read_idempotency_key
from switchhook.api.ingest import Ingest
from switchhook.api.keys import Keys
from switchhook.api.line_calls import LineCalls
from switchhook.api.messages import Disconnected, Receive, Request, Response, Scope, Send
from switchhook.api.metrics import Metrics
from switchhook.api.operation import Operation
from switchhook.api.outage import Outage
from switchhook.api.page import Page
from switchhook.api.people import People
from switchhook.api.people_csv import PeopleCsv
from switchhook.api.recordings import Recordings
from switchhook.api.recoveries import Recoveries
from switchhook.api.replays import Replays
from switchhook.api.route import Route, Router, real_path
from switchhook.api.routes import BATCH, EVENT, ROUTES
from switchhook.api.routes.hooks import TWILIO_CALLS
from switchhook.api.services import Services
from switchhook.api.sessions import Sessions, require_page, session_token
from switchhook.api.sms import Sms
from switchhook.api.stream import Stream
from switchhook.api.system import System
from switchhook.api.team import Team
from switchhook.api.team_setup import TeamSetup
from switchhook.api.text_files import TextFiles
from switchhook.api.webhooks import Webhooks
from switchhook.api.webhooks_v1 import WebhooksV1
from switchhook.events.faults import nearest
from switchhook.storage.store import StorageError

log = logging.getLogger(__name__)

Reading = Callable[[Request], Awaitable[Response]]
Writing = Callable[[Request], Awaitable[Work]]

OPERATION = frozenset(("/healthz", "/metrics", "/readyz"))  # what every process answers


def build(services: Services) -> "Api":
    """The application, to be served in the loop that the store belongs to."""
    return Api(services)


class Api:
    """An ASGI application; made by `build`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._metrics = Metrics()
        self._outage = Outage(services.clock)
        self._authenticator = Authenticator(services.store, services.clock, services.limits)
        self._idempotency = Idempotency(services.store, services.clock)
        self._router = Router(ROUTES)
        ingest = Ingest(services, self._authenticator, self._metrics)
        self._hot: dict[str, tuple[Route, Reading]] = {
            EVENT.path: (EVENT, ingest.one),
            BATCH.path: (BATCH, ingest.batch),
        }
        if not services.serves_api:
            self._hot.clear()
        self._stream = Stream(services, self._authorise_again)
        self._reads, self._writes = self._handlers()
        wired = {*self._reads, *self._writes, EVENT.name, BATCH.name}
        assert wired == {route.name for route in ROUTES}, (
            "a route without a handler, or a handler without a route"
        )

    def _handlers(self) -> tuple[Mapping[str, Reading], Mapping[str, Writing]]:
        services = self._services
        webhooks = Webhooks(services)
        webhooks_v1 = WebhooksV1(services)
        deliveries = Deliveries(services)
        replays = Replays(services)
        recoveries = Recoveries(services)
        events = Events(services)
        operation = Operation(services, self._metrics)
        document = openapi.document(services.public_url, services.version)
        pages = docs.Pages(document)
        people = People(services)
        files = PeopleCsv(services)
        companies = Companies(services)
        crm = CrmSearch(services)
        contacts = Contacts(services)
        talks = Conversations(services)
        calls = Calls(services)
        collected = Collected(services)
        team = Team(services)
        setup = TeamSetup(services)
        hooks = Hooks(services)
        recordings = Recordings(services, self._authorise_recording)
        sessions = Sessions(services, self._authenticator)
        page = Page()
        keys = Keys(services)
        reads: dict[str, Reading] = {
            "list_event_types": webhooks.event_types,
            "list_further_event_types": webhooks.further_event_types,
            "list_operational_event_types": webhooks.operational_event_types,
            "list_webhooks": webhooks.list,
            "list_webhooks_v1": webhooks_v1.list,
            "get_webhook": webhooks.get,
            "list_deliveries": deliveries.list,
            "get_delivery": deliveries.get,
            "get_recovery": recoveries.get,
            "list_recoveries": recoveries.list,
            "get_event": events.get,
            "get_stats": replays.stats,
            "get_person": people.get,
            "import_people": files.take_in,  # in transactions of its own
            "export_people": files.give_out,
            "import_people_as_cards": files.take_in_cards,
            "export_people_as_cards": files.give_out_cards,
            "list_properties": people.list_properties,
            "get_company": companies.get_company,
            "get_deal": companies.get_deal,
            "search_people": crm.people,
            "search_companies": crm.companies,
            "search_deals": crm.deals,
            "list_contacts_v1": contacts.list,
            "get_conversation_v1": calls.conversation,
            "list_calls_v1": calls.list,
            "list_conversations": talks.list,
            "search_items": talks.search,
            "batch_items": talks.batch,
            "get_item": talks.get,
            **team.reads,
            **setup.reads,
            "get_contact_v1": contacts.get,
            "get_me": Account(services).me,
            "take_twilio_message": hooks.message,  # in transactions of their own
            "take_twilio_status": hooks.status,
            **dict.fromkeys(TWILIO_CALLS, hooks.call),
            "get_recording": recordings.get,
            "get_text_file": TextFiles(services, self._authorise_recording).get,
            "get_peaks": recordings.peaks,
            "get_health": operation.health,
            "get_readiness": operation.readiness,
            "get_metrics": operation.metrics,
            "get_methods": operation.methods,
            "get_openapi": pages.openapi,
            "get_docs": pages.docs,
            "get_root": page.root,
            "get_page": page.index,
            "get_page_file": page.file,
            "sign_in": sessions.sign_in,  # in a transaction of its own
            "sign_out": sessions.sign_out,
            "stream_events": self._stream.get,
            "get_webhook_health": Health(services).get,
            "list_item_events": CallEvents(services).list,
            "list_keys": keys.list,
            "create_key": keys.create,  # in a transaction of its own
            "get_system": System(services, self._metrics).get,
            "list_active_calls": ActiveCalls(services).list,
        }
        line = LineCalls(services)
        writes: dict[str, Writing] = {
            "create_call": line.create,
            "hang_up_call": line.hang_up,
            "record_call": line.record,
            "revoke_key": keys.revoke,
            "create_webhook": webhooks.create,
            "update_webhook": webhooks.update,
            "delete_webhook": webhooks.delete,
            "create_webhook_v1": webhooks_v1.create,
            "delete_webhook_v1": webhooks_v1.delete,
            "pause_webhook": webhooks.pause,
            "resume_webhook": webhooks.resume,
            "retry_delivery": replays.retry,
            "recover_webhook": recoveries.recover,
            "retry_webhook": recoveries.retry,
            "cancel_recovery": recoveries.cancel,
            "expunge_event": events.expunge,
            "rotate_secret": replays.rotate_secret,
            "test_webhook": replays.test,
            "collect_data": collected.collect,
            "change_summary": talks.change_summary,
            "add_tags": talks.add_tags,
            "remove_tag": talks.remove_tag,
            "act_on_conversation": talks.act,
            "pin_conversation": talks.pin,
            "unpin_conversation": talks.unpin,
            "create_tag": team.create_tag,
            "delete_tag": team.delete_tag,
            **setup.writes,
            "create_person": people.create,
            "update_person": people.update,
            "merge_person": people.merge,
            "create_property": people.create_property,
            "delete_property": people.delete_property,
            "create_contact_v1": contacts.create,
            "update_contact_v1": contacts.update,
            "send_sms_v1": Sms(services).send,
            "create_company": companies.create_company,
            "update_company": companies.update_company,
            "create_deal": companies.create_deal,
            "update_deal": companies.update_deal,
            "delete_deal": companies.delete_deal,
        }
        return reads, writes

    def close(self) -> None:
        """End the answers that have no end of their own: the server stops."""
        self._stream.close()

    def figures(self) -> bytes:
        """What this process counts, for the page of another worker."""
        return figures.encode(self._metrics.families(self._services))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await _other(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            hot = self._hot.get(request.path) if request.method == "POST" else None
            if hot is not None:
                route, handler = hot
                name = route.name
                try:
                    response = await handler(request)
                    self._outage.worked()
                except (ApiError, StorageError) as error:
                    response = self._refusal(request, error)
            else:
                name, response = await self._serve(request)
        except Disconnected:
            return
        except Exception:
            # Without the query: it may hold the signature of a link.
            log.exception("request %s failed: %s %r", request.id, request.method, request.path[:200])
            name, response = "failed", self._refusal(request, _fault_of_ours())
        self._metrics.requests[name, response.status] += 1
        await _respond(request, response, send)

    async def _serve(self, request: Request) -> tuple[str, Response]:
        """Route, check and handle; the name of the route for the metrics, and the answer."""
        name = "unknown"
        try:
            route, request.params = self._find(request)
            name = route.name
            return name, await self._handle(route, request)
        except (ApiError, StorageError) as error:
            return name, self._refusal(request, error)

    def _find(self, request: Request) -> tuple[Route, dict[str, str]]:
        path = real_path(request.path)
        found = None if "\0" in path else self._router.find(path)  # no text of ours has one
        if not self._services.serves_api and path not in OPERATION:
            raise ApiError(
                "API_NOT_SERVED",
                "This process does not serve the API: its role is another one.",
                suggestion=f"Ask a process with the role api. This one answers {', '.join(sorted(OPERATION))}.",
                retry_after=1,
                headers=[(b"retry-after", b"1")],
            )
        if found is None:
            like = nearest(path[:200], self._router.paths)
            raise ApiError(
                "ENDPOINT_NOT_FOUND",
                f"There is nothing at {path[:200]!r}.",
                suggestion=f"Did you mean {like}?" if like else "GET /openapi.json lists every route.",
            )
        methods, params = found
        route = methods.get(request.method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise ApiError(
                "METHOD_NOT_ALLOWED",
                f"{path[:200]} does not take {request.method[:20]}.",
                suggestion=f"It takes {allowed}.",
                headers=[(b"allow", allowed.encode())],
            )
        return route, params

    async def _handle(self, route: Route, request: Request) -> Response:
        if route.access == "key":
            await self._authorise(request, route)
        if route.name in self._reads:
            return await self._reads[route.name](request)
        prepare = self._writes[route.name]
        key = read_idempotency_key(request.headers.get(b"idempotency-key"))
        if key is None:
            response = await self._services.store.run(await prepare(request))
            self._outage.worked()
            return response
        operation = f"{request.method} {real_path(request.path)}"
        replay = await self._idempotency.earlier(request.workspace, key, operation)
        if replay is not None:
            return replay
        return await self._idempotency.once(request.workspace, key, operation, await prepare(request))

    async def _authorise(self, request: Request, route: Route) -> None:
        header = request.headers.get(b"authorization")
        token = session_token(request.headers) if header is None else None
        if token is None:
            caller = await self._authenticator.caller(header)
        else:
            caller = await self._authenticator.visitor(token)
            if route.writes:
                require_page(request)
        request.key = caller.key
        limiter = caller.limiter
        request.rate_headers = limiter.take(limiter.write if route.writes else limiter.read)
        require_scope(caller.key, route.scopes)

    async def _authorise_recording(self, request: Request) -> None:
        route = next(route for route in ROUTES if route.name == "get_recording")
        await self._authorise(request, route)

    async def _authorise_again(self, request: Request) -> None:
        """For what is answered for hours: pass while the key is in force and the session open."""
        route = next(route for route in ROUTES if route.name == "stream_events")
        await self._authorise(request, route)

    def _refusal(self, request: Request, error: ApiError | StorageError) -> Response:
        if isinstance(error, StorageError):
            error = self._outage.refused(request.id, error)
        body = error.v1() if first_version(request.path) else error.v2(request.id, self._services.public_url)
        return Response(error.status, body, headers=error.headers)


def _fault_of_ours() -> ApiError:
    return ApiError(
        "INTERNAL_SERVER_ERROR",
        "Something went wrong on our side; the log has it under this request_id.",
        suggestion="Send the request again; when it fails again, give the request_id to the operator.",
    )


async def _respond(request: Request, response: Response, send: Send) -> None:
    status = response.status
    headers: list[tuple[bytes, bytes]] = [(b"x-request-id", request.id.encode()), *SAFE]
    if status not in (204, 304):
        headers.append((b"content-type", response.content_type))
        if response.length is not None:
            headers.append((b"content-length", b"%d" % response.length))
    headers += request.rate_headers
    headers += response.headers
    if not any(name == b"cache-control" for name, _ in response.headers):
        headers.append(NO_STORE)
    start = {"type": "http.response.start", "status": status, "headers": headers}
    chunks = response.chunks
    if chunks is None:
        await send(start)
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})
        return
    try:
        await send(start)
        if request.method != "HEAD":
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await chunks.aclose()


async def _other(scope: Scope, receive: Receive, send: Send) -> None:
    """What is not HTTP: the start and end of the server are acknowledged, a WebSocket is refused."""
    if scope["type"] == "lifespan":
        while True:
            message: Any = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
