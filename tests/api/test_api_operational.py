"""The operational events at the API: subscribed to, published by nobody, and made when an endpoint is switched."""

from typing import Any

import pytest

from switchhook.events import CATALOGUE, OPERATIONAL
from tests.api.world import World

TOLD = list(OPERATIONAL)


async def said(world: World) -> list[tuple[str, str]]:
    """(topic, targets) of the operational events that are stored."""
    rows = await world.rows("unsettled", 0, 1000)
    events = [(await world.rows("event", "wsp_a", row[2]))[0] for row in rows]
    return [(event[3], event[5]) for event in events if event[3] in OPERATIONAL]


async def change(world: World, key: str, hook: str, **asked: Any) -> None:
    answer = await world.call("PUT", f"/v2/api/webhooks/{hook}", key=key, json=asked)
    assert answer.status == 200


async def test_they_have_a_list_of_their_own_and_the_nine_stay_nine(world: World, key: str) -> None:
    nine = await world.call("GET", "/v2/api/webhooks/event_types", key=key)
    assert [one["name"] for one in nine.data] == list(CATALOGUE)
    three = await world.call("GET", "/v2/api/webhooks/operational_event_types", key=key)
    assert [one["name"] for one in three.data] == TOLD
    assert all(one["description"] for one in three.data)


async def test_an_endpoint_subscribes_to_them_by_name(world: World, key: str) -> None:
    made = await world.create(key, topics=["tag.added", *TOLD])
    assert made["topics"] == ["tag.added", *TOLD]
    answer = await world.call(
        "POST",
        "/v2/api/webhooks",
        key=key,
        json={"url": "https://hooks.example/in", "topics": ["endpoint.disable"]},
    )
    assert (answer.status, answer.code) == (400, "INVALID_EVENT_TYPE")
    assert "endpoint.disabled" in answer.body.decode()


@pytest.mark.parametrize("topic", TOLD)
async def test_nobody_publishes_them(world: World, key: str, topic: str) -> None:
    data = {"webhook_id": "ep_1"}
    one = await world.publish(key, topic, data)
    batch = await world.call(
        "POST", "/v2/api/events/batch", key=key, json={"events": [{"topic": topic, "data": data}]}
    )
    for answer in (one, batch):
        assert (answer.status, answer.code) == (400, "INVALID_EVENT_TYPE")
        assert "made by Switchhook itself" in answer.error["message"]
    assert await world.events() == 0


@pytest.mark.parametrize("topic", TOLD)
async def test_their_examples_can_be_sent_as_a_test(world: World, key: str, topic: str) -> None:
    hook = (await world.create(key))["id"]
    answer = await world.call("POST", f"/v2/api/webhooks/{hook}/test", key=key, json={"topic": topic})
    assert answer.status == 202
    assert await said(world) == [(topic, hook)]


async def test_switching_an_endpoint_tells_the_others(world: World, key: str) -> None:
    ops = (await world.create(key, topics=TOLD))["id"]
    hook = (await world.create(key, topics=["tag.added", *TOLD]))["id"]
    await change(world, key, hook, description="no switch")
    await change(world, key, hook, enabled=True)
    assert await said(world) == []
    await change(world, key, hook, enabled=False)
    await change(world, key, hook, enabled=False)
    assert await said(world) == [("endpoint.disabled", ops)]
    await world.clock.advance(1)
    await change(world, key, hook, enabled=True)
    made = await said(world)
    assert [topic for topic, _ in made] == ["endpoint.disabled", "endpoint.recovered"]
    assert set(made[1][1].split()) == {ops, hook}  # whoever is back may hear of it


async def test_a_change_that_is_refused_tells_nothing(world: World, key: str) -> None:
    await world.create(key, topics=TOLD)
    hook = (await world.create(key))["id"]
    answer = await world.call(
        "PUT", f"/v2/api/webhooks/{hook}", key=key, json={"enabled": False, "url": "http://10.0.0.1/"}
    )
    assert answer.status == 400
    assert await said(world) == []
