"""How a FreeSWITCH is named in the settings, and that `serve` watches it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from switchhook.clock import SystemClock
from switchhook.serving.app import serve
from switchhook.serving.asterisk import telephones
from switchhook.serving.freeswitch import esl_access
from switchhook.settings.config import ConfigError, load
from tests.telephony.freeswitch_peer import Socket
from tests.telephony.freeswitch_world import capture

USERS = '[{"email": "jane@example.com"}]'
FULL = {
    "host": "pbx.example.com",
    "password": "s3cret",
    "trunks": ["external"],
    "extensions": {"101": "jane@example.com"},
}


def env(settings: dict[str, Any], **more: str) -> dict[str, str]:
    return {"SWITCHHOOK_USERS": USERS, "SWITCHHOOK_FREESWITCH": json.dumps(settings), **more}


def test_a_table_in_the_file_is_the_freeswitch(tmp_path: Path) -> None:
    file = tmp_path / "switchhook.toml"
    file.write_text(
        'users = [{email = "jane@example.com"}]\n'
        '[freeswitch]\nhost = "10.0.0.5"\nuser = "switchhook@example.com"\ntrunks = ["external"]\nport = 8022\n'
        '[freeswitch.extensions]\n101 = "jane@example.com"\n'
    )
    config = load({}, {"SWITCHHOOK_FREESWITCH_PASSWORD": "s3cret"}, file)
    assert config.freeswitch is not None
    access = esl_access(config)
    assert (access.host, access.port, access.user, access.password) == (
        "10.0.0.5",
        8022,
        "switchhook@example.com",
        "s3cret",
    )
    assert telephones(config) == {"sip:101@freeswitch": "jane@example.com"}
    assert "s3cret" not in repr(config)


def test_without_a_port_it_is_the_usual_one_and_the_password_is_not_shown() -> None:
    config = load({}, env(FULL))
    assert config.freeswitch is not None
    assert config.freeswitch.port == 8021
    assert "s3cret" not in repr(config) + repr(config.freeswitch) + repr(esl_access(config))
    assert load({}, {}).freeswitch is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trunk": ["x"]}, "unknown setting 'trunk' of freeswitch; did you mean trunks?"),
        ({"port": 70_000}, "port"),
        ({"trunks": []}, "trunks must name at least one gateway"),
        ({"trunks": "external"}, "trunks"),
        ({"host": ""}, "host must not be empty"),
        ({"user": "switchhook"}, "user must be name@domain"),
        ({"password": "s3cret\nx"}, "must be of one line"),
        ({"password": ""}, "there is no password"),
        ({"recordings_mount": "/mnt"}, "recordings must name the directory"),
        ({"recordings": "rec", "recordings_mount": "/mnt"}, "recordings must be a directory"),
        ({"recordings": "/a/../b", "recordings_mount": "/mnt"}, "recordings must be a directory"),
        ({"recordings": "/rec"}, "either recordings_mount or recordings_url"),
        (
            {"recordings": "/rec", "recordings_mount": "/mnt", "recordings_url": "https://x"},
            "either recordings_mount or recordings_url",
        ),
        ({"recordings": "/rec", "recordings_mount": "mnt"}, "recordings_mount must be a directory"),
        ({"recordings": "/rec", "recordings_url": "pbx.example.com"}, "https://"),
        (
            {"extensions": {"101": "jan@example.com"}},
            "extension 101 is of the unknown user 'jan@example.com'; did you mean jane@example.com?",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match="SWITCHHOOK_FREESWITCH: .*" + named.replace("?", r"\?")) as refused:
        load({}, env(FULL | change))
    assert "s3cret" not in str(refused.value)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a JSON object"):
        load({}, {"SWITCHHOOK_FREESWITCH": "esl"})


async def test_serve_watches_it_and_readyz_says_how_it_is(tmp_path: Path) -> None:
    switch = Socket(password="s3cret")
    port = await switch.start()
    settings = FULL | {"host": "127.0.0.1", "port": port, "inbound_contexts": ["inbound"]}
    config = load({"data": str(tmp_path / "data"), "port": 0}, env(settings))
    said: list[str] = []
    serving = asyncio.create_task(serve(config, SystemClock(), said.append))
    try:
        async with asyncio.timeout(30):
            while '"freeswitch":"up"' not in await ready(said):
                await asyncio.sleep(0.02)
            await switch.tells(capture("cancel"))
            await switch.stop()
            while '"freeswitch":"lost: ' not in await ready(said):
                await asyncio.sleep(0.02)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await switch.stop()


async def ready(said: list[str]) -> str:
    """The body of /readyz, empty before there is one."""
    if not any(line.startswith("ready") for line in said):
        return ""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(said[-1].rpartition(":")[2]))
    writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    body = (await reader.read()).partition(b"\r\n\r\n")[2].decode()
    writer.close()
    return body.replace('": "', '":"')
