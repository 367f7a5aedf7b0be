"""One browser and one server for a module of tests of the page.

The browser has a loop of its own in this thread, so it may not outlast them: the tests of other modules bring theirs.
"""

import asyncio
import http.server
import json
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import lameenc
import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.serving import Server
from switchhook.clock import SystemClock
from switchhook.events.catalogue import CATALOGUE
from switchhook.events.payloads import CallCompleted, IvrChoice, MessageType, SmsReceived, TransferParty
from switchhook.serving.installation import first_workspace
from switchhook.storage import text_files
from switchhook.storage.sqlite import SqliteStore
from switchhook.storage.store import Transaction
from switchhook.storage.text_files import TextFile
from switchhook.workspace.items import record

expect.set_options(timeout=30_000)

HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if shutil.which("chromium") is None and "CI" not in os.environ:
        pytest.skip("chromium is not installed")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers 200 to /good and 500 with something hostile to the rest."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b"" if self.path == "/good" else HOSTILE.encode()
        self.send_response(200 if self.path == "/good" else 500)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class House:
    """A server with two endpoints, a call, and something hostile in it."""

    server: Server
    data: Path
    receiver: str
    good: str
    bad: str
    asked: list[str] = field(default_factory=list)

    def publish(self, topic: str, **changed: Any) -> str:
        data = {**json.loads(CATALOGUE[topic].example), **changed}
        found: str = self.server.call("POST", "/v2/api/events", {"topic": topic, "data": data})["data"]["id"]
        return found


async def keep_calls(data: Path) -> None:
    """Three calls that are over before the server has the database: one with a recording of ours, one with a waveform
    beside it."""
    data.mkdir()
    store = SqliteStore(data / "switchhook.db")
    workspace = await first_workspace(store, SystemClock())
    (data / "recordings").mkdir()
    frames = encode_tone(data / "recordings" / "one.mp3")
    made = msgspec.json.decode(CATALOGUE["call.completed"].example, type=CallCompleted)
    ours = msgspec.structs.replace(
        made,
        id="cll_ours",
        recording_url="http://127.0.0.1/v1/assets/recordings/rec_page.mp3",
        ivr_result=[IvrChoice(dtmf_key="9", text_key="Again"), IvrChoice(dtmf_key="1", text_key=HOSTILE)],
        transfer_from=TransferParty(number=None, user_email="anna@harbour.example", user_name="Anna"),
        transfer_to=TransferParty(number="+33611111111", user_email=None, user_name=None),
        transfer_original_call_id="cll_drawn",
        data_collected={"account": "A-4711"},
    )
    theirs = msgspec.structs.replace(
        made, id="cll_theirs", summary=HOSTILE, recording_url="javascript:alert(1)"
    )
    for one in (ours, theirs):
        await store.run(lambda tx, one=one: record(tx, workspace.id, one, 0))  # type: ignore[misc]
    await store.run(
        lambda tx: tx.execute(
            "add_recording", workspace.id, "rec_page", "cll_ours", "recordings/one.mp3", frames, 1
        )
    )
    drawn = msgspec.structs.replace(
        made, id="cll_drawn", recording_url="http://127.0.0.1/v1/assets/recordings/rec_drawn.mp3"
    )
    await store.run(lambda tx: record(tx, workspace.id, drawn, 0))
    seconds = encode_tone(data / "recordings" / "two.mp3")
    sides = bytes(value for n in range(400) for value in (n % 200, 60 if n > 200 else 0))
    (data / "recordings" / "two.peaks").write_bytes(sides)
    await store.run(
        lambda tx: tx.execute(
            "add_recording", workspace.id, "rec_drawn", "cll_drawn", "recordings/two.mp3", seconds, 1
        )
    )
    await keep_picture_message(store, workspace.id, data)
    await store.close()


