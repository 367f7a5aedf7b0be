"""`switchhook call` as somebody outside: real calls to the SIP line of a real server, and what its webhooks say."""

import array
import json
import os
import subprocess
import sys
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import miniaudio
import pytest

from bench.serving import Server
from switchhook.clock import SystemClock
from switchhook.commands.trial import refusal
from switchhook.findings.sip import examine_sip
from switchhook.settings.config import load
from switchhook.telephony.sip.caller import Errand, Outcome
from tests.receiver import Receiver
from tests.telephony.sip_world import free_port, power, rtp_ports, tone_wav

pytestmark = [pytest.mark.process, pytest.mark.sip, pytest.mark.timeout(240)]

GREETING_HZ, SAID_HZ, WAV_HZ = 500.0, 800.0, 1250.0
MAILBOX, MENU, BLOCKED = "+33112345678", "+33112345679", "+33899123456"
SPEAKER = """
import array, math, sys, wave
assert sys.stdin.read().strip()
with wave.open(sys.stdout.buffer, "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(22050)
    step = math.tau * float(sys.argv[1]) / 22050
    file.writeframes(array.array("h", (round(8000 * math.sin(step * i)) for i in range(4 * 22050))))
"""


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A program that says everything in one tone, whose frequency is its argument."""
    path = tmp_path_factory.mktemp("speaker") / "says.py"
    path.write_text(SPEAKER)
    return f"{sys.executable} {path}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, speaker: str) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("line")
    menu = {
        "name": "main",
        "greeting": "say for sales press one",
        "seconds": 20,
        "keys": {"1": {"label": "Sales", "do": "voicemail"}},
    }
    user = {"email": "anna@x.example", "sip": [f"sip:anna@127.0.0.1:{free_port()}"]}  # off
    running = Server(
        folder / "data",
        sip_listen=f"127.0.0.1:{free_port()}",
        sip_rtp_ports=rtp_ports(),
        sip_greeting=tone_wav(folder / "greeting.wav", GREETING_HZ, 0.5),
        sip_speak=f"{speaker} {GREETING_HZ}",
        sip_block=BLOCKED,
        users=json.dumps([user]),
        menus=json.dumps([menu]),
        numbers=json.dumps(
            [
                {"number": MAILBOX, "name": "Mailbox", "users": ["anna@x.example"]},
                {"number": MENU, "name": "Menu", "answer": "menu main", "users": ["anna@x.example"]},
            ]
        ),
    )
    yield running
    running.stop()


def call(server: Server, *args: str) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHHOOK_")}
    env |= {"SWITCHHOOK_URL": server.url, "SWITCHHOOK_KEY": server.key, "SWITCHHOOK_CONFIG": os.devnull}
    return subprocess.run(
        [sys.executable, "-m", "switchhook", "call", *args, "--json"],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def delivered(receiver: Receiver, call_id: str) -> dict[str, Any]:
    """The webhook of the end of that call."""
    while True:
        try:
            _, body = receiver.caught.get(timeout=60)
        except Empty:
            raise AssertionError("no webhook of the call has come") from None
        data: dict[str, Any] = json.loads(body)["data"]
        if data["id"] == call_id:
            return data


def recorded(url: str) -> "array.array[int]":
    """What the caller said, by the recording that a webhook names."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        sound = miniaudio.decode(answer.read(), nchannels=2, sample_rate=8000)
    return array.array("h", sound.samples)[0::2]


def test_what_is_said_is_in_the_recording_that_the_webhook_names(
    server: Server, receiver: Receiver, speaker: str, tmp_path: Path
) -> None:
    server.endpoint(receiver.url, ["call.completed"])
    heard = tmp_path / "heard.wav"
    said = ("--say", "Hello", "--speak", f"{speaker} {SAID_HZ}", "--from", "+33 6 39 98 00 02")
    done = call(server, MAILBOX, *said, "--heard", str(heard))
    assert done.returncode == 0, done
    told = json.loads(done.stdout)
    assert (told["answered"], told["said"], told["ended_by"]) == (True, True, "caller")
    assert told["from"] == "+33639980002"
    assert [one["topic"] for one in told["events"]] == ["call.received", "call.completed"]
    data = delivered(receiver, told["call"]["id"])
    assert data == told["call"]
    assert (data["result"], data["to"], data["from_number"]) == ("VOICEMAIL", MAILBOX, "+33639980002")
    left = recorded(data["recording_url"])
    assert power(left, SAID_HZ) > 0.02
    assert power(left, SAID_HZ) > 20 * power(left, WAV_HZ)
    with wave.open(str(heard)) as file:
        sound = array.array("h", file.readframes(file.getnframes()))
    assert power(sound, GREETING_HZ) > 20 * power(sound, SAID_HZ)


