"""What a real server puts on the wire, judged by foreign libraries; and how it starts and stops."""

import json
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from bench.serving import Server
from switchhook.events.catalogue import CATALOGUE
from switchhook.events.first_version import NAMES
from tests.receiver import Receiver
from tests.webhooks.node import node_verifies

pytestmark = pytest.mark.process

NONE = type(None)


class Catcher(Receiver):
    """While `speak` is clear it does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.speak = threading.Event()
        self.speak.set()
        self.url += "?source=phone"

    def takes(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        answer = super().takes(path, headers, body)
        self.speak.wait(300)
        return answer


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    with Catcher() as running:
        yield running
        running.speak.set()


def test_delivered_bytes_verify_with_the_foreign_libraries_of_python_and_node(
    tmp_path: Path, catcher: Catcher
) -> None:
    server = Server(tmp_path / "data")
    try:
        secret = server.endpoint(catcher.url, list(CATALOGUE))["signing_secret"]
        for topic, row in CATALOGUE.items():
            data = json.loads(row.example)
            made = server.call("POST", "/v2/api/events", {"topic": topic, "data": data})["data"]
            headers, body = catcher.caught.get(timeout=60)
            assert headers["webhook-id"] == made["id"]
            assert headers["content-type"] == "application/json"
            payload = Webhook(secret).verify(body, headers)
            assert (payload["topic"], payload["version"], payload["data"]) == (topic, "2.0", data)
            seen = node_verifies(secret, headers, body)
            assert seen["ok"], seen
            assert seen["payload"]["data"] == data
    finally:
        server.stop()


V1_CALL: dict[str, Any] = {
    "id": str, "start_date": str, "recording_url": (str, NONE), "from_number": str, "from_name": str, "to": str,
    "to_name": str, "length_in_minutes": (int, float), "length": str, "tag": (str, NONE), "summary": str,
    "one_sentence_summary": str, "transcriptions": list, "concatenated_transcript": str, "data_collected": dict,
    "type": str, "result": str, "integration_id": (str, NONE), "transfer_from": dict, "transfer_to": dict,
    "user_email": str, "original_to_number": (str, NONE), "original_to_name": (str, NONE),
    "transfer_original_call_id": (str, NONE), "ivr_result": list,
}  # fmt: skip
"""What a receiver of the first version declares of a call."""


def test_a_client_and_a_receiver_of_the_first_version_work_unchanged(
    tmp_path: Path, catcher: Catcher
) -> None:
    server = Server(tmp_path / "data")
    handled: list[tuple[str, str]] = []

    def receive(headers: dict[str, str], body: bytes) -> None:
        """As one that is in use reads it: it knows four topics, throws on any other, and has its fields typed."""
        event = json.loads(body)
        assert set(event) == {"topic", "data"}
        assert "webhook-signature" not in headers
        if event["topic"] not in ("CALL_RECEIVED", "SMS_RECEIVED", "CONTACT_CREATED", "CONTACT_UPDATED"):
            raise ValueError(event["topic"])
        if event["topic"] == "CALL_RECEIVED":
            assert set(event["data"]) == set(V1_CALL)
            for name, kind in V1_CALL.items():
                assert isinstance(event["data"][name], kind), name
        handled.append((event["topic"], headers["webhook-id"]))

    try:
        asked = {"allo_number": "+33123456789", "url": catcher.url, "enabled": True}
        topics = ["CALL_RECEIVED", "SMS_RECEIVED", "CONTACT_CREATED", "CONTACT_UPDATED"]
        hook = server.call("POST", "/v1/api/webhooks", {**asked, "topics": topics})["data"]
        assert (hook["alloNumber"], hook["topics"]) == (asked["allo_number"], topics)
        expected = []
        for number in ("+33123456789", "+33198765432"):
            for topic in CATALOGUE:
                data = json.loads(CATALOGUE[topic].example)
                if topic == "call.completed":
                    data |= {"type": "INBOUND", "to": number}
                elif topic == "sms.received":
                    data["to_number"] = number
                if "id" in data:
                    data["id"] = f"{data['id']}{number[-1]}"
                made = server.call("POST", "/v2/api/events", {"topic": topic, "data": data})["data"]["id"]
                name = NAMES.get(topic)
                if name in topics and (number == asked["allo_number"] or topic.startswith("contact")):
                    expected.append((name, made))
        for _ in expected:
            receive(*catcher.caught.get(timeout=60))
        assert sorted(handled) == sorted(expected)
        server.call("POST", f"/v2/api/webhooks/{hook['id']}/test", {"topic": "PING"})
        _, body = catcher.caught.get(timeout=60)
        assert body == b'{"topic":"PING","data":{}}'
        (listed,) = server.call("GET", "/v1/api/webhooks")["data"]
        assert {name: listed[name] for name in asked} == asked
        assert server.call("DELETE", f"/v1/api/webhooks/{hook['id']}") is None
    finally:
        server.stop()
    assert catcher.caught.empty()


def test_a_server_stops_within_its_time_while_a_receiver_hangs_and_the_message_comes_again(
    tmp_path: Path, catcher: Catcher
) -> None:
    server = Server(tmp_path / "data", delivery_timeout=120)
    try:
        server.endpoint(catcher.url, ["tag.added"])
        catcher.speak.clear()
        data = {"call_id": "cll_1", "tag_key": "a", "tag_name": "A", "user_email": None}
        server.call("POST", "/v2/api/events", {"topic": "tag.added", "data": data})
        first = catcher.caught.get(timeout=60)
        assert server.stop(seconds=60) == 0  # raises when it takes as long as the receiver may
        catcher.speak.set()
        server = Server(tmp_path / "data")
        again = catcher.caught.get(timeout=60)
    finally:
        server.stop()
    assert again[1] == first[1]
    assert again[0]["webhook-id"] == first[0]["webhook-id"]


def test_a_second_server_on_the_same_data_is_refused_and_says_who_has_it(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    try:
        second = subprocess.run(
            [sys.executable, "-m", "switchhook", "serve", "--data", str(tmp_path / "data"), "--port", "0"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
        )
    finally:
        server.stop()
    assert second.returncode == 1
    assert str(server.child.pid) in second.stderr
    assert "Traceback" not in second.stderr
    assert second.stdout == ""


def test_a_key_made_while_serving_works_at_once_and_is_printed_alone(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    command = [sys.executable, "-m", "switchhook", "keys", "create", "--data", str(tmp_path / "data")]
    try:
        made = subprocess.run(
            [*command, "--scopes", "EVENTS_WRITE", "--name", "pbx"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            cwd=tmp_path,
        )
        server.key = made.stdout.removesuffix("\n")
        assert "\n" not in server.key
        assert server.call("GET", "/v2/api/me")["data"]["scopes"] == ["EVENTS_WRITE"]
        wrong = subprocess.run(
            [*command, "--scopes", "EVENTS_WRITES"], capture_output=True, text=True, timeout=120, check=False
        )
    finally:
        server.stop()
    assert wrong.returncode == 2
    assert "EVENTS_WRITE" in wrong.stderr


def test_a_workspace_made_while_serving_has_its_own_key_and_webhooks_at_once(
    tmp_path: Path, catcher: Catcher
) -> None:
    server = Server(tmp_path / "data")

    def switchhook(*args: str) -> str:
        command = [sys.executable, "-m", "switchhook", *args, "--data", str(tmp_path / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
        return done.stdout.removesuffix("\n")

    try:
        server.endpoint(f"{catcher.url}&whose=first", ["tag.added"])
        switchhook("workspaces", "create", "Harbour Dental")
        server.key = switchhook("keys", "create", "--scopes", "ALL", "--workspace", "Harbour Dental")
        assert server.call("GET", "/v2/api/webhooks")["data"] == []
        secret = server.endpoint(catcher.url, ["tag.added"])["signing_secret"]
        data = {"call_id": "cll_1", "tag_key": "a", "tag_name": "A", "user_email": None}
        server.call("POST", "/v2/api/events", {"topic": "tag.added", "data": data})
        headers, body = catcher.caught.get(timeout=60)
        assert Webhook(secret).verify(body, headers)["data"] == data
    finally:
        server.stop()
    assert catcher.caught.empty()


def test_an_unknown_option_anywhere_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    def serve(*flags: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "switchhook", "serve", *flags],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", **env},
        )

    (tmp_path / "wrong.toml").write_text("delivery_time_out = 5\n")
    for done, near in (
        (serve("--prot", "1"), "--port"),
        (serve(SWITCHHOOK_DELIVERY_TIMEOUTS="5"), "SWITCHHOOK_DELIVERY_TIMEOUT"),
        (serve("--config", "wrong.toml"), "delivery_timeout"),
        (serve("--port", "http"), "--port"),
    ):
        assert done.returncode == 2, done
        assert near in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "switchhook-data").exists()


def test_a_server_may_open_as_many_files_as_the_system_lets_it(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        server = Server(tmp_path / "data")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        limits = Path(f"/proc/{server.child.pid}/limits").read_text()
        assert re.search(rf"^Max open files +{hard} +{hard} ", limits, re.MULTILINE)
    finally:
        server.stop()


def test_ctrl_c_is_a_clean_stop(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.child.send_signal(signal.SIGINT)
    assert server.child.wait(60) == 0
    server.stop()
