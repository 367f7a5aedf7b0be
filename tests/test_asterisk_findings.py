"""What `switchhook doctor` says of an Asterisk, over both of its interfaces."""

import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from switchhook.clock import ManualClock
from switchhook.findings.asterisk import examine_asterisk, judged
from switchhook.findings.installation import Finding
from switchhook.settings.asterisk import AsteriskConfig
from switchhook.settings.config import load
from switchhook.settings.shown import shown
from switchhook.telephony.asterisk.happenings import Channel
from switchhook.telephony.asterisk.session import Looked
from tests.telephony.ari_peer import Ari
from tests.telephony.asterisk_peer import Manager
from tests.telephony.asterisk_world import BEGAN, Pbx, as_ari

USERS = '[{"email": "jane@example.com"}]'
SETTINGS = AsteriskConfig(
    "10.0.0.5", "u", ("PJSIP/trunk*",), inbound_contexts=("inbound",), extensions={"101": "jane@example.com"}
)
TRUNK = Channel("1.1", "1.1", "PJSIP/trunk-1", context="inbound")
JANE = Channel("1.2", "1.1", "PJSIP/101-2", context="internal")
ENDPOINTS = ("PJSIP/101", "PJSIP/trunk-paris")


def looked(**changes: Any) -> Looked:
    return Looked(
        **{"version": "22.10.1", "apart": 0.4, "channels": (TRUNK, JANE), "endpoints": ENDPOINTS, **changes}
    )


@pytest.mark.parametrize(
    ("seen", "what", "state", "said"),
    [
        ({}, "Asterisk", "ok", "10.0.0.5:5038 is reached, version 22.10.1"),
        ({"version": ""}, "Asterisk", "ok", "version not told"),
        ({"version": "GIT-master-1"}, "Asterisk", "ok", "version GIT-master-1"),
        ({"version": "11.25.3"}, "Asterisk", "error", "is version 11.25.3"),
        ({"apart": -7.5}, "clock of Asterisk", "warning", "it is 7.5 s behind"),
        ({"apart": 3600}, "clock of Asterisk", "warning", "it is 3600 s ahead"),
        ({}, "trunks of Asterisk", "ok", "PJSIP/trunk-paris"),
        ({"endpoints": ("PJSIP/101",)}, "trunks of Asterisk", "error", "no endpoint is PJSIP/trunk*"),
        ({"endpoints": ("PJSIP/trunk",)}, "telephones of Asterisk", "warning", "no endpoint is 101"),
        ({}, "calls of Asterisk", "ok", "calls are up at PJSIP/trunk in inbound"),
        ({"channels": ()}, "calls of Asterisk", "ok", "no call is up"),
        (
            {"channels": (Channel("1.1", "", "PJSIP/trunk-1", context="from-pstn"),)},
            "calls of Asterisk",
            "warning",
            "PJSIP/trunk in from-pstn, none in a context",
        ),
        (
            {"channels": (TRUNK, Channel("1.3", "", "PJSIP/109-3"))},
            "telephones of Asterisk",
            "warning",
            "calls are up at PJSIP/109, which are nobody's",
        ),
    ],
)
def test_what_is_said_of_what_was_seen(seen: dict[str, Any], what: str, state: str, said: str) -> None:
    findings = {one.what: one for one in judged(looked(**seen), SETTINGS, "10.0.0.5:5038")}
    assert (findings[what].state, said in findings[what].found) == (state, True), findings[what]
    assert all(bool(one.advice) == (one.state != "ok") for one in findings.values())


def test_what_is_well_needs_no_advice_and_what_is_not_told_is_not_judged() -> None:
    quiet = looked(apart=None, endpoints=None)
    for seen in (looked(), quiet):
        assert {one.state for one in judged(seen, SETTINGS, "x")} == {"ok"}
    assert "trunks of Asterisk" not in {one.what for one in judged(quiet, SETTINGS, "x")}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGAN)


@pytest.fixture
async def ari() -> AsyncIterator[Ari]:
    made = Ari(secret="s3cret")
    made.channels = [as_ari(Pbx().inbound().messages[0])["channel"]]
    made.raw = {
        "/ari/asterisk/info": b'{"system": {"version": "20.9.3"}}',
        "/ari/endpoints": b'[{"technology": "PJSIP", "resource": "trunk"}, {"technology": "PJSIP", "resource": "101"}]',
    }
    made.date = "Mon, 23 Nov 2026 12:20:38 GMT"  # a minute later than the test has it
    yield made
    await made.stop()


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    made = Manager(secret="s3cret")
    made.up = [{**Pbx.channel("PJSIP/trunk-1", context="inbound"), "ChannelStateDesc": "Up"}]
    made.time = BEGAN / 1000 + 60
    yield made
    await made.stop()


