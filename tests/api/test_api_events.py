"""POST /v2/api/events and /v2/api/events/batch: what is accepted is durable, what is refused leaves nothing."""

import asyncio
import json
from typing import Any

import pytest

from switchhook.api.services import Limits
from switchhook.events.catalogue import CATALOGUE
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Committed, Lane, StorageError, Store
from tests.api.world import TAG, World, dumps, example

BATCH = "/v2/api/events/batch"


@pytest.mark.parametrize("topic", list(CATALOGUE))
async def test_every_example_of_the_catalogue_is_accepted_and_stored_as_it_came(
    world: World, key: str, topic: str
) -> None:
    raw = CATALOGUE[topic].example
    answer = await world.call(
        "POST", "/v2/api/events", key=key, body=b'{"topic":"%b","data":%b}' % (topic.encode(), raw)
    )
    assert answer.status == 202
    assert list(answer.json()) == ["data"]
    assert list(answer.data) == ["id"]
    ((_, workspace, id_, stored, body, _, at, _),) = await world.rows("event", "wsp_a", answer.data["id"])
    assert (workspace, id_, stored, at) == ("wsp_a", answer.data["id"], topic, world.clock.now())
    assert body.endswith(b'"data":' + raw + b"}")


@pytest.mark.sqlite  # the shared store: tests/storage/test_postgres_failures.py
async def test_the_answer_goes_out_only_after_the_commit(world: World, key: str) -> None:
    assert isinstance(world.store, SqliteStore)
    connection = world.store._connection
    seen: list[tuple[str, bool]] = []
    world.store.on_committed(
        lambda committed: seen.append((committed.events[0].id, connection.in_transaction))
    )
    answer = await world.publish(key)
    assert seen == [(answer.data["id"], False)]


async def test_the_endpoints_subscribed_at_that_moment_are_its_targets(world: World, key: str) -> None:
    one = await world.create(key, topics=["tag.added"])
    await world.create(key, topics=["tag.removed"])
    world.committed.clear()
    await world.publish(key)
    await world.create(key, topics=["tag.added"])
    assert [event.targets for committed in world.committed for event in committed.events] == [(one["id"],)]


async def test_a_known_dedupe_key_is_answered_200_with_the_first_id(world: World, key: str) -> None:
    first = await world.publish(key, dedupe_key="ring-1")
    again = await world.publish(key, dedupe_key="ring-1")
    other = await world.publish(key, dedupe_key="ring-2")
    assert (first.status, again.status, other.status) == (202, 200, 202)
    assert again.data == first.data != other.data
    assert await world.events() == 2


async def test_without_a_key_the_rule_of_the_catalogue_tells_the_same_fact(world: World, key: str) -> None:
    assert (await world.publish(key, "call.completed")).status == 202
    assert (await world.publish(key, "call.completed")).status == 200
    assert (await world.publish(key, "tag.added")).status == 202
    assert (await world.publish(key, "tag.added")).status == 202


async def test_fifty_reports_of_one_fact_at_once_are_one_event(world: World, key: str) -> None:
    answers = await asyncio.gather(*[world.publish(key, "call.completed") for _ in range(50)])
    assert sorted(answer.status for answer in answers) == [200] * 49 + [202]
    assert len({answer.data["id"] for answer in answers}) == 1
    assert await world.events() == 1


async def test_the_same_key_in_another_workspace_is_another_fact(world: World, key: str) -> None:
    other = await world.key(workspace="wsp_b")
    assert (await world.publish(key, dedupe_key="k")).status == 202
    assert (await world.publish(other, dedupe_key="k")).status == 202


@pytest.mark.parametrize("topic", ["call.complete", "call_received", "sms.recieved"])
async def test_an_unknown_topic_is_refused_with_the_nearest_known(world: World, key: str, topic: str) -> None:
    answer = await world.publish(key, topic, {"id": "x"})
    near = {
        "call.complete": "call.completed",
        "call_received": "call.received",
        "sms.recieved": "sms.received",
    }[topic]
    assert (answer.status, answer.code, answer.error["param"]) == (400, "INVALID_EVENT_TYPE", "topic")
    assert near in answer.error["message"]
    assert near in answer.error["suggestion"]
    assert await world.events() == 0


