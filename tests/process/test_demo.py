"""`make demo`, the README's first command, as a new user runs it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.sip]

# What the demonstration's two voices say (media/sounds/ORIGIN.txt).
CALLER_SAYS = (
    "Hello, this is Marie Dupont. I have a question about my last invoice. Could you please check it?"
)
SUPPORT_SAYS = "Good afternoon, this is support. Of course, let me pull up your account. One moment please."


def demo(folder: Path, **more: str) -> str:
    env = os.environ | {"SWITCHHOOK_DEMO_DATA": str(folder / "demo-data")} | more
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


def test_what_was_said_comes_with_the_end_of_the_call(tmp_path: Path) -> None:
    """Where an engine is installed: from the SIP line over the queue and the transcriber to the webhook."""
    pytest.importorskip("faster_whisper", reason="pip install 'switchhook[transcripts]'")
    printed = demo(tmp_path, SWITCHHOOK_TRANSCRIPTS_ENGINE="whisper", SWITCHHOOK_TRANSCRIPTS_WAIT="600")
    line = next(line for line in printed.splitlines() if line.strip().startswith("transcriptions "))
    said = {"EXTERNAL": "", "USER": ""}
    for one in json.loads(
        line.partition("transcriptions ")[2]
    ):  # one line or several: a pause may be heard or not
        said[one["source"]] += one["text"].lower() + " "
    # Which word a small model mishears differs from machine to machine, so none is asked for by itself: more than
    # half of what each of them said must be there, and of what only the other one said nothing.
    script = {"EXTERNAL": CALLER_SAYS, "USER": SUPPORT_SAYS}
    words = {side: set(re.findall(r"[a-z]+", text.lower())) for side, text in script.items()}
    heard = {side: set(re.findall(r"[a-z]+", text)) for side, text in said.items()}
    for side, other in (("EXTERNAL", "USER"), ("USER", "EXTERNAL")):
        own, foreign = words[side] - words[other], words[other] - words[side]
        assert len(own & heard[side]) * 2 > len(own), said
        assert len(foreign & heard[side]) * 4 < len(foreign), said
