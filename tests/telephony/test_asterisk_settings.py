"""How an Asterisk is named in the settings, and that `serve` watches it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from switchhook.clock import SystemClock
from switchhook.serving.app import serve
from switchhook.serving.asterisk import telephones
from switchhook.settings.asterisk import address
from switchhook.settings.config import ConfigError, load
from tests.telephony.ari_peer import Ari
from tests.telephony.asterisk_peer import Manager
from tests.telephony.asterisk_world import ari_capture, capture

USERS = '[{"email": "jane@example.com"}]'
FULL = {
    "host": "pbx.example.com",
    "user": "switchhook",
    "secret": "s3cret",
    "trunks": ["PJSIP/trunk"],
    "extensions": {"101": "jane@example.com"},
}


def env(settings: dict[str, Any], **more: str) -> dict[str, str]:
    return {"SWITCHHOOK_USERS": USERS, "SWITCHHOOK_ASTERISK": json.dumps(settings), **more}


def test_a_table_in_the_file_is_the_asterisk(tmp_path: Path) -> None:
    file = tmp_path / "switchhook.toml"
    file.write_text(
        'users = [{email = "jane@example.com"}]\n'
        '[asterisk]\nhost = "10.0.0.5"\nuser = "switchhook"\ntrunks = ["PJSIP/trunk*"]\nport = 5039\ntls = true\n'
        '[asterisk.extensions]\n101 = "jane@example.com"\n'
    )
    config = load({}, {"SWITCHHOOK_ASTERISK_SECRET": "s3cret"}, file)
    assert config.asterisk is not None
    assert address(config.asterisk) == ("10.0.0.5", 5039)
    assert telephones(config) == {"sip:101@asterisk": "jane@example.com"}
    assert config.asterisk_secret == "s3cret"
    assert "s3cret" not in repr(config)


def test_what_must_be_given_is_named() -> None:
    with pytest.raises(ConfigError, match="ASTERISK: user and trunks must be given"):
        load({}, env({"host": "pbx.example.com"}))


def test_without_a_port_it_is_the_usual_one_and_the_secret_is_not_shown() -> None:
    config = load({}, env(FULL))
    assert config.asterisk is not None
    assert address(config.asterisk) == ("pbx.example.com", 5038)
    assert "s3cret" not in repr(config) + repr(config.asterisk)
    assert load({}, {}).asterisk is None


@pytest.mark.parametrize(("tls", "port"), [(False, 8088), (True, 8089)])
def test_the_usual_port_of_ari_is_that_of_the_web_server_of_asterisk(tls: bool, port: int) -> None:
    config = load({}, env(FULL | {"mode": "ari", "tls": tls, "app": "office.1", "prefix": "/pbx"}))
    assert config.asterisk is not None
    assert address(config.asterisk) == ("pbx.example.com", port)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trunk": ["x"]}, "unknown setting 'trunk' of asterisk; did you mean trunks?"),
        ({"mode": "amy"}, "there is no mode 'amy'; did you mean ami?"),
        ({"port": 70_000}, "port"),
        ({"settle_seconds": 5}, "settle_seconds is a setting of mode ari, and the mode is ami"),
        ({"mode": "ari", "settle_seconds": 0}, "settle_seconds"),
        ({"lost_seconds": 5}, "lost_seconds"),
        ({"record": True}, "record is a setting of mode ari, and the mode is ami"),
        ({"app": "x"}, "app is a setting of mode ari, and the mode is ami"),
        ({"mode": "ari", "challenge": True}, "challenge is a setting of mode ami, and the mode is ari"),
        ({"mode": "ari", "app": "a b"}, "app must be"),
        ({"trunks": []}, "trunks must name at least one endpoint"),
        ({"trunks": "PJSIP/trunk"}, "trunks"),
        ({"host": ""}, "host and user must not be empty"),
        ({"secret": ""}, "there is no secret"),
        (
            {"extensions": {"101": "jan@example.com"}},
            "extension 101 is of the unknown user 'jan@example.com'; did you mean jane@example.com?",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match="SWITCHHOOK_ASTERISK: .*" + named.replace("?", r"\?")) as refused:
        load({}, env(FULL | change))
    assert "s3cret" not in str(refused.value)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a JSON object"):
        load({}, {"SWITCHHOOK_ASTERISK": "ami"})


@pytest.mark.parametrize("mode", ["ami", "ari"])
async def test_serve_watches_it_and_readyz_says_how_it_is(tmp_path: Path, mode: str) -> None:
    peer: Manager | Ari = Manager(secret="s3cret") if mode == "ami" else Ari(secret="s3cret")
    port = await peer.start()
    settings = FULL | {"host": "127.0.0.1", "port": port, "mode": mode, "inbound_contexts": ["inbound"]}
    config = load({"data": str(tmp_path / "data"), "port": 0}, env(settings))
    said: list[str] = []
    serving = asyncio.create_task(serve(config, SystemClock(), said.append))
    try:
        async with asyncio.timeout(30):
            while '"asterisk":"up"' not in await ready(said):
                await asyncio.sleep(0.02)
            await peer.tells(capture("ami-busy") if mode == "ami" else ari_capture("ari-busy"))
            peer.drop()
            await peer.stop()
            while '"asterisk":"lost: ' not in await ready(said):
                await asyncio.sleep(0.02)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await peer.stop()


async def ready(said: list[str]) -> str:
    """The body of /readyz, empty before there is one."""
    if not any(line.startswith("ready") for line in said):
        return ""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(said[-1].rpartition(":")[2]))
    writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    body = (await reader.read()).partition(b"\r\n\r\n")[2].decode()
    writer.close()
    return body.replace('": "', '":"')
