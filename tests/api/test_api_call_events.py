"""The events that told of a call, found by the keys that deduplicate them."""

import msgspec
import pytest

from switchhook.clock import iso_millis
from switchhook.events.catalogue import dedupe_key
from switchhook.events.payloads import CallCompleted
from switchhook.storage.conversations import find_item
from switchhook.workspace.call_events import keys_of_call
from switchhook.workspace.items import record
from tests.api.test_api_conversations import a_call, a_text, keep, settle_in
from tests.api.world import World, example

ITEMS = "/v2/api/conversations/items"


async def topics(world: World, key: str, id_: str = "cll-1") -> list[str]:
    answer = await world.call("GET", f"{ITEMS}/{id_}/events", key=key)
    assert answer.status == 200, answer.body
    return [one["topic"] for one in answer.data]


async def publish_call(world: World, key: str, call: CallCompleted) -> None:
    ring = {
        **example("call.received"),
        "from_number": call.from_number,
        "to_number": call.to,
        "started_at": call.start_date,
    }
    assert (await world.publish(key, "call.received", ring)).status == 202
    assert (await world.publish(key, "call.completed", msgspec.to_builtins(call))).status == 202


async def test_what_somebody_published_of_a_call_is_found(world: World, key: str) -> None:
    await settle_in(world)
    await publish_call(world, key, a_call())
    await publish_call(world, key, a_call("cll_2", start_date="2025-03-15T15:00:00.000Z"))
    await keep(world, a_call())
    assert await topics(world, key) == ["call.received", "call.completed"]
    await world.create(key, topics=["summary.updated"])
    for text in ("one", "two"):
        body = {"content": text}
        assert (await world.call("PATCH", f"{ITEMS}/cll-1/summary", key=key, json=body)).status == 200
    assert await topics(world, key) == [
        "call.received",
        "call.completed",
        "summary.updated",
        "summary.updated",
    ]


async def test_a_senders_own_key_of_a_call_is_its_id(world: World, key: str) -> None:
    await keep(world, a_call())
    data = msgspec.to_builtins(a_call())
    assert (await world.publish(key, "call.completed", data, dedupe_key="cll_1")).status == 202
    assert await topics(world, key) == ["call.completed"]


async def test_a_call_of_our_line_is_found_by_its_source(world: World, key: str) -> None:
    await keep(world, a_call())
    item = await world.store.read(lambda reader: find_item(reader, "wsp_a", "cll_1"))
    assert item is not None
    ring = next(
        topic for topic, _ in keys_of_call(item, "sip:abc") if topic in ("call.received", "call.triggered")
    )
    assert (ring, f"{ring}:key=sip:abc") in keys_of_call(item, "sip:abc")
    assert not any("sip" in found for _, found in keys_of_call(item, None))


async def test_the_keys_are_those_that_events_have(world: World, key: str) -> None:
    call = a_call()
    await keep(world, call)
    item = await world.store.read(lambda reader: find_item(reader, "wsp_a", "cll_1"))
    assert item is not None
    keys = set(keys_of_call(item, None))
    assert ("call.completed", dedupe_key("call.completed", call)) in keys
    assert iso_millis(item.at) in "".join(found for _, found in keys)
    assert len(keys) < 60


@pytest.mark.parametrize("id_", ["cll-none", "msg-1"])
async def test_what_is_no_call_has_no_events(world: World, key: str, id_: str) -> None:
    await keep(world, a_text("msg_1"))
    answer = await world.call("GET", f"{ITEMS}/{id_}/events", key=key)
    assert (answer.status, answer.code) == (404, "CONVERSATION_ITEM_NOT_FOUND")


async def test_another_workspaces_call_has_no_events_here(world: World, key: str) -> None:
    await settle_in(world)
    await publish_call(world, key, a_call())
    theirs = await world.key(workspace="wsp_b")
    await world.store.run(lambda tx: record(tx, "wsp_b", a_call(), 0))
    assert await topics(world, theirs) == []