def test_keys_are_pressed_in_a_menu_before_a_file_is_played(
    server: Server, receiver: Receiver, tmp_path: Path
) -> None:
    server.endpoint(receiver.url, ["call.completed"])
    done = call(server, MENU, "--dtmf", "1", "--wav", str(tone_wav(tmp_path / "w.wav", WAV_HZ, 4.0)))
    assert done.returncode == 0, done
    told = json.loads(done.stdout)
    assert (told["pressed"], told["said"]) == ("1", True)
    data = delivered(receiver, told["call"]["id"])
    assert data["ivr_result"] == [{"dtmf_key": "1", "text_key": "Sales"}]
    assert power(recorded(data["recording_url"]), WAV_HZ) > 0.02


def test_a_refusal_is_told_in_words_and_with_what_the_server_says(server: Server) -> None:
    blocked = call(server, MAILBOX, "--test", "--from", BLOCKED)
    assert blocked.returncode == 1
    told = json.loads(blocked.stdout)
    assert (told["answered"], told["status"], told["call"]["result"]) == (False, 403, "BLOCKED")
    assert "blocked" in told["reason"]
    assert told["reason"] in blocked.stderr
    strange = call(server, "+33199999999", "--test")
    assert strange.returncode == 1
    assert "+33199999999 is no number of this line" in strange.stderr


def test_where_no_line_is_nobody_is_waited_for(server: Server) -> None:
    free = free_port()
    done = call(server, MAILBOX, "--test", "--line", f"127.0.0.1:{free}")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"nothing listens at 127.0.0.1:{free}" in done.stderr


async def test_a_line_that_runs_answers_the_doctor(server: Server, tmp_path: Path) -> None:
    telephony = server.call("GET", "/v2/api/system")["data"]["settings"]
    (listen,) = [one["value"] for one in telephony if one["name"] == "sip_listen"]
    config = load({"data": str(tmp_path), "sip_listen": listen})
    (found,) = [one async for one in examine_sip(config, SystemClock())]
    assert (found.state, found.found) == ("ok", f"{listen} answers: 200 OK")


ERRAND = Errand("192.0.2.7", 5060, "192.0.2.1", "+33112345678", "+33639980001", ring=20)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Outcome(), "no SIP line answers at 192.0.2.7:5060"),
        (Outcome(), "is 192.0.2.1 in [sip] allow"),
        (Outcome(sign=True, rang=True), "nobody answered within 20 s"),
        (Outcome(sign=True, status=401), "be somebody else with --from"),
        (Outcome(sign=True, status=404), "404: +33112345678 is no number of this line"),
        (Outcome(sign=True, status=480), "no mailbox takes messages"),
        (Outcome(sign=True, status=486), "it is busy"),
        (Outcome(sign=True, status=488), "--srtp"),
        (Outcome(sign=True, status=503), "max_calls"),
        (Outcome(sign=True, status=499), "with 499: see the log"),
    ],
    ids=range(10),
)
def test_why_nobody_answered(outcome: Outcome, says: str) -> None:
    assert says in refusal(outcome, ERRAND)


def test_nothing_is_refused_when_somebody_answered() -> None:
    assert refusal(Outcome(sign=True, answered=True, status=500), ERRAND) == ""


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "to ring a number of the line from outside"),
        (("--say", "x", "--user", "a@x.example"), "--user and --record are of an order"),
        (("--say", "x", "--wav", "x.wav"), "either --say or --wav"),
        (("--dtmf", "1x"), "'X' is no key"),
        (("--test", "--from", "Marie <x>"), "write it like +33112345678"),
        (("--test", "--line", "x:y:z"), "--line must be like"),
        (("--test", "--key", ""), "name it with --line"),
    ],
    ids=range(7),
)
def test_a_call_that_is_wrongly_asked_for_says_how(args: tuple[str, ...], says: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHHOOK_")}
    done = subprocess.run(
        [sys.executable, "-m", "switchhook", "call", "+33112345678", *args],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
