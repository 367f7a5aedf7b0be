"""How the server does, for who looks after it: no secret in it, nothing of another workspace."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from switchhook.api import figures
from switchhook.api.app import build
from switchhook.api.figures import Family
from switchhook.api.system import plain
from switchhook.clock import iso_millis
from switchhook.settings.config import OPTIONS, load
from switchhook.settings.shown import SHOWN, shown
from tests.api.world import World

SYSTEM = "/v2/api/system"


async def told(world: World, key: str, **changed: Any) -> Any:
    app = build(replace(world.services(), **changed))
    answer = await world.call("GET", SYSTEM, key=key, app=app)
    assert answer.status == 200, answer.body
    return answer.data


async def test_versions_lines_and_figures(world: World, key: str) -> None:
    found = await told(world, key)
    assert found["version"] == "test"
    assert found["database"].split()[0] in ("SQLite", "PostgreSQL")
    assert found["telephony"] == {"sip": "up"}
    (process,) = found["processes"]
    assert process["figures"]["deliveries_queued"] == 3
    assert process["figures"]["retention_events_removed_total"] == 5
    assert "publish_seconds" not in process["figures"]


async def test_what_waits_is_that_of_the_workspace_and_the_oldest_is_named(world: World, key: str) -> None:
    hook = await world.create(key, paused=True)
    await world.create(await world.key(workspace="wsp_b"), paused=True)
    began = world.clock.now()
    assert (await told(world, key))["waiting"] == {"count": 0, "complete": True, "oldest_event_at": None}
    for _ in range(3):
        event = (await world.publish(key)).data["id"]
        await world.store.run(lambda tx, event=event: tx.execute("replay", "wsp_a", hook["id"], event, 0, 0))  # type: ignore[misc]
        await world.clock.advance(60)
    waiting = (await told(world, key))["waiting"]
    assert waiting["count"] == 3
    assert waiting["oldest_event_at"] == iso_millis(began)
    theirs = await told(world, await world.key(workspace="wsp_b"))
    assert theirs["waiting"]["count"] == 0


async def test_every_worker_tells_of_itself(world: World, key: str) -> None:
    other = figures.encode([Family("switchhook_deliveries_queued", "gauge", "", [("", {}, 9)])])
    found = await told(world, key, worker="1", others=lambda: {"2": other})
    assert [(one["worker"], one["figures"]["deliveries_queued"]) for one in found["processes"]] == [
        ("1", 3),
        ("2", 9),
    ]


async def test_disks_and_a_disk_that_does_not_answer(world: World, key: str) -> None:
    found = await told(world, key, disks={"database": world.folder, "recordings": Path("/nowhere")})
    here, gone = found["disks"]
    assert 0 < here["free_bytes"] <= here["total_bytes"]
    assert gone == {"name": "recordings", "free_bytes": None, "total_bytes": None}


async def test_lines_that_fail_to_tell_do_not_take_the_rest_along(world: World, key: str) -> None:
    def broken() -> dict[str, Any]:
        raise RuntimeError

    assert (await told(world, key, telephony=broken))["telephony"] == {"status": "unknown"}


async def test_the_settings_that_matter_are_shown_with_where_they_were_set(world: World, key: str) -> None:
    flags = {
        "retry_schedule": "0,5",
        "allow_networks": "10.0.0.0/8",
        "retention": "30d",
        "sip_password": "hush-hush",
    }
    found = await told(world, key, settings=shown(load(flags, environ={})))
    by_name = {one["name"]: (one["value"], one["source"]) for one in found["settings"]}
    assert by_name["retry_schedule"] == ([0.0, 5.0], "--retry-schedule")
    assert by_name["allow_networks"][0] == ["10.0.0.0/8"]
    assert by_name["retention"][0] == "30d"
    assert by_name["region"] == ("FR", "default")


def test_no_secret_is_among_the_settings_that_are_shown() -> None:
    assert set(SHOWN) <= {option.name for option in OPTIONS}
    hidden = {"secrets_key", "database", "egress_proxy", "sip_password", "sip_username", "users", "numbers"}
    assert not hidden & set(SHOWN)


def test_only_single_figures_are_told() -> None:
    families = [
        Family("switchhook_a", "gauge", "", [("", {}, 1)]),
        Family("switchhook_b", "counter", "", [("", {"route": "x"}, 1)]),
        Family("switchhook_c", "histogram", "", [("_sum", {}, 1.0), ("_count", {}, 1)]),
    ]
    assert plain(families) == {"a": 1}


async def test_a_key_without_the_scope_sees_nothing(world: World) -> None:
    small = await world.key("WEBHOOKS_READ_WRITE")
    assert (await world.call("GET", SYSTEM, key=small)).status == 403
    assert (await world.call("GET", SYSTEM, key=await world.key("SYSTEM_READ"))).status == 200
