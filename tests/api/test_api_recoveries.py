"""Recover, retry by filter and their jobs, as the API offers them."""

from typing import Any

import pytest

from switchhook.api import recoveries
from switchhook.api.recoveries import progress
from switchhook.clock import iso_millis
from switchhook.events.ids import lower_bound
from switchhook.storage import replay
from tests.api.test_api_deliveries import attempt
from tests.api.test_api_replays import DAY, failed, hook, schedule
from tests.api.world import World

__all__ = ["hook"]


async def test_recover_takes_what_failed_since_the_date_and_nothing_else(
    world: World, key: str, hook: str
) -> None:
    await failed(world, key, hook, 3)
    await world.clock.advance(DAY)
    since = iso_millis(world.clock.now())
    wanted = await failed(world, key, hook, 1200)
    done = (await world.publish(key)).data["id"]
    await attempt(world, hook, done, 1, "succeeded")
    answer = await world.call("POST", f"/v2/api/webhooks/{hook}/recover", key=key, json={"since": since})
    assert answer.status == 202
    job = answer.data
    assert (job["webhook_id"], job["since"], job["status"]) == (hook, since, "running")
    await world.clock.advance(1)
    finished = (await world.call("GET", f"/v2/api/recoveries/{job['id']}", key=key)).data
    assert (finished["status"], finished["queued"]) == ("completed", 1200)
    assert finished["finished_at"] is not None
    assert sorted(await schedule(world, hook)) == sorted((event, 1, 1) for event in wanted)


async def test_recover_makes_due_what_was_never_attempted(world: World, key: str, hook: str) -> None:
    event = (await world.publish(key)).data["id"]
    later = world.clock.now() + 10**9
    await world.store.run(lambda tx: tx.execute("put_schedule_once", "wsp_a", hook, event, 0, later))
    answer = await world.call(
        "POST", f"/v2/api/webhooks/{hook}/recover", key=key, json={"since": "2025-03-01T00:00:00Z"}
    )
    assert answer.data["queued"] == 1
    assert await schedule(world, hook) == [(event, 0, 0)]


@pytest.mark.parametrize("since", ["yesterday", "", "2999-01-01T00:00:00Z", "1960-01-01T00:00:00Z", 5, None])
async def test_a_since_that_is_no_past_moment_is_refused(
    world: World, key: str, hook: str, since: Any
) -> None:
    answer = await world.call("POST", f"/v2/api/webhooks/{hook}/recover", key=key, json={"since": since})
    assert (answer.status, answer.code, answer.error["param"]) == (400, "INVALID_REQUEST_BODY", "since")


async def test_another_workspace_sees_no_recovery(world: World, key: str, hook: str) -> None:
    job = (
        await world.call(
            "POST", f"/v2/api/webhooks/{hook}/recover", key=key, json={"since": "2025-01-01T00:00:00Z"}
        )
    ).data
    other = await world.key(workspace="wsp_b")
    answer = await world.call("GET", f"/v2/api/recoveries/{job['id']}", key=other)
    assert (answer.status, answer.code) == (404, "RECOVERY_NOT_FOUND")
    refused = await world.call(
        "POST", f"/v2/api/webhooks/{hook}/recover", key=other, json={"since": "2025-01-01T00:00:00Z"}
    )
    assert (refused.status, refused.code) == (404, "WEBHOOK_NOT_FOUND")


async def job_of(world: World, key: str, id_: str) -> Any:
    return (await world.call("GET", f"/v2/api/recoveries/{id_}", key=key)).data


async def retry(world: World, key: str, hook: str, **asked: Any) -> Any:
    """The answer to a retry: a job, or what a dry run counted."""
    answer = await world.call("POST", f"/v2/api/webhooks/{hook}/retry", key=key, json=asked)
    assert answer.status == (200 if asked.get("dry_run") else 202)
    return answer.data