def _without(topic: str, *path: Any) -> Any:
    data = example(topic)
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return data


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        (_without("call.received", "person", "id"), "data.person.id", "MISSING_FIELD"),
        ({**example("call.received"), "deals": 5}, "data.deals", "INVALID_EVENT_DATA"),
        ({**example("call.received"), "user_mail": "x"}, "data.user_mail", "UNKNOWN_FIELD"),
        ({**example("call.received"), "user_email": None}, "data.user_email", "INVALID_EVENT_DATA"),
        ([], "data", "INVALID_EVENT_DATA"),
    ],
)
async def test_a_breach_of_the_schema_is_refused_with_its_path(
    world: World, key: str, data: Any, field: str, code: str
) -> None:
    asked = {"topic": "call.received", "data": data}
    answer = await world.call("POST", "/v2/api/events", key=key, json=asked)
    assert (answer.status, answer.error["type"], answer.error["param"]) == (400, "validation_error", field)
    assert answer.code == code
    assert answer.error["errors"][0].keys() == {"field", "code", "message"}
    assert answer.error["errors"][0]["field"] == field
    assert await world.events() == 0


async def test_every_fault_is_listed_at_once(world: World, key: str) -> None:
    answer = await world.publish(key, data={"call_id": 1, "x": 2})
    fields = {fault["field"]: fault["code"] for fault in answer.error["errors"]}
    assert fields == {
        "data.call_id": "INVALID_EVENT_DATA",
        "data.tag_key": "MISSING_FIELD",
        "data.tag_name": "MISSING_FIELD",
        "data.user_email": "MISSING_FIELD",
        "data.x": "UNKNOWN_FIELD",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"topic":"\xed\xa0\x80"}',
        b"[" * 200_000,
        b"1" * 9_000,
        b"1e99999",
    ],
)
async def test_what_is_no_json_object_is_refused(world: World, key: str, body: bytes) -> None:
    for path in ("/v2/api/events", BATCH, "/v2/api/webhooks"):
        answer = await world.call(
            "POST", path, key=key, body=body, headers={"content-type": "application/json"}
        )
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST_BODY")
    assert await world.events() == 0


@pytest.mark.parametrize(("length", "status"), [(0, 400), (1, 202), (255, 202), (256, 400), (5000, 400)])
async def test_a_dedupe_key_has_1_to_255_characters(world: World, key: str, length: int, status: int) -> None:
    answer = await world.publish(key, dedupe_key="ü" * length)
    assert answer.status == status
    batch = await world.call(
        "POST",
        BATCH,
        key=key,
        json={"events": [{"topic": "tag.added", "data": TAG, "dedupe_key": "b" * length}]},
    )
    assert batch.status == status
    if status == 400:
        assert answer.error["param"] == "dedupe_key"
        assert "between 1 and 255 characters" in answer.error["message"]
        assert batch.error["param"] == "events[0].dedupe_key"


async def test_a_body_above_the_limit_is_413_whatever_its_length_is_said_to_be(
    world: World, key: str
) -> None:
    app = world.build(Limits(None, None, body_bytes=1000, batch_bytes=2000))
    whole = dumps({"topic": "tag.added", "data": {**TAG, "tag_name": "x" * 1000}})
    for headers in ({}, {"content-length": "10"}, {"content-length": "99999"}, {"content-length": "x"}):
        for parts in ([whole], [whole[:600], whole[600:]], [b"", whole, b""]):
            answer = await world.call(
                "POST", "/v2/api/events", key=key, parts=parts, headers=headers, app=app
            )
            assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")
            assert answer.headers["connection"] == "close"
    fits = await world.call(
        "POST", "/v2/api/events", key=key, json={"topic": "tag.added", "data": TAG}, app=app
    )
    assert fits.status == 202
    assert await world.events() == 1


async def test_a_body_in_many_parts_is_put_together(world: World, key: str) -> None:
    whole = dumps({"topic": "tag.added", "data": TAG})
    answer = await world.call(
        "POST", "/v2/api/events", key=key, parts=[whole[i : i + 1] for i in range(len(whole))]
    )
    assert answer.status == 202


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(world: World, key: str) -> None:
    whole = dumps({"topic": "tag.added", "data": TAG})

    async def half() -> dict[str, Any]:
        return parts.pop(0)

    parts: list[dict[str, Any]] = [
        {"type": "http.request", "body": whole[:20], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v2/api/events",
        "headers": [(b"authorization", key.encode()), (b"content-type", b"application/json")],
    }

    async def send(message: Any) -> None:
        sent.append(message)

    await world.app(scope, half, send)
    assert sent == []
    assert await world.events() == 0


async def test_a_body_that_drips_is_given_up_after_a_minute(world: World, key: str) -> None:
    never = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await never.wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v2/api/events",
        "headers": [(b"authorization", key.encode()), (b"content-type", b"application/json")],
    }
    task = asyncio.create_task(world.app(scope, receive, send))
    await world.clock.advance(59)
    assert not task.done()
    await world.clock.advance(2)
    await task
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error"]["retryable"] is True


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ("APPLICATION/JSON;charset=UTF-8", 202),
        ("application/vnd.phone+json", 202),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=utf-16", 415),
        ("", 415),
    ],
)
async def test_only_json_is_taken(world: World, key: str, kind: str, status: int) -> None:
    body = dumps({"topic": "tag.added", "data": TAG})
    answer = await world.call("POST", "/v2/api/events", key=key, body=body, headers={"content-type": kind})
    assert answer.status == status
    if status == 415:
        assert answer.code == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_store_that_fails_is_503_and_says_what_to_do(world: World, key: str) -> None:
    class Full:
        """A store on a full disk."""

        def __getattr__(self, name: str) -> Any:
            return getattr(world.store, name)

        async def run(self, work: Any, *, lane: Lane = Lane.RULES) -> Any:
            raise StorageError("the disk is full")

    store: Store = Full()
    app = world.build(store=store)
    body = {"topic": "tag.added", "data": TAG}
    answer = await world.call("POST", "/v2/api/events", key=key, json=body, app=app)
    assert (answer.status, answer.error["type"], answer.error["retryable"]) == (503, "server_error", True)
    assert "the disk is full" in answer.error["message"]
    assert "again" in answer.error["suggestion"]
    assert answer.headers["retry-after"] == "1"
    assert await world.events() == 0
    assert (await world.call("POST", "/v2/api/events", key=key, json=body)).status == 202


