"""One event, as the API tells it, and the removal of its content."""

import pytest

from switchhook.events.ids import delivery_id
from switchhook.storage import outbox
from switchhook.storage.outbox import StoredResponse, Waiting, encode_response
from tests.api.test_api_deliveries import attempt
from tests.api.world import TAG, World

ANSWER = encode_response(StoredResponse((("x-secret", "echoed"),), b"you said VIP", False))


@pytest.fixture
async def hook(world: World, key: str) -> str:
    made: str = (await world.create(key))["id"]
    return made


async def published(world: World, key: str, **more: str) -> str:
    made: str = (await world.publish(key, data=TAG, **more)).data["id"]
    return made


async def test_an_event_is_shown_with_its_payload_and_its_deliveries(
    world: World, key: str, hook: str
) -> None:
    other = (await world.create(key))["id"]
    gone = (await world.create(key))["id"]
    event = await published(world, key)
    await world.call("DELETE", f"/v2/api/webhooks/{gone}", key=key)
    await attempt(world, hook, event, 1, "succeeded")
    answer = await world.call("GET", f"/v2/api/events/{event}", key=key)
    assert answer.status == 200
    found = answer.data
    assert (found["id"], found["topic"], found["expunged_at"]) == (event, "tag.added", None)
    assert found["created_at"] == "2025-03-15T14:30:00.000Z"
    assert found["payload"]["data"]["tag_name"] == "VIP"
    assert {(one["id"], one["status"]) for one in found["deliveries"]} == {
        (delivery_id(event, hook), "succeeded"),
        (delivery_id(event, other), "pending"),
    }
    assert (await world.call("GET", f"/v2/api/events/{event.replace('_', '-')}", key=key)).status == 200


async def test_an_expunged_event_has_no_content_and_all_of_its_history(
    world: World, key: str, hook: str
) -> None:
    event = await published(world, key, dedupe_key="fact")
    await attempt(world, hook, event, 1, "retrying", response=ANSWER)
    await attempt(world, hook, event, 2, "succeeded", response=ANSWER)
    await world.clock.advance(60)
    answer = await world.call("POST", f"/v2/api/events/{event}/expunge", key=key)
    assert answer.status == 200
    assert (answer.data["payload"], answer.data["expunged_at"]) == (None, "2025-03-15T14:31:00.000Z")
    shown = (await world.call("GET", f"/v2/api/deliveries/{delivery_id(event, hook)}", key=key)).data
    assert (shown["payload"], shown["status"]) == (None, "succeeded")
    assert [(a["number"], a["status_code"], a["response"]) for a in shown["attempts"]] == [
        (1, 500, None),
        (2, 204, None),
    ]
    await world.clock.advance(60)
    again = await world.call("POST", f"/v2/api/events/{event}/expunge", key=key, json={})
    assert (again.status, again.data) == (200, answer.data)
    known = await world.publish(key, data=TAG, dedupe_key="fact")
    assert (known.status, known.data["id"]) == (200, event)
    rows = await world.rows("event", "wsp_a", event)
    assert b"VIP" not in repr(rows).encode()
    assert "echoed" not in repr(await world.rows("attempts_of", "wsp_a", hook, event))


async def test_what_waits_to_be_sent_keeps_its_content_unless_it_is_given_up(
    world: World, key: str, hook: str
) -> None:
    event = await published(world, key)
    await attempt(world, hook, event, 1, "retrying")
    for body in (None, {}, {"cancel_pending": False}):
        refused = await world.call("POST", f"/v2/api/events/{event}/expunge", key=key, json=body)
        assert (refused.status, refused.code) == (409, "EVENT_PENDING")
        assert "cancel_pending" in refused.error["suggestion"]
        assert not refused.error["retryable"]
    assert (await world.call("GET", f"/v2/api/events/{event}", key=key)).data["payload"] is not None
    path = f"/v2/api/events/{event}/expunge"
    answer = await world.call("POST", path, key=key, json={"cancel_pending": True})
    assert answer.status == 200
    assert [(one["status"], one["attempts"]) for one in answer.data["deliveries"]] == [("failed", 2)]
    shown = (await world.call("GET", f"/v2/api/deliveries/{delivery_id(event, hook)}", key=key)).data
    last = shown["attempts"][-1]
    assert (last["result"], last["status_code"]) == ("expunged", None)
    assert "removed on request" in last["error"]["message"]
    assert ("wsp_a", hook) in world.committed[-1].recalled
    assert await world.rows("schedule_of", "wsp_a", hook, event) == []