async def findings(clock: ManualClock, port: int, mode: str, secret: str = "s3cret") -> dict[str, Finding]:
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "user": "switchhook",
        "mode": mode,
        "trunks": ["PJSIP/trunk"],
        "inbound_contexts": ["inbound"],
        "extensions": {"101": "jane@example.com"},
    }
    environ = {"SWITCHHOOK_USERS": USERS, "SWITCHHOOK_ASTERISK": json.dumps(settings)}
    config = load({}, environ | {"SWITCHHOOK_ASTERISK_SECRET": secret})
    return {one.what: one async for one in examine_asterisk(config, clock)}


async def test_an_asterisk_is_looked_at_over_ari_and_who_listens_is_not_replaced(
    ari: Ari, clock: ManualClock
) -> None:
    found = await findings(clock, await ari.start(), "ari")
    assert {name: one.state for name, one in found.items()} == {
        "Asterisk": "ok",
        "clock of Asterisk": "warning",
        "trunks of Asterisk": "ok",
        "calls of Asterisk": "ok",
    }
    assert "over ARI is reached, version 20.9.3" in found["Asterisk"].found
    assert "60 s ahead" in found["clock of Asterisk"].found
    assert ari.asked[0].startswith("/ari/events?app=switchhook-doctor&")


async def test_without_the_module_that_tells_it_the_version_is_not_known(
    ari: Ari, clock: ManualClock
) -> None:
    del ari.raw["/ari/asterisk/info"], ari.raw["/ari/endpoints"]
    found = await findings(clock, await ari.start(), "ari")
    assert "version not told" in found["Asterisk"].found
    assert "trunks of Asterisk" not in found


async def test_an_asterisk_is_looked_at_over_ami(manager: Manager, clock: ManualClock) -> None:
    found = await findings(clock, await manager.start(), "ami")
    assert {name: one.state for name, one in found.items()} == {
        "Asterisk": "ok",
        "clock of Asterisk": "warning",
        "calls of Asterisk": "ok",
    }
    assert "over AMI is reached, version 22.10.1" in found["Asterisk"].found
    assert {action["Action"] for action in manager.asked} == {
        "Challenge",
        "Login",
        "BridgeList",
        "CoreShowChannels",
        "CoreSettings",
        "Ping",
    }


@pytest.mark.parametrize(("mode", "file"), [("ami", "manager.conf"), ("ari", "ari.conf")])
async def test_who_is_not_let_in_is_told_where_to_look(
    ari: Ari, manager: Manager, clock: ManualClock, mode: str, file: str
) -> None:
    port = await (ari.start() if mode == "ari" else manager.start())
    found = await findings(clock, port, mode, "wrong")
    assert list(found) == ["Asterisk"]
    assert found["Asterisk"].state == "error"
    assert file in found["Asterisk"].found
    assert "wrong" not in str(found)


@pytest.mark.parametrize("mode", ["ami", "ari"])
async def test_what_is_not_reached_is_an_error(clock: ManualClock, mode: str) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        found = await findings(clock, taken.getsockname()[1], mode)
    assert (found["Asterisk"].state, "cannot reach" in found["Asterisk"].found) == ("error", True)


async def test_without_an_asterisk_nothing_is_said(clock: ManualClock) -> None:
    assert [one async for one in examine_asterisk(load({}, {}), clock)] == []


def test_the_page_shows_the_settings_of_an_asterisk_and_no_secret() -> None:
    settings = {"host": "10.0.0.5", "user": "u", "secret": "s3cret", "trunks": ["PJSIP/trunk"], "mode": "ari"}
    seen = shown(load({}, {"SWITCHHOOK_ASTERISK": json.dumps(settings)}))
    found = {one.name: one.value for one in seen if one.name.startswith("asterisk_")}
    assert (found["asterisk_host"], found["asterisk_mode"]) == ("10.0.0.5", "ari")
    assert found["asterisk_trunks"] == ["PJSIP/trunk"]
    assert "s3cret" not in str(seen)
    assert not [one for one in shown(load({}, {})) if one.name.startswith("asterisk_")]
