"""What operators and strangers see: health, readiness, figures, the documents, and errors for what is not there."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from switchhook.api.app import build
from switchhook.api.errors import CODES
from switchhook.api.figures import labels
from switchhook.api.route import Route, Router
from switchhook.api.routes import ROUTES
from switchhook.api.services import Limits
from switchhook.events.catalogue import TOPICS
from switchhook.storage.store import StorageError
from tests.api.world import PUBLIC_URL, World, call


class Broken:
    """A store whose check does what it is told to."""

    def __init__(self, world: World, check: Any) -> None:
        self._world = world
        self.check = check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)


async def test_the_process_is_alive(world: World) -> None:
    answer = await world.call("GET", "/healthz")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


async def test_ready_when_the_store_takes_writes_and_the_dispatcher_works(world: World) -> None:
    answer = await world.call("GET", "/readyz")
    assert answer.status == 200
    assert answer.json() == {
        "status": "ready",
        "problems": [],
        "telephony": {"sip": "up"},
        "telephony_since": {"sip": "2025-03-15T14:30:00Z"},
        "version": "test",
    }
    world.dispatcher.alive = False
    answer = await world.call("GET", "/readyz")
    assert answer.status == 503
    assert answer.json()["problems"][0].startswith("dispatcher: ")


async def test_not_ready_names_what_the_store_says(world: World) -> None:
    async def full() -> None:
        raise StorageError("the disk is full")

    answer = await world.call("GET", "/readyz", app=world.build(store=Broken(world, full)))
    assert (answer.status, answer.json()["problems"]) == (503, ["store: the disk is full"])


async def test_a_store_that_hangs_is_not_waited_for(world: World) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(world.call("GET", "/readyz", app=world.build(store=Broken(world, hang))))
    await world.clock.advance(2)
    answer = await task
    assert (answer.status, answer.json()["problems"]) == (503, ["store: no answer within 2 s"])


async def test_not_ready_when_a_disk_is_nearly_full(world: World, tmp_path: Path) -> None:
    """The real disk of this machine, and more or less of it that has to be free."""

    async def ask(folder: Path, free: int) -> Any:
        services = replace(
            world.services(Limits(free_bytes=free)), disks={"database": tmp_path, "recordings": folder}
        )
        answer = await world.call("GET", "/readyz", app=build(services))
        return answer.status, answer.json()["problems"]

    assert await ask(tmp_path, 1) == (200, [])
    status, problems = await ask(tmp_path, 10**18)
    assert status == 503
    assert [re.sub("[0-9]+", "N", problem) for problem in problems] == [
        "disk: N MB are left for the database, fewer than N; free some space",
        "disk: N MB are left for the recordings, fewer than N; free some space",
    ]
    gone = tmp_path / "gone"
    assert await ask(gone, 1) == (503, ["disk: the one of the recordings does not answer"])
    assert await ask(gone, 0) == (200, [])


async def test_strangers_cannot_make_the_store_commit_more_than_once_a_second(world: World) -> None:
    before = world.store.commits
    for _ in range(20):
        await world.call("GET", "/readyz")
    assert world.store.commits == before + 1
    await world.clock.advance(1)
    await world.call("GET", "/readyz")
    assert world.store.commits == before + 2


async def test_the_figures_are_prometheus_text(world: World, key: str) -> None:
    await world.publish(key, "call.completed")
    await world.publish(key, "call.completed")
    await world.publish(key, "nothing.known", {"x": 1})
    answer = await world.call("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.body.decode()
    assert text.endswith("\n")
    line = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)')
    assert all(line.fullmatch(one) for one in text.splitlines())
    for wanted in (
        "switchhook_events_accepted_total 1",
        "switchhook_events_duplicate_total 1",
        'switchhook_http_requests_total{route="publish_event",status="202"} 1',
        'switchhook_http_requests_total{route="publish_event",status="400"} 1',
        "# TYPE switchhook_deliveries_failed_total counter",
        "switchhook_deliveries_queued 3",
        "switchhook_dispatcher_up 1",
        "# TYPE switchhook_retention_events_removed_total counter",
        "switchhook_retention_events_removed_total 5",
        'switchhook_publish_seconds_bucket{le="+Inf"} 2',
        "switchhook_publish_seconds_count 2",
    ):
        assert wanted in text.splitlines()


def test_a_label_cannot_break_the_page() -> None:
    assert labels({"a": 'x"\\\ny'}) == '{a="x\\"\\\\\\ny"}'


async def test_openapi_is_valid_and_holds_every_route_and_event(world: World) -> None:
    document = (await world.call("GET", "/openapi.json")).json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": PUBLIC_URL}]
    assert set(document["webhooks"]) == set(TOPICS)
    told = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert told == {(route.method, route.path) for route in ROUTES if not route.hidden}
    create = document["paths"]["/v2/api/webhooks"]["post"]
    assert create["security"] == [{"ApiKey": []}]
    assert {"201", "400", "401", "403", "409", "413", "415", "429", "503"} <= set(create["responses"])


async def test_every_reference_in_the_document_leads_somewhere(world: World) -> None:
    document = (await world.call("GET", "/openapi.json")).json()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        inner = document
        for step in reference.split("/"):
            inner = inner[step]


async def test_the_page_explains_every_code_and_route_and_asks_nobody_else(world: World) -> None:
    answer = await world.call("GET", "/docs")
    page = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "<script" not in page
    assert not re.search(r"(src|href)=['\"]?(https?:)?//", page)
    for code in CODES:
        assert f"id={code}>" in page
    for route in ROUTES:
        assert route.hidden or f"id={route.name}>" in page
    anchors = set(re.findall(r"id='?([\w.-]+)", page))
    assert set(re.findall(r"href='#([\w.-]+)'", page)) <= anchors


async def test_the_root_leads_to_the_page(world: World) -> None:
    answer = await world.call("GET", "/")
    assert (answer.status, answer.headers["location"]) == (307, "/docs")


# -- what is not there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/v2/api/webhook", "/v2/api/webhooks"),
        ("/v2/api/webhooks/", "/v2/api/webhooks"),
        ("/v2/api/event", "/v2/api/events"),
        ("/metric", "/metrics"),
    ],
)
async def test_an_unknown_url_is_404_with_the_nearest(world: World, path: str, near: str) -> None:
    answer = await world.call("GET", path)
    assert (answer.status, answer.code, answer.error["type"]) == (
        404,
        "ENDPOINT_NOT_FOUND",
        "not_found_error",
    )
    assert near in answer.error["suggestion"]
    assert answer.error["doc_url"] == f"{PUBLIC_URL}/docs#ENDPOINT_NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v2/api/events", "POST"),
        ("PATCH", "/v2/api/webhooks/ep_1", "DELETE, GET, HEAD, PUT"),
        ("POST", "/healthz", "GET, HEAD"),
        ("OPTIONS", "/v2/api/webhooks", "GET, HEAD, POST"),
        ("TRACE", "/v2/webhooks", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_is_405_with_those_allowed(
    world: World, method: str, path: str, allowed: str
) -> None:
    answer = await world.call(method, path)
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", allowed)
    assert answer.error["type"] == "validation_error"


async def test_options_of_the_server_as_a_whole_names_every_method(world: World) -> None:
    answer = await world.call("OPTIONS", "*")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"].split(", ") == sorted({"HEAD", *(route.method for route in ROUTES)})
    other = await world.call("GET", "*")
    assert (other.status, other.code, other.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "OPTIONS")


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/v2/api/me"])
async def test_head_is_get_without_the_body(world: World, key: str, path: str) -> None:
    get, head = [await world.call(method, path, key=key) for method in ("GET", "HEAD")]
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))


async def test_every_answer_forbids_guessing_its_type_and_storing_it(world: World, key: str) -> None:
    for path in ("/healthz", "/docs", "/v2/api/me", "/nothing"):
        answer = await world.call("GET", path, key=key)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.lines) == len(answer.headers), "a header stands twice"


async def test_what_is_not_http_is_handled(world: World) -> None:
    coming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}, {"type": "websocket.connect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await world.app({"type": "lifespan"}, receive, send)
    await world.app({"type": "websocket"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


def test_a_route_cannot_stand_twice_in_the_table() -> None:
    route = Route("x", "GET", "/x", "X")
    with pytest.raises(ValueError, match="twice"):
        Router([route, route])


async def test_a_path_may_hold_anything(world: World, key: str) -> None:
    for path in (
        "/v2/api/webhooks/ü",
        "/v2/api/webhooks/\x00",
        "/\ud800",
        "/v2/api/deliveries/dlv_\n",
        "//",
        "/" + "a" * 9000,
    ):
        answer = await call(world.app, "GET", path, [b""], {"authorization": key})
        assert answer.status == 404
