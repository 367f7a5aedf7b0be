"""Requests that are shown: those to us are sent and answered as the page says, those of ours are what is sent."""

import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from bench.serving import Server
from switchhook.events.catalogue import CATALOGUE, FURTHER, OPERATIONAL
from tests.documentation.blocks import Block, named, of
from tests.documentation.shell import WAIT, lines_of
from tests.ports import free_port, rtp_ports
from tests.receiver import Receiver
from tests.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.sip]

USER = {"email": "lea@acme.example", "sip": ["sip:lea@127.0.0.1:{port}"]}
NUMBER = {"number": "+33199999901", "users": ["lea@acme.example"]}
EVENT = {"topic": "tag.added", "data": json.loads(CATALOGUE["tag.added"].example)}
# What a page leaves out of a body, and what stands there in a real one.
LEFT_OUT = {
    '"data": {…}': f'"data": {CATALOGUE["call.received"].example.decode()}',
    "[ … up to 1,000 … ]": json.dumps([EVENT]),
}
OURS = re.compile(
    r"(GET|POST|PUT|PATCH|DELETE) (/v\S+)\s+(\{.*\}|)\s*(\d{3})(, or (\d{3}) when known|, all or nothing|)"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a SIP line, and a telephone on it that rings for ever."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as telephone:
        telephone.bind(("127.0.0.1", 0))
        port = telephone.getsockname()[1]
        running = Server(
            tmp_path_factory.mktemp("requests") / "data",
            sip_listen=f"127.0.0.1:{free_port()}",
            sip_rtp_ports=rtp_ports(),
            sip_trunk=f"127.0.0.1:{port}",
            users=json.dumps([USER]).replace("{port}", str(port)),
            numbers=json.dumps([NUMBER]),
        )
        yield running
        running.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def ask(server: Server, method: str, path: str, body: str) -> int:
    """The status that a request is answered with."""
    request = urllib.request.Request(
        server.url + path,
        method=method,
        data=body.encode() or None,
        headers={"Authorization": f"Api-Key {server.key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        pytest.fail(f"{method} {path}: {error.code} {error.read().decode()}")


def order(server: Server) -> str:
    """A call that rings; its id. An order is answered before the line has taken it, and only who is in a call says
    what was said in it."""
    made = server.call("POST", "/v2/api/calls", {"user_email": "lea@acme.example", "to": "+33612345678"})
    call = str(made["data"]["id"])
    until(lambda: call in [one["id"] for one in server.call("GET", "/v2/api/calls/active")["data"]], call)
    return call


def ours(block: Block, server: Server) -> None:
    """Send each request, and see that it is answered as it says."""
    for line in lines_of(block.text):
        read = OURS.fullmatch(line)
        assert read, f"{line}\nis not METHOD PATH BODY STATUS"
        method, path, body, first, _, again = read.groups()
        for left_out, real in LEFT_OUT.items():
            body = body.replace(left_out, real)
        if "{id}" in path:
            path = path.replace("{id}", order(server))
        assert ask(server, method, path, body) == int(first), line
        if again:
            assert ask(server, method, path, body) == int(again), line


def delivered(block: Block, server: Server, receiver: Receiver) -> None:
    """A request that a receiver gets: the headers that are shown, and a body with the keys that are shown."""
    shown = [re.split(r" {2,}", line)[0] for line in block.text.splitlines()]
    keys = {line: re.findall(r'"(\w+)":', line) for line in shown if line.startswith("{")}
    ((body_shown, names),) = keys.items()
    headers_shown = dict(line.split(": ", 1) for line in shown if re.match(r"[a-z-]+: ", line))
    if "CALL_RECEIVED" in body_shown:
        made = {"allo_number": "+33112345678", "url": receiver.url, "topics": ["CALL_RECEIVED"]}
        server.call("POST", "/v1/api/webhooks", made | {"enabled": True})
        topic = "call.completed"
    else:
        topic = "call.received"
        server.endpoint(receiver.url, [topic])
    call = json.loads(CATALOGUE[topic].example)
    call |= {"id": "cll_shown"} if topic == "call.completed" else {"started_at": "2025-03-15T14:59:59.000Z"}
    server.call("POST", "/v2/api/events", {"topic": topic, "data": call})
    headers, body = receiver.caught.get(timeout=WAIT)
    assert list(json.loads(body)) == names
    assert json.loads(body)["topic"] == re.findall(r'"topic":"(.+?)"', body_shown)[0]
    signed = {name for name in headers if name.startswith("webhook-")}
    assert signed == {name for name in headers_shown if name.startswith("webhook-")}
    for name, value in headers_shown.items():
        pattern = re.escape(value).replace("…", r"\S+")
        assert re.fullmatch(r"\d{10}" if value.isdigit() else pattern, headers[name]), name


@pytest.mark.parametrize("block", of("http"), ids=named(of("http")))
def test_requests_that_are_shown_are_those_that_are_made(
    block: Block, server: Server, receiver: Receiver
) -> None:
    if block.page == "delivery.md":
        delivered(block, server, receiver)
    else:
        ours(block, server)


def test_every_event_of_the_page_arrives_as_it_is_shown(server: Server, receiver: Receiver) -> None:
    """Published, or sent as a test where nobody can publish it; a foreign library verifies it."""
    shown = {block.heading: block.text for block in of("json") if block.page == "events.md"}
    made = server.endpoint(receiver.url, [*CATALOGUE, *FURTHER, *OPERATIONAL])
    verifier = Webhook(made["signing_secret"])
    for topic in (*CATALOGUE, *FURTHER, *OPERATIONAL):
        if topic in OPERATIONAL:
            server.call("POST", f"/v2/api/webhooks/{made['id']}/test", {"topic": topic})
        else:
            body = f'{{"topic": "{topic}", "data": {shown[topic]}}}'
            assert ask(server, "POST", "/v2/api/events", body) == 202
        headers, body_sent = receiver.caught.get(timeout=WAIT)
        verifier.verify(body_sent, headers)
        sent = json.loads(body_sent, parse_float=str)  # 25000.00 is not 25000.0
        assert sent["topic"] == topic
        assert sent["data"] == json.loads(shown[topic], parse_float=str)