async def test_what_was_never_attempted_and_waits_is_given_up_too(world: World, key: str, hook: str) -> None:
    event = await published(world, key)
    row = Waiting("wsp_a", hook, event, 0, world.clock.now())
    await world.store.run(lambda tx: outbox.settle(tx, (), [row], None))
    path = f"/v2/api/events/{event}/expunge"
    answer = await world.call("POST", path, key=key, json={"cancel_pending": True})
    assert [(one["status"], one["attempts"]) for one in answer.data["deliveries"]] == [("failed", 1)]


async def test_an_event_on_its_first_way_out_keeps_its_content_until_that_is_over(
    world: World, key: str, hook: str
) -> None:
    event = await published(world, key)
    path = f"/v2/api/events/{event}/expunge"
    refused = await world.call("POST", path, key=key, json={"cancel_pending": True})
    assert (refused.status, refused.code, refused.error["retryable"]) == (409, "EVENT_UNDER_WAY", True)
    assert refused.headers["retry-after"] == "1"
    await attempt(world, hook, event, 1, "failed")
    assert (await world.call("POST", path, key=key)).status == 200


async def test_an_expunged_event_is_not_sent_again(world: World, key: str, hook: str) -> None:
    event, other = await published(world, key), await published(world, key, dedupe_key="other")
    for one in (event, other):
        await attempt(world, hook, one, 1, "failed")
    await world.call("POST", f"/v2/api/events/{event}/expunge", key=key)
    refused = await world.call("POST", f"/v2/api/deliveries/{delivery_id(event, hook)}/retry", key=key)
    assert (refused.status, refused.code) == (409, "EVENT_EXPUNGED")
    # Nor by any query that puts deliveries into the schedule, whoever asks.
    row = Waiting("wsp_a", hook, event, 0, world.clock.now())
    await world.store.run(lambda tx: outbox.settle(tx, (), [row], None))
    await attempt(world, hook, event, 2, "retrying")
    assert await world.rows("schedule_of", "wsp_a", hook, event) == []
    job = await world.call(
        "POST", f"/v2/api/webhooks/{hook}/recover", key=key, json={"since": "2025-03-01T00:00:00Z"}
    )
    await world.clock.advance(1)
    done = (await world.call("GET", f"/v2/api/recoveries/{job.data['id']}", key=key)).data
    assert (done["status"], done["queued"]) == ("completed", 1)
    assert [row[0] for row in await world.rows("due", "wsp_a", hook, world.clock.now(), 10)] == [other]


async def test_an_event_belongs_to_its_workspace_and_asks_for_its_scope(
    world: World, key: str, hook: str
) -> None:
    event = await published(world, key)
    await attempt(world, hook, event, 1, "succeeded")
    stranger = await world.key(workspace="wsp_b")
    publisher = await world.key("EVENTS_WRITE")
    for method, path in (("GET", f"/v2/api/events/{event}"), ("POST", f"/v2/api/events/{event}/expunge")):
        answer = await world.call(method, path, key=stranger)
        assert (answer.status, answer.code) == (404, "EVENT_NOT_FOUND")
        assert (await world.call(method, path, key=publisher)).status == 403
    assert (await world.call("GET", "/v2/api/events/msg_none", key=key)).code == "EVENT_NOT_FOUND"
    assert (await world.call("GET", f"/v2/api/events/{event}", key=key)).data["payload"] is not None


async def test_what_is_asked_of_an_expunge_is_checked(world: World, key: str, hook: str) -> None:
    event = await published(world, key)
    answer = await world.call("POST", f"/v2/api/events/{event}/expunge", key=key, json={"cancel": True})
    assert (answer.status, answer.code) == (400, "UNKNOWN_FIELD")
    assert "cancel_pending" in answer.error["message"]