async def history(world: World, key: str, hook: str) -> dict[str, str]:
    """One delivery of each sort, by name."""
    made: dict[str, str] = {}
    for name, topic, state, values in (
        ("failed 500", "tag.added", "failed", {"kind": "server_error", "status": 500}),
        ("failed 404", "tag.added", "failed", {"kind": "client_error", "status": 404}),
        ("failed silent", "tag.added", "failed", {"kind": "response_timeout", "status": None}),
        ("failed tag.removed", "tag.removed", "failed", {"kind": "server_error", "status": 503}),
        ("succeeded", "tag.added", "succeeded", {"kind": "delivered", "status": 204}),
        ("pending", "tag.added", "retrying", {"kind": "server_error", "status": 500}),
        ("untried", "tag.added", "", {}),
    ):
        made[name] = (await world.publish(key, topic)).data["id"]
        if state:
            await attempt(world, hook, made[name], 1, state, **values)
    later = world.clock.now() + 10**9
    await world.store.run(lambda tx: tx.execute("put_schedule", "wsp_a", hook, made["pending"], 1, later, 0))
    return made


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["failed 500", "failed 404", "failed silent", "failed tag.removed"]),
        ({"status": "failed", "topics": ["tag.removed"]}, ["failed tag.removed"]),
        ({"response_status": ["5xx"]}, ["failed 500", "failed tag.removed"]),
        ({"response_status": ["404", "503"]}, ["failed 404", "failed tag.removed"]),
        ({"results": ["response_timeout"]}, ["failed silent"]),
        ({"results": ["server_error"], "topics": ["tag.added"]}, ["failed 500"]),
        ({"status": "succeeded"}, ["succeeded"]),
        ({"status": "pending"}, ["pending"]),
        ({"status": "any", "response_status": ["500"]}, ["failed 500", "pending"]),
        ({"status": "succeeded", "response_status": ["5xx"]}, []),
    ],
)
async def test_retry_takes_what_fits_every_part_of_the_filter_and_a_dry_run_counts_it(
    world: World, key: str, asked: dict[str, Any], names: list[str]
) -> None:
    hook = (await world.create(key, topics=["tag.added", "tag.removed"]))["id"]
    made = await history(world, key, hook)
    wanted = {made[name] for name in names}
    before = await schedule(world, hook)
    preview = await retry(world, key, hook, **asked, dry_run=True)
    assert (preview["matching"], preview["complete"]) == (len(wanted), True)
    await world.clock.advance(1)
    assert await schedule(world, hook) == before == []  # nothing was done
    job = await retry(world, key, hook, **asked)
    assert (job["kind"], job["status"], job["webhook_id"]) == ("retry", "running", hook)
    await world.clock.advance(1)
    job = await job_of(world, key, job["id"])
    assert (job["status"], job["queued"], job["progress"]) == ("completed", len(wanted), 1.0)
    assert job["looked_at"] == preview["looked_at"]
    assert {event for event, *_ in await schedule(world, hook)} == wanted


async def test_retry_takes_events_from_since_on_and_before_until(world: World, key: str, hook: str) -> None:
    await failed(world, key, hook, 2)
    await world.clock.advance(DAY)
    since = iso_millis(world.clock.now())
    wanted = await failed(world, key, hook, 120)
    await world.clock.advance(1)
    until = iso_millis(world.clock.now())
    await failed(world, key, hook, 2)
    assert (await retry(world, key, hook, since=since, until=until, dry_run=True))["matching"] == 120
    job = await retry(world, key, hook, since=since, until=until)
    assert (job["since"], job["filter"]["until"]) == (since, until)
    await world.clock.advance(1)
    assert sorted(await schedule(world, hook)) == sorted((event, 1, 1) for event in wanted)


async def test_a_dry_run_looks_at_so_many_and_says_so(
    world: World, key: str, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await failed(world, key, hook, 25)
    monkeypatch.setattr(recoveries, "PREVIEW_STEP", 5)
    monkeypatch.setattr(recoveries, "PREVIEW_MOST", 20)
    preview = await retry(world, key, hook, dry_run=True)
    assert preview == {"matching": 20, "looked_at": 20, "complete": False}
    monkeypatch.setattr(recoveries, "PREVIEW_MOST", 30)
    preview = await retry(world, key, hook, dry_run=True)
    assert preview == {"matching": 25, "looked_at": 25, "complete": True}


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"status": "lost"}, "INVALID_REQUEST_BODY", "status"),
        ({"topics": ["tag.add"]}, "INVALID_EVENT_TYPE", "topics[0]"),
        ({"topics": []}, "INVALID_REQUEST_BODY", "topics"),
        ({"results": ["server_eror"]}, "INVALID_REQUEST_BODY", "results[0]"),
        ({"response_status": ["6xx"]}, "INVALID_REQUEST_BODY", "response_status[0]"),
        ({"response_status": ["5xx\n"]}, "INVALID_REQUEST_BODY", "response_status[0]"),
        ({"response_status": [500]}, "INVALID_REQUEST_BODY", "response_status[0]"),
        ({"since": "2999-01-01T00:00:00Z"}, "INVALID_REQUEST_BODY", "since"),
        ({"until": "soon"}, "INVALID_REQUEST_BODY", "until"),
        (
            {"since": "2025-01-02T00:00:00Z", "until": "2025-01-02T00:00:00Z"},
            "INVALID_REQUEST_BODY",
            "until",
        ),
        ({"state": "failed"}, "UNKNOWN_FIELD", "state"),
        ({"dry_run": "yes"}, "INVALID_REQUEST_BODY", "dry_run"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    world: World, key: str, asked: dict[str, Any], code: str, field: str
) -> None:
    hook = (await world.create(key))["id"]
    answer = await world.call("POST", f"/v2/api/webhooks/{hook}/retry", key=key, json=asked)
    assert (answer.status, answer.code, answer.error["param"]) == (400, code, field)


