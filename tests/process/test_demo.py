"""`make demo`, the README's first command, as a new user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.sip]


def demo(folder: Path) -> str:
    env = os.environ | {"SWITCHHOOK_DEMO_DATA": str(folder / "demo-data")}
    done = subprocess.run(
        [sys.executable, "-m", "switchhook.demo", "--once"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    log = folder / "demo-data" / "demo.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    return done.stdout


def test_a_real_call_becomes_two_verified_webhooks_and_a_second_start_works(tmp_path: Path) -> None:
    for _ in range(2):
        printed = demo(tmp_path)
        assert re.search(r"call\.received +msg_\w{22} +signature verified", printed), printed
        assert re.search(r"call\.completed +msg_\w{22} +signature verified", printed), printed
        assert '"ANSWERED"' in printed
        assert '"+33612345678"' in printed
        assert '"camille@acme.example"' in printed
        assert re.search(
            r'recording_url +"http://127\.0\.0\.1:\d+/v1/assets/recordings/rec_\w+\.mp3\?', printed
        )
