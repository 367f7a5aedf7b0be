"""What `switchhook doctor` says of a FreeSWITCH."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from switchhook.clock import ManualClock
from switchhook.findings.freeswitch import Looked, examine_freeswitch, judged
from switchhook.findings.installation import Finding
from switchhook.settings.config import load
from switchhook.settings.freeswitch import FreeswitchConfig
from switchhook.settings.shown import shown
from switchhook.telephony.freeswitch.happenings import Channel
from tests.telephony.freeswitch_peer import Socket, framed
from tests.telephony.freeswitch_world import BEGAN, Switch

USERS = '[{"email": "jane@example.com"}]'
SETTINGS = FreeswitchConfig(
    "10.0.0.6", ("external",), inbound_contexts=("public",), extensions={"101": "jane@example.com"}
)
TRUNK = Channel("a", "sofia/external/x@1.2.3.4", context="public", profile="external")
JANE = Channel("b", "sofia/internal/101@10.0.0.9", outbound=True, user="101")
VERSION = "FreeSWITCH Version 1.10.12-release~64bit (-release 64bit)"


def looked(**changes: Any) -> Looked:
    return Looked(**{"version": VERSION, "apart": 0.4, "channels": (TRUNK, JANE), **changes})


@pytest.mark.parametrize(
    ("seen", "what", "state", "said"),
    [
        ({}, "FreeSWITCH", "ok", "10.0.0.6:8021 is reached and tells its events, version 1.10.12-release"),
        ({"version": ""}, "FreeSWITCH", "ok", "version not told"),
        ({"version": "FreeSWITCH Version 1.6.20"}, "FreeSWITCH", "error", "is version 1.6.20"),
        ({"apart": -7.5}, "clock of FreeSWITCH", "warning", "it is 8 s behind"),
        ({"apart": 3600.0}, "clock of FreeSWITCH", "warning", "it is 3600 s ahead"),
        ({}, "calls of FreeSWITCH", "ok", "calls are up from external in public"),
        ({"channels": ()}, "calls of FreeSWITCH", "ok", "no call of a trunk is up"),
        ({"unheard": ["x::y"]}, "events of FreeSWITCH", "warning", "it does not tell us of x::y"),
        (
            {"channels": (Channel("a", "sofia/external/x", context="from-carrier", profile="external"),)},
            "calls of FreeSWITCH",
            "warning",
            "external in from-carrier, none in a context",
        ),
        (
            {"channels": (TRUNK, Channel("c", "sofia/internal/109@10.0.0.9", user="109"))},
            "telephones of FreeSWITCH",
            "warning",
            "calls are up at sofia/internal/109@10.0.0.9, which are nobody's",
        ),
    ],
)
def test_what_is_said_of_what_was_seen(seen: dict[str, Any], what: str, state: str, said: str) -> None:
    findings = {one.what: one for one in judged(looked(**seen), SETTINGS)}
    assert (findings[what].state, said in findings[what].found) == (state, True), findings[what]
    assert all(bool(one.advice) == (one.state != "ok") for one in findings.values())


def test_what_is_well_needs_no_advice_and_what_is_not_told_is_not_judged() -> None:
    for seen in (looked(), looked(apart=None)):
        assert {one.state for one in judged(seen, SETTINGS)} == {"ok"}


@pytest.fixture
async def switch() -> AsyncIterator[Socket]:
    made = Socket(password="s3cret")
    yield made
    await made.stop()


async def examined(port: int, **settings: Any) -> dict[str, Finding]:
    known = {"host": "127.0.0.1", "port": port, "password": "s3cret", "trunks": ["external"], **settings}
    config = load({}, {"SWITCHHOOK_USERS": USERS, "SWITCHHOOK_FREESWITCH": json.dumps(known)})
    return {one.what: one async for one in examine_freeswitch(config, ManualClock(BEGAN))}


async def test_it_is_looked_at_over_the_wire(switch: Socket, tmp_path: Path) -> None:
    switch.up = [*Switch().inbound().messages]
    places = {"recordings": "/rec", "recordings_mount": str(tmp_path)}
    found = await examined(await switch.start(), **places)
    assert {name: one.state for name, one in found.items()} == {
        "FreeSWITCH": "ok",
        "clock of FreeSWITCH": "warning",
        "calls of FreeSWITCH": "ok",
        "recordings of FreeSWITCH": "ok",
    }
    assert "1.10.12" in found["FreeSWITCH"].found
    gone = await examined(1, recordings="/rec", recordings_mount=str(tmp_path / "not mounted"))
    assert {one.state for one in gone.values()} == {"error"}
    assert "is not there" in gone["recordings of FreeSWITCH"].found


async def test_recordings_over_http_are_tried_as_far_as_the_connection(switch: Socket) -> None:
    port = await switch.start()
    places = {"recordings": "/rec", "recordings_url": f"https://127.0.0.1:{port}/rec"}
    found = await examined(port, **places)
    assert found["recordings of FreeSWITCH"].state == "error"  # an address that is not opened
    assert "allow-networks" in found["recordings of FreeSWITCH"].advice


async def test_what_is_wrong_says_what_to_do(switch: Socket) -> None:
    port = await switch.start()
    assert "event_socket.conf.xml" in (await examined(port, password="wrong"))["FreeSWITCH"].found
    switch.forbidden = {"show"}
    assert "esl-allowed-api" in (await examined(port))["FreeSWITCH"].found
    switch.forbidden = {"CUSTOM"}
    assert "CUSTOM conference::maintenance" in (await examined(port))["events of FreeSWITCH"].advice
    switch.password = "ClueCon"
    assert (await examined(port, password="ClueCon"))["password of FreeSWITCH"].state == "warning"
    switch.greeting = framed("text/rude-rejection", b"Access Denied, go away.\n")
    assert "apply-inbound-acl" in (await examined(port))["FreeSWITCH"].found
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = (await examined(free.getsockname()[1]))["FreeSWITCH"]
    assert (nobody.state, "listen-ip" in nobody.advice) == ("error", True)


async def test_without_a_freeswitch_nothing_is_said() -> None:
    assert [one async for one in examine_freeswitch(load({}, {}), ManualClock(BEGAN))] == []


def test_the_page_shows_how_it_is_set_and_no_password() -> None:
    known = {"host": "pbx", "password": "s3cret", "trunks": ["external"], "user": "u@x"}
    config = load({}, {"SWITCHHOOK_FREESWITCH": json.dumps(known)})
    said = {one.name: one.value for one in shown(config)}
    assert (said["freeswitch_host"], said["freeswitch_trunks"], said["freeswitch_user"]) == (
        "pbx",
        ["external"],
        "u@x",
    )
    assert "s3cret" not in repr(shown(config))
