"""Retry, rotate, test and stats, as the API offers them."""

import pytest

from switchhook.clock import iso_millis
from switchhook.events.ids import delivery_id
from switchhook.webhooks import Webhook
from tests.api.test_api_deliveries import attempt
from tests.api.world import World

DAY = 86_400


@pytest.fixture
async def hook(world: World, key: str) -> str:
    made: str = (await world.create(key))["id"]
    return made


async def schedule(world: World, hook: str) -> list[tuple[str, int, int]]:
    """(event, attempts, base) of what is due now."""
    rows = await world.rows("due", "wsp_a", hook, world.clock.now(), 10_000)
    return [(event, attempts, base) for event, attempts, base, *_ in rows]


async def failed(world: World, key: str, hook: str, count: int) -> list[str]:
    """Deliveries that have failed for good."""
    events = [(await world.publish(key)).data["id"] for _ in range(count)]
    for event in events:
        await attempt(world, hook, event, 1, "failed")
    return events


async def test_a_failed_delivery_is_retried_with_the_whole_schedule_before_it(
    world: World, key: str, hook: str
) -> None:
    (event,) = await failed(world, key, hook, 1)
    id_ = delivery_id(event, hook)
    answer = await world.call("POST", f"/v2/api/deliveries/{id_}/retry", key=key)
    assert answer.status == 202
    assert (answer.data["id"], answer.data["status"]) == (id_, "pending")
    assert await schedule(world, hook) == [(event, 1, 1)]
    assert ("wsp_a", hook) in world.committed[-1].endpoints  # the dispatcher is told


async def test_a_delivery_that_is_on_its_way_is_not_sent_twice(world: World, key: str, hook: str) -> None:
    event = (await world.publish(key)).data["id"]
    answer = await world.call("POST", f"/v2/api/deliveries/{delivery_id(event, hook)}/retry", key=key)
    assert answer.status == 202
    assert await schedule(world, hook) == []


async def test_retry_of_nothing_and_of_another_workspace_is_not_found(
    world: World, key: str, hook: str
) -> None:
    (event,) = await failed(world, key, hook, 1)
    id_ = delivery_id(event, hook)
    other = await world.key(workspace="wsp_b")
    for path, who in ((f"/v2/api/deliveries/{id_}/retry", other), ("/v2/api/deliveries/dlv_x/retry", key)):
        answer = await world.call("POST", path, key=who)
        assert (answer.status, answer.code) == (404, "DELIVERY_NOT_FOUND")


async def secrets_in_force(world: World, hook: str) -> list[str]:
    from switchhook.storage.endpoints import find_endpoint

    found = await world.store.read(lambda r: find_endpoint(r, "wsp_a", hook))
    assert found is not None
    now = world.clock.now()
    return [s.secret for s in found.secrets if s.until is None or now < s.until]


async def test_a_rotated_secret_signs_at_once_and_the_former_one_for_the_overlap(
    world: World, key: str, hook: str
) -> None:
    first = (await world.call("GET", f"/v2/api/webhooks/{hook}", key=key)).data["signing_secret"]
    answer = await world.call("POST", f"/v2/api/webhooks/{hook}/rotate-secret", key=key)
    assert answer.status == 200
    second = answer.data["signing_secret"]
    assert second != first
    assert (await world.call("GET", f"/v2/api/webhooks/{hook}", key=key)).data["signing_secret"] == second
    assert await secrets_in_force(world, hook) == [second, first]
    await world.clock.advance(DAY - 1)
    assert await secrets_in_force(world, hook) == [second, first]
    await world.clock.advance(2)
    assert await secrets_in_force(world, hook) == [second]


async def test_rotation_without_overlap_ends_the_former_secret_at_once(
    world: World, key: str, hook: str
) -> None:
    path = f"/v2/api/webhooks/{hook}/rotate-secret"
    second = (await world.call("POST", path, key=key, json={"overlap_seconds": 0})).data["signing_secret"]
    assert await secrets_in_force(world, hook) == [second]
    for wrong in (-1, 10**9, "1", True):
        assert (await world.call("POST", path, key=key, json={"overlap_seconds": wrong})).status == 400
    Webhook(second)  # it is a secret that receivers understand


async def test_a_test_event_goes_to_this_endpoint_only_whatever_it_subscribed_to(
    world: World, key: str, hook: str
) -> None:
    await world.create(key, topics=["call.completed"])
    answer = await world.call(
        "POST", f"/v2/api/webhooks/{hook}/test", key=key, json={"topic": "call.completed"}
    )
    assert answer.status == 202
    (event,) = world.committed[-1].events
    assert (event.id, event.targets) == (answer.data["id"], (hook,))
    assert answer.data["delivery_id"] == delivery_id(event.id, hook)
    detail = await world.call("GET", f"/v2/api/deliveries/{answer.data['delivery_id']}", key=key)
    assert detail.data["payload"]["topic"] == "call.completed"
    # A test is no fact: the next one is an event of its own.
    again = await world.call(
        "POST", f"/v2/api/webhooks/{hook}/test", key=key, json={"topic": "call.completed"}
    )
    assert again.data["id"] != event.id


async def test_a_test_of_an_unknown_topic_names_the_nearest(world: World, key: str, hook: str) -> None:
    answer = await world.call(
        "POST", f"/v2/api/webhooks/{hook}/test", key=key, json={"topic": "call.complete"}
    )
    assert (answer.status, answer.code) == (400, "INVALID_EVENT_TYPE")
    assert "call.completed" in answer.error["message"]


async def test_stats_tell_what_became_of_deliveries(world: World, key: str, hook: str) -> None:
    answer = await world.call("GET", f"/v2/api/webhooks/{hook}/stats", key=key)
    assert answer.data == {
        "pending": 0,
        "succeeded": 0,
        "failed": 0,
        "last_24_hours": {"attempts": 0, "succeeded": 0, "success_rate": None, "latency_ms": None},
        "failing_since": None,
        "disabled_at": None,
        "disabled_reason": None,
        "locked_reason": None,
    }
    await failed(world, key, hook, 1)
    await world.clock.advance(2 * DAY)
    await failed(world, key, hook, 1)
    for _ in range(3):
        event = (await world.publish(key)).data["id"]
        await attempt(world, hook, event, 1, "succeeded")
    await world.publish(key)
    clock = world.clock.now()
    await world.store.run(lambda tx: tx.execute("save_health", "wsp_a", hook, clock - 1000, clock, clock))
    stats = (await world.call("GET", f"/v2/api/webhooks/{hook}/stats", key=key)).data
    assert (stats["pending"], stats["succeeded"], stats["failed"]) == (1, 3, 2)
    assert stats["last_24_hours"] == {
        "attempts": 4,
        "succeeded": 3,
        "success_rate": 0.75,
        "latency_ms": {"p50": 12.4, "p95": 12.4, "p99": 12.4},
    }
    assert stats["failing_since"] == iso_millis(clock - 1000)
    assert stats["disabled_at"] == iso_millis(clock + 5 * DAY * 1000)
