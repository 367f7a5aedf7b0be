"""Which requests leave a span, and what it says; on both stores."""

import re
from typing import Any

import pytest

from switchhook.api.app import Api
from switchhook.api.routes import ROUTES
from switchhook.api.traced import Traced
from switchhook.tracing.context import SpanContext, trace_of
from switchhook.tracing.tracer import Tracer
from tests.api.world import Answer, World, call, dumps, example
from tests.tracing.judging import Read, exported

PARENT = SpanContext(b"c" * 16, b"p" * 8, sampled=True)
BARE = {"host": "x", "content-type": "application/json"}


class Seen:
    """A world whose application is traced."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tracer = world.store.traces = Tracer(world.clock, 1.0)
        self.app = Traced(world.app, self.tracer)

    async def ask(self, method: str, path: str, key: str | None, body: Any = None, **headers: str) -> Answer:
        """A request, with headers in place of the usual ones."""
        given = BARE | ({"authorization": f"Api-Key {key}"} if key else {})
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.app, method, path, [b"" if body is None else dumps(body)], given)

    def spans(self) -> list[Read]:
        found = exported(self.tracer.queue)
        self.tracer.queue.clear()
        return found


@pytest.fixture
async def seen(world: World) -> Seen:
    return Seen(world)


EVENT = {"topic": "tag.added", "data": example("tag.added")}


async def test_a_publish_is_a_server_span_in_the_trace_of_its_event(seen: Seen) -> None:
    key = await seen.world.key()
    answer = await seen.ask("POST", "/v2/api/events", key, EVENT)
    created, request = seen.spans()
    assert {created.trace, request.trace} == {trace_of(answer.data["id"]).hex()}
    assert (created.parent, request.parent) == (request.id, "")
    assert (request.name, request.kind, request.error) == ("POST /v2/api/events", "SERVER", None)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v2/api/events",
        "http.response.status_code": 202,
        "switchhook.request.id": answer.headers["x-request-id"],
    }


async def test_a_traceparent_is_continued_by_every_event_of_a_batch(seen: Seen) -> None:
    key = await seen.world.key()
    await seen.ask("POST", "/v2/api/events/batch", key, {"events": [EVENT] * 3}, traceparent=str(PARENT))
    *created, request = seen.spans()
    assert request.parent == PARENT.span.hex()
    assert {span.trace for span in (*created, request)} == {PARENT.trace.hex()}
    assert [span.parent for span in created] == [request.id] * 3


async def test_what_changes_something_elsewhere_has_the_template_of_its_path(seen: Seen) -> None:
    key = await seen.world.key()
    made = await seen.world.create(key)
    seen.spans()
    await seen.ask(
        "POST", f"/v2/webhooks/{made['id']}/test", key, {"topic": "tag.added"}, traceparent=str(PARENT)
    )
    created, request = seen.spans()
    assert request.attributes["http.route"] == "/v2/api/webhooks/{webhook_id}/test"
    assert created.trace == request.trace == PARENT.trace.hex()
    assert created.parent == request.id


async def test_a_request_that_is_refused_is_in_its_callers_trace_and_no_fault_of_ours(seen: Seen) -> None:
    key = await seen.world.key()
    await seen.ask("POST", "/v2/api/events", key, {"topic": "no.such"}, traceparent=str(PARENT))
    (request,) = seen.spans()
    assert request.parent == PARENT.span.hex()
    assert request.attributes["http.response.status_code"] == 400
    assert request.error is None


async def test_what_is_broken_here_is_an_error(seen: Seen) -> None:
    key = await seen.world.key()

    class Broken(Api):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    seen.app = Traced(Broken(seen.world.services()), seen.tracer)
    await seen.ask("POST", "/v2/api/events", key, EVENT)
    (request,) = seen.spans()
    assert (request.error, request.attributes["error.type"]) == ("503", "503")


NO_SPAN = [
    (route.method, re.sub(r"[{}]", "", route.path))
    for route in ROUTES
    if (route.access != "key" or not route.writes) and route.name != "stream_events"  # that has no end
]


async def test_reads_and_doors_for_strangers_leave_no_span(seen: Seen) -> None:
    key = await seen.world.key()
    for method, path in [*NO_SPAN, ("HEAD", "/healthz"), ("POST", "/v2/api/nowhere")]:
        await seen.ask(method, path, key, traceparent=str(PARENT))
    assert seen.spans() == []
    assert {method for method, _ in NO_SPAN} >= {"GET", "POST"}


@pytest.mark.parametrize("key", [None, "not a key"])
async def test_who_has_no_key_leaves_no_span(seen: Seen, key: str | None) -> None:
    answer = await seen.ask("POST", "/v2/api/events", key, EVENT, traceparent=str(PARENT))
    assert answer.status == 401
    assert seen.spans() == []


async def test_a_senders_own_request_id_does_not_go_out(seen: Seen) -> None:
    answer = await seen.ask(
        "POST", "/v2/api/events", await seen.world.key(), EVENT, x_request_id="+33612345678"
    )
    assert answer.headers["x-request-id"] == "+33612345678" or answer.headers["x-request-id"].startswith(
        "req_"
    )
    for span in seen.spans():
        assert "+33612345678" not in str(span)
