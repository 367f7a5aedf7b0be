"""Calls of Twilio on real servers that are killed: what was answered is kept, what is owed is fetched later."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, fromstring

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bench.serving import Server
from tests.telephony.test_twilio_keeper import a_wav
from tests.telephony.twilio_calls import (
    ANNA,
    CALL,
    OURS,
    SID,
    comes_in,
    dialled,
    is_over,
    progress,
    recording,
)
from tests.telephony.twilio_peer import TOKEN, TwilioPeer
from tests.waiting import until

pytestmark = pytest.mark.process

PUBLIC = "https://phone.example"
USERS = [{"email": "anna@example.com"}]
NUMBERS = [{"number": OURS, "users": ["anna@example.com"]}]


@pytest.fixture
def peer() -> Iterator[TwilioPeer]:
    """Twilio's API, in a thread of its own."""
    made, loop = TwilioPeer(), asyncio.new_event_loop()
    loop.run_until_complete(made.start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield made
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(made.stop())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def serve(folder: Path, peer: TwilioPeer, database: str) -> Server:
    twilio = {
        "account_sid": SID,
        "auth_token": TOKEN,
        "url": peer.url,
        "telephones": {"anna@example.com": [ANNA]},
    }
    more: dict[str, Any] = {"database": database} if database else {}
    return Server(
        folder / "data",
        public_url=PUBLIC,
        users=json.dumps(USERS),
        numbers=json.dumps(NUMBERS),
        twilio=json.dumps(twilio),
        **more,
    )


def post(server: Server, url: str, form: dict[str, str]) -> Element:
    """What Twilio is answered, through a proxy that reaches the server by another name."""
    path = url.removeprefix(PUBLIC)
    request = urllib.request.Request(
        server.url + path,
        data=urlencode(form).encode(),
        headers={"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(PUBLIC + path, form)},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return fromstring(answer.read())


def calls(server: Server) -> list[dict[str, Any]]:
    found = server.call("POST", "/v2/api/conversations/items/search", {})["data"]
    return [one for one in found if one["type"] == "CALL"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_call_goes_on_over_kills_and_its_recording_is_fetched(
    tmp_path: Path, peer: TwilioPeer, kind: str, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("database") if kind == "postgresql" else ""
    first = serve(tmp_path, peer, database)
    servers = [first]
    try:
        (dial,) = post(first, "/hooks/twilio/voice", comes_in())
        other = first
        if database:  # another process, which is told of the same call
            other = serve(tmp_path, peer, database)
            servers.append(other)
        callback = dial[0].get("statusCallback", "")
        post(other, callback, progress(ANNA, "in-progress", 4))
        post(other, dial.get("action", ""), dialled("completed"))
        post(other, callback, progress(ANNA, "completed", 24, 20))
        peer.faults = ["503"]  # Twilio cannot be asked for a moment
        post(other, dial.get("recordingStatusCallback", ""), recording())
        if database:
            first.kill()  # it had the line
        else:
            other.kill()
            other = serve(tmp_path, peer, database)
            servers.append(other)
        peer.recordings[recording()["RecordingSid"]] = (CALL, a_wav())
        post(other, "/hooks/twilio/voice/status", is_over("completed", 24, 20))
        until(lambda: any(one["recording_url"] for one in calls(other)))
        (item,) = calls(other)
        assert item["recording_url"].startswith(PUBLIC)
        sound = urllib.request.urlopen(other.url + item["recording_url"].removeprefix(PUBLIC), timeout=30)
        assert (sound.status, sound.headers["content-type"]) == (200, "audio/mpeg")
        sound.close()
        bad = urllib.request.Request(other.url + "/hooks/twilio/voice", data=urlencode(comes_in()).encode())
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(bad, timeout=30)
        assert refused.value.code == 403
        refused.value.close()
        assert len(calls(other)) == 1
        assert other.stop() == 0
    finally:
        for server in servers:
            if server.child.poll() is None:
                server.kill()
    assert TOKEN not in (tmp_path / "data" / "serve.log").read_text()