async def keep_picture_message(store: SqliteStore, workspace: str, data: Path) -> None:
    """A text with a picture, what is no picture, a sound, a card, and a file that is not here yet."""
    made = msgspec.json.decode(CATALOGUE["sms.received"].example, type=SmsReceived)
    text = msgspec.structs.replace(made, id="msg_files", type=MessageType.MMS, content="See here")
    await store.run(lambda tx: record(tx, workspace, text, 0))
    contents = {
        "image/png": PICTURE,
        "image/jpeg": b"no picture",
        "audio/mpeg": (data / "recordings" / "one.mp3").read_bytes(),
        "text/vcard": b"BEGIN:VCARD",
        "application/pdf": None,
    }

    for position, (type_, content) in enumerate(contents.items()):
        id_ = f"fil_{position}"
        file = TextFile(id_, "msg_files", f"ME{position}", type_, None, None, 0)

        async def keep(tx: Transaction, file: TextFile = file, at: int = position) -> None:
            await text_files.add(tx, workspace, file, position=at, now=0)

        await store.run(keep)
        if content is not None:
            path = f"recordings/{id_}"
            (data / path).write_bytes(content)

            async def here(
                tx: Transaction, id_: str = id_, path: str = path, size: int = len(content)
            ) -> None:
                await text_files.kept(tx, workspace, id_, path, size)

            await store.run(here)


def png(width: int, height: int) -> bytes:
    """A red picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = (b"\0" + b"\xff\0\0" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


PICTURE = png(40, 30)


def encode_tone(path: Path) -> float:
    """Twenty seconds of silence as MP3; how long it is."""
    encoder = lameenc.Encoder()
    encoder.set_bit_rate(32)
    encoder.set_in_sample_rate(8_000)
    encoder.set_channels(1)
    encoder.silence()
    path.write_bytes(bytes(encoder.encode(b"\0\0" * 8_000 * 20)) + bytes(encoder.flush()))
    return 20.0


@pytest.fixture(scope="module")
def settings() -> str:
    """What stands in the server's settings file. A module may have another one."""
    return ""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, settings: str) -> Iterator[House]:
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    folder: Path = tmp_path_factory.mktemp("page")
    asyncio.run(keep_calls(folder / "data"))
    (folder / "data" / "empty.toml").write_text(settings)
    server = Server(folder / "data", retry_schedule="0")
    url = f"http://127.0.0.1:{receiver.server_address[1]}"
    made = [
        server.call(
            "POST",
            "/v2/api/webhooks",
            {
                "url": f"{url}/{path}",
                "topics": ["call.received", "call.completed", "sms.received"],
                "description": text,
            },
        )["data"]["id"]
        for path, text in (("good", "CRM"), ("bad", f"Help desk {HOSTILE}"))
    ]
    home = House(server, folder / "data", url, *made)
    home.publish("call.completed")
    home.publish("sms.received", content=HOSTILE)
    yield home
    home.server.stop()  # a test may have put another one in its place
    receiver.shutdown()
    receiver.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _nothing_foreign(house: House) -> Iterator[None]:
    """No test may make the page ask another host."""
    house.asked.clear()
    yield
    own = urlsplit(house.server.url).netloc
    assert {urlsplit(one).netloc for one in house.asked} <= {own}


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[Browser]:
    """After the house, which is made in a loop of its own."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        yield found
        found.close()


def opened(browser: Browser, house: House, **options: Any) -> Page:
    """A page in a context of its own, that notes what it asks of other hosts and what goes wrong on it."""
    context = browser.new_context(locale=options.pop("locale", "en-GB"), **options)
    context.set_default_timeout(30_000)  # a busy machine is slow, above all at starting to play
    page = context.new_page()
    page.on("request", lambda request: house.asked.append(request.url))
    page.on("pageerror", lambda error: pytest.fail(f"the page failed: {error}"))
    return page


def sign_in(page: Page, house: House, key: str | None = None) -> None:
    page.goto(f"{house.server.url}/dashboard")
    page.get_by_label("API key").fill(key or house.server.key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation").wait_for()


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    made = opened(browser, house)
    sign_in(made, house)
    yield made
    made.context.close()