# -- batches ----------------------------------------------------------------------------------------------------------


async def test_a_batch_is_accepted_in_order_with_its_duplicates_told(world: World, key: str) -> None:
    known = (await world.publish(key, dedupe_key="known")).data["id"]
    events = [{"topic": "tag.added", "data": TAG, "dedupe_key": name} for name in ("a", "known", "b", "a")]
    answer = await world.call("POST", BATCH, key=key, json={"events": events})
    assert answer.status == 202
    assert [one["duplicate"] for one in answer.data] == [False, True, False, True]
    ids = [one["id"] for one in answer.data]
    assert ids[1] == known
    assert ids[0] == ids[3]
    assert ids[0] < ids[2]
    assert await world.events() == 3


async def test_a_batch_is_one_commit(world: World, key: str) -> None:
    before = world.store.commits
    events = [{"topic": "tag.added", "data": TAG}] * 1000
    answer = await world.call("POST", BATCH, key=key, json={"events": events})
    assert len(answer.data) == 1000
    assert world.store.commits == before + 1
    told: list[Committed] = world.committed
    assert sum(len(committed.events) for committed in told) == 1000


async def test_one_bad_event_refuses_the_whole_batch(world: World, key: str) -> None:
    events: list[Any] = [{"topic": "call.received", "data": example("call.received")} for _ in range(5)]
    del events[3]["data"]["person"]["id"]
    answer = await world.call("POST", BATCH, key=key, json={"events": events})
    assert (answer.status, answer.error["param"]) == (400, "events[3].data.person.id")
    assert await world.events() == 0


async def test_an_unknown_topic_in_a_batch_is_named_with_its_place(world: World, key: str) -> None:
    events = [{"topic": "tag.added", "data": TAG}, {"topic": "tag.aded", "data": TAG}]
    answer = await world.call("POST", BATCH, key=key, json={"events": events})
    assert (answer.code, answer.error["param"]) == ("INVALID_EVENT_TYPE", "events[1].topic")
    assert "tag.added" in answer.error["suggestion"]


@pytest.mark.parametrize("bad", [False, True])
async def test_a_batch_above_a_thousand_is_too_large(world: World, key: str, bad: bool) -> None:
    events = [{"topic": "tag.added", "data": TAG}] * 1000 + [
        {"topic": "x"} if bad else {"topic": "tag.added", "data": TAG}
    ]
    answer = await world.call("POST", BATCH, key=key, json={"events": events})
    assert (answer.status, answer.code, answer.error["param"]) == (400, "BATCH_TOO_LARGE", "events")
    assert await world.events() == 0


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": {}}, {"events": [5]}])
async def test_a_batch_of_nothing_is_refused(world: World, key: str, body: Any) -> None:
    answer = await world.call("POST", BATCH, key=key, json=body)
    assert answer.status == 400
    assert answer.error["param"].startswith("events")


async def test_an_endless_body_is_cut_off(world: World, key: str) -> None:
    asked = 0
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        assert asked < 100, "it reads on and on"
        return {"type": "http.request", "body": b" " * 1_000_000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    for length in ([], [(b"content-length", b"99999999999")]):
        asked = 0
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v2/api/events",
            "headers": [
                (b"authorization", key.encode()),
                (b"content-type", b"application/json"),
                *length,
            ],
        }
        await world.app(scope, receive, send)
    assert [message["status"] for message in sent[::2]] == [413, 413]
