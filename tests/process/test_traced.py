"""A real server, killed between two attempts: one trace, as a collector sees it."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.serving import Server
from tests.receiver import Receiver
from tests.tracing.judging import Read, read
from tests.waiting import until

pytestmark = pytest.mark.process

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TOKEN = "token-of-the-collector"


class Peer(Receiver):
    """A collector at /v1/traces, and a receiver that fails the first time everywhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"
        self.spans: list[Read] = []
        self.exported: list[bytes] = []
        self.delivered: list[dict[str, str]] = []

    def takes(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if path == "/v1/traces":
            assert headers["authorization"] == TOKEN
            self.exported.append(body)
            self.spans += read(body)
            return 200, b""
        self.delivered.append(headers)
        return 500 if len(self.delivered) == 1 else 204, b""

    def of_the_caller(self) -> list[Read]:
        """The spans of the caller's trace."""
        return [span for span in self.spans if span.trace == TRACE]

    def until(self, met: Callable[[], bool]) -> None:
        """Wait until something has arrived."""
        until(met, lambda: [span.name for span in self.spans])


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as running:
        yield running


def publish(server: Server, data: Any) -> str:
    request = urllib.request.Request(
        f"{server.url}/v2/api/events",
        method="POST",
        data=json.dumps({"topic": "sms.received", "data": data}).encode(),
        headers={
            "Authorization": f"Api-Key {server.key}",
            "Content-Type": "application/json",
            "Traceparent": f"00-{TRACE}-{CALLER}-01",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.loads(answer.read())["data"]["id"])


def test_a_retry_of_the_next_process_is_in_the_callers_trace_and_nothing_personal_goes_out(
    tmp_path: Path, peer: Peer
) -> None:
    settings: dict[str, Any] = {
        "traces_endpoint": peer.url,
        "traces_headers": f"authorization={TOKEN}",
        "retry_schedule": "0,3600",
    }
    words = {
        "id": "sms_1", "direction": "INBOUND", "type": "SMS", "content": "the secret words",
        "sent_at": "2025-03-15T14:30:00.000Z", "from_number": "+33612345678", "to_number": "+33123456789",
        "from_name": "Marie Martin", "to_name": "Reception", "user_email": "anna@example.com",
    }  # fmt: skip
    server = Server(tmp_path / "data", **settings)
    try:
        hook = {
            "url": f"{peer.url}/hook?key=the-url-key",
            "topics": ["sms.received"],
            "headers": {"x-own": "the-own"},
        }
        made = server.call("POST", "/v2/api/webhooks", hook)["data"]
        event = publish(server, words)
        peer.until(lambda: len(peer.of_the_caller()) == 3)
        attempt = next(span for span in peer.of_the_caller() if span.kind == "CLIENT")
        delivery = f"/v2/api/deliveries/{attempt.attributes['switchhook.delivery.id']}"
        peer.until(lambda: len(server.call("GET", delivery)["data"]["attempts"]) == 1)
        server.kill()
        server = Server(tmp_path / "data", **settings)
        server.call("POST", f"{delivery}/retry")
        peer.until(lambda: len(peer.of_the_caller()) == 4)
        metrics = urllib.request.urlopen(f"{server.url}/metrics", timeout=30).read().decode()
    finally:
        server.stop()
    spans = peer.of_the_caller()
    (request,) = [span for span in spans if span.kind == "SERVER"]
    (created,) = [span for span in spans if span.kind == "PRODUCER"]
    first, second = [span for span in spans if span.kind == "CLIENT"]
    assert (request.name, request.parent) == ("POST /v2/api/events", CALLER)
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["switchhook.request.id"].startswith("req_")
    assert created.parent == request.id
    assert first.parent == second.parent == created.id
    assert created.attributes["messaging.message.id"] == first.attributes["messaging.message.id"] == event
    assert [span.attributes["switchhook.delivery.state"] for span in (first, second)] == [
        "retrying",
        "succeeded",
    ]
    assert [span.attributes["switchhook.delivery.attempt"] for span in (first, second)] == [1, 2]
    assert first.resource["service.instance.id"] != second.resource["service.instance.id"]
    assert [one["traceparent"] for one in peer.delivered] == [
        f"00-{TRACE}-{span.id}-01" for span in (first, second)
    ]
    assert "switchhook_traces_spans_dropped_total 0" in metrics
    out = b"".join(peer.exported)
    personal = [value for name, value in words.items() if name not in ("direction", "type")]
    secret = ["the-url-key", "the-own", TOKEN, server.key, made["signing_secret"], peer.url, "127.0.0.1"]
    for value in [*personal, *secret, words["from_number"].lstrip("+")]:
        assert value.encode() not in out, value
