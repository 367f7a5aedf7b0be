"""What `serve` refuses before it touches anything."""

from pathlib import Path
from typing import Any

import pytest

from switchhook.app import serve
from switchhook.clock import ManualClock
from switchhook.config import ConfigError, load


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        (
            "users",
            '[{"email": "a@example.com", "sip": ["bob"]}]',
            "SWITCHHOOK_USERS: not a SIP address: 'bob'",
        ),
        ("sip_trunk", "not an address", "SWITCHHOOK_SIP_TRUNK: not a SIP address"),
        ("sip_greeting", "nowhere.wav", "SWITCHHOOK_SIP_GREETING: .*nowhere.wav"),
    ],
)
async def test_what_no_call_could_use_is_refused_before_it_is_stored(
    tmp_path: Path, setting: str, value: Any, named: str
) -> None:
    """Users stay in the database: a wrong address that got there would still be refused when the file is mended."""
    data = tmp_path / "data"
    config = load({"data": str(data)}, {f"SWITCHHOOK_{setting.upper()}": value})
    with pytest.raises(ConfigError, match=named):
        await serve(config, ManualClock(), print)
    assert not data.exists()
