"""The history of deliveries, as the API tells it."""

from typing import Any

import pytest

from switchhook.events.ids import delivery_id
from switchhook.storage import outbox
from switchhook.storage.outbox import Settlement, StoredResponse, encode_response
from tests.api.world import World

HOUR = 3_600_000


async def attempt(world: World, hook: str, event: str, number: int, state: str, **more: Any) -> None:
    """Record one attempt as the dispatcher would."""
    failed = state != "succeeded"
    row = Settlement(
        workspace="wsp_a",
        endpoint=hook,
        event=event,
        number=number,
        state=state,
        started_at=world.clock.now(),
        latency_ms=12.4,
        kind=more.get("kind", "server_error" if failed else "delivered"),
        status=more.get("status", 500 if failed else 204),
        fault="customer" if failed else None,
        message_customer="Your server failed." if failed else None,
        message_operator="It answered 500." if failed else None,
        next_at=world.clock.now() + HOUR if state == "retrying" else None,
        response=more.get("response"),
        scheduled=number > 1,
    )
    if world.store.shared and row.scheduled:
        later = world.clock.now() + 100 * HOUR
        await world.store.run(lambda tx: outbox.claim_due(tx, "wsp_a", hook, later, 100))
    await world.store.run(lambda tx: outbox.settle(tx, [row], [], None))


@pytest.fixture
async def hook(world: World, key: str) -> str:
    made: str = (await world.create(key))["id"]
    return made


async def test_a_fresh_delivery_is_pending(world: World, key: str, hook: str) -> None:
    event = (await world.publish(key)).data["id"]
    answer = await world.call("GET", f"/v2/api/webhooks/{hook}/deliveries", key=key)
    assert answer.status == 200
    assert answer.json() == {
        "data": [
            {
                "id": delivery_id(event, hook),
                "webhook_id": hook,
                "event_id": event,
                "topic": "tag.added",
                "status": "pending",
                "attempts": 0,
                "created_at": "2025-03-15T14:30:00.000Z",
                "last_attempt_at": None,
                "next_attempt_at": "2025-03-15T14:30:00.000Z",
                "last_response_status": None,
            }
        ],
        "pagination": {"page": 1, "size": 20, "total_count": 1, "total_pages": 1, "has_more": False},
    }


async def test_the_detail_holds_the_payload_as_sent_and_every_attempt(
    world: World, key: str, hook: str
) -> None:
    raw = b'{"call_id":"c","tag_key":"k","tag_name":"\\u00fc","user_email":null}'
    event = (
        await world.call("POST", "/v2/api/events", key=key, body=b'{"topic":"tag.added","data":%b}' % raw)
    ).data["id"]
    answered = encode_response(StoredResponse((("server", "nginx"), ("x-odd", "\xff")), b"bad \xff", True))
    await attempt(world, hook, event, 1, "retrying", response=answered)
    await world.clock.advance(3600)
    await attempt(world, hook, event, 2, "succeeded")
    answer = await world.call("GET", f"/v2/api/deliveries/{delivery_id(event, hook)}", key=key)
    assert answer.status == 200
    assert b'"payload":{"topic":"tag.added","version":"2.0"' in answer.body
    assert b'"data":' + raw in answer.body
    told = answer.data
    assert (told["status"], told["next_attempt_at"], told["last_response_status"]) == ("succeeded", None, 204)
    assert told["attempts"] == [
        {
            "number": 1,
            "status_code": 500,
            "result": "server_error",
            "started_at": "2025-03-15T14:30:00.000Z",
            "duration_ms": 12,
            "error": {
                "fault": "customer",
                "message": "Your server failed.",
                "operator_message": "It answered 500.",
            },
            "response": {
                "headers": [{"name": "server", "value": "nginx"}, {"name": "x-odd", "value": "\xff"}],
                "body": "bad \ufffd",
                "truncated": True,
            },
        },
        {
            "number": 2,
            "status_code": 204,
            "result": "delivered",
            "started_at": "2025-03-15T15:30:00.000Z",
            "duration_ms": 12,
            "error": None,
            "response": None,
        },
    ]