async def test_a_job_that_is_cancelled_puts_nothing_more_back(world: World, key: str, hook: str) -> None:
    await failed(world, key, hook, 400)
    job = await retry(world, key, hook)
    while not (state := await job_of(world, key, job["id"]))["queued"]:
        await world.clock.advance(0.02)
    assert state["status"] == "running"
    assert 0 < state["progress"] <= 1 or state["queued"] < 400
    ended = await world.call("DELETE", f"/v2/api/recoveries/{job['id']}", key=key)
    assert (ended.status, ended.data["status"]) == (200, "cancelled")
    assert ended.data["finished_at"] is not None
    await world.clock.advance(5)
    assert await job_of(world, key, job["id"]) == ended.data
    assert len(await schedule(world, hook)) == ended.data["queued"] < 400
    again = await world.call("DELETE", f"/v2/api/recoveries/{job['id']}", key=key)
    assert again.data == ended.data


async def test_one_that_is_over_cannot_be_cancelled_any_more(world: World, key: str, hook: str) -> None:
    job = await retry(world, key, hook)
    await world.clock.advance(1)
    answer = await world.call("DELETE", f"/v2/api/recoveries/{job['id']}", key=key)
    assert answer.data["status"] == "completed"


async def test_the_jobs_of_an_endpoint_are_listed_newest_first(world: World, key: str, hook: str) -> None:
    other = (await world.create(key))["id"]
    made = []
    for n in range(3):
        path, asked = (f"/v2/api/webhooks/{hook}/retry", {"topics": ["tag.added"]})
        if n == 1:
            path, asked = f"/v2/api/webhooks/{hook}/recover", {"since": "2025-01-01T00:00:00Z"}  # type: ignore[dict-item]
        made.append((await world.call("POST", path, key=key, json=asked)).data["id"])
        await world.clock.advance(1)
    await retry(world, key, other)
    answer = await world.call("GET", f"/v2/api/webhooks/{hook}/recoveries?size=2", key=key)
    assert [job["id"] for job in answer.data] == [made[2], made[1]]
    assert [job["kind"] for job in answer.data] == ["retry", "recover"]
    assert answer.data[0]["filter"]["topics"] == ["tag.added"]
    assert answer.data[1]["filter"] is None
    assert answer.json()["pagination"]["total_count"] == 3
    answer = await world.call("GET", f"/v2/api/webhooks/{hook}/recoveries?size=2&page=2", key=key)
    assert [job["id"] for job in answer.data] == [made[0]]


async def test_another_workspace_can_neither_start_nor_see_nor_end_one(
    world: World, key: str, hook: str
) -> None:
    job = await retry(world, key, hook)
    other = await world.key(workspace="wsp_b")
    for method, path, code in (
        ("POST", f"/v2/api/webhooks/{hook}/retry", "WEBHOOK_NOT_FOUND"),
        ("GET", f"/v2/api/webhooks/{hook}/recoveries", "WEBHOOK_NOT_FOUND"),
        ("DELETE", f"/v2/api/recoveries/{job['id']}", "RECOVERY_NOT_FOUND"),
    ):
        answer = await world.call(method, path, key=other, json={} if method == "POST" else None)
        assert (answer.status, answer.code) == (404, code)
    dry = await world.call("POST", f"/v2/api/webhooks/{hook}/retry", key=other, json={"dry_run": True})
    assert dry.status == 404


@pytest.mark.parametrize(
    ("first", "here", "last", "part"),
    [
        (1000, 1000, 3000, 0.0),
        (1000, 2000, 3000, 0.5),
        (1000, 3000, 3000, 1.0),
        (1000, 0, 3000, 0.0),
        (5, 5, 5, 0.0),
    ],
)
def test_progress_is_the_part_of_the_time_that_was_looked_at(
    first: int, here: int, last: int, part: float
) -> None:
    assert progress(*(lower_bound("msg", at) for at in (first, here, last))) == part
    assert progress("", lower_bound("msg", here), "") == 0.0


async def test_a_job_of_an_endpoint_that_was_deleted_is_over(world: World, key: str, hook: str) -> None:
    await failed(world, key, hook, 200)
    job = await retry(world, key, hook)
    await world.call("DELETE", f"/v2/api/webhooks/{hook}", key=key)
    await world.clock.advance(1)
    found = await world.store.read(lambda r: replay.find(r, "wsp_a", job["id"]))
    assert found is not None
    assert found.cancelled
    waiting = await world.rows("waiting_after", "wsp_a", hook, "", "z", 1000)
    assert all(attempts > 0 for _, attempts, _ in waiting)
