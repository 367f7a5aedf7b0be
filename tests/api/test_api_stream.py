"""Events as they happen; the health of an endpoint over time; the calls that go on."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.api import stream
from switchhook.api.health import BUCKETS, in_buckets
from switchhook.storage import keys
from switchhook.storage.history import Tried
from switchhook.workspace.call_state import CallState, Leg
from switchhook.workspace.facts import Direction, LegKind
from tests.api.test_api_deliveries import attempt
from tests.api.world import World


class Listening:
    """A client that takes what it is sent, or stops taking it."""

    def __init__(self) -> None:
        self.text = b""
        self.ended = False
        self.takes = asyncio.Event()
        self.takes.set()

    @property
    def ids(self) -> list[str]:
        return re.findall(r"^id: (\S+)$", self.text.decode(), re.MULTILINE)

    @property
    def data(self) -> list[Any]:
        found = re.findall(r"^event: event\ndata: (.+)$", self.text.decode(), re.MULTILINE)
        return [json.loads(one) for one in found]


@asynccontextmanager
async def listening(world: World, key: str, query: str = "", **headers: str) -> AsyncIterator[Listening]:
    heard = Listening()
    asked = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        await heard.takes.wait()
        heard.text += message.get("body", b"")
        asked.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v2/api/events/stream",
        "query_string": query.encode(),
        "headers": [
            (b"authorization", key.encode()),
            *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
        ],
    }
    task = asyncio.create_task(world.app(scope, receive, send))
    task.add_done_callback(lambda _: setattr(heard, "ended", True))
    await asked.wait()
    await settle(world)
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


async def settle(world: World, seconds: float = 2) -> None:
    """Let time pass; a read beside the loop takes turns of its own."""
    for _ in range(int(seconds * 4)):
        await world.clock.advance(0.25)
        await asyncio.sleep(0.01)


async def until(world: World, so: Callable[[], bool]) -> None:
    """Let time pass until it is so, however busy the database is, and a moment longer."""
    for _ in range(3_000):
        if so():
            break
        await settle(world, 0.25)
    await settle(world)


async def test_events_come_as_they_happen_and_each_once(world: World, key: str) -> None:
    await world.publish(key)
    async with listening(world, key) as heard:
        assert heard.ids == []
        sent = [(await world.publish(key, dedupe_key=str(n))).data["id"] for n in range(3)]
        await until(world, lambda: len(heard.ids) >= len(sent))
        assert heard.ids == sent
        assert heard.data[0]["topic"] == "tag.added"
        assert heard.data[0]["payload"]["data"]["tag_key"]
        await until(world, lambda: b": still here" in heard.text)
        assert heard.ids == sent


async def test_who_comes_back_gets_what_was_missed(world: World, key: str) -> None:
    sent = [(await world.publish(key, dedupe_key=str(n))).data["id"] for n in range(4)]
    async with listening(world, key, last_event_id=sent[1]) as heard:
        await until(world, lambda: len(heard.ids) >= 2)
        assert heard.ids == sent[2:]
    async with listening(world, key, "recent=3") as heard:
        await until(world, lambda: len(heard.ids) >= 3)
        assert heard.ids == sent[1:]


@pytest.mark.parametrize("recent", ["101", "-1", "1.5", "\u0661", "0" * 9 + "5000", "0" * 5000])
async def test_nobody_is_given_more_than_a_few_to_begin_with(world: World, key: str, recent: str) -> None:
    answer = await world.call("GET", f"/v2/api/events/stream?follow=false&recent={quote(recent)}", key=key)
    assert (answer.status, answer.error["param"]) == (400, "recent")


async def test_nobody_hears_of_another_workspace(world: World, key: str) -> None:
    theirs = await world.key(workspace="wsp_b")
    async with listening(world, theirs) as heard:
        await world.publish(key)
        await settle(world)
        assert heard.ids == []


async def test_a_slow_client_harms_nobody_and_hears_of_the_gap(
    world: World, key: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(stream, "BATCH", 5)
    async with listening(world, key) as slow, listening(world, key) as quick:
        slow.takes.clear()
        sent = []
        for n in range(20):
            sent.append((await world.publish(key, dedupe_key=str(n))).data["id"])
            await until(world, lambda: quick.ids == sent)
        assert quick.ids == sent
        assert slow.ids == []
        slow.takes.set()
        await until(world, lambda: slow.ids[-5:] == sent[-5:])
        assert b"event: gap" in slow.text
        assert slow.ids[-5:] == sent[-5:]
        assert len(slow.ids) <= 11  # what was on its way, and the newest
        assert b"event: gap" not in quick.text


async def test_a_stream_ends_with_its_key_and_with_the_server(world: World, key: str) -> None:
    async with listening(world, key) as heard:
        (mine,) = [one for one in await world.store.read(keys.list_keys) if one.workspace == "wsp_a"]
        await world.store.run(lambda tx: keys.revoke_key(tx, mine.id, world.clock.now()))
        await until(world, lambda: heard.ended)
        assert heard.ended
    other = await world.key()
    async with listening(world, other) as heard:
        world.app.close()
        await until(world, lambda: heard.ended)
        assert heard.ended


async def test_there_are_only_so_many_streams(world: World, key: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "STREAMS", 1)
    async with listening(world, key):
        answer = await world.call("GET", "/v2/api/events/stream?follow=false", key=key)
        assert (answer.status, answer.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert (await world.call("GET", "/v2/api/events/stream?follow=false", key=key)).status == 200


async def test_a_large_event_comes_without_its_payload(world: World, key: str) -> None:
    async with listening(world, key) as heard:
        tag = {"call_id": "cll_1", "tag_key": "vip", "tag_name": "x" * 20_000, "user_email": None}
        await world.publish(key, data=tag)
        await until(world, lambda: bool(heard.data))
        assert [one["payload"] for one in heard.data] == [None]


async def test_the_health_of_an_endpoint(world: World, key: str) -> None:
    hook = (await world.create(key))["id"]
    for number, state in enumerate(("succeeded", "failed", "succeeded")):
        event = (await world.publish(key, dedupe_key=str(number))).data["id"]
        await attempt(world, hook, event, 1, state)
    await world.publish(key, dedupe_key="waits")
    health = (await world.call("GET", f"/v2/api/webhooks/{hook}/health?hours=1", key=key)).data
    assert (health["pending"], health["attempts"], health["succeeded"]) == (1, 3, 2)
    assert health["success_rate"] == 0.6667
    assert len(health["buckets"]) == BUCKETS
    assert sum(one["attempts"] for one in health["buckets"]) == 3
    for hours in ("0", "169", "x", "-1"):
        bad = await world.call("GET", f"/v2/api/webhooks/{hook}/health?hours={hours}", key=key)
        assert (bad.status, bad.code) == (400, "INVALID_PARAMETER")


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.booleans(), st.floats(0, 1e5)), max_size=50),
    st.integers(1, 5_000),
    st.integers(100, 5_000),
)
def test_every_attempt_of_the_time_is_in_one_bucket_and_no_other(
    rows: list[tuple[int, bool, float]], since: int, length: int
) -> None:
    buckets = in_buckets([Tried(*row) for row in rows], since, since + length)
    inside = [row for row in rows if since <= row[0] <= since + length]
    assert sum(one.attempts for one in buckets) == len(inside)
    assert sum(one.succeeded for one in buckets) == len([row for row in inside if row[1]])
    for one in buckets:
        assert (one.p50 is None) == (one.succeeded == 0)
        assert one.p50 is None or one.p95 is None or one.p50 <= one.p95


async def test_calls_that_go_on_are_listed(world: World, key: str) -> None:
    now = world.clock.now()
    telephone = LegKind(next(iter(LegKind)))
    states = [
        CallState(
            id=f"cll_{name}",
            source="sip",
            source_call=name,
            direction=Direction.INBOUND,
            from_number="+33612345678",
            to_number="+33142000000",
            started_at=now - age,
            legs={"a": Leg(telephone, "a", now, answered)},
        )
        for name, age, answered in (("rings", 0, None), ("talks", 5, now), ("old", 90_000_000, None))
    ]
    for state in states:
        await world.store.run(
            lambda tx, one=state: tx.execute(  # type: ignore[misc]
                "add_call", "wsp_a", one.id, "sip", one.source_call, one.started_at, None, dumps_state(one)
            )
        )
    listed = (await world.call("GET", "/v2/api/calls/active", key=key)).data
    assert [(one["id"], one["state"]) for one in listed] == [
        ("cll-rings", "RINGING"),
        ("cll-talks", "ANSWERED"),
    ]
    assert listed[0]["from_number"] == "+33612345678"


def dumps_state(state: CallState) -> str:
    return msgspec.json.encode(state).decode()