async def test_status_filters_and_pages_add_up(world: World, key: str, hook: str) -> None:
    for number in range(9):
        event = (await world.publish(key)).data["id"]
        if number % 3:
            await attempt(world, hook, event, 1, "succeeded" if number % 3 == 1 else "retrying")
        if number == 8:
            await attempt(world, hook, event, 2, "failed")

    async def ids(query: str) -> tuple[list[str], Any]:
        answer = await world.call("GET", f"/v2/api/webhooks/{hook}/deliveries?{query}", key=key)
        return [one["id"] for one in answer.data], answer.json()["pagination"]

    everything, _ = await ids("size=100")
    assert len(everything) == 9
    counts = {}
    for status in ("pending", "succeeded", "failed"):
        found, where = await ids(f"status={status}")
        counts[status] = where["total_count"]
        assert len(found) == where["total_count"]
    assert counts == {"pending": 5, "succeeded": 3, "failed": 1}
    paged = []
    for page in (1, 2, 3):
        found, where = await ids(f"page={page}&size=4")
        assert (where["total_pages"], where["has_more"]) == (3, page < 3)
        paged += found
    assert paged == everything
    assert await ids("page=4&size=4") == (
        [],
        {"page": 4, "size": 4, "total_count": 9, "total_pages": 3, "has_more": False},
    )


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("size=0", "INVALID_PAGE_SIZE", "size"),
        ("size=101", "INVALID_PAGE_SIZE", "size"),
        ("size=x", "INVALID_PAGE_SIZE", "size"),
        ("size=", "INVALID_PAGE_SIZE", "size"),
        ("page=0", "INVALID_PARAMETER", "page"),
        ("page=-1", "INVALID_PARAMETER", "page"),
        ("page=99999999999999999999", "INVALID_PARAMETER", "page"),
        ("status=suceeded", "INVALID_PARAMETER", "status"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    world: World, key: str, query: str, code: str, param: str
) -> None:
    hook = (await world.create(key))["id"]
    answer = await world.call("GET", f"/v2/api/webhooks/{hook}/deliveries?{query}", key=key)
    assert (answer.status, answer.code, answer.error["param"]) == (400, code, param)
    if param == "status":
        assert "succeeded" in answer.error["suggestion"]


async def test_only_the_own_workspaces_deliveries_can_be_read(world: World, key: str, hook: str) -> None:
    event = (await world.publish(key)).data["id"]
    path = f"/v2/api/deliveries/{delivery_id(event, hook)}"
    assert (await world.call("GET", path, key=key)).status == 200
    assert (await world.call("GET", path.replace("dlv_", "dlv-"), key=key)).status == 200
    other = await world.call("GET", path, key=await world.key(workspace="wsp_b"))
    assert (other.status, other.code) == (404, "DELIVERY_NOT_FOUND")


async def test_what_is_not_there_is_404(world: World, key: str, hook: str) -> None:
    event = (await world.publish(key)).data["id"]
    await world.call("PUT", f"/v2/api/webhooks/{hook}", key=key, json={"topics": ["sms.sent"]})
    later = (await world.publish(key)).data["id"]
    for id_ in ("dlv_x", "x", delivery_id(later, hook), delivery_id(event, "ep_" + "0" * 22)):
        answer = await world.call("GET", f"/v2/api/deliveries/{id_}", key=key)
        assert (answer.status, answer.code) == (404, "DELIVERY_NOT_FOUND")
    missing = await world.call("GET", "/v2/api/webhooks/ep_none/deliveries", key=key)
    assert (missing.status, missing.code) == (404, "WEBHOOK_NOT_FOUND")
    await world.call("DELETE", f"/v2/api/webhooks/{hook}", key=key)
    gone = await world.call("GET", f"/v2/api/deliveries/{delivery_id(event, hook)}", key=key)
    assert gone.code == "DELIVERY_NOT_FOUND"


async def test_a_delivery_that_will_be_repeated_is_pending_also_while_it_is_under_way(
    world: World, key: str, hook: str
) -> None:
    event = (await world.publish(key)).data["id"]
    await attempt(world, hook, event, 1, "retrying")
    await world.store.run(lambda tx: tx.execute("drop_schedule", "wsp_a", hook, event))
    answer = await world.call("GET", f"/v2/api/deliveries/{delivery_id(event, hook)}", key=key)
    assert (answer.data["status"], answer.data["next_attempt_at"]) == ("pending", None)
